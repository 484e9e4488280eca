/* What acks are read to say: groups of the patterns, the order of the kinds, keys. The framings: the next file. */
#include "test_profile_ack.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(profile_ack, .timeout = 30);

/* --- what the tests stand on --- */

struct profile_description reading_acks(enum profile_framing framing, enum profile_match match)
{
    static const char *const models[] = {"m"};

    return (struct profile_description){
        .name = "p",
        .models = models,
        .model_count = 1,
        .kind = PROFILE_DESCRIBED,
        .base.outputs = 8,
        .base.set = true,
        .base.set_payload.text = "S{output}{enable}",
        .framing = framing,
        .match = match,
    };
}

struct profile *profile_made(const struct profile_description *d)
{
    const char *key = NULL;
    const char *error = NULL;
    struct profile *p = profile_new(d, "", &key, &error);

    cr_assert(p, "%s: %s", key, error);
    return p;
}

/* "success=KEY{1+,2-}", and the text behind a colon where it is asked for; several with a '|' between them. */
struct telling {
    struct buffer out;
    bool with_text;
};

static void tell(void *ctx, const struct ack_reading *reading)
{
    struct telling *telling = ctx;
    struct buffer *out = &telling->out;
    const char *separator = "{";

    buffer_printf(out, "%s%s", out->len ? "|" : "", ack_kind_name(reading->kind));
    cr_expect_eq(reading->on & ~reading->confirmed, 0, "only what is confirmed is on");
    if (reading->key.data)
        buffer_printf(out, "=%.*s", (int)reading->key.len, (const char *)reading->key.data);
    for (int i = 0; i < 64; i++) {
        if (!(reading->confirmed >> i & 1))
            continue;
        buffer_printf(out, "%s%d%c", separator, i + 1, reading->on >> i & 1 ? '+' : '-');
        separator = ",";
    }
    if (reading->confirmed)
        buffer_put_u8(out, '}');
    if (telling->with_text)
        buffer_printf(out, ":%.*s", (int)reading->text.len, (const char *)reading->text.data);
}

size_t expect_told(const struct profile *p, const struct ack_expectation *expected, struct bytes payload, bool last,
                   bool with_text, const char *readings)
{
    struct telling telling = {.with_text = with_text};
    uint8_t *exact = malloc(payload.len ? payload.len : 1); /* so that a sanitizer sees a read beyond it */
    size_t used;

    cr_assert(exact);
    memcpy(exact, payload.data, payload.len);
    used = profile_read_acks(p, expected, bytes_of(exact, payload.len), last, tell, &telling);
    buffer_put_u8(&telling.out, '\0');
    cr_expect_str_eq((const char *)telling.out.data, readings, "%.*s gave %s, not %s", (int)payload.len,
                     (const char *)payload.data, (const char *)telling.out.data, readings);
    buffer_release(&telling.out);
    free(exact);
    cr_assert_leq(used, payload.len);
    cr_assert(!last || used == payload.len, "nothing follows the last one");
    return used;
}

/* A whole message for a command. */
static void expect_ack(const struct profile *p, const struct command *command, const char *text, const char *readings)
{
    const struct ack_expectation expected = {.command = command};

    expect_told(p, &expected, bytes_of_text(text), false, false, readings);
}

static const struct command set_2_on = {.id = 7, .action = ACTION_SET, .output = 2, .enable = true};
static const struct command set_2_off = {.id = 7, .action = ACTION_SET, .output = 2, .enable = false};
static const struct command batch = {.id = 7, .action = ACTION_SET_ALL, .outputs = 5, .output_count = 3};
static const struct command wide = {
    .id = 7, .action = ACTION_SET_ALL, .outputs = UINT64_C(1) << 63, .output_count = 64};

/* --- outputs and states --- */

static const char outs[] = "out(?<output>[0-9]*)=(?:(?<on>1)|(?<off>0))";

static struct profile *telling_states(enum profile_match match)
{
    struct profile_description d = reading_acks(FRAMING_MESSAGE, match);

    d.success[0] = outs;
    return profile_made(&d);
}

