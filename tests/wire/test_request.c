#include "wire/request.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"

/* A good request of either action as pairs of a key and a value, each in both encodings; one value at a time is put in
 * the place of the good one. */

/* A string literal without its NUL. */
#define RUN(text_) (text_), sizeof(text_) - 1

struct value {
    const char *json;    /* NULL: there is no such thing in JSON */
    const char *msgpack; /* NULL: there is no such thing in MessagePack */
    size_t msgpack_len;
};

static const struct value hash = {"\"a6aa75587e5c59c32d347da438505fc3\"", RUN("\xD9\x20"
                                                                              "a6aa75587e5c59c32d347da438505fc3")};
static const struct value tracker_id = {"265489", RUN("\xCE\0\x04\x0D\x11")};
static const struct value one = {"1", RUN("\x01")};
static const struct value yes = {"true", RUN("\xC3")};
static const struct value yes_no = {"[true, false]", RUN("\x92\xC3\xC2")};

static const struct {
    const struct value *good;
    unsigned actions; /* that require it */
} parameters[PARAMETER_COUNT] = {
    [PARAMETER_HASH] = {&hash, 3},          [PARAMETER_TRACKER_ID] = {&tracker_id, 3},
    [PARAMETER_OUTPUT] = {&one, 1},         [PARAMETER_ENABLE] = {&yes, 1},
    [PARAMETER_OUTPUTS] = {&yes_no, 2},     [PARAMETER_REQUEST_ID] = {NULL, 0},
    [PARAMETER_RESPONSE_TOPIC] = {NULL, 0},
};

static void put_pair(struct buffer *out, enum encoding encoding, const char *key, const struct value *value)
{
    if (encoding == ENCODING_JSON) {
        buffer_printf(out, "%s\"%s\": %s", out->len > 1 ? ", " : "", key, value->json);
        return;
    }
    out->data[2]++;
    buffer_put_u8(out, (uint8_t)(0xA0 + strlen(key)));
    buffer_put_text(out, key);
    buffer_put(out, bytes_of(value->msgpack, value->msgpack_len));
}

/* value NULL: left out. */
static void put_request(struct buffer *out, enum encoding encoding, enum action action, unsigned parameter,
                        const struct value *value)
{
    buffer_clear(out);
    if (encoding == ENCODING_JSON)
        buffer_put_u8(out, '{');
    else
        buffer_put(out, bytes_of("\xDE\0\0", 3));
    for (unsigned i = 0; i < PARAMETER_COUNT; i++) {
        if (i == parameter ? value != NULL : parameters[i].actions >> action & 1)
            put_pair(out, encoding, parameter_name(i), i == parameter ? value : parameters[i].good);
    }
    if (encoding == ENCODING_JSON)
        buffer_put_u8(out, '}');
}

static bool exists_in(const struct value *value, enum encoding encoding)
{
    return encoding == ENCODING_JSON ? value->json != NULL : value->msgpack != NULL;
}

/* The payload of a good request with this in it, decoded. */
static void decode_with(enum encoding encoding, enum action action, unsigned parameter, const struct value *value,
                        struct request *request)
{
    struct buffer payload = {0};

    put_request(&payload, encoding, action, parameter, value);
    cr_assert_eq(request_decode(encoding, buffer_bytes(&payload), action, request), 0, "%s %s",
                 parameter_name(parameter), value && value->json ? value->json : "");
    buffer_release(&payload);
}

Test(request, a_good_one_has_nothing_bad)
{
    for (int i = 0; i < 2; i++) {
        struct request request;

        decode_with((enum encoding)i, ACTION_SET, PARAMETER_COUNT, NULL, &request);
        cr_expect_eq(request.bad, 0);
        cr_expect_eq(request.action, ACTION_SET);
        cr_expect(request.hash_is_good);
        cr_expect_arr_eq(request.hash, "a6aa75587e5c59c32d347da438505fc3", HASH_DIGITS);
        cr_expect_eq(request.tracker_id, 265489);
        cr_expect_eq(request.output, 1);
        cr_expect(request.enable);
        cr_expect_eq(request.id.kind, REQUEST_ID_NONE);
        cr_expect_not(request.has_response_topic);

        decode_with((enum encoding)i, ACTION_SET_ALL, PARAMETER_COUNT, NULL, &request);
        cr_expect_eq(request.bad, 0);
        cr_expect_eq(request.output_count, 2);
        cr_expect_eq(request.outputs, 1);
    }
}

Test(request, a_required_parameter_that_is_missing_is_bad_and_another_is_not)
{
    for (int action = 0; action < 2; action++) {
        for (unsigned i = 0; i < PARAMETER_COUNT; i++) {
            unsigned expected = parameters[i].actions >> action & 1 ? 1u << i : 0;

            for (int encoding = 0; encoding < 2; encoding++) {
                struct request request;

                decode_with((enum encoding)encoding, (enum action)action, i, NULL, &request);
                cr_expect_eq(request.bad, expected, "%s without %s", action_name((enum action)action),
                             parameter_name(i));
            }
        }
    }
}

