#include "wire/object.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"

/* The members as one text, "key=value" by key in alphabetical order: the decoder promises no order. */
struct seen {
    char items[16][80];
    size_t count;
};

static void see(void *ctx, const struct member *member)
{
    struct seen *seen = ctx;
    char *item = seen->items[seen->count++];
    int n = snprintf(item, 80, "%.*s=", (int)member->key.len, (const char *)member->key.data);

    if (member->kind == MEMBER_TEXT)
        snprintf(item + n, 60, "\"%.*s\"", (int)member->text.len, (const char *)member->text.data);
    else if (member->kind == MEMBER_INT)
        snprintf(item + n, 60, "%lld", (long long)member->number);
    else if (member->kind == MEMBER_BOOL)
        snprintf(item + n, 60, "%s", member->truth ? "true" : "false");
    else if (member->kind == MEMBER_BOOLS)
        snprintf(item + n, 60, "%zu:%llx", member->count, (unsigned long long)member->bools);
    else
        snprintf(item + n, 60, "other");
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* NULL: malformed, and nothing was called. */
static const char *decode(enum encoding encoding, struct bytes payload)
{
    static char all[16 * 80];
    struct seen seen = {.count = 0};
    int r = object_decode(encoding, payload, see, &seen);

    if (r < 0) {
        cr_expect_eq(r, -EBADMSG);
        cr_expect_eq(seen.count, 0, "something was called for a malformed payload");
        return NULL;
    }
    cr_expect_eq(r, 0);
    qsort(seen.items, seen.count, sizeof *seen.items, by_text);
    all[0] = '\0';
    for (size_t i = 0; i < seen.count; i++) {
        strcat(all, i ? " " : "");
        strcat(all, seen.items[i]);
    }
    return all;
}

/* A string literal without its NUL. */
#define RUN(text_) (text_), sizeof(text_) - 1

struct payload {
    const char *what;
    enum encoding encoding;
    const char *bytes;
    size_t len;
    const char *members; /* NULL: malformed */
};

#define JSON(what_, text_, members_)               \
    {                                              \
        what_, ENCODING_JSON, RUN(text_), members_ \
    }
#define PACK(what_, text_, members_)                  \
    {                                                 \
        what_, ENCODING_MSGPACK, RUN(text_), members_ \
    }

static const struct payload good[] = {
    JSON("nothing in it", "{}", ""),
    JSON("blanks around", " \t\r\n{ } \n", ""),
    JSON("all kinds",
         "{\"a\": \"x\", \"b\": 17, \"c\": true, \"d\": [true, false, true], \"e\": null, \"f\": 1.0, \"g\": {}}",
         "a=\"x\" b=17 c=true d=3:5 e=other f=other g=other"),
    JSON("64 bits", "{\"a\": -9223372036854775808, \"b\": 9223372036854775807}",
         "a=-9223372036854775808 b=9223372036854775807"),
    JSON("arrays that are not all boolean", "{\"a\": [true, 1], \"b\": [null], \"c\": [[true]]}",
         "a=other b=other c=other"),
    JSON("an empty array is all boolean", "{\"a\": []}", "a=0:0"),
    JSON("escapes", "{\"\\u0061\": \"\\u00e9\\ud83d\\ude97\\\"\\\\\\/\\n\"}", "a=\"\xC3\xA9\xF0\x9F\x9A\x97\"\\/\n\""),
    JSON("an empty key", "{\"\": 1}", "=1"),
    PACK("nothing in it", "\x80", ""),
    PACK("all kinds",
         "\x87\xA1"
         "a\xA1x\xA1"
         "b\x11\xA1"
         "c\xC3\xA1"
         "d\x93\xC3\xC2\xC3\xA1"
         "e\xC0\xA1"
         "f\xCB\x3F\xF0\0\0\0\0\0\0\xA1"
         "g\x80",
         "a=\"x\" b=17 c=true d=3:5 e=other f=other g=other"),
    PACK("all integers",
         "\x89\xA1"
         "a\x7F\xA1"
         "b\xE0\xA1"
         "c\xCC\xFF\xA1"
         "d\xCD\xFF\xFF\xA1"
         "e\xCE\xFF\xFF\xFF\xFF\xA1"
         "f\xD0\x80\xA1"
         "g\xD1\x80\0\xA1"
         "h\xD2\x80\0\0\0\xA1"
         "i\xD3\x80\0\0\0\0\0\0\0",
         "a=127 b=-32 c=255 d=65535 e=4294967295 f=-128 g=-32768 h=-2147483648 i=-9223372036854775808"),
    PACK("integers that are longer than they must be",
         "\x82\xA1"
         "a\xCF\0\0\0\0\0\0\0\x05\xA1"
         "b\xD3\0\0\0\0\0\0\0\x05",
         "a=5 b=5"),
    PACK("the largest integer, and one beyond",
         "\x82\xA1"
         "a\xCF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xA1"
         "b\xCF\x80\0\0\0\0\0\0\0",
         "a=9223372036854775807 b=other"),
    PACK("bin, ext and floats",
         "\x86\xA1"
         "a\xC4\x01x\xA1"
         "b\xC5\0\x01x\xA1"
         "c\xC6\0\0\0\x01x\xA1"
         "d\xC7\x01\x05x\xA1"
         "e\xD4\x05x\xA1"
         "f\xCA\x3F\x80\0\0",
         "a=other b=other c=other d=other e=other f=other"),
    PACK("all fixed exts",
         "\x84\xA1"
         "a\xD5\x05xx\xA1"
         "b\xD6\x05xxxx\xA1"
         "c\xD7\x05xxxxxxxx\xA1"
         "d\xD8\x05xxxxxxxxxxxxxxxx",
         "a=other b=other c=other d=other"),
    PACK("long forms of map, key, text and array",
         "\xDF\0\0\0\x03\xD9\x01"
         "a\xDA\0\x01x\xDA\0\x01"
         "b\xDC\0\x01\xC3\xDB\0\0\0\x01"
         "c\xDD\0\0\0\x01\xC2",
         "a=\"x\" b=1:1 c=1:0"),
    PACK("map 16 and ext 16 and 32",
         "\xDE\0\x02\xA1"
         "a\xC8\0\x01\x05x\xA1"
         "b\xC9\0\0\0\x01\x05x",
         "a=other b=other"),
    PACK("infinity is a number",
         "\x81\xA1"
         "a\xCA\x7F\x80\0\0",
         "a=other"),
    PACK("an empty key", "\x81\xA0\x01", "=1"),
};

Test(object, takes_a_good_one_apart)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const char *members = decode(good[i].encoding, bytes_of(good[i].bytes, good[i].len));

        cr_expect_not_null(members, "%s is good", good[i].what);
        if (members)
            cr_expect_str_eq(members, good[i].members, "%s", good[i].what);
    }
}