Test(profile_ack, state_of_the_output_is_the_one_that_is_wanted)
{
    static const struct {
        const struct command *command;
        const char *text;
        const char *readings;
    } cases[] = {
        {&set_2_on, "out2=1", "success{2+}"},
        {&set_2_on, "out2=0", "unrelated"},
        {&set_2_on, "out1=1", "unrelated"},
        {&set_2_on, "out=1", "unrelated"},
        {&set_2_on, "out1=1 out2=1", "success{2+}"},
        {&set_2_on, "out2=1 out3=0", "success{2+}"},
        {&set_2_on, "out02=1", "success{2+}"},
        {&set_2_on, "out0=1", "unrelated"},
        {&set_2_on, "out65=1", "unrelated"},
        {&set_2_on, "out66=1", "unrelated"},
        {&set_2_on, "out18446744073709551618=1", "unrelated"},
        {&set_2_on, "out", "unrelated"},
        {&set_2_off, "out2=0", "success{2-}"},
        {&set_2_off, "out2=1", "unrelated"},
        {&batch, "out1=1 out2=0 out3=1", "success{1+,2-,3+}"},
        {&batch, "out3=1 out2=0 out1=1 out4=1", "success{1+,2-,3+}"},
        {&batch, "out=1 out2=0 out3=1", "success{1+,2-,3+}"},
        {&batch, "out4=1", "unrelated"},
        {NULL, "out1=1 out2=0", "success{1+,2-}"},
        {NULL, "out64=1", "success{64+}"},
        {NULL, "out65=1", "unrelated"},
    };
    struct profile *fifo = telling_states(MATCH_FIFO);
    struct profile *state = telling_states(MATCH_STATE);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_ack(fifo, cases[i].command, cases[i].text, cases[i].readings);
        expect_ack(state, cases[i].command, cases[i].text, cases[i].readings);
    }
    profile_unref(fifo);
    profile_unref(state);
}

Test(profile_ack, one_message_tells_all_states_unless_they_are_the_match)
{
    static const struct {
        const struct command *command;
        const char *text;
        const char *part;
    } cases[] = {
        {&batch, "out1=1", "success{1+}"},
        {&batch, "out1=1 out2=0", "success{1+,2-}"},
        {&batch, "out1=1 out2=1 out3=1", "success{1+,3+}"},
        {&batch, "out1=1 out1=0 out2=0", "success{1+,2-}"},
        {&wide, "out64=1 out63=0", "success{63-,64+}"},
    };
    struct profile *fifo = telling_states(MATCH_FIFO);
    struct profile *state = telling_states(MATCH_STATE);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_ack(fifo, cases[i].command, cases[i].text, "unrelated");
        expect_ack(state, cases[i].command, cases[i].text, cases[i].part);
    }
    profile_unref(fifo);
    profile_unref(state);
}

Test(profile_ack, topic_names_the_output_where_the_ack_does_not)
{
    const struct ack_expectation second = {.command = &set_2_on, .output = 2};
    const struct ack_expectation first = {.command = &set_2_on, .output = 1};
    const struct ack_expectation unasked = {.output = 3};
    struct profile *p = telling_states(MATCH_STATE);

    expect_told(p, &second, bytes_of_text("out=1"), false, false, "success{2+}");
    expect_told(p, &second, bytes_of_text("out1=1"), false, false, "unrelated");
    expect_told(p, &first, bytes_of_text("out=1"), false, false, "unrelated");
    expect_told(p, &first, bytes_of_text("out2=1"), false, false, "success{2+}");
    expect_told(p, &unasked, bytes_of_text("out=0"), false, false, "success{3-}");
    profile_unref(p);
}

Test(profile_ack, patterns_may_tell_of_one_state_or_output_each)
{
    struct profile_description d = reading_acks(FRAMING_MESSAGE, MATCH_STATE);
    struct profile *p;

    d.success[0] = "A=(?<on>1)";
    d.success[1] = "A=(?<off>0)";
    d.success[2] = "B(?<output>2)=(?:(?<on>1)|(?<off>0))";
    p = profile_made(&d);
    expect_ack(p, &batch, "A=1 B2=0", "success{1+,2-}");
    expect_ack(p, &batch, "A=0 B2=0", "success{2-}");
    expect_ack(p, &set_2_off, "A=1 B2=0", "success{2-}");
    expect_ack(p, NULL, "A=0 B2=1", "success{1-,2+}");
    profile_unref(p);
}

