#include "support/crowd.h"

#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/pump.h"

enum { RECEIVES_A_TURN = 64, IDLE_MS = 20, HAND_OVER_MS = 60000 };

static int code_of(struct bytes payload)
{
    json_t *reply = json_loadb((const char *)payload.data, payload.len, 0, NULL);
    const json_t *code = json_object_get(json_object_get(reply, "status"), "code");
    int result = CROWD_UNREADABLE;

    if (json_is_true(json_object_get(reply, "success")))
        result = CROWD_SUCCESS;
    else if (json_is_integer(code))
        result = (int)json_integer_value(code);
    json_decref(reply);
    return result;
}

static void on_reply(void *ctx, const struct mqtt_message *message)
{
    struct crowd *c = ctx;
    struct reader r = {.left = message->correlation};
    uint64_t number = reader_be(&r, 4);
    int code = code_of(message->payload);

    if (!reader_is_done(&r) || number >= (uint64_t)c->sent) {
        c->strange++;
    } else if (c->codes[number] == CROWD_NOTHING) {
        c->codes[number] = code;
        c->replied++;
    } else if (c->codes[number] == code) {
        c->repeated++;
    } else {
        c->contradicting++;
    }
}

static void on_acked(void *ctx, int token, int reason)
{
    struct crowd *c = ctx;

    (void)token;
    c->probe->acked_count++;
    c->probe->last_reason = reason;
}

struct crowd *crowd_start(const char *broker_url, const char *hash, int total, crowd_request_fn *request)
{
    struct crowd *c = calloc(1, sizeof *c);

    if (!c)
        abort();
    *c = (struct crowd){.probe = probe_new(broker_url), .hash = hash, .request = request, .qos = 1, .total = total};
    c->codes = malloc((size_t)total * sizeof *c->codes);
    c->sent_ms = malloc((size_t)total * sizeof *c->sent_ms);
    if (!c->codes || !c->sent_ms)
        abort();
    for (int i = 0; i < total; i++)
        c->codes[i] = CROWD_NOTHING;
    c->probe->handlers = (struct mqtt_handlers){.ctx = c, .message = on_reply, .acked = on_acked};
    if (probe_connect(c->probe) == 0 &&
        mqtt_subscribe(c->probe->m, &(struct mqtt_filter){.filter = c->probe->client_id, .qos = 1}, 1) == 0)
        return c;
    crowd_free(c);
    return NULL;
}

void crowd_free(struct crowd *c)
{
    if (!c)
        return;
    probe_free(c->probe);
    free(c->codes);
    free(c->sent_ms);
    free(c);
}

static int try_send(struct crowd *c)
{
    const struct crowd_request request = c->request(c->sent);
    uint8_t correlation[4];
    char payload[256];
    int token;

    for (int i = 0; i < 4; i++)
        correlation[i] = (uint8_t)(c->sent >> (8 * (3 - i)));
    snprintf(payload, sizeof payload, "{\"hash\": \"%s\", \"tracker_id\": %d, \"output\": %d, \"enable\": true}",
             c->hash, request.tracker_id, request.output);
    c->sent_ms[c->sent] = clock_now().mono_ms;
    return mqtt_publish(c->probe->m,
                        &(struct mqtt_publish){.topic = bytes_of_text("api/tracker/output/set"),
                                               .payload = bytes_of_text(payload),
                                               .response_topic = bytes_of_text(c->probe->client_id),
                                               .correlation = bytes_of(correlation, sizeof correlation),
                                               .expiry_s = request.expiry_s,
                                               .qos = c->qos},
                        &token);
}

bool crowd_turn(struct crowd *c, int until, int window)
{
    int before = c->sent;
    bool more;
    int received = mqtt_receive(c->probe->m, RECEIVES_A_TURN, &more);

    until = until < c->total ? until : c->total;
    while (c->sent < until && (window == 0 || c->sent - c->replied < window) && try_send(c) == 0)
        c->sent++;
    return received > 0 || c->sent > before;
}

void crowd_idle(const struct crowd *c)
{
    probe_is_readable(c->probe, IDLE_MS);
}

bool crowd_hand_over(struct crowd *c, int until)
{
    uint64_t end_ms = clock_now().mono_ms + HAND_OVER_MS;

    while ((c->sent < until || c->probe->acked_count < c->sent) && clock_now().mono_ms < end_ms) {
        if (!crowd_turn(c, until, 0))
            crowd_idle(c);
    }
    return c->sent >= until && c->probe->acked_count >= c->sent;
}

int crowd_count(const struct crowd *c, int code)
{
    int count = 0;

    for (int i = 0; i < c->sent; i++)
        count += c->codes[i] == code;
    return count;
}
