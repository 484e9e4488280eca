#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "wire/object.h"

TestSuite(object_lines, .timeout = 30);

/* `expected` NULL: malformed, and nothing is appended. */
static void expect_lines(enum encoding encoding, struct bytes payload, const char *expected)
{
    struct buffer out = {0};
    struct buffer wanted = {0};
    uint8_t *copy = malloc(payload.len + 1); /* of exactly this size, so that a sanitizer sees a read beyond it */

    cr_assert(copy);
    memcpy(copy, payload.data, payload.len);
    copy = realloc(copy, payload.len ? payload.len : 1);
    buffer_put_text(&out, "before\n");
    buffer_printf(&wanted, "before\n%s", expected ? expected : "");
    cr_expect_eq(object_lines(encoding, bytes_of(copy, payload.len), &out), expected ? 0 : -EBADMSG, "%.*s",
                 (int)payload.len, (const char *)payload.data);
    cr_expect(bytes_equal(buffer_bytes(&out), buffer_bytes(&wanted)), "%.*s gave\n%.*s\nnot\n%s", (int)payload.len,
              (const char *)payload.data, (int)out.len, (const char *)out.data, (const char *)wanted.data);
    buffer_release(&out);
    buffer_release(&wanted);
    free(copy);
}

static void expect_json(const char *text, const char *expected)
{
    expect_lines(ENCODING_JSON, bytes_of_text(text), expected);
}

#define EXPECT_MSGPACK(bytes_, expected_) \
    expect_lines(ENCODING_MSGPACK, bytes_of(bytes_, sizeof(bytes_) - 1), expected_)

/* --- what is a line --- */

Test(object_lines, every_value_is_a_line_with_its_path)
{
    expect_json("{\"id\": 1, \"params\": [{\"on\": true}]}", "id=1\nparams.0.on=true\n");
    EXPECT_MSGPACK("\x82\xA2id\x01\xA6params\x91\x81\xA2on\xC3", "id=1\nparams.0.on=true\n");
    expect_json("{\"a\":{\"b\":{\"c\":\"d\"}}}", "a.b.c=d\n");
    EXPECT_MSGPACK("\x81\xA1"
                   "a\x81\xA1"
                   "b\x81\xA1"
                   "c\xA1"
                   "d",
                   "a.b.c=d\n");
    expect_json("{\"a\":[[1,[2]],[],[{\"b\":3}]]}", "a.0.0=1\na.0.1.0=2\na.2.0.b=3\n");
    EXPECT_MSGPACK("\x81\xA1"
                   "a\x93\x92\x01\x91\x02\x90\x91\x81\xA1"
                   "b\x03",
                   "a.0.0=1\na.0.1.0=2\na.2.0.b=3\n");
}

/* A key with a dot looks like a path. */
Test(object_lines, two_values_with_the_same_path_are_two_lines)
{
    expect_json("{\"a.b\":1,\"a\":{\"b\":1}}", "a.b=1\na.b=1\n");
    expect_json("{\"a.b\":2,\"a\":{\"b\":1}}", "a.b=1\na.b=2\n");
}

Test(object_lines, what_is_empty_has_none)
{
    expect_json("{}", "");
    expect_json("{\"a\":{},\"b\":[],\"c\":[[],{}]}", "");
    expect_json("{\"a\":\"\"}", "a=\n");
    EXPECT_MSGPACK("\x80", "");
    EXPECT_MSGPACK("\x82\xA1"
                   "a\x80\xA1"
                   "b\x90",
                   "");
    EXPECT_MSGPACK("\x81\xA1"
                   "a\xA0",
                   "a=\n");
}

Test(object_lines, numbers_booleans_and_null)
{
    expect_json("{\"a\":0,\"b\":-1,\"c\":9223372036854775807,\"d\":-9223372036854775808}",
                "a=0\nb=-1\nc=9223372036854775807\nd=-9223372036854775808\n");
    expect_json("{\"a\":true,\"b\":false,\"c\":null}", "a=true\nb=false\nc=null\n");
    expect_json("{\"a\":1.5,\"b\":21.25,\"c\":1e300,\"d\":0.1,\"e\":-0.5,\"f\":1.0}",
                "a=1.5\nb=21.25\nc=1.0000000000000001e+300\nd=0.10000000000000001\ne=-0.5\nf=1\n");
    EXPECT_MSGPACK("\x84\xA1"
                   "a\x00\xA1"
                   "b\xFF\xA1"
                   "c\xCF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xA1"
                   "d"
                   "\xD3\x80\x00\x00\x00\x00\x00\x00\x00",
                   "a=0\nb=-1\nc=9223372036854775807\nd=-9223372036854775808\n");
    EXPECT_MSGPACK("\x83\xA1"
                   "a\xC3\xA1"
                   "b\xC2\xA1"
                   "c\xC0",
                   "a=true\nb=false\nc=null\n");
    EXPECT_MSGPACK("\x82\xA1"
                   "a\xCA\x3F\xC0\x00\x00\xA1"
                   "b\xCB\x40\x35\x40\x00\x00\x00\x00\x00",
                   "a=1.5\nb=21.25\n");
}

