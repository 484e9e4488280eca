#include "core/payload.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/check.h"
#include "wire/sinks.h"

enum { TEXT_ROOM = 256 }; /* on the stack: longer texts are allocated */

struct member {
    struct template *key; /* with key_is_template */
    char *name;
    bool each_output; /* comes once for every output that the command names */
    struct payload_member constant;
    struct template *text;
    struct member *members;
    size_t count;
};

struct payload {
    enum payload_encoding encoding;
    struct template *text;
    struct member *members;
    size_t count;
};

/* --- building --- */

struct building {
    enum template_use use;
    const struct template_defaults *defaults;
    const char *error;
};

static struct template *compile(struct building *b, const char *text, enum template_use use)
{
    return b->error ? NULL : template_compile(text, use, b->defaults, &b->error);
}

static struct member *build_members(struct building *b, const struct payload_member *from, size_t count);

static void build_member(struct building *b, struct member *member, const struct payload_member *from)
{
    enum template_use use = b->use;

    member->constant = *from;
    if (from->key_is_template) {
        member->key = compile(b, from->key, TEMPLATE_SET);
        member->each_output = member->key && template_uses_output(member->key);
    } else {
        member->name = strdup(from->key);
        CHECK(member->name);
    }
    if (member->each_output)
        b->use = TEMPLATE_SET; /* what is in it is of one output */
    if (from->kind == PAYLOAD_MEMBER_TEXT)
        member->text = compile(b, from->text, b->use);
    if (from->kind == PAYLOAD_MEMBER_OBJECT) {
        member->members = build_members(b, from->members, from->member_count);
        member->count = from->member_count;
    }
    b->use = use;
}

static struct member *build_members(struct building *b, const struct payload_member *from, size_t count)
{
    struct member *members = calloc(count + 1, sizeof *members);

    CHECK(members);
    for (size_t i = 0; i < count; i++)
        build_member(b, &members[i], &from[i]);
    return members;
}

struct payload *payload_compile(enum payload_encoding encoding, const struct payload_description *description,
                                enum template_use use, const struct template_defaults *defaults, const char **error)
{
    struct building b = {.use = use, .defaults = defaults};
    struct payload *p = calloc(1, sizeof *p);
    bool is_object = encoding == PAYLOAD_JSON || encoding == PAYLOAD_MSGPACK;

    CHECK(p);
    p->encoding = encoding;
    if (is_object != (description->text == NULL)) {
        b.error = is_object ? "must be a group: its encoding is that of an object"
                            : "must be a text: its encoding is text or hex";
    } else if (is_object) {
        p->count = description->member_count;
        p->members = build_members(&b, description->members, p->count);
    } else {
        p->text = compile(&b, description->text, use);
    }
    if (!b.error)
        return p;
    *error = b.error;
    payload_free(p);
    return NULL;
}

static void free_members(struct member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        template_free(members[i].key);
        template_free(members[i].text);
        free(members[i].name);
        free_members(members[i].members, members[i].count);
    }
    free(members);
}

void payload_free(struct payload *p)
{
    if (!p)
        return;
    template_free(p->text);
    free_members(p->members, p->count);
    free(p);
}

/* --- objects --- */

static int add_members(json_t *object, const struct member *members, size_t count, const struct template_input *input);

/* NULL, and *e says why. */
static json_t *text_value(const struct template *t, const struct template_input *input, int *e)
{
    uint8_t text_room[TEXT_ROOM];
    struct buffer text = buffer_in(text_room, sizeof text_room);
    json_t *value = NULL;

    *e = template_render(t, input, &text);
    if (*e == 0 && template_kind(t) == TEMPLATE_IS_BOOLEAN) {
        value = json_boolean(input->command->enable);
    } else if (*e == 0 && template_kind(t) == TEMPLATE_IS_NUMBER) {
        buffer_put_u8(&text, '\0');
        value = json_integer(strtoll((const char *)text.data, NULL, 10));
    } else if (*e == 0) {
        value = json_stringn(text.len ? (const char *)text.data : "", text.len);
        *e = value ? 0 : -EINVAL; /* a var that is no UTF-8 */
    }
    buffer_release(&text);
    return value;
}

static json_t *value_of(const struct member *member, const struct template_input *input, int *e)
{
    json_t *object;

    switch (member->constant.kind) {
    case PAYLOAD_MEMBER_TEXT:
        return text_value(member->text, input, e);
    case PAYLOAD_MEMBER_INT:
        return json_integer(member->constant.number);
    case PAYLOAD_MEMBER_REAL:
        return json_real(member->constant.real);
    case PAYLOAD_MEMBER_BOOL:
        return json_boolean(member->constant.truth);
    case PAYLOAD_MEMBER_OBJECT:
        object = json_object();
        *e = add_members(object, member->members, member->count, input);
        return object;
    }
    return NULL;
}

