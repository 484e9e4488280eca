#include "object_codecs.h"
#include "object_lines.h"

#include <errno.h>
#include <math.h>
#include <msgpack.h>
#include <stdlib.h>

#include "base/buffer.h"

/* msgpack-c allocates what a header claims, accepts invalid UTF-8, duplicate keys and NaN, and gives up at a depth of
 * its own. So the bytes are walked once before it sees them: every element needs at least one byte, which bounds what
 * a header may claim by the bytes that are there. */

enum kind { KIND_BAD, KIND_PLAIN, KIND_TEXT, KIND_FLOAT32, KIND_FLOAT64, KIND_ARRAY, KIND_MAP };

/* How a tag goes on: a length field of len_width bytes (0: the length is in the tag), then `extra` bytes, then that
 * many bytes or elements. */
struct tag {
    enum kind kind;
    uint8_t len_width;
    uint8_t extra;
};

static const struct tag tags_from_c0[32] = {
    {KIND_PLAIN, 0, 0},   {KIND_BAD, 0, 0},     {KIND_PLAIN, 0, 0}, {KIND_PLAIN, 0, 0}, /* nil, never used, booleans */
    {KIND_PLAIN, 1, 0},   {KIND_PLAIN, 2, 0},   {KIND_PLAIN, 4, 0},                     /* bin */
    {KIND_PLAIN, 1, 1},   {KIND_PLAIN, 2, 1},   {KIND_PLAIN, 4, 1},                     /* ext */
    {KIND_FLOAT32, 0, 0}, {KIND_FLOAT64, 0, 0},                                         /* float */
    {KIND_PLAIN, 0, 1},   {KIND_PLAIN, 0, 2},   {KIND_PLAIN, 0, 4}, {KIND_PLAIN, 0, 8}, /* uint */
    {KIND_PLAIN, 0, 1},   {KIND_PLAIN, 0, 2},   {KIND_PLAIN, 0, 4}, {KIND_PLAIN, 0, 8}, /* int */
    {KIND_PLAIN, 0, 2},   {KIND_PLAIN, 0, 3},   {KIND_PLAIN, 0, 5}, {KIND_PLAIN, 0, 9}, /* fixext 1, 2, 4, 8 */
    {KIND_PLAIN, 0, 17},                                                                /* fixext 16 */
    {KIND_TEXT, 1, 0},    {KIND_TEXT, 2, 0},    {KIND_TEXT, 4, 0},                      /* str */
    {KIND_ARRAY, 2, 0},   {KIND_ARRAY, 4, 0},   {KIND_MAP, 2, 0},   {KIND_MAP, 4, 0},
};

/* The tag's meaning, and its length where the tag itself holds it. */
static struct tag tag_of(uint8_t byte, uint64_t *len)
{
    *len = 0;
    if (byte >= 0xC0 && byte < 0xE0)
        return tags_from_c0[byte - 0xC0];
    if (byte < 0x80 || byte >= 0xE0)
        return (struct tag){.kind = KIND_PLAIN}; /* small integers */
    *len = byte < 0xA0 ? byte & 0x0F : byte & 0x1F;
    if (byte < 0x90)
        return (struct tag){.kind = KIND_MAP};
    return (struct tag){.kind = byte < 0xA0 ? KIND_ARRAY : KIND_TEXT};
}

static bool walk(struct reader *r, int depth, bool must_be_text);

static bool walk_elements(struct reader *r, int depth, uint64_t count, bool pairs)
{
    if (depth >= OBJECT_DEPTH_MAX || count > r->left.len / (pairs ? 2 : 1))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        if (pairs && !walk(r, depth + 1, true))
            return false;
        if (!walk(r, depth + 1, false))
            return false;
    }
    return true;
}

static bool walk_float(struct reader *r, size_t width)
{
    uint64_t bits = reader_be(r, width);
    uint32_t bits32 = (uint32_t)bits;
    double value64;
    float value32;

    memcpy(&value64, &bits, sizeof value64);
    memcpy(&value32, &bits32, sizeof value32);
    return !r->failed && !(width == 4 ? isnan(value32) : isnan(value64));
}

static bool walk(struct reader *r, int depth, bool must_be_text)
{
    uint64_t len;
    struct tag tag = tag_of((uint8_t)reader_be(r, 1), &len);
    struct bytes run;

    if (r->failed || (must_be_text && tag.kind != KIND_TEXT))
        return false;
    if (tag.len_width)
        len = reader_be(r, tag.len_width);
    switch (tag.kind) {
    case KIND_FLOAT32:
        return walk_float(r, 4);
    case KIND_FLOAT64:
        return walk_float(r, 8);
    case KIND_ARRAY:
    case KIND_MAP:
        return walk_elements(r, depth, len, tag.kind == KIND_MAP);
    case KIND_PLAIN:
    case KIND_TEXT:
        run = reader_take(r, len + tag.extra);
        return !r->failed && (tag.kind == KIND_PLAIN || bytes_are_utf8(run));
    case KIND_BAD:
        break;
    }
    return false;
}

static bool is_well_formed(struct bytes payload)
{
    struct reader r = {.left = payload};

    return walk(&r, 0, false) && reader_is_done(&r);
}

static struct bytes text_of(const msgpack_object *object)
{
    return bytes_of(object->via.str.ptr, object->via.str.size);
}

static int by_key(const void *a, const void *b)
{
    struct bytes left = text_of(&((const msgpack_object_kv *)a)->key);
    struct bytes right = text_of(&((const msgpack_object_kv *)b)->key);

    if (left.len != right.len)
        return left.len < right.len ? -1 : 1;
    return left.len ? memcmp(left.data, right.data, left.len) : 0;
}