Test(object_lines, what_is_none_of_these_is_null)
{
    EXPECT_MSGPACK("\x81\xA1"
                   "a\xC4\x02\x01\x02",
                   "a=null\n"); /* binary */
    EXPECT_MSGPACK("\x81\xA1"
                   "a\xD4\x01\x00",
                   "a=null\n"); /* an extension */
    EXPECT_MSGPACK("\x81\xA1"
                   "a\xCF\x80\x00\x00\x00\x00\x00\x00\x00",
                   "a=null\n"); /* beyond 64 bits, signed */
    EXPECT_MSGPACK("\x81\xA1"
                   "a\x92\xC4\x00\xC0",
                   "a.0=null\na.1=null\n");
}

Test(object_lines, lines_are_sorted_by_their_bytes)
{
    expect_json("{\"b\":1,\"a\":2,\"B\":3,\"ab\":4,\"a.b\":5,\"a\\u00e4\":6}",
                "B=3\na.b=5\na=2\nab=4\na\xC3\xA4=6\nb=1\n");
    EXPECT_MSGPACK("\x83\xA1"
                   "b\x01\xA1"
                   "a\x02\xA2"
                   "ab\x03",
                   "a=2\nab=3\nb=1\n");
    expect_json("{\"l\":[0,1,2,3,4,5,6,7,8,9,10,11]}",
                "l.0=0\nl.10=10\nl.11=11\nl.1=1\nl.2=2\nl.3=3\nl.4=4\nl.5=5\nl.6=6\nl.7=7\nl.8=8\nl.9=9\n");
    expect_json("{\"z\":{\"y\":1},\"a\":{\"z\":{\"b\":2,\"a\":3}}}", "a.z.a=3\na.z.b=2\nz.y=1\n");
}

/* --- a value never makes a line of its own --- */

Test(object_lines, control_characters_are_written_out)
{
    expect_json("{\"a\":\"x\\non=true\",\"b\":\"\\r\\t\\u0001\\u001f\\u007f\"}",
                "a=x\\u000aon=true\nb=\\u000d\\u0009\\u0001\\u001f\\u007f\n");
    expect_json("{\"a\":\"x\\u0000y\"}", "a=x\\u0000y\n");
    EXPECT_MSGPACK("\x81\xA1"
                   "a\xA9x\non=true",
                   "a=x\\u000aon=true\n");
    EXPECT_MSGPACK("\x81\xA1"
                   "a\xA3x\x00y",
                   "a=x\\u0000y\n");
    EXPECT_MSGPACK("\x81\xA3"
                   "a\nb\xA1"
                   "c",
                   "a\\u000ab=c\n");
    expect_json("{\"on=true\\n\":1,\"\\n\":{\"\\r\":2}}", "\\u000a.\\u000d=2\non=true\\u000a=1\n");
    EXPECT_MSGPACK("\x81\xA2\x00\x7F\xA1"
                   "c",
                   "\\u0000\\u007f=c\n");
}

Test(object_lines, other_characters_are_left_alone)
{
    expect_json("{\"a\":\" \\\"\\\\/~=.\",\"\\u20ac\":\"\\u00e4\\ud83d\\ude00\"}",
                "a= \"\\/~=.\n\xE2\x82\xAC=\xC3\xA4\xF0\x9F\x98\x80\n");
    EXPECT_MSGPACK("\x81\xA1"
                   "a\xA4\xC3\xA4~\\",
                   "a=\xC3\xA4~\\\n");
}

/* Whatever byte stands in a key or a value: there is one line, and it ends with its only line feed. */
Test(object_lines, no_character_makes_two_lines_of_one)
{
    for (unsigned c = 0; c < 0x80; c++) {
        const uint8_t payload[] = {0x81, 0xA3, 'k', (uint8_t)c, 'k', 0xA3, 'v', (uint8_t)c, 'v'};
        struct buffer out = {0};

        cr_assert_eq(object_lines(ENCODING_MSGPACK, bytes_of(payload, sizeof payload), &out), 0);
        cr_expect_eq(memchr(out.data, '\n', out.len), out.data + out.len - 1, "%02x", c);
        for (size_t i = 0; i + 1 < out.len; i++)
            cr_expect(out.data[i] >= ' ' && out.data[i] != 0x7F, "%02x", c);
        cr_expect_eq(out.len, c >= ' ' && c != 0x7F ? 8 : 18, "%02x", c);
        buffer_release(&out);
    }
}

