#include "support/framing_finding.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static void pick_framer(void)
{
    framing_use("sparkplug");
}

TestSuite(framer_sparkplug, .init = pick_framer, .timeout = 60);

/* --- commands --- */

static void expect_wrapped(const char *timestamp, const char *body, const char *expected)
{
    const char *const fields[FRAMER_FIELDS_MAX] = {timestamp};
    char *text = wrapped(fields, bytes_of_text(body));

    cr_expect_str_eq(text, expected, "%s: %s", body, text);
    free(text);
}

#define HEAD "0880d095ffbc31"
#define METRIC(name) "12160a09" name "1880d095ffbc31200b70"
#define OUTPUTS "4f7574707574732f"

Test(framer_sparkplug, commands)
{
    expect_wrapped("1700000000000", "Outputs/1=1", HEAD METRIC(OUTPUTS "31") "01");
    expect_wrapped("1700000000000", "Outputs/1=0", HEAD METRIC(OUTPUTS "31") "00");
    expect_wrapped("1700000000000", "Outputs/1=1\nOutputs/3=0",
                   HEAD METRIC(OUTPUTS "31") "01" METRIC(OUTPUTS "33") "00");
    expect_wrapped("0", "a=1", "080012090a01611800200b7001");
    expect_wrapped("18446744073709551615", "=b=0", "08ffffffffffffffffff0112130a023d6218ffffffffffffffffff01200b7000");
}

Test(framer_sparkplug, blank_lines_count_for_nothing)
{
    expect_wrapped("1700000000000", "\n\nOutputs/1=1\n\n", HEAD METRIC(OUTPUTS "31") "01");
    expect_wrapped("1700000000000", "\nOutputs/1=1\n\nOutputs/3=0\n",
                   HEAD METRIC(OUTPUTS "31") "01" METRIC(OUTPUTS "33") "00");
}

Test(framer_sparkplug, mistakes_are_told)
{
    static const char *const bad_lines[] = {"a", "a=", "a=2", "=1", "1", "a=1 ", "a:1", "a=1\nb", "a=true"};

    for (size_t i = 0; i < sizeof bad_lines / sizeof *bad_lines; i++)
        expect_wrapped("1", bad_lines[i], "body: each line must be NAME=1 or NAME=0");
    expect_wrapped("", "a=1", "timestamp: must be a whole number");
    expect_wrapped("-1", "a=1", "timestamp: must be a whole number");
    expect_wrapped("18446744073709551616", "a=1", "timestamp: must be a whole number");
    expect_wrapped("1", "", "body: names no metric");
    expect_wrapped("1", "\n\n", "body: names no metric");
    expect_wrapped("1", "\xff=1", "body: must be UTF-8");
}

Test(framer_sparkplug, as_many_metrics_as_a_tracker_can_have_outputs)
{
    struct buffer body = {0};
    const char *const fields[FRAMER_FIELDS_MAX] = {"1"};
    char *text;

    for (unsigned i = 1; i <= 64; i++)
        buffer_printf(&body, "%u=1\n", i);
    text = wrapped(fields, buffer_bytes(&body));
    cr_expect(strncmp(text, "0801", 4) == 0, "%s", text);
    cr_expect_eq(strlen(text), 2 * (2 + 9 * 11 + 55 * 12));
    free(text);
    buffer_put_text(&body, "65=1");
    text = wrapped(fields, buffer_bytes(&body));
    cr_expect_str_eq(text, "body: has more than 64 metrics");
    free(text);
    buffer_release(&body);
}

/* --- what comes in --- */

