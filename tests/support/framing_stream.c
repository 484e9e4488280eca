#include "support/framing_stream.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct bytes bytes_of_hex(const char *hex)
{
    size_t len = strlen(hex) / 2;
    uint8_t *data = malloc(len + !len);

    cr_assert(data && bytes_from_hex(bytes_of_text(hex), data, len), "%s", hex);
    return bytes_of(data, len);
}

void expect_stream(struct bytes input, const char *expected)
{
    struct buffer seen = {0};
    bool was_garbage = false;

    while (input.len > 0) {
        struct buffer line = {0};
        struct frame_found found = framing_find(input, &line);

        if (found.verdict == FRAME_GOOD)
            buffer_put_u8(&seen, '|');
        else if (found.verdict == FRAME_PARTIAL)
            buffer_put_u8(&seen, '+');
        else if (!was_garbage)
            buffer_put_u8(&seen, '~');
        was_garbage = found.verdict == FRAME_GARBAGE;
        buffer_put(&seen, buffer_bytes(&line));
        buffer_release(&line);
        if (found.verdict == FRAME_PARTIAL)
            break;
        input = bytes_of(input.data + found.used, input.len - found.used);
    }
    cr_expect(bytes_equal_text(buffer_bytes(&seen), expected), "%.*s, not %s", (int)seen.len, (const char *)seen.data,
              expected);
    buffer_release(&seen);
}

void expect_hex_stream(const char *hex, const char *expected)
{
    struct bytes input = bytes_of_hex(hex);

    expect_stream(input, expected);
    free((void *)(uintptr_t)input.data);
}

void expect_wrapped(const char *const *fields, struct bytes body, const char *expected)
{
    struct bytes texts[FRAMER_FIELDS_MAX];
    struct buffer out = {0};
    struct buffer hex = {0};
    const char *error;

    for (size_t i = 0; framing->fields[i]; i++)
        texts[i] = bytes_of_text(fields[i]);
    buffer_put_text(&out, "before");
    error = framing->wrap(texts, body, &out);
    cr_expect(memcmp(out.data, "before", 6) == 0);
    bytes_to_hex(bytes_of(out.data + 6, out.len - 6), (char *)buffer_room(&hex, 2 * out.len));
    cr_expect_str_eq(error ? error : (const char *)hex.data, expected);
    cr_expect(!error || out.len == 6, "%s, and %zu bytes appended", error, out.len - 6);
    buffer_release(&out);
    buffer_release(&hex);
}

void expect_beginnings_partial(const struct framing_sample *frames, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct bytes frame = bytes_of_hex(frames[i].hex);

        for (size_t len = 1; len < frame.len; len++) {
            struct buffer line = {0};

            cr_expect_eq(framing_find(bytes_of(frame.data, len), &line).verdict, FRAME_PARTIAL, "frame %zu, %zu bytes",
                         i, len);
        }
        free((void *)(uintptr_t)frame.data);
    }
}

void expect_bits_to_count(const struct framing_sample *frames, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct bytes frame = bytes_of_hex(frames[i].hex);
        uint8_t *data = (uint8_t *)(uintptr_t)frame.data;

        for (size_t bit = 0; bit < 8 * frame.len; bit++) {
            struct buffer line = {0};

            data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            cr_expect_neq(framing_find(frame, &line).verdict, FRAME_GOOD, "frame %zu, byte %zu", i, bit / 8);
            data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        free(data);
    }
}

void expect_no_read_beyond(const struct framing_sample *frames, size_t count)
{
    uint32_t seed = 1;
    uint8_t input[96] = {0};

    for (int round = 0; round < 20000; round++) {
        struct bytes frame = bytes_of_hex(frames[(size_t)round % count].hex);
        size_t len = frame.len < sizeof input ? frame.len : sizeof input;
        struct buffer line = {0};

        memcpy(input, frame.data, len);
        for (int i = 0; i < 3; i++) {
            seed = seed * 1664525 + 1013904223;
            input[(seed >> 8) % sizeof input] = (uint8_t)(seed >> 24);
        }
        framing_find(bytes_of(input, 1 + (seed >> 16) % sizeof input), &line);
        buffer_release(&line);
        free((void *)(uintptr_t)frame.data);
    }
}
