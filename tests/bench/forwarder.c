/* The yardstick: the least that can be done with the same connection. It turns requests into commands and acks into
 * replies, with all the properties that the real ones carry, and nothing else: no checks, no parsing, no journal, no
 * registry, no timers. What the service costs on top of this is what its promises cost. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "edge/mqtt.h"

enum {
    PENDING_MAX = 1 << 16, /* commands without ack; a power of two */
    OUTBOX_MAX = 1 << 16,  /* a power of two */
    RECEIVES_A_TURN = 32,
    COMMAND_EXPIRY_S = 10,
};

/* Where the reply to a command's request goes. */
struct pending {
    uint8_t topic[128];
    uint8_t correlation[64];
    size_t topic_len;
    size_t correlation_len;
};

/* A command, or the reply that `pending` describes. */
struct outgoing {
    uint64_t id;
    uint64_t tracker;
    bool is_command;
};

struct forwarder {
    struct mqtt *mqtt;
    struct pending *pending; /* by command id */
    struct outgoing *outbox; /* a ring */
    uint64_t outbox_in;
    uint64_t outbox_out;
    uint64_t last_id;
};

static uint64_t scan_number(struct bytes text, const char *key)
{
    const uint8_t *end = text.data + text.len;
    const uint8_t *at = text.len ? memmem(text.data, text.len, key, strlen(key)) : NULL;
    uint64_t number = 0;

    if (!at)
        return 0;
    at += strlen(key);
    while (at < end && (*at == ' ' || *at == ':'))
        at++;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (uint64_t)(*at - '0');
    return number;
}

static void outbox_put(struct forwarder *f, struct outgoing outgoing)
{
    CHECK(f->outbox_in - f->outbox_out < OUTBOX_MAX);
    f->outbox[f->outbox_in++ % OUTBOX_MAX] = outgoing;
}

static void take_request(struct forwarder *f, const struct mqtt_message *request)
{
    uint64_t id = ++f->last_id;
    struct pending *p = &f->pending[id % PENDING_MAX];

    CHECK(request->response_topic.len <= sizeof(p->topic) && request->correlation.len <= sizeof(p->correlation));
    p->topic_len = request->response_topic.len;
    p->correlation_len = request->correlation.len;
    memcpy(p->topic, request->response_topic.data, p->topic_len);
    memcpy(p->correlation, request->correlation.data, p->correlation_len);
    outbox_put(f, (struct outgoing){id, scan_number(request->payload, "\"tracker_id\""), true});
}

static void take_message(void *ctx, const struct mqtt_message *message)
{
    struct forwarder *f = ctx;

    if (message->response_topic.data)
        take_request(f, message);
    else
        outbox_put(f, (struct outgoing){.id = scan_number(message->payload, "\"id\"")});
}

static void take_acked(void *ctx, int token, int reason)
{
    (void)ctx;
    (void)token;
    (void)reason;
}

static int publish_command(struct forwarder *f, const struct outgoing *command)
{
    char topic[64];
    char ack_topic[64];
    char body[96];
    uint8_t correlation[8];
    int token;
    int topic_len = snprintf(topic, sizeof(topic), "tracker/%" PRIu64 "/output/command", command->tracker);
    int ack_len = snprintf(ack_topic, sizeof(ack_topic), "tracker/%" PRIu64 "/output/ack", command->tracker);
    int len = snprintf(body, sizeof(body),
                       "{\"id\": %" PRIu64 ", \"action\": \"set\", \"output\": 1, \"enable\": true}", command->id);

    for (size_t i = 0; i < sizeof(correlation); i++)
        correlation[i] = (uint8_t)(command->id >> (8 * (7 - i)));
    return mqtt_publish(f->mqtt,
                        &(struct mqtt_publish){
                            .topic = bytes_of(topic, (size_t)topic_len),
                            .payload = bytes_of(body, (size_t)len),
                            .response_topic = bytes_of(ack_topic, (size_t)ack_len),
                            .correlation = bytes_of(correlation, sizeof(correlation)),
                            .expiry_s = COMMAND_EXPIRY_S,
                            .qos = 1,
                        },
                        &token);
}

static int publish_reply(struct forwarder *f, const struct outgoing *reply)
{
    const struct pending *p = &f->pending[reply->id % PENDING_MAX];
    int token;

    return mqtt_publish(f->mqtt,
                        &(struct mqtt_publish){
                            .topic = bytes_of(p->topic, p->topic_len),
                            .payload = bytes_of_text("{\"success\": true}"),
                            .correlation = bytes_of(p->correlation, p->correlation_len),
                            .content_type = bytes_of_text("application/json"),
                            .qos = 1,
                        },
                        &token);
}

/* Sends as much as the broker's Receive Maximum lets. */
static int publish_outbox(struct forwarder *f)
{
    int r = 0;

    while (f->outbox_out < f->outbox_in) {
        const struct outgoing *next = &f->outbox[f->outbox_out % OUTBOX_MAX];

        r = next->is_command ? publish_command(f, next) : publish_reply(f, next);
        if (r < 0)
            break;
        f->outbox_out++;
    }
    return r == -EAGAIN ? 0 : r;
}

static int turn(struct forwarder *f, bool *more)
{
    struct pollfd fd = {.fd = mqtt_fd(f->mqtt), .events = POLLIN};
    int r;

    if (!*more)
        poll(&fd, 1, 1000);
    mqtt_cork(f->mqtt, true);
    r = mqtt_receive(f->mqtt, RECEIVES_A_TURN, more);
    if (r >= 0)
        r = publish_outbox(f);
    mqtt_cork(f->mqtt, false);
    return r < 0 ? r : 0;
}

static int forward(struct forwarder *f)
{
    static const struct mqtt_filter filters[] = {
        {.filter = "api/tracker/output/set", .qos = 1},
        {.filter = "tracker/+/output/ack", .qos = 1},
    };
    bool more = false;
    int r = mqtt_connect(f->mqtt);

    if (r == 0)
        r = mqtt_subscribe(f->mqtt, filters, sizeof(filters) / sizeof(filters[0]));
    while (r == 0)
        r = turn(f, &more);
    return r;
}

int main(int argc, char **argv)
{
    static struct forwarder f;
    const struct mqtt_handlers handlers = {.ctx = &f, .message = take_message, .acked = take_acked};
    char client_id[32];
    struct mqtt_options options = {
        .urls = (const char *const *)&argv[1],
        .url_count = 1,
        .client_id = client_id,
        .protocol = 5,
        .clean_start = true,
        .keep_alive_s = 30,
        .connect_timeout_s = 5,
    };
    int r;

    if (argc != 2) {
        fputs("usage: forwarder mqtt://HOST:PORT\n", stderr);
        return 2;
    }
    snprintf(client_id, sizeof(client_id), "forwarder-%d", (int)getpid());
    f.pending = calloc(PENDING_MAX, sizeof(*f.pending));
    f.outbox = calloc(OUTBOX_MAX, sizeof(*f.outbox));
    f.mqtt = mqtt_new(&options, &handlers);
    CHECK(f.pending && f.outbox && f.mqtt);
    r = forward(&f);
    fprintf(stderr, "forwarder: %s: %s\n", strerror(-r), mqtt_error(f.mqtt));
    mqtt_free(f.mqtt);
    return 1;
}
