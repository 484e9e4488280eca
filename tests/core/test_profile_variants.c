/* What trackers of one profile may differ in, and whether a tracker's vars fit its profile. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "test_profile_ack.h"

TestSuite(profile_variants, .timeout = 30);

static const struct command set_2_on = {.id = 7, .action = ACTION_SET, .output = 2, .enable = true};
static const struct command batch = {.id = 7, .action = ACTION_SET_ALL, .outputs = 1, .output_count = 2};

/* --- variants --- */

static const struct payload_member members[] = {
    {.key = "out", .kind = PAYLOAD_MEMBER_TEXT, .text = "{output}"},
    {.key = "pin", .kind = PAYLOAD_MEMBER_TEXT, .text = "{pin}"},
};

/* Texts for `text`, bytes for `hex`, an object for `json`. */
static struct profile_description three(void)
{
    struct profile_description d = reading_acks(FRAMING_MESSAGE, MATCH_FIFO);

    d.base = (struct profile_variant){0};
    d.defaults[0] = (struct profile_default){"kind", "1"};
    d.defaults[1] = (struct profile_default){"mode", "{kind|1=text|2=hex|none}"};
    d.default_count = 2;
    d.variant = "{mode}";
    d.variants[0] = (struct profile_variant){
        .name = "text",
        .outputs = 2,
        .reserved = 1,
        .set = true,
        .set_all = true,
        .set_payload.text = "S{output}",
        .set_all_payload.text = "A{states on='1' off='0'}",
    };
    d.variants[1] = (struct profile_variant){.name = "hex",
                                             .outputs = 4,
                                             .reserved = 10,
                                             .set = true,
                                             .encoding = PAYLOAD_HEX,
                                             .set_payload.text = "{serial:02x}{output:02x}"};
    d.variants[2] = (struct profile_variant){
        .name = "json",
        .set = true,
        .encoding = PAYLOAD_JSON,
        .set_payload = {.members = members, .member_count = 2},
    };
    d.variant_count = 3;
    return d;
}

struct template_input tracker_with(const char *vars)
{
    return (struct template_input){.tracker_id = 7, .device_id = bytes_of_text("imei"), .vars = vars, .outputs = 2};
}

/* `expected` NULL: -EDOM. */
static void expect_payload(const struct profile *p, const struct template_input *tracker, const struct command *command,
                           const char *expected)
{
    struct template_input input = *tracker;
    struct buffer out = {0};

    input.command = command;
    buffer_put_text(&out, "-");
    cr_expect_eq(profile_render(p, &input, &out, NULL), expected ? 0 : -EDOM);
    cr_expect(bytes_equal_text(bytes_of(out.data + 1, out.len - 1), expected), "%.*s", (int)out.len, (char *)out.data);
    buffer_release(&out);
}

Test(profile_variants, each_has_its_outputs_and_modes)
{
    static const struct {
        const char *vars;
        unsigned outputs;
        uint64_t reserved;
        bool set;
        bool set_all;
    } cases[] = {
        {"mode\0text\0", 2, 1, true, true},
        {"mode\0hex\0", 4, 10, true, false},
        {"mode\0json\0", 0, 0, true, false},
        {"mode\0tex\0", 0, 0, false, false},
        {"mode\0texts\0", 0, 0, false, false},
        {"mode\0\0", 0, 0, false, false},
        {NULL, 2, 1, true, true},
        {"kind\0002\0", 4, 10, true, false},
        {"kind\0003\0", 0, 0, false, false},
    };
    const struct profile_description d = three();
    struct profile *p = profile_made(&d);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct template_input tracker = tracker_with(cases[i].vars);

        cr_expect_eq(profile_outputs(p, &tracker), cases[i].outputs, "%zu", i);
        cr_expect_eq(profile_reserved(p, &tracker), cases[i].reserved, "%zu", i);
        cr_expect_eq(profile_has(p, &tracker, ACTION_SET), cases[i].set, "%zu", i);
        cr_expect_eq(profile_has(p, &tracker, ACTION_SET_ALL), cases[i].set_all, "%zu", i);
        cr_expect_not(profile_has(p, &tracker, ACTION_UNKNOWN));
    }
    profile_unref(p);
}

