#include "support/framing_reading.h"

#include <criterion/criterion.h>

struct bytes unhex(const char *hex, uint8_t out[BYTES_MAX])
{
    size_t len = strlen(hex) / 2;

    cr_assert(len <= BYTES_MAX && bytes_from_hex(bytes_of_text(hex), out, len), "%s", hex);
    return bytes_of(out, len);
}

enum frame_verdict verdict(struct bytes input)
{
    struct buffer line = {0};
    enum frame_verdict verdict = framing_find(input, &line).verdict;

    cr_assert(verdict == FRAME_GOOD || line.len == 0);
    buffer_release(&line);
    return verdict;
}

void expect_reading(struct bytes input, const char *expected)
{
    struct buffer text = {0};

    while (input.len) {
        struct frame_found found = framing_find(input, &text);

        cr_assert(found.used <= input.len);
        if (found.verdict == FRAME_GARBAGE)
            buffer_printf(&text, "!%zu", found.used);
        buffer_put_text(&text, found.verdict == FRAME_PARTIAL ? "..." : "\n");
        if (found.verdict == FRAME_PARTIAL)
            break;
        cr_assert(found.used > 0);
        input = bytes_of(input.data + found.used, input.len - found.used);
    }
    buffer_put_u8(&text, 0);
    cr_expect_str_eq((const char *)text.data, expected);
    buffer_release(&text);
}

void expect_hex_reading(const char *hex, const char *expected)
{
    uint8_t bytes[BYTES_MAX];

    expect_reading(unhex(hex, bytes), expected);
}

const char *wrap_texts(const char *const fields[], struct bytes body, struct buffer *out)
{
    struct bytes texts[FRAMER_FIELDS_MAX];

    for (size_t i = 0; framing->fields[i]; i++)
        texts[i] = bytes_of_text(fields[i]);
    return framing->wrap(texts, body, out);
}

void expect_frame(const char *const fields[], const char *body_hex, const char *expected_hex)
{
    uint8_t body[BYTES_MAX];
    struct buffer out = {0};
    char hex[2 * BYTES_MAX + 1];

    buffer_put_text(&out, "xy");
    cr_expect_null(wrap_texts(fields, unhex(body_hex, body), &out), "%s", expected_hex);
    cr_assert(out.len >= 2 && memcmp(out.data, "xy", 2) == 0);
    bytes_to_hex(bytes_of(out.data + 2, out.len - 2), hex);
    cr_expect_str_eq(hex, expected_hex);
    buffer_release(&out);
}

void expect_refusal(const char *const fields[], size_t body_len, const char *error)
{
    static const uint8_t zeros[BYTES_MAX];
    struct buffer out = {0};
    const char *said;

    buffer_put_text(&out, "xy");
    said = wrap_texts(fields, bytes_of(zeros, body_len), &out);
    cr_expect_str_eq(said ? said : "nothing", error);
    cr_expect(bytes_equal_text(buffer_bytes(&out), "xy"));
    buffer_release(&out);
}

void expect_truncations_partial(const char *hex)
{
    uint8_t bytes[BYTES_MAX];
    struct bytes frame = unhex(hex, bytes);

    for (size_t len = 1; len < frame.len; len++)
        cr_expect_eq(verdict(bytes_of(frame.data, len)), FRAME_PARTIAL, "%zu bytes of %s", len, hex);
    cr_expect_eq(verdict(frame), FRAME_GOOD);
}

void expect_damage_seen(const char *hex, size_t first)
{
    uint8_t bytes[BYTES_MAX];
    struct bytes frame = unhex(hex, bytes);

    for (size_t at = first; at < frame.len; at++) {
        for (unsigned change = 1; change < 256; change++) {
            bytes[at] ^= (uint8_t)change;
            cr_expect_neq(verdict(frame), FRAME_GOOD, "byte %zu of %s, changed by %02x", at, hex, change);
            bytes[at] ^= (uint8_t)change;
        }
    }
}
