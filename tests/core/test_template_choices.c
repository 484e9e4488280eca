/* Placeholders that choose: lookups, elements of lists, replacements and states. */
#include "test_template_values.h"

#include <criterion/criterion.h>
#include <errno.h>

TestSuite(template_choices, .timeout = 30);

/* --- lookups --- */

Test(template_choices, lookup_takes_the_text_behind_the_value)
{
    static const struct pair pairs[] = {
        {"{model|GV=a|GMT=b|c}", "a"},
        {"{model|GMT=b|c}", "c"},
        {"{model|c}", "c"},
        {"{model|G=b|GVX=d|gv=e|}", ""},
        {"{model|GV=first|GV=second}", "first"},
        {"{model|GV=}", ""},
        {"{model|GV=a=b=c}", "a=b=c"},
        {"{model|GV=a,b?:;{x}", "a,b?:;{x"},
        {"{empty|=nothing|some}", "nothing"},
        {"{serial|12=a|0012=b}", "b"},
        {"{output|1=a|2=b}", "b"},
        {"{enable|0=off|1=on}", "on"},
        {"{tracker_id|265489=mine|}", "mine"},
        {"{device_id|356307042441013=mine|}", "mine"},
        {"{command_id|2748=this|}", "this"},
        {"{output,enable|1,1=01|1,0=02|2,1=03|2,0=04}", "03"},
        {"{model,output,enable|GV,2,0=a|GV,2,1=b|c}", "b"},
        {"{model,output,enable|GV,2=a|GV,2,1,=b|c}", "c"},
        {"{enable,enable|1,1=twice}", "twice"},
        {"<{output|2=a}{output|2=b}>", "<ab>"},
    };
    struct template_input input = rendered_from(&set_2_on);

    EXPECT_ALL(pairs, &input);
    input.command = &set_2_off;
    expect_text("{output,enable|1,1=01|1,0=02|2,1=03|2,0=04}", &input, "04");
}

Test(template_choices, value_without_a_text_is_no_command_of_the_family)
{
    struct template_input input = rendered_from(&set_2_on);

    expect_failure("x{model|GMT=b}", &input, -EDOM);
    expect_failure("x{output,enable|1,1=01|1,0=02|2,0=04}", &input, -EDOM);
    expect_failure("{none|GMT=b|c}", &input, -ENODATA);
    expect_failure("{output,none|2,=b|c}", &input, -ENODATA);
}

Test(template_choices, all_is_what_every_output_is_to_be)
{
    static const char text[] = "{all|on=1|off=0|mixed=2}";
    struct command command = {.action = ACTION_SET_ALL, .output_count = 3};
    struct template_input input = rendered_from(&set_2_on);

    expect_text(text, &input, "1");
    input.command = &set_2_off;
    expect_text(text, &input, "0");
    input.command = &command;
    expect_text(text, &input, "0");
    command.outputs = 4;
    expect_text(text, &input, "2");
    command.outputs = 7;
    expect_text(text, &input, "1");
    command.outputs = UINT64_MAX;
    expect_text(text, &input, "1"); /* there are but three */
    input.kept = 8;
    expect_text(text, &input, "1");
    input.kept = 2;
    expect_text(text, &input, "2");
    command = (struct command){.action = ACTION_SET_ALL, .output_count = 64, .outputs = UINT64_MAX};
    input.kept = 0;
    expect_text(text, &input, "1");
    command.outputs = UINT64_MAX >> 1;
    expect_text(text, &input, "2");
    expect_failure("{all|on=1|off=0}", &input, -EDOM);
}