Test(profile_variants, each_has_its_payloads_in_its_encoding)
{
    const struct profile_description d = three();
    struct profile *p = profile_made(&d);
    struct template_input text = tracker_with("mode\0text\0");
    struct template_input hex = tracker_with("mode\0hex\0serial\00065\0");
    struct template_input json = tracker_with("mode\0json\0pin\00012\0");
    struct template_input none = tracker_with("mode\0none\0");

    expect_payload(p, &text, &set_2_on, "S2");
    expect_payload(p, &text, &batch, "A10");
    expect_payload(p, &hex, &set_2_on, "A\x02");
    expect_payload(p, &hex, &batch, NULL);
    expect_payload(p, &json, &set_2_on, "{\"out\":2,\"pin\":\"12\"}");
    expect_payload(p, &none, &set_2_on, NULL);
    profile_unref(p);
}

Test(profile_variants, each_needs_its_own_vars_only)
{
    static const struct {
        const char *vars;
        const char *missing;
    } cases[] = {
        {NULL, NULL},
        {"mode\0hex\0", "serial"},
        {"mode\0json\0serial\0001\0", "pin"},
        {"mode\0json\0pin\0001\0", NULL},
        {"mode\0none\0", NULL},
    };
    struct profile_description d = three();
    struct profile *p = profile_made(&d);
    struct template_input nobody = tracker_with(NULL);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct template_input tracker = tracker_with(cases[i].vars);
        const char *missing = profile_missing_var(p, &tracker);

        cr_expect_str_eq(missing ? missing : "none", cases[i].missing ? cases[i].missing : "none", "%zu", i);
    }
    profile_unref(p);
    d.variant = "{generation}";
    p = profile_made(&d);
    cr_expect_str_eq(profile_missing_var(p, &nobody), "generation");
    profile_unref(p);
}

Test(profile_variants, mistakes_are_told_with_their_key)
{
    struct profile_description d = three();
    const char *key = NULL;
    const char *error = NULL;

    d.variants[1].set_payload.text = "{";
    cr_assert_null(profile_new(&d, "", &key, &error));
    cr_expect_str_eq(key, "variants.hex.set");
    cr_expect_str_eq(error, "a { without its }");
    d = three();
    d.variants[0].set_all_payload.text = "{output}";
    cr_assert_null(profile_new(&d, "", &key, &error));
    cr_expect_str_eq(key, "variants.text.set_all");
    d = three();
    d.variant = "{states on='1' off='0'}";
    cr_assert_null(profile_new(&d, "", &key, &error));
    cr_expect_str_eq(key, "variant");
    d = three();
    d.defaults[0].value = "{output}";
    cr_assert_null(profile_new(&d, "", &key, &error));
    cr_expect_str_eq(key, "defaults.kind");
    cr_expect_str_eq(error, "a default takes no {output}, {enable}, {all} and {states}");
}

/* --- whether a tracker's vars fit --- */

void expect_check(const struct profile_description *d, const char *vars, const char *expected)
{
    struct profile *p = profile_made(d);
    const struct template_input tracker = tracker_with(vars);
    struct buffer why = {0};

    cr_expect_eq(profile_check(p, &tracker, &why), expected == NULL);
    cr_expect(bytes_equal_text(buffer_bytes(&why), expected), "%.*s, not %s", (int)why.len, (const char *)why.data,
              expected);
    buffer_release(&why);
    profile_unref(p);
}

Test(profile_variants, what_does_not_fit_is_told)
{
    struct profile_description d = three();

    expect_check(&d, NULL, NULL);
    expect_check(&d, "mode\0hex\0serial\0007\0", NULL);
    expect_check(&d, "mode\0hex\0", "vars.serial is missing: profile p needs it");
    expect_check(&d, "mode\0none\0", "its vars name none of the variants of profile p");
    expect_check(&d, "mode\0hex\0serial\0x\0",
                 "no set can be rendered for it: a var is not what it has to be: a whole number, hex digits or UTF-8");
    expect_check(&d, "mode\0hex\0serial\000256\0",
                 "no set can be rendered for it: a var is not what it has to be: a whole number, hex digits or UTF-8");
    expect_check(&d, "mode\0json\0pin\0\xFF\0",
                 "no set can be rendered for it: a var is not what it has to be: a whole number, hex digits or UTF-8");
}

