#include "core/profile.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

static struct profiles *builtin;

static void set_up(void)
{
    builtin = profiles_new("");
}

static void tear_down(void)
{
    profiles_free(builtin);
}

static const struct template_input nobody;

TestSuite(profile, .init = set_up, .fini = tear_down, .timeout = 30);

static const char *const models[] = {"suntech_st300", "suntech_sa200"};

/* A family that commands in text and repeats what was commanded. */
static struct profile_description echoing(void)
{
    return (struct profile_description){
        .name = "suntech",
        .models = models,
        .model_count = 2,
        .base.outputs = 2,
        .base.reserved = 1,
        .base.set = true,
        .ack_timeout_ms = 7000,
        .kind = PROFILE_DESCRIBED,
        .match = MATCH_ECHO,
        .base.set_payload.text = "{prefix}CMD;{device_id};02;{enable?Enable:Disable}{output}\r",
        .echo = "{enable?Enable:Disable}{output}",
        .success = {"^[A-Z0-9]+CMD;Res;[^;]*;[^;]*;(?<key>(?:En|Dis)able[0-9]+)(?:;|\r|$)"},
        .refused = {"^[A-Z0-9]+CMD;Res;[^;]*;[^;]*;(?<key>(?:En|Dis)able[0-9]+)NoUse"},
    };
}

/* A family whose acks say only yes or no, one a line. */
static struct profile_description counting(void)
{
    return (struct profile_description){
        .name = "teltonika",
        .models = models,
        .model_count = 1,
        .base.set = true,
        .base.set_all = true,
        .quarantine_ms = 3000,
        .kind = PROFILE_DESCRIBED,
        .framing = FRAMING_LINES,
        .match = MATCH_FIFO,
        .base.set_payload.text = "setdigout {states on='1' off='0' keep='?'}",
        .base.set_all_payload.text = "setdigout {states on='1' off='0'}",
        .success = {"OK", "done"},
        .refused = {"not OK", "busy"},
        .unsupported = {"unknown command"},
    };
}

static struct profile *made(const struct profile_description *d)
{
    const char *key = NULL;
    const char *error = NULL;
    struct profile *p = profile_new(d, "", &key, &error);

    cr_assert(p, "%s: %s", key, error);
    return p;
}

/* --- commands --- */

static void expect_payload(const struct profile *p, const struct template_input *input, const void *bytes, size_t len)
{
    struct buffer out = {0};

    cr_assert_eq(profile_render(p, input, &out, NULL), 0);
    cr_expect(bytes_equal(buffer_bytes(&out), bytes_of(bytes, len)), "gave %.*s", (int)out.len, (const char *)out.data);
    buffer_release(&out);
}

#define EXPECT_PAYLOAD(p, input, text) expect_payload(p, input, text, sizeof(text) - 1)

static const struct command set_on = {.id = 17, .action = ACTION_SET, .output = 1, .enable = true};
static const struct command batch = {.id = 18, .action = ACTION_SET_ALL, .outputs = 3, .output_count = 3};

Test(profile, json_and_msgpack_are_built_in)
{
    const struct profile *json = profiles_by_name(builtin, "json");
    const struct profile *msgpack = profiles_by_name(builtin, "msgpack");

    cr_assert(json && msgpack);
    cr_expect_eq(profiles_count(builtin), 2);
    cr_expect_eq(profiles_at(builtin, 0), json);
    cr_expect_eq(profiles_by_model(builtin, "generic_json"), json);
    cr_expect_eq(profiles_by_model(builtin, "generic_msgpack"), msgpack);
    cr_expect_null(profiles_by_model(builtin, "json"));
    cr_expect_null(profiles_by_name(builtin, "generic_json"));
    cr_expect(profile_has(json, &nobody, ACTION_SET) && profile_has(json, &nobody, ACTION_SET_ALL));
    cr_expect_eq(profile_match(json), MATCH_ID);
    cr_expect_eq(profile_kind(msgpack), PROFILE_GENERIC_MSGPACK);
    cr_expect_eq(profile_outputs(json, &nobody), 0);
    cr_expect_eq(profile_ack_timeout_ms(json), 0);
    cr_expect_null(profile_missing_var(json, &(struct template_input){.vars = ""}));
}

Test(profile, json_commands_are_exactly_these_bytes)
{
    const struct profile *json = profiles_by_name(builtin, "json");
    struct command command = {.id = COMMAND_ID_MAX, .action = ACTION_SET, .output = 64};
    struct template_input input = {.command = &set_on};

    EXPECT_PAYLOAD(json, &input, "{\"id\": 17, \"action\": \"set\", \"output\": 1, \"enable\": true}");
    input.command = &batch;
    EXPECT_PAYLOAD(json, &input, "{\"id\": 18, \"action\": \"set_all\", \"outputs\": [true, true, false]}");
    input.command = &command;
    EXPECT_PAYLOAD(json, &input, "{\"id\": 9007199254740991, \"action\": \"set\", \"output\": 64, \"enable\": false}");
}