Test(template_choices, lookups_that_are_none_are_told)
{
    static const char error[] = "a lookup is written {name,name|value,value=text|…|text for the rest}";
    static const char *const texts[] = {"{a,b,c,d|1=x}", "{a,|1=x}",   "{a,,b|1=x}",  "{|1=x}",
                                        "{a,b-1|1=x}",   "{a, b|1=x}", "{a,b c|1=x}", "{a,b:d|1=x}"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_mistake(texts[i], TEMPLATE_SET, error);
    expect_mistake("{a|1=x|y|2=z}", TEMPLATE_SET, "in a lookup the text for the rest comes last");
    expect_mistake("{a|x|y}", TEMPLATE_SET, "in a lookup the text for the rest comes last");
    expect_mistake("{output|1=x}", TEMPLATE_SET_ALL, "set_all takes no {output} and no {enable}");
}

Test(template_choices, there_are_at_most_256_texts)
{
    struct template_input input = rendered_from(&set_2_on);
    struct buffer text = {0};

    buffer_put_text(&text, "{tracker_id");
    for (int i = 265489 - 255; i <= 265489; i++)
        buffer_printf(&text, "|%d=<%d>", i, i);
    buffer_put_text(&text, "}");
    buffer_put_u8(&text, '\0');
    expect_text((const char *)text.data, &input, "<265489>");
    text.len -= 2;
    buffer_put_text(&text, "|x}");
    buffer_put_u8(&text, '\0');
    expect_mistake((const char *)text.data, TEMPLATE_SET, "too many texts to choose from");
    buffer_release(&text);
}

/* --- elements of lists --- */

Test(template_choices, element_is_that_of_the_output)
{
    static const struct pair lists[] = {
        {"l\0a,b,c\0", "b"},           {"l\0a, b ,c\0", "b"},   {"l\0[a, b, c]\0", "b"},
        {"l\0[\"a\", \"b\"]\0", "b"},  {"l\0['a','b']\0", "b"}, {"l\0[1,\"22\",'3']\0", "22"},
        {"l\0a, b c ,d\0", "b c"},     {"l\0,b\0", "b"},        {"l\0a,b/c-d_e\0", "b/c-d_e"},
        {"l\0 [ 'a' , 'b' ] \0", "b"},
    };
    static const struct command last = {.action = ACTION_SET, .output = 64};
    struct template_input input = rendered_from(&set_2_on);
    char many[2 + 2 * 63 + 3] = "l";

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        input.vars = lists[i].text;
        expect_text("{l[output]}", &input, lists[i].expected);
    }
    expect_text("<{l[output]}{l[output]}>", &input, "<bb>");
    memset(many + 2, ',', 63);
    memcpy(many + 2 + 63, "z\0", 3);
    input.vars = many;
    input.command = &last;
    expect_text("{l[output]}", &input, "z");
}

Test(template_choices, element_that_is_not_there_is_no_command_of_the_family)
{
    static const char *const lists[] = {"l\0\0", "l\0a\0", "l\0a,\0", "l\0a, ,c\0", "l\0[a,'']\0", "l\0a,\"\",c\0"};
    struct template_input input = rendered_from(&set_2_on);

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        input.vars = lists[i];
        expect_failure("x{l[output]}", &input, -EDOM);
    }
    expect_failure("x{m[output]}", &input, -ENODATA);
}

