/* What placeholders are worth: defaults of vars, and numbers. */
#include "test_template_values.h"

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

const struct command set_2_on = {.id = 0xABC, .action = ACTION_SET, .output = 2, .enable = true};
const struct command set_2_off = {.id = 0xABC, .action = ACTION_SET, .output = 2, .enable = false};
const struct command batch_101 = {.id = 7, .action = ACTION_SET_ALL, .outputs = 5, .output_count = 3};

struct template_input rendered_from(const struct command *command)
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

void expect_rendered(const char *text, const struct template_defaults *defaults, const struct template_input *input,
                     const char *expected, int error)
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

void expect_text(const char *text, const struct template_input *input, const char *expected)
{
    expect_rendered(text, NULL, input, expected, 0);
}

void expect_failure(const char *text, const struct template_input *input, int error)
{
    expect_rendered(text, NULL, input, NULL, error);
}

void expect_mistake(const char *text, enum template_use use, const char *expected)
{
    const char *error = NULL;

    cr_expect_null(template_compile(text, use, NULL, &error), "%s", text);
    cr_assert_not_null(error, "%s", text);
    cr_expect_str_eq(error, expected, "%s: %s", text, error);
}

void expect_all(const struct pair *pairs, size_t count, const struct template_input *input)
{
    for (size_t i = 0; i < count; i++)
        expect_text(pairs[i].text, input, pairs[i].expected);
}

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
        {"imei", "{device_id}"},          {"pin", "1234"},   {"header", "#{imei};{pin}"},
        {"serial", "{command_id%256:d}"}, {"kind", "a{no}"}, {"outs", "{pin},{imei}"},
    };

    for (defaults.count = 0; defaults.count < sizeof pairs / sizeof *pairs; defaults.count++)
        list[defaults.count] =
            (struct template_default){pairs[defaults.count].text, a_default(pairs[defaults.count].expected, &defaults)};
}

static void close_defaults(void)
{
    while (defaults.count > 0)
        template_free((struct template *)(uintptr_t)list[--defaults.count].value);
}

TestSuite(template_defaults, .init = open_defaults, .fini = close_defaults, .timeout = 30);

Test(template_defaults, stand_for_vars_that_are_left_out)
{
    struct template_input input = rendered_from(&set_2_on);

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
    struct template_input input = rendered_from(&set_2_on);

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
    static const char error[] = "a default takes no {output}, {enable}, {all} and {states}";
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
        {"{command_id+1000:time}", "010228"},
        {"{second:time} {second+1000:time} {second%3600:time}", "010101 011741 000101"},
    };
    struct template_input input = rendered_from(&set_2_on);

    EXPECT_ALL(pairs, &input);
    input.command = &set_2_off;
    expect_text("{enable} {enable:d} {enable?1:0}", &input, "0 0 0");
}

Test(template_values, character_may_be_a_nul)
{
    struct template_input input = rendered_from(&set_2_on);
    const char *error = NULL;
    struct template *t = template_compile("<{output-2:c}>", TEMPLATE_SET, NULL, &error);
    struct buffer out = {0};

    cr_assert_not_null(t);
    cr_expect_eq(template_render(t, &input, &out), 0);
    cr_expect(bytes_equal(buffer_bytes(&out), bytes_of("<\0>", 3)));
    buffer_release(&out);
    template_free(t);
}

Test(template_values, seconds_of_a_day_begin_anew_at_midnight)
{
    static const struct pair pairs[] = {
        {"n\0000\0", "000000"},     {"n\00059\0", "000059"},    {"n\00086399\0", "235959"},
        {"n\00086400\0", "000000"}, {"n\00090061\0", "010101"}, {"n\000999999999999999999\0", "014639"},
    };
    struct template_input input = rendered_from(&set_2_on);

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        input.vars = pairs[i].text;
        expect_text("{n:time}", &input, pairs[i].expected);
    }
}

Test(template_values, vars_are_numbers_only_where_they_have_a_format)
{
    static const struct pair pairs[] = {
        {"{serial}", "0012"},     {"{serial:d}", "12"},  {"{serial+1}", "13"},      {"{serial%5}", "2"},
        {"{serial:04x}", "000c"}, {"{serial-13}", "-1"}, {"{serial%10+65:c}", "C"}, {"{serial:06d}", "000012"},
    };
    struct template_input input = rendered_from(&set_2_on);

    EXPECT_ALL(pairs, &input);
    input.vars = "n\000123456789012345678\0";
    expect_text("{n:d} {n+1:018d}", &input, "123456789012345678 123456789012345679");
}

