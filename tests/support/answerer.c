#include "support/answerer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/pump.h"

static bool take_turn(void *ctx)
{
    struct answerer *a = ctx;
    bool more;
    return mqtt_receive(a->probe->m, 64, &more) > 0;
}

struct answerer *answerer_start(const char *broker_url, const char *filter)
{
    struct answerer *a = calloc(1, sizeof(*a));
    if (!a)
        abort();
    a->probe = probe_start(broker_url, filter, 1);
    pump_add(take_turn, a);
    return a;
}

void answerer_free(struct answerer *a)
{
    if (!a)
        return;
    pump_remove(a);
    probe_free(a->probe);
    free(a);
}

const struct probe_message *answerer_wait(struct answerer *a, int count)
{
    if (!PUMP_UNTIL(a->probe->count >= count)) {
        fprintf(stderr, "answerer: request %d does not come\n", count);
        abort();
    }
    return &a->probe->messages[count - 1];
}

static struct bytes payload_of(const struct probe_message *message)
{
    return bytes_of(message->payload, message->payload_len);
}

static bool is_msgpack(const struct probe_message *message)
{
    return message->payload_len && (uint8_t)message->payload[0] >= 0x80;
}

json_t *answerer_decode(const struct probe_message *request)
{
    return value_decode(payload_of(request), is_msgpack(request));
}

void answerer_publish(struct answerer *a, const struct mqtt_publish *publish)
{
    int goal = a->probe->acked_count + 1;
    int token;
    while (mqtt_publish(a->probe->m, publish, &token) == -EAGAIN)
        pump_turn();
    if (!PUMP_UNTIL(a->probe->acked_count >= goal))
        abort();
}

void answerer_say(struct answerer *a, const char *topic, const char *text)
{
    answerer_publish(a,
                     &(struct mqtt_publish){.topic = bytes_of_text(topic), .payload = bytes_of_text(text), .qos = 1});
}

void answerer_reply(struct answerer *a, const struct probe_message *request, const char *json)
{
    json_t *asked = answerer_decode(request);
    json_t *reply = value_of(json);
    struct buffer payload = {0};
    json_t *id = json_object_get(asked, "request_id");
    const char *topic = request->response_topic;
    if (id)
        json_object_set(reply, "request_id", id);
    if (!topic)
        topic = json_string_value(json_object_get(asked, "response_topic"));
    value_encode(reply, is_msgpack(request), &payload);
    answerer_publish(a, &(struct mqtt_publish){.topic = bytes_of_text(topic),
                                               .payload = buffer_bytes(&payload),
                                               .correlation = bytes_of(request->correlation, request->correlation_len),
                                               .content_type = bytes_of_text(is_msgpack(request) ? "application/msgpack"
                                                                                                 : "application/json"),
                                               .qos = 1});
    buffer_release(&payload);
    json_decref(reply);
    json_decref(asked);
}