Test(template_choices, elements_that_are_none_are_told)
{
    static const char error[] = "an element of a list is written {name[output]}";
    static const char *const texts[] = {
        "{l[1]}", "{l[output-1]}", "{l[output]x}", "{l[output]:d}",    "{l[output}",
        "{l[]}",  "{l[}",          "{[output]}",   "{output[output]}", "{device_id[output]}"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_mistake(texts[i], TEMPLATE_SET, error);
    expect_mistake("{l[output]}", TEMPLATE_SET_ALL, "set_all takes no {output} and no {enable}");
}

/* --- replacements --- */

Test(template_choices, parts_of_a_var_are_replaced)
{
    static const struct pair pairs[] = {
        {"{full replace '%topic%'=topic '%prefix%'='cmnd'}", "cmnd/dev7/x"},
        {"{full replace '%topic%'=device_id}", "%prefix%/356307042441013/x"},
        {"{full replace '%'=''}", "prefix/topic/x"},
        {"{full replace '/'='//'}", "%prefix%//%topic%//x"},
        {"{full replace '%p'='1' '%prefix%'='2'}", "1refix%/%topic%/x"},
        {"{full replace '%prefix%'='2' '%p'='1'}", "2/%topic%/x"},
        {"{full replace '%topic%'='%prefix%' '%prefix%'='p'}", "p/%prefix%/x"},
        {"{full replace 'q'='r'   'z'=none }", "%prefix%/%topic%/x"},
        {"{full replace 'x'=empty}", "%prefi%/%topic%/"},
        {"{topic replace 'dev7'='|{:'}", "|{:"},
        {"{empty replace 'a'='b'}", ""},
        {"{tracker_id replace '265'='x'}", "x489"},
        {"{full replace 'x'=topic}{topic replace '7'='8'}", "%prefidev7%/%topic%/dev7dev8"},
    };
    struct template_input input = rendered_from(&set_2_on);

    EXPECT_ALL(pairs, &input);
    expect_failure("x{none replace 'a'='b'}", &input, -ENODATA);
    expect_failure("x{full replace '%topic%'=none}", &input, -ENODATA);
}

Test(template_choices, replacements_that_are_none_are_told)
{
    static const char error[] = "replacing is written {name replace 'this'='that' 'these'=other_name}";
    static const char *const texts[] = {"{x replace ''='a'}",     "{x replace 'a'}",       "{x replace 'a'=}",
                                        "{x replace 'a'='b}",     "{x replace 'a='b'}",    "{x replace a='b'}",
                                        "{x replace 'a'=output}", "{x replace 'a' = 'b'}", "{x replace 'a'=-}",
                                        "{x replace 'a'='b' c}"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_mistake(texts[i], TEMPLATE_SET, error);
}

/* --- states --- */

Test(template_choices, slots_are_stated_however_many_outputs_there_are)
{
    static const struct pair pairs[] = {
        {"{states 1..5 on='1' off='0' keep='2'}", "21222"},
        {"{states 1..5 on='1' off='0' keep='2' sep=','}", "2,1,2,2,2"},
        {"{states 1..2 on='1' off='0' keep='2'}", "21"},
        {"{states 2..3 on='1' off='0' keep='2'}", "12"},
        {"{states 2 on='yes' off='no'}", "yes"},
        {"{states 1 on='1' off='0' keep='2'}", "2"},
        {"{states 4..6 on='1' off='0'}", "000"},
        {"{states 4..6 on='1' off='0' keep='-'}", "---"},
        {"{states 64..64 on='1' off='0'}", "0"},
        {"{states 2..2 on='1' off='0'}", "1"},
        {"{states   1..3   on='1'   off='0'   keep='2'   }", "212"},
    };
    struct template_input input = rendered_from(&set_2_on);

    EXPECT_ALL(pairs, &input);
    expect_failure("{states 1..2 on='1' off='0'}", &input, -ENODATA);
    expect_failure("{states 3 on='1' off='0'}", &input, -ENODATA);
    input.command = &set_2_off;
    expect_text("{states 2..4 on='1' off='0' keep='2'}", &input, "022");
    input.command = &batch_101;
    expect_text("{states 1..5 on='1' off='0'}", &input, "10100");
    expect_text("{states 1..5 on='1' off='0' keep='2'}", &input, "10122");
    expect_text("{states 2 on='1' off='0'}{states 3 on='1' off='0'}", &input, "01");
}

Test(template_choices, slots_are_stated_as_last_acked)
{
    struct output_states states = {.known = 5, .on = 4};
    struct template_input input = rendered_from(&set_2_on);

    input.states = &states;
    expect_text("{states 1..5 on='1' off='0'}", &input, "01100");
    expect_text("{states 3 on='1' off='0'}", &input, "1");
    states.known = 1;
    expect_text("{states 1..2 on='1' off='0'}", &input, "01");
    expect_failure("{states 1..3 on='1' off='0'}", &input, -ENODATA);
}

Test(template_choices, outputs_that_a_set_all_keeps_are_stated_as_others)
{
    struct output_states states = {.known = 2, .on = 2};
    struct template_input input = rendered_from(&batch_101);

    input.states = &states;
    input.kept = 2;
    expect_text("{states on='1' off='0' keep='?'}", &input, "1?1");
    expect_text("{states on='1' off='0'}", &input, "111");
    states.on = 0;
    expect_text("{states on='1' off='0'}", &input, "101");
    input.kept = 4;
    expect_text("{states on='1' off='0' keep='?'}", &input, "10?");
    expect_failure("{states on='1' off='0'}", &input, -ENODATA);
}

Test(template_choices, at_sign_is_the_outputs_number)
{
    static const struct pair pairs[] = {
        {"{states on='@=1' off='@=0' keep='@=?' sep=';'}", "1=?;2=1;3=?"},
        {"{states 9..11 on='1' off='<@>' sep='@'}", "<9>@<10>@<11>"},
        {"{states 2 on='@@' off=''}", "22"},
        {"a@b{states 2 on='@' off=''}@", "a@b2@"},
    };
    struct template_input input = rendered_from(&set_2_on);

    EXPECT_ALL(pairs, &input);
}

Test(template_choices, ranges_that_are_none_are_told)
{
    static const char error[] =
        "states is written {states on='1' off='0' keep='?' sep=','}, with outputs as in {states 1..4 on=…}";
    static const char *const ranges[] = {"0",   "0..3",  "3..2", "1..65", "65",  "1..",
                                         "1.2", "1...3", "..3",  "1-3",   "1..x"};

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        struct buffer text = {0};

        buffer_printf(&text, "{states %s on='1' off='0'}", ranges[i]);
        buffer_put_u8(&text, '\0');
        expect_mistake((const char *)text.data, TEMPLATE_SET, error);
        buffer_release(&text);
    }
}
