#include "core/framer.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(framer_ruptela, .timeout = 60);

/* --- what the tests stand on --- */

static const struct framer *framer(void)
{
    return framer_by_name("ruptela");
}

/* The bytes behind these hex digits, exactly as many as malloc() gave, so that a read beyond them is seen. */
static struct bytes bytes_of_hex(const char *hex)
{
    size_t len = strlen(hex) / 2;
    uint8_t *data = malloc(len + !len);

    cr_assert(data && bytes_from_hex(bytes_of_text(hex), data, len), "%s", hex);
    return bytes_of(data, len);
}

static struct frame_found find(struct bytes input, struct buffer *line)
{
    uint8_t *exact = malloc(input.len);
    size_t before = line->len;
    struct frame_found found;

    cr_assert(exact);
    memcpy(exact, input.data, input.len);
    found = framer()->find(bytes_of(exact, input.len), line);
    free(exact);
    cr_assert_leq(found.used, input.len);
    cr_assert_eq(found.used == 0, found.verdict == FRAME_PARTIAL);
    cr_assert(found.verdict == FRAME_GOOD || line->len == before);
    cr_assert(found.verdict != FRAME_PARTIAL || input.len < FRAMER_FRAME_MAX);
    return found;
}

/* What a stream holds: every line behind a '|', a '~' for a run of garbage, a '+' for the beginning of a frame. */
static void expect_stream(struct bytes input, const char *expected)
{
    struct buffer seen = {0};
    bool was_garbage = false;

    while (input.len > 0) {
        struct buffer line = {0};
        struct frame_found found = find(input, &line);

        if (found.verdict == FRAME_GOOD)
            buffer_put_u8(&seen, '|');
        else if (found.verdict == FRAME_PARTIAL)
            buffer_put_u8(&seen, '+');
        else if (!was_garbage)
            buffer_put_u8(&seen, '~');
        was_garbage = found.verdict == FRAME_GARBAGE;
        buffer_put(&seen, buffer_bytes(&line));
        buffer_release(&line);
        if (found.verdict == FRAME_PARTIAL)
            break;
        input = bytes_of(input.data + found.used, input.len - found.used);
    }
    cr_expect(bytes_equal_text(buffer_bytes(&seen), expected), "%.*s, not %s", (int)seen.len, (const char *)seen.data,
              expected);
    buffer_release(&seen);
}

static void expect_hex_stream(const char *hex, const char *expected)
{
    struct bytes input = bytes_of_hex(hex);

    expect_stream(input, expected);
    free((void *)(uintptr_t)input.data);
}

/* The frame in hex, or the error. */
static void expect_wrapped(const char *const *fields, struct bytes body, const char *expected)
{
    struct bytes texts[FRAMER_FIELDS_MAX];
    struct buffer out = {0};
    struct buffer hex = {0};
    const char *error;

    for (size_t i = 0; framer()->fields[i]; i++)
        texts[i] = bytes_of_text(fields[i]);
    buffer_put_text(&out, "before");
    error = framer()->wrap(texts, body, &out);
    cr_expect(memcmp(out.data, "before", 6) == 0);
    bytes_to_hex(bytes_of(out.data + 6, out.len - 6), (char *)buffer_room(&hex, 2 * out.len));
    cr_expect_str_eq(error ? error : (const char *)hex.data, expected);
    cr_expect(!error || out.len == 6, "%s, and %zu bytes appended", error, out.len - 6);
    buffer_release(&out);
    buffer_release(&hex);
}

/* --- frames --- */

