#include "support/framing_stream.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void pick_framer(void)
{
    framing_use("galileosky");
}

TestSuite(framer_galileosky, .init = pick_framer, .timeout = 60);

/* --- frames --- */

/* Of Traccar's GalileoProtocolDecoderTest, and of our own. */
static const struct framing_sample frames[] = {
    {"01560003383636303530303338343337353836044701e000000000e13c494e414c4c3a696e303d31313230362c696e313d302c696e323d302"
     "c696e333d302c696e343d302c696e353d302c4163633d3536363932343732353bfdef",
     "0 INALL:in0=11206,in1=0,in2=0,in3=0,in4=0,in5=0,Acc=566924725;"},
    {"012a0003383633353931303233353137373732046600e007000000e1104f555428332e2e3029203d20313131308dc8",
     "7 OUT(3..0) = 1110"},
    {"011c0003313233343536373839303132333435040000e0ffffffffe1026f6b84fc", "4294967295 ok"},
    /* the other way round */
    {"010900e1026f6be001000000e527", "1 ok"},
    /* with the other tags of a head */
    {"01150001200203102a00209be2665fe002000000e1026f6b78f4", "2 ok"},
    /* what follows does not matter */
    {"010b00e003000000e1026f6bfefed5de", "3 ok"},
    /* no text */
    {"010700e003000000e100ae5f", "3 "},
    /* a command, as it goes out */
    {"01210003313233343536373839303132333435040000e000000000e1074f757420312c3190d4", "0 Out 1,1"},
    /* a head, with records in the archive */
    {"011380033836383230343030313534393038370432008590", "tags 03383638323034303031353439303837043200"},
    /* a record */
    {"0129000120021e03383638323034303031353439303837043200100100209be2665f300c830a7901ca0ec8026de1",
     "tags 0120021e03383638323034303031353439303837043200100100209be2665f300c830a7901ca0ec802"},
    /* no number */
    {"010400e1026f6bf1a7", "tags e1026f6b"},
    /* no text */
    {"010500e0030000005555", "tags e003000000"},
    /* the text is longer than what is there */
    {"010900e003000000e1036f6b94af", "tags e003000000e1036f6b"},
    {"010600e003000000e11562", "tags e003000000e1"},
    {"010800e1026f6be003000084e0", "tags e1026f6be0030000"},
    {"010400033335366d49", "tags 03333536"},
};

Test(framer_galileosky, each_frame_becomes_a_line)
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

