#include "framers.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

enum { BYTES_MAX = 4096 };

static struct bytes unhex(const char *hex, uint8_t out[BYTES_MAX])
{
    size_t len = strlen(hex) / 2;

    cr_assert(len <= BYTES_MAX && bytes_from_hex(bytes_of_text(hex), out, len), "%s", hex);
    return bytes_of(out, len);
}

/* The input ends where its memory does, so that AddressSanitizer sees a read beyond. */
static struct frame_found look(struct bytes input, struct buffer *line)
{
    uint8_t *exact = malloc(input.len);
    struct frame_found found;

    memcpy(exact, input.data, input.len);
    found = framer_jt808.find(bytes_of(exact, input.len), line);
    free(exact);
    return found;
}

static enum frame_verdict verdict(struct bytes input)
{
    struct buffer line = {0};
    enum frame_verdict verdict = look(input, &line).verdict;

    cr_assert(verdict == FRAME_GOOD || line.len == 0);
    buffer_release(&line);
    return verdict;
}

/* All that the input holds: of each frame its line, "!3" for 3 bytes of garbage, "..." where the rest is to come. */
static void expect_reading(struct bytes input, const char *expected)
{
    struct buffer text = {0};

    while (input.len) {
        struct frame_found found = look(input, &text);

        cr_assert(found.used <= input.len);
        if (found.verdict == FRAME_GARBAGE)
            buffer_printf(&text, "!%zu", found.used);
        buffer_put_text(&text, found.verdict == FRAME_PARTIAL ? "..." : "\n");
        if (found.verdict == FRAME_PARTIAL)
            break;
        cr_assert(found.used > 0);
        input = bytes_of(input.data + found.used, input.len - found.used);
    }
    buffer_put_u8(&text, 0);
    cr_expect_str_eq((const char *)text.data, expected);
    buffer_release(&text);
}

static void expect_hex_reading(const char *hex, const char *expected)
{
    uint8_t bytes[BYTES_MAX];

    expect_reading(unhex(hex, bytes), expected);
}

static const char *wrap(const char *const fields[], struct bytes body, struct buffer *out)
{
    struct bytes texts[FRAMER_FIELDS_MAX];

    for (size_t i = 0; framer_jt808.fields[i]; i++)
        texts[i] = bytes_of_text(fields[i]);
    return framer_jt808.wrap(texts, body, out);
}

/* What was there before stays in front. */
static void expect_frame(const char *const fields[], const char *body_hex, const char *expected_hex)
{
    uint8_t body[BYTES_MAX];
    struct buffer out = {0};
    char hex[2 * BYTES_MAX + 1];

    buffer_put_text(&out, "xy");
    cr_expect_null(wrap(fields, unhex(body_hex, body), &out), "%s", expected_hex);
    cr_assert(out.len >= 2 && memcmp(out.data, "xy", 2) == 0);
    bytes_to_hex(bytes_of(out.data + 2, out.len - 2), hex);
    cr_expect_str_eq(hex, expected_hex);
    buffer_release(&out);
}

static void expect_refusal(const char *const fields[], size_t body_len, const char *error)
{
    static const uint8_t zeros[BYTES_MAX];
    struct buffer out = {0};
    const char *said;

    buffer_put_text(&out, "xy");
    said = wrap(fields, bytes_of(zeros, body_len), &out);
    cr_expect_str_eq(said ? said : "nothing", error);
    cr_expect(bytes_equal_text(buffer_bytes(&out), "xy"));
    buffer_release(&out);
}

static void expect_truncations_partial(const char *hex)
{
    uint8_t bytes[BYTES_MAX];
    struct bytes frame = unhex(hex, bytes);

    for (size_t len = 1; len < frame.len; len++)
        cr_expect_eq(verdict(bytes_of(frame.data, len)), FRAME_PARTIAL, "%zu bytes of %s", len, hex);
    cr_expect_eq(verdict(frame), FRAME_GOOD);
}

/* Every byte from `first` on takes all other values in turn. */
static void expect_damage_seen(const char *hex, size_t first)
{
    uint8_t bytes[BYTES_MAX];
    struct bytes frame = unhex(hex, bytes);

    for (size_t at = first; at < frame.len; at++) {
        for (unsigned change = 1; change < 256; change++) {
            bytes[at] ^= (uint8_t)change;
            cr_expect_neq(verdict(frame), FRAME_GOOD, "byte %zu of %s, changed by %02x", at, hex, change);
            bytes[at] ^= (uint8_t)change;
        }
    }
}

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

    cr_assert_null(wrap((const char *[]){"8300", "024530313349", "1"}, bytes_of(zeros, sizeof zeros), &out));
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
