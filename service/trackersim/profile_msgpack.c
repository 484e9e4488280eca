/* The maps of the json family in MessagePack. */
#include "profile.h"

#include <errno.h>

#include <msgpack.h>

/* What the map held. A member that is missing, or of another type, stays zero. */
struct members {
    msgpack_object id;
    msgpack_object action;
    msgpack_object output;
    msgpack_object enable;
    msgpack_object outputs;
};

static const struct {
    const char *name;
    msgpack_object_type type;
    size_t offset;
} member_table[] = {
    {"id", MSGPACK_OBJECT_POSITIVE_INTEGER, offsetof(struct members, id)},
    {"action", MSGPACK_OBJECT_STR, offsetof(struct members, action)},
    {"output", MSGPACK_OBJECT_POSITIVE_INTEGER, offsetof(struct members, output)},
    {"enable", MSGPACK_OBJECT_BOOLEAN, offsetof(struct members, enable)},
    {"outputs", MSGPACK_OBJECT_ARRAY, offsetof(struct members, outputs)},
};

static bool is_text(const msgpack_object *object, const char *text)
{
    return object->type == MSGPACK_OBJECT_STR &&
           bytes_equal_text(bytes_of(object->via.str.ptr, object->via.str.size), text);
}

static void note_member(struct members *members, const msgpack_object_kv *kv)
{
    for (size_t i = 0; i < sizeof(member_table) / sizeof(member_table[0]); i++)
        if (is_text(&kv->key, member_table[i].name) && kv->val.type == member_table[i].type)
            memcpy((char *)members + member_table[i].offset, &kv->val, sizeof(kv->val));
}

static int read_set(const struct members *members, struct command *command)
{
    if (members->enable.type != MSGPACK_OBJECT_BOOLEAN)
        return -EBADMSG;
    return command_set_output(command, members->output.via.u64, members->enable.via.boolean);
}

static int read_set_all(const struct members *members, struct command *command)
{
    const msgpack_object_array *outputs = &members->outputs.via.array;

    if (outputs->size < 1 || outputs->size > TRACKER_OUTPUTS_MAX)
        return -EBADMSG;
    for (uint32_t i = 0; i < outputs->size; i++) {
        if (outputs->ptr[i].type != MSGPACK_OBJECT_BOOLEAN)
            return -EBADMSG;
        command->mask |= UINT64_C(1) << i;
        command->states |= (uint64_t)outputs->ptr[i].via.boolean << i;
    }
    return 0;
}

static const struct {
    const char *name;
    int (*read)(const struct members *members, struct command *command);
} actions[] = {
    {"set", read_set},
    {"set_all", read_set_all},
};

static int read_map(const msgpack_object *root, struct command *command)
{
    struct members members = {0};

    if (root->type != MSGPACK_OBJECT_MAP)
        return -EBADMSG;
    for (uint32_t i = 0; i < root->via.map.size; i++)
        note_member(&members, &root->via.map.ptr[i]);
    if (members.id.type != MSGPACK_OBJECT_POSITIVE_INTEGER || members.action.type != MSGPACK_OBJECT_STR)
        return -EBADMSG;
    command->has_id = true;
    command->id = members.id.via.u64;
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (is_text(&members.action, actions[i].name)) {
            command->known = true;
            return actions[i].read(&members, command);
        }
    }
    return 0;
}

/* What follows the bytes 0xC0 to 0xDF: a length of so many bytes, a fixed number of bytes, and either as many bytes as
 * the length says, or so many objects for each of its units. */
static const struct shape {
    uint8_t length_bytes;
    uint8_t fixed_bytes;
    uint8_t objects;
} shapes[32] = {
    [0x04] = {1, 0, 0}, {2, 0, 0}, {4, 0, 0}, {1, 1, 0}, {2, 1, 0},  {4, 1, 0}, /* bin, ext */
    {0, 4, 0},          {0, 8, 0},                                              /* float */
    {0, 1, 0},          {0, 2, 0}, {0, 4, 0}, {0, 8, 0},                        /* unsigned */
    {0, 1, 0},          {0, 2, 0}, {0, 4, 0}, {0, 8, 0},                        /* signed */
    {0, 2, 0},          {0, 3, 0}, {0, 5, 0}, {0, 9, 0}, {0, 17, 0},            /* fixext */
    {1, 0, 0},          {2, 0, 0}, {4, 0, 0},                                   /* str */
    {2, 0, 1},          {4, 0, 1}, {2, 0, 2}, {4, 0, 2},                        /* array, map */
};

