#include "object_codecs.h"
#include "object_lines.h"

#include <errno.h>
#include <jansson.h>

/* Jansson recurses for 2048 levels, so the depth is counted beforehand. Brackets in strings do not count. */
static bool too_deep(struct bytes text)
{
    bool in_string = false;
    int depth = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (in_string)
            continue;
        else if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        if (depth > OBJECT_DEPTH_MAX)
            return true;
    }
    return false;
}

static void read_array(struct member *member, const json_t *array)
{
    size_t count = json_array_size(array);

    for (size_t i = 0; i < count; i++) {
        const json_t *element = json_array_get(array, i);

        if (!json_is_boolean(element))
            return;
        if (i < OBJECT_BOOLS_MAX && json_is_true(element))
            member->bools |= UINT64_C(1) << i;
    }
    member->kind = MEMBER_BOOLS;
    member->count = count;
}

static struct member member_of(const char *key, const json_t *value)
{
    struct member member = {.key = bytes_of_text(key)};

    if (json_is_string(value)) {
        member.kind = MEMBER_TEXT;
        member.text = bytes_of(json_string_value(value), json_string_length(value));
    } else if (json_is_integer(value)) {
        member.kind = MEMBER_INT;
        member.number = json_integer_value(value);
    } else if (json_is_boolean(value)) {
        member.kind = MEMBER_BOOL;
        member.truth = json_is_true(value);
    } else if (json_is_array(value)) {
        read_array(&member, value);
    }
    return member;
}

/* NULL: malformed, or no object. */
static json_t *load(struct bytes payload)
{
    json_t *root;

    if (payload.len == 0 || too_deep(payload))
        return NULL;
    root = json_loadb((const char *)payload.data, payload.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (json_is_object(root))
        return root;
    json_decref(root);
    return NULL;
}

int object_decode_json(struct bytes payload, object_each_fn *each, void *ctx)
{
    const char *key;
    json_t *value;
    json_t *root = load(payload);

    if (!root)
        return -EBADMSG;
    json_object_foreach(root, key, value)
    {
        struct member member = member_of(key, value);

        each(ctx, &member);
    }
    json_decref(root);
    return 0;
}

static void walk(struct object_lines *lines, const json_t *value);

static void walk_object(struct object_lines *lines, const json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        size_t outside = lines_enter(lines, bytes_of_text(key));

        walk(lines, value);
        lines_leave(lines, outside);
    }
}

static void walk_array(struct object_lines *lines, const json_t *array)
{
    size_t count = json_array_size(array);

    for (size_t i = 0; i < count; i++) {
        size_t outside = lines_enter_element(lines, i);

        walk(lines, json_array_get(array, i));
        lines_leave(lines, outside);
    }
}

static void walk(struct object_lines *lines, const json_t *value)
{
    if (lines->too_long)
        return;
    if (json_is_object(value))
        walk_object(lines, value);
    else if (json_is_array(value))
        walk_array(lines, value);
    else if (json_is_string(value))
        lines_text(lines, bytes_of(json_string_value(value), json_string_length(value)));
    else if (json_is_integer(value))
        lines_number(lines, json_integer_value(value));
    else if (json_is_real(value))
        lines_real(lines, json_real_value(value));
    else if (json_is_boolean(value))
        lines_truth(lines, json_is_true(value));
    else
        lines_null(lines);
}

int object_lines_json(struct bytes payload, struct object_lines *lines)
{
    json_t *root = load(payload);

    if (!root)
        return -EBADMSG;
    walk(lines, root);
    json_decref(root);
    return 0;
}
