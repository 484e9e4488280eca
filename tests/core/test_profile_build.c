#include "core/profile.h"

#include <criterion/criterion.h>
#include <errno.h>

static const struct template_input nobody;

TestSuite(profile_build, .timeout = 30);

static const char *const models[] = {"suntech_st300", "suntech_sa200"};

static struct profile_description whole(void)
{
    return (struct profile_description){
        .name = "suntech",
        .models = models,
        .model_count = 2,
        .base.outputs = 2,
        .base.reserved = 1,
        .base.set = true,
        .base.set_all = true,
        .ack_timeout_ms = 7000,
        .quarantine_ms = 3000,
        .kind = PROFILE_DESCRIBED,
        .match = MATCH_ECHO,
        .command_topic = "dev/{device_id}/{site}/down",
        .ack_topic = "dev/{device_id}/up",
        .presence_topic = "dev/{device_id}/alive",
        .state_topic = "dev/{device_id}/state",
        .base.set_payload.text = "{prefix}{output}",
        .base.set_all_payload.text = "{password}{states on='1' off='0'}",
        .echo = "{mark}{command_id}",
        .success = {"(?<key>a)"},
        .refused = {"(?<key>b)"},
        .unsupported = {"(?<key>c)"},
    };
}

static struct profile *made(const struct profile_description *d, const char *prefix)
{
    const char *key = NULL;
    const char *error = NULL;
    struct profile *p = profile_new(d, prefix, &key, &error);

    cr_assert(p, "%s: %s", key, error);
    return p;
}

Test(profile_build, says_what_its_description_says)
{
    const struct profile_description d = whole();
    struct profile *p = made(&d, "");

    cr_expect_str_eq(profile_name(p), "suntech");
    cr_expect_eq(profile_outputs(p, &nobody), 2);
    cr_expect_eq(profile_reserved(p, &nobody), 1);
    cr_expect_eq(profile_ack_timeout_ms(p), 7000);
    cr_expect_eq(profile_quarantine_ms(p), 3000);
    cr_expect_eq(profile_match(p), MATCH_ECHO);
    cr_expect_eq(profile_kind(p), PROFILE_DESCRIBED);
    cr_expect_eq(profile_model_count(p), 2);
    cr_expect_str_eq(profile_model(p, 0), "suntech_st300");
    cr_expect_str_eq(profile_model(p, 1), "suntech_sa200");
    profile_unref(p);
}

Test(profile_build, has_the_modes_that_it_is_given)
{
    struct profile_description d = whole();
    struct profile *p;

    d.base.set_all = false;
    p = made(&d, "");
    cr_expect(profile_has(p, &nobody, ACTION_SET));
    cr_expect_not(profile_has(p, &nobody, ACTION_SET_ALL));
    profile_unref(p);
    d.base.set_all = true;
    d.base.set = false;
    p = made(&d, "");
    cr_expect_not(profile_has(p, &nobody, ACTION_SET));
    cr_expect(profile_has(p, &nobody, ACTION_SET_ALL));
    profile_unref(p);
}

static void expect_filter(const struct profile *p, enum profile_topic which, const char *expected)
{
    struct buffer out = {0};

    template_filter(profile_topic(p, which), NULL, &out);
    cr_expect(bytes_equal_text(buffer_bytes(&out), expected), "%.*s", (int)out.len, (const char *)out.data);
    buffer_release(&out);
}

Test(profile_build, has_the_default_topics_or_its_own_behind_the_prefix)
{
    struct profile_description d = whole();
    struct profile *p = made(&d, "site/");

    expect_filter(p, TOPIC_COMMAND, "site/dev/+/+/down");
    expect_filter(p, TOPIC_ACK, "site/dev/+/up");
    expect_filter(p, TOPIC_PRESENCE, "site/dev/+/alive");
    expect_filter(p, TOPIC_STATE, "site/dev/+/state");
    profile_unref(p);
    d.command_topic = d.ack_topic = d.presence_topic = d.state_topic = NULL;
    p = made(&d, "");
    expect_filter(p, TOPIC_COMMAND, "tracker/+/output/command");
    expect_filter(p, TOPIC_ACK, "tracker/+/output/ack");
    expect_filter(p, TOPIC_PRESENCE, "tracker/+/status");
    expect_filter(p, TOPIC_STATE, "tracker/+/output/state");
    profile_unref(p);
}

Test(profile_build, missing_vars_of_every_template_are_named)
{
    struct profile_description d = whole();
    struct profile *p = made(&d, "");

    cr_expect_str_eq(profile_missing_var(p, &(struct template_input){.vars = ""}), "prefix");
    cr_expect_str_eq(profile_missing_var(p, &(struct template_input){.vars = "prefix\0x\0"}), "password");
    cr_expect_str_eq(profile_missing_var(p, &(struct template_input){.vars = "prefix\0x\0password\0x\0"}), "mark");
    cr_expect_str_eq(profile_missing_var(p, &(struct template_input){.vars = "prefix\0x\0password\0x\0mark\0x\0"}),
                     "site");
    cr_expect_null(
        profile_missing_var(p, &(struct template_input){.vars = "prefix\0x\0password\0x\0mark\0x\0site\0x\0"}));
    profile_unref(p);
    d.base.set = d.base.set_all = false;
    d.match = MATCH_FIFO;
    p = made(&d, "");
    cr_expect_str_eq(profile_missing_var(p, &(struct template_input){.vars = ""}), "site",
                     "templates that are not used need nothing");
    profile_unref(p);
}

static void expect_mistake(const struct profile_description *d, const char *prefix, const char *key, const char *error)
{
    const char *found_key = "";
    const char *found_error = "";

    cr_assert_null(profile_new(d, prefix, &found_key, &found_error), "%s", key);
    cr_expect_str_eq(found_key, key);
    cr_expect_str_eq(found_error, error);
}

