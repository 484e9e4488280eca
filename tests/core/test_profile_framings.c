/* How messages are found in what comes in. */
#include "test_profile_ack.h"

#include <criterion/criterion.h>

TestSuite(profile_framings, .timeout = 30);

static const struct command set_1_on = {.id = 7, .action = ACTION_SET, .output = 1, .enable = true};
static const struct ack_expectation waiting = {.command = &set_1_on};

/* --- from a start to an end --- */

static struct profile *delimited(const char *start, const char *end)
{
    struct profile_description d = reading_acks(FRAMING_DELIMITER, MATCH_FIFO);

    d.start = start;
    d.end = end;
    d.success[0] = "yes";
    d.refused[0] = "no";
    return profile_made(&d);
}

struct delivery {
    const char *payload;
    const char *readings;
    size_t used;
};

static void expect_deliveries(const struct profile *p, bool last, const struct delivery *deliveries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct bytes payload = bytes_of_text(deliveries[i].payload);
        size_t used = expect_told(p, &waiting, payload, last, true, deliveries[i].readings);

        cr_expect_eq(used, last ? payload.len : deliveries[i].used, "%s: %zu", deliveries[i].payload, used);
    }
}

#define EXPECT_DELIVERIES(p_, last_, deliveries_) \
    expect_deliveries(p_, last_, deliveries_, sizeof(deliveries_) / sizeof *(deliveries_))

Test(profile_framings, delimiter_finds_messages_wherever_they_stand)
{
    static const struct delivery deliveries[] = {
        {"+A:yes$", "success:+A:yes$", 7},
        {"zz+A:yes$", "success:+A:yes$", 9},
        {"+A:yes$+A:no$", "success:+A:yes$|refused:+A:no$", 13},
        {"\r\n+A:yes$\r\n+A:no$", "success:+A:yes$|refused:+A:no$", 17},
        {"+A:yes$ no $+A:no$", "success:+A:yes$|refused:+A:no$", 18},
        {"$$+A:$yes$+A:$", "unrelated:+A:$|unrelated:+A:$", 14},
        {"+A:a+b+A$", "unrelated:+A:a+b+A$", 9},
        {"", "", 0},
    };
    struct profile *p = delimited("+A:", "$");

    EXPECT_DELIVERIES(p, false, deliveries);
    EXPECT_DELIVERIES(p, true, deliveries);
    profile_unref(p);
}

Test(profile_framings, what_holds_no_message_is_unrelated)
{
    static const struct delivery deliveries[] = {
        {"yes", "unrelated:yes", 3},
        {"$", "unrelated:$", 1},
        {"yes$ +B:no$", "unrelated:yes$ +B:no$", 11},
        {"+A:yes$\r\n", "success:+A:yes$|unrelated:\r\n", 9},
    };
    struct profile *p = delimited("+A:", "$");

    EXPECT_DELIVERIES(p, false, deliveries);
    EXPECT_DELIVERIES(p, true, deliveries);
    profile_unref(p);
}

Test(profile_framings, message_that_was_cut_off_is_not_put_together_with_the_next_one)
{
    static const struct delivery deliveries[] = {
        {"+A:no,+A:yes$", "success:+A:yes$", 13},
        {"+A:no,+A:no,+A:yes$+A:no$", "success:+A:yes$|refused:+A:no$", 25},
        {"+A:+A:+A:yes$", "success:+A:yes$", 13},
        {"+A:no+A+A:yes$", "success:+A:yes$", 14},
    };
    struct profile *p = delimited("+A:", "$");

    EXPECT_DELIVERIES(p, false, deliveries);
    EXPECT_DELIVERIES(p, true, deliveries);
    profile_unref(p);
}

Test(profile_framings, message_without_its_end_waits_for_it)
{
    static const struct delivery more_to_come[] = {
        {"+A:yes", "", 0},       {"+A:", "", 0}, {"zz+A:yes", "", 2}, {"+A:no$+A:yes", "refused:+A:no$", 6},
        {"+A:no,+A:yes", "", 6},
    };
    static const struct delivery all_there_is[] = {
        {"+A:yes", "success:+A:yes", 0},       {"+A:", "unrelated:+A:", 0},
        {"zz+A:yes", "success:+A:yes", 0},     {"+A:no$+A:yes", "refused:+A:no$|success:+A:yes", 0},
        {"+A:no,+A:yes", "success:+A:yes", 0},
    };
    struct profile *p = delimited("+A:", "$");

    EXPECT_DELIVERIES(p, false, more_to_come);
    EXPECT_DELIVERIES(p, true, all_there_is);
    profile_unref(p);
}

