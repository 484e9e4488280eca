#include "wire/reply.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <msgpack.h>

/* Each reply is read back by the libraries alone and compared with what the API prints. */

static json_t *json_of(const msgpack_object *from);

static json_t *json_of_map(const msgpack_object_map *map)
{
    json_t *object = json_object();

    for (uint32_t i = 0; i < map->size; i++) {
        char key[64];

        cr_assert_eq(map->ptr[i].key.type, MSGPACK_OBJECT_STR);
        snprintf(key, sizeof key, "%.*s", (int)map->ptr[i].key.via.str.size, map->ptr[i].key.via.str.ptr);
        cr_assert_null(json_object_get(object, key), "%s twice", key);
        json_object_set_new(object, key, json_of(&map->ptr[i].val));
    }
    return object;
}

static json_t *json_of(const msgpack_object *from)
{
    json_t *array;

    switch (from->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        return json_boolean(from->via.boolean);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return json_integer(from->via.i64);
    case MSGPACK_OBJECT_STR:
        return json_stringn(from->via.str.ptr, from->via.str.size);
    case MSGPACK_OBJECT_MAP:
        return json_of_map(&from->via.map);
    case MSGPACK_OBJECT_ARRAY:
        array = json_array();
        for (uint32_t i = 0; i < from->via.array.size; i++)
            json_array_append_new(array, json_of(&from->via.array.ptr[i]));
        return array;
    default:
        cr_assert_fail("a reply holds none of this");
        return NULL;
    }
}

static json_t *unpack(struct bytes payload)
{
    msgpack_unpacked unpacked;
    size_t offset = 0;
    json_t *json;

    msgpack_unpacked_init(&unpacked);
    cr_assert_eq(msgpack_unpack_next(&unpacked, (const char *)payload.data, payload.len, &offset),
                 MSGPACK_UNPACK_SUCCESS);
    cr_assert_eq(offset, payload.len, "something follows");
    json = json_of(&unpacked.data);
    msgpack_unpacked_destroy(&unpacked);
    return json;
}

