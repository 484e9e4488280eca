/* What is said to the engine on the stage. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "engine_stage_inside.h"

static struct bytes text_of(const char *text, size_t len)
{
    return len ? bytes_of(text, len) : bytes_of_text(text);
}

/* --- requests --- */

static void put_outputs(struct buffer *out, const char *outputs)
{
    const char *separator = "";

    buffer_put_text(out, ",\"outputs\":[");
    for (; *outputs; outputs++) {
        if (*outputs == ',')
            continue;
        buffer_printf(out, "%s%s", separator, *outputs == '1' ? "true" : "false");
        separator = ",";
    }
    buffer_put_text(out, "]");
}

static void put_payload(struct buffer *out, const struct stage_request *r)
{
    buffer_printf(out, "{\"hash\":\"%s\",\"tracker_id\":%d", r->hash ? r->hash : HASH_MASTER, (int)r->tracker);
    if (r->outputs)
        put_outputs(out, r->outputs);
    else
        buffer_printf(out, ",\"output\":%d,\"enable\":%s", (int)r->output, r->enable ? "true" : "false");
    if (r->request_id)
        buffer_printf(out, ",\"request_id\":%s", r->request_id);
    if (r->response_topic_parameter)
        buffer_printf(out, ",\"response_topic\":\"%s\"", r->response_topic_parameter);
    buffer_put_text(out, "}");
}

uint64_t stage_request(const struct stage_request *r)
{
    const char *action = r->action ? r->action : "set";
    uint64_t id = 0;
    struct buffer topic = {0};
    struct buffer payload = {0};
    struct engine_message message = {
        .response_topic = text_of(r->response_topic, r->response_topic_len),
        .correlation = bytes_of_text(r->correlation),
        .content_type = bytes_of_text(r->content_type),
        .expiry_s = r->expiry_s,
        .has_expiry = r->has_expiry,
        .retain = r->retain,
        .dup = r->dup,
        .local = r->local,
        .hash = bytes_of_text(r->hash_beside),
    };

    buffer_printf(&topic, "%sapi/tracker/output/%s", stage->config.prefix, action);
    if (r->payload)
        buffer_put(&payload, text_of(r->payload, r->payload_len));
    else
        put_payload(&payload, r);
    message.topic = buffer_bytes(&topic);
    message.payload = buffer_bytes(&payload);
    if (r->local)
        id = engine_local_request(stage->engine, bytes_of_text(action), &message, stage->now);
    else
        engine_message(stage->engine, &message, stage->now);
    buffer_release(&topic);
    buffer_release(&payload);
    return id;
}

const struct stage_command *stage_set_and_send(int32_t tracker, int32_t output, bool enable)
{
    char what[16];

    snprintf(what, sizeof what, "%d %s", (int)output, enable ? "on" : "off");
    stage_set(tracker, output, enable);
    stage_turn();
    return expect_command(tracker, tracker == TRACKER_JSON || tracker == TRACKER_JSON_2 ? what : NULL);
}

/* --- trackers --- */

void stage_publish(const struct stage_publish *p)
{
    struct buffer id = {0};
    struct engine_message message = {
        .topic = bytes_of_text(p->topic),
        .payload = text_of(p->payload, p->len),
        .retain = p->retain,
    };

    if (p->correlation_id) {
        buffer_put_be(&id, p->correlation_id, 8);
        message.correlation = buffer_bytes(&id);
    }
    engine_message(stage->engine, &message, stage->now);
    buffer_release(&id);
}

static void ack(const struct stage_command *command, bool success)
{
    struct buffer payload = {0};

    if (strcmp(command->content_type, "application/json") == 0) {
        buffer_printf(&payload, "{\"id\":%llu,\"success\":%s}", (unsigned long long)command->id,
                      success ? "true" : "false");
    } else { /* {"id": uint64, "success": …} */
        buffer_put_text(&payload, "\x82\xa2id\xcf");
        buffer_put_be(&payload, command->id, 8);
        buffer_put_text(&payload, "\xa7success");
        buffer_put_u8(&payload, success ? 0xc3 : 0xc2);
    }
    stage_publish(&(struct stage_publish){
        .topic = command->ack_topic, .payload = (const char *)payload.data, .len = payload.len});
    buffer_release(&payload);
}

void stage_ack(const struct stage_command *command)
{
    ack(command, true);
}

void stage_refuse(const struct stage_command *command)
{
    ack(command, false);
}

/* "tracker/101/output/ack", or what stands for it where the profile has topics of its own. */
static void topic_of(int32_t tracker, const char *common, const char *own, char out[64])
{
    if (tracker == TRACKER_OWN)
        snprintf(out, 64, "dev/IMEI-%d/%s", (int)tracker, own);
    else
        snprintf(out, 64, "%stracker/%d/%s", stage->config.prefix, (int)tracker, common);
}

void stage_tell(int32_t tracker, const char *text)
{
    char topic[64];

    topic_of(tracker, "output/ack", "ack", topic);
    stage_publish(&(struct stage_publish){.topic = topic, .payload = text});
}

static void set_presence(int32_t tracker, bool online)
{
    char topic[64];

    topic_of(tracker, "status", "presence", topic);
    note_presence(tracker, online);
    stage_publish(&(struct stage_publish){.topic = topic, .payload = online ? "online" : "offline", .retain = true});
}

void stage_online(int32_t tracker)
{
    set_presence(tracker, true);
}

void stage_offline(int32_t tracker)
{
    set_presence(tracker, false);
}
