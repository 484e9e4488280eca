#include "wire/reply.h"

#include <jansson.h>
#include <msgpack.h>

#include "base/check.h"
#include "wire/sinks.h"

static json_t *errors_to_json(unsigned bad)
{
    json_t *errors = json_array();

    for (unsigned i = 0; i <= PARAMETER_RETAIN; i++) {
        if (bad & 1u << i)
            json_array_append_new(errors,
                                  json_pack("{ss ss}", "parameter", parameter_name(i), "error", parameter_error(i)));
    }
    return errors;
}

static json_t *id_to_json(const struct request_id *id)
{
    if (id->kind == REQUEST_ID_TEXT)
        return json_stringn(id->text, id->len);
    return json_integer(id->number);
}

static void encode_json(const struct reply *reply, struct buffer *out)
{
    json_t *root = json_pack("{sb}", "success", reply->code == CODE_SUCCESS);

    if (reply->code != CODE_SUCCESS) {
        json_object_set_new(
            root, "status",
            json_pack("{si ss}", "code", (int)reply->code, "description", code_description(reply->code)));
        json_object_set_new(root, "outcome", json_string(outcome_name(reply->outcome)));
    }
    if (reply->code == CODE_INVALID_PARAMETERS)
        json_object_set_new(root, "errors", errors_to_json(reply->bad));
    if (reply->id->kind != REQUEST_ID_NONE)
        json_object_set_new(root, "request_id", id_to_json(reply->id));
    CHECK(json_dump_callback(root, sink_json, out, 0) == 0);
    json_decref(root);
}

static void pack_errors(msgpack_packer *packer, unsigned bad)
{
    sink_pack_text(packer, "errors");
    msgpack_pack_array(packer, (size_t)__builtin_popcount(bad));
    for (unsigned i = 0; i <= PARAMETER_RETAIN; i++) {
        if (!(bad & 1u << i))
            continue;
        msgpack_pack_map(packer, 2);
        sink_pack_text(packer, "parameter");
        sink_pack_text(packer, parameter_name(i));
        sink_pack_text(packer, "error");
        sink_pack_text(packer, parameter_error(i));
    }
}

static void pack_status(msgpack_packer *packer, const struct reply *reply)
{
    sink_pack_text(packer, "status");
    msgpack_pack_map(packer, 2);
    sink_pack_text(packer, "code");
    msgpack_pack_int(packer, (int)reply->code);
    sink_pack_text(packer, "description");
    sink_pack_text(packer, code_description(reply->code));
    sink_pack_text(packer, "outcome");
    sink_pack_text(packer, outcome_name(reply->outcome));
}

static void pack_id(msgpack_packer *packer, const struct request_id *id)
{
    sink_pack_text(packer, "request_id");
    if (id->kind == REQUEST_ID_TEXT)
        msgpack_pack_str_with_body(packer, id->text, id->len);
    else
        msgpack_pack_int32(packer, id->number);
}

static void encode_msgpack(const struct reply *reply, struct buffer *out)
{
    bool is_error = reply->code != CODE_SUCCESS;
    bool has_errors = reply->code == CODE_INVALID_PARAMETERS;
    bool has_id = reply->id->kind != REQUEST_ID_NONE;
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, sink_msgpack);
    msgpack_pack_map(&packer, 1u + (is_error ? 2u : 0u) + has_errors + has_id);
    sink_pack_text(&packer, "success");
    sink_pack_bool(&packer, !is_error);
    if (is_error)
        pack_status(&packer, reply);
    if (has_errors)
        pack_errors(&packer, reply->bad);
    if (has_id)
        pack_id(&packer, reply->id);
}

void reply_encode(enum encoding encoding, const struct reply *reply, struct buffer *out)
{
    if (encoding == ENCODING_MSGPACK)
        encode_msgpack(reply, out);
    else
        encode_json(reply, out);
}