Test(profile_ack, every_output_of_a_command_is_confirmed_or_it_is_not)
{
    cr_expect(ack_confirms(&set_2_on, 2));
    cr_expect(ack_confirms(&set_2_on, 7));
    cr_expect_not(ack_confirms(&set_2_on, 5));
    cr_expect_not(ack_confirms(&set_2_on, 0));
    cr_expect(ack_confirms(&batch, 7));
    cr_expect(ack_confirms(&batch, 15));
    cr_expect_not(ack_confirms(&batch, 6));
    cr_expect(ack_confirms(&wide, UINT64_MAX));
    cr_expect_not(ack_confirms(&wide, UINT64_MAX >> 1));
}

/* --- kinds --- */

Test(profile_ack, unsupported_comes_before_refused_and_that_before_success)
{
    struct profile_description d = reading_acks(FRAMING_MESSAGE, MATCH_FIFO);
    struct profile *p;

    d.success[0] = "a";
    d.success[1] = "A";
    d.refused[0] = "b";
    d.unsupported[0] = "c";
    p = profile_made(&d);
    expect_ack(p, &set_2_on, "a", "success");
    expect_ack(p, &set_2_on, "A", "success");
    expect_ack(p, &set_2_on, "ab", "refused");
    expect_ack(p, &set_2_on, "abc", "unsupported");
    expect_ack(p, &set_2_on, "ac", "unsupported");
    expect_ack(p, &set_2_on, "x", "unrelated");
    expect_ack(p, NULL, "abc", "unsupported");
    profile_unref(p);
}

static struct profile *refusing_outputs(void)
{
    struct profile_description d = reading_acks(FRAMING_MESSAGE, MATCH_FIFO);

    d.success[0] = "ok(?<output>[0-9]+)";
    d.refused[0] = "fail(?<output>[0-9]+)";
    d.unsupported[0] = "what";
    return profile_made(&d);
}

Test(profile_ack, refusal_of_another_output_does_not_count)
{
    struct profile *p = refusing_outputs();

    expect_ack(p, &set_2_on, "fail2", "refused");
    expect_ack(p, &set_2_on, "fail1", "unrelated");
    expect_ack(p, &set_2_on, "fail1 fail2", "refused");
    expect_ack(p, &set_2_on, "fail1 ok2", "success");
    expect_ack(p, &set_2_on, "fail2 ok1", "refused");
    expect_ack(p, &batch, "fail3 ok1", "refused");
    expect_ack(p, &batch, "fail4 ok1", "success");
    expect_ack(p, &batch, "what fail4 ok1", "unsupported");
    profile_unref(p);
}

Test(profile_ack, without_a_command_the_refusal_of_one_output_does_not_outweigh_the_success_of_another)
{
    struct profile *p = refusing_outputs();

    expect_ack(p, NULL, "fail1 ok2", "success");
    expect_ack(p, NULL, "fail1", "refused");
    expect_ack(p, NULL, "what ok2", "unsupported");
    expect_ack(p, NULL, "fail65", "unrelated");
    profile_unref(p);
}

Test(profile_ack, refusals_tell_states_like_others)
{
    struct profile_description d = reading_acks(FRAMING_MESSAGE, MATCH_FIFO);
    struct profile *p;

    d.success[0] = "ok";
    d.refused[0] = "no(?<output>[0-9]+)(?:(?<on>\\+)|(?<off>-))";
    p = profile_made(&d);
    expect_ack(p, &set_2_on, "no2+", "refused{2+}");
    expect_ack(p, &set_2_on, "no2- ok", "success");
    expect_ack(p, &batch, "no1+ ok", "success");
    expect_ack(p, &batch, "no1+ no2- no3+ ok", "refused{1+,2-,3+}");
    profile_unref(p);
}

