#include "support/framing_finding.h"

#include "core/checksum.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void pick_framer(void)
{
    framing_use("pst");
}

TestSuite(framer_pst, .init = pick_framer, .timeout = 60);

/* --- commands --- */

Test(framer_pst, commands)
{
    static const struct wrapping cases[] = {
        /* both of Traccar's PstProtocolEncoderTest */
        {{"2249056121", "1", "udp"}, "060002ffffffff", "860ddf790600000001060002ffffffffe42b"},
        {{"2249056121", "1", "udp"}, "060001ffffffff", "860ddf790600000001060001ffffffff0af9"},
        {{"2249056121", "1", "tcp"}, "060002ffffffff", "28860ddf790600000001060002ffffffffe42b29"},
        {{"4294967295", "4294967295", "udp"}, "060001ffffffff", "ffffffff06ffffffff060001ffffffff9698"},
        /* with each byte that has a meaning of its own; the last one of the CRC is the parenthesis that ends a frame */
        {{"656943360", "41", "udp"}, "060002ffffffff", "272829000600000029060002ffffffffcc29"},
        {{"656943360", "41", "tcp"}, "060002ffffffff", "2827672768276900060000002769060002ffffffffcc276929"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_wrap(&cases[i]);
}

Test(framer_pst, mistakes_are_told)
{
    static const struct wrapping cases[] = {
        {{"4294967296", "1", "udp"}, "06", "id32: must be a number up to 4294967295"},
        {{"", "1", "udp"}, "06", "id32: must be a number up to 4294967295"},
        {{"1", "4294967296", "udp"}, "06", "index: must be a number up to 4294967295"},
        {{"1", "0x1", "udp"}, "06", "index: must be a number up to 4294967295"},
        {{"1", "1", ""}, "06", "transport: must be tcp or udp"},
        {{"1", "1", "tcp "}, "06", "transport: must be tcp or udp"},
        {{"1", "1", "udp"}, "", "body: is empty or too long"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_wrap(&cases[i]);
}

/* Even where every byte of it has to be escaped, what was wrapped can be found. */
Test(framer_pst, longest_body)
{
    static const char *const fields[FRAMER_FIELDS_MAX] = {"673720360", "673720360", "tcp"};
    enum { LONGEST = FRAMER_FRAME_MAX / 2 - 13 };
    uint8_t body[LONGEST + 1];
    struct buffer frame;
    char *hex;

    memset(body, '(', sizeof body);
    hex = wrapped(fields, bytes_of(body, LONGEST + 1));
    cr_expect_str_eq(hex, "body: is empty or too long");
    free(hex);
    hex = wrapped(fields, bytes_of(body, LONGEST));
    frame = from_hex(hex);
    cr_assert_gt(frame.len, 2 * LONGEST);
    expect_finding(buffer_bytes(&frame), FRAME_GOOD, frame.len);
    buffer_release(&frame);
    free(hex);
}

/* --- what comes in --- */

Test(framer_pst, lines)
{
    static const struct reading cases[] = {
        {"860ddf790600000001060002ffffffffe42b", "2249056121 1 060002ffffffff"},
        {"28860ddf790600000001060002ffffffffe42b29", "2249056121 1 060002ffffffff"},
        {"ffffffff06ffffffff060001ffffffff9698", "4294967295 4294967295 060001ffffffff"},
        {"2827672768276900060000002769060002ffffffffcc276929", "656943360 41 060002ffffffff"},
        {"272829000600000029060002ffffffffcc29", "656943360 41 060002ffffffff"},
        /* a datagram's id that begins with a parenthesis */
        {"280000010600000007060001ffffffff4c6f", "671088641 7 060001ffffffff"},
        /* Traccar's PstProtocolDecoderTest: two states, and another version with a content of its own */
        {"2faf9b4c0600000012054f36ec194000bfa9", "800037708 18 054f36ec194000"},
        {"2faf9ab606000004c7055052ec88c0070b04000015050c09b500a25271c733e0720d01fe0f045052ec8410145052ba07858413918af32"
         "5e7"
         "020802fe010001051103ffff0015023bbdc87d",
         "800037558 1223 055052ec88c0070b04000015050c09b500a25271c733e0720d01fe0f045052ec8410145052ba07858413918af325e7"
         "020802fe010001051103ffff0015023bbd"},
        {"2faf9b5605e40000e0022faf9b560196cb2f003f0c72ab56129ae0847ac98801cd1ed8",
         "800037718 3825205472 022faf9b560196cb2f003f0c72ab56129ae0847ac98801cd"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_line(&cases[i]);
}

static const char datagram[] = "860ddf790600000001060002ffffffffe42b";
static const char escaped[] = "2827672768276900060000002769060002ffffffffcc276929";

Test(framer_pst, every_truncation_in_parentheses_is_partial)
{
    struct buffer b = from_hex(escaped);

    for (size_t len = 1; len < b.len; len++)
        expect_finding(bytes_of(b.data, len), FRAME_PARTIAL, 0);
    buffer_release(&b);
}

/* A datagram comes as a whole or not at all. */
Test(framer_pst, every_truncation_of_a_datagram_is_garbage)
{
    struct buffer b = from_hex(datagram);

    for (size_t len = 1; len < b.len; len++)
        expect_finding(bytes_of(b.data, len), FRAME_GARBAGE, len);
    buffer_release(&b);
}

Test(framer_pst, each_corrupted_byte_is_seen)
{
    static const char *const frames[] = {datagram, escaped};

    for (size_t k = 0; k < sizeof frames / sizeof *frames; k++) {
        struct buffer b = from_hex(frames[k]);

        for (size_t i = 0; i < b.len; i++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                struct finding f;

                b.data[i] ^= (uint8_t)(1U << bit);
                f = finding_of(buffer_bytes(&b));
                cr_expect(f.verdict != FRAME_GOOD, "byte %zu, bit %u", i, bit);
                free(f.line);
                b.data[i] ^= (uint8_t)(1U << bit);
            }
        }
        buffer_release(&b);
    }
}

Test(framer_pst, garbage_ends_where_a_frame_may_begin)
{
    static const struct {
        const char *input;
        size_t used;
    } cases[] = {
        {"00", 1},
        {"00000000", 4},
        {"0d0a28860ddf", 2},
        {"28860d28860d", 3},                  /* a parenthesis in a frame is always escaped */
        {"2829", 2},                          /* nothing between them */
        {"28860ddf79060000000106002929", 14}, /* a wrong CRC */
        {"28860ddf792727", 7},                /* an escape of what needs none */
        {"28862729", 4},                      /* an escape of a bare parenthesis */
        {"280000000006000000000000"
         "29",
         13},                                           /* no body, whatever the CRC is */
        {"860ddf790600000001060002ffffffffe42b28", 18}, /* a datagram is the whole message */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer b = from_hex(cases[i].input);

        expect_finding(buffer_bytes(&b), FRAME_GARBAGE, cases[i].used);
        buffer_release(&b);
    }
}

/* A frame of id, version, index and CRC alone has no type. Its CRC is right. */
Test(framer_pst, frame_without_a_body_is_none)
{
    struct buffer b = from_hex("000000010600000002a867");

    expect_finding(buffer_bytes(&b), FRAME_GARBAGE, b.len);
    buffer_release(&b);
    b = from_hex("000000010600000002063324");
    expect_finding(buffer_bytes(&b), FRAME_GOOD, b.len);
    buffer_release(&b);
}

Test(framer_pst, two_frames_in_a_row)
{
    struct buffer first = from_hex("28860ddf790600000001060002ffffffffe42b29");
    struct buffer second = from_hex(escaped);
    size_t len = first.len;

    buffer_put(&first, buffer_bytes(&second));
    expect_finding(buffer_bytes(&first), FRAME_GOOD, len);
    expect_finding(bytes_of(first.data + len, first.len - len), FRAME_GOOD, second.len);
    buffer_release(&second);
    buffer_release(&first);
}

Test(framer_pst, what_does_not_end_is_partial_only_up_to_the_longest_frame)
{
    struct buffer b = {0};

    buffer_put_u8(&b, '(');
    while (b.len < FRAMER_FRAME_MAX - 1)
        buffer_put_u8(&b, 'x');
    expect_finding(buffer_bytes(&b), FRAME_PARTIAL, 0);
    buffer_put_u8(&b, 'x');
    expect_finding(buffer_bytes(&b), FRAME_GARBAGE, b.len);
    buffer_put_u8(&b, '(');
    expect_finding(buffer_bytes(&b), FRAME_GARBAGE, b.len - 1);
    buffer_release(&b);
}

/* The CRC is right, and only one byte is too many. */
Test(framer_pst, longest_datagram)
{
    for (size_t len = FRAMER_FRAME_MAX; len <= FRAMER_FRAME_MAX + 1; len++) {
        struct buffer b = {0};

        while (b.len < len - 2)
            buffer_put_u8(&b, (uint8_t)b.len | 0x80);
        buffer_put_be(&b, checksum_of(CHECKSUM_CRC16_XMODEM, buffer_bytes(&b)), 2);
        if (len == FRAMER_FRAME_MAX)
            expect_finding(buffer_bytes(&b), FRAME_GOOD, len);
        else
            expect_finding(buffer_bytes(&b), FRAME_GARBAGE, len);
        buffer_release(&b);
    }
}