Test(request, an_empty_object_lacks_all_that_is_required)
{
    struct request request;

    cr_assert_eq(request_decode(ENCODING_JSON, bytes_of_text("{}"), ACTION_SET, &request), 0);
    cr_expect_eq(request.bad,
                 1u << PARAMETER_HASH | 1u << PARAMETER_TRACKER_ID | 1u << PARAMETER_OUTPUT | 1u << PARAMETER_ENABLE);
    cr_assert_eq(request_decode(ENCODING_MSGPACK, bytes_of("\x80", 1), ACTION_SET_ALL, &request), 0);
    cr_expect_eq(request.bad, 1u << PARAMETER_HASH | 1u << PARAMETER_TRACKER_ID | 1u << PARAMETER_OUTPUTS);
    cr_assert_eq(request_decode(ENCODING_JSON, bytes_of_text("{}"), ACTION_UNKNOWN, &request), 0);
    cr_expect_eq(request.bad, 0);
}

enum { H = 1, T = 2, O = 4, E = 8, A = 16, I = 32, R = 64 };

/* Every value with the parameters that it is good for, in the order of enum parameter. A hash that is a text is never
 * bad: whether it is one is another check. */
static const struct {
    struct value value;
    unsigned good_for;
} values[] = {
    {{"null", RUN("\xC0")}, 0},
    {{"true", RUN("\xC3")}, E},
    {{"false", RUN("\xC2")}, E},
    {{"0", RUN("\0")}, I},
    {{"-0", NULL, 0}, I},
    {{"-1", RUN("\xFF")}, I},
    {{"1", RUN("\x01")}, T | O | I},
    {{"2147483647", RUN("\xCE\x7F\xFF\xFF\xFF")}, T | O | I},
    {{"2147483648", RUN("\xCE\x80\0\0\0")}, 0},
    {{"4294967297", RUN("\xCF\0\0\0\x01\0\0\0\x01")}, 0},
    {{"-2147483648", RUN("\xD2\x80\0\0\0")}, I},
    {{"-2147483649", RUN("\xD3\xFF\xFF\xFF\xFF\x7F\xFF\xFF\xFF")}, 0},
    {{"9223372036854775807", RUN("\xCF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF")}, 0},
    {{"18446744073709551615", RUN("\xCF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF")}, 0},
    {{"18446744073709551617", NULL, 0}, 0},
    {{"-99999999999999999999999999", NULL, 0}, 0},
    {{"1.0", RUN("\xCB\x3F\xF0\0\0\0\0\0\0")}, 0},
    {{"1.5", RUN("\xCA\x3F\xC0\0\0")}, 0},
    {{"1e0", NULL, 0}, 0},
    {{"1e400", RUN("\xCA\x7F\x80\0\0")}, 0},
    {{"\"\"", RUN("\xA0")}, H | I | R},
    {{"\"1\"", RUN("\xA1"
                   "1")},
     H | I | R},
    {{"\"true\"", RUN("\xA4true")}, H | I | R},
    {{"[]", RUN("\x90")}, 0},
    {{"[true]", RUN("\x91\xC3")}, A},
    {{"[false, true]", RUN("\x92\xC2\xC3")}, A},
    {{"[true, 1]", RUN("\x92\xC3\x01")}, 0},
    {{"[true, null]", RUN("\x92\xC3\xC0")}, 0},
    {{"[\"true\"]", RUN("\x91\xA4true")}, 0},
    {{"[[true]]", RUN("\x91\x91\xC3")}, 0},
    {{"{}", RUN("\x80")}, 0},
    {{"{\"0\": true}", RUN("\x81\xA1"
                           "0\xC3")},
     0},
    {{NULL, RUN("\xC4\x01x")}, 0},
    {{NULL, RUN("\xC4\x20"
                "a6aa75587e5c59c32d347da438505fc3")},
     0},
    {{NULL, RUN("\xD4\x01\x01")}, 0},
    {{NULL, RUN("\xC7\0\x01")}, 0},
};

Test(request, every_parameter_takes_its_own_type_and_range_only)
{
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        for (unsigned n = 0; n < PARAMETER_COUNT; n++) {
            enum action action = parameters[n].actions == 2 ? ACTION_SET_ALL : ACTION_SET;

            for (int encoding = 0; encoding < 2; encoding++) {
                struct request request;

                if (!exists_in(&values[i].value, (enum encoding)encoding))
                    continue;
                decode_with((enum encoding)encoding, action, n, &values[i].value, &request);
                cr_expect_eq(request.bad, values[i].good_for >> n & 1 ? 0 : 1u << n, "%s: value %zu (%s), %s",
                             parameter_name(n), i, values[i].value.json ? values[i].value.json : "binary",
                             encoding_content_type((enum encoding)encoding));
            }
        }
    }
}