Test(profile, msgpack_commands_are_exactly_these_bytes)
{
    const struct profile *msgpack = profiles_by_name(builtin, "msgpack");
    struct template_input input = {.command = &set_on};

    EXPECT_PAYLOAD(msgpack, &input,
                   "\x84\xA2id\x11\xA6"
                   "action\xA3set\xA6output\x01\xA6"
                   "enable\xC3");
    input.command = &batch;
    EXPECT_PAYLOAD(msgpack, &input,
                   "\x83\xA2id\x12\xA6"
                   "action\xA7set_all\xA7outputs\x93\xC3\xC3\xC2");
}

Test(profile, text_command_is_its_template)
{
    const struct profile_description d = echoing();
    struct profile *p = made(&d);
    struct template_input input = {
        .command = &set_on, .device_id = bytes_of_text("907126119"), .vars = "prefix\0ST300\0"};
    struct buffer out = {0};

    EXPECT_PAYLOAD(p, &input, "ST300CMD;907126119;02;Enable1\r");
    profile_render_echo(p, &input, &out);
    cr_expect(bytes_equal_text(buffer_bytes(&out), "Enable1"));
    buffer_release(&out);
    profile_unref(p);
}

Test(profile, text_batch_is_the_template_of_set_all)
{
    const struct profile_description d = counting();
    struct profile *p = made(&d);
    struct template_input input = {.command = &set_on, .outputs = 3};
    struct buffer out = {0};

    EXPECT_PAYLOAD(p, &input, "setdigout 1??");
    input.command = &batch;
    EXPECT_PAYLOAD(p, &input, "setdigout 110");
    profile_render_echo(p, &input, &out);
    cr_expect_eq(out.len, 0, "nothing is repeated");
    profile_unref(p);
}

Test(profile, command_that_needs_an_unknown_state_is_not_rendered)
{
    struct profile_description d = counting();
    struct template_input input = {.command = &set_on, .outputs = 2};
    struct buffer out = {0};
    struct profile *p;

    d.base.set_payload.text = d.echo = "x{states on='1' off='0'}";
    d.match = MATCH_ECHO;
    d.success[0] = d.success[1] = d.refused[0] = d.refused[1] = d.unsupported[0] = "(?<key>x)";
    p = made(&d);
    cr_expect_eq(profile_render(p, &input, &out, NULL), -ENODATA);
    cr_expect_eq(out.len, 0);
    profile_render_echo(p, &input, &out);
    cr_expect_eq(out.len, 0);
    buffer_release(&out);
    profile_unref(p);
}

/* --- acks --- */

struct readings {
    size_t count;
    enum ack_kind kinds[8];
    bool has_key[8];
    bool has_id[8];
    uint64_t ids[8];
    char keys[8][32];
};

static void note(void *ctx, const struct ack_reading *reading)
{
    struct readings *all = ctx;
    size_t n = all->count++;

    cr_assert_lt(n, 8);
    all->kinds[n] = reading->kind;
    all->has_key[n] = reading->key.data != NULL;
    all->has_id[n] = reading->has_id;
    all->ids[n] = reading->id;
    snprintf(all->keys[n], sizeof all->keys[n], "%.*s", (int)reading->key.len, (const char *)reading->key.data);
}

static struct readings read_all(const struct profile *p, struct bytes payload)
{
    struct readings all = {0};

    profile_read_acks(p, &(struct ack_expectation){0}, payload, true, note, &all);
    return all;
}

/* "success 17", "malformed" … joined by commas. */
static void expect_acks(const struct profile *p, struct bytes payload, const char *expected)
{
    struct readings all = read_all(p, payload);
    char text[256] = "";

    for (size_t i = 0; i < all.count; i++) {
        strcat(strcat(text, i ? "," : ""), ack_kind_name(all.kinds[i]));
        if (all.has_key[i])
            strcat(strcat(text, " "), all.keys[i]);
    }
    cr_expect_str_eq(text, expected, "%.*s gave %s", (int)payload.len, (const char *)payload.data, text);
}

#define EXPECT_ACKS(p, payload, expected) expect_acks(p, bytes_of(payload, sizeof(payload) - 1), expected)

