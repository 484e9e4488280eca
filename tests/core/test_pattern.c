#include "core/pattern.h"

#include <criterion/criterion.h>

TestSuite(pattern, .timeout = 30);

static struct pattern *compiled(const char *text)
{
    const char *error = NULL;
    struct pattern *p = pattern_compile(text, &error);

    cr_assert(p, "%s: %s", text, error);
    return p;
}

static bool matches(const char *text, struct bytes subject)
{
    struct pattern *p = compiled(text);
    struct pattern_match match;
    bool matched = pattern_match(p, subject, 0, &match);

    pattern_free(p);
    return matched;
}

Test(pattern, matches_somewhere_in_the_bytes)
{
    cr_expect(matches("OK", bytes_of_text("setdigout OK\r\n")));
    cr_expect(matches("^OK", bytes_of_text("OK")));
    cr_expect_not(matches("^OK", bytes_of_text("not OK")));
    cr_expect_not(matches("OK", bytes_of_text("ok")));
}

Test(pattern, mistake_is_told)
{
    static const struct {
        const char *text;
        const char *error;
    } cases[] = {
        {"(a", "missing closing parenthesis"},
        {"[a", "missing terminating ] for character class"},
        {"*", "quantifier does not follow a repeatable item"},
        {"(*UTF)a", "using UTF is disabled by the application"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *error = NULL;

        cr_expect_null(pattern_compile(cases[i].text, &error));
        cr_assert_not_null(error);
        cr_expect_str_eq(error, cases[i].error);
    }
}

Test(pattern, key_is_what_its_group_captured)
{
    struct pattern *p = compiled("^CMD;(?<device>[^;]*);(?<key>[^;]*)(;|$)");
    struct pattern_match match;

    cr_expect(pattern_has(p, GROUP_KEY));
    cr_assert(pattern_match(p, bytes_of_text("CMD;907126119;Enable1;x"), 0, &match));
    cr_expect(bytes_equal_text(match.groups[GROUP_KEY], "Enable1"));
    cr_assert(pattern_match(p, bytes_of_text("CMD;;"), 0, &match));
    cr_expect_not_null(match.groups[GROUP_KEY].data, "an empty capture is a capture");
    cr_expect_eq(match.groups[GROUP_KEY].len, 0);
    pattern_free(p);
}

Test(pattern, without_a_match_there_is_no_key)
{
    struct pattern *p = compiled("^(?<key>a)b");
    struct pattern_match match = {.groups = {bytes_of_text("left over")}};

    cr_expect_not(pattern_match(p, bytes_of_text("ac"), 0, &match));
    cr_expect_null(match.groups[GROUP_KEY].data);
    pattern_free(p);
}

Test(pattern, group_that_took_no_part_is_no_key)
{
    struct pattern *last = compiled("a|b(?<key>c)");
    struct pattern *middle = compiled("(?:a|b(?<key>c))(d)");
    struct pattern_match match;

    cr_assert(pattern_match(last, bytes_of_text("a"), 0, &match));
    cr_expect_null(match.groups[GROUP_KEY].data);
    cr_assert(pattern_match(middle, bytes_of_text("ad"), 0, &match));
    cr_expect_null(match.groups[GROUP_KEY].data);
    cr_assert(pattern_match(middle, bytes_of_text("bcd"), 0, &match));
    cr_expect(bytes_equal_text(match.groups[GROUP_KEY], "c"));
    pattern_free(last);
    pattern_free(middle);
}

Test(pattern, without_a_key_group_there_is_no_key)
{
    struct pattern *none = compiled("a(b)");
    struct pattern *other = compiled("a(?<keys>b)");
    struct pattern_match match;

    cr_expect_not(pattern_has(none, GROUP_KEY));
    cr_expect_not(pattern_has(other, GROUP_KEY));
    cr_assert(pattern_match(none, bytes_of_text("ab"), 0, &match));
    cr_expect_null(match.groups[GROUP_KEY].data);
    pattern_free(none);
    pattern_free(other);
}

Test(pattern, binary_subjects_are_bytes)
{
    const struct bytes subject = bytes_of("\x00\xff\x80\x0D\x00\x01", 6);
    struct pattern *p = compiled("^\\x00\\xff(?<key>.+)\\x00");
    struct pattern_match match;

    cr_assert(pattern_match(p, subject, 0, &match));
    cr_expect(bytes_equal(match.groups[GROUP_KEY], bytes_of("\x80\x0D", 2)));
    cr_expect(matches("\\x00\\x01\\z", subject), "a NUL does not end the subject");
    cr_expect_not(matches("\\x02", bytes_of("\x00\x02", 1)), "the length does");
    cr_expect(matches("^.$", bytes_of("\xC3", 1)), "a byte is a character, UTF-8 or not");
    pattern_free(p);
}

Test(pattern, empty_subject_matches_what_takes_nothing)
{
    cr_expect(matches("^$", (struct bytes){0}));
    cr_expect(matches("", bytes_of("", 0)));
    cr_expect_not(matches("a", (struct bytes){0}));
}

/* The first alternative can be tried in 2^n ways before the second one matches. */
static const char catastrophic[] = "^(?:(a+)+c|a+b)$";

Test(pattern, that_runs_into_its_limit_does_not_match)
{
    struct pattern *p = compiled(catastrophic);
    char subject[64];
    struct pattern_match match;

    memset(subject, 'a', sizeof subject);
    subject[sizeof subject - 1] = 'b';
    for (int i = 0; i < 100; i++)
        cr_assert_not(pattern_match(p, bytes_of(subject, sizeof subject), 0, &match));
    cr_expect(pattern_match(p, bytes_of_text("aaaab"), 0, &match), "and serves again afterwards");
    pattern_free(p);
}

Test(pattern, limit_is_far_below_a_second_and_far_above_an_ack)
{
    char subject[64];

    memset(subject, 'a', sizeof subject);
    subject[12] = 'b';
    cr_expect(matches(catastrophic, bytes_of(subject, 13)), "some thousand steps");
    subject[12] = 'a';
    subject[20] = 'b';
    cr_expect_not(matches(catastrophic, bytes_of(subject, 21)), "a million");
}

Test(pattern, that_backtracks_at_every_place_of_a_long_subject_ends_too)
{
    static char subject[16384];

    memset(subject, 'a', sizeof subject);
    for (size_t i = 12; i < sizeof subject; i += 13) /* each place stays below the limit */
        subject[i] = 'x';
    cr_expect_not(matches("(?:a+)+[bc]", bytes_of(subject, sizeof subject)));
}

Test(pattern, search_goes_on_behind_a_match)
{
    struct pattern *p = compiled("(?<output>[0-9])(?:(?<on>on)|(?<off>off))?");
    struct pattern_match match;

    cr_expect(pattern_has(p, GROUP_OUTPUT) && pattern_has(p, GROUP_ON) && pattern_has(p, GROUP_OFF));
    cr_expect_not(pattern_has(p, GROUP_KEY));
    cr_assert(pattern_match(p, bytes_of_text("1on 2off 3"), 0, &match));
    cr_expect(bytes_equal_text(match.groups[GROUP_OUTPUT], "1"));
    cr_expect(match.groups[GROUP_ON].data && !match.groups[GROUP_OFF].data);
    cr_assert(pattern_match(p, bytes_of_text("1on 2off 3"), match.next, &match));
    cr_expect(bytes_equal_text(match.groups[GROUP_OUTPUT], "2"));
    cr_expect(!match.groups[GROUP_ON].data && match.groups[GROUP_OFF].data);
    cr_assert(pattern_match(p, bytes_of_text("1on 2off 3"), match.next, &match));
    cr_expect(!match.groups[GROUP_ON].data && !match.groups[GROUP_OFF].data);
    cr_expect_not(pattern_match(p, bytes_of_text("1on 2off 3"), match.next, &match));
    pattern_free(p);
}

Test(pattern, search_ends_where_matches_are_empty)
{
    struct pattern *p = compiled("x*");
    struct pattern_match match;
    size_t at = 0;
    int count = 0;

    for (; pattern_match(p, bytes_of_text("axxb"), at, &match); at = match.next)
        count++;
    cr_expect_eq(count, 4, "%d: before a, xx, before b, at the end", count);
    pattern_free(p);
}

Test(pattern, free_takes_null)
{
    pattern_free(NULL);
}