/* In memory that ends with the payload, for AddressSanitizer. */
static const char *decode_alone(enum encoding encoding, const char *bytes, size_t len)
{
    uint8_t *alone = malloc(len ? len : 1);
    const char *members;

    memcpy(alone, bytes, len);
    members = decode(encoding, bytes_of(alone, len));
    free(alone);
    return members;
}

Test(object, no_prefix_of_a_good_one_is_good)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        size_t len = good[i].len;

        while (len > 0 && strchr(" \n", good[i].bytes[len - 1])) /* blanks behind the object may be left out */
            len--;
        for (size_t cut = 0; cut < len; cut++)
            cr_expect_null(decode_alone(good[i].encoding, good[i].bytes, cut), "%s, %zu bytes of it", good[i].what,
                           cut);
    }
}

Test(object, nothing_may_follow)
{
    static const char tails[] = {'x', '}', '\0', '1', '{', (char)0x80, (char)0xC0};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        for (size_t n = 0; n < sizeof tails; n++) {
            struct buffer longer = {0};

            buffer_put(&longer, bytes_of(good[i].bytes, good[i].len));
            buffer_put_u8(&longer, (uint8_t)tails[n]);
            cr_expect_null(decode(good[i].encoding, buffer_bytes(&longer)), "%s with %02x behind", good[i].what,
                           (unsigned char)tails[n]);
            buffer_release(&longer);
        }
    }
}

