#include "support/framing_stream.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void pick_framer(void)
{
    framing_use("teltonika");
}

TestSuite(framer_teltonika, .init = pick_framer, .timeout = 60);

/* --- frames --- */

/* Of Teltonika's wiki, of Traccar's TeltonikaProtocolDecoderTest, and of our own. */
static const struct framing_sample frames[] = {
    {"00000000000000370c01060000002f4449313a31204449323a30204449333a302041494e313a302041494e323a313639323420444f313a302"
     "0444f323a3101000066e3",
     "06 DI1:1 DI2:0 DI3:0 AIN1:0 AIN2:16924 DO1:0 DO2:1"},
    {"00000000000000210c010600000019444f5554313a4f4e2054696d656f75743a494e46494e49545901000002cd",
     "06 DOUT1:ON Timeout:INFINITY"},
    {"00000000000000300c010600000028444f5554313a49474e4f52454420444f5554323a4f46462054696d656f75743a494e46494e495459010"
     "000dcf0",
     "06 DOUT1:IGNORED DOUT2:OFF Timeout:INFINITY"},
    /* a command, as it goes out */
    {"00000000000000140c01050000000c7365746469676f7574203131010000bed5", "05 setdigout 11"},
    /* Codec 14, the IMEI is not the device's own */
    {"00000000000000100e011100000008035209308145225101000032ac", "11 "},
    /* Codec 14 */
    {"00000000000000240e01060000001c0352093081452251444f5554313a312054696d656f75743a313073200100002368",
     "06 DOUT1:1 Timeout:10s "},
    {"00000000000000300c010600000028444f555453206172652073657420746f3a203130303020544d4f73206172653a2030203020302030010"
     "0001ec7",
     "06 DOUTS are set to: 1000 TMOs are: 0 0 0 0"},
    /* another text, with its end of line */
    {"000000000000002d0c01060000002523464d323d3236323033323736313732313339362c32363230332c30372e30322e30350d0a0100009a2"
     "e",
     "06 #FM2=262032761721396,26203,07.02.05\r\n"},
    /* no text */
    {"00000000000000080c01060000000001000033d1", "06 "},
    /* a record */
    {"0000000000000035080100000161f37c50500020de5ba60ef11450000000000000000006040100b300b400ef000109002000014e000000000"
     "0000000010000be52",
     "codec 08 "
     "0100000161f37c50500020de5ba60ef11450000000000000000006040100b300b400ef000109002000014e000000000000000001"},
    /* Codec 13 */
    {"000000000000001c0d01050000001056e924222347455420444154414f524445520d0a0100004715",
     "codec 0d 01050000001056e924222347455420444154414f524445520d0a01"},
    /* the length of the text is not what the size leaves */
    {"000000000000000b0c010600000005414243010000edcd", "codec 0c 01060000000541424301"},
    /* too short for its IMEI */
    {"000000000000000b0e010600000003520930010000f71f", "codec 0e 01060000000352093001"},
    /* no second quantity */
    {"00000000000000070c0106000000000000d145", "codec 0c 010600000000"},
    {"00000000000000030c0100000093c1", "codec 0c 0100"},
};

Test(framer_teltonika, each_frame_becomes_a_line)
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