Test(profile_variants, vars_that_select_nothing_are_told)
{
    struct profile_description d = reading_acks(FRAMING_MESSAGE, MATCH_FIFO);

    d.base.set_payload.text = "S{output}";
    d.base.set_all = true;
    d.base.set_all_payload.text = "{model|a=1|b=2}{all|on=1|off=0}";
    expect_check(&d, "model\0b\0", NULL);
    expect_check(&d, "model\0c\0", "no set_all can be rendered for it: its vars select nothing that the profile knows");
    d.base.set_all = false;
    d.base.set_payload.text = "{v}";
    d.defaults[0] = (struct profile_default){"v", "{w}"};
    d.default_count = 1;
    expect_check(&d, "w\0001\0", NULL);
    expect_check(&d, NULL, "no set can be rendered for it: a var is missing that a default needs");
}

Test(profile_variants, vars_that_make_no_topic_are_told)
{
    static const char characters[] = "empty, too long, or with characters that no topic has";
    static const char *const names[] = {"command", "ack", "presence", "state"};
    char expected[128];
    char too_long[2 + 66000] = "t";

    memset(too_long + 2, 'x', sizeof too_long - 4);
    for (size_t i = 0; i < 4; i++) {
        struct profile_description d = reading_acks(FRAMING_MESSAGE, MATCH_FIFO);
        const char **topics[] = {&d.command_topic, &d.ack_topic, &d.presence_topic, &d.state_topic};

        *topics[i] = "{t}";
        snprintf(expected, sizeof expected, "its vars make no %s topic: %s", names[i], characters);
        expect_check(&d, "t\0a/b\0", NULL);
        expect_check(&d, "t\0\0", expected);
        expect_check(&d, "t\0a+\0", expected);
        expect_check(&d, "t\0a#\0", expected);
        expect_check(&d, too_long, expected);
    }
}

Test(profile_variants, command_topics_may_be_looked_up)
{
    struct profile_description d = reading_acks(FRAMING_MESSAGE, MATCH_FIFO);

    d.command_topic = "c/{model|a=1|b=2}/{output-1}";
    expect_check(&d, "model\0a\0", NULL);
    expect_check(&d, "model\0c\0", "no set can be rendered for it: its vars select nothing that the profile knows");
}

Test(profile_variants, generic_ones_take_every_tracker)
{
    struct profiles *builtin = profiles_new("");
    const struct template_input tracker = tracker_with(NULL);
    struct buffer why = {0};

    cr_expect(profile_check(profiles_by_name(builtin, "json"), &tracker, &why));
    cr_expect(profile_check(profiles_by_name(builtin, "msgpack"), &tracker, &why));
    cr_expect_eq(why.len, 0);
    profiles_free(builtin);
}

Test(profile_variants, outputs_are_the_elements_of_a_var)
{
    const struct profile_description d = {
        .name = "relay",
        .kind = PROFILE_DESCRIBED,
        .base = {.set = true, .outputs_in = "endpoints", .set_payload = {.text = "{endpoints[output]}"}},
        .match = MATCH_FIFO,
        .success = {"x"}};
    const struct {
        const char *vars;
        unsigned outputs;
    } cases[] = {{"endpoints\0l1,l2,l3\0", 3}, {"endpoints\0left\0", 1}, {"endpoints\0\0", 0}, {"", 0}};
    const char *key = NULL;
    const char *error = NULL;
    struct profile *p = profile_new(&d, "", &key, &error);

    cr_assert(p, "%s: %s", key, error);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct template_input tracker = {.vars = cases[i].vars};

        cr_expect_eq(profile_outputs(p, &tracker), cases[i].outputs, "case %zu", i);
    }
    profile_unref(p);
}