static const struct payload bad[] = {
    JSON("nothing", "", NULL),
    JSON("blanks", "  ", NULL),
    JSON("a NUL", "\0", NULL),
    JSON("an array", "[]", NULL),
    JSON("a text", "\"x\"", NULL),
    JSON("a number", "17", NULL),
    JSON("null", "null", NULL),
    JSON("a trailing comma", "{\"a\": 1,}", NULL),
    JSON("a trailing comma in an array", "{\"a\": [true,]}", NULL),
    JSON("single quotes", "{'a': 1}", NULL),
    JSON("a bare key", "{a: 1}", NULL),
    JSON("a number as a key", "{1: 1}", NULL),
    JSON("a comment", "{/* */}", NULL),
    JSON("a leading zero", "{\"a\": 01}", NULL),
    JSON("a plus", "{\"a\": +1}", NULL),
    JSON("NaN", "{\"a\": NaN}", NULL),
    JSON("Infinity", "{\"a\": -Infinity}", NULL),
    JSON("a duplicate key", "{\"a\": 1, \"a\": 1}", NULL),
    JSON("a duplicate key, once escaped", "{\"a\": 1, \"\\u0061\": 2}", NULL),
    JSON("a duplicate key further down", "{\"x\": {\"a\": 1, \"a\": 2}}", NULL),
    JSON("a duplicate key in an array", "{\"x\": [1, {\"a\": 1, \"a\": 2}]}", NULL),
    JSON("a raw line feed in a text", "{\"a\": \"\n\"}", NULL),
    JSON("a raw NUL in a text", "{\"a\": \"\0\"}", NULL),
    JSON("an unknown escape", "{\"a\": \"\\x41\"}", NULL),
    JSON("a lone high surrogate", "{\"a\": \"\\ud83d\"}", NULL),
    JSON("a lone low surrogate", "{\"a\": \"\\ude97\"}", NULL),
    JSON("invalid UTF-8 in a text", "{\"a\": \"\xFF\"}", NULL),
    JSON("invalid UTF-8 in a key", "{\"\xC0\xAF\": 1}", NULL),
    JSON("invalid UTF-8 further down", "{\"a\": [{\"b\": \"\xED\xA0\x80\"}]}", NULL),
    JSON("a byte order mark", "\xEF\xBB\xBF{}", NULL),
    JSON("UTF-16", "{\0}\0", NULL),
    PACK("nothing", "", NULL),
    PACK("an array", "\x90", NULL),
    PACK("a text", "\xA1x", NULL),
    PACK("nil", "\xC0", NULL),
    PACK("a number", "\x11", NULL),
    PACK("JSON", "{\"a\": 1}", NULL),
    PACK("the tag that is never used", "\xC1", NULL),
    PACK("the tag that is never used, as a value",
         "\x81\xA1"
         "a\xC1",
         NULL),
    PACK("a number as a key", "\x81\x01\x01", NULL),
    PACK("nil as a key", "\x81\xC0\x01", NULL),
    PACK("bin as a key",
         "\x81\xC4\x01"
         "a\x01",
         NULL),
    PACK("a boolean as a key further down",
         "\x81\xA1"
         "a\x81\xC3\x01",
         NULL),
    PACK("a duplicate key",
         "\x82\xA1"
         "a\x01\xA1"
         "a\x01",
         NULL),
    PACK("a duplicate key with others between",
         "\x83\xA1"
         "a\x01\xA1"
         "b\x01\xA1"
         "a\x01",
         NULL),
    PACK("a duplicate key in another form",
         "\x82\xA1"
         "a\x01\xD9\x01"
         "a\x01",
         NULL),
    PACK("a duplicate empty key", "\x82\xA0\x01\xA0\x02", NULL),
    PACK("a duplicate key further down",
         "\x81\xA1"
         "x\x82\xA1"
         "a\x01\xA1"
         "a\x02",
         NULL),
    PACK("a duplicate key in an array",
         "\x81\xA1"
         "x\x92\x01\x82\xA1"
         "a\x01\xA1"
         "a\x02",
         NULL),
    PACK("NaN of 32 bits",
         "\x81\xA1"
         "a\xCA\x7F\xC0\0\0",
         NULL),
    PACK("NaN of 64 bits",
         "\x81\xA1"
         "a\xCB\x7F\xF8\0\0\0\0\0\0",
         NULL),
    PACK("a signalling NaN further down",
         "\x81\xA1"
         "a\x91\xCA\xFF\x80\0\x01",
         NULL),
    PACK("invalid UTF-8 in a text",
         "\x81\xA1"
         "a\xA1\xFF",
         NULL),
    PACK("invalid UTF-8 in a key", "\x81\xA2\xC0\xAF\x01", NULL),
    PACK("invalid UTF-8 further down",
         "\x81\xA1"
         "a\x91\xA3\xED\xA0\x80",
         NULL),
    PACK("two objects", "\x80\x80", NULL),
};

