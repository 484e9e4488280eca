#include "request_payload.h"

#include <jansson.h>
#include <msgpack.h>

#include "base/check.h"
#include "wire/sinks.h"

/* --- JSON --- */

static json_t *what_to_json(const struct request_payload *request)
{
    json_t *root = json_pack("{ss si}", "hash", request->hash, "tracker_id", (int)request->tracker_id);
    json_t *outputs;

    if (request->what.action == ACTION_SET) {
        json_object_set_new(root, "output", json_integer(request->what.output));
        json_object_set_new(root, "enable", json_boolean(request->what.enable));
        return root;
    }
    outputs = json_array();
    for (unsigned i = 0; i < request->what.output_count; i++)
        json_array_append_new(outputs, json_boolean(request->what.outputs >> i & 1));
    json_object_set_new(root, "outputs", outputs);
    return root;
}

static void encode_json(const struct request_payload *request, struct buffer *out)
{
    json_t *root = what_to_json(request);

    if (request->request_id)
        json_object_set_new(root, "request_id", json_string(request->request_id));
    if (request->response_topic)
        json_object_set_new(root, "response_topic", json_string(request->response_topic));
    CHECK(json_dump_callback(root, sink_json, out, 0) == 0);
    json_decref(root);
}

/* --- MessagePack --- */

static void pack_bool(msgpack_packer *packer, bool value)
{
    if (value)
        msgpack_pack_true(packer);
    else
        msgpack_pack_false(packer);
}

static void pack_what(msgpack_packer *packer, const struct command *what)
{
    if (what->action == ACTION_SET) {
        sink_pack_text(packer, "output");
        msgpack_pack_int32(packer, what->output);
        sink_pack_text(packer, "enable");
        pack_bool(packer, what->enable);
        return;
    }
    sink_pack_text(packer, "outputs");
    msgpack_pack_array(packer, what->output_count);
    for (unsigned i = 0; i < what->output_count; i++)
        pack_bool(packer, what->outputs >> i & 1);
}

static void pack_optional(msgpack_packer *packer, const char *name, const char *value)
{
    if (!value)
        return;
    sink_pack_text(packer, name);
    sink_pack_text(packer, value);
}

static void encode_msgpack(const struct request_payload *request, struct buffer *out)
{
    size_t members =
        2u + (request->what.action == ACTION_SET ? 2u : 1u) + !!request->request_id + !!request->response_topic;
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, sink_msgpack);
    msgpack_pack_map(&packer, members);
    sink_pack_text(&packer, "hash");
    sink_pack_text(&packer, request->hash);
    sink_pack_text(&packer, "tracker_id");
    msgpack_pack_int32(&packer, request->tracker_id);
    pack_what(&packer, &request->what);
    pack_optional(&packer, "request_id", request->request_id);
    pack_optional(&packer, "response_topic", request->response_topic);
}

/* ---------------------------------------------------------------------------------------------------------------------
 */

void request_payload_encode(enum encoding encoding, const struct request_payload *request, struct buffer *out)
{
    if (encoding == ENCODING_MSGPACK)
        encode_msgpack(request, out);
    else
        encode_json(request, out);
}

void request_payload_put_words(const struct command *what, struct buffer *out)
{
    if (what->action == ACTION_SET) {
        buffer_printf(out, "output %d %s", (int)what->output, what->enable ? "on" : "off");
        return;
    }
    buffer_put_text(out, "outputs ");
    for (unsigned i = 0; i < what->output_count; i++)
        buffer_printf(out, i ? ",%u" : "%u", (unsigned)(what->outputs >> i & 1));
}