/* --- keys --- */

static struct profile *echoing(enum profile_key key)
{
    struct profile_description d = reading_acks(FRAMING_LINES, MATCH_ECHO);

    d.echo = "{command_id:06d}";
    d.key = key;
    d.success[0] = "^OK (?<key>[^ ]*)";
    d.refused[0] = "^NO(?: (?<key>[^ ]*))?$";
    return profile_made(&d);
}

Test(profile_ack, keys_are_compared_as_text_numbers_or_hex)
{
    static const struct {
        const char *text;
        const char *as_text;
        const char *as_number;
        const char *as_hex;
    } cases[] = {
        {"OK 7", "success=7", "success=7", "success=7"},
        {"OK 0010", "success=0010", "success=10", "success=16"},
        {"OK 00ff", "success=00ff", "success=00ff", "success=255"},
        {"OK FF", "success=FF", "success=FF", "success=255"},
        {"OK -1", "success=-1", "success=-1", "success=-1"},
        {"OK 1g", "success=1g", "success=1g", "success=1g"},
        {"OK ", "success=", "success=", "success="},
        {"OK 9999999999999999999", "success=9999999999999999999", "success=9999999999999999999",
         "success=9999999999999999999"},
        {"OK 00000000000000000001", "success=00000000000000000001", "success=00000000000000000001",
         "success=00000000000000000001"},
        {"OK fffffffffffffffF", "success=fffffffffffffffF", "success=fffffffffffffffF", "success=18446744073709551615"},
        {"NO 0010", "refused=0010", "refused=10", "refused=16"},
        {"NO", "refused", "refused", "refused"},
    };
    struct profile *profiles[] = {echoing(KEY_TEXT), echoing(KEY_NUMBER), echoing(KEY_HEX)};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_ack(profiles[KEY_TEXT], &set_2_on, cases[i].text, cases[i].as_text);
        expect_ack(profiles[KEY_NUMBER], &set_2_on, cases[i].text, cases[i].as_number);
        expect_ack(profiles[KEY_HEX], &set_2_on, cases[i].text, cases[i].as_hex);
    }
    for (int key = KEY_TEXT; key <= KEY_HEX; key++)
        profile_unref(profiles[key]);
}

Test(profile_ack, echo_has_the_form_of_the_keys)
{
    static const struct command command = {.id = 10, .action = ACTION_SET, .output = 1};
    static const char *const expected[] = {[KEY_TEXT] = "000010", [KEY_NUMBER] = "10", [KEY_HEX] = "16"};
    const struct template_input input = {.command = &command};

    for (int key = KEY_TEXT; key <= KEY_HEX; key++) {
        struct profile *p = echoing((enum profile_key)key);
        struct buffer echo = {0};

        profile_render_echo(p, &input, &echo);
        cr_expect(bytes_equal_text(buffer_bytes(&echo), expected[key]), "%s", expected[key]);
        buffer_release(&echo);
        profile_unref(p);
    }
}

/* --- checksums --- */

Test(profile_ack, checksum_of_a_message_is_that_of_all_before_it)
{
    struct profile_description d = reading_acks(FRAMING_MESSAGE, MATCH_FIFO);
    struct profile *p;

    d.success[0] = "abc(?<sum8>[0-9A-Fa-f]*)$";
    d.success[1] = "^123456789(?<crc16_x25>.{4})";
    p = profile_made(&d);
    expect_ack(p, &set_2_on, "abc26", "success");
    expect_ack(p, &set_2_on, "abc27", "unrelated");
    expect_ack(p, &set_2_on, "abc", "unrelated");
    expect_ack(p, &set_2_on, "xabc9E", "success");
    expect_ack(p, &set_2_on, "xabc9e", "success");
    expect_ack(p, &set_2_on, "xabc26", "unrelated");
    expect_ack(p, &set_2_on, "123456789906E", "success");
    expect_ack(p, &set_2_on, "1234567896E90", "unrelated");
    expect_ack(p, &set_2_on, "123456789906g", "unrelated");
    profile_unref(p);
}
