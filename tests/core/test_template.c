#include "core/template.h"

#include <criterion/criterion.h>
#include <errno.h>

TestSuite(template, .timeout = 30);

/* --- what templates are rendered from --- */

static const char vars[] = "password\0"
                           "00000\0"
                           "prefix\0"
                           "ST300\0"
                           "empty\0"
                           "\0";

static const struct command set_on = {.id = 0xABC, .action = ACTION_SET, .output = 2, .enable = true};
static const struct command set_off = {.id = 0xABC, .action = ACTION_SET, .output = 2, .enable = false};
static const struct command batch = {.id = 7, .action = ACTION_SET_ALL, .outputs = 5, .output_count = 3};

static struct template_input input_of(const struct command *command)
{
    return (struct template_input){
        .tracker_id = 265489,
        .device_id = bytes_of_text("356307042441013"),
        .vars = vars,
        .command = command,
        .outputs = 3,
    };
}

static struct template *compiled(const char *text, enum template_use use)
{
    const char *error = NULL;
    struct template *t = template_compile(text, use, NULL, &error);

    cr_assert(t, "%s: %s", text, error);
    return t;
}

static int render(const char *text, enum template_use use, const struct template_input *input, struct buffer *out)
{
    struct template *t = compiled(text, use);
    int r = template_render(t, input, out);

    template_free(t);
    return r;
}

static void expect_text(const char *text, const struct template_input *input, const char *expected)
{
    enum template_use use = input->command->action == ACTION_SET ? TEMPLATE_SET : TEMPLATE_SET_ALL;
    struct buffer out = {0};

    cr_assert_eq(render(text, use, input, &out), 0, "%s", text);
    cr_expect(bytes_equal_text(buffer_bytes(&out), expected), "%s gave %.*s, not %s", text, (int)out.len,
              (const char *)out.data, expected);
    buffer_release(&out);
}

/* --- placeholders --- */

Test(template, every_placeholder_is_filled_in)
{
    static const struct {
        const char *text;
        const char *on;
        const char *off;
    } cases[] = {
        {"", "", ""},
        {"plain\r\n", "plain\r\n", "plain\r\n"},
        {"{tracker_id}", "265489", "265489"},
        {"{command_id}", "2748", "2748"},
        {"{output}", "2", "2"},
        {"{device_id}", "356307042441013", "356307042441013"},
        {"{enable?ON:OFF}", "ON", "OFF"},
        {"{enable?:x}", "", "x"},
        {"{enable?x:}", "x", ""},
        {"{enable?a:b:c}", "a", "b:c"},
        {"{enable?a?:b}", "a?", "b"},
        {"{password}", "00000", "00000"},
        {"{empty}", "", ""},
        {"{prefix}CMD;{device_id};02;{enable?Enable:Disable}{output}", "ST300CMD;356307042441013;02;Enable2",
         "ST300CMD;356307042441013;02;Disable2"},
        {"{states on='1' off='0' keep='?'}", "?1?", "?0?"},
        {"{states on='1' off='0' keep='?' sep=','}", "?,1,?", "?,0,?"},
        {"{states sep=' ' keep='' off='no' on='yes'}", " yes ", " no "},
        {"{states on='' off='' keep=''}", "", ""},
        {"{states on='1' off='0' keep='?' }", "?1?", "?0?"},
    };
    struct template_input on = input_of(&set_on);
    struct template_input off = input_of(&set_off);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_text(cases[i].text, &on, cases[i].on);
        expect_text(cases[i].text, &off, cases[i].off);
    }
}

Test(template, numbers_are_shifted_and_formatted)
{
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"{output-1}", "1"},
        {"{output+3}", "5"},
        {"{output+1000}", "1002"},
        {"{output-1000}", "-998"},
        {"{output-1:02d}", "01"},
        {"{output+8:X}", "A"},
        {"{output:d}", "2"},
        {"{output:02d}", "02"},
        {"{command_id:x}", "abc"},
        {"{command_id:X}", "ABC"},
        {"{command_id:04X}", "0ABC"},
        {"{command_id:08x}", "00000abc"},
        {"{command_id+1:08X}", "00000ABD"},
        {"{command_id:02d}", "2748"},
        {"{command_id:032d}", "00000000000000000000000000002748"},
        {"{tracker_id:x}", "40d11"},
    };
    struct template_input input = input_of(&set_on);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_text(cases[i].text, &input, cases[i].expected);
}

