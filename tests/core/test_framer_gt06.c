#include "support/framing_stream.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void pick_framer(void)
{
    framing_use("gt06");
}

TestSuite(framer_gt06, .init = pick_framer, .timeout = 60);

/* --- frames --- */

/* Of Traccar's Gt06ProtocolDecoderTest, of public logs, and of our own. */
static const struct framing_sample frames[] = {
    {"78781815100001a9584459443d53756363657373210002001891770d0a", "15 108888 DYD=Success!"},
    {"78781915110001a963484659443d53756363657373210002001ef8930d0a", "15 108899 HFYD=Success!"},
    {"78782d152500000000437574206f666620746865206675656c20737570706c793a2053756363657373210002013b898a0d0a",
     "15 0 Cut off the fuel supply: Success!"},
    {"78782d1525000003f0437574206f666620746865206675656c20737570706c793a2053756363657373210002000e149d0d0a",
     "15 1008 Cut off the fuel supply: Success!"},
    {"787829152100000000526573746f7265206675656c20737570706c793a2053756363657373210002014077ce0d0a",
     "15 0 Restore fuel supply: Success!"},
    /* UTF-16, in a long frame */
    {"797900262100000000020043006f006d006d0061006e00640020006500720072006f0072002100236e850d0a", "21 0 Command error!"},
    /* n = 0, and NULs up to a fixed length */
    {"7878661500000000004459443d537563636573732100000000000000000000000000000000000000000000000000000000000000000000000"
     "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000010009e82b0d0a",
     "15 0 DYD=Success!"},
    {"787866150000000000416c726561647920696e20746865207374617465206f66206675656c20737570706c7920746f20726573756d652c746"
     "86520636f6d6d616e64206973206e6f742072756e6e696e672100000000000000000000000000000000000001001981e50d0a",
     "15 0 Already in the state of fuel supply to resume,the command is not running!"},
    {"7878281520000000003c49434349443a38393838323339303030303039373330323635303e00020d446f260d0a",
     "15 0 <ICCID:89882390000097302650>"},
    /* ASCII in a reply 21 */
    {"797900162100000007014459443d537563636573732100015caf0d0a", "21 7 DYD=Success!"},
    /* reply 21 in a short frame */
    {"78781221ffffffff0152656c6179204f4b0001f2e70d0a", "21 4294967295 Relay OK"},
    {"7878242100000009020048004600590044003d005300750063006300650073007300210005e1cc0d0a", "21 9 HFYD=Success!"},
    /* the CRC ends in 0D */
    {"78781815100001a9584459443d5375636365737321000200563a0d0d0a", "15 108888 DYD=Success!"},
    /* a command, as it goes out */
    {"787812800c0000000052656c61792c312300009dee0d0a", "80 0c0000000052656c61792c3123"},
    /* other frames */
    {"78780a13c40604000201298f5b0d0a", "13 c406040002"},
    {"787805120099abec0d0a", "12 "},
    {"7979000894000000000338ba0d0a", "94 000000"},
    /* n counts less than the flag */
    {"78780d1503000000014142430001fdee0d0a", "15 0300000001414243"},
    /* n counts more than there is */
    {"78780d150a000000014142430001b8e00d0a", "15 0a00000001414243"},
    /* n = 0, and no room for the language */
    {"78780a1500000000010001d29b0d0a", "15 0000000001"},
    /* no room for the encoding */
    {"7878092100000001000198730d0a", "21 00000001"},
    /* no text */
    {"78780c1504000000010002000133520d0a", "15 1 "},
};

Test(framer_gt06, each_frame_becomes_a_line)
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

