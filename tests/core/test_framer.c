#include "framers.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* --- which there are --- */

/* A command for each framer, and a frame of a device where the command's own is none that a device would send. */
static const struct {
    const char *name;
    const char *fields[FRAMER_FIELDS_MAX];
    const char *body;
    const char *from_device; /* hex */
} samples[] = {
    {"bce", {"868324024760634"}, "\x41\x0A\xFF", NULL},
    {"castel", {"AAAAAAAAAA", "4583"}, "\x01", NULL},
    {"cellocator", {"331", "28", "6edfdddd"}, "0123456789", "4d434750094b010000000005000278794d"},
    {"eelink", {"tcp", "1", "7", "123456789012345"}, "RELAY,1#", NULL},
    {"galileosky", {"123456789012345", "0", "1"}, "status", NULL},
    {"gt06", {"1", "2"}, "RELAY,1#", NULL},
    {"huasheng", {"1"}, "\x01", NULL},
    {"iotm", {"123456789012345"}, "\x01\x02", NULL},
    {"jt808", {"8105", "0b3a73ce2ff2", "32126"}, "\xF0", NULL},
    {"meiligao", {"12345678901234", "16661"}, "\x01", "2424001113612345678fff500005d80d0a"},
    {"navtelecom", {"0", "1"}, "*!1Y", NULL},
    {"pst", {"1", "2", "tcp"}, "\x06\x01", NULL},
    {"ruptela", {"108"}, " setio 2,1", NULL},
    {"sparkplug", {"1"}, "out=1\n", NULL},
    {"teltonika", {"codec12", ""}, "setdigout 11", NULL},
};

Test(framer, each_is_found_by_its_name)
{
    cr_assert_eq(framer_count(), COUNT(samples));
    for (size_t i = 0; i < COUNT(samples); i++) {
        const struct framer *framer = framer_by_name(samples[i].name);

        cr_assert_not_null(framer, "%s", samples[i].name);
        cr_expect_str_eq(framer->name, samples[i].name);
        cr_expect_eq(framer, framer_at(i));
        cr_expect_not_null(framer->wrap);
        cr_expect_not_null(framer->find);
    }
}

Test(framer, another_name_is_none)
{
    static const char *const names[] = {"", "jt80", "jt8080", "JT808", "jt808 ", "none"};

    for (size_t i = 0; i < COUNT(names); i++)
        cr_expect_null(framer_by_name(names[i]), "'%s'", names[i]);
}

Test(framer, its_fields_have_names_of_their_own)
{
    for (size_t i = 0; i < framer_count(); i++) {
        const char *const *fields = framer_at(i)->fields;
        size_t count = 0;

        for (; fields[count]; count++) {
            for (size_t k = 0; k < count; k++)
                cr_expect_str_neq(fields[count], fields[k], "%s", framer_at(i)->name);
            cr_expect_not_null(samples[i].fields[count], "%s has no %s here", samples[i].name, fields[count]);
        }
        cr_expect(count > 0 && count <= FRAMER_FIELDS_MAX, "%s", framer_at(i)->name);
    }
}

static const char *wrap_sample(size_t i, const char *const fields[], struct buffer *out)
{
    struct bytes texts[FRAMER_FIELDS_MAX] = {0};

    for (size_t k = 0; k < FRAMER_FIELDS_MAX; k++)
        texts[k] = bytes_of_text(fields[k] ? fields[k] : "");
    return framer_at(i)->wrap(texts, bytes_of_text(samples[i].body), out);
}

/* The error names the field, as the registry's messages need it. */
Test(framer, an_empty_field_is_refused_by_name_and_nothing_is_appended)
{
    for (size_t i = 0; i < framer_count(); i++) {
        const char *const nothing[FRAMER_FIELDS_MAX] = {NULL};
        const char *first = framer_at(i)->fields[0];
        struct buffer out = {0};
        const char *error;

        buffer_put_text(&out, "xy");
        error = wrap_sample(i, nothing, &out);
        cr_assert_not_null(error, "%s", samples[i].name);
        cr_expect(strncmp(error, first, strlen(first)) == 0 && error[strlen(first)] == ':', "%s", error);
        cr_expect(bytes_equal_text(buffer_bytes(&out), "xy"), "%s", samples[i].name);
        buffer_release(&out);
    }
}

