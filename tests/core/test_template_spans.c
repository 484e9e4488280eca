/* Lengths and checksums over spans of a template. The sums are counted by hand or are the catalogue's check values. */
#include "test_template_values.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "core/checksum.h"

TestSuite(template_spans, .timeout = 30);

/* --- lengths --- */

Test(template_spans, length_stands_before_or_behind_its_span)
{
    static const struct pair pairs[] = {
        {"{len a..b}x{mark a}abc{mark b}y", "3xabcy"},
        {"x{mark a}abc{mark b}y{len a..b}", "xabcy3"},
        {"{mark a}abc{len a..here}", "abc3"},
        {"abc{len start..here}xy", "abc3xy"},
        {"xy{len here..end}abc", "xy3abc"},
        {"{len a..end}xy{mark a}abc", "3xyabc"},
        {"abc{mark a}xy{len start..a}", "abcxy3"},
        {"{len a..b}{mark a}{mark b}", "0"},
        {"{len b..b}{mark b}abc", "0abc"},
        {"{len start..start}abc", "0abc"},
        {"{len here..end}0123456789", "100123456789"},
        {"{len here..end}{device_id},{output}", "17356307042441013,2"},
        {"{device_id}{len start..here}", "35630704244101315"},
        {"{len here..end}{enable?ON:OFF}{states on='11' off='00' keep='--' sep=', '}", "12ON--, 11, --"},
        {"{len here..end}{{}}", "2{}"},
        {"{len here..end}\xC3\xA4", "2\xC3\xA4"},
    };
    struct template_input input = rendered_from(&set_2_on);

    EXPECT_ALL(pairs, &input);
    expect_failure("{len}", &input, -ENODATA); /* without a span it is a var like others */
}

Test(template_spans, length_may_have_many_digits)
{
    struct template_input input = rendered_from(&set_2_on);
    char text[1100] = "{len here..end}";
    char expected[1100] = "1024";

    memset(text + strlen(text), 'x', 1024);
    memset(expected + strlen(expected), 'x', 1024);
    expect_text(text, &input, expected);
}

Test(template_spans, lengths_move_what_stands_behind_them)
{
    static const struct pair pairs[] = {
        {"{len a..b};{len b..end};{mark a}abc{mark b}0123456789", "3;10;abc0123456789"},
        {"{len b..end};{len a..b};{mark a}0123456789{mark b}abc", "3;10;0123456789abc"},
        {"{mark a}0123456789{mark b}{len a..b}x{mark c}yz{len c..here}", "012345678910xyz2"},
        {"0123456789{len start..here}{mark c}{len here..end}yz", "0123456789102yz"},
        {"{len c..d}{len a..b}{mark c}x{mark d}{mark a}yz{mark b}{len d..b}", "12xyz2"},
        {"{len a..b}{len c..d}{len a..d}{len b..c}{mark a}0123456789{mark b}.{mark c}xyz{mark d}",
         "1031410123456789.xyz"},
    };
    struct template_input input = rendered_from(&set_2_on);

    EXPECT_ALL(pairs, &input);
}

/* --- checksums --- */

Test(template_spans, checksum_stands_before_or_behind_its_span)
{
    static const struct pair pairs[] = {
        {"abc{sum8 start..here:02X}", "abc26"},
        {"{mark a}abc{mark b}*{sum8 a..b:02X}\r\n", "abc*26\r\n"},
        {"x{mark a}abc{sum8 a..here:02x}y", "xabc26y"},
        {"{sum8 a..end:02X}{mark a}abc", "26abc"},
        {"{sum8 a..b:02X};{mark a}abc{mark b};", "26;abc;"},
        {"{sum8 here..end:02X}abc", "26abc"},
        {"x{sum8 here..a:02X}abc{mark a}y", "x26abcy"},
        {"{xor8 here..end:02X}{device_id},{output}", "2F356307042441013,2"},
        {"{sum8 here..end:02X}{device_id},{output}", "59356307042441013,2"},
        {"{xor8 start..here:02x}", "00"},
        {"xyz{xor8 start..here:02x}", "xyz7b"},
        {"xyz{xor8 start..here:02X}", "xyz7B"},
        {"{sum8 a..b:02X}{xor8 b..end:02x}{mark a}abc{mark b}xyz", "267babcxyz"},
        {"abc{sum8 start..here:02X}{mark a}xyz{xor8 a..here:02X}", "abc26xyz7B"},
    };
    struct template_input input = rendered_from(&set_2_on);

    EXPECT_ALL(pairs, &input);
}

