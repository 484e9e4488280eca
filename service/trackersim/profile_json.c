/* Gateways and own firmware: {"id": 17, "action": "set", "output": 1, "enable": true} */
#include "profile.h"

#include <errno.h>
#include <stdlib.h>

#include <jansson.h>

static int read_set(const json_t *root, struct command *command)
{
    const json_t *output = json_object_get(root, "output");
    const json_t *enable = json_object_get(root, "enable");

    if (!json_is_integer(output) || !json_is_boolean(enable) || json_integer_value(output) < 1)
        return -EBADMSG;
    return command_set_output(command, (uint64_t)json_integer_value(output), json_is_true(enable));
}

static int read_set_all(const json_t *root, struct command *command)
{
    const json_t *outputs = json_object_get(root, "outputs");
    size_t count = json_array_size(outputs);

    if (count < 1 || count > TRACKER_OUTPUTS_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < count; i++) {
        const json_t *state = json_array_get(outputs, i);

        if (!json_is_boolean(state))
            return -EBADMSG;
        command->mask |= UINT64_C(1) << i;
        command->states |= (uint64_t)json_is_true(state) << i;
    }
    return 0;
}

static const struct {
    const char *name;
    int (*read)(const json_t *root, struct command *command);
} actions[] = {
    {"set", read_set},
    {"set_all", read_set_all},
};

static int read_object(const json_t *root, struct command *command)
{
    const json_t *id = json_object_get(root, "id");
    const char *action = json_string_value(json_object_get(root, "action"));

    if (!json_is_integer(id) || json_integer_value(id) < 0 || !action)
        return -EBADMSG;
    command->has_id = true;
    command->id = (uint64_t)json_integer_value(id);
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(actions[i].name, action) == 0) {
            command->known = true;
            return actions[i].read(root, command);
        }
    }
    return 0;
}

static int json_read(const struct tracker *tracker, struct bytes payload, struct command *command)
{
    json_t *root = json_loadb((const char *)payload.data, payload.len, JSON_REJECT_DUPLICATES, NULL);
    int r;

    (void)tracker; /* the topic alone says which one */
    if (!root)
        return -EBADMSG;
    r = read_object(root, command);
    json_decref(root);
    return r;
}

static json_t *build_ack(const struct command *command, enum answer answer)
{
    json_int_t id = (json_int_t)command->id;

    if (answer == ANSWER_SUCCESS)
        return json_pack("{s:I, s:b}", "id", id, "success", 1);
    if (answer == ANSWER_REFUSED)
        return json_pack("{s:I, s:b, s:s}", "id", id, "success", 0, "error", REFUSAL_TEXT);
    return json_pack("{s:I, s:b, s:s, s:b}", "id", id, "success", 0, "error", UNSUPPORTED_TEXT, "unsupported", 1);
}

static int json_write(const struct tracker *tracker, const struct command *command, enum answer answer,
                      struct buffer *out)
{
    json_t *root = build_ack(command, answer);
    char *text = root ? json_dumps(root, 0) : NULL;

    (void)tracker;
    json_decref(root);
    buffer_put_text(out, text);
    free(text);
    return text ? 0 : -ENOMEM;
}

const struct profile profile_json = {
    .name = "json",
    .topics = &topics_of_gateway,
    .outputs = TRACKER_OUTPUTS_MAX,
    .read = json_read,
    .write = json_write,
};
