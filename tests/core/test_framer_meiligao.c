#include "support/framing_reading.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void pick_framer(void)
{
    framing_use("meiligao");
}

TestSuite(framer_meiligao, .init = pick_framer);

#define COUNT(list) (sizeof(list) / sizeof *(list))

#define ID "13612345678fff"

Test(framer_meiligao, commands_are_framed)
{
    /* Traccar's MeiligaoProtocolEncoderTest, then the body of GpsGate's "Template commands tips for Meitrack" */
    expect_frame((const char *[]){"12345678901234", "16661"}, "01", "4040001212345678901234411501fd460d0a");
    expect_frame((const char *[]){"12345678901234", "16641"}, "", "404000111234567890123441016cf70d0a");
    expect_frame((const char *[]){"12345678901234", "16642"}, "000a", "40400013123456789012344102000a2f4f0d0a");
    expect_frame((const char *[]){"13612345678", "16660"}, "0100010001", "40400016" ID "4114010001000191160d0a");
    expect_frame((const char *[]){"13612345678", "16660"}, "0000000000", "40400016" ID "411400000000001c560d0a");
    /* an id of one digit, the largest command */
    expect_frame((const char *[]){"1", "1"}, "", "404000111fffffffffffff0001342a0d0a");
    expect_frame((const char *[]){"12345678901234", "65535"}, "ff", "4040001212345678901234ffffffe9100d0a");
}

Test(framer_meiligao, what_does_not_fit_is_refused)
{
    expect_refusal((const char *[]){"", "16661"}, 1, "id: must be 1 to 14 digits");
    expect_refusal((const char *[]){"123456789012345", "16661"}, 1, "id: must be 1 to 14 digits");
    expect_refusal((const char *[]){"12345f", "16661"}, 1, "id: must be 1 to 14 digits");
    expect_refusal((const char *[]){"1:", "16661"}, 1, "id: must be 1 to 14 digits");
    expect_refusal((const char *[]){"-1", "16661"}, 1, "id: must be 1 to 14 digits");
    expect_refusal((const char *[]){"1", "65536"}, 1, "command: must be a number up to 65535");
    expect_refusal((const char *[]){"1", "0x4115"}, 1, "command: must be a number up to 65535");
    expect_refusal((const char *[]){"1", "16661"}, 2032, "body: must be at most 2031 bytes");
}

/* The checksum example of the Meiligao GPRS Communication Protocol: a login. */
#define LOGIN "24240011" ID "500005d80d0a"
#define LOGIN_LINE "13612345678 5000 \n"
#define ACK "24240012" ID "41150168ab0d0a"
#define ACK_LINE "13612345678 4115 01\n"

Test(framer_meiligao, a_frame_becomes_id_command_and_data)
{
    expect_hex_reading(LOGIN, LOGIN_LINE);
    expect_hex_reading(ACK, ACK_LINE);
    expect_hex_reading("24240012" ID "4114004bbb0d0a", "13612345678 4114 00\n");
    /* Traccar's MeiligaoProtocolDecoderTest: a login of 14 digits, a report */
    expect_hex_reading("24240011671440258855405000b24d0d0a", "67144025885540 5000 \n");
    expect_hex_reading(
        "2424003266104024211743990232352c322e34302c302e37392c32322c34332c3131392c333735362c37352c3132e4c9"
        "0d0a",
        "66104024211743 9902 32352c322e34302c302e37392c32322c34332c3131392c333735362c37352c3132\n");
}

Test(framer_meiligao, an_id_that_is_not_decimal_is_shown_as_it_is)
{
    expect_hex_reading("24240011abcde0ffffffff00015bbc0d0a", "abcde0 0001 \n");
}

/* They begin otherwise. */
Test(framer_meiligao, a_frame_of_the_server_is_no_frame_of_a_device)
{
    expect_hex_reading("4040001212345678901234411501fd460d0a" ACK, "!18\n" ACK_LINE);
}

/* From the same test: a length of 0 and a checksum of FFFF, both of old firmware. */
Test(framer_meiligao, what_has_no_right_length_or_checksum_is_garbage)
{
    expect_hex_reading("24240000123456ffffffff50008b9b0d0a", "!17\n");
    expect_hex_reading("24240012254748594772ff080002ffff0d0a" ACK, "!18\n" ACK_LINE);
}

Test(framer_meiligao, every_truncation_is_partial)
{
    expect_truncations_partial(LOGIN);
    expect_truncations_partial(ACK);
}

Test(framer_meiligao, no_damaged_byte_makes_a_good_frame)
{
    expect_damage_seen(LOGIN, 0);
    expect_damage_seen(ACK, 0);
}

Test(framer_meiligao, several_frames_are_told_apart)
{
    expect_hex_reading(ACK LOGIN ACK, ACK_LINE LOGIN_LINE ACK_LINE);
    expect_hex_reading(LOGIN "24", LOGIN_LINE "...");
}

Test(framer_meiligao, garbage_is_skipped_up_to_the_next_header)
{
    expect_hex_reading("0d0a" ACK, "!2\n" ACK_LINE);
    expect_hex_reading("24" ACK, "!1\n" ACK_LINE);
    expect_hex_reading("00112233", "!4\n");
    expect_hex_reading("001124", "!2\n...");
    expect_hex_reading(LOGIN "0d0a" ACK, LOGIN_LINE "!2\n" ACK_LINE);
}

/* The checksum may hold CR LF: 0D0A comes twice here. */
Test(framer_meiligao, frames_are_cut_by_their_length)
{
    expect_hex_reading("24240014" ID "41150d0a01"
                       "83e2"
                       "0d0a" ACK,
                       "13612345678 4115 0d0a01\n" ACK_LINE);
}

Test(framer_meiligao, a_length_that_cannot_be_is_garbage_at_once)
{
    expect_hex_reading("24240010", "!4\n");
    expect_hex_reading("24240011", "...");
    expect_hex_reading("24240800", "..."); /* 2048, the most there can be */
    expect_hex_reading("24240801" ACK, "!4\n" ACK_LINE);
    expect_hex_reading("2424ffff" ACK, "!4\n" ACK_LINE);
}