static int add_member(json_t *object, const struct member *member, const struct template_input *input)
{
    uint8_t key_room[TEXT_ROOM];
    struct buffer key = buffer_in(key_room, sizeof key_room);
    int e = 0;
    json_t *value;

    if (member->key)
        e = template_render(member->key, input, &key);
    else
        buffer_put_text(&key, member->name);
    buffer_put_u8(&key, '\0');
    value = e == 0 ? value_of(member, input, &e) : NULL;
    if (e == 0 && json_object_set(object, (const char *)key.data, value) < 0)
        e = -EINVAL;
    json_decref(value);
    buffer_release(&key);
    return e;
}

/* Each output that a set_all switches, as if it were a set of its own. */
static int add_each_output(json_t *object, const struct member *member, const struct template_input *input)
{
    const struct command *all = input->command;
    struct command one = {.id = all->id, .action = ACTION_SET};
    struct template_input single = *input;
    int e = 0;

    single.command = &one;
    for (int i = 0; i < all->output_count && e == 0; i++) {
        if (input->kept >> i & 1)
            continue;
        one.output = i + 1;
        one.enable = all->outputs >> i & 1;
        e = add_member(object, member, &single);
    }
    return e;
}

static int add_members(json_t *object, const struct member *members, size_t count, const struct template_input *input)
{
    int e = 0;

    for (size_t i = 0; i < count && e == 0; i++) {
        if (members[i].each_output && input->command->action == ACTION_SET_ALL)
            e = add_each_output(object, &members[i], input);
        else
            e = add_member(object, &members[i], input);
    }
    return e;
}

static void pack(msgpack_packer *packer, json_t *value)
{
    const char *key;
    json_t *member;

    if (json_is_object(value)) {
        msgpack_pack_map(packer, json_object_size(value));
        json_object_foreach(value, key, member)
        {
            sink_pack_text(packer, key);
            pack(packer, member);
        }
    } else if (json_is_string(value)) {
        msgpack_pack_str_with_body(packer, json_string_value(value), json_string_length(value));
    } else if (json_is_integer(value)) {
        msgpack_pack_int64(packer, json_integer_value(value));
    } else if (json_is_real(value)) {
        msgpack_pack_double(packer, json_real_value(value));
    } else {
        sink_pack_bool(packer, json_is_true(value));
    }
}

static int render_object(const struct payload *p, const struct template_input *input, struct buffer *out)
{
    json_t *object = json_object();
    msgpack_packer packer;
    int e = add_members(object, p->members, p->count, input);

    if (e == 0 && p->encoding == PAYLOAD_MSGPACK) {
        msgpack_packer_init(&packer, out, sink_msgpack);
        pack(&packer, object);
    } else if (e == 0) {
        e = json_dump_callback(object, sink_json, out, JSON_COMPACT) == 0 ? 0 : -EINVAL;
    }
    json_decref(object);
    return e;
}

/* --- rendering --- */

bool payload_decode_hex(struct buffer *text, size_t start)
{
    size_t digits = start;

    if (text->len == start)
        return true;
    for (size_t i = start; i < text->len; i++) {
        if (text->data[i] != ' ')
            text->data[digits++] = text->data[i];
    }
    text->len = start;
    if ((digits - start) % 2 ||
        !bytes_from_hex(bytes_of(text->data + start, digits - start), text->data + start, (digits - start) / 2))
        return false;
    text->len += (digits - start) / 2;
    return true;
}

int payload_render(const struct payload *p, const struct template_input *input, struct buffer *out)
{
    size_t before = out->len;
    int e;

    if (!p->text)
        return render_object(p, input, out);
    e = template_render(p->text, input, out);
    if (e == 0 && p->encoding == PAYLOAD_HEX && !payload_decode_hex(out, before))
        e = -EINVAL;
    return e;
}

static const char *missing_in(const struct member *members, size_t count, const char *vars)
{
    const char *missing = NULL;

    for (size_t i = 0; i < count && !missing; i++) {
        if (members[i].key)
            missing = template_missing_var(members[i].key, vars);
        if (!missing && members[i].text)
            missing = template_missing_var(members[i].text, vars);
        if (!missing)
            missing = missing_in(members[i].members, members[i].count, vars);
    }
    return missing;
}

const char *payload_missing_var(const struct payload *p, const char *vars)
{
    return p->text ? template_missing_var(p->text, vars) : missing_in(p->members, p->count, vars);
}