Test(object, whatever_is_wrong_makes_all_of_it_malformed)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_null(decode_alone(bad[i].encoding, bad[i].bytes, bad[i].len), "%s", bad[i].what);
}

/* {"a": [[…]]} or {"a": {"a": …}}, so many levels in all. */
static void put_nested(struct buffer *out, enum encoding encoding, int levels, bool maps)
{
    for (int i = 0; i < levels; i++) {
        if (encoding == ENCODING_JSON)
            buffer_put_text(out, maps || i == 0 ? "{\"a\":" : "[");
        else
            buffer_put_text(out, maps || i == 0 ? "\x81\xA1"
                                                  "a"
                                                : "\x91");
    }
    buffer_put_text(out, "1");
    for (int i = levels; encoding == ENCODING_JSON && i-- > 0;)
        buffer_put_text(out, maps || i == 0 ? "}" : "]");
}

Test(object, eight_levels_are_fine_and_nine_are_not)
{
    for (int i = 0; i < 4; i++) {
        for (int levels = 1; levels < 12; levels++) {
            enum encoding encoding = i & 1 ? ENCODING_MSGPACK : ENCODING_JSON;
            struct buffer payload = {0};

            put_nested(&payload, encoding, levels, i & 2);
            cr_expect_eq(decode(encoding, buffer_bytes(&payload)) != NULL, levels <= 8, "%d levels of %s, %s", levels,
                         i & 2 ? "maps" : "arrays", encoding_content_type(encoding));
            buffer_release(&payload);
        }
    }
}

Test(object, levels_side_by_side_do_not_add_up)
{
    const char *json = "{\"a\": [[[[[[[]]]]]]], \"b\": [[[[[[[]]]]]]], \"c\": \"[[[[[[[[[[{{{{{{{{{{\\\"[[[[[[[[[[\"}";

    cr_expect_not_null(decode(ENCODING_JSON, bytes_of_text(json)));
}

Test(object, more_booleans_than_can_be_kept_are_counted)
{
    struct buffer json = {0};
    struct buffer pack = {0};

    buffer_put_text(&json, "{\"a\": [true");
    buffer_put(&pack, bytes_of("\x81\xA1"
                               "a\xDC\0\x42\xC3",
                               7));
    for (int i = 1; i < 66; i++) {
        buffer_put_text(&json, ",true");
        buffer_put_u8(&pack, 0xC3);
    }
    buffer_put_text(&json, "]}");
    cr_expect_str_eq(decode(ENCODING_JSON, buffer_bytes(&json)), "a=66:ffffffffffffffff");
    cr_expect_str_eq(decode(ENCODING_MSGPACK, buffer_bytes(&pack)), "a=66:ffffffffffffffff");
    buffer_release(&json);
    buffer_release(&pack);
}
