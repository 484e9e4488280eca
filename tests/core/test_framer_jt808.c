#include "support/framing_reading.h"

#include "framers.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void pick_framer(void)
{
    framing_use("jt808");
}

TestSuite(framer_jt808, .init = pick_framer);

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const struct {
    const char *source;
    const char *fields[3];
    const char *body;
    const char *frame;
} commands[] = {
    {"Traccar's Jt808ProtocolEncoderTest, engine stop",
     {"8105", "0b3a73ce2ff2", "0"},
     "f0",
     "7e810500010b3a73ce2ff20000f0247e"},
    {"the same test, power off", {"8105", "0b3a73ce2ff2", "0"}, "02", "7e810500010b3a73ce2ff2000002d67e"},
    {"the same test, no body", {"8201", "0b3a73ce2ff2", "0"}, "", "7e820100000b3a73ce2ff20000d27e"},
    {"traccar/traccar#5997, reboot", {"8105", "024530313349", "0"}, "04", "7e81050001024530313349000004bd7e"},
    {"an escape in the serial, both kinds",
     {"8105", "0b3a73ce2ff2", "32126"},
     "f0",
     "7e810500010b3a73ce2ff27d017d02f0277e"},
    {"an escape in the id, capitals", {"8105", "7E7D73CE2FF2", "1"}, "f1", "7e810500017d027d0173ce2ff20001f1167e"},
    {"the checksum is a flag", {"8105", "0b3a73ce2ff2", "90"}, "f0", "7e810500010b3a73ce2ff2005af07d027e"},
    {"the checksum is an escape", {"8105", "0b3a73ce2ff2", "89"}, "f0", "7e810500010b3a73ce2ff20059f07d017e"},
    {"largest serial", {"8105", "0b3a73ce2ff2", "65535"}, "f1", "7e810500010b3a73ce2ff2fffff1257e"},
};

Test(framer_jt808, commands_are_framed_and_escaped_after_the_checksum)
{
    for (size_t i = 0; i < COUNT(commands); i++)
        expect_frame(commands[i].fields, commands[i].body, commands[i].frame);
}

Test(framer_jt808, what_does_not_fit_is_refused)
{
    const char *id = "0b3a73ce2ff2";

    expect_refusal((const char *[]){"810", id, "0"}, 1, "message: must be 4 hex digits");
    expect_refusal((const char *[]){"81050", id, "0"}, 1, "message: must be 4 hex digits");
    expect_refusal((const char *[]){"81x5", id, "0"}, 1, "message: must be 4 hex digits");
    expect_refusal((const char *[]){"8105", "0b3a73ce2ff", "0"}, 1, "id_bytes: must be 12 hex digits");
    expect_refusal((const char *[]){"8105", "123456789012345", "0"}, 1, "id_bytes: must be 12 hex digits");
    expect_refusal((const char *[]){"8105", "", "0"}, 1, "id_bytes: must be 12 hex digits");
    expect_refusal((const char *[]){"8105", id, "65536"}, 1, "serial: must be a number up to 65535");
    expect_refusal((const char *[]){"8105", id, "-1"}, 1, "serial: must be a number up to 65535");
    expect_refusal((const char *[]){"8105", id, "0"}, 1024, "body: must be at most 1023 bytes");
}

Test(framer_jt808, the_longest_body_fills_the_ten_bits)
{
    static const uint8_t zeros[1023];
    struct buffer out = {0};

    cr_assert_null(wrap_texts((const char *[]){"8300", "024530313349", "1"}, bytes_of(zeros, sizeof zeros), &out));
    cr_expect_eq(out.len, 1 + 12 + 1023 + 1 + 1);
    cr_expect_eq(read_be(out.data + 3, 2), 1023);
    cr_expect_eq(verdict(buffer_bytes(&out)), FRAME_GOOD);
    buffer_release(&out);
}

#define ACK "7e00010005024530313349003200008105008e7e"   /* traccar/traccar#5997 */
#define AGAIN "7e00010005024530313349003300008105008f7e" /* the same command acked a second time, a second later */
#define ACK_LINE "0001 024530313349 0000810500\n"

Test(framer_jt808, a_frame_becomes_message_id_and_body)
{
    expect_hex_reading(ACK, ACK_LINE);
    expect_hex_reading("7e0002000002453031334900152b7e", "0002 024530313349 \n");
    expect_hex_reading("7e000100050245303133497d017d027d017d02810500bc7e", "0001 024530313349 7d7e810500\n");
    /* Traccar's Jt808ProtocolDecoderTest */
    expect_hex_reading("7e0900001b41305888975883194000184754534c7c367c317c307c31303231383039347c317c0d0ab47e",
                       "0900 413058889758 4000184754534c7c367c317c307c31303231383039347c317c0d0a\n");
}

