/* request_id, response_topic, and the liberties that requests take with JSON. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "wire/request.h"

static int decode(const char *text, enum action action, struct request *request)
{
    return request_decode(ENCODING_JSON, bytes_of_text(text), action, request);
}

/* {"key": "xxx…"} with so many x, in either encoding. */
static void decode_long_text(enum encoding encoding, const char *key, size_t len, struct request *request)
{
    struct buffer payload = {0};

    if (encoding == ENCODING_JSON) {
        buffer_printf(&payload, "{\"%s\": \"", key);
    } else {
        buffer_put_u8(&payload, 0x81);
        buffer_put_u8(&payload, (uint8_t)(0xA0 + strlen(key)));
        buffer_put_text(&payload, key);
        buffer_put_u8(&payload, 0xDB);
        buffer_put_be(&payload, len, 4);
    }
    for (size_t i = 0; i < len; i++)
        buffer_put_u8(&payload, (uint8_t)('a' + i % 26));
    if (encoding == ENCODING_JSON)
        buffer_put_text(&payload, "\"}");
    cr_assert_eq(request_decode(encoding, buffer_bytes(&payload), ACTION_UNKNOWN, request), 0);
    buffer_release(&payload);
}

Test(request, request_id_may_be_a_text_of_up_to_128_bytes)
{
    for (int encoding = 0; encoding < 2; encoding++) {
        static const size_t lens[] = {0, 1, 127, 128};
        struct request request;

        for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
            decode_long_text((enum encoding)encoding, "request_id", lens[i], &request);
            cr_expect_eq(request.bad, 0);
            cr_expect_eq(request.id.kind, REQUEST_ID_TEXT);
            cr_expect_eq(request.id.len, lens[i]);
            for (size_t n = 0; n < lens[i]; n++)
                cr_expect_eq(request.id.text[n], (char)('a' + n % 26));
        }
        decode_long_text((enum encoding)encoding, "request_id", 129, &request);
        cr_expect_eq(request.bad, 1u << PARAMETER_REQUEST_ID);
        cr_expect_eq(request.id.kind, REQUEST_ID_NONE);
    }
}

/* 65 times two bytes: what counts is bytes, not characters. */
Test(request, the_length_of_request_id_is_counted_in_bytes)
{
    struct buffer text = {0};
    struct request request;

    buffer_put_text(&text, "{\"request_id\": \"");
    for (int i = 0; i < 65; i++)
        buffer_put_text(&text, "\xC3\xA9");
    buffer_put(&text, bytes_of("\"}", 3));
    cr_assert_eq(decode((char *)text.data, ACTION_UNKNOWN, &request), 0);
    cr_expect_eq(request.bad, 1u << PARAMETER_REQUEST_ID);
    buffer_release(&text);
}

Test(request, request_id_keeps_whatever_its_text_holds)
{
    static const char id[] = "a\0b\"\\\n\xC3\xA9\xF0\x9F\x9A\x97";
    struct request request;

    cr_assert_eq(decode("{\"request_id\": \"a\\u0000b\\\"\\\\\\n\\u00e9\\ud83d\\ude97\"}", ACTION_UNKNOWN, &request),
                 0);
    cr_assert_eq(request.id.kind, REQUEST_ID_TEXT);
    cr_assert_eq(request.id.len, sizeof id - 1);
    cr_assert_arr_eq(request.id.text, id, sizeof id - 1);
}

Test(request, request_id_may_be_any_32_bit_integer)
{
    static const struct {
        const char *text;
        int32_t number;
    } ids[] = {{"{\"request_id\": 0}", 0},
               {"{\"request_id\": -1}", -1},
               {"{\"request_id\": 2147483647}", INT32_MAX},
               {"{\"request_id\": -2147483648}", INT32_MIN}};

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct request request;

        cr_assert_eq(decode(ids[i].text, ACTION_UNKNOWN, &request), 0);
        cr_expect_eq(request.id.kind, REQUEST_ID_INT);
        cr_expect_eq(request.id.number, ids[i].number);
    }
}

Test(request, response_topic_is_kept_as_far_as_a_topic_may_go_and_its_length_is_told)
{
    static const size_t lens[] = {0, 1, 1023, 1024, 1025, 5000};

    for (int encoding = 0; encoding < 2; encoding++) {
        for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
            size_t kept = lens[i] < REPLY_TOPIC_MAX ? lens[i] : REPLY_TOPIC_MAX;
            struct request *request = calloc(1, sizeof *request); /* so that a write behind it is seen */

            decode_long_text((enum encoding)encoding, "response_topic", lens[i], request);
            cr_expect_eq(request->bad, 0);
            cr_expect(request->has_response_topic);
            cr_expect_eq(request->response_topic_len, lens[i]);
            for (size_t n = 0; n < kept; n++)
                cr_assert_eq(request->response_topic[n], (char)('a' + n % 26));
            free(request);
        }
    }
}

Test(request, nothing_of_the_one_before_is_left)
{
    struct request request;

    cr_assert_eq(
        decode("{\"hash\": \"a6aa75587e5c59c32d347da438505fc3\", \"tracker_id\": 5, \"output\": 3, \"enable\": "
               "true, \"request_id\": \"x\", \"response_topic\": \"t\"}",
               ACTION_SET, &request),
        0);
    cr_assert_eq(request.bad, 0);
    cr_assert_eq(decode("{}", ACTION_SET_ALL, &request), 0);
    cr_expect_eq(request.action, ACTION_SET_ALL);
    cr_expect_not(request.hash_is_good);
    cr_expect_eq(request.tracker_id, 0);
    cr_expect_eq(request.id.kind, REQUEST_ID_NONE);
    cr_expect_not(request.has_response_topic);
}

Test(request, the_public_apis_example_works_as_printed)
{
    struct request request;

    cr_assert_eq(
        decode("{\"hash\": \"a6aa75587e5c59c32d347da438505fc3\", tracker_id: 265489, \"output\": 1, \"enable\": "
               "true}",
               ACTION_SET, &request),
        0);
    cr_expect_eq(request.bad, 0);
    cr_expect_eq(request.tracker_id, 265489);
    cr_expect_eq(request.output, 1);
    cr_expect(request.enable);
}

Test(request, a_huge_number_is_of_the_wrong_type_and_nothing_worse)
{
    struct request request;

    cr_assert_eq(decode("{\"tracker_id\": 99999999999999999999, \"unknown\": 1e999}", ACTION_SET, &request), 0);
    cr_expect(request.bad & 1u << PARAMETER_TRACKER_ID);
}

Test(request, what_is_no_object_is_a_wrong_format_for_every_action)
{
    static const char *const texts[] = {"",
                                        "[]",
                                        "17",
                                        "{\"output\": 1, \"output\": 1}",
                                        "{output: 1, \"output\": 1}",
                                        "{\"output\": 1} x",
                                        "{\"output\": NaN}",
                                        "{\"output\": 1e5e5}",
                                        "{1: 1}",
                                        "{\"output\": \"\xFF\"}"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (int action = 0; action <= ACTION_UNKNOWN; action++) {
            struct request request;

            cr_expect_eq(decode(texts[i], (enum action)action, &request), -EBADMSG, "%s", texts[i]);
        }
    }
}

Test(request, bare_keys_are_a_liberty_of_json_alone)
{
    struct request request;
    const char *text = "{output: 1}";

    cr_expect_eq(request_decode(ENCODING_MSGPACK, bytes_of_text(text), ACTION_SET, &request), -EBADMSG);
    cr_expect_eq(request_decode(ENCODING_JSON, bytes_of_text(text), ACTION_SET, &request), 0);
}
