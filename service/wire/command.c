#include "wire/command.h"

#include <errno.h>
#include <jansson.h>
#include <msgpack.h>

#include "base/check.h"
#include "wire/sinks.h"
#include "wire/object.h"

static json_t *outputs_to_json(const struct command *command)
{
    json_t *outputs = json_array();

    for (unsigned i = 0; i < command->output_count; i++)
        json_array_append_new(outputs, json_boolean(command->outputs >> i & 1));
    return outputs;
}

static void encode_json(const struct command *command, struct buffer *out)
{
    json_t *root = json_pack("{sI ss}", "id", (json_int_t)command->id, "action", action_name(command->action));

    if (command->action == ACTION_SET) {
        json_object_set_new(root, "output", json_integer(command->output));
        json_object_set_new(root, "enable", json_boolean(command->enable));
    } else {
        json_object_set_new(root, "outputs", outputs_to_json(command));
    }
    CHECK(json_dump_callback(root, sink_json, out, 0) == 0);
    json_decref(root);
}

static void encode_msgpack(const struct command *command, struct buffer *out)
{
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, sink_msgpack);
    msgpack_pack_map(&packer, command->action == ACTION_SET ? 4 : 3);
    sink_pack_text(&packer, "id");
    msgpack_pack_uint64(&packer, command->id);
    sink_pack_text(&packer, "action");
    sink_pack_text(&packer, action_name(command->action));
    if (command->action == ACTION_SET) {
        sink_pack_text(&packer, "output");
        msgpack_pack_int32(&packer, command->output);
        sink_pack_text(&packer, "enable");
        sink_pack_bool(&packer, command->enable);
        return;
    }
    sink_pack_text(&packer, "outputs");
    msgpack_pack_array(&packer, command->output_count);
    for (unsigned i = 0; i < command->output_count; i++)
        sink_pack_bool(&packer, command->outputs >> i & 1);
}

void command_encode(enum encoding encoding, const struct command *command, struct buffer *out)
{
    if (encoding == ENCODING_MSGPACK)
        encode_msgpack(command, out);
    else
        encode_json(command, out);
}

struct ack_decoding {
    struct ack *ack;
    bool has_success;
    bool malformed;
};

static void read_member(void *ctx, const struct member *member)
{
    struct ack_decoding *decoding = ctx;
    struct ack *ack = decoding->ack;

    if (bytes_equal_text(member->key, "id")) {
        ack->has_id = true;
        ack->id = (uint64_t)member->number;
        decoding->malformed |= member->kind != MEMBER_INT || member->number < 0 || ack->id > COMMAND_ID_MAX;
    } else if (bytes_equal_text(member->key, "success")) {
        decoding->has_success = true;
        ack->success = member->truth;
        decoding->malformed |= member->kind != MEMBER_BOOL;
    } else if (bytes_equal_text(member->key, "unsupported")) {
        ack->unsupported = member->kind == MEMBER_BOOL && member->truth;
    }
}

int ack_decode(enum encoding encoding, struct bytes payload, struct ack *ack)
{
    struct ack_decoding decoding = {.ack = ack};

    *ack = (struct ack){0};
    if (object_decode(encoding, payload, read_member, &decoding) < 0)
        return -EBADMSG;
    return decoding.has_success && !decoding.malformed ? 0 : -EBADMSG;
}