Test(template, largest_numbers_fit)
{
    struct command command = {.id = COMMAND_ID_MAX, .action = ACTION_SET, .output = 64};
    struct template_input input = input_of(&command);

    input.tracker_id = INT32_MAX;
    expect_text("{command_id} {command_id:x}", &input, "9007199254740991 1fffffffffffff");
    expect_text("{command_id+1000:032d}", &input, "00000000000000009007199254741991");
    expect_text("{tracker_id} {tracker_id+1}", &input, "2147483647 2147483648");
}

Test(template, doubled_braces_are_braces)
{
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"{{", "{"},
        {"}}", "}"},
        {"{{}}", "{}"},
        {"{{{{", "{{"},
        {"{{tracker_id}}", "{tracker_id}"},
        {"{{{output}}}", "{2}"},
        {"a{{b}}c", "a{b}c"},
        {"{{\"output\": {output}}}", "{\"output\": 2}"},
        {"{output}}}{{{output}", "2}{2"},
    };
    struct template_input input = input_of(&set_on);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_text(cases[i].text, &input, cases[i].expected);
}

/* --- mistakes --- */

static const char number_error[] =
    "a number is written {name}, {name-1}, {name%100:04X} or {name:d}; shifts go up to 1000, widths to 32";
static const char enable_error[] = "enable is written {enable?ON:OFF}";
static const char states_error[] =
    "states is written {states on='1' off='0' keep='?' sep=','}, with outputs as in {states 1..4 on=…}";
static const char set_all_error[] = "set_all takes no {output} and no {enable}";
static const char topic_error[] = "this topic takes only {tracker_id}, {device_id} and vars";
static const char level_error[] = "in a topic a placeholder ends its level";
static const char unknown_error[] = "this placeholder is not known";