Test(framer_teltonika, commands_are_framed)
{
    static const struct {
        const char *const fields[2];
        const char *text;
        const char *hex;
    } cases[] = {
        {{"codec12", ""}, "setdigout 11", "00000000000000140c01050000000c7365746469676f7574203131010000bed5"},
        {{"codec12", ""}, "setdigout 1", "00000000000000130c01050000000b7365746469676f7574203101000087a2"},
        {{"codec12", ""}, "setdigout ?1", "00000000000000140c01050000000c7365746469676f7574203f310100007db4"},
        {{"codec12", "no IMEI"}, "setdigout 10", "00000000000000140c01050000000c7365746469676f75742031300100002ed4"},
        {{"codec12", ""}, "setdigout 11\r\n", "00000000000000160c01050000000e7365746469676f75742031310d0a010000e258"},
        {{"codec12", ""}, "setdigout 10\r\n", "00000000000000160c01050000000e7365746469676f75742031300d0a0100001e59"},
        {{"codec12", ""}, "setdigout 000", "00000000000000150c01050000000d7365746469676f757420303030010000f33a"},
        {{"codec14", "352093081452251"},
         "getver",
         "00000000000000160e01050000000e0352093081452251676574766572010000d2c1"},
        {{"codec14", "352093081452251"},
         "setdigout 1?",
         "000000000000001c0e01050000001403520930814522517365746469676f757420313f0100005e29"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_wrapped(cases[i].fields, bytes_of_text(cases[i].text), cases[i].hex);
}

Test(framer_teltonika, what_does_not_fit_is_refused)
{
    static const struct {
        const char *const fields[2];
        const char *error;
    } cases[] = {
        {{"", ""}, "codec: must be codec12 or codec14"},
        {{"codec13", "352093081452251"}, "codec: must be codec12 or codec14"},
        {{"CODEC12", ""}, "codec: must be codec12 or codec14"},
        {{"codec14", ""}, "imei: must be 15 digits"},
        {{"codec14", "35209308145225"}, "imei: must be 15 digits"},
        {{"codec14", "3520930814522510"}, "imei: must be 15 digits"},
        {{"codec14", "35209308145225x"}, "imei: must be 15 digits"},
    };
    static const char *const good[] = {"codec12", ""};
    uint8_t body[2021] = {0};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_wrapped(cases[i].fields, bytes_of_text("getver"), cases[i].error);
    expect_wrapped(good, bytes_of(NULL, 0), "body: must be 1 to 2020 bytes");
    expect_wrapped(good, bytes_of(body, sizeof body), "body: must be 1 to 2020 bytes");
}

Test(framer_teltonika, the_longest_command_is_a_frame)
{
    const struct bytes fields[] = {bytes_of_text("codec14"), bytes_of_text("352093081452251")};
    uint8_t body[2020];
    struct buffer out = {0};
    struct buffer line = {0};

    memset(body, 'x', sizeof body);
    cr_assert_null(framing->wrap(fields, bytes_of(body, sizeof body), &out));
    cr_expect_eq(out.len, FRAMER_FRAME_MAX);
    cr_expect_eq(framing_find(buffer_bytes(&out), &line).verdict, FRAME_GOOD);
    cr_expect_eq(line.len, 3 + sizeof body);
    buffer_release(&out);
    buffer_release(&line);
}

/* --- streams --- */

Test(framer_teltonika, frames_are_found_one_behind_the_other_and_behind_garbage)
{
    static const struct {
        const char *hex;
        const char *seen;
    } cases[] = {
        /* two */
        {"00000000000000210c010600000019444f5554313a4f4e2054696d656f75743a494e46494e49545901000002cd00000000000000210c0"
         "10600000019444f5554313a4f4e2054696d656f75743a494e46494e49545901000002cd",
         "|06 DOUT1:ON Timeout:INFINITY|06 DOUT1:ON Timeout:INFINITY"},
        /* a text before it */
        {"68656c6c6f00000000000000210c010600000019444f5554313a4f4e2054696d656f75743a494e46494e49545901000002cd",
         "~|06 DOUT1:ON Timeout:INFINITY"},
        /* the connection's first message before it */
        {"000f33353230393330383134353232353100000000000000210c010600000019444f5554313a4f4e2054696d656f75743a494e46494e4"
         "9545901000002cd",
         "~|06 DOUT1:ON Timeout:INFINITY"},
        /* zeros before it */
        {"0000000000000000210c010600000019444f5554313a4f4e2054696d656f75743a494e46494e49545901000002cd",
         "~|06 DOUT1:ON Timeout:INFINITY"},
        {"000000000000000000000000210c010600000019444f5554313a4f4e2054696d656f75743a494e46494e49545901000002cd",
         "~|06 DOUT1:ON Timeout:INFINITY"},
        /* the server's own answer before it */
        {"0100000000000000210c010600000019444f5554313a4f4e2054696d656f75743a494e46494e49545901000002cd",
         "~|06 DOUT1:ON Timeout:INFINITY"},
        /* a wrong CRC before it */
        {"00000000000000210c010600000019444f5554313a4f4e2054696d656f75743a494e46494e49545901000002cc00000000000000210c0"
         "10600000019444f5554313a4f4e2054696d656f75743a494e46494e49545901000002cd",
         "~|06 DOUT1:ON Timeout:INFINITY"},
        /* the beginning of another one */
        {"00000000000000210c010600000019444f5554313a4f4e2054696d656f75743a494e46494e49545901000002cd00000000000000210c0"
         "10600000019444f555431",
         "|06 DOUT1:ON Timeout:INFINITY+"},
        {"00000000000000210c010600000019444f5554313a4f4e2054696d656f75743a494e46494e49545901000002cdff",
         "|06 DOUT1:ON Timeout:INFINITY~"},
        /* a size beyond all frames */
        {"000000000000080100000000000000210c010600000019444f5554313a4f4e2054696d656f75743a494e46494e49545901000002cd",
         "~|06 DOUT1:ON Timeout:INFINITY"},
        {"00000000ffffffff00000000000000210c010600000019444f5554313a4f4e2054696d656f75743a494e46494e49545901000002cd",
         "~|06 DOUT1:ON Timeout:INFINITY"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_hex_stream(cases[i].hex, cases[i].seen);
}

Test(framer_teltonika, a_size_has_room_for_a_codec_and_two_quantities)
{
    expect_hex_stream("00000000000000020c010000c0c4", "~+"); /* one byte on, it may be the size 020C */
    expect_hex_stream("00000000000000030c0100000093c1", "|codec 0c 0100");
}

Test(framer_teltonika, the_upper_half_of_the_crc_must_be_zero)
{
    expect_hex_stream("00000000000000100e011100000008035209308145225101000132ac", "~");
}

Test(framer_teltonika, a_size_that_can_only_become_too_large_is_garbage_at_once)
{
    expect_hex_stream("0000000001", "~");
    expect_hex_stream("000000000001", "~");
    expect_hex_stream("00000000000009", "~");
    expect_hex_stream("00000000000007", "+");
    expect_hex_stream("00000000000007f4", "+");
    expect_hex_stream("00000000000007f5", "~");
}

/* --- whatever comes in --- */

Test(framer_teltonika, every_beginning_of_a_frame_is_partial)
{
    expect_beginnings_partial(frames, sizeof frames / sizeof *frames);
}

Test(framer_teltonika, a_frame_with_one_wrong_bit_is_none)
{
    expect_bits_to_count(frames, sizeof frames / sizeof *frames);
}

Test(framer_teltonika, no_input_makes_it_read_beyond_its_end)
{
    expect_no_read_beyond(frames, sizeof frames / sizeof *frames);
}