Test(framer_gt06, commands_are_framed)
{
    static const struct {
        const char *const fields[2];
        const char *text;
        const char *hex;
    } cases[] = {
        {{"0", "0"}, "Relay,1#", "787812800c0000000052656c61792c312300009dee0d0a"},
        {{"16909060", "7"}, "Relay,0#", "787812800c0102030452656c61792c3023000759e10d0a"},
        {{"3735928559", "4660"}, "Relay,1#", "787812800cdeadbeef52656c61792c31231234cf220d0a"},
        {{"108888", "160"}, "DYD,000000#", "787815800f0001a9584459442c3030303030302300a0dcf10d0a"},
        {{"0", "0"}, "DYD,000000#", "787815800f000000004459442c303030303030230000e6c40d0a"},
        {{"0", "0"}, "DYD,123456#", "787815800f000000004459442c313233343536230000755a0d0a"},
        {{"4294967295", "65535"}, "HFYD#", "78780f8009ffffffff4846594423ffff9edd0d0a"},
        {{"7", "378"}, "Relay,1#", "787812800c0000000752656c61792c3123017af80d0d0a"}, /* the CRC ends in 0D */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_wrapped(cases[i].fields, bytes_of_text(cases[i].text), cases[i].hex);
}

Test(framer_gt06, what_does_not_fit_is_refused)
{
    static const struct {
        const char *const fields[2];
        const char *error;
    } cases[] = {
        {{"", "0"}, "server_flag: must be 0 to 4294967295"},
        {{"4294967296", "0"}, "server_flag: must be 0 to 4294967295"},
        {{"-1", "0"}, "server_flag: must be 0 to 4294967295"},
        {{"0", ""}, "serial: must be 0 to 65535"},
        {{"0", "65536"}, "serial: must be 0 to 65535"},
        {{"0", "1a"}, "serial: must be 0 to 65535"},
    };
    static const char *const good[] = {"0", "0"};
    uint8_t body[246] = {0};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_wrapped(cases[i].fields, bytes_of_text("DYD#"), cases[i].error);
    expect_wrapped(good, bytes_of(NULL, 0), "body: must be 1 to 245 bytes");
    expect_wrapped(good, bytes_of(body, sizeof body), "body: must be 1 to 245 bytes");
}

Test(framer_gt06, the_longest_command_is_a_frame)
{
    const struct bytes fields[] = {bytes_of_text("1"), bytes_of_text("2")};
    uint8_t body[245];
    struct buffer out = {0};
    struct buffer line = {0};

    memset(body, 'x', sizeof body);
    cr_assert_null(framing->wrap(fields, bytes_of(body, sizeof body), &out));
    cr_expect_eq(out.len, 3 + 255 + 2);
    cr_expect_eq(out.data[2], 255);
    cr_expect_eq(framing_find(buffer_bytes(&out), &line).verdict, FRAME_GOOD);
    buffer_release(&out);
    buffer_release(&line);
}

/* --- texts --- */

Test(framer_gt06, texts_become_utf8)
{
    static const struct {
        const char *hex; /* of a reply 21 */
        const char *line;
    } cases[] = {
        {"7979000c21000000010200e9000194260d0a", "21 1 \xC3\xA9"}, /* two bytes */
        {"7979001421000000010265ad75356210529fff010001a6a70d0a",
         "21 1 \xE6\x96\xAD\xE7\x94\xB5\xE6\x88\x90\xE5\x8A\x9F\xEF\xBC\x81"}, /* three bytes */
        {"7979000e210000000102d83dde9700010ffc0d0a", "21 1 \xF0\x9F\x9A\x97"}, /* a surrogate pair */
        {"7979000e210000000102d83d0041000100100d0a", "21 1 \xEF\xBF\xBD"
                                                     "A"}, /* the first half of a pair alone */
        {"7979000e210000000102de97d83d0001865d0d0a",
         "21 1 \xEF\xBF\xBD\xEF\xBF\xBD"}, /* the halves the wrong way round */
        {"7979000e210000000102de97de970001b16a0d0a", "21 1 \xEF\xBF\xBD\xEF\xBF\xBD"}, /* two second halves */
        {"7979000e210000000102d83de0000001e8300d0a",
         "21 1 \xEF\xBF\xBD\xEE\x80\x80"},                          /* what follows is no second half */
        {"7979000f210000000102004100420000016d440d0a", "21 1 AB"},  /* half a character at the end */
        {"797900102100000001020041000000000001289f0d0a", "21 1 A"}, /* NULs at the end */
        {"7979000a2100000001020001088d0d0a", "21 1 "},              /* nothing */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes frame = bytes_of_hex(cases[i].hex);
        struct buffer line = {0};

        cr_expect_eq(framing_find(frame, &line).verdict, FRAME_GOOD);
        cr_expect(bytes_equal_text(buffer_bytes(&line), cases[i].line), "%s: %.*s", cases[i].hex, (int)line.len,
                  (const char *)line.data);
        cr_expect(bytes_are_utf8(buffer_bytes(&line)));
        buffer_release(&line);
        free((void *)(uintptr_t)frame.data);
    }
}

/* --- streams --- */

Test(framer_gt06, frames_are_cut_by_their_length_not_by_what_ends_them)
{
    static const char two[] = "78781815100001a9584459443d5375636365737321000200563a0d0d0a78781815100001a9584459443d5375"
                              "636365737321000200563a0d0d0a";

    expect_hex_stream(two, "|15 108888 DYD=Success!|15 108888 DYD=Success!");
    expect_hex_stream(
        "787812150a000000030d0a78780d0a00020009f2450d0a78781815100001a9584459443d5375636365737321000200563a0d0d0a",
        "|15 3 \r\nxx\r\n|15 108888 DYD=Success!");
}

Test(framer_gt06, frames_are_found_one_behind_the_other_and_behind_garbage)
{
    static const struct {
        const char *hex;
        const char *seen;
    } cases[] = {
        /* short and long */
        {"797900262100000000020043006f006d006d0061006e00640020006500720072006f0072002100236e850d0a78781815100001a958445"
         "9443d5375636365737321000200563a0d0d0a797900262100000000020043006f006d006d0061006e00640020006500720072006f0072"
         "002100236e850d0a",
         "|21 0 Command error!|15 108888 DYD=Success!|21 0 Command error!"},
        /* a text before it */
        {"68656c6c6f78781815100001a9584459443d5375636365737321000200563a0d0d0a", "~|15 108888 DYD=Success!"},
        /* another start */
        {"7978781815100001a9584459443d5375636365737321000200563a0d0d0a", "~|15 108888 DYD=Success!"},
        {"7978797900262100000000020043006f006d006d0061006e00640020006500720072006f0072002100236e850d0a",
         "~|21 0 Command error!"},
        {"78797900262100000000020043006f006d006d0061006e00640020006500720072006f0072002100236e850d0a",
         "~|21 0 Command error!"},
        /* a start without a frame */
        {"7979797900262100000000020043006f006d006d0061006e00640020006500720072006f0072002100236e850d0a",
         "~|21 0 Command error!"},
        /* one that may be a frame, until so much is there */
        {"7878781815100001a9584459443d5375636365737321000200563a0d0d0a", "+"},
        {"7878781815100001a9584459443d5375636365737321000200563a0d0d0a78781815100001a9584459443d53756363657373210002005"
         "63a0d0d0a78781815100001a9584459443d5375636365737321000200563a0d0d0a78781815100001a9584459443d5375636365737321"
         "000200563a0d0d0a78781815100001a9584459443d5375636365737321000200563a0d0d0a",
         "~|15 108888 DYD=Success!|15 108888 DYD=Success!|15 108888 DYD=Success!|15 108888 DYD=Success!|15 108888 "
         "DYD=Success!"},
        /* a wrong CRC before it */
        {"78781815100001a9584458443d5375636365737321000200563a0d0d0a78781815100001a9584459443d5375636365737321000200563"
         "a0d0d0a",
         "~|15 108888 DYD=Success!"},
        /* no 0D0A at its end */
        {"78781815100001a9584459443d5375636365737321000200563a0d0d0b78781815100001a9584459443d5375636365737321000200563"
         "a0d0d0a",
         "~|15 108888 DYD=Success!"},
        /* the beginning of another one */
        {"78781815100001a9584459443d5375636365737321000200563a0d0d0a78781815100001a95844", "|15 108888 DYD=Success!+"},
        {"78781815100001a9584459443d5375636365737321000200563a0d0d0a0d0a", "|15 108888 DYD=Success!~"},
        /* a length too small for any frame */
        {"78780415015f0d0d0a78781815100001a9584459443d5375636365737321000200563a0d0d0a", "~|15 108888 DYD=Success!"},
        /* a length beyond all frames */
        {"797907fb78781815100001a9584459443d5375636365737321000200563a0d0d0a", "~|15 108888 DYD=Success!"},
        {"7979ffff797900262100000000020043006f006d006d0061006e00640020006500720072006f0072002100236e850d0a",
         "~|21 0 Command error!"},
        /* a list of stations, which has no length and no CRC */
        {"787800171710231112510600cc080c4e2fa55a0d0a78781815100001a9584459443d5375636365737321000200563a0d0d0a",
         "~|15 108888 DYD=Success!"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_hex_stream(cases[i].hex, cases[i].seen);
}

Test(framer_gt06, a_long_frame_may_be_as_long_as_any)
{
    expect_hex_stream("797907fa", "+");
    expect_hex_stream("797907fb", "~");
}

/* --- whatever comes in --- */

Test(framer_gt06, every_beginning_of_a_frame_is_partial)
{
    expect_beginnings_partial(frames, sizeof frames / sizeof *frames);
}

Test(framer_gt06, a_frame_with_one_wrong_bit_is_none)
{
    expect_bits_to_count(frames, sizeof frames / sizeof *frames);
}

Test(framer_gt06, no_input_makes_it_read_beyond_its_end)
{
    expect_no_read_beyond(frames, sizeof frames / sizeof *frames);
}
