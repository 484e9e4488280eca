/* What a template must not be: too long, or a topic that is none. */
#include <criterion/criterion.h>

#include "test_template_values.h"

TestSuite(template_limits, .timeout = 30);

Test(template_limits, the_65th_part_is_one_too_many_whatever_it_is)
{
    static const char *const parts[] = {
        "x",
        "{output}",
        "{enable?ON:OFF}",
        "{states on='1' off='0'}",
        "{output,enable|1,1=01|1,0=02|else}",
        "{endpoints[output]}",
        "{full_topic replace 'this'='that'}",
        "{mark a}",
        "{len start..end}",
        "{sum8 start..end:02X}",
        "{all|on=1|off=0|mixed=?}",
    };
    char full[64 * 8 + 1] = "";
    char text[640];

    for (int i = 0; i < 64; i++)
        strcat(full, "{output}");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        strcpy(text, full);
        strcat(text, parts[i]);
        expect_mistake(text, TEMPLATE_SET, "too many placeholders");
        strcat(text, "and more {output}");
        expect_mistake(text, TEMPLATE_SET, "too many placeholders");
    }
}

static void expect_mistakes(const struct pair *pairs, size_t count, enum template_use use)
{
    for (size_t i = 0; i < count; i++)
        expect_mistake(pairs[i].text, use, pairs[i].expected);
}

Test(template_limits, placeholders_are_written_as_they_are_said_to_be)
{
    static const char replacing[] = "replacing is written {name replace 'this'='that' 'these'=other_name}";
    static const char states[] =
        "states is written {states on='1' off='0' keep='?' sep=','}, with outputs as in {states 1..4 on=…}";
    static const struct pair pairs[] = {
        {"{full_topic replace ''='that'}", replacing},
        {"{full_topic replace 'this'}", replacing},
        {"{full_topic replace 'this' 'that'}", replacing},
        {"{full_topic replace 'this'=}", replacing},
        {"{full_topic replace 'this'=output}", replacing},
        {"{full_topic replace this='that'}", replacing},
        {"{states 1", "a { without its }"},
        {"{states 1}", states},
        {"{states 1.}", states},
        {"{states 1.3 on='1' off='0'}", states},
        {"{states 1..}", states},
        {"{states 3..1 on='1' off='0'}", states},
        {"{mark a}{mark a}{mark b}", "a mark is written {mark a}, each name once"},
        {"{enables?ON:OFF}",
         "a number is written {name}, {name-1}, {name%100:04X} or {name:d}; shifts go up to 1000, widths to 32"},
    };

    expect_mistakes(pairs, sizeof pairs / sizeof *pairs, TEMPLATE_SET);
}

Test(template_limits, topics_are_those_of_mqtt_and_can_be_taken_apart_again)
{
    static const char control[] = "a topic has no wildcards and no control characters";
    static const char plain[] = "this topic takes plain names only: no lookup, no number with a format";
    static const struct pair pairs[] = {
        {"", "a topic is not empty"},
        {"$SYS/ack", "a topic does not begin with $"},
        {"a/+/b", control},
        {"a/#", control},
        {"a/\x01/b", control},
        {"a/\x7F", control},
        {"a\nb/{tracker_id}", control},
        {"a/{tracker_id:x}", plain},
        {"a/{output,enable|1,1=01|else}", plain},
        {"a/{tracker_id}b", "in a topic a placeholder ends its level"},
        {"a/x{output}", "in a topic {output} is a level by itself"},
    };

    expect_mistakes(pairs, sizeof pairs / sizeof *pairs, TEMPLATE_ACK_TOPIC);
}
