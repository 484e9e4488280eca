#include "support/value.h"

#include <msgpack.h>
#include <stdlib.h>

#include "base/check.h"

/* --- decoding --- */

static json_t *of_object(const msgpack_object *from);

static json_t *of_map(const msgpack_object_map *map)
{
    json_t *value = json_object();

    for (uint32_t i = 0; i < map->size; i++) {
        const msgpack_object *key = &map->ptr[i].key;
        char *name = key->type == MSGPACK_OBJECT_STR ? bytes_dup(bytes_of(key->via.str.ptr, key->via.str.size)) : NULL;

        if (name)
            json_object_set_new(value, name, of_object(&map->ptr[i].val));
        free(name);
    }
    return value;
}

static json_t *of_array(const msgpack_object_array *array)
{
    json_t *value = json_array();

    for (uint32_t i = 0; i < array->size; i++)
        json_array_append_new(value, of_object(&array->ptr[i]));
    return value;
}

static json_t *of_object(const msgpack_object *from)
{
    switch (from->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        return json_boolean(from->via.boolean);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return json_integer((json_int_t)from->via.u64);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return json_integer(from->via.i64);
    case MSGPACK_OBJECT_STR:
        return json_stringn(from->via.str.ptr, from->via.str.size);
    case MSGPACK_OBJECT_MAP:
        return of_map(&from->via.map);
    case MSGPACK_OBJECT_ARRAY:
        return of_array(&from->via.array);
    default:
        return json_null();
    }
}

static json_t *decode_msgpack(struct bytes payload)
{
    msgpack_unpacked unpacked;
    size_t used = 0;
    json_t *value = NULL;

    msgpack_unpacked_init(&unpacked);
    if (msgpack_unpack_next(&unpacked, (const char *)payload.data, payload.len, &used) == MSGPACK_UNPACK_SUCCESS &&
        used == payload.len)
        value = of_object(&unpacked.data);
    msgpack_unpacked_destroy(&unpacked);
    return value;
}

json_t *value_decode(struct bytes payload, bool msgpack)
{
    if (msgpack)
        return decode_msgpack(payload);
    return json_loadb((const char *)payload.data, payload.len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
}

json_t *value_of(const char *json)
{
    json_t *value = value_decode(bytes_of_text(json), false);

    CHECK(value);
    return value;
}

/* --- encoding --- */

static void pack(msgpack_packer *packer, const json_t *value);

static void pack_text(msgpack_packer *packer, const char *text)
{
    msgpack_pack_str(packer, strlen(text));
    msgpack_pack_str_body(packer, text, strlen(text));
}

static void pack_members(msgpack_packer *packer, const json_t *value)
{
    const char *key;
    json_t *member;

    msgpack_pack_map(packer, json_object_size(value));
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        pack_text(packer, key);
        pack(packer, member);
    }
}

static void pack(msgpack_packer *packer, const json_t *value)
{
    if (json_is_object(value)) {
        pack_members(packer, value);
    } else if (json_is_array(value)) {
        msgpack_pack_array(packer, json_array_size(value));
        for (size_t i = 0; i < json_array_size(value); i++)
            pack(packer, json_array_get(value, i));
    } else if (json_is_string(value)) {
        pack_text(packer, json_string_value(value));
    } else if (json_is_integer(value)) {
        msgpack_pack_int64(packer, json_integer_value(value));
    } else if (json_is_true(value)) {
        msgpack_pack_true(packer);
    } else {
        msgpack_pack_false(packer);
    }
}

void value_encode(const json_t *value, bool msgpack, struct buffer *out)
{
    if (msgpack) {
        msgpack_sbuffer packed;
        msgpack_packer packer;

        msgpack_sbuffer_init(&packed);
        msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
        pack(&packer, value);
        buffer_put(out, bytes_of(packed.data, packed.size));
        msgpack_sbuffer_destroy(&packed);
    } else {
        char *text = json_dumps(value, 0);

        CHECK(text);
        buffer_put_text(out, text);
        free(text);
    }
}
