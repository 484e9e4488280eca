/* What placeholders are worth: defaults, numbers, lookups, elements of lists, replacements and states by range. */
#include "core/template.h"

#include <criterion/criterion.h>
#include <errno.h>

TestSuite(template_values, .timeout = 30);

/* --- what templates are rendered from --- */

static const char vars[] = "model\0"
                           "GV\0"
                           "serial\0"
                           "0012\0"
                           "second\0"
                           "3661\0"
                           "topic\0"
                           "dev7\0"
                           "full\0"
                           "%prefix%/%topic%/x\0"
                           "list\0"
                           "[\"a\", 'b c', d]\0"
                           "ports\0"
                           "4,5,,7\0"
                           "empty\0"
                           "\0";

static const struct command on = {.id = 0xABC, .action = ACTION_SET, .output = 2, .enable = true};
static const struct command off = {.id = 0xABC, .action = ACTION_SET, .output = 2, .enable = false};
static const struct command batch = {.id = 7, .action = ACTION_SET_ALL, .outputs = 5, .output_count = 3};

static struct template_input input_of(const struct command *command)
{
    return (struct template_input){
        .tracker_id = 265489,
        .device_id = bytes_of_text("356307042441013"),
        .vars = vars,
        .command = command,
        .now_ms = 1795000000123,
        .outputs = 3,
    };
}

static const struct template_defaults no_defaults;

/* `expected` NULL: the result is `error`, and nothing is appended. */
static void expect_rendered(const char *text, const struct template_defaults *defaults,
                            const struct template_input *input, const char *expected, int error)
{
    bool is_set = input->command->action == ACTION_SET;
    const char *mistake = NULL;
    struct template *t = template_compile(text, is_set ? TEMPLATE_SET : TEMPLATE_SET_ALL, defaults, &mistake);
    struct buffer out = {0};
    struct buffer wanted = {0};

    cr_assert(t, "%s: %s", text, mistake);
    buffer_put_text(&out, "before;");
    buffer_printf(&wanted, "before;%s", expected ? expected : "");
    cr_expect_eq(template_render(t, input, &out), error, "%s", text);
    cr_expect(bytes_equal(buffer_bytes(&out), buffer_bytes(&wanted)), "%s gave %.*s, not %s", text, (int)out.len,
              (const char *)out.data, expected);
    buffer_release(&out);
    buffer_release(&wanted);
    template_free(t);
}

static void expect_text(const char *text, const struct template_input *input, const char *expected)
{
    expect_rendered(text, &no_defaults, input, expected, 0);
}

static void expect_failure(const char *text, const struct template_input *input, int error)
{
    expect_rendered(text, &no_defaults, input, NULL, error);
}

static void expect_mistake(const char *text, enum template_use use, const char *expected)
{
    const char *error = NULL;

    cr_expect_null(template_compile(text, use, NULL, &error), "%s", text);
    cr_assert_not_null(error, "%s", text);
    cr_expect_str_eq(error, expected, "%s: %s", text, error);
}

struct pair {
    const char *text;
    const char *expected;
};

static void expect_all(const struct pair *pairs, size_t count, const struct template_input *input)
{
    for (size_t i = 0; i < count; i++)
        expect_text(pairs[i].text, input, pairs[i].expected);
}

#define EXPECT_ALL(pairs_, input_) expect_all(pairs_, sizeof(pairs_) / sizeof *(pairs_), input_)

/* --- defaults --- */

static struct template *a_default(const char *text, const struct template_defaults *before)
{
    const char *error = NULL;
    struct template *t = template_compile(text, TEMPLATE_DEFAULT, before, &error);

    cr_assert(t, "%s: %s", text, error);
    return t;
}

static struct template_default list[6];
static struct template_defaults defaults = {list, 0};

static void open_defaults(void)
{
    static const struct pair pairs[] = {
        {"imei", "{device_id}"},          {"pin", "1234"},  {"header", "#{imei};{pin}"},
        {"serial", "{command_id%256:d}"}, {"kind", "a{no}"}, {"outs", "{pin},{imei}"},
    };

    for (defaults.count = 0; defaults.count < sizeof pairs / sizeof *pairs; defaults.count++)
        list[defaults.count] = (struct template_default){pairs[defaults.count].text,
                                                         a_default(pairs[defaults.count].expected, &defaults)};
}

static void close_defaults(void)
{
    while (defaults.count > 0)
        template_free((struct template *)(uintptr_t)list[--defaults.count].value);
}