#define EXPECT_MISTAKE(member_, text_, key_, error_) \
    do {                                             \
        struct profile_description d_ = whole();     \
        d_.member_ = (text_);                        \
        expect_mistake(&d_, "", key_, error_);       \
    } while (0)

static const char echo_error[] = "needs a group (?<key>…): acks are matched by an echo";
static const char level_error[] = "in a topic a placeholder ends its level";

Test(profile_build, mistakes_are_told_with_their_key)
{
    EXPECT_MISTAKE(command_topic, "a/+", "command.topic", "a topic has no wildcards and no control characters");
    EXPECT_MISTAKE(ack_topic, "{device_id}x", "ack.topic", level_error);
    EXPECT_MISTAKE(presence_topic, "", "presence.topic", "a topic is not empty");
    EXPECT_MISTAKE(state_topic, "{", "state.topic", "a { without its }");
    EXPECT_MISTAKE(base.set_payload.text, "}", "command.set", "a } without its {");
    EXPECT_MISTAKE(base.set_all_payload.text, "{output}", "command.set_all",
                   "set_all takes no {output} and no {enable}");
    EXPECT_MISTAKE(echo, "{enable}", "ack.echo", "set_all takes no {output} and no {enable}");
    EXPECT_MISTAKE(success[0], "(", "ack.success", "missing closing parenthesis");
    EXPECT_MISTAKE(success[1], "a", "ack.success", echo_error);
    EXPECT_MISTAKE(refused[0], "*", "ack.refused", "quantifier does not follow a repeatable item");
}

Test(profile_build, first_of_several_mistakes_is_told)
{
    struct profile_description d = whole();

    d.ack_topic = "a/#";
    d.state_topic = "{";
    d.base.set_payload.text = "}";
    d.success[0] = "(";
    expect_mistake(&d, "", "command.set", "a } without its {");
}

Test(profile_build, prefix_is_part_of_the_topic)
{
    const struct profile_description d = whole();

    expect_mistake(&d, "a/+/", "command.topic", "a topic has no wildcards and no control characters");
}

Test(profile_build, echo_of_a_single_mode_may_hold_the_output)
{
    struct profile_description d = whole();

    d.base.set_all = false;
    d.echo = "{enable?on:off}{output}";
    profile_unref(made(&d, ""));
}

static void take_kind(void *ctx, const struct ack_reading *reading)
{
    *(enum ack_kind *)ctx = reading->kind;
}

static enum ack_kind kind_of(const struct profile *p, const char *text)
{
    enum ack_kind kind = ACK_MALFORMED;

    profile_read_acks(p, &(struct ack_expectation){0}, bytes_of_text(text), true, take_kind, &kind);
    return kind;
}

Test(profile_build, reads_up_to_16_patterns_of_a_kind)
{
    struct profile_description d = whole();
    struct profile *p;

    for (int i = 0; i < PROFILE_PATTERNS_MAX; i++)
        d.success[i] = d.refused[i] = d.unsupported[i] = "^(?<key>first)$";
    d.success[PROFILE_PATTERNS_MAX - 1] = "^(?<key>done)$";
    d.refused[PROFILE_PATTERNS_MAX - 1] = "^(?<key>busy)$";
    d.unsupported[PROFILE_PATTERNS_MAX - 1] = "^(?<key>what)$";
    p = made(&d, "");
    cr_expect_eq(kind_of(p, "first"), ACK_UNSUPPORTED);
    cr_expect_eq(kind_of(p, "done"), ACK_SUCCESS);
    cr_expect_eq(kind_of(p, "busy"), ACK_REFUSED);
    cr_expect_eq(kind_of(p, "what"), ACK_UNSUPPORTED);
    cr_expect_eq(kind_of(p, "else"), ACK_UNRELATED);
    profile_unref(p);
}

Test(profile_build, lives_as_long_as_somebody_counts_on_it)
{
    const struct profile_description d = whole();
    struct profile *p = made(&d, "");

    cr_expect_eq(profile_ref(p), p);
    profile_unref(p);
    cr_expect_str_eq(profile_name(p), "suntech");
    profile_unref(p);
    profile_unref(NULL);
}

/* --- all of a configuration --- */

Test(profile_build, profiles_find_what_was_added)
{
    const struct profile_description d = whole();
    struct profiles *all = profiles_new("");
    struct profile *p = made(&d, "");
    const char *model = "";

    cr_assert_eq(profiles_add(all, p, &model), 0);
    cr_expect_null(model);
    cr_expect_eq(profiles_count(all), 3);
    cr_expect_eq(profiles_at(all, 2), p);
    cr_expect_eq(profiles_by_name(all, "suntech"), p);
    cr_expect_eq(profiles_by_model(all, "suntech_sa200"), p);
    cr_expect_null(profiles_by_model(all, "suntech"));
    profiles_free(all);
    profiles_free(NULL);
}

Test(profile_build, profiles_take_no_name_and_no_model_twice)
{
    struct profile_description d = whole();
    struct profiles *all = profiles_new("");
    const char *const served[] = {"new", "generic_json"};
    const char *const fresh[] = {"new"};
    const char *model = NULL;
    struct profile *p;

    d.models = served;
    p = made(&d, "");
    cr_expect_eq(profiles_add(all, p, &model), -EEXIST);
    cr_expect_str_eq(model, "generic_json");
    profile_unref(p);
    d.models = fresh;
    d.model_count = 1;
    d.name = "json";
    p = made(&d, "");
    cr_expect_eq(profiles_add(all, p, &model), -EEXIST);
    cr_expect_null(model, "it is the name");
    profile_unref(p);
    cr_expect_eq(profiles_count(all), 2);
    profiles_free(all);
}