Test(template_spans, every_checksum_has_its_name_and_width)
{
    static const struct pair pairs[] = {
        {"{sum8 a..end:02X}", "DD"},
        {"{xor8 a..end:02X}", "31"},
        {"{crc8_maxim a..end:02X}", "A1"},
        {"{crc16_arc a..end:04X}", "BB3D"},
        {"{crc16_ccitt_false a..end:04X}", "29B1"},
        {"{crc16_kermit a..end:04X}", "2189"},
        {"{crc16_modbus a..end:04X}", "4B37"},
        {"{crc16_x25 a..end:04X}", "906E"},
        {"{crc16_xmodem a..end:04x}", "31c3"},
    };
    struct template_input input = rendered_from(&set_2_on);

    cr_assert_eq(sizeof pairs / sizeof *pairs, (size_t)CHECKSUM_COUNT);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char text[64];
        char expected[64];

        snprintf(text, sizeof text, "%s{mark a}123456789", pairs[i].text);
        snprintf(expected, sizeof expected, "%s123456789", pairs[i].expected);
        expect_text(text, &input, expected);
    }
}

/* The whole of a Meitrack command is one: its length counts the digits of its checksum, which covers the length. */
Test(template_spans, checksum_covers_lengths_and_lengths_count_checksums)
{
    static const struct pair pairs[] = {
        {"${len b..end}{mark b},abc*{sum8 start..here:02X}\r\n", "$9,abc*D9\r\n"},
        {"${len b..end}{mark b},abcdef*{sum8 start..here:02X}\r\n", "$12,abcdef*32\r\n"},
        {"{xor8 a..end:02x}{mark a}{len here..end}hello", "575hello"},
        {"{xor8 a..end:02x}{mark a}{len here..end}hellohellohello!!!", "4a18hellohellohello!!!"},
        {"{sum8 a..b:02X}{mark a}{len b..end}{mark b}xy", "322xy"},
        {"{len a..end}{mark a}{crc16_x25 b..c:04X}{mark b}123456789{mark c}", "13906E123456789"},
        {"{mark b}123456789{mark c}{crc16_x25 b..c:04X}{len start..here}", "123456789906E13"},
    };
    struct template_input input = rendered_from(&set_2_on);

    EXPECT_ALL(pairs, &input);
}

/* The example of the Meitrack GPRS protocol, command C01. */
Test(template_spans, meitrack_command_is_the_manuals)
{
    struct template_input input = rendered_from(&batch_101);

    input.vars = "imei\000353358017784062\0";
    expect_text(
        "@@M{len b..end}{mark b},{imei},C01,20,{states 1..5 on='1' off='0' keep='2'}*{sum8 start..here:02X}\r\n",
        &input, "@@M34,353358017784062,C01,20,10122*18\r\n");
}

/* --- where it stands --- */

Test(template_spans, defaults_have_places_of_their_own)
{
    const char *error = NULL;
    struct template *inner =
        template_compile("ab{len start..here}{sum8 start..here:02X}", TEMPLATE_DEFAULT, NULL, &error);
    const struct template_default list[] = {{"inner", inner}};
    const struct template_defaults defaults = {list, 1};
    struct template_input input = rendered_from(&set_2_on);

    cr_assert_not_null(inner);
    expect_rendered("zz{len here..end}{inner}", &defaults, &input, "zz5ab2F5", 0);
    expect_rendered("{inner}{inner};{len start..here}", &defaults, &input, "ab2F5ab2F5;11", 0);
    template_free(inner);
}

Test(template_spans, rendering_begins_anew_each_time)
{
    const char *error = NULL;
    struct template *t = template_compile("{len here..end}{x};{sum8 start..here:02X}", TEMPLATE_SET, NULL, &error);
    struct template_input input = rendered_from(&set_2_on);
    struct buffer out = {0};

    cr_assert_not_null(t);
    input.vars = "x\0abc\0";
    cr_expect_eq(template_render(t, &input, &out), 0);
    input.vars = "x\000123456789\0";
    cr_expect_eq(template_render(t, &input, &out), 0);
    input.vars = NULL;
    cr_expect_eq(template_render(t, &input, &out), -ENODATA);
    cr_expect(bytes_equal_text(buffer_bytes(&out), "6abc;9712123456789;7B"), "%.*s", (int)out.len, (char *)out.data);
    buffer_release(&out);
    template_free(t);
}

/* --- mistakes --- */