Test(framer, a_command_is_appended_to_what_is_there)
{
    for (size_t i = 0; i < framer_count(); i++) {
        struct buffer alone = {0};
        struct buffer behind = {0};

        buffer_put_text(&behind, "xy");
        cr_assert_null(wrap_sample(i, samples[i].fields, &alone), "%s", samples[i].name);
        cr_assert_null(wrap_sample(i, samples[i].fields, &behind), "%s", samples[i].name);
        cr_expect(alone.len > 0 && behind.len == alone.len + 2, "%s", samples[i].name);
        cr_expect(memcmp(behind.data, "xy", 2) == 0 && memcmp(behind.data + 2, alone.data, alone.len) == 0, "%s",
                  samples[i].name);
        buffer_release(&alone);
        buffer_release(&behind);
    }
}

/* --- what every find() promises --- */

/* The input ends where its memory does, so that AddressSanitizer sees a read beyond. */
static struct frame_found look(const struct framer *framer, struct bytes input)
{
    uint8_t *exact = malloc(input.len);
    struct buffer line = {0};
    struct frame_found found;

    memcpy(exact, input.data, input.len);
    buffer_put_text(&line, "xy");
    found = framer->find(bytes_of(exact, input.len), &line);
    free(exact);
    cr_assert(line.len >= 2 && memcmp(line.data, "xy", 2) == 0, "%s", framer->name);
    cr_assert(line.len == 2 || found.verdict == FRAME_GOOD, "%s", framer->name);
    if (found.verdict == FRAME_PARTIAL)
        cr_assert(found.used == 0 && input.len <= FRAMER_FRAME_MAX, "%s: %zu", framer->name, input.len);
    else
        cr_assert(found.used > 0 && found.used <= input.len, "%s: %zu", framer->name, found.used);
    buffer_release(&line);
    return found;
}

static void read_all(const struct framer *framer, struct bytes input)
{
    while (input.len) {
        struct frame_found found = look(framer, input);

        if (found.verdict == FRAME_PARTIAL)
            return;
        input = bytes_of(input.data + found.used, input.len - found.used);
    }
}

static struct bytes device_frame(size_t i, uint8_t out[FRAMER_FRAME_MAX])
{
    struct buffer frame = {0};
    size_t len;

    if (samples[i].from_device) {
        len = strlen(samples[i].from_device) / 2;
        cr_assert(bytes_from_hex(bytes_of_text(samples[i].from_device), out, len));
        return bytes_of(out, len);
    }
    cr_assert_null(wrap_sample(i, samples[i].fields, &frame));
    len = frame.len;
    cr_assert(len <= FRAMER_FRAME_MAX);
    memcpy(out, frame.data, len);
    buffer_release(&frame);
    return bytes_of(out, len);
}

Test(framer, a_right_frame_is_good_as_a_whole)
{
    for (size_t i = 0; i < framer_count(); i++) {
        uint8_t bytes[FRAMER_FRAME_MAX];
        struct bytes frame = device_frame(i, bytes);
        struct frame_found found = look(framer_at(i), frame);

        cr_expect_eq(found.verdict, FRAME_GOOD, "%s", samples[i].name);
        cr_expect_eq(found.used, frame.len, "%s", samples[i].name);
    }
}

/* The same numbers in every run. */
static uint32_t dice(uint32_t *state, uint32_t sides)
{
    *state = *state * 1664525 + 1013904223;
    return (*state >> 8) % sides;
}