TestSuite(template_defaults, .init = open_defaults, .fini = close_defaults, .timeout = 30);

Test(template_defaults, stand_for_vars_that_are_left_out)
{
    struct template_input input = input_of(&on);

    input.vars = NULL;
    expect_rendered("{imei}", &defaults, &input, "356307042441013", 0);
    expect_rendered("{header}!", &defaults, &input, "#356307042441013;1234!", 0);
    expect_rendered("{serial} {serial:04X} {serial+1:d}", &defaults, &input, "188 00BC 189", 0);
    expect_rendered("{pin|1234=none|some}", &defaults, &input, "none", 0);
    expect_rendered("{outs[output]}", &defaults, &input, "356307042441013", 0);
    expect_rendered("{header replace '#'='' ';'=pin}", &defaults, &input, "35630704244101312341234", 0);
    expect_rendered("{kind}", &defaults, &input, NULL, -ENODATA);
    expect_rendered("{header:d}", &defaults, &input, NULL, -EINVAL);
    expect_rendered("{other}", &defaults, &input, NULL, -ENODATA);
}

Test(template_defaults, a_var_overrides_its_own_and_what_is_made_of_it)
{
    struct template_input input = input_of(&on);

    input.vars = "imei\0"
                 "9\0"
                 "serial\0"
                 "5\0"
                 "no\0"
                 "b\0"
                 "pin\0"
                 "\0";
    expect_rendered("{imei} {serial:02d} {kind}", &defaults, &input, "9 05 ab", 0);
    expect_rendered("{header}", &defaults, &input, "#9;", 0);
    input.vars = "header\0{imei}\0";
    expect_rendered("{header}", &defaults, &input, "{imei}", 0);
}

Test(template_defaults, what_has_one_is_not_missing)
{
    const char *error = NULL;
    struct template *t = template_compile("{header}{other|1=2|3}", TEMPLATE_SET, &defaults, &error);

    cr_assert_not_null(t);
    cr_expect_str_eq(template_missing_var(t, NULL), "other");
    cr_expect_null(template_missing_var(t, "other\0x\0"));
    template_free(t);
}

Test(template_defaults, keep_to_what_their_place_allows)
{
    static const char error[] = "a default takes no {output}, {enable} and {states}";
    const char *told = NULL;

    expect_mistake("{output}", TEMPLATE_DEFAULT, error);
    expect_mistake("{enable}", TEMPLATE_DEFAULT, error);
    expect_mistake("{enable?a:b}", TEMPLATE_DEFAULT, error);
    expect_mistake("{x,enable|1,1=2}", TEMPLATE_DEFAULT, error);
    expect_mistake("{x[output]}", TEMPLATE_DEFAULT, error);
    expect_mistake("{states on='1' off='0'}", TEMPLATE_DEFAULT, error);
    cr_expect_null(template_compile("a/{serial}", TEMPLATE_TOPIC, &defaults, &told), "its default needs a command");
    cr_expect_str_eq(told, "this topic takes only {tracker_id}, {device_id} and vars");
}

/* --- numbers --- */

Test(template_values, numbers_take_a_modulus_a_shift_and_a_format)
{
    static const struct pair pairs[] = {
        {"{command_id%256}", "188"},
        {"{command_id%256:02X}", "BC"},
        {"{command_id%26+65:c}", "S"},
        {"{command_id%10-9}", "-1"},
        {"{command_id%10-9:04d}", "-001"},
        {"{command_id%9007199254740992}", "2748"},
        {"{command_id%1}", "0"},
        {"{tracker_id%100:04d}", "0089"},
        {"{output-3:x}", "ffffffffffffffff"},
        {"{enable}{enable+1}{enable:02d}", "1201"},
        {"{now_ms} {now_ms%1000:04x}", "1795000000123 007b"},
        {"{output+64:c}{output+1:c}", "B\x03"},
        {"{output+1000:c}", "\xEA"},
        {"{command_id%86400:time}", "004548"},
        {"{second:time} {second+3540:time} {second%3600:time}", "010101 020001 000101"},
        {"{command_id+83651%1:time}", NULL},
        {"{command_id+1000:time}", "010228"},
    };
    struct template_input input = input_of(&on);

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (pairs[i].expected)
            expect_text(pairs[i].text, &input, pairs[i].expected);
    }
    input.command = &off;
    expect_text("{enable} {enable:d} {enable?1:0}", &input, "0 0 0");
}