Test(template_values, var_with_a_format_is_a_whole_number)
{
    static const char *const lists[] = {"n\0\0",
                                        "n\0-1\0",
                                        "n\0+1\0",
                                        "n\0 1\0",
                                        "n\0001 \0",
                                        "n\0001.5\0",
                                        "n\0000x1\0",
                                        "n\0001a\0",
                                        "n\000:\0",
                                        "n\000/\0",
                                        "n\0001234567890123456789\0"};
    struct template_input input = rendered_from(&set_2_on);

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        input.vars = lists[i];
        expect_failure("x{n:d}", &input, -EINVAL);
        expect_failure("{output}{n+1}", &input, -EINVAL);
    }
    expect_failure("{m:d}", &input, -ENODATA);
}

static const char number_error[] =
    "a number is written {name}, {name-1}, {name%100:04X} or {name:d}; shifts go up to 1000, widths to 32";

Test(template_values, formats_that_are_none_are_told)
{
    static const char *const texts[] = {"{output%}",
                                        "{output%0}",
                                        "{output%-1}",
                                        "{output%x}",
                                        "{output-1%2}",
                                        "{output:time6}",
                                        "{output:6time}",
                                        "{output:tim}",
                                        "{output:cc}",
                                        "{output:%2}",
                                        "{model%9007199254740993}",
                                        "{model:d:d}",
                                        "{model.d}",
                                        "{model:}"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_mistake(texts[i], TEMPLATE_SET, number_error);
    expect_mistake("{device_id%2}", TEMPLATE_SET, "device_id takes no format");
    expect_mistake("{all}", TEMPLATE_SET, "all is written {all|on=…|off=…|mixed=…}");
    expect_mistake("{all:d}", TEMPLATE_SET_ALL, "all is written {all|on=…|off=…|mixed=…}");
    expect_mistake("{enable}", TEMPLATE_SET_ALL, "set_all takes no {output} and no {enable}");
}

Test(template_values, kinds_tell_numbers_and_booleans_from_text)
{
    static const struct {
        const char *text;
        enum template_kind kind;
        bool uses_output;
    } cases[] = {
        {"", TEMPLATE_IS_TEXT, false},
        {"1", TEMPLATE_IS_TEXT, false},
        {"{enable}", TEMPLATE_IS_BOOLEAN, true},
        {"{enable:d}", TEMPLATE_IS_NUMBER, true},
        {"{enable+1}", TEMPLATE_IS_NUMBER, true},
        {"{enable?1:0}", TEMPLATE_IS_TEXT, true},
        {"{output-1}", TEMPLATE_IS_NUMBER, true},
        {"{output:02d}", TEMPLATE_IS_TEXT, true},
        {"{output:x}", TEMPLATE_IS_TEXT, true},
        {"{output:c}", TEMPLATE_IS_TEXT, true},
        {"{command_id%65536}", TEMPLATE_IS_NUMBER, false},
        {"{now_ms}", TEMPLATE_IS_NUMBER, false},
        {"{serial}", TEMPLATE_IS_TEXT, false},
        {"{serial:d}", TEMPLATE_IS_NUMBER, false},
        {"{serial:time}", TEMPLATE_IS_TEXT, false},
        {" {command_id}", TEMPLATE_IS_TEXT, false},
        {"{ports[output]}", TEMPLATE_IS_TEXT, true},
        {"{output|1=a|b}", TEMPLATE_IS_TEXT, true},
        {"{states on='1' off='0'}", TEMPLATE_IS_TEXT, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *error = NULL;
        struct template *t = template_compile(cases[i].text, TEMPLATE_SET, NULL, &error);

        cr_assert(t, "%s: %s", cases[i].text, error);
        cr_expect_eq(template_kind(t), cases[i].kind, "%s", cases[i].text);
        cr_expect_eq(template_uses_output(t), cases[i].uses_output, "%s", cases[i].text);
        template_free(t);
    }
}
