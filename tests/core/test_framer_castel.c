#include "support/framing_finding.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void pick_framer(void)
{
    framing_use("castel");
}

TestSuite(framer_castel, .init = pick_framer, .timeout = 60);

/* --- commands --- */

Test(framer_castel, commands)
{
    static const struct wrapping cases[] = {
        /* Traccar's CastelProtocolEncoderTest */
        {{"123456789012345", "4583"}, "01", "40402000013132333435363738393031323334350000000000458301a94a0d0a"},
        {{"123456789012345", "4583"}, "00", "40402000013132333435363738393031323334350000000000458300205b0d0a"},
        {{"ABCDEFGHIJ0123456789", "1001"}, "", "40401f00014142434445464748494a30313233343536373839100120c80d0a"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_wrap(&cases[i]);
}

Test(framer_castel, mistakes_are_told)
{
    static const struct wrapping cases[] = {
        {{"", "4583"}, "01", "id: must be 1 to 20 printable characters"},
        {{"123456789012345678901", "4583"}, "01", "id: must be 1 to 20 printable characters"},
        {{"a b", "4583"}, "01", "id: must be 1 to 20 printable characters"},
        {{"\x7f", "4583"}, "01", "id: must be 1 to 20 printable characters"},
        {{"1", "458"}, "01", "type: must be 4 hex digits"},
        {{"1", "45830"}, "01", "type: must be 4 hex digits"},
        {{"1", "458g"}, "01", "type: must be 4 hex digits"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_wrap(&cases[i]);
}

/* Whatever can be wrapped can be found. */
Test(framer_castel, longest_body)
{
    static const char *const fields[FRAMER_FIELDS_MAX] = {"1", "4583"};
    enum { LONGEST = FRAMER_FRAME_MAX - 31 };
    uint8_t body[LONGEST + 1] = {0};
    struct buffer frame;
    char *hex = wrapped(fields, bytes_of(body, LONGEST + 1));

    cr_expect_str_eq(hex, "body: is too long");
    free(hex);
    hex = wrapped(fields, bytes_of(body, LONGEST));
    frame = from_hex(hex);
    cr_assert_eq(frame.len, FRAMER_FRAME_MAX);
    expect_finding(buffer_bytes(&frame), FRAME_GOOD, frame.len);
    buffer_release(&frame);
    free(hex);
}

/* --- what comes in --- */

/* All but the first and the last are of Traccar's CastelProtocolDecoderTest. */
Test(framer_castel, lines)
{
    static const struct reading cases[] = {
        {"40402000013132333435363738393031323334350000000000458301a94a0d0a", "123456789012345 4583 01"},
        {"40401f00043130303131313235323939383700000000000000100303320d0a", "1001112529987 1003 "},
        {"404029000432313345503230313630303035383500000000009001ffffffff0000b4fc1c582b6e0d0a",
         "213EP2016000585 9001 ffffffff0000b4fc1c58"},
        {"40403a00043231334744503230313830323133343300000000a002000001000001012011004d414c43333831434d4b4d35363731343"
         "8c8fc0d0a",
         "213GDP2018021343 a002 000001000001012011004d414c43333831434d4b4d353637313438"},
        {"404044000c3631313135303030303935360000000000000000420600011e0a0f0b1312864fcd08c07a13030100640acf000004000a00"
         "0000000000007ba083a66ad80d0a",
         "611150000956 4206 00011e0a0f0b1312864fcd08c07a13030100640acf000004000a000000000000007ba083a6"},
        /* the old protocol */
        {"24243f00676e6768656636313031313132393030313734002001840d0000d2deb556020602100b35360456cf09e6ebac020000000003"
         "0000000001abc10d0a",
         "gnghef6101112900174 2001 840d0000d2deb556020602100b35360456cf09e6ebac0200000000030000000001"},
        {"40401f000420417f41ff00410000000000000000000000000010000d390d0a", "?A?A??A 1000 "},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_line(&cases[i]);
}

static const char frame[] = "40402000013132333435363738393031323334350000000000458301a94a0d0a";
static const char old_frame[] = "24243f00676e6768656636313031313132393030313734002001840d0000d2deb556020602100b35360456"
                                "cf09e6ebac02000000000300000000"
                                "01abc10d0a";

Test(framer_castel, every_truncation_is_partial)
{
    static const char *const frames[] = {frame, old_frame};

    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct buffer b = from_hex(frames[i]);

        for (size_t len = 1; len < b.len; len++)
            expect_finding(bytes_of(b.data, len), FRAME_PARTIAL, 0);
        buffer_release(&b);
    }
}

Test(framer_castel, each_corrupted_byte_is_seen)
{
    static const char *const frames[] = {frame, old_frame};

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

Test(framer_castel, garbage_ends_where_a_frame_may_begin)
{
    static const struct {
        const char *input;
        size_t used;
    } cases[] = {
        {"00", 1},       {"00000000", 4}, {"0d0a40402000", 2}, {"0d0a24243f00", 2},
        {"40004040", 2}, {"24004040", 2}, {"004024404000", 3}, {"41424340", 3}, /* half a start at the very end */
        {"41424324", 3},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer b = from_hex(cases[i].input);

        expect_finding(buffer_bytes(&b), FRAME_GARBAGE, cases[i].used);
        buffer_release(&b);
    }
}

/* A broken frame is skipped up to the next start, not as a whole. */
Test(framer_castel, good_frame_behind_a_broken_one_is_found)
{
    struct buffer b = from_hex(frame);
    struct buffer good = from_hex(frame);
    size_t len = b.len;

    b.data[25] ^= 1;
    buffer_put(&b, buffer_bytes(&good));
    expect_finding(buffer_bytes(&b), FRAME_GARBAGE, len);
    expect_finding(bytes_of(b.data + len, b.len - len), FRAME_GOOD, len);
    buffer_release(&good);
    buffer_release(&b);
}

Test(framer_castel, two_frames_in_a_row)
{
    static const char *const frames[] = {frame, old_frame};

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

/* What cannot be a length is garbage at once. */
Test(framer_castel, lengths_that_cannot_be)
{
    static const struct {
        const char *input;
        enum frame_verdict verdict;
    } cases[] = {
        {"40400008", FRAME_PARTIAL}, {"40400108", FRAME_GARBAGE}, {"4040ffff", FRAME_GARBAGE},
        {"40401f00", FRAME_PARTIAL}, {"40401e00", FRAME_GARBAGE}, {"40400000", FRAME_GARBAGE},
        {"24241e00", FRAME_PARTIAL}, {"24241d00", FRAME_GARBAGE}, {"24240108", FRAME_GARBAGE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer b = from_hex(cases[i].input);

        expect_finding(buffer_bytes(&b), cases[i].verdict, cases[i].verdict == FRAME_PARTIAL ? 0 : 4);
        buffer_release(&b);
    }
}
