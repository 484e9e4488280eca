#include "json_text.h"

#include <errno.h>
#include <jansson.h>
#include <msgpack.h>

#include "base/check.h"
#include "terminal.h"
#include "wire/object.h"
#include "wire/sinks.h"

static void dump(json_t *value, struct buffer *out)
{
    CHECK(value && json_dump_callback(value, sink_json, out, JSON_ENCODE_ANY) == 0);
    json_decref(value);
}

/* --- MessagePack --- */

static json_t *hex_string(const char *data, size_t len)
{
    struct buffer hex = {0};
    json_t *string;

    json_text_of_hex(bytes_of(data, len), &hex);
    string = json_stringn((const char *)hex.data, hex.len);
    buffer_release(&hex);
    return string;
}

static json_t *value_of(const msgpack_object *object);

static json_t *array_of(const msgpack_object_array *from)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < from->size; i++)
        json_array_append_new(array, value_of(&from->ptr[i]));
    return array;
}

static json_t *object_of(const msgpack_object_map *from)
{
    json_t *object = json_object();

    for (uint32_t i = 0; i < from->size; i++) {
        const msgpack_object_str *key = &from->ptr[i].key.via.str;

        json_object_setn_new(object, key->ptr, key->size, value_of(&from->ptr[i].val));
    }
    return object;
}

static json_t *integer_of(uint64_t value)
{
    return value <= INT64_MAX ? json_integer((json_int_t)value) : json_real((double)value);
}

/* JSON knows no infinity. */
static json_t *real_of(double value)
{
    json_t *real = json_real(value);

    return real ? real : json_null();
}

static json_t *value_of(const msgpack_object *object)
{
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
        return json_null();
    case MSGPACK_OBJECT_BOOLEAN:
        return json_boolean(object->via.boolean);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return integer_of(object->via.u64);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return json_integer(object->via.i64);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return real_of(object->via.f64);
    case MSGPACK_OBJECT_STR:
        return json_stringn(object->via.str.ptr, object->via.str.size);
    case MSGPACK_OBJECT_BIN:
        return hex_string(object->via.bin.ptr, object->via.bin.size);
    case MSGPACK_OBJECT_EXT:
        return hex_string(object->via.ext.ptr, object->via.ext.size);
    case MSGPACK_OBJECT_ARRAY:
        return array_of(&object->via.array);
    case MSGPACK_OBJECT_MAP:
        return object_of(&object->via.map);
    }
    return json_null();
}

static json_t *load_msgpack(struct bytes payload)
{
    msgpack_unpacked unpacked;
    json_t *value = NULL;

    msgpack_unpacked_init(&unpacked);
    if (msgpack_unpack_next(&unpacked, (const char *)payload.data, payload.len, NULL) == MSGPACK_UNPACK_SUCCESS)
        value = value_of(&unpacked.data);
    msgpack_unpacked_destroy(&unpacked);
    return value;
}

/* ---------------------------------------------------------------------------------------------------------------------
 */

static void ignore_member(void *ctx, const struct member *member)
{
    (void)ctx;
    (void)member;
}

int json_text_of_payload(enum encoding encoding, struct bytes payload, struct buffer *out)
{
    json_t *value;

    /* The strict reading comes first: it bounds what the libraries are made to do. */
    if (object_decode(encoding, payload, ignore_member, NULL) < 0)
        return -EBADMSG;
    if (encoding == ENCODING_MSGPACK)
        value = load_msgpack(payload);
    else
        value = json_loadb((const char *)payload.data, payload.len, JSON_ALLOW_NUL, NULL);
    if (!value)
        return -EBADMSG;
    dump(value, out);
    return 0;
}

void json_text_of_string(struct bytes text, struct buffer *out)
{
    struct buffer latin = {0};

    if (bytes_are_utf8(text)) {
        dump(json_stringn(text.len ? (const char *)text.data : "", text.len), out);
        return;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c >= 0x80)
            buffer_put_u8(&latin, (uint8_t)(0xC0 | c >> 6));
        buffer_put_u8(&latin, c >= 0x80 ? (uint8_t)(0x80 | (c & 0x3F)) : c);
    }
    dump(json_stringn((const char *)latin.data, latin.len), out);
    buffer_release(&latin);
}

void json_text_of_hex(struct bytes bytes, struct buffer *out)
{
    bytes_to_hex(bytes, (char *)buffer_room(out, 2 * bytes.len + 1));
    out->len += 2 * bytes.len;
}

void json_text_for_people(struct bytes content_type, struct bytes payload, struct buffer *out)
{
    struct buffer json = {0};

    if (json_text_of_payload(encoding_of(content_type, payload), payload, &json) == 0) {
        terminal_put(out, buffer_bytes(&json));
    } else if (bytes_are_utf8(payload)) {
        terminal_put(out, payload);
    } else {
        buffer_put_text(out, "hex:");
        json_text_of_hex(payload, out);
    }
    buffer_release(&json);
}