Test(request, an_unknown_parameter_is_ignored_whatever_its_value)
{
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        for (int encoding = 0; encoding < 2; encoding++) {
            struct request request;

            if (!exists_in(&values[i].value, (enum encoding)encoding))
                continue;
            /* set knows no outputs, set_all no output */
            decode_with((enum encoding)encoding, ACTION_SET, PARAMETER_OUTPUTS, &values[i].value, &request);
            cr_expect_eq(request.bad, 0, "value %zu", i);
            decode_with((enum encoding)encoding, ACTION_SET_ALL, PARAMETER_OUTPUT, &values[i].value, &request);
            cr_expect_eq(request.bad, 0, "value %zu", i);
        }
    }
}

Test(request, all_bad_parameters_are_named_at_once)
{
    static const char text[] =
        "{\"hash\": 1, \"tracker_id\": 0, \"output\": 1.5, \"enable\": \"yes\", \"outputs\": 17, "
        "\"request_id\": [], \"response_topic\": null}";
    struct request request;

    cr_assert_eq(request_decode(ENCODING_JSON, bytes_of_text(text), ACTION_SET, &request), 0);
    cr_expect_eq(request.bad, H | T | O | E | I | R);
    cr_assert_eq(request_decode(ENCODING_JSON, bytes_of_text(text), ACTION_SET_ALL, &request), 0);
    cr_expect_eq(request.bad, H | T | A | I | R);
    cr_assert_eq(request_decode(ENCODING_JSON, bytes_of_text(text), ACTION_UNKNOWN, &request), 0);
    cr_expect_eq(request.bad, I | R);
}

static unsigned bad_with_outputs(int count, struct request *request)
{
    struct buffer json = {0};

    buffer_put_text(&json, "[");
    for (int i = 0; i < count; i++)
        buffer_printf(&json, "%s%s", i ? "," : "", i % 3 == 0 ? "true" : "false");
    buffer_put(&json, bytes_of("]", 2));
    decode_with(ENCODING_JSON, ACTION_SET_ALL, PARAMETER_OUTPUTS, &(struct value){(char *)json.data, NULL, 0}, request);
    buffer_release(&json);
    return request->bad;
}

Test(request, outputs_are_one_to_64)
{
    struct request request;

    cr_expect_eq(bad_with_outputs(0, &request), A);
    cr_expect_eq(bad_with_outputs(1, &request), 0);
    cr_expect_eq(request.output_count, 1);
    cr_expect_eq(request.outputs, 1);
    cr_expect_eq(bad_with_outputs(64, &request), 0);
    cr_expect_eq(request.output_count, 64);
    cr_expect_eq(request.outputs, UINT64_C(0x9249249249249249));
    cr_expect_eq(bad_with_outputs(65, &request), A);
}

Test(request, hash_is_32_hex_digits_of_either_case_and_kept_in_lower_case)
{
    static const struct {
        const char *json;
        bool good;
    } hashes[] = {
        {"\"a6aa75587e5c59c32d347da438505fc3\"", true},       {"\"A6AA75587E5C59C32D347DA438505FC3\"", true},
        {"\"a6aa75587e5c59c32d347da438505fc\"", false},       {"\"a6aa75587e5c59c32d347da438505fc33\"", false},
        {"\"a6aa75587e5c59c32d347da438505fcg\"", false},      {"\" a6aa75587e5c59c32d347da438505fc\"", false},
        {"\"a6aa75587e5c59c3\\u00002d347da438505f\"", false}, {"\"\"", false},
    };

    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        struct request request;

        decode_with(ENCODING_JSON, ACTION_SET, PARAMETER_HASH, &(struct value){hashes[i].json, NULL, 0}, &request);
        cr_expect_eq(request.bad, 0, "%s", hashes[i].json);
        cr_expect_eq(request.hash_is_good, hashes[i].good, "%s", hashes[i].json);
        if (hashes[i].good)
            cr_expect_arr_eq(request.hash, "a6aa75587e5c59c32d347da438505fc3", HASH_DIGITS);
    }
}

Test(request, actions_have_their_names)
{
    cr_expect_eq(action_from_name(bytes_of_text("set")), ACTION_SET);
    cr_expect_eq(action_from_name(bytes_of_text("set_all")), ACTION_SET_ALL);
    cr_expect_eq(action_from_name(bytes_of_text("")), ACTION_UNKNOWN);
    cr_expect_eq(action_from_name(bytes_of_text("se")), ACTION_UNKNOWN);
    cr_expect_eq(action_from_name(bytes_of_text("SET")), ACTION_UNKNOWN);
    cr_expect_eq(action_from_name(bytes_of("set\0", 4)), ACTION_UNKNOWN);
    cr_expect_eq(action_from_name(bytes_of_text("set_all_outputs")), ACTION_UNKNOWN);
    cr_expect_str_eq(action_name(ACTION_SET), "set");
    cr_expect_str_eq(action_name(ACTION_SET_ALL), "set_all");
}
