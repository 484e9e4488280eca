#include "core/topic.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(topic, .timeout = 60);

/* --- publishable --- */

static bool publishable(const char *text)
{
    return topic_is_publishable(bytes_of_text(text));
}

Test(topic, ordinary_names_are_publishable)
{
    const char *const good[] = {"a",  "/",    "a/b", "/a",   "a/", "a//b", "tracker/265489/output/command",
                                "a$", "a/$b", " ",   "ä/€/𐍈"};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_expect(publishable(good[i]), "%s", good[i]);
}

Test(topic, wildcards_nul_and_a_leading_dollar_are_not_publishable)
{
    const char *const bad[] = {"", "+", "#", "a/+", "a/#", "a+b", "a#", "$", "$SYS/x", "$share/g/a"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(publishable(bad[i]), "%s", bad[i]);
    cr_expect_not(topic_is_publishable(bytes_of("a\0b", 3)));
    cr_expect_not(topic_is_publishable(bytes_of("\0", 1)));
    cr_expect_not(topic_is_publishable(bytes_of(NULL, 0)));
}

static size_t put_point(uint32_t point, uint8_t *out)
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (uint8_t)(0xC0 | point >> 6);
        out[1] = (uint8_t)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (uint8_t)(0xE0 | point >> 12);
        out[1] = (uint8_t)(0x80 | (point >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (point & 0x3F));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | point >> 18);
    out[1] = (uint8_t)(0x80 | (point >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (point >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (point & 0x3F));
    return 4;
}

/* First and last code points that no topic may hold; the non-characters at the ends of the planes aside. */
static const uint32_t forbidden[][2] = {{0, 0x1F},    {'#', '#'},       {'+', '+'},
                                        {0x7F, 0x9F}, {0xD800, 0xDFFF}, {0xFDD0, 0xFDEF}};

static bool point_is_forbidden(uint32_t point)
{
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
        if (point >= forbidden[i][0] && point <= forbidden[i][1])
            return true;
    }
    return point % 0x10000 >= 0xFFFE;
}

Test(topic, every_code_point_is_allowed_or_not)
{
    for (uint32_t point = 0; point <= 0x10FFFF; point++) {
        uint8_t text[8] = {'a'};
        size_t len = 1 + put_point(point, text + 1);
        bool good;

        text[len++] = 'b';
        good = topic_is_publishable(bytes_of(text, len));
        cr_assert_eq(good, !point_is_forbidden(point), "U+%04X", point);
        good = topic_text_is_safe(bytes_of(text, len));
        cr_assert_eq(good, !point_is_forbidden(point), "U+%04X in a part of a topic", point);
    }
}

Test(topic, invalid_utf_8_is_not_publishable)
{
    const char *const bad[] = {"a\x80",        "\xC3",         "a/\xC3/b",         "\xC0\xAF",
                               "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF",
                               "\xF0\x9F\x98"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(publishable(bad[i]), "number %zu", i);
}

Test(topic, has_at_most_1024_bytes)
{
    char text[TOPIC_MAX + 1];

    memset(text, 'a', sizeof text);
    cr_expect(topic_is_publishable(bytes_of(text, 1024)));
    cr_expect_not(topic_is_publishable(bytes_of(text, 1025)));
}

Test(topic, has_at_most_128_levels)
{
    char text[300];

    memset(text, '/', sizeof text);
    cr_expect(topic_is_publishable(bytes_of(text, 127)), "128 empty levels");
    cr_expect_not(topic_is_publishable(bytes_of(text, 128)), "129 empty levels");
    for (size_t i = 0; i < sizeof text; i += 2)
        text[i] = 'a';
    cr_expect(topic_is_publishable(bytes_of(text, 2 * 128 - 1)));
    cr_expect_not(topic_is_publishable(bytes_of(text, 2 * 129 - 1)));
}

Test(topic, text_for_a_part_of_a_topic_may_be_empty_long_or_start_with_a_dollar)
{
    char text[2 * TOPIC_MAX];

    memset(text, '/', sizeof text);
    cr_expect(topic_text_is_safe(bytes_of(text, sizeof text)));
    cr_expect(topic_text_is_safe(bytes_of_text("$a")));
    cr_expect(topic_text_is_safe(bytes_of(NULL, 0)));
    cr_expect_not(topic_text_is_safe(bytes_of_text("a\xC3")));
}

/* --- filters --- */

Test(topic, filters_are_valid_or_not)
{
    const char *const good[] = {"a", "#", "+", "/", "a/#", "+/#", "/#", "a/+/b", "+/+", "/+", "a//b", "$SYS/#", "ä/+"};
    const char *const bad[] = {"",     "a#",     "#a", "a/#/b", "#/",   "a+",    "+a",
                               "a/+b", "a/b+/c", "##", "++",    "a/#b", "\xC3/a"};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_expect(topic_filter_is_valid(bytes_of_text(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(topic_filter_is_valid(bytes_of_text(bad[i])), "%s", bad[i]);
    cr_expect_not(topic_filter_is_valid(bytes_of("a\0b", 3)));
}

Test(topic, filter_has_at_most_65535_bytes)
{
    char *text = malloc(65536);

    cr_assert(text);
    memset(text, 'a', 65536);
    cr_expect(topic_filter_is_valid(bytes_of(text, 65535)));
    cr_expect_not(topic_filter_is_valid(bytes_of(text, 65536)));
    free(text);
}

/* --- matching --- */

Test(topic, matches_as_the_examples_of_the_specification)
{
    static const struct {
        const char *filter;
        const char *topic;
        bool matches;
    } cases[] = {
        /* MQTT 5, 4.7.1.2 */
        {"sport/tennis/player1/#", "sport/tennis/player1", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
        {"sport/tennis/player1/#", "sport/tennis/player10", false},
        {"sport/#", "sport", true},
        {"#", "a", true},
        {"#", "a/b/c", true},
        {"#", "/", true},
        {"sport/tennis/#", "sport/tennis", true},
        /* 4.7.1.3 */
        {"sport/tennis/+", "sport/tennis/player1", true},
        {"sport/tennis/+", "sport/tennis/player2", true},
        {"sport/tennis/+", "sport/tennis/player1/ranking", false},
        {"sport/+", "sport", false},
        {"sport/+", "sport/", true},
        {"+", "sport", true},
        {"+/tennis/#", "sport/tennis", true},
        {"+/tennis/#", "sport/tennis/player1/ranking", true},
        {"sport/+/player1", "sport/tennis/player1", true},
        {"+/+", "/finance", true},
        {"/+", "/finance", true},
        {"+", "/finance", false},
        /* 4.7.2 */
        {"#", "$SYS/x", false},
        {"+/monitor/Clients", "$SYS/monitor/Clients", false},
        {"$SYS/#", "$SYS/x", true},
        {"$SYS/#", "$SYS", true},
        {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
        {"+/$x", "a/$x", true},
        /* 4.7.3 */
        {"ACCOUNTS", "Accounts", false},
        {"Accounts payable", "Accounts payable", true},
        {"/finance", "finance", false},
        {"a", "a", true},
        {"a", "ab", false},
        {"ab", "a", false},
        {"a/", "a", false},
        {"a", "a/", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(topic_matches(bytes_of_text(cases[i].filter), bytes_of_text(cases[i].topic)), cases[i].matches,
                     "%s and %s", cases[i].filter, cases[i].topic);
}

enum { LEVELS = 4 };

/* Levels given by number, joined. */
static void join(char *out, const char *const *words, size_t base, size_t number, size_t count)
{
    *out = '\0';
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            strcat(out, "/");
        strcat(out, words[number % base]);
        number /= base;
    }
}

static const char *const filter_words[] = {"", "a", "b", "+", "#"};
static const char *const topic_words[] = {"", "a", "b"};

/* The specification's words on arrays of numbered levels: 3 is +, 4 is #. */
static bool expect_match(size_t filter, size_t filter_count, size_t topic, size_t topic_count)
{
    if (filter_count == 0)
        return topic_count == 0;
    if (filter % 5 == 4)
        return true;
    if (topic_count == 0)
        return false;
    if (filter % 5 != 3 && filter % 5 != topic % 3)
        return false;
    return expect_match(filter / 5, filter_count - 1, topic / 3, topic_count - 1);
}

static size_t power(size_t base, size_t exponent)
{
    return exponent ? base * power(base, exponent - 1) : 1;
}

Test(topic, matches_as_defined_for_all_short_filters_and_topics)
{
    size_t matched = 0;

    for (size_t n = 1; n <= LEVELS; n++) {
        for (size_t filter = 0; filter < power(5, n); filter++) {
            char filter_text[32];

            join(filter_text, filter_words, 5, filter, n);
            if (!topic_filter_is_valid(bytes_of_text(filter_text)))
                continue;
            for (size_t m = 1; m <= LEVELS; m++) {
                for (size_t topic = m == 1; topic < power(3, m); topic++) { /* an empty topic does not exist */
                    char text[32];
                    bool matches;

                    join(text, topic_words, 3, topic, m);
                    matches = topic_matches(bytes_of_text(filter_text), bytes_of_text(text));
                    cr_assert_eq(matches, expect_match(filter, n, topic, m), "%s and %s", filter_text, text);
                    matched += matches;
                }
            }
        }
    }
    cr_assert_gt(matched, 1000);
}