/* Of Traccar's RuptelaProtocolDecoderTest, and of our own. */
static const struct {
    const char *hex;
    const char *line;
} frames[] = {
    {"0044000313612d76c5cb0744494e313d312c44494e323d302c44494e333d302c44494e343d302c444f5554313d312c444f5554323d312c414"
     "94e313d31372c41494e323d3236ac80",
     "7 DIN1=1,DIN2=0,DIN3=0,DIN4=0,DOUT1=1,DOUT2=1,AIN1=17,AIN2=26"},
    /* in Traccar's test with a length of 17, which its CRC does not agree with */
    {"0024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c",
     "7 SETIO configuration data ok"},
    {"002b00030e55ac32021a07534554494f20636f6e66696775726174696f6e206461746120696e636f72726563743025",
     "7 SETIO configuration data incorrect"},
    /* without an IMEI */
    {"001c07534554494f20636f6e66696775726174696f6e2064617461206f6bc002", "7 SETIO configuration data ok"},
    /* no text */
    {"000900030e55ac32021a071981", "7 "},
    {"000a00030e55ac32021a11014550", "17 01"},
    {"000211008c49", "17 00"},
    /* an identification */
    {"002e000315bc70d3e2ff0f4f42443130302e30312e30382e30300000c2b30ea77e430000601b000001f40000003c00144aa0",
     "15 4f42443130302e30312e30382e30300000c2b30ea77e430000601b000001f40000003c0014"},
    /* commands, as they go out */
    {"000b6c20536574696f20322c31eb3e", "108 20536574696f20322c31"},
    {"0009750000000100000001861b", "117 0000000100000001"},
    /* nothing behind the command */
    {"000900030e55ac32021a107dbf", "16 "},
    {"0001ff0f78", "255 "},
};

Test(framer_ruptela, each_frame_becomes_a_line)
{
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct bytes frame = bytes_of_hex(frames[i].hex);
        struct buffer line = {0};
        struct frame_found found = find(frame, &line);

        cr_expect_eq(found.verdict, FRAME_GOOD, "frame %zu", i);
        cr_expect_eq(found.used, frame.len, "frame %zu", i);
        cr_expect(bytes_equal_text(buffer_bytes(&line), frames[i].line), "%.*s, not %s", (int)line.len,
                  (const char *)line.data, frames[i].line);
        buffer_release(&line);
        free((void *)(uintptr_t)frame.data);
    }
}