static const char span_error[] = "a span is written a..b, with marks of this template, start, end or here";
static const char len_error[] = "a length is written {len a..b}";
static const char sum_error[] = "a checksum is written {sum8 a..b:02X}";
static const char width_error[] = "a checksum takes its full width: 02X or 04X, or with x";
static const char mark_error[] = "a mark is written {mark a}, each name once";
static const char own_error[] = "a span does not hold its own length or checksum";
static const char order_error[] = "a span ends before it begins";
static const char nested_error[] =
    "the span of a length holds no other length, and that of a checksum no other checksum";

Test(template_spans, mistakes_are_told)
{
    static const struct pair pairs[] = {
        {"{len a..b}", span_error},
        {"{len a..end}{mark b}", span_error},
        {"{len here..a}{mark b}", span_error},
        {"{len start}", span_error},
        {"{len start..}", span_error},
        {"{len ..end}", span_error},
        {"{len start.end}", span_error},
        {"{len start-end}", span_error},
        {"{len start.. end}", span_error},
        {"{len Start..end}", span_error},
        {"{sum8 a..b:02X}", span_error},
        {"{len here..end x}", len_error},
        {"{len here..end+1}", len_error},
        {"{len here..end%2}", len_error},
        {"{len here..end:}", len_error},
        {"{len here..end:d}", "a length takes no format"},
        {"{len here..end:04X}", "a length takes no format"},
        {"{sum8 start..here}", width_error},
        {"{sum8 start..here:X}", width_error},
        {"{sum8 start..here:04X}", width_error},
        {"{crc16_arc start..here:02X}", width_error},
        {"{sum8 start..here:02d}", width_error},
        {"{sum8 start..here:02c}", width_error},
        {"{sum8 start..here:time}", width_error},
        {"{sum8 start..here%7:02X}", sum_error},
        {"{sum8 start..here-1:02X}", sum_error},
        {"{sum8 start..here:02Xx}", sum_error},
        {"{mark a}{mark a}", mark_error},
        {"{mark start}", mark_error},
        {"{mark end}", mark_error},
        {"{mark here}", mark_error},
        {"{mark }", mark_error},
        {"{mark  a}", mark_error},
        {"{mark a b}", mark_error},
        {"{mark a", mark_error},
        {"{len b..a}{mark a}x{mark b}", order_error},
        {"x{len here..start}", order_error},
        {"x{len end..start}", order_error},
        {"{sum8 end..here:02X}x", order_error},
        {"{len start..end}", own_error},
        {"x{sum8 start..end:02X}", own_error},
        {"{mark a}{len a..b}{mark b}", own_error},
        {"a{len start..here}b{len start..here}", nested_error},
        {"{len here..end}{len here..end}", nested_error},
        {"a{sum8 start..here:02X}b{xor8 start..here:02X}", nested_error},
        {"{mark a}{mark b}{mark c}{mark d}{mark e}{mark f}{mark g}{mark h}{mark i}", "too many marks"},
    };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        expect_mistake(pairs[i].text, TEMPLATE_SET, pairs[i].expected);
}

Test(template_spans, there_are_at_most_eight_marks_and_four_spans)
{
    static const char five[] = "{mark a}{len a..a}{len a..a}{sum8 a..a:02X}{sum8 a..a:02X}{xor8 a..a:02X}";
    struct template_input input = rendered_from(&set_2_on);

    expect_text("{mark a}{mark b}{mark c}{mark d}{mark e}{mark f}{mark g}{mark h}{len a..h}", &input, "0");
    expect_text("{mark a}{len a..a}{len a..a}{sum8 a..a:02X}{xor8 a..a:02X}", &input, "000000");
    expect_mistake(five, TEMPLATE_SET, "too many lengths and checksums");
}

/* Braces that are doubled, and those in the texts of other placeholders, are none of a mark. */
Test(template_spans, mark_that_is_only_text_is_none)
{
    struct template_input input = rendered_from(&set_2_on);

    expect_text("{{mark a}}", &input, "{mark a}");
    expect_mistake("{{mark a}}{len a..end}", TEMPLATE_SET, span_error);
    expect_mistake("{{mark a}}{sum8 start..a:02X}", TEMPLATE_SET, span_error);
    expect_mistake("{model|GV={mark a}{len a..end}", TEMPLATE_SET, span_error);
}

Test(template_spans, topics_that_come_in_have_none)
{
    static const char error[] = "this topic takes plain names only: no lookup, no number with a format";

    expect_mistake("a/{mark a}", TEMPLATE_TOPIC, error);
    expect_mistake("a/{len start..here}", TEMPLATE_ACK_TOPIC, error);
    expect_mistake("a/{sum8 start..here:02X}", TEMPLATE_TOPIC, error);
}