/* --- how much of it --- */

/* {"a": "xxx…"} whose line has this many bytes. */
static void expect_line_of(size_t len, bool is_good)
{
    struct buffer json = {0};
    struct buffer msgpack = {0};
    struct buffer out = {0};

    buffer_put_text(&json, "{\"a\":\"");
    buffer_put(&msgpack, bytes_of("\x81\xA1"
                                  "a\xDB",
                                  4));
    buffer_put_be(&msgpack, len - 3, 4);
    for (size_t i = 0; i < len - 3; i++) {
        buffer_put_u8(&json, 'x');
        buffer_put_u8(&msgpack, 'x');
    }
    buffer_put_text(&json, "\"}");
    cr_expect_eq(object_lines(ENCODING_JSON, buffer_bytes(&json), &out), is_good ? 0 : -EBADMSG, "%zu", len);
    cr_expect_eq(out.len, is_good ? len : 0, "%zu", out.len);
    buffer_clear(&out);
    cr_expect_eq(object_lines(ENCODING_MSGPACK, buffer_bytes(&msgpack), &out), is_good ? 0 : -EBADMSG, "%zu", len);
    cr_expect_eq(out.len, is_good ? len : 0, "%zu", out.len);
    buffer_release(&json);
    buffer_release(&msgpack);
    buffer_release(&out);
}

Test(object_lines, line_may_be_as_long_as_all_of_them)
{
    expect_line_of(3, true);
    expect_line_of(OBJECT_LINES_MAX - 1, true);
    expect_line_of(OBJECT_LINES_MAX, true);
    expect_line_of(OBJECT_LINES_MAX + 1, false);
    expect_line_of(2 * OBJECT_LINES_MAX, false);
}

/* {"kkk…": [0, 0, …]}: each element repeats the key. */
static void expect_elements(size_t key_len, size_t count, bool is_good)
{
    struct buffer json = {0};
    struct buffer out = {0};

    buffer_put_text(&json, "{\"");
    for (size_t i = 0; i < key_len; i++)
        buffer_put_u8(&json, 'k');
    buffer_put_text(&json, "\":[");
    for (size_t i = 0; i < count; i++)
        buffer_put_text(&json, i ? ",0" : "0");
    buffer_put_text(&json, "]}");
    cr_expect_eq(object_lines(ENCODING_JSON, buffer_bytes(&json), &out), is_good ? 0 : -EBADMSG);
    cr_expect(is_good ? out.len <= OBJECT_LINES_MAX : out.len == 0, "%zu", out.len);
    buffer_release(&json);
    buffer_release(&out);
}

Test(object_lines, paths_that_repeat_count_in_full)
{
    expect_elements(1019, 10, true);
    expect_elements(1019, 63, true); /* ".0=0\n": 10 lines of 1024 bytes, the others of 1025 */
    expect_elements(1019, 64, false);
    expect_elements(2000, 1000, false);
    expect_elements(1, 100000, false);
}

/* {"a": text that is too much by itself, "b": value}: nothing is appended, whatever comes behind it. */
static void expect_too_much_before(const char *json, const char *msgpack, size_t msgpack_len)
{
    enum { TOO_MUCH = OBJECT_LINES_MAX + 1 };
    struct buffer text = {0};
    struct buffer packed = {0};

    buffer_put_text(&text, "{\"a\":\"");
    buffer_put(&packed, bytes_of("\x82\xA1"
                                 "a\xDB",
                                 4));
    buffer_put_be(&packed, TOO_MUCH, 4);
    for (int i = 0; i < TOO_MUCH; i++) {
        buffer_put_u8(&text, 'x');
        buffer_put_u8(&packed, 'x');
    }
    buffer_printf(&text, "\",\"b\":%s}", json);
    buffer_put(&packed, bytes_of("\xA1"
                                 "b",
                                 2));
    buffer_put(&packed, bytes_of(msgpack, msgpack_len));
    expect_lines(ENCODING_JSON, buffer_bytes(&text), NULL);
    expect_lines(ENCODING_MSGPACK, buffer_bytes(&packed), NULL);
    buffer_release(&text);
    buffer_release(&packed);
}

