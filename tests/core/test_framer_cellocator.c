#include "support/framing_reading.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void pick_framer(void)
{
    framing_use("cellocator");
}

TestSuite(framer_cellocator, .init = pick_framer);

#define COUNT(list) (sizeof(list) / sizeof *(list))

#define UNIT "4b010000" /* 331 */

Test(framer_cellocator, commands_are_framed)
{
    /* Traccar's CellocatorProtocolEncoderTest */
    expect_frame((const char *[]){"0", "0", "00000000"}, "03031010000000000000",
                 "4d434750000000000000000000000303101000000000000026");
    /* Cellocator Wireless Communication Protocol of 2015, p. 130: two emergency transmissions, 5 s apart */
    expect_frame((const char *[]){"331", "28", "6edfdddd"}, "02020101000002050000",
                 "4d434750004b0100001c6edfdddd020201010000020500007c");
    expect_frame((const char *[]){"4294967295", "255", "FFFFFFFF"}, "ffffffffffffffffffff",
                 "4d43475000ffffffffffffffffffffffffffffffffffffffed");
}

Test(framer_cellocator, what_does_not_fit_is_refused)
{
    expect_refusal((const char *[]){"4294967296", "0", "00000000"}, 10, "unit_id: must be a number up to 4294967295");
    expect_refusal((const char *[]){"", "0", "00000000"}, 10, "unit_id: must be a number up to 4294967295");
    expect_refusal((const char *[]){"1", "256", "00000000"}, 10, "numerator: must be a number up to 255");
    expect_refusal((const char *[]){"1", "x", "00000000"}, 10, "numerator: must be a number up to 255");
    expect_refusal((const char *[]){"1", "0", "0000000"}, 10, "auth: must be 8 hex digits");
    expect_refusal((const char *[]){"1", "0", "0000000g"}, 10, "auth: must be 8 hex digits");
    expect_refusal((const char *[]){"1", "0", "00000000"}, 9, "body: must be 10 bytes");
    expect_refusal((const char *[]){"1", "0", "00000000"}, 11, "body: must be 10 bytes");
}

/* Traccar's CellocatorProtocolDecoderTest and CellocatorFrameDecoderTest */
#define STATUS                                                                                                         \
    "4d434750000101000008011f041804000000200100000000005e750000000000000000000000548500040204da4da30367195703e8030000" \
    "0000000000002014151007dd07f7"
#define STATUS_LINE                                                                                               \
    "0 257 "                                                                                                      \
    "08011f041804000000200100000000005e750000000000000000000000548500040204da4da30367195703e80300000000000000002" \
    "014151007dd07\n"
#define MODULAR                                                                                                        \
    "4d4347500ba9880b00c80a7e003800000000000806000001210a14000613000000000d4457a5f71442ac02e8030000010004070700001117" \
    "1408060e1c08000100000200020000fd"
#define MODULAR_LINE                                                                                                   \
    "11 755881 c80a7e003800000000000806000001210a14000613000000000d4457a5f71442ac02e80300000100040707000011171408060e" \
    "1c08000100000200020000\n"

Test(framer_cellocator, a_message_of_a_unit_becomes_type_unit_and_content)
{
    expect_hex_reading(STATUS, STATUS_LINE);
    expect_hex_reading(MODULAR, MODULAR_LINE);
}

/* Their lengths as in Traccar's CellocatorFrameDecoder; the contents are made up. */
Test(framer_cellocator, the_type_says_how_long_a_message_is)
{
    expect_hex_reading("4d43475003" UNIT "010101010101010101010101010101010101010101"
                       "64",
                       "3 331 010101010101010101010101010101010101010101\n");
    expect_hex_reading("4d43475008" UNIT "000000000000000300616263"
                       "7d",
                       "8 331 000000000000000300616263\n");
    expect_hex_reading("4d43475009" UNIT "00000500027879"
                       "4d",
                       "9 331 00000500027879\n");
    expect_truncations_partial("4d43475003" UNIT "010101010101010101010101010101010101010101"
                               "64");
    expect_truncations_partial("4d43475008" UNIT "000000000000000300616263"
                               "7d");
    expect_truncations_partial("4d43475009" UNIT "00000500027879"
                               "4d");
}

Test(framer_cellocator, a_log_of_type_7_is_as_long_as_a_status)
{
    uint8_t bytes[BYTES_MAX];
    struct bytes frame = unhex(STATUS, bytes);

    bytes[4] += 7;
    bytes[69] += 7;
    cr_expect_eq(verdict(frame), FRAME_GOOD);
}

Test(framer_cellocator, every_truncation_is_partial)
{
    expect_truncations_partial(STATUS);
    expect_truncations_partial(MODULAR);
}

Test(framer_cellocator, no_damaged_byte_makes_a_good_frame)
{
    expect_damage_seen(STATUS, 0);
    expect_damage_seen(MODULAR, 0);
}

Test(framer_cellocator, several_frames_are_told_apart)
{
    expect_hex_reading(STATUS MODULAR STATUS, STATUS_LINE MODULAR_LINE STATUS_LINE);
    expect_hex_reading(MODULAR "4d4347", MODULAR_LINE "...");
}

Test(framer_cellocator, garbage_is_skipped_up_to_the_system_code)
{
    expect_hex_reading("00" STATUS, "!1\n" STATUS_LINE);
    expect_hex_reading("4d43474d43" STATUS, "!5\n" STATUS_LINE);
    expect_hex_reading("000000", "!3\n");
    expect_hex_reading("00004d43", "!2\n...");
    expect_hex_reading("4d434753" STATUS, "!4\n" STATUS_LINE); /* MCGS is another protocol */
}

/* A command, with 25 bytes, is nothing that a unit sends: type 0 of a unit has 70. */
Test(framer_cellocator, a_damaged_message_does_not_swallow_the_next)
{
    uint8_t bytes[BYTES_MAX];
    struct bytes both = unhex(STATUS MODULAR, bytes);

    bytes[30] ^= 1;
    expect_reading(both, "!70\n" MODULAR_LINE);
}

Test(framer_cellocator, an_unknown_type_and_an_oversized_length_are_garbage_at_once)
{
    expect_hex_reading("4d43475001", "!5\n");
    expect_hex_reading("4d4347500c" MODULAR, "!5\n" MODULAR_LINE);
    expect_hex_reading("4d4347500b" UNIT "0000000000", "...");
    expect_hex_reading("4d4347500b" UNIT "00000000f007", "..."); /* 2032 and 16: the most there can be */
    expect_hex_reading("4d4347500b" UNIT "00000000f107" STATUS, "!15\n" STATUS_LINE);
    expect_hex_reading("4d43475008" UNIT "00000000000000ffff" STATUS, "!18\n" STATUS_LINE);
}
