#include "support/framing_reading.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void pick_framer(void)
{
    framing_use("bce");
}

TestSuite(framer_bce, .init = pick_framer);

#define COUNT(list) (sizeof(list) / sizeof *(list))

#define IMEI "3ab90b71bc150300" /* 868324024760634 */

Test(framer_bce, commands_are_framed)
{
    /* Traccar's BceProtocolEncoderTest */
    expect_frame((const char *[]){"123456789012345"}, "410aff005500", "79df0d86487000000600410aff00550048");
    /* both states of the other output */
    expect_frame((const char *[]){"123456789012345"}, "410bff000000", "79df0d86487000000600410bff000000f4");
    expect_frame((const char *[]){"868324024760634"}, "410bff005500", IMEI "0600410bff005500e9");
    /* the largest and the smallest IMEI, one byte of data */
    expect_frame((const char *[]){"999999999999999"}, "410bff000000", "ff7fc6a47e8d03000600410bff00000047");
    expect_frame((const char *[]){"000000000000001"}, "41", "010000000000000001004143");
}

Test(framer_bce, what_does_not_fit_is_refused)
{
    expect_refusal((const char *[]){""}, 6, "imei: must be 15 digits");
    expect_refusal((const char *[]){"12345678901234"}, 6, "imei: must be 15 digits");
    expect_refusal((const char *[]){"1234567890123456"}, 6, "imei: must be 15 digits");
    expect_refusal((const char *[]){"12345678901234x"}, 6, "imei: must be 15 digits");
    expect_refusal((const char *[]){"123456789012345"}, 0, "body: must be 1 to 2037 bytes");
    expect_refusal((const char *[]){"123456789012345"}, 2038, "body: must be 1 to 2037 bytes");
}

Test(framer_bce, the_longest_body_makes_a_frame_that_is_found_again)
{
    static const uint8_t zeros[2037];
    struct buffer out = {0};

    cr_assert_null(wrap_texts((const char *[]){"868324024760634"}, bytes_of(zeros, sizeof zeros), &out));
    cr_expect_eq(out.len, FRAMER_FRAME_MAX);
    cr_expect_eq(verdict(buffer_bytes(&out)), FRAME_GOOD);
    cr_expect_eq(verdict(bytes_of(out.data, out.len - 1)), FRAME_PARTIAL);
    buffer_release(&out);
}

#define ACK IMEI "0300c10bff11" /* Traccar's BceProtocolDecoderTest */
#define ACK_LINE "868324024760634 c10bff\n"
#define GREETING "23424345230d0a" /* #BCE# CR LF */

/* A report of two blocks, from the same test, but for 562 bytes of its first block; the checksum is made anew. */
#define REPORT         \
    "be76619c83460100" \
    "0400a5e83277"     \
    "4200" TRIGGERED "54"
#define TRIGGERED                                                                                              \
    "a0003f3743c96bffc3db0060c81c42d885ab41002aaf060000000000d102380167040000000000008a064f7f0000a4010412a46b" \
    "3300330000000000000000000000"

Test(framer_bce, a_frame_becomes_imei_and_data)
{
    expect_hex_reading(ACK, ACK_LINE);
    expect_hex_reading("18ed450cf31403000200a5070e", "867459045649688 a507\n");
    expect_hex_reading("010000000000000001004143", "000000000000001 41\n");
}

Test(framer_bce, the_greeting_of_a_connection_is_a_message)
{
    expect_hex_reading(GREETING ACK GREETING, "greeting\n" ACK_LINE "greeting\n");
    expect_truncations_partial(GREETING);
}

Test(framer_bce, a_report_of_several_blocks_is_one_frame)
{
    expect_hex_reading(REPORT ACK, "359006055003838 a5e832774200" TRIGGERED "\n" ACK_LINE);
    expect_truncations_partial(REPORT);
}

Test(framer_bce, every_truncation_is_partial)
{
    expect_truncations_partial(ACK);
    expect_truncations_partial("18ed450cf31403000200a5070e");
}

Test(framer_bce, no_damaged_byte_makes_a_good_frame)
{
    expect_damage_seen(ACK, 0);
    expect_damage_seen("18ed450cf31403000200a5070e", 0);
}

Test(framer_bce, several_frames_are_told_apart)
{
    expect_hex_reading(ACK IMEI "0300c10aff10", ACK_LINE "868324024760634 c10aff\n");
    expect_hex_reading(ACK ACK IMEI, ACK_LINE ACK_LINE "...");
}

Test(framer_bce, garbage_is_skipped_up_to_the_next_imei)
{
    expect_hex_reading("ff" ACK, "!1\n" ACK_LINE);
    expect_hex_reading("fffefdfcfbfaf9f8f7f6" ACK, "!10\n" ACK_LINE);
    expect_hex_reading("ff" GREETING, "!1\ngreeting\n");
    expect_hex_reading("71bc150300"
                       "0300c10bff11" ACK,
                       "!11\n" ACK_LINE); /* the end of a frame that was lost */
}

/* The checksum is wrong: what follows is another frame, not another block of this one. */
Test(framer_bce, a_damaged_ack_does_not_swallow_the_next_frame)
{
    expect_hex_reading(IMEI "0300c10bff12" ACK,
                       "!2\n!12\n" ACK_LINE); /* 0b71bc1503000300 is a number of 15 digits, too */
}

/* Read as the length of another block, the wrong checksum and the next byte say 255. */
Test(framer_bce, what_is_no_report_is_no_further_block)
{
    expect_hex_reading(IMEI "0400a5e83277ff"
                            "00b90b71bc1503000300c10bffd7",
                       "!15\n868324024760576 c10bff\n");
    expect_hex_reading(IMEI "0300c10bffff"
                            "00a50b71bc1503000300c10bffc3",
                       "!2\n!12\n868324024755456 c10bff\n");
}

Test(framer_bce, a_further_block_for_which_there_is_no_room_is_not_waited_for)
{
    static uint8_t bytes[2046] = {0x3A, 0xB9, 0x0B, 0x71, 0xBC, 0x15, 0x03, 0x00, 0xF3, 0x07, 0xA5};

    cr_expect_eq(verdict(bytes_of(bytes, 2045)), FRAME_PARTIAL); /* its checksum is to come */
    cr_expect_eq(verdict(bytes_of(bytes, 2046)), FRAME_GARBAGE); /* it is wrong */
}

Test(framer_bce, a_length_that_cannot_be_is_garbage_at_once)
{
    expect_hex_reading(IMEI "000043ff" ACK, "!1\n!1\n!10\n" ACK_LINE); /* no type, though the checksum is right */
    expect_hex_reading(IMEI "0000ffff" ACK, "!1\n!1\n!10\n" ACK_LINE);
    expect_hex_reading(IMEI "f607" ACK, "!10\n" ACK_LINE); /* 2038 bytes of data, 2049 in all */
    expect_hex_reading(IMEI "ffff" ACK, "!10\n" ACK_LINE);
    expect_hex_reading(IMEI "f507", "..."); /* 2037, the most there can be */
}

Test(framer_bce, more_digits_than_15_are_no_imei)
{
    expect_hex_reading("ff7fc6a47e8d0300", "..."); /* 999999999999999 */
    expect_hex_reading("0080c6a47e8d0300"
                       "0300c10bffc6",
                       "!2\n!6\n..."); /* one more */
}