/* Steps over one object's head and bytes; what it contains is added to *objects. False: it is longer than the rest. */
static bool step_over(struct bytes *rest, uint64_t *objects)
{
    uint8_t tag = rest->data[0];
    uint64_t skip = 1, length = 0;

    if (tag >= 0x80 && tag <= 0x9F) {
        *objects += (uint64_t)(tag & 15) * (tag < 0x90 ? 2 : 1);
    } else if (tag >= 0xA0 && tag <= 0xBF) {
        skip += tag & 31;
    } else if (tag >= 0xC0 && tag <= 0xDF) {
        const struct shape *shape = &shapes[tag - 0xC0];

        if (rest->len <= shape->length_bytes)
            return false;
        for (uint8_t i = 1; i <= shape->length_bytes; i++)
            length = length << 8 | rest->data[i];
        *objects += length * shape->objects;
        skip += (uint64_t)shape->length_bytes + shape->fixed_bytes + (shape->objects ? 0 : length);
    }
    if (skip > rest->len)
        return false;
    *rest = bytes_of(rest->data + skip, rest->len - (size_t)skip);
    return true;
}

/* msgpack-c allocates what a head promises before it looks for it: five bytes can ask it for 128 GB. */
static bool holds_what_it_promises(struct bytes rest)
{
    for (uint64_t objects = 1; objects; objects--)
        if (objects > rest.len || !step_over(&rest, &objects))
            return false;
    return true;
}

static int msgpack_read(const struct tracker *tracker, struct bytes payload, struct command *command)
{
    msgpack_unpacked unpacked;
    size_t used = 0;
    int r = -EBADMSG;

    (void)tracker; /* the topic alone says which one */
    msgpack_unpacked_init(&unpacked);
    if (holds_what_it_promises(payload) &&
        msgpack_unpack_next(&unpacked, (const char *)payload.data, payload.len, &used) == MSGPACK_UNPACK_SUCCESS &&
        used == payload.len)
        r = read_map(&unpacked.data, command);
    msgpack_unpacked_destroy(&unpacked);
    return r;
}

static void pack_text(msgpack_packer *packer, const char *text)
{
    msgpack_pack_str_with_body(packer, text, strlen(text));
}

static void pack_flag(msgpack_packer *packer, const char *key, bool flag)
{
    pack_text(packer, key);
    if (flag)
        msgpack_pack_true(packer);
    else
        msgpack_pack_false(packer);
}

static void pack_ack(msgpack_packer *packer, const struct command *command, enum answer answer)
{
    bool success = answer == ANSWER_SUCCESS;
    bool unsupported = answer == ANSWER_UNSUPPORTED;

    msgpack_pack_map(packer, 2u + !success + unsupported);
    pack_text(packer, "id");
    msgpack_pack_uint64(packer, command->id);
    pack_flag(packer, "success", success);
    if (!success) {
        pack_text(packer, "error");
        pack_text(packer, unsupported ? UNSUPPORTED_TEXT : REFUSAL_TEXT);
    }
    if (unsupported)
        pack_flag(packer, "unsupported", true);
}

static int put_packed(void *out, const char *data, size_t len)
{
    buffer_put(out, bytes_of(data, len));
    return 0;
}

static int msgpack_write(const struct tracker *tracker, const struct command *command, enum answer answer,
                         struct buffer *out)
{
    msgpack_packer packer;

    (void)tracker;
    msgpack_packer_init(&packer, out, put_packed);
    pack_ack(&packer, command, answer);
    return 0;
}

const struct profile profile_msgpack = {
    .name = "msgpack",
    .topics = &topics_of_gateway,
    .outputs = TRACKER_OUTPUTS_MAX,
    .read = msgpack_read,
    .write = msgpack_write,
};
