#include "support/framing_reading.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void pick_framer(void)
{
    framing_use("huasheng");
}

TestSuite(framer_huasheng, .init = pick_framer);

#define COUNT(list) (sizeof(list) / sizeof *(list))

Test(framer_huasheng, commands_are_framed_and_escaped)
{
    /* Traccar's HuaShengProtocolEncoderTest */
    expect_frame((const char *[]){"1"}, "01", "c00000000daa1600000000000101c0");
    expect_frame((const char *[]){"1"}, "04", "c00000000daa1600000000000104c0");
    expect_frame((const char *[]){"16909060"}, "03", "c00000000daa1600000102030403c0");
    expect_frame((const char *[]){"4294967295"}, "06", "c00000000daa160000ffffffff06c0");
    /* C0 and DB in the sequence and in the body; the length is that before escaping */
    expect_frame((const char *[]){"49371"}, "c0", "c00000000daa1600000000dbdcdbdddbdcc0");
    expect_frame((const char *[]){"1"}, "", "c00000000caa16000000000001c0");
}

Test(framer_huasheng, what_does_not_fit_is_refused)
{
    expect_refusal((const char *[]){"4294967296"}, 1, "seq: must be a number up to 4294967295");
    expect_refusal((const char *[]){""}, 1, "seq: must be a number up to 4294967295");
    expect_refusal((const char *[]){"1x"}, 1, "seq: must be a number up to 4294967295");
    expect_refusal((const char *[]){"1"}, 1001, "body: must be at most 1000 bytes");
}

#define ACK "c00000000dff1700000000000100c0"
#define ACK_LINE "ff17 1 00\n"

/* Traccar's HuaShengFrameDecoderTest and HuaShengProtocolDecoderTest */
#define FAULTS "c00000001caa120000000000020001001001000200030043008200c100c0"
#define FAULTS_LINE "aa12 2 0001001001000200030043008200c100\n"

Test(framer_huasheng, a_frame_becomes_type_sequence_and_content)
{
    expect_hex_reading(FAULTS, FAULTS_LINE);
    expect_hex_reading("c0010c00120060000000000004000600010100c0", "0060 4 000600010100\n");
    expect_hex_reading(ACK, ACK_LINE);
    expect_hex_reading("c00000000cff170000ffffffffc0", "ff17 4294967295 \n");
}

Test(framer_huasheng, escapes_are_read_in_every_place)
{
    expect_hex_reading(
        "c000000041aa00000000000030dbdc00000031353035323630373538323800addcc100226aef00000000001200050001"
        "00151206ef0504e99975002903eb80556492cec0",
        "aa00 48 c000000031353035323630373538323800addcc100226aef0000000000120005000100151206ef0504e99975"
        "002903eb80556492ce\n");
    expect_hex_reading("c00000000eff1700000000dbdcdbdddbdcdbddc0", "ff17 49371 c0db\n");
}

/* How it is made is not known, and all known frames have 0. */
Test(framer_huasheng, the_checksum_is_not_looked_at)
{
    expect_hex_reading("c00100000dff1712340000000700c0", "ff17 7 00\n");
}

Test(framer_huasheng, every_truncation_is_partial)
{
    expect_truncations_partial(ACK);
    expect_truncations_partial(FAULTS);
    expect_truncations_partial("c00000000eff1700000000dbdcdbdddbdcdbddc0");
}

/* All that can be seen without a checksum: flags, the length, and what changes the length. */
Test(framer_huasheng, damaged_flags_and_lengths_make_no_good_frame)
{
    static const size_t places[] = {0, 3, 4, 14};
    uint8_t bytes[BYTES_MAX];
    struct bytes frame = unhex(ACK, bytes);

    for (size_t i = 0; i < COUNT(places); i++) {
        for (unsigned change = 1; change < 256; change++) {
            bytes[places[i]] ^= (uint8_t)change;
            cr_expect_neq(verdict(frame), FRAME_GOOD, "byte %zu, changed by %02x", places[i], change);
            bytes[places[i]] ^= (uint8_t)change;
        }
    }
    for (size_t at = 0; at < frame.len - 1; at++) {
        uint8_t was = bytes[at];

        bytes[at] = at ? 0xC0 : 0xDB;
        cr_expect_neq(verdict(frame), FRAME_GOOD, "byte %zu", at);
        bytes[at] = 0xDB;
        cr_expect_neq(verdict(frame), FRAME_GOOD, "byte %zu", at);
        bytes[at] = was;
    }
}

Test(framer_huasheng, several_frames_are_told_apart)
{
    expect_hex_reading(ACK FAULTS ACK, ACK_LINE FAULTS_LINE ACK_LINE);
    expect_hex_reading(FAULTS "c000", FAULTS_LINE "...");
}

Test(framer_huasheng, garbage_is_skipped_up_to_the_next_flag)
{
    expect_hex_reading("00112233" ACK, "!4\n" ACK_LINE);
    expect_hex_reading("00112233", "!4\n");
    expect_hex_reading("c0" ACK, "!1\n" ACK_LINE); /* the end of a frame that was lost */
    expect_hex_reading("c00000000eff1700000000000100c0" ACK, "!14\n!1\n" ACK_LINE); /* says one byte more than it has */
    expect_hex_reading("c00000000cff1700000000000100c0" ACK, "!14\n!1\n" ACK_LINE); /* one less */
    expect_hex_reading("c0ff17c0" ACK, "!3\n!1\n" ACK_LINE);
    expect_hex_reading("c000db00" ACK, "!4\n" ACK_LINE); /* no escape */
}

Test(framer_huasheng, a_length_that_cannot_be_is_garbage_at_once)
{
    expect_hex_reading("c00000000b", "!5\n");
    expect_hex_reading("c00000000c", "...");
    expect_hex_reading("c0000007fe", "..."); /* 2046 and the flags: the most there can be */
    expect_hex_reading("c0000007ff", "!5\n");
    expect_hex_reading("c0000007ff" ACK, "!5\n" ACK_LINE);
    expect_hex_reading("c00000ffff" ACK, "!5\n" ACK_LINE);
}

Test(framer_huasheng, what_never_ends_is_garbage)
{
    static uint8_t bytes[3000] = {0xC0, 0, 0, 0x07, 0xFE};

    expect_reading(bytes_of(bytes, 2047), "...");
    expect_reading(bytes_of(bytes, 2048), "!2048\n");
    expect_reading(bytes_of(bytes, sizeof bytes), "!3000\n");
    bytes[2047] = 0xC0;
    cr_expect_eq(verdict(bytes_of(bytes, 2048)), FRAME_GOOD);
    bytes[3] = 0;
    bytes[4] = 0x0D;
    expect_reading(bytes_of(bytes, 14), "...");
    expect_reading(bytes_of(bytes, 15), "!15\n");
}