Test(profile, json_acks_are_read)
{
    const struct profile *p = profiles_by_name(builtin, "json");

    EXPECT_ACKS(p, "{\"id\": 17, \"success\": true}", "success 17");
    EXPECT_ACKS(p, "{\"success\": true}", "success");
    EXPECT_ACKS(p, "{\"id\": 0, \"success\": false}", "refused 0");
    EXPECT_ACKS(p, "{\"id\": 17, \"success\": false, \"error\": \"vehicle is moving\"}", "refused 17");
    EXPECT_ACKS(p, "{\"id\": 17, \"success\": false, \"unsupported\": true}", "unsupported 17");
    EXPECT_ACKS(p, "{\"id\": 17, \"success\": true, \"unsupported\": true}", "success 17");
    EXPECT_ACKS(p, "{\"id\": 9007199254740991, \"success\": true}", "success 9007199254740991");
    EXPECT_ACKS(p, "{\"id\": 9007199254740992, \"success\": true}", "malformed");
    EXPECT_ACKS(p, "{\"id\": -1, \"success\": true}", "malformed");
    EXPECT_ACKS(p, "{\"id\": \"17\", \"success\": true}", "malformed");
    EXPECT_ACKS(p, "{\"id\": 17}", "malformed");
    EXPECT_ACKS(p, "{\"id\": 17, \"success\": 1}", "malformed");
    EXPECT_ACKS(p, "{\"id\": 17, \"success\": true} {}", "malformed");
    EXPECT_ACKS(p, "\x82\xA2id\x11\xA7success\xC3", "malformed");
    EXPECT_ACKS(p, "", "malformed");
}

Test(profile, msgpack_acks_are_read)
{
    const struct profile *p = profiles_by_name(builtin, "msgpack");

    EXPECT_ACKS(p, "\x82\xA2id\x11\xA7success\xC3", "success 17");
    EXPECT_ACKS(p, "\x81\xA7success\xC2", "refused");
    EXPECT_ACKS(p, "\x83\xA2id\xCF\x00\x1F\xFF\xFF\xFF\xFF\xFF\xFF\xA7success\xC2\xABunsupported\xC3",
                "unsupported 9007199254740991");
    EXPECT_ACKS(p, "\x82\xA2id\xCF\x00\x20\x00\x00\x00\x00\x00\x00\xA7success\xC3", "malformed");
    EXPECT_ACKS(p, "{\"id\": 17, \"success\": true}", "malformed");
    EXPECT_ACKS(p, "", "malformed");
}

Test(profile, id_of_an_ack_is_a_number_and_text)
{
    struct readings with =
        read_all(profiles_by_name(builtin, "json"), bytes_of_text("{\"id\": 17, \"success\": true}"));
    struct readings without = read_all(profiles_by_name(builtin, "json"), bytes_of_text("{\"success\": true}"));

    cr_expect(with.has_id[0]);
    cr_expect_eq(with.ids[0], 17);
    cr_expect_not(without.has_id[0]);
}

Test(profile, text_acks_are_read_with_their_echo)
{
    const struct profile_description d = echoing();
    struct profile *p = made(&d);

    EXPECT_ACKS(p, "ST300CMD;Res;907126119;010;Enable1", "success Enable1");
    EXPECT_ACKS(p, "SA200CMD;Res;907126119;010;Disable2;x", "success Disable2");
    EXPECT_ACKS(p, "ST300CMD;Res;907126119;010;Enable1NoUse", "refused Enable1");
    EXPECT_ACKS(p, "ST300STT;907126119;04;1097B", "unrelated");
    EXPECT_ACKS(p, "", "unrelated");
    profile_unref(p);
}

Test(profile, lines_are_acks_each)
{
    const struct profile_description d = counting();
    struct profile *p = made(&d);

    EXPECT_ACKS(p, "OK\r\nhello\nbusy\r\rdone", "success,unrelated,refused,success");
    EXPECT_ACKS(p, "\r\n\r\nOK", "success");
    EXPECT_ACKS(p, "OK\n", "success");
    EXPECT_ACKS(p, "\n", "");
    EXPECT_ACKS(p, "", "");
    EXPECT_ACKS(p, "a\0OK\nb", "success,unrelated");
    profile_unref(p);
}

Test(profile, message_is_one_ack_where_lines_do_not_count)
{
    struct profile_description d = counting();
    struct profile *p;

    d.framing = FRAMING_MESSAGE;
    p = made(&d);
    EXPECT_ACKS(p, "hello\r\nOK\r\nOK", "success");
    profile_unref(p);
}

Test(profile, refusal_is_seen_before_the_success_that_it_contains)
{
    const struct profile_description d = counting();
    struct profile *p = made(&d);

    EXPECT_ACKS(p, "not OK", "refused");
    EXPECT_ACKS(p, "not OK: unknown command", "unsupported");
    EXPECT_ACKS(p, "unknown command done", "unsupported");
    profile_unref(p);
}

Test(profile, ack_kinds_have_names)
{
    cr_expect_str_eq(ack_kind_name(ACK_SUCCESS), "success");
    cr_expect_str_eq(ack_kind_name(ACK_REFUSED), "refused");
    cr_expect_str_eq(ack_kind_name(ACK_UNSUPPORTED), "unsupported");
    cr_expect_str_eq(ack_kind_name(ACK_UNRELATED), "unrelated");
    cr_expect_str_eq(ack_kind_name(ACK_MALFORMED), "malformed");
}