Test(profile_framings, start_may_have_begun)
{
    static const struct delivery more_to_come[] = {
        {"+", "", 0},
        {"+A", "", 0},
        {"zz+A", "unrelated:zz", 2},
        {"zz++", "unrelated:zz+", 3},
        {"+A:yes$+A", "success:+A:yes$", 7},
        {"+A:yes$z+", "success:+A:yes$|unrelated:z", 8},
        {"+A:no+A", "", 0},
        {"+Az", "unrelated:+Az", 3},
    };
    static const struct delivery all_there_is[] = {
        {"+A", "unrelated:+A", 0},
        {"zz+A", "unrelated:zz+A", 0},
        {"+A:yes$+A", "success:+A:yes$|unrelated:+A", 0},
    };
    struct profile *p = delimited("+A:", "$");

    EXPECT_DELIVERIES(p, false, more_to_come);
    EXPECT_DELIVERIES(p, true, all_there_is);
    profile_unref(p);
}

Test(profile_framings, ends_may_be_long_and_be_part_of_the_start)
{
    static const struct delivery ends[] = {
        {"$$yes\r\n", "success:$$yes\r\n", 7},
        {"$$yes\r", "", 0},
        {"$$yes\r\r\n$$no\n\r\n", "success:$$yes\r\r\n|refused:$$no\n\r\n", 15},
        {"$$$yes\r\n", "success:$$$yes\r\n", 8},
    };
    static const struct delivery starts[] = {
        {"a;yes;", "success:a;yes;", 6},
        {"a;", "", 0},
        {"a;;a;no;", "unrelated:a;;|refused:a;no;", 8},
    };
    struct profile *long_end = delimited("$$", "\r\n");
    struct profile *part = delimited("a;", ";");

    EXPECT_DELIVERIES(long_end, false, ends);
    EXPECT_DELIVERIES(part, false, starts);
    profile_unref(long_end);
    profile_unref(part);
}

Test(profile_framings, start_and_end_may_be_the_same)
{
    static const struct delivery deliveries[] = {
        {"#yes#", "success:#yes#", 5},
        {"#yes##no#", "success:#yes#|refused:#no#", 9},
        {"#yes##", "success:#yes#", 5},
        {"##", "unrelated:##", 2},
        {"#yes", "", 0},
    };
    struct profile *p = delimited("#", "#");

    EXPECT_DELIVERIES(p, false, deliveries);
    profile_unref(p);
}

/* --- frames --- */

/* Of tracker 123456789012345, command 7: "ok", "no"; command 17. As in Traccar's RuptelaProtocolDecoderTest. */
#define FRAME_OK "\x00\x0B\x00\x00\x70\x48\x86\x0D\xDF\x79\x07\x6F\x6B\xCC\x2C"
#define FRAME_NO "\x00\x0B\x00\x00\x70\x48\x86\x0D\xDF\x79\x07\x6E\x6F\x93\xD0"
#define FRAME_17 "\x00\x0A\x00\x00\x70\x48\x86\x0D\xDF\x79\x11\x01\x3B\x38"
#define FRAME_BAD "\x00\x0B\x00\x00\x70\x48\x86\x0D\xDF\x79\x07\x6F\x6B\xCC\x2D"

static struct profile *framed(void)
{
    static const char *const command = "108";
    struct profile_description d = reading_acks(FRAMING_FRAMER, MATCH_FIFO);

    d.framer = framer_by_name("ruptela");
    d.fields[0] = command;
    d.success[0] = "^7 ok$";
    d.refused[0] = "^7 no$";
    return profile_made(&d);
}

static void expect_frames(const struct profile *p, struct bytes payload, bool last, size_t used, const char *readings)
{
    cr_expect_eq(expect_told(p, &waiting, payload, last, false, readings), used, "%s", readings);
}

#define EXPECT_FRAMES(p_, bytes_, last_, used_, readings_) \
    expect_frames(p_, bytes_of(bytes_, sizeof(bytes_) - 1), last_, used_, readings_)

Test(profile_framings, framer_finds_its_frames)
{
    struct profile *p = framed();

    EXPECT_FRAMES(p, FRAME_OK, false, 15, "success");
    EXPECT_FRAMES(p, FRAME_OK FRAME_NO FRAME_17, false, 44, "success|refused|unrelated");
    EXPECT_FRAMES(p, FRAME_BAD, true, 15, "malformed");
    EXPECT_FRAMES(p, "zz" FRAME_OK "zzz" FRAME_NO "z", false, 36, "malformed|success|malformed|refused|malformed");
    EXPECT_FRAMES(p, FRAME_BAD FRAME_NO, false, 30, "malformed|refused");
    EXPECT_FRAMES(p, "", false, 0, "");
    cr_expect_eq(expect_told(p, &waiting, bytes_of(FRAME_17, 14), false, true, "unrelated:17 01"), 14);
    profile_unref(p);
}