Test(framer_sparkplug, lines)
{
    static const struct reading cases[] = {
        {"08e8d795ffbc3112160a094f7574707574732f3118e8d795ffbc31200b70011803",
         "Outputs/1=true"}, /* all fields of ordinary data */
        {"12050a01617000", "a=false"},
        {"12050a0161700112050a0162700012030a0163", "a=true\nb=false\nc=?"},
        {"0800", ""},                 /* no metric at all */
        {"1200", "#=?"},              /* neither name nor alias */
        {"1204100c7001", "#12=true"}, /* the alias stands for the name in most data */
        {"120d10ffffffffffffffffff017000", "#18446744073709551615=false"},
        {"12070a0161100c7001", "a=true"},        /* behind a name it counts for nothing */
        {"12070a016138017001", "a=?"},           /* null */
        {"12070a016128017001", "a=?"},           /* historical */
        {"12090a0161280038007001", "a=true"},    /* neither of them */
        {"12050a01617002", "a=true"},            /* every number but 0 is true */
        {"12050a01615001", "a=?"},               /* int_value */
        {"12050a01615801", "a=?"},               /* long_value */
        {"12080a0161650000803f", "a=?"},         /* float_value */
        {"120c0a016169000000000000f03f", "a=?"}, /* double_value */
        {"12090a01617a0474727565", "a=?"},       /* string_value "true" */
        {"12070a016182010101", "a=?"},           /* bytes_value, which is skipped */
        {"12070a016150017001", "a=true"},        /* of several values the last one counts */
        {"12070a016170015001", "a=?"},
        {"12080a016170017a0161", "a=?"},
        {"12080a01610a01627001", "b=true"},
        {"12030a01ff", "\xff=?"},
        {"12090a055c3d0a237f7001", "\\x5C\\x3D\\x0A\\x23\\x7F=true"}, /* what could look like another line */
        {"12070a036100627001", "a\\x00b=true"},
        {"12040a007001", "=true"},
        {"08002201412a0142", ""}, /* uuid and body are skipped */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_line(&cases[i]);
}

/* A payload of which nothing is to come: what is no whole one is garbage. Where it ends between two fields, it is
 * whole. */
Test(framer_sparkplug, truncations_are_never_partial)
{
    struct buffer b = from_hex("08e8d795ffbc3112160a094f7574707574732f3118e8d795ffbc31200b70011803");

    for (size_t len = 1; len < b.len; len++) {
        bool is_whole = len == 7 || len == 31;

        expect_finding(bytes_of(b.data, len), is_whole ? FRAME_GOOD : FRAME_GARBAGE, len);
    }
    buffer_release(&b);
}

Test(framer_sparkplug, what_is_no_payload_is_garbage)
{
    static const char *const cases[] = {
        "00",                     /* field 0 */
        "1801",                   /* neither timestamp nor metric */
        "2a0168",                 /* nor there */
        "68656c6c6f",             /* "hello" */
        "7b22636d64223a317d",     /* JSON */
        "120a0a0161",             /* a metric that claims more than there is */
        "12ffffffff0f0a0161",     /* much more */
        "12ffffffffffffffffff01", /* the most */
        "12050a05617001",         /* a name that claims more than its metric has */
        "12060a0161"
        "680000", /* the start of a double */
        "0880808080808080808080"
        "8001",   /* a number that does not end in time */
        "0a0161", /* a text where the timestamp belongs */
        "1001",   /* a number where metrics belong */
        "0b0c",   /* groups were given up long ago */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer b = from_hex(cases[i]);

        expect_finding(buffer_bytes(&b), FRAME_GARBAGE, b.len);
        buffer_release(&b);
    }
}

/* --- what it may cost --- */

static struct buffer repeated(const char *hex, size_t times)
{
    struct buffer all = {0};
    struct buffer one = from_hex(hex);

    for (size_t i = 0; i < times; i++)
        buffer_put(&all, buffer_bytes(&one));
    buffer_release(&one);
    return all;
}

/* Two bytes are a metric, and in memory it is more than a hundred. */
Test(framer_sparkplug, metrics_without_end_are_garbage)
{
    static const struct {
        const char *metric;
        size_t times;
        enum frame_verdict verdict;
    } cases[] = {
        {"1200", 1000, FRAME_GOOD},
        {"1200", 8192, FRAME_GARBAGE},
        {"1200", 100000, FRAME_GARBAGE},
        {"120f0a0b4f7574707574732f3939397001", 960, FRAME_GOOD}, /* 16 KB of ordinary ones */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer b = repeated(cases[i].metric, cases[i].times);

        expect_finding(buffer_bytes(&b), cases[i].verdict, b.len);
        buffer_release(&b);
    }
}

/* What is skipped is kept by the library while it reads, as a copy and an entry in a list. */
Test(framer_sparkplug, unknown_fields_without_end_are_garbage)
{
    static const char *const fields[] = {"2001", "2a00", "a20100"};

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        struct buffer few = repeated(fields[i], 500);
        struct buffer many = repeated(fields[i], 100000);

        buffer_put(&few, bytes_of("\x08\x00", 2));
        buffer_put(&many, bytes_of("\x08\x00", 2));
        expect_finding(buffer_bytes(&few), FRAME_GOOD, few.len);
        expect_finding(buffer_bytes(&many), FRAME_GARBAGE, many.len);
        buffer_release(&many);
        buffer_release(&few);
    }
}

/* Memory ends at each possible place, and nothing is lost or used then: the sanitizers would tell. */
Test(framer_sparkplug, memory_may_end_anywhere)
{
    unsigned good = 0;
    unsigned garbage = 0;

    for (size_t times = 900; times < 2100; times++) {
        struct buffer b = repeated("12030a0161", times);
        struct finding f = finding_of(buffer_bytes(&b));

        good += f.verdict == FRAME_GOOD;
        garbage += f.verdict == FRAME_GARBAGE;
        free(f.line);
        buffer_release(&b);
    }
    cr_expect_gt(good, 100);
    cr_expect_gt(garbage, 100);
}

/* Whatever comes, it is either a payload or garbage, all of it. */
Test(framer_sparkplug, mutations_are_good_or_garbage)
{
    struct buffer b = from_hex("08e8d795ffbc3112160a094f7574707574732f3118e8d795ffbc31200b700112160a094f7574707574732f3"
                               "218e8d795ffbc31200b70001803");
    uint32_t seed = 1;

    for (unsigned round = 0; round < 20000; round++) {
        uint8_t was[4];
        size_t at[4];

        for (unsigned i = 0; i < 4; i++) {
            seed = seed * 1664525 + 1013904223;
            at[i] = (seed >> 8) % b.len;
            was[i] = b.data[at[i]];
            b.data[at[i]] = (uint8_t)(seed >> 24);
        }
        {
            struct finding f = finding_of(buffer_bytes(&b));

            cr_assert(f.verdict != FRAME_PARTIAL && f.used == b.len);
            free(f.line);
        }
        for (unsigned i = 4; i-- > 0;)
            b.data[at[i]] = was[i];
    }
    buffer_release(&b);
}
