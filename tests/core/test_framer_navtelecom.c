#include "core/framer.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(framer_navtelecom, .timeout = 60);

/* --- what the tests stand on --- */

static const struct framer *framer(void)
{
    return framer_by_name("navtelecom");
}

/* The bytes behind these hex digits, exactly as many as malloc() gave, so that a read beyond them is seen. */
static struct bytes bytes_of_hex(const char *hex)
{
    size_t len = strlen(hex) / 2;
    uint8_t *data = malloc(len + !len);

    cr_assert(data && bytes_from_hex(bytes_of_text(hex), data, len), "%s", hex);
    return bytes_of(data, len);
}

static struct frame_found find(struct bytes input, struct buffer *line)
{
    uint8_t *exact = malloc(input.len);
    size_t before = line->len;
    struct frame_found found;

    cr_assert(exact);
    memcpy(exact, input.data, input.len);
    found = framer()->find(bytes_of(exact, input.len), line);
    free(exact);
    cr_assert_leq(found.used, input.len);
    cr_assert_eq(found.used == 0, found.verdict == FRAME_PARTIAL);
    cr_assert(found.verdict == FRAME_GOOD || line->len == before);
    cr_assert(found.verdict != FRAME_PARTIAL || input.len < FRAMER_FRAME_MAX);
    return found;
}

