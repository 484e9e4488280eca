#include "support/framing_stream.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void pick_framer(void)
{
    framing_use("navtelecom");
}

TestSuite(framer_navtelecom, .init = pick_framer, .timeout = 60);

/* --- frames --- */

/* Of Traccar's NavisProtocolDecoderTest, of Navtelecom's wiki, and of our own. */
static const struct framing_sample frames[] = {
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
        struct frame_found found = framing_find(frame, &line);

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

    cr_assert_null(framing->wrap(fields, bytes_of(body, sizeof body), &out));
    cr_expect_eq(out.len, FRAMER_FRAME_MAX);
    cr_expect_eq(framing_find(buffer_bytes(&out), &line).verdict, FRAME_GOOD);
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
    expect_beginnings_partial(frames, sizeof frames / sizeof *frames);
}

Test(framer_navtelecom, a_frame_with_one_wrong_bit_is_none)
{
    expect_bits_to_count(frames, sizeof frames / sizeof *frames);
}

Test(framer_navtelecom, no_input_makes_it_read_beyond_its_end)
{
    expect_no_read_beyond(frames, sizeof frames / sizeof *frames);
}