Test(framer_ruptela, commands_are_framed)
{
    static const struct {
        const char *const fields[1];
        const char *body;
        const char *hex;
    } cases[] = {
        {{"108"}, "20536574696f20322c31", "000b6c20536574696f20322c31eb3e"},
        {{"108"}, "7061737320736574696f20302c31", "000f6c7061737320736574696f20302c3166ab"},
        {{"117"}, "0000000100000001", "0009750000000100000001861b"},
        {{"117"}, "0000000200000000", "00097500000002000000008a5e"},
        {{"103"}, "", "00016717b9"}, /* a command without a payload */
        {{"255"}, "00ff", "0003ff00ffc98b"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes body = bytes_of_hex(cases[i].body);

        expect_wrapped(cases[i].fields, body, cases[i].hex);
        free((void *)(uintptr_t)body.data);
    }
}

Test(framer_ruptela, what_does_not_fit_is_refused)
{
    static const char *const wrong[][1] = {{""}, {"0"}, {"256"}, {"-1"}, {"6c"}};
    static const char *const good[] = {"108"};
    uint8_t body[2044] = {0};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_wrapped(wrong[i], bytes_of_text("x"), "command: must be 1 to 255");
    expect_wrapped(good, bytes_of(body, sizeof body), "body: must be at most 2043 bytes");
}

Test(framer_ruptela, the_longest_command_is_a_frame)
{
    const struct bytes fields[] = {bytes_of_text("108")};
    uint8_t body[2043] = {0};
    struct buffer out = {0};
    struct buffer line = {0};

    cr_assert_null(framer()->wrap(fields, bytes_of(body, sizeof body), &out));
    cr_expect_eq(out.len, FRAMER_FRAME_MAX);
    cr_expect_eq(find(buffer_bytes(&out), &line).verdict, FRAME_GOOD);
    buffer_release(&out);
    buffer_release(&line);
}

/* --- streams --- */

Test(framer_ruptela, frames_are_found_one_behind_the_other_and_behind_garbage)
{
    static const struct {
        const char *hex;
        const char *seen;
    } cases[] = {
        /* two */
        {"0024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c0024000315a07f440b1d075345544"
         "94f20636f6e66696775726174696f6e2064617461206f6b341c",
         "|7 SETIO configuration data ok|7 SETIO configuration data ok"},
        {"0024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c000211019dc0",
         "|7 SETIO configuration data ok|17 01"},
        /* a text before it */
        {"68656c6c6f0024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c",
         "~|7 SETIO configuration data ok"},
        /* a length of nothing */
        {"00000024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c",
         "~|7 SETIO configuration data ok"},
        /* an IMEI and no command */
        {"000800030e55ac32021a488e", "~+"},
        /* a length that ends within the IMEI */
        {"000800100024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c",
         "~|7 SETIO configuration data ok"},
        /* an IMEI of more than 15 digits */
        {"010000100024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c",
         "~|7 SETIO configuration data ok"},
        /* a length beyond all frames */
        {"07fd100024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c",
         "~|7 SETIO configuration data ok"},
        {"ffff100024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c",
         "~|7 SETIO configuration data ok"},
        /* what may be a length, until so much is there */
        {"030024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c", "+"},
        /* the beginning of another one */
        {"0024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341c0024000315a07f440b1d075345544"
         "9",
         "|7 SETIO configuration data ok+"},
        {"0024000315a07f440b1d07534554494f20636f6e66696775726174696f6e2064617461206f6b341cff",
         "|7 SETIO configuration data ok~"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_hex_stream(cases[i].hex, cases[i].seen);
}

/* What looks like a length may claim as much as there can be. */
Test(framer_ruptela, a_wrong_frame_is_passed_over_once_enough_has_come_in)
{
    struct bytes good = bytes_of_hex(frames[1].hex);
    struct buffer input = {0};
    struct buffer expected = {0};

    buffer_put(&input, good);
    input.data[input.len - 1] ^= 1;
    buffer_put_u8(&expected, '~');
    for (int i = 0; i < FRAMER_FRAME_MAX / 40 + 1; i++) {
        buffer_put(&input, good);
        buffer_printf(&expected, "|%s", frames[1].line);
    }
    buffer_put_u8(&expected, '\0');
    expect_stream(buffer_bytes(&input), (const char *)expected.data);
    buffer_release(&input);
    buffer_release(&expected);
    free((void *)(uintptr_t)good.data);
}

Test(framer_ruptela, a_length_that_can_only_become_too_large_is_garbage_at_once)
{
    expect_hex_stream("07", "+");
    expect_hex_stream("08", "~");
    expect_hex_stream("07fc", "+");
    expect_hex_stream("07fd", "~");
}

/* --- whatever comes in --- */

Test(framer_ruptela, every_beginning_of_a_frame_is_partial)
{
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct bytes frame = bytes_of_hex(frames[i].hex);

        for (size_t len = 1; len < frame.len; len++) {
            struct buffer line = {0};

            cr_expect_eq(find(bytes_of(frame.data, len), &line).verdict, FRAME_PARTIAL, "frame %zu, %zu bytes", i, len);
        }
        free((void *)(uintptr_t)frame.data);
    }
}

Test(framer_ruptela, a_frame_with_one_wrong_bit_is_none)
{
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct bytes frame = bytes_of_hex(frames[i].hex);
        uint8_t *data = (uint8_t *)(uintptr_t)frame.data;

        for (size_t bit = 0; bit < 8 * frame.len; bit++) {
            struct buffer line = {0};

            data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            cr_expect_neq(find(frame, &line).verdict, FRAME_GOOD, "frame %zu, byte %zu", i, bit / 8);
            data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        free(data);
    }
}

/* find() itself asserts what holds for every input. */
Test(framer_ruptela, no_input_makes_it_read_beyond_its_end)
{
    uint32_t seed = 1;
    uint8_t input[96] = {0};

    for (int round = 0; round < 20000; round++) {
        struct bytes frame = bytes_of_hex(frames[(size_t)round % (sizeof frames / sizeof *frames)].hex);
        size_t len = frame.len < sizeof input ? frame.len : sizeof input;
        struct buffer line = {0};

        memcpy(input, frame.data, len);
        for (int i = 0; i < 3; i++) {
            seed = seed * 1664525 + 1013904223;
            input[(seed >> 8) % sizeof input] = (uint8_t)(seed >> 24);
        }
        find(bytes_of(input, 1 + (seed >> 16) % sizeof input), &line);
        buffer_release(&line);
        free((void *)(uintptr_t)frame.data);
    }
}