/* What a stream holds: every line behind a '|', a '~' for a run of garbage, a '+' for the beginning of a frame. */
static void expect_stream(struct bytes input, const char *expected)
{
    struct buffer seen = {0};
    bool was_garbage = false;

    while (input.len > 0) {
        struct buffer line = {0};
        struct frame_found found = find(input, &line);

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

static void expect_hex_stream(const char *hex, const char *expected)
{
    struct bytes input = bytes_of_hex(hex);

    expect_stream(input, expected);
    free((void *)(uintptr_t)input.data);
}

/* The frame in hex, or the error. */
static void expect_wrapped(const char *const *fields, struct bytes body, const char *expected)
{
    struct bytes texts[FRAMER_FIELDS_MAX];
    struct buffer out = {0};
    struct buffer hex = {0};
    const char *error;

    for (size_t i = 0; framer()->fields[i]; i++)
        texts[i] = bytes_of_text(fields[i]);
    buffer_put_text(&out, "before");
    error = framer()->wrap(texts, body, &out);
    cr_expect(memcmp(out.data, "before", 6) == 0);
    bytes_to_hex(bytes_of(out.data + 6, out.len - 6), (char *)buffer_room(&hex, 2 * out.len));
    cr_expect_str_eq(error ? error : (const char *)hex.data, expected);
    cr_expect(!error || out.len == 6, "%s, and %zu bytes appended", error, out.len - 6);
    buffer_release(&out);
    buffer_release(&hex);
}

/* --- frames --- */

/* Of Traccar's NavisProtocolDecoderTest, of Navtelecom's wiki, and of our own. */
static const struct {
    const char *hex;
    const char *line;
} frames[] = {
    {"404e5443010000007b000000130044342a3e533a383631373835303035323035303739", "1 123 *>S:861785005205079"},
    {"404e544301000000c9b5f602130046c52a3e533a383639363936303439373232383235", "1 49722825 *>S:869696049722825"},
    {"404e544301000000000000000e0006102a405345544f5554204f4b2c3159", "1 0 *@SETOUT OK,1Y"},
    {"404e5443ffffffffffffffff0200706b2a5a", "4294967295 4294967295 *Z"},
    /* commands, as they go out */
    {"404e544300000000010000000b004f5c2a215345544f5554203159", "0 1 *!SETOUT 1Y"},
    {"404e544300000000010000000400637f2a213159", "0 1 *!1Y"},
    /* nothing, which keeps the connection alive */
    {"404e5443010000000000000000000018", "1 0 "},
    /* binary */
    {"404e544301000000aaecf6021300c8712a3e464c4558b00a0a45ffff300a08080f8388",
     "1 49736874 *>FLEX\xB0\n\nE\xFF\xFF\x30\n\b\b\x0F\x83\x88"},
};

Test(framer_navtelecom, each_frame_becomes_a_line)
{
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct bytes frame = bytes_of_hex(frames[i].hex);
        struct buffer line = {0};
        struct frame_found found = find(frame, &line);

        cr_expect_eq(found.verdict, FRAME_GOOD, "frame %zu", i);
        cr_expect_eq(found.used, frame.len, "frame %zu", i);
        cr_expect(bytes_equal_text(buffer_bytes(&line), frames[i].line), "%.*s, not %s", (int)line.len,
                  (const char *)line.data, frames[i].line);
        buffer_release(&line);
        free((void *)(uintptr_t)frame.data);
    }
}

Test(framer_navtelecom, commands_are_framed)
{
    static const struct {
        const char *const fields[2];
        const char *text;
        const char *hex;
    } cases[] = {
        {{"0", "1"}, "*!SETOUT 1Y", "404e544300000000010000000b004f5c2a215345544f5554203159"},
        {{"0", "1"}, "*!1Y", "404e544300000000010000000400637f2a213159"},
        {{"4294967295", "16909060"}, "*!SETOUT 1Y,2N", "404e5443ffffffff040302010e001f0c2a215345544f55542031592c324e"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_wrapped(cases[i].fields, bytes_of_text(cases[i].text), cases[i].hex);
}

Test(framer_navtelecom, what_does_not_fit_is_refused)
{
    static const struct {
        const char *const fields[2];
        const char *error;
    } cases[] = {
        {{"", "1"}, "receiver: must be 0 to 4294967295"},
        {{"4294967296", "1"}, "receiver: must be 0 to 4294967295"},
        {{"a", "1"}, "receiver: must be 0 to 4294967295"},
        {{"0", ""}, "sender: must be 0 to 4294967295"},
        {{"0", "4294967296"}, "sender: must be 0 to 4294967295"},
    };
    static const char *const good[] = {"0", "1"};
    uint8_t body[2033] = {0};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_wrapped(cases[i].fields, bytes_of_text("*!1Y"), cases[i].error);
    expect_wrapped(good, bytes_of(NULL, 0), "body: must be 1 to 2032 bytes");
    expect_wrapped(good, bytes_of(body, sizeof body), "body: must be 1 to 2032 bytes");
}

Test(framer_navtelecom, the_longest_command_is_a_frame)
{
    const struct bytes fields[] = {bytes_of_text("0"), bytes_of_text("1")};
    uint8_t body[2032] = {0};
    struct buffer out = {0};
    struct buffer line = {0};

    cr_assert_null(framer()->wrap(fields, bytes_of(body, sizeof body), &out));
    cr_expect_eq(out.len, FRAMER_FRAME_MAX);
    cr_expect_eq(find(buffer_bytes(&out), &line).verdict, FRAME_GOOD);
    buffer_release(&out);
    buffer_release(&line);
}

/* --- streams --- */

Test(framer_navtelecom, frames_are_found_one_behind_the_other_and_behind_garbage)
{
    static const struct {
        const char *hex;
        const char *seen;
    } cases[] = {
        /* two */
        {"404e544301000000000000000e0006102a405345544f5554204f4b2c3159404e544301000000000000000e0006102a405345544f55542"
         "04f4b2c3159",
         "|1 0 *@SETOUT OK,1Y|1 0 *@SETOUT OK,1Y"},
        /* a text before it */
        {"68656c6c6f404e544301000000000000000e0006102a405345544f5554204f4b2c3159", "~|1 0 *@SETOUT OK,1Y"},
        /* a sign of life before it */
        {"7f404e544301000000000000000e0006102a405345544f5554204f4b2c3159", "~|1 0 *@SETOUT OK,1Y"},
        /* a record before it */
        {"7e54040000000400000030129957405c000b00404e544301000000000000000e0006102a405345544f5554204f4b2c3159",
         "~|1 0 *@SETOUT OK,1Y"},
        /* another start */
        {"40404e544301000000000000000e0006102a405345544f5554204f4b2c3159", "~|1 0 *@SETOUT OK,1Y"},
        {"404e54404e544301000000000000000e0006102a405345544f5554204f4b2c3159", "~|1 0 *@SETOUT OK,1Y"},
        /* a wrong sum of the body before it */
        {"404e544301000000000000000e0006102a405345544f5554204f4b2c315a404e544301000000000000000e0006102a405345544f55542"
         "04f4b2c3159",
         "~|1 0 *@SETOUT OK,1Y"},
        /* a wrong sum of the header before it */
        {"404e544301000000000000000e0006112a405345544f5554204f4b2c3159404e544301000000000000000e0006102a405345544f55542"
         "04f4b2c3159",
         "~|1 0 *@SETOUT OK,1Y"},
        /* a length beyond all frames */
        {"404e54430100000000000000f10700ee404e544301000000000000000e0006102a405345544f5554204f4b2c3159",
         "~|1 0 *@SETOUT OK,1Y"},
        {"404e54430100000000000000ffff0018404e544301000000000000000e0006102a405345544f5554204f4b2c3159",
         "~|1 0 *@SETOUT OK,1Y"},
        /* a wrong sum of the header is seen before the body is there */
        {"404e544301000000000000000e000611404e5443010000000000", "~+"},
        /* the beginning of another one */
        {"404e544301000000000000000e0006102a405345544f5554204f4b2c3159404e544301000000000000000e0006",
         "|1 0 *@SETOUT OK,1Y+"},
        {"404e544301000000000000000e0006102a405345544f5554204f4b2c3159ff", "|1 0 *@SETOUT OK,1Y~"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_hex_stream(cases[i].hex, cases[i].seen);
}

Test(framer_navtelecom, a_frame_may_be_as_long_as_any)
{
    expect_hex_stream("404e54430100000000000000f00700ef", "+");
}

/* --- whatever comes in --- */

Test(framer_navtelecom, every_beginning_of_a_frame_is_partial)
{
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct bytes frame = bytes_of_hex(frames[i].hex);

        for (size_t len = 1; len < frame.len; len++) {
            struct buffer line = {0};

            cr_expect_eq(find(bytes_of(frame.data, len), &line).verdict, FRAME_PARTIAL, "frame %zu, %zu bytes", i, len);
        }
        free((void *)(uintptr_t)frame.data);
    }
}

Test(framer_navtelecom, a_frame_with_one_wrong_bit_is_none)
{
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct bytes frame = bytes_of_hex(frames[i].hex);
        uint8_t *data = (uint8_t *)(uintptr_t)frame.data;

        for (size_t bit = 0; bit < 8 * frame.len; bit++) {
            struct buffer line = {0};

            data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            cr_expect_neq(find(frame, &line).verdict, FRAME_GOOD, "frame %zu, byte %zu", i, bit / 8);
            data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        free(data);
    }
}

/* find() itself asserts what holds for every input. */
Test(framer_navtelecom, no_input_makes_it_read_beyond_its_end)
{
    uint32_t seed = 1;
    uint8_t input[96] = {0};

    for (int round = 0; round < 20000; round++) {
        struct bytes frame = bytes_of_hex(frames[(size_t)round % (sizeof frames / sizeof *frames)].hex);
        size_t len = frame.len < sizeof input ? frame.len : sizeof input;
        struct buffer line = {0};

        memcpy(input, frame.data, len);
        for (int i = 0; i < 3; i++) {
            seed = seed * 1664525 + 1013904223;
            input[(seed >> 8) % sizeof input] = (uint8_t)(seed >> 24);
        }
        find(bytes_of(input, 1 + (seed >> 16) % sizeof input), &line);
        buffer_release(&line);
        free((void *)(uintptr_t)frame.data);
    }
}