Test(object_lines, behind_too_much_any_value_is_too_much)
{
    expect_too_much_before("1", "\x01", 1);
    expect_too_much_before("1.5", "\xCB\x3F\xF8\0\0\0\0\0\0", 9);
    expect_too_much_before("true", "\xC3", 1);
    expect_too_much_before("null", "\xC0", 1);
    expect_too_much_before("\"x\"", "\xA1x", 2);
    expect_too_much_before("[1]", "\x91\x01", 2);
    expect_too_much_before("{\"c\":1}",
                           "\x81\xA1"
                           "c\x01",
                           4);
}

/* --- what is malformed --- */

Test(object_lines, malformed_objects_have_no_lines)
{
    static const char *const texts[] = {"",
                                        "[]",
                                        "1",
                                        "\"a\"",
                                        "{",
                                        "{\"a\":1",
                                        "{\"a\":1} {}",
                                        "{\"a\":1}x",
                                        "{\"a\":1,\"a\":2}",
                                        "{\"b\":{\"a\":1,\"a\":1}}",
                                        "{\"a\":[1,{\"b\":1,\"b\":2}]}",
                                        "{\"a\":9223372036854775808}",
                                        "{\"a\":1e400}",
                                        "{\"a\":NaN}",
                                        "{\"a\":\"\xFF\"}",
                                        "{\"a\":\"\\ud800\"}",
                                        "{\"a\":\"line\nfeed\"}",
                                        "{\"a\\u0000\":1}",
                                        "{a:1}"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_json(texts[i], NULL);
    EXPECT_MSGPACK("", NULL);
    EXPECT_MSGPACK("\x01", NULL);
    EXPECT_MSGPACK("\x91\x01", NULL);
    EXPECT_MSGPACK("\x81\xA1"
                   "a",
                   NULL);
    EXPECT_MSGPACK("\x81\xA1"
                   "a\x01\x01",
                   NULL);
    EXPECT_MSGPACK("\x81\x01\x01", NULL);
    EXPECT_MSGPACK("\x82\xA1"
                   "a\x01\xA1"
                   "a\x02",
                   NULL);
    EXPECT_MSGPACK("\x81\xA1"
                   "b\x82\xA1"
                   "a\x01\xA1"
                   "a\x02",
                   NULL);
    EXPECT_MSGPACK("\x81\xA1"
                   "a\xA1\xFF",
                   NULL);
    EXPECT_MSGPACK("\x81\xA1"
                   "a\xCA\x7F\xC0\x00\x00",
                   NULL); /* NaN */
    EXPECT_MSGPACK("\x81\xA1"
                   "a\xC1",
                   NULL);
    EXPECT_MSGPACK("\x81\xA1"
                   "a\xDB\xFF\xFF\xFF\xFF"
                   "x",
                   NULL);
    EXPECT_MSGPACK("\xDF\xFF\xFF\xFF\xFF", NULL);
}

Test(object_lines, depth_has_its_limit)
{
    expect_json("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}", "a.a.a.a.a.a.a=1\n");
    expect_json("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}", "");
    expect_json("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}", "a.a.a.a.a.a.a.a=1\n");
    expect_json("{\"a\":[[[[[[[[1]]]]]]]]}", NULL);
    EXPECT_MSGPACK("\x81\xA1"
                   "a\x91\x91\x91\x91\x91\x91\x91\x01",
                   "a.0.0.0.0.0.0.0=1\n");
    EXPECT_MSGPACK("\x81\xA1"
                   "a\x91\x91\x91\x91\x91\x91\x91\x91\x01",
                   NULL);
}

/* --- both say the same --- */

Test(object_lines, both_encodings_give_the_same_lines)
{
    const char *json = "{\"success\":true,\"outputs\":[true,false],\"error\":null,\"n\":-5,\"deep\":{\"k\":\"v\"}}";
    struct buffer a = {0};
    struct buffer b = {0};

    cr_assert_eq(object_lines(ENCODING_JSON, bytes_of_text(json), &a), 0);
    EXPECT_MSGPACK("\x85\xA7success\xC3\xA7outputs\x92\xC3\xC2\xA5"
                   "error\xC0\xA1n\xFB\xA4"
                   "deep\x81\xA1k\xA1v",
                   (buffer_put_u8(&a, '\0'), (const char *)a.data));
    cr_expect_str_eq((const char *)a.data,
                     "deep.k=v\nerror=null\nn=-5\noutputs.0=true\noutputs.1=false\nsuccess=true\n");
    buffer_release(&a);
    buffer_release(&b);
}
