/* Shelly Gen2 and later, which speak MQTT themselves: {"id":1,"src":"trk","method":"Switch.Set","params":{"id":0,
 * "on":true}} on ID/rpc is answered on trk/rpc, with the same id. An error has a code and a message; both messages here
 * were seen from devices: "shutting down in 952 ms" is a precondition that failed (-109 of the manual's common errors),
 * and 404 is what a device without that component says. */
#include "profile.h"

#include <errno.h>
#include <stdlib.h>

#include <jansson.h>

static const struct topics topics = {
    .command = "{device_id}/rpc",
    .ack = "+/rpc",
    .presence = "{device_id}/online",
    .online = "true",
    .offline = "false",
};

/* Where the answer goes. */
static int read_src(const char *src, struct command *command)
{
    size_t len = src ? strlen(src) : 0;

    if (len == 0 || len > TOPIC_LEVEL_MAX || strpbrk(src, "+#"))
        return -EBADMSG;
    memcpy(command->level, src, len + 1);
    return 0;
}

/* The id as JSON, a number or a text, and the method; both with their NUL, one behind the other. */
static int echo_id_and_method(const json_t *id, const char *method, struct command *command)
{
    char *text = json_dumps(id, JSON_COMPACT | JSON_ENCODE_ANY);
    int r;

    if (!text)
        return -ENOMEM;
    r = command_echo(command, bytes_of(text, strlen(text) + 1));
    free(text);
    return r < 0 ? r : command_echo(command, bytes_of(method, strlen(method) + 1));
}

static void read_switch_set(const json_t *params, struct command *command)
{
    const json_t *id = json_object_get(params, "id");
    const json_t *on = json_object_get(params, "on");
    json_int_t component = json_is_integer(id) ? json_integer_value(id) : -1;

    command->known = component >= 0 && component < TRACKER_OUTPUTS_MAX && json_is_boolean(on) &&
                     command_set_output(command, (uint64_t)component + 1, json_is_true(on)) == 0;
}

static int read_request(const json_t *root, struct command *command)
{
    const json_t *id = json_object_get(root, "id");
    const char *method = json_string_value(json_object_get(root, "method"));

    if ((!json_is_integer(id) && !json_is_string(id)) || !method ||
        read_src(json_string_value(json_object_get(root, "src")), command) < 0 ||
        echo_id_and_method(id, method, command) < 0)
        return -EBADMSG;
    command->has_id = json_is_integer(id) && json_integer_value(id) >= 0;
    command->id = command->has_id ? (uint64_t)json_integer_value(id) : 0;
    if (strcmp(method, "Switch.Set") == 0)
        read_switch_set(json_object_get(root, "params"), command);
    return 0;
}

static int shelly_gen2_read(const struct tracker *tracker, struct bytes payload, struct command *command)
{
    json_t *root = json_loadb((const char *)payload.data, payload.len, JSON_REJECT_DUPLICATES, NULL);
    int r;

    (void)tracker; /* the topic alone says which one */
    if (!root)
        return -EBADMSG;
    r = read_request(root, command);
    json_decref(root);
    return r;
}

/* Takes id and result, either of which may be NULL without memory; the result goes in under its name. */
static int put_response(const struct tracker *tracker, const struct command *command, json_t *id, const char *name,
                        json_t *result, struct buffer *out)
{
    json_t *root =
        json_pack("{s:o, s:s, s:s, s:o}", "id", id, "src", tracker->device_id, "dst", command->level, name, result);
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;

    json_decref(root);
    buffer_put_text(out, text);
    free(text);
    return text ? 0 : -ENOMEM;
}

static json_t *build_was_on(const struct tracker *tracker, const struct command *command)
{
    return json_pack("{s:b}", "was_on", (tracker->outputs & command->mask) != 0);
}

static int shelly_gen2_write(const struct tracker *tracker, const struct command *command, enum answer answer,
                             struct buffer *out)
{
    const char *id_text = (const char *)command->echo;
    json_t *id = json_loads(id_text, JSON_DECODE_ANY, NULL);

    if (answer == ANSWER_SUCCESS)
        return put_response(tracker, command, id, "result", build_was_on(tracker, command), out);
    if (answer == ANSWER_REFUSED)
        return put_response(tracker, command, id, "error",
                            json_pack("{s:i, s:s}", "code", -109, "message", "shutting down in 952 ms"), out);
    return put_response(
        tracker, command, id, "error",
        json_pack("{s:i, s:s+}", "code", 404, "message", "No handler for ", id_text + strlen(id_text) + 1), out);
}

/* What answers another request of the same requester. */
static void shelly_gen2_unrelated(const struct tracker *tracker, const struct command *command, uint64_t shape,
                                  struct buffer *out)
{
    (void)shape;
    (void)put_response(tracker, command, json_string("another"), "result", build_was_on(tracker, command), out);
}

const struct profile profile_shelly_gen2 = {
    .name = "shelly_gen2",
    .topics = &topics,
    .outputs = 4,
    .id_characters = ID_LEVEL,
    .read = shelly_gen2_read,
    .write = shelly_gen2_write,
    .unrelated = shelly_gen2_unrelated,
};