static bool has_duplicates(msgpack_object *object);

/* Sorts the pairs in place, so that a map of thousands of keys costs no quadratic time. */
static bool map_has_duplicates(msgpack_object_map *map)
{
    if (map->size > 1)
        qsort(map->ptr, map->size, sizeof *map->ptr, by_key);
    for (uint32_t i = 0; i < map->size; i++) {
        if (i > 0 && by_key(&map->ptr[i - 1], &map->ptr[i]) == 0)
            return true;
        if (has_duplicates(&map->ptr[i].val))
            return true;
    }
    return false;
}

static bool has_duplicates(msgpack_object *object)
{
    if (object->type == MSGPACK_OBJECT_MAP)
        return map_has_duplicates(&object->via.map);
    if (object->type == MSGPACK_OBJECT_ARRAY) {
        for (uint32_t i = 0; i < object->via.array.size; i++) {
            if (has_duplicates(&object->via.array.ptr[i]))
                return true;
        }
    }
    return false;
}

static void read_array(struct member *member, const msgpack_object_array *array)
{
    for (uint32_t i = 0; i < array->size; i++) {
        if (array->ptr[i].type != MSGPACK_OBJECT_BOOLEAN)
            return;
        if (i < OBJECT_BOOLS_MAX && array->ptr[i].via.boolean)
            member->bools |= UINT64_C(1) << i;
    }
    member->kind = MEMBER_BOOLS;
    member->count = array->size;
}

static struct member member_of(const msgpack_object_kv *pair)
{
    struct member member = {.key = text_of(&pair->key)};
    const msgpack_object *value = &pair->val;

    if (value->type == MSGPACK_OBJECT_STR) {
        member.kind = MEMBER_TEXT;
        member.text = text_of(value);
    } else if (value->type == MSGPACK_OBJECT_NEGATIVE_INTEGER ||
               (value->type == MSGPACK_OBJECT_POSITIVE_INTEGER && value->via.u64 <= INT64_MAX)) {
        member.kind = MEMBER_INT;
        member.number = value->via.i64;
    } else if (value->type == MSGPACK_OBJECT_BOOLEAN) {
        member.kind = MEMBER_BOOL;
        member.truth = value->via.boolean;
    } else if (value->type == MSGPACK_OBJECT_ARRAY) {
        read_array(&member, &value->via.array);
    }
    return member;
}

/* What is done with a well-formed map. */
typedef void root_fn(void *ctx, const msgpack_object_map *map);

static int unpack(msgpack_zone *zone, struct bytes payload, root_fn *take, void *ctx)
{
    msgpack_object root;
    size_t offset = 0;

    if (msgpack_unpack((const char *)payload.data, payload.len, &offset, zone, &root) != MSGPACK_UNPACK_SUCCESS)
        return -EBADMSG;
    if (root.type != MSGPACK_OBJECT_MAP || has_duplicates(&root))
        return -EBADMSG;
    take(ctx, &root.via.map);
    return 0;
}

static int load(struct bytes payload, root_fn *take, void *ctx)
{
    static _Thread_local msgpack_zone zone; /* its first chunk is kept: each would be 8 KiB, for a hundred bytes */
    int r;

    if (!is_well_formed(payload))
        return -EBADMSG;
    if (!zone.chunk_size && !msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE))
        return -EBADMSG;
    r = unpack(&zone, payload, take, ctx);
    msgpack_zone_clear(&zone);
    return r;
}

struct decoding {
    object_each_fn *each;
    void *ctx;
};

static void decode_members(void *ctx, const msgpack_object_map *map)
{
    const struct decoding *decoding = ctx;

    for (uint32_t i = 0; i < map->size; i++) {
        struct member member = member_of(&map->ptr[i]);

        decoding->each(decoding->ctx, &member);
    }
}

int object_decode_msgpack(struct bytes payload, object_each_fn *each, void *ctx)
{
    struct decoding decoding = {each, ctx};

    return load(payload, decode_members, &decoding);
}

static void put_value(struct object_lines *lines, const msgpack_object *value);

static void put_map(void *ctx, const msgpack_object_map *map)
{
    struct object_lines *lines = ctx;

    for (uint32_t i = 0; i < map->size; i++) {
        size_t outside = lines_enter(lines, text_of(&map->ptr[i].key));

        put_value(lines, &map->ptr[i].val);
        lines_leave(lines, outside);
    }
}

static void put_array(struct object_lines *lines, const msgpack_object_array *array)
{
    for (uint32_t i = 0; i < array->size; i++) {
        size_t outside = lines_enter_element(lines, i);

        put_value(lines, &array->ptr[i]);
        lines_leave(lines, outside);
    }
}

static void put_value(struct object_lines *lines, const msgpack_object *value)
{
    if (lines->too_long)
        return;
    switch (value->type) {
    case MSGPACK_OBJECT_MAP:
        put_map(lines, &value->via.map);
        break;
    case MSGPACK_OBJECT_ARRAY:
        put_array(lines, &value->via.array);
        break;
    case MSGPACK_OBJECT_STR:
        lines_text(lines, text_of(value));
        break;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        if (value->via.u64 <= INT64_MAX)
            lines_number(lines, (int64_t)value->via.u64);
        else
            lines_null(lines);
        break;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        lines_number(lines, value->via.i64);
        break;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        lines_real(lines, value->via.f64);
        break;
    case MSGPACK_OBJECT_BOOLEAN:
        lines_truth(lines, value->via.boolean);
        break;
    default:
        lines_null(lines);
    }
}

int object_lines_msgpack(struct bytes payload, struct object_lines *lines)
{
    return load(payload, put_map, lines);
}
