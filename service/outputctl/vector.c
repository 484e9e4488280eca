#include "vector.h"

#include "core/payload.h"
#include "switches.h"

/* A vector as it stands: see conf/profiles/README.md. */
struct raw_vector {
    const char *id;
    const char *verified;
    const char *source;
    const char *note;
    const char *action;
    uint32_t output;
    bool enable;
    const char *outputs;
    const char *raw;
    uint32_t tracker_id;
    const char *device_id;
    const struct conf_node *command_id;
    const struct conf_node *vars;
    const char *states;
    const char *topic;
    const char *text;
    const char *hex;
    const char *ack_topic;
    const char *ack_text;
    const char *ack_hex;
    const char *result;
    const char *key;
};

#define TEXT(member)                                                         \
    {                                                                        \
#member, CONF_TEXT, offsetof(struct raw_vector, member), false, 0, 0 \
    }

static const struct conf_key keys[] = {
    {"id", CONF_TEXT, offsetof(struct raw_vector, id), true, 0, 0},
    {"verified", CONF_TEXT, offsetof(struct raw_vector, verified), true, 0, 0},
    TEXT(source),
    TEXT(note),
    TEXT(action),
    {"output", CONF_UINT, offsetof(struct raw_vector, output), false, 1, 64},
    {"enable", CONF_BOOL, offsetof(struct raw_vector, enable), false, 0, 0},
    TEXT(outputs),
    TEXT(raw),
    {"tracker_id", CONF_UINT, offsetof(struct raw_vector, tracker_id), false, 1, INT32_MAX},
    TEXT(device_id),
    {"command_id", CONF_ANY, offsetof(struct raw_vector, command_id), false, 0, 0},
    {"vars", CONF_GROUP, offsetof(struct raw_vector, vars), false, 0, 0},
    TEXT(states),
    TEXT(topic),
    TEXT(text),
    TEXT(hex),
    TEXT(ack_topic),
    TEXT(ack_text),
    TEXT(ack_hex),
    TEXT(result),
    TEXT(key),
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static bool wrong(const struct vector *v, const struct conf_file *file, const char *what)
{
    conf_mistake(file, v->node, "%s: %s", v->id, what);
    return false;
}

static bool take_trust(struct vector *v, const struct conf_file *file, const char *name)
{
    static const char *const names[TRUST_COUNT] = {"verified", "derived", "unverified"};

    for (int i = 0; i < TRUST_COUNT; i++) {
        if (strcmp(name, names[i]) == 0) {
            v->trust = (enum trust)i;
            return true;
        }
    }
    return wrong(v, file, "verified is \"verified\", \"derived\" or \"unverified\"");
}

static bool take_vars(struct vector *v, const struct conf_file *file, const struct conf_node *vars)
{
    struct buffer *out = &v->options.vars;

    for (size_t i = 0; i < conf_count(vars); i++) {
        const struct conf_node *var = conf_at(vars, i);

        buffer_put(out, bytes_of(conf_name(var), strlen(conf_name(var)) + 1));
        if (!conf_put_plain(var, out))
            return wrong(v, file, "a var is a text, a number, a boolean or a list of them");
        buffer_put_u8(out, '\0');
    }
    buffer_put_u8(out, '\0');
    return true;
}

static bool take_command_id(struct vector *v, const struct conf_file *file, const struct conf_node *id)
{
    if (!id)
        return true;
    if (conf_kind(id) != CONF_IS_INT || conf_int(id) < 0 || (uint64_t)conf_int(id) > COMMAND_ID_MAX)
        return wrong(v, file, "command_id is a whole number of at most 53 bits");
    v->options.command_id = (uint64_t)conf_int(id);
    return true;
}

static bool take_action(struct vector *v, const struct conf_file *file, const struct raw_vector *raw)
{
    struct options *o = &v->options;

    o->action = raw->action ? action_from_name(bytes_of_text(raw->action)) : ACTION_UNKNOWN;
    if (raw->action && o->action == ACTION_UNKNOWN)
        return wrong(v, file, "action is \"set\" or \"set_all\"");
    if (o->action == ACTION_SET && !raw->output)
        return wrong(v, file, "output is missing");
    o->output = (int32_t)raw->output;
    o->on = raw->enable ? WISH_ON : WISH_OFF;
    if (o->action == ACTION_SET_ALL && (!raw->outputs || !switches_read(raw->outputs, '-', &o->outputs)))
        return wrong(v, file, "outputs is a list such as \"1,0,-\"");
    if (raw->states && !switches_read(raw->states, '-', &o->states))
        return wrong(v, file, "states is a list such as \"1,0,-\"");
    return true;
}

static bool take_payload(struct vector *v, const struct conf_file *file, const struct raw_vector *raw)
{
    const char *texts[] = {raw->text, raw->hex, raw->ack_text, raw->ack_hex};
    int given = -1;

    for (int i = 0; i < 4; i++) {
        if (texts[i] && given >= 0)
            return wrong(v, file, "only one of text, hex, ack_text and ack_hex");
        given = texts[i] ? i : given;
    }
    if (given < 0)
        return wrong(v, file, "one of text, hex, ack_text and ack_hex is missing");
    v->is_ack = given >= 2;
    buffer_put_text(&v->payload, texts[given]);
    if (given % 2 == 1 && !payload_decode_hex(&v->payload, 0))
        return wrong(v, file, "this is no hex");
    if (v->is_ack && !raw->result)
        return wrong(v, file, "result is missing");
    if (!v->is_ack && !raw->raw && v->options.action == ACTION_UNKNOWN)
        return wrong(v, file, "action is missing");
    return true;
}

bool vector_read(struct vector *v, const struct conf_file *file, const struct conf_node *node)
{
    struct raw_vector raw = {0};

    *v = (struct vector){.node = node, .options = {.prefix = "", .action = ACTION_UNKNOWN}};
    if (!conf_read(file, node, keys, &raw))
        return false;
    v->id = raw.id;
    v->raw = raw.raw;
    v->topic = raw.topic;
    v->ack_topic = raw.ack_topic;
    v->options.topic = raw.ack_topic;
    v->result = raw.result;
    v->key = raw.key;
    v->options.tracker = (int32_t)raw.tracker_id;
    v->options.device_id = raw.device_id;
    return take_trust(v, file, raw.verified) && take_vars(v, file, raw.vars) &&
           take_command_id(v, file, raw.command_id) && take_action(v, file, &raw) && take_payload(v, file, &raw);
}

void vector_release(struct vector *v)
{
    buffer_release(&v->payload);
    buffer_release(&v->options.vars);
}