static void read_damaged(size_t i, uint32_t *state)
{
    uint8_t frame[FRAMER_FRAME_MAX];
    struct bytes whole = device_frame(i, frame);
    uint8_t input[2 * FRAMER_FRAME_MAX];
    size_t len = 2 * whole.len;

    memcpy(input, whole.data, whole.len);
    memcpy(input + whole.len, whole.data, whole.len);
    for (uint32_t changes = dice(state, 4); changes > 0; changes--)
        input[dice(state, (uint32_t)whole.len)] = (uint8_t)dice(state, 256);
    read_all(framer_at(i), bytes_of(input, len - dice(state, (uint32_t)len)));
}

Test(framer, whatever_is_damaged_is_read_to_its_end)
{
    uint32_t state = 1;

    for (size_t i = 0; i < framer_count(); i++) {
        for (int round = 0; round < 3000; round++)
            read_damaged(i, &state);
    }
}

Test(framer, noise_is_read_to_its_end)
{
    uint32_t state = 2;

    for (size_t i = 0; i < framer_count(); i++) {
        for (int round = 0; round < 300; round++) {
            uint8_t noise[200];

            for (size_t k = 0; k < sizeof noise; k++)
                noise[k] = (uint8_t)dice(&state, 256);
            read_all(framer_at(i), bytes_of(noise, 1 + dice(&state, sizeof noise)));
        }
    }
}

/* The beginning of a frame, then more than a frame can hold: nobody may wait for its end. */
Test(framer, nothing_longer_than_a_frame_is_waited_for)
{
    static const uint8_t fillings[] = {0x00, 0x01, 0x30, 0x7F, 0xFF};

    for (size_t i = 0; i < framer_count(); i++) {
        for (size_t k = 0; k < COUNT(fillings); k++) {
            uint8_t frame[FRAMER_FRAME_MAX];
            struct bytes whole = device_frame(i, frame);
            uint8_t input[FRAMER_FRAME_MAX + 1];

            for (size_t keep = 1; keep < whole.len; keep++) {
                memset(input, fillings[k], sizeof input);
                memcpy(input, whole.data, keep);
                cr_assert_neq(look(framer_at(i), bytes_of(input, sizeof input)).verdict, FRAME_PARTIAL);
            }
        }
    }
}

/* --- what they share --- */

static void expect_number(const char *text, uint64_t max, uint64_t expected)
{
    uint64_t value;

    cr_expect(field_number(bytes_of_text(text), max, &value) && value == expected, "%s", text);
}

Test(framer, a_number_goes_up_to_its_maximum_and_no_further)
{
    static const struct {
        const char *text;
        uint64_t max;
    } too_large[] = {
        {"1", 0},
        {"6", 5},
        {"10", 5},
        {"256", 255},
        {"300", 255},
        {"1000", 255},
        {"65536", 65535},
        {"4294967296", UINT32_MAX},
        {"18446744073709551615", UINT64_MAX - 1},
        {"18446744073709551616", UINT64_MAX},
        {"18446744073709551620", UINT64_MAX},
        {"99999999999999999999", UINT64_MAX},
        {"184467440737095516150", UINT64_MAX},
    };
    uint64_t value;

    expect_number("0", 0, 0);
    expect_number("5", 5, 5);
    expect_number("255", 255, 255);
    expect_number("007", 255, 7);
    expect_number("4294967295", UINT32_MAX, UINT32_MAX);
    expect_number("18446744073709551614", UINT64_MAX - 1, UINT64_MAX - 1);
    expect_number("18446744073709551615", UINT64_MAX, UINT64_MAX);
    for (size_t i = 0; i < COUNT(too_large); i++)
        cr_expect_not(field_number(bytes_of_text(too_large[i].text), too_large[i].max, &value), "%s",
                      too_large[i].text);
}

Test(framer, a_number_is_decimal_digits_and_nothing_else)
{
    static const char *const texts[] = {"", "-1", "+1", " 1", "1 ", "1x", "0x1", "1.0", "/", ":", "\xB1"};
    uint64_t value;

    for (size_t i = 0; i < COUNT(texts); i++)
        cr_expect_not(field_number(bytes_of_text(texts[i]), 1000, &value), "'%s'", texts[i]);
    cr_expect_not(field_number(bytes_of("1\0", 2), 1000, &value));
}

