#include "wire/json_mend.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "wire/object.h"

static void expect(const char *text, const char *mended)
{
    struct buffer out = {0};

    json_mend(bytes_of_text(text), &out);
    buffer_put_u8(&out, '\0');
    cr_expect_str_eq((const char *)out.data, mended);
    buffer_release(&out);
}

static void expect_untouched(const char *text)
{
    expect(text, text);
}

Test(json_mend, quotes_a_bare_key_behind_a_brace)
{
    expect("{tracker_id: 265489}", "{\"tracker_id\": 265489}");
    expect("{a:1}", "{\"a\":1}");
}

Test(json_mend, quotes_a_bare_key_behind_a_comma)
{
    expect("{\"hash\": \"x\", tracker_id: 265489, output: 1}",
           "{\"hash\": \"x\", \"tracker_id\": 265489, \"output\": 1}");
}

Test(json_mend, quotes_a_bare_key_whatever_blanks_are_around_it)
{
    expect("{ \t\r\n a \t\r\n : 1,\n b\n:2}", "{ \t\r\n \"a\" \t\r\n : 1,\n \"b\"\n:2}");
}

Test(json_mend, quotes_bare_keys_at_every_level)
{
    expect("{a: {b: [{c: 1}]}}", "{\"a\": {\"b\": [{\"c\": 1}]}}");
}

Test(json_mend, quotes_whatever_is_an_identifier)
{
    expect("{_a: 1, $b: 2, c3: 3, D: 4, true: 5, null: 6, NaN: 7}",
           "{\"_a\": 1, \"$b\": 2, \"c3\": 3, \"D\": 4, \"true\": 5, \"null\": 6, \"NaN\": 7}");
}

Test(json_mend, leaves_good_json_alone)
{
    expect_untouched("");
    expect_untouched("{}");
    expect_untouched("{\"a\": true, \"b\": [false, null, 1, -2, 3.5], \"c\": {\"d\": \"e\"}}");
    expect_untouched("[true, false, null]");
    expect_untouched(" \t\r\n{ \"a\" : 1 } \n");
}

Test(json_mend, leaves_identifiers_that_are_no_keys_alone)
{
    expect_untouched("{a}");
    expect_untouched("{\"x\": a}");
    expect_untouched("{\"x\": a: 1}");
    expect_untouched("{\"x\" a: 1}");
    expect_untouched("a: 1");
    expect_untouched("[a: 1]");
    expect_untouched("{a b: 1}");
    expect_untouched("{a-b: 1}");
    expect_untouched("{1a: 1}");
    expect_untouched("{\"x\": NaN}");
    expect_untouched("{\"x\": -Infinity}");
    expect_untouched("{\"x\": undefined}");
    expect_untouched("{\xC3\xA9: 1}");
    expect_untouched("{'a': 1}");
}

Test(json_mend, leaves_strings_alone)
{
    expect_untouched("{\"{a: 1, b: 2}\": \"{c: 3}, d: 4\"}");
    expect_untouched("{\"x\": \"\\\"{a: 1, b:\\\"\"}");
    expect_untouched("{\"x\": \"\\\\\", \"y\": \"\\\\\\\", z: \"}");
    expect_untouched("{\"x\": \"99999999999999999999 1e400\"}");
    expect("{\"x\": \"\\\\\", y: 1}", "{\"x\": \"\\\\\", \"y\": 1}");
}

Test(json_mend, leaves_an_open_string_alone)
{
    expect_untouched("{\"x");
    expect_untouched("{\"x\\");
    expect_untouched("{\"x\\\"");
    expect_untouched("{\"a: 1, b: 2}");
    expect_untouched("\"");
}

Test(json_mend, replaces_whole_numbers_beyond_64_bits_by_a_half_that_stands_apart)
{
    expect("{\"x\": 99999999999999999999}", "{\"x\":  0.5 }");
    expect("{\"x\": -99999999999999999999}", "{\"x\":  0.5 }");
    expect("[123456789012345678901234567890,1]", "[ 0.5 ,1]");
}

Test(json_mend, replaces_reals_beyond_a_double_by_a_half)
{
    expect("{\"x\": 1e400}", "{\"x\":  0.5 }");
    expect("{\"x\": -1.5E+400}", "{\"x\":  0.5 }");
    expect("{\"x\": 1e-400, \"y\": 2}", "{\"x\":  0.5 , \"y\": 2}");
}

Test(json_mend, leaves_every_32_bit_integer_alone)
{
    expect_untouched("{\"x\": 0, \"y\": -0, \"z\": 2147483647, \"w\": -2147483648}");
    expect_untouched("{\"x\": 4294967295, \"y\": 999999999999999999}");
}

static void count_member(void *ctx, const struct member *member)
{
    (void)member;
    ++*(int *)ctx;
}

static bool mended_is_object(const char *text)
{
    struct buffer out = {0};
    int members = 0;
    int r;

    json_mend(bytes_of_text(text), &out);
    r = object_decode(ENCODING_JSON, buffer_bytes(&out), count_member, &members);
    buffer_release(&out);
    return r == 0;
}

/* Neither by itself, nor with what stands next to a number that is replaced. */
Test(json_mend, does_not_make_good_what_is_no_number)
{
    static const char *const bad[] = {
        "01",
        "-",
        "-x",
        "1.",
        "1.e5",
        ".5",
        "1e",
        "1e+",
        "--1",
        "+1",
        "0x10",
        "1_0",
        "00",
        "-01",
        "1.5.5",
        "1..2",
        "- 1",
        "1e5e5",
        "1e4x",
        "1e5.5",
        "1e5-5",
        "5-1e5",
        "--1e5",
        "- 1e5",
        "+1e5",
        "0123456789012345678901",
        "-0123456789012345678901",
        "--99999999999999999999",
        "5-99999999999999999999",
        "99999999999999999999e",
        "99999999999999999999.",
        "99999999999999999999 1",
        "\"\"99999999999999999999",
        "true99999999999999999999",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[80];

        snprintf(text, sizeof text, "{\"x\": %s}", bad[i]);
        cr_expect_not(mended_is_object(text), "%s", text);
        snprintf(text, sizeof text, "{\"x\": [%s]}", bad[i]);
        cr_expect_not(mended_is_object(text), "%s", text);
    }
    cr_expect(mended_is_object("{x: 99999999999999999999}"));
    cr_expect(mended_is_object("{x: -1e400, y: [1E-400]}"));
}

Test(json_mend, appends)
{
    struct buffer out = {0};

    buffer_put_text(&out, "before");
    json_mend(bytes_of_text("{a:1}"), &out);
    cr_assert(bytes_equal_text(buffer_bytes(&out), "before{\"a\":1}"));
    buffer_release(&out);
}
