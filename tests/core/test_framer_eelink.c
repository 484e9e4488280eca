#include "support/framing_finding.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void pick_framer(void)
{
    framing_use("eelink");
}

TestSuite(framer_eelink, .init = pick_framer, .timeout = 60);

/* --- commands --- */

#define RELAY_ON "52454c41592c3123"
#define RELAY_OFF "52454c41592c3023"

Test(framer_eelink, commands)
{
    static const struct wrapping cases[] = {
        /* both of Traccar's EelinkProtocolEncoderTest */
        {{"tcp", "0", "0", ""}, RELAY_ON, "676780000f0000010000000052454c41592c3123"},
        {{"udp", "0", "0", "123456789012345"},
         RELAY_ON,
         "454c001eb41a0123456789012345676780000f0000010000000052454c41592c3123"},
        {{"tcp", "1", "7", ""}, RELAY_OFF, "676780000f0001010000000752454c41592c3023"},
        {{"tcp", "65535", "4294967295", "x"}, RELAY_ON, "676780000fffff01ffffffff52454c41592c3123"},
        {{"udp", "2", "258", "865959506137419"},
         RELAY_OFF,
         "454c001ed07a0865959506137419676780000f0002010000010252454c41592c3023"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_wrap(&cases[i]);
}

Test(framer_eelink, mistakes_are_told)
{
    static const struct wrapping cases[] = {
        {{"", "0", "0", ""}, "00", "transport: must be tcp or udp"},
        {{"TCP", "0", "0", ""}, "00", "transport: must be tcp or udp"},
        {{"tcp", "65536", "0", ""}, "00", "index: must be a number up to 65535"},
        {{"tcp", "", "0", ""}, "00", "index: must be a number up to 65535"},
        {{"tcp", "0", "4294967296", ""}, "00", "server_id: must be a number up to 4294967295"},
        {{"tcp", "0", "-1", ""}, "00", "server_id: must be a number up to 4294967295"},
        {{"udp", "0", "0", "12345678901234"}, "00", "imei: must be 15 digits"},
        {{"udp", "0", "0", "12345678901234x"}, "00", "imei: must be 15 digits"},
        {{"tcp", "0", "0", ""}, "", "body: is empty or too long"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_wrap(&cases[i]);
}

/* Whatever can be wrapped can be found. */
Test(framer_eelink, longest_text)
{
    static const char *const fields[FRAMER_FIELDS_MAX] = {"udp", "0", "0", "123456789012345"};
    enum { LONGEST = FRAMER_FRAME_MAX - 26 };
    uint8_t text[LONGEST + 1];
    struct buffer frame;
    char *hex;

    memset(text, 'x', sizeof text);
    hex = wrapped(fields, bytes_of(text, LONGEST + 1));
    cr_expect_str_eq(hex, "body: is empty or too long");
    free(hex);
    hex = wrapped(fields, bytes_of(text, LONGEST));
    frame = from_hex(hex);
    cr_assert_eq(frame.len, FRAMER_FRAME_MAX);
    expect_finding(buffer_bytes(&frame), FRAME_GOOD, frame.len);
    buffer_release(&frame);
    free(hex);
}

/* --- what comes in --- */

Test(framer_eelink, lines)
{
    static const struct reading cases[] = {
        /* Traccar's EelinkProtocolDecoderTest: two answers, the second with an index and an id; a heartbeat; a login */
        {"676780005a000001000000004c61743a4e33312e38333935352c4c6f6e3a5738322e36313334362c436f757273653a302e30302c53706"
         "5"
         "65643a302e30306b6d2f682c4461746554696d653a323031372d31322d30322031313a32393a3433",
         "80 0 Lat:N31.83955,Lon:W82.61346,Course:0.00,Speed:0.00km/h,DateTime:2017-12-02 11:29:43"},
        {"676780005e5788014c754c754c61743a4e32332e3131313734330a4c6f6e3a453131342e3430393233380a436f757273653a302e30300"
         "a"
         "53706565643a302e31374b4d2f480a446174652054696d653a323031352d30392d31332032303a32313a3230",
         "80 1282755701 Lat:N23.111743\nLon:E114.409238\nCourse:0.00\nSpeed:0.17KM/H\nDate Time:2015-09-13 20:21:20"},
        {"67670300040021006e", "03 006e"},
        {"676701000c007b03525440717505180104", "01 03525440717505180104"},
        {"67678000120001010000000752454c4159204f4b212121", "80 7 RELAY OK!!!"},
        {"676780000700010100000007", "80 7 "},
        {"6767800006000101000000", "80 01000000"},             /* shorter than an answer */
        {"676780000900010200000007414b", "80 0200000007414b"}, /* another kind of content */
        {"6767810002ffff", "81 "},
        {"676781000b0001010000000741424344", "81 010000000741424344"},
        /* with UDP: a login, from Traccar's test, too */
        {"454c0027e753035254407167747167670100180002035254407167747100200205020500010432000086bd",
         "01 035254407167747100200205020500010432000086bd"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_line(&cases[i]);
}

/* A datagram holds a heartbeat and an answer. Both are found, one after the other. */
Test(framer_eelink, datagram_with_two_packages)
{
    struct buffer b =
        from_hex("454c0027878c0865959506137419676703000400010021676780000f0002010000010252454c4159204f4b");
    struct finding f = finding_of(buffer_bytes(&b));

    cr_expect(f.verdict == FRAME_GOOD);
    cr_expect_eq(f.used, 14 + 9);
    cr_expect_str_eq(f.line, "03 0021");
    free(f.line);
    f = finding_of(bytes_of(b.data + 23, b.len - 23));
    cr_expect(f.verdict == FRAME_GOOD);
    cr_expect_eq(f.used, b.len - 23);
    cr_expect_str_eq(f.line, "80 258 RELAY OK");
    free(f.line);
    buffer_release(&b);
}

static const char tcp_frame[] = "676780000f0001010000000752454c4159204f4b";
static const char udp_frame[] = "454c001eb41a0123456789012345676780000f0000010000000052454c41592c3123";

Test(framer_eelink, every_truncation_is_partial)
{
    static const char *const frames[] = {tcp_frame, udp_frame};

    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct buffer b = from_hex(frames[i]);

        for (size_t len = 1; len < b.len; len++)
            expect_finding(bytes_of(b.data, len), FRAME_PARTIAL, 0);
        buffer_release(&b);
    }
}

/* The sum covers the IMEI and the packages; the header before it is checked by what it claims. */
Test(framer_eelink, each_corrupted_byte_of_a_datagram_is_seen)
{
    struct buffer b = from_hex(udp_frame);

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

Test(framer_eelink, garbage_ends_where_a_frame_may_begin)
{
    static const struct {
        const char *input;
        size_t used;
    } cases[] = {
        {"00", 1},
        {"00000000", 4},
        {"0d0a676780", 2},
        {"0d0a454c00", 2},
        {"4500676780", 2},
        {"4f4b67", 2}, /* half a start at the very end */
        {"4f4b45", 2},
        {"67006767", 2},
        {"6767030001676703000400", 5}, /* its length leaves no room for the index */
        {"6767030000676703000400", 5},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer b = from_hex(cases[i].input);

        expect_finding(buffer_bytes(&b), FRAME_GARBAGE, cases[i].used);
        buffer_release(&b);
    }
}

Test(framer_eelink, two_frames_in_a_row)
{
    static const char *const frames[] = {"67670300040021006e", udp_frame};

    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct buffer first = from_hex(frames[i]);
        struct buffer second = from_hex(frames[!i]);
        size_t len = first.len;

        buffer_put(&first, buffer_bytes(&second));
        expect_finding(buffer_bytes(&first), FRAME_GOOD, len);
        buffer_release(&second);
        buffer_release(&first);
    }
}

/* 2048 bytes may be a frame of which the rest is to come, one more cannot. */
Test(framer_eelink, oversized_claims_are_garbage_at_once)
{
    static const struct {
        const char *input;
        enum frame_verdict verdict;
    } cases[] = {
        {"67670307fb0000", FRAME_PARTIAL}, {"67670307fc0000", FRAME_GARBAGE}, {"676703ffff0000", FRAME_GARBAGE},
        {"454c07fc0000", FRAME_PARTIAL},   {"454c07fd0000", FRAME_GARBAGE},   {"454cffff", FRAME_GARBAGE},
        {"454c0011", FRAME_PARTIAL},       {"454c0010", FRAME_GARBAGE}, /* no room for a package */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer b = from_hex(cases[i].input);

        expect_finding(buffer_bytes(&b), cases[i].verdict, cases[i].verdict == FRAME_PARTIAL ? 0 : b.len);
        buffer_release(&b);
    }
}

/* The sum of each datagram is right, and what it holds is wrong: garbage up to the next start, within. */
Test(framer_eelink, packages_must_fill_the_datagram)
{
    static const struct {
        const char *input;
        size_t used;
    } cases[] = {
        {"454c0014ec35086595950613741967670300040001002100", 14},           /* a byte behind the package */
        {"454c0012fafc08659595061374196767030004000100", 14},               /* a byte short of it */
        {"454c00199a2d0865959506137419676703000400010021676703000400", 14}, /* the second one is cut in its header */
        {"454c001b68b808659595061374196767030004000100216767030004000100", 14}, /* and in its content */
        {"454c0012ad3a08659595061374190000000000000000", 22},                   /* no package */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer b = from_hex(cases[i].input);

        expect_finding(buffer_bytes(&b), FRAME_GARBAGE, cases[i].used);
        buffer_release(&b);
    }
}