Test(framer_galileosky, commands_are_framed)
{
    static const struct {
        const char *const fields[3];
        const char *text;
        const char *hex;
    } cases[] = {
        {{"123456789012345", "0", "0"},
         "status",
         "01200003313233343536373839303132333435040000e000000000e1067374617475731f64"},
        {{"123456789012345", "0", "0"},
         "Out 1,1",
         "01210003313233343536373839303132333435040000e000000000e1074f757420312c3190d4"},
        {{"863591027988112", "0", "0"},
         "Out 4,1",
         "01210003383633353931303237393838313132040000e000000000e1074f757420342c317825"},
        {{"863591027988112", "65535", "4294967295"},
         "Out 2,0",
         "0121000338363335393130323739383831313204ffffe0ffffffffe1074f757420322c30e21b"},
        {{"863591027988112", "258", "16909060"},
         "Out 2,0",
         "01210003383633353931303237393838313132040201e004030201e1074f757420322c304978"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_wrapped(cases[i].fields, bytes_of_text(cases[i].text), cases[i].hex);
}

Test(framer_galileosky, what_does_not_fit_is_refused)
{
    static const struct {
        const char *const fields[3];
        const char *error;
    } cases[] = {
        {{"", "0", "0"}, "imei: must be 15 digits"},
        {{"12345678901234", "0", "0"}, "imei: must be 15 digits"},
        {{"1234567890123456", "0", "0"}, "imei: must be 15 digits"},
        {{"12345678901234x", "0", "0"}, "imei: must be 15 digits"},
        {{"12345678901234/", "0", "0"}, "imei: must be 15 digits"},
        {{"123456789012345", "", "0"}, "device_id: must be 0 to 65535"},
        {{"123456789012345", "65536", "0"}, "device_id: must be 0 to 65535"},
        {{"123456789012345", "0", ""}, "index: must be 0 to 4294967295"},
        {{"123456789012345", "0", "4294967296"}, "index: must be 0 to 4294967295"},
    };
    static const char *const good[] = {"123456789012345", "0", "0"};
    uint8_t body[256] = {0};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_wrapped(cases[i].fields, bytes_of_text("status"), cases[i].error);
    expect_wrapped(good, bytes_of(NULL, 0), "body: must be 1 to 255 bytes");
    expect_wrapped(good, bytes_of(body, sizeof body), "body: must be 1 to 255 bytes");
}

Test(framer_galileosky, the_longest_command_is_a_frame)
{
    const struct bytes fields[] = {bytes_of_text("123456789012345"), bytes_of_text("0"), bytes_of_text("7")};
    uint8_t body[255];
    struct buffer out = {0};
    struct buffer line = {0};

    memset(body, 'x', sizeof body);
    cr_assert_null(framing->wrap(fields, bytes_of(body, sizeof body), &out));
    cr_expect_eq(framing_find(buffer_bytes(&out), &line).verdict, FRAME_GOOD);
    cr_expect_eq(line.len, 2 + sizeof body);
    buffer_release(&out);
    buffer_release(&line);
}

/* --- streams --- */

Test(framer_galileosky, frames_are_found_one_behind_the_other_and_behind_garbage)
{
    static const struct {
        const char *hex;
        const char *seen;
    } cases[] = {
        /* two */
        {"012a0003383633353931303233353137373732046600e007000000e1104f555428332e2e3029203d20313131308dc8012a00033836333"
         "53931303233353137373732046600e007000000e1104f555428332e2e3029203d20313131308dc8",
         "|7 OUT(3..0) = 1110|7 OUT(3..0) = 1110"},
        /* a text before it */
        {"68656c6c6f012a0003383633353931303233353137373732046600e007000000e1104f555428332e2e3029203d20313131308dc8",
         "~|7 OUT(3..0) = 1110"},
        /* the server's own answer before it */
        {"02d490012a0003383633353931303233353137373732046600e007000000e1104f555428332e2e3029203d20313131308dc8",
         "~|7 OUT(3..0) = 1110"},
        /* no tags */
        {"0100002000012a0003383633353931303233353137373732046600e007000000e1104f555428332e2e3029203d20313131308dc8",
         "~|7 OUT(3..0) = 1110"},
        /* a length beyond all frames */
        {"01ff7f012a0003383633353931303233353137373732046600e007000000e1104f555428332e2e3029203d20313131308dc8",
         "~|7 OUT(3..0) = 1110"},
        {"01fc07012a0003383633353931303233353137373732046600e007000000e1104f555428332e2e3029203d20313131308dc8",
         "~|7 OUT(3..0) = 1110"},
        /* a wrong CRC before it */
        {"012a0003383633353931303233353137373732046600e007000000e1104f555428332e2e3029203d20313131308dff012a00033836333"
         "53931303233353137373732046600e007000000e1104f555428332e2e3029203d20313131308dc8",
         "~|7 OUT(3..0) = 1110"},
        /* a reply as Traccar's test has it, of which the CRC is wrong */
        {"012a0003383633353931303233353137373732046600e000000000e1104f555428332e2e3029203d2031313130bb29012a00033836333"
         "53931303233353137373732046600e007000000e1104f555428332e2e3029203d20313131308dc8",
         "~|7 OUT(3..0) = 1110"},
        /* the beginning of another one */
        {"012a0003383633353931303233353137373732046600e007000000e1104f555428332e2e3029203d20313131308dc8012a00033836333"
         "539313032333531",
         "|7 OUT(3..0) = 1110+"},
        {"012a0003383633353931303233353137373732046600e007000000e1104f555428332e2e3029203d20313131308dc8ff",
         "|7 OUT(3..0) = 1110~"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_hex_stream(cases[i].hex, cases[i].seen);
}

Test(framer_galileosky, a_frame_may_be_as_long_as_any)
{
    expect_hex_stream("01fb07", "+");
    expect_hex_stream("01fb87", "+"); /* with records in the archive */
    expect_hex_stream("02fc07", "~");
    expect_hex_stream("01fc07", "~");
}

/* --- whatever comes in --- */

Test(framer_galileosky, every_beginning_of_a_frame_is_partial)
{
    expect_beginnings_partial(frames, sizeof frames / sizeof *frames);
}

Test(framer_galileosky, a_frame_with_one_wrong_bit_is_none)
{
    expect_bits_to_count(frames, sizeof frames / sizeof *frames);
}

Test(framer_galileosky, no_input_makes_it_read_beyond_its_end)
{
    expect_no_read_beyond(frames, sizeof frames / sizeof *frames);
}