static void expect_bcd(const char *text, size_t digits, const char *expected, size_t len)
{
    uint8_t out[8] = {0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55};

    cr_assert(field_bcd(bytes_of_text(text), digits, out), "%s", text);
    cr_expect_eq(memcmp(out, expected, len), 0, "%s", text);
    cr_expect_eq(out[len], 0x55, "%s", text);
}

Test(framer, digits_are_packed_two_to_a_byte)
{
    expect_bcd("123456", 6, "\x12\x34\x56", 3);
    expect_bcd("12345", 5, "\x01\x23\x45", 3);
    expect_bcd("9", 1, "\x09", 1);
    expect_bcd("00", 2, "\x00", 1);
    expect_bcd("90", 2, "\x90", 1);
}

Test(framer, packed_digits_must_be_digits_and_as_many_as_are_asked_for)
{
    static const char *const texts[] = {"", "12345", "1234567", "12345/", "12345:", "12345a", " 23456", "-23456"};
    uint8_t out[8];

    for (size_t i = 0; i < COUNT(texts); i++)
        cr_expect_not(field_bcd(bytes_of_text(texts[i]), 6, out), "'%s'", texts[i]);
}

Test(framer, numbers_are_read_from_either_end)
{
    static const uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0xF8};

    cr_expect_eq(read_be(bytes, 0), 0);
    cr_expect_eq(read_be(bytes, 1), 1);
    cr_expect_eq(read_be(bytes, 2), 0x0102);
    cr_expect_eq(read_be(bytes, 8), UINT64_C(0x01020304050607F8));
    cr_expect_eq(read_le(bytes, 0), 0);
    cr_expect_eq(read_le(bytes, 1), 1);
    cr_expect_eq(read_le(bytes, 4), 0x04030201);
    cr_expect_eq(read_le(bytes, 8), UINT64_C(0xF807060504030201));
}

Test(framer, numbers_and_hex_are_appended)
{
    struct buffer out = {0};

    put_le(&out, UINT64_C(0x1122334455667788), 2);
    put_le(&out, UINT64_C(0x1122334455667788), 8);
    cr_expect(bytes_equal(buffer_bytes(&out), bytes_of("\x88\x77\x88\x77\x66\x55\x44\x33\x22\x11", 10)));
    buffer_clear(&out);
    put_hex(&out, bytes_of("\x00\xAB", 2));
    put_hex(&out, bytes_of(NULL, 0));
    put_hex(&out, bytes_of("\xFF", 1));
    cr_expect(bytes_equal_text(buffer_bytes(&out), "00abff"));
    buffer_release(&out);
}

Test(framer, a_part_of_a_start_may_become_one)
{
    struct bytes start = bytes_of_text("@NTC");

    cr_expect(frame_may_start(bytes_of_text("@"), start));
    cr_expect(frame_may_start(bytes_of_text("@NT"), start));
    cr_expect(frame_may_start(bytes_of_text("@NTC"), start));
    cr_expect(frame_may_start(bytes_of_text("@NTC..."), start));
    cr_expect_not(frame_may_start(bytes_of_text("N"), start));
    cr_expect_not(frame_may_start(bytes_of_text("@X"), start));
    cr_expect_not(frame_may_start(bytes_of_text("@NTX"), start));
}

Test(framer, garbage_ends_where_a_frame_may_begin)
{
    static const struct {
        const char *input;
        size_t used;
    } cases[] = {{"x", 1},     {"@", 1},     {"xyz", 3},   {"@NTX", 4},  {"x@NTC", 1},
                 {"xy@NT", 2}, {"@NT@N", 3}, {"@@NTC", 1}, {"@N@X@", 4}, {"x@x@NTC@NTC", 3}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct frame_found found = frame_garbage_until(bytes_of_text(cases[i].input), bytes_of_text("@NTC"));

        cr_expect_eq(found.verdict, FRAME_GARBAGE, "%s", cases[i].input);
        cr_expect_eq(found.used, cases[i].used, "%s: %zu", cases[i].input, found.used);
    }
}