Test(profile_framings, frame_that_is_cut_off_waits_for_its_rest)
{
    struct profile *p = framed();

    for (size_t len = 1; len < sizeof FRAME_OK - 1; len++) {
        expect_frames(p, bytes_of(FRAME_OK, len), false, 0, "");
        expect_frames(p, bytes_of(FRAME_OK, len), true, len, "malformed");
        expect_frames(p, bytes_of(FRAME_NO FRAME_OK, 15 + len), false, 15, "refused");
    }
    EXPECT_FRAMES(p, "zz\x00", false, 2, "malformed");
    profile_unref(p);
}

Test(profile_framings, what_claims_to_be_longer_than_all_that_follows_is_no_frame_where_one_does)
{
    struct profile *p = framed();

    EXPECT_FRAMES(p, "\x00\x40zz", false, 0, "");
    EXPECT_FRAMES(p, "\x00\x40zz", true, 4, "malformed");
    EXPECT_FRAMES(p, "\x00\x40zz" FRAME_OK, false, 19, "malformed|success");
    EXPECT_FRAMES(p, "\x00\x40zz" FRAME_BAD, false, 0, "");
    profile_unref(p);
}

/* --- pieces --- */

static void collect(void *ctx, const struct ack_reading *reading)
{
    struct buffer *out = ctx;

    if (reading->kind != ACK_UNRELATED && reading->kind != ACK_MALFORMED)
        buffer_printf(out, "%s:%.*s|", ack_kind_name(reading->kind), (int)reading->text.len,
                      (const char *)reading->text.data);
}

/* What comes in pieces of these lengths, the last one as often as is needed, is read as the whole is. */
static void expect_pieces(const struct profile *p, struct bytes whole, size_t first, size_t others,
                          const char *readings)
{
    struct buffer kept = {0};
    struct buffer out = {0};

    for (size_t at = 0; at < whole.len;) {
        size_t wanted = at ? others : first;
        size_t len = wanted < whole.len - at ? wanted : whole.len - at;
        size_t used;

        buffer_put(&kept, bytes_of(whole.data + at, len));
        at += len;
        used = profile_read_acks(p, &waiting, buffer_bytes(&kept), false, collect, &out);
        memmove(kept.data, kept.data + used, kept.len - used);
        kept.len -= used;
    }
    buffer_put_u8(&out, '\0');
    cr_expect_str_eq((const char *)out.data, readings, "%zu, %zu: %s", first, others, (const char *)out.data);
    cr_expect_eq(kept.len, 0);
    buffer_release(&kept);
    buffer_release(&out);
}

Test(profile_framings, pieces_are_read_as_the_whole_is)
{
    static const char text[] = "zz+A:yes$\r\n+A:no,+A:yes$+A:no$";
    static const char bytes[] = "zz" FRAME_OK FRAME_17 FRAME_NO "zzz" FRAME_OK;
    struct profile *by_delimiter = delimited("+A:", "$");
    struct profile *by_framer = framed();

    for (size_t first = 1; first < sizeof bytes; first++) {
        for (size_t others = 1; others < 20; others += 6) {
            expect_pieces(by_delimiter, bytes_of(text, sizeof text - 1), first, others,
                          "success:+A:yes$|success:+A:yes$|refused:+A:no$|");
            expect_pieces(by_framer, bytes_of(bytes, sizeof bytes - 1), first, others,
                          "success:7 ok|refused:7 no|success:7 ok|");
        }
    }
    profile_unref(by_delimiter);
    profile_unref(by_framer);
}