static json_t *encoded(enum encoding encoding, const struct reply *reply)
{
    struct buffer payload = {0};
    json_t *json;

    reply_encode(encoding, reply, &payload);
    json = encoding == ENCODING_MSGPACK
               ? unpack(buffer_bytes(&payload))
               : json_loadb((char *)payload.data, payload.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    cr_assert_not_null(json, "%.*s", (int)payload.len, (char *)payload.data);
    buffer_release(&payload);
    return json;
}

/* Takes over `expected`. */
static void expect(const struct reply *reply, json_t *expected)
{
    cr_assert_not_null(expected);
    for (int encoding = 0; encoding < 2; encoding++) {
        json_t *got = encoded((enum encoding)encoding, reply);

        cr_expect(json_equal(got, expected), "code %d, %s", (int)reply->code,
                  encoding_content_type((enum encoding)encoding));
        json_decref(got);
    }
    json_decref(expected);
}

static const struct request_id no_id = {.kind = REQUEST_ID_NONE};

Test(reply, success_is_success_and_nothing_else)
{
    expect(&(struct reply){.id = &no_id}, json_pack("{sb}", "success", 1));
}

Test(reply, every_code_comes_with_its_description_and_every_outcome)
{
    static const enum outcome outcomes[] = {OUTCOME_NOT_SENT, OUTCOME_REJECTED, OUTCOME_UNKNOWN};
    int count = 0;

    for (int code = 1; code < 1000; code++) {
        const char *description = code_description((enum code)code);

        if (!description || code == CODE_INVALID_PARAMETERS)
            continue;
        count++;
        for (size_t i = 0; i < 3; i++)
            expect(&(struct reply){.code = (enum code)code, .outcome = outcomes[i], .id = &no_id},
                   json_pack("{sb s{si ss} ss}", "success", 0, "status", "code", code, "description", description,
                             "outcome", outcome_name(outcomes[i])));
    }
    cr_assert_eq(count, 18);
}

Test(reply, code_7_lists_every_bad_parameter)
{
    for (unsigned bad = 0; bad < 1u << (PARAMETER_RETAIN + 1); bad++) {
        json_t *errors = json_array();

        for (unsigned i = 0; i <= PARAMETER_RETAIN; i++) {
            if (bad >> i & 1)
                json_array_append_new(
                    errors, json_pack("{ss ss}", "parameter", parameter_name(i), "error", parameter_error(i)));
        }
        expect(&(struct reply){.code = CODE_INVALID_PARAMETERS, .outcome = OUTCOME_NOT_SENT, .bad = bad, .id = &no_id},
               json_pack("{sb s{si ss} ss so}", "success", 0, "status", "code", 7, "description", "Invalid parameters",
                         "outcome", "not_sent", "errors", errors));
    }
}

Test(reply, errors_are_named_as_in_the_api)
{
    static const char *const names[] = {"hash",    "tracker_id", "output",         "enable",
                                        "outputs", "request_id", "response_topic", "retain"};

    for (unsigned i = 0; i <= PARAMETER_RETAIN; i++) {
        cr_expect_str_eq(parameter_name(i), names[i]);
        cr_expect_eq(strncmp(parameter_error(i), "must ", 5), 0, "%s %s", names[i], parameter_error(i));
    }
}

Test(reply, another_code_lists_nothing)
{
    json_t *got = encoded(ENCODING_JSON,
                          &(struct reply){.code = CODE_OFFLINE, .outcome = OUTCOME_UNKNOWN, .bad = 3, .id = &no_id});

    cr_assert_null(json_object_get(got, "errors"));
    json_decref(got);
}

static struct request_id text_id(const char *text, size_t len)
{
    struct request_id id = {.kind = REQUEST_ID_TEXT, .len = (uint8_t)len};

    memcpy(id.text, text, len);
    return id;
}

Test(reply, request_id_comes_back_as_it_was_in_success_and_error)
{
    static const struct {
        const char *text;
        size_t len;
    } texts[] = {{"", 0},
                 {"plain", 5},
                 {"a\0b", 3},
                 {"\"}], \"success\": true, {\"", 24},
                 {"back\\slash\n\t\x01\x7F", 14},
                 {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x97", 9},
                 {"12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678"
                  "901234567890123456789012345678",
                  128}};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct request_id id = text_id(texts[i].text, texts[i].len);

        expect(&(struct reply){.id = &id},
               json_pack("{sb so}", "success", 1, "request_id", json_stringn(texts[i].text, texts[i].len)));
        expect(&(struct reply){.code = CODE_OFFLINE, .outcome = OUTCOME_UNKNOWN, .id = &id},
               json_pack("{sb s{si ss} ss so}", "success", 0, "status", "code", 213, "description",
                         "Cannot perform action: the device is offline", "outcome", "unknown", "request_id",
                         json_stringn(texts[i].text, texts[i].len)));
    }
}

Test(reply, a_request_id_that_was_an_int_is_one_again)
{
    static const int32_t numbers[] = {0, 1, -1, 127, 128, -32, -33, 65536, INT32_MAX, INT32_MIN};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct request_id id = {.kind = REQUEST_ID_INT, .number = numbers[i]};

        expect(&(struct reply){.id = &id}, json_pack("{sb si}", "success", 1, "request_id", numbers[i]));
    }
}

/* What clients of the public API compare with. */
Test(reply, json_is_written_in_the_order_of_the_api)
{
    struct buffer out = {0};

    buffer_put_text(&out, "before ");
    reply_encode(ENCODING_JSON, &(struct reply){.code = CODE_OFFLINE, .outcome = OUTCOME_NOT_SENT, .id = &no_id}, &out);
    buffer_put_u8(&out, '\0');
    cr_assert_str_eq(
        (char *)out.data,
        "before {\"success\": false, \"status\": {\"code\": 213, \"description\": \"Cannot perform action: "
        "the device is offline\"}, \"outcome\": \"not_sent\"}");
    buffer_release(&out);
}