/* The other two headers, from the same test. */
Test(framer_jt808, the_header_of_2019_and_that_of_padlocks_are_read)
{
    expect_hex_reading("7e0100405c010000086649607758216452180000000000000000000000000000004d4433303000000000000000"
                       "000000000000000000000000000000000000383636343936303737353832313634000000000000000000000000"
                       "00000004000000000000000000000000000000007a7e",
                       "0100 00000866496077582164 "
                       "0000000000000000000000000000004d4433303000000000000000000000000000000000000000000000000000"
                       "383636343936303737353832313634000000000000000000000000000000040000000000000000000000000000"
                       "0000\n");
    expect_hex_reading(
        "7e55028c37850011000200c008052106305122348621113550170700001e080000000aaa0000000000000300000000100100"
        "020200140a030000000c06003bffa8ffc3c77e",
        "5502 850011000200 08052106305122348621113550170700001e080000000aaa00000000000003000000001001000202"
        "00140a030000000c06003bffa8ffc3\n");
}

Test(framer_jt808, a_part_of_a_longer_message_carries_its_counters_in_front)
{
    expect_hex_reading("7e080120020245303133490007000200010102107e", "0801 024530313349 000200010102\n");
}

Test(framer_jt808, every_truncation_is_partial)
{
    expect_truncations_partial(ACK);
    expect_truncations_partial("7e000100050245303133497d017d027d017d02810500bc7e");
    expect_truncations_partial("7e080120020245303133490007000200010102107e");
    expect_truncations_partial("7e810500010b3a73ce2ff2005af07d027e");
}

Test(framer_jt808, no_damaged_byte_makes_a_good_frame)
{
    expect_damage_seen(ACK, 0);
    expect_damage_seen("7e000100050245303133497d017d027d017d02810500bc7e", 0);
}

Test(framer_jt808, several_frames_are_told_apart)
{
    expect_hex_reading(ACK AGAIN, ACK_LINE ACK_LINE);
    expect_hex_reading(ACK AGAIN "7e0001", ACK_LINE ACK_LINE "...");
}

Test(framer_jt808, garbage_is_skipped_up_to_the_next_flag)
{
    expect_hex_reading("00112233" ACK, "!4\n" ACK_LINE);
    expect_hex_reading("00112233", "!4\n");
    expect_hex_reading("7e" ACK, "!1\n" ACK_LINE);                       /* the end of a frame that was lost */
    expect_hex_reading("33490032008e7e" ACK, "!6\n!1\n" ACK_LINE);       /* its last bytes */
    expect_hex_reading("7e0001000502453031334900320000810500008e7e" ACK, /* a byte too many */
                       "!20\n!1\n" ACK_LINE);
    expect_hex_reading("7e000100050245303133490032000081058e7e" ACK, "!18\n!1\n" ACK_LINE); /* one too few */
    expect_hex_reading("7e7e7e7e", "!1\n!1\n!1\n...");
}

Test(framer_jt808, an_escape_that_means_nothing_is_garbage_at_once)
{
    expect_hex_reading("7e00017d03", "!5\n");
    expect_hex_reading("7e00017d00" ACK, "!5\n" ACK_LINE);
    expect_hex_reading("7e00017d" ACK, "!4\n" ACK_LINE);
}

/* Nothing more can come that makes a frame of it. */
Test(framer_jt808, more_than_the_length_says_is_garbage_without_waiting_for_the_flag)
{
    expect_hex_reading("7e00010005024530313349003200008105008e", "...");
    expect_hex_reading("7e00010005024530313349003200008105008e00", "!20\n");
}

Test(framer_jt808, what_never_ends_is_garbage)
{
    static uint8_t bytes[3000] = {0x7E, 0x01, 0x00, 0x03, 0xFF};

    expect_reading(bytes_of(bytes, 1036), "...");
    expect_reading(bytes_of(bytes, 1037), "...");
    expect_reading(bytes_of(bytes, 1038), "!1038\n");
    expect_reading(bytes_of(bytes, sizeof bytes), "!3000\n");
}

/* Escapes make it twice as long. */
Test(framer_jt808, a_frame_that_escapes_make_too_long_is_garbage)
{
    static uint8_t bytes[2048] = {0x7E, 0x83, 0x00, 0x03, 0xFF};

    for (size_t at = 5; at < sizeof bytes; at++)
        bytes[at] = at % 2 ? 0x7D : 0x01;
    expect_reading(bytes_of(bytes, 2047), "...");
    expect_reading(bytes_of(bytes, 2048), "!2048\n");
}