Test(profile_framings, whole_message_is_told_from_the_rest_of_one)
{
    struct profile *by_delimiter = delimited("+A:", "$");
    struct profile *by_framer = framed();
    struct profile_description d = reading_acks(FRAMING_LINES, MATCH_FIFO);
    struct profile *by_lines = profile_made(&d);

    cr_expect(profile_begins_message(by_delimiter, bytes_of_text("+A:yes$")));
    cr_expect(profile_begins_message(by_delimiter, bytes_of_text("+A:$zz")));
    cr_expect_not(profile_begins_message(by_delimiter, bytes_of_text("es$+A:yes$")));
    cr_expect_not(profile_begins_message(by_delimiter, bytes_of_text("+A:yes")));
    cr_expect_not(profile_begins_message(by_delimiter, bytes_of_text("+A:")));
    cr_expect_not(profile_begins_message(by_delimiter, bytes_of_text("+A")));
    cr_expect_not(profile_begins_message(by_delimiter, bytes_of(NULL, 0)));
    cr_expect(profile_begins_message(by_framer, bytes_of(FRAME_OK "z", 16)));
    cr_expect_not(profile_begins_message(by_framer, bytes_of(FRAME_OK, 14)));
    cr_expect_not(profile_begins_message(by_framer, bytes_of("z" FRAME_OK, 16)));
    cr_expect_not(profile_begins_message(by_framer, bytes_of(FRAME_BAD, 15)));
    cr_expect_not(profile_begins_message(by_framer, bytes_of(NULL, 0)));
    cr_expect(profile_begins_message(by_lines, bytes_of_text("x")));
    profile_unref(by_delimiter);
    profile_unref(by_framer);
    profile_unref(by_lines);
}

/* --- messages, lines and objects --- */

Test(profile_framings, message_is_a_message_and_lines_are_many)
{
    static const struct delivery messages[] = {{"a\nyes\r\n", "success:a\nyes\r\n", 7}, {"", "unrelated:", 0}};
    static const struct delivery lines[] = {
        {"yes", "success:yes", 3},
        {"a\r\nyes\n\rno", "unrelated:a|success:yes|refused:no", 10},
        {"\n\n\r\r", "", 4},
        {"", "", 0},
    };
    struct profile_description d = reading_acks(FRAMING_MESSAGE, MATCH_FIFO);
    struct profile *p;

    d.success[0] = "yes";
    d.refused[0] = "no";
    p = profile_made(&d);
    EXPECT_DELIVERIES(p, false, messages);
    profile_unref(p);
    d.framing = FRAMING_LINES;
    p = profile_made(&d);
    EXPECT_DELIVERIES(p, false, lines);
    EXPECT_DELIVERIES(p, true, lines);
    profile_unref(p);
}

static struct profile *object(enum profile_framing framing)
{
    struct profile_description d = reading_acks(framing, MATCH_STATE);

    d.success[0] = "(?m)^POWER(?<output>[0-9]*)=(?:(?<on>ON)|(?<off>OFF))$";
    d.refused[0] = "(?m)^error\\.code=[0-9]+$";
    return profile_made(&d);
}

Test(profile_framings, objects_are_read_as_lines)
{
    static const struct delivery deliveries[] = {
        {"{\"POWER1\":\"ON\"}", "success{1+}:POWER1=ON\n", 15},
        {"{\"POWER\":\"ON\",\"A\":1}", "success{1+}:A=1\nPOWER=ON\n", 20},
        {"{\"POWER1\":\"OFF\"}", "unrelated:POWER1=OFF\n", 16},
        {"{\"POWER2\":\"ON\"}", "unrelated:POWER2=ON\n", 15},
        {"{\"A\":{\"POWER1\":\"ON\"}}", "unrelated:A.POWER1=ON\n", 21},
        {"{\"A\":\"\\nPOWER1=ON\"}", "unrelated:A=\\u000aPOWER1=ON\n", 19},
        {"{\"error\":{\"code\":-5}}", "unrelated:error.code=-5\n", 21},
        {"{\"error\":{\"code\":5},\"POWER1\":\"ON\"}", "refused:POWER1=ON\nerror.code=5\n", 34},
        {"{}", "unrelated:", 2},
        {"{\"POWER1\":\"ON\"", "malformed:{\"POWER1\":\"ON\"", 14},
        {"POWER1=ON", "malformed:POWER1=ON", 9},
        {"", "malformed:", 0},
    };
    struct profile *json = object(FRAMING_JSON);
    struct profile *msgpack = object(FRAMING_MSGPACK);

    EXPECT_DELIVERIES(json, false, deliveries);
    expect_told(msgpack, &waiting, bytes_of("\x81\xA6POWER1\xA2ON", 11), false, true, "success{1+}:POWER1=ON\n");
    expect_told(msgpack, &waiting, bytes_of("\x81\xA6POWER1\xA2ON\x00", 12), false, false, "malformed");
    expect_told(msgpack, &waiting, bytes_of_text("{\"POWER1\":\"ON\"}"), false, false, "malformed");
    profile_unref(json);
    profile_unref(msgpack);
}