Test(template, mistakes_are_told)
{
    static const struct {
        const char *text;
        enum template_use use;
        const char *error;
    } cases[] = {
        {"{", TEMPLATE_SET, "a { without its }"},
        {"a{output", TEMPLATE_SET, "a { without its }"},
        {"{{{", TEMPLATE_SET, "a { without its }"},
        {"}", TEMPLATE_SET, "a } without its {"},
        {"a}b", TEMPLATE_SET, "a } without its {"},
        {"{output}}", TEMPLATE_SET, "a } without its {"},
        {"{}", TEMPLATE_SET, unknown_error},
        {"{ output}", TEMPLATE_SET, unknown_error},
        {"{output }", TEMPLATE_SET, number_error},
        {"{password:s}", TEMPLATE_SET, number_error},
        {"{pass word}", TEMPLATE_SET, number_error},
        {"{p\xC3\xA4}", TEMPLATE_SET, number_error},
        {"{output:}", TEMPLATE_SET, number_error},
        {"{output:2}", TEMPLATE_SET, number_error},
        {"{output:s}", TEMPLATE_SET, number_error},
        {"{output:dd}", TEMPLATE_SET, number_error},
        {"{output:033d}", TEMPLATE_SET, number_error},
        {"{output:99999999999999999999d}", TEMPLATE_SET, number_error},
        {"{output-}", TEMPLATE_SET, number_error},
        {"{output+-1}", TEMPLATE_SET, number_error},
        {"{output+ 1}", TEMPLATE_SET, number_error},
        {"{output-1-1}", TEMPLATE_SET, number_error},
        {"{output*2}", TEMPLATE_SET, number_error},
        {"{output+1001}", TEMPLATE_SET, number_error},
        {"{output-1001}", TEMPLATE_SET, number_error},
        {"{output+99999999999999999999}", TEMPLATE_SET, number_error},
        {"{device_id:x}", TEMPLATE_SET, "device_id takes no format"},
        {"{device_id+1}", TEMPLATE_SET, "device_id takes no format"},
        {"{enable?}", TEMPLATE_SET, enable_error},
        {"{enable?ON}", TEMPLATE_SET, enable_error},
        {"{enable:ON}", TEMPLATE_SET, number_error},
        {"{states}", TEMPLATE_SET, states_error},
        {"{states on='1'}", TEMPLATE_SET, states_error},
        {"{states off='1'}", TEMPLATE_SET, states_error},
        {"{states on='1' off='0' more='x'}", TEMPLATE_SET, states_error},
        {"{states on='1' off='0' 'x'}", TEMPLATE_SET, states_error},
        {"{states on='1' off='0}", TEMPLATE_SET, states_error},
        {"{states on='1' off=0'}", TEMPLATE_SET, states_error},
        {"{states on='1' off='}", TEMPLATE_SET, states_error},
        {"{states on='1' off}", TEMPLATE_SET, states_error},
        {"{states on='1' off=}", TEMPLATE_SET, states_error},
        {"{states on:'1' off='0'}", TEMPLATE_SET, states_error},
        {"{output}", TEMPLATE_SET_ALL, set_all_error},
        {"{enable?1:0}", TEMPLATE_SET_ALL, set_all_error},
        {"{command_id}", TEMPLATE_TOPIC, topic_error},
        {"{output}", TEMPLATE_TOPIC, topic_error},
        {"{enable?1:0}", TEMPLATE_TOPIC, topic_error},
        {"{states on='1' off='0'}", TEMPLATE_TOPIC, topic_error},
        {"", TEMPLATE_TOPIC, "a topic is not empty"},
        {"a/+/b", TEMPLATE_TOPIC, "a topic has no wildcards and no control characters"},
        {"a/#", TEMPLATE_TOPIC, "a topic has no wildcards and no control characters"},
        {"{device_id}-x", TEMPLATE_TOPIC, level_error},
        {"{device_id}{{", TEMPLATE_TOPIC, level_error},
        {"a/{device_id}{tracker_id}", TEMPLATE_TOPIC, level_error},
        {"{tracker_id:x}", TEMPLATE_TOPIC, "this topic takes plain names only: no lookup, no number with a format"},
        {"{tracker_id:02d}", TEMPLATE_TOPIC, "this topic takes plain names only: no lookup, no number with a format"},
        {"{tracker_id+1}", TEMPLATE_TOPIC, "this topic takes plain names only: no lookup, no number with a format"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *error = NULL;

        cr_assert_null(template_compile(cases[i].text, cases[i].use, NULL, &error), "%s", cases[i].text);
        cr_assert_not_null(error);
        cr_expect_str_eq(error, cases[i].error, "%s: %s", cases[i].text, error);
    }
}

Test(template, has_at_most_64_parts)
{
    static const char part[] = "{output}";
    char text[65 * 8 + 3] = "";
    const char *error = NULL;

    for (int i = 0; i < 64; i++)
        strcat(text, part);
    template_free(compiled(text, TEMPLATE_SET));
    strcat(text, "x");
    cr_expect_null(template_compile(text, TEMPLATE_SET, NULL, &error));
    cr_expect_str_eq(error, "too many placeholders");
    text[strlen(text) - 1] = '\0';
    strcat(text, part);
    cr_expect_null(template_compile(text, TEMPLATE_SET, NULL, &error));
    cr_expect_str_eq(error, "too many placeholders");
    memcpy(text + strlen(text) - strlen(part), "{seven}", sizeof "{seven}");
    cr_expect_null(template_compile(text, TEMPLATE_SET, NULL, &error));
    cr_expect_str_eq(error, "too many placeholders");
}

/* --- states --- */

Test(template, set_all_states_every_output)
{
    struct template_input input = input_of(&batch);

    expect_text("{states on='1' off='0' keep='?'}", &input, "101");
    expect_text("{states on='on' off='off' sep='; '}!", &input, "on; off; on!");
    expect_text("{command_id} {tracker_id} {device_id} {password}", &input, "7 265489 356307042441013 00000");
}

Test(template, all_64_outputs_are_stated)
{
    struct command command = {.action = ACTION_SET_ALL, .outputs = 0x8000000000000001, .output_count = 64};
    struct template_input input = input_of(&command);

    input.outputs = 64;
    expect_text("{states on='1' off='0'}", &input, "1000000000000000000000000000000000000000000000000000000000000001");
}

Test(template, without_keep_the_other_outputs_are_stated_as_last_acked)
{
    struct output_states states = {.known = 7, .on = 4};
    struct template_input input = input_of(&set_on);

    input.states = &states;
    expect_text("{states on='1' off='0'}", &input, "011");
    states.on = 1;
    expect_text("{states on='1' off='0'}", &input, "110");
    states.on = 7;
    input.command = &set_off;
    expect_text("{states on='1' off='0'}", &input, "101");
    states.known = 5;
    states.on = 1;
    expect_text("{states on='1' off='0'}", &input, "100");
}

Test(template, with_keep_no_state_needs_to_be_known)
{
    struct output_states states = {.known = 7, .on = 5};
    struct template_input input = input_of(&set_off);

    input.states = &states;
    expect_text("{states on='1' off='0' keep='-'}", &input, "-0-");
}

Test(template, unknown_state_of_another_output_renders_nothing)
{
    struct output_states states = {.known = 3, .on = 3};
    struct template_input input = input_of(&set_on);
    struct buffer out = {0};

    buffer_put_text(&out, "before");
    input.states = &states;
    cr_expect_eq(render("x{states on='1' off='0'}", TEMPLATE_SET, &input, &out), -ENODATA);
    states.known = 6; /* the first one is not known */
    cr_expect_eq(render("x{states on='1' off='0'}", TEMPLATE_SET, &input, &out), -ENODATA);
    input.states = NULL;
    cr_expect_eq(render("x{states on='1' off='0'}", TEMPLATE_SET, &input, &out), -ENODATA);
    cr_expect(bytes_equal_text(buffer_bytes(&out), "before"), "what was there before is left as it was");
    buffer_release(&out);
}

/* --- vars --- */

static bool var_is(const char *list, const char *name, const char *value)
{
    struct bytes found = template_var(list, name, strlen(name));

    return found.data && bytes_equal_text(found, value);
}

Test(template, vars_are_found_by_their_whole_name)
{
    cr_expect(var_is(vars, "password", "00000"));
    cr_expect(var_is(vars, "prefix", "ST300"));
    cr_expect(var_is(vars, "empty", ""), "a var may be empty");
    cr_expect_null(template_var(vars, "passwor", 7).data);
    cr_expect_null(template_var(vars, "passwords", 9).data);
    cr_expect_null(template_var(vars, "00000", 5).data, "a value is no name");
    cr_expect_null(template_var(NULL, "prefix", 6).data);
    cr_expect_null(template_var("", "prefix", 6).data);
}

Test(template, missing_var_renders_nothing)
{
    struct template_input input = input_of(&set_on);
    struct buffer out = {0};

    cr_expect_eq(render("{prefix}{pin}", TEMPLATE_SET, &input, &out), -ENODATA);
    cr_expect_eq(out.len, 0);
    input.vars = NULL;
    cr_expect_eq(render("x{prefix}", TEMPLATE_SET, &input, &out), -ENODATA);
    cr_expect_eq(out.len, 0);
    buffer_release(&out);
}

Test(template, first_missing_var_is_named)
{
    struct template *t = compiled("{device_id} {password} {pin} {puk}", TEMPLATE_SET);

    cr_expect_str_eq(template_missing_var(t, vars), "pin");
    cr_expect_str_eq(template_missing_var(t, NULL), "password");
    cr_expect_null(template_missing_var(t, "password\0x\0pin\0y\0puk\0z\0"));
    template_free(t);
}

Test(template, free_takes_null)
{
    template_free(NULL);
}
