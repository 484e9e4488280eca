#include "support/framing_stream.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void pick_framer(void)
{
    framing_use("ruptela");
}

TestSuite(framer_ruptela, .init = pick_framer, .timeout = 60);

/* --- frames --- */

/* Of Traccar's RuptelaProtocolDecoderTest, and of our own. */
static const struct framing_sample frames[] = {
    {"0044000313612d76c5cb0744494e313d312c44494e323d302c44494e333d302c44494e343d302c444f5554313d312c444f5554323d312c414"
     "94e313d31372c41494e323d3236ac80",
     "7 DIN1=1,DIN2=0,DIN3=0,DIN4=0,DOUT1=1,DOUT2=1,AIN1=17,AIN2=26"},
    /* in Traccar's test with a length of 17, which its CRC does not agree with */
    {"0024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c",
     "7 SETIO configuration data ok"},
    {"002b00030e55ac32021a07534554494f20636f6e66696775726174696f6e206461746120696e636f72726563743025",
     "7 SETIO configuration data incorrect"},
    /* without an IMEI */
    {"001c07534554494f20636f6e66696775726174696f6e2064617461206f6bc002", "7 SETIO configuration data ok"},
    /* no text */
    {"000900030e55ac32021a071981", "7 "},
    {"000a00030e55ac32021a11014550", "17 01"},
    {"000211008c49", "17 00"},
    /* an identification */
    {"002e000315bc70d3e2ff0f4f42443130302e30312e30382e30300000c2b30ea77e430000601b000001f40000003c00144aa0",
     "15 4f42443130302e30312e30382e30300000c2b30ea77e430000601b000001f40000003c0014"},
    /* commands, as they go out */
    {"000b6c20536574696f20322c31eb3e", "108 20536574696f20322c31"},
    {"0009750000000100000001861b", "117 0000000100000001"},
    /* nothing behind the command */
    {"000900030e55ac32021a107dbf", "16 "},
    {"0001ff0f78", "255 "},
};

Test(framer_ruptela, each_frame_becomes_a_line)
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

Test(framer_ruptela, commands_are_framed)
{
    static const struct {
        const char *const fields[1];
        const char *body;
        const char *hex;
    } cases[] = {
        {{"108"}, "20536574696f20322c31", "000b6c20536574696f20322c31eb3e"},
        {{"108"}, "7061737320736574696f20302c31", "000f6c7061737320736574696f20302c3166ab"},
        {{"117"}, "0000000100000001", "0009750000000100000001861b"},
        {{"117"}, "0000000200000000", "00097500000002000000008a5e"},
        {{"103"}, "", "00016717b9"}, /* a command without a payload */
        {{"255"}, "00ff", "0003ff00ffc98b"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes body = bytes_of_hex(cases[i].body);

        expect_wrapped(cases[i].fields, body, cases[i].hex);
        free((void *)(uintptr_t)body.data);
    }
}

Test(framer_ruptela, what_does_not_fit_is_refused)
{
    static const char *const wrong[][1] = {{""}, {"0"}, {"256"}, {"-1"}, {"6c"}};
    static const char *const good[] = {"108"};
    uint8_t body[2044] = {0};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_wrapped(wrong[i], bytes_of_text("x"), "command: must be 1 to 255");
    expect_wrapped(good, bytes_of(body, sizeof body), "body: must be at most 2043 bytes");
}

Test(framer_ruptela, the_longest_command_is_a_frame)
{
    const struct bytes fields[] = {bytes_of_text("108")};
    uint8_t body[2043] = {0};
    struct buffer out = {0};
    struct buffer line = {0};

    cr_assert_null(framing->wrap(fields, bytes_of(body, sizeof body), &out));
    cr_expect_eq(out.len, FRAMER_FRAME_MAX);
    cr_expect_eq(framing_find(buffer_bytes(&out), &line).verdict, FRAME_GOOD);
    buffer_release(&out);
    buffer_release(&line);
}

/* --- streams --- */

Test(framer_ruptela, frames_are_found_one_behind_the_other_and_behind_garbage)
{
    static const struct {
        const char *hex;
        const char *seen;
    } cases[] = {
        /* two */
        {"0024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c0024000315a07f440b1d075345544"
         "94f20636f6e66696775726174696f6e2064617461206f6b341c",
         "|7 SETIO configuration data ok|7 SETIO configuration data ok"},
        {"0024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c000211019dc0",
         "|7 SETIO configuration data ok|17 01"},
        /* a text before it */
        {"68656c6c6f0024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c",
         "~|7 SETIO configuration data ok"},
        /* a length of nothing */
        {"00000024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c",
         "~|7 SETIO configuration data ok"},
        /* an IMEI and no command */
        {"000800030e55ac32021a488e", "~+"},
        /* a length that ends within the IMEI */
        {"000800100024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c",
         "~|7 SETIO configuration data ok"},
        /* an IMEI of more than 15 digits */
        {"010000100024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c",
         "~|7 SETIO configuration data ok"},
        /* a length beyond all frames */
        {"07fd100024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c",
         "~|7 SETIO configuration data ok"},
        {"ffff100024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c",
         "~|7 SETIO configuration data ok"},
        /* what may be a length, until so much is there */
        {"030024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c", "+"},
        /* the beginning of another one */
        {"0024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c0024000315a07f440b1d075345544"
         "9",
         "|7 SETIO configuration data ok+"},
        {"0024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341cff",
         "|7 SETIO configuration data ok~"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_hex_stream(cases[i].hex, cases[i].seen);
}

/* What looks like a length may claim as much as there can be. */
Test(framer_ruptela, a_wrong_frame_is_passed_over_once_enough_has_come_in)
{
    struct bytes good = bytes_of_hex(frames[1].hex);
    struct buffer input = {0};
    struct buffer expected = {0};

    buffer_put(&input, good);
    input.data[input.len - 1] ^= 1;
    buffer_put_u8(&expected, '~');
    for (int i = 0; i < FRAMER_FRAME_MAX / 40 + 1; i++) {
        buffer_put(&input, good);
        buffer_printf(&expected, "|%s", frames[1].line);
    }
    buffer_put_u8(&expected, '\0');
    expect_stream(buffer_bytes(&input), (const char *)expected.data);
    buffer_release(&input);
    buffer_release(&expected);
    free((void *)(uintptr_t)good.data);
}

Test(framer_ruptela, a_length_that_can_only_become_too_large_is_garbage_at_once)
{
    expect_hex_stream("07", "+");
    expect_hex_stream("08", "~");
    expect_hex_stream("07fc", "+");
    expect_hex_stream("07fd", "~");
}

/* --- whatever comes in --- */

Test(framer_ruptela, every_beginning_of_a_frame_is_partial)
{
    expect_beginnings_partial(frames, sizeof frames / sizeof *frames);
}

Test(framer_ruptela, a_frame_with_one_wrong_bit_is_none)
{
    expect_bits_to_count(frames, sizeof frames / sizeof *frames);
}

Test(framer_ruptela, no_input_makes_it_read_beyond_its_end)
{
    expect_no_read_beyond(frames, sizeof frames / sizeof *frames);
}
