#include "support/mqtt_probe.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

enum { PATIENCE_MS = 10000 };

static char *copy(struct bytes from)
{
    return from.data ? bytes_dup(from) : NULL;
}

static void on_message(void *ctx, const struct mqtt_message *message)
{
    struct probe *p = ctx;
    if (p->count >= PROBE_MESSAGES_MAX)
        abort();
    p->messages[p->count++] = (struct probe_message){
        .topic = copy(message->topic),
        .payload = bytes_dup(message->payload),
        .payload_len = message->payload.len,
        .response_topic = copy(message->response_topic),
        .correlation = copy(message->correlation),
        .correlation_len = message->correlation.len,
        .content_type = copy(message->content_type),
        .expiry_s = message->expiry_s,
        .qos = message->qos,
        .has_expiry = message->has_expiry,
        .retain = message->retain,
        .dup = message->dup,
    };
}

static void on_acked(void *ctx, int token, int reason)
{
    struct probe *p = ctx;
    p->acked_count++;
    p->last_acked = token;
    p->last_reason = reason;
}

struct probe *probe_new(const char *url)
{
    static int number;
    struct probe *p = calloc(1, sizeof(*p));
    if (!p)
        abort();
    p->url = url;
    snprintf(p->client_id, sizeof(p->client_id), "probe-%d-%d", (int)getpid(), ++number);
    p->options = (struct mqtt_options){
        .urls = &p->url,
        .url_count = 1,
        .client_id = p->client_id,
        .protocol = 5,
        .clean_start = true,
        .session_expiry_s = 60,
        .keep_alive_s = 60,
        .connect_timeout_s = 5,
        .tls = {.verify = true},
    };
    p->handlers = (struct mqtt_handlers){.ctx = p, .message = on_message, .acked = on_acked};
    return p;
}

void probe_forget(struct probe *p)
{
    for (int i = 0; i < p->count; i++) {
        free(p->messages[i].topic);
        free(p->messages[i].payload);
        free(p->messages[i].response_topic);
        free(p->messages[i].correlation);
        free(p->messages[i].content_type);
    }
    p->count = 0;
}

void probe_free(struct probe *p)
{
    mqtt_free(p->m);
    probe_forget(p);
    free(p);
}

int probe_connect(struct probe *p)
{
    if (!p->m)
        p->m = mqtt_new(&p->options, &p->handlers);
    return mqtt_connect(p->m);
}

static void expect_success(const struct probe *p, const char *what, int r)
{
    if (r >= 0)
        return;
    fprintf(stderr, "probe: %s: %s\n", what, mqtt_error(p->m));
    abort();
}

struct probe *probe_start(const char *url, const char *filter, uint8_t qos)
{
    struct probe *p = probe_new(url);
    expect_success(p, "connect", probe_connect(p));
    if (filter)
        expect_success(p, filter, mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = filter, .qos = qos}, 1));
    return p;
}

int probe_publish(struct probe *p, const char *topic, const char *payload, uint8_t qos)
{
    struct mqtt_publish publish = {.topic = bytes_of_text(topic), .payload = bytes_of_text(payload), .qos = qos};
    int token;
    int r = mqtt_publish(p->m, &publish, &token);
    if (r != -EAGAIN)
        expect_success(p, topic, r);
    return r;
}

void probe_publish_elsewhere(uint16_t port, const char *options, int count)
{
    char command[256];
    snprintf(command, sizeof(command), "seq %d | mosquitto_pub -h 127.0.0.1 -p %u -l %s", count, port, options);
    if (system(command) != 0)
        abort();
}

bool probe_is_readable(const struct probe *p, int wait_ms)
{
    return poll(&(struct pollfd){.fd = mqtt_fd(p->m), .events = POLLIN}, 1, wait_ms) > 0;
}

static bool wait_until(struct probe *p, const int *counter, int goal)
{
    uint64_t deadline_ms = clock_now().mono_ms + PATIENCE_MS;
    while (*counter < goal && clock_now().mono_ms < deadline_ms) {
        probe_is_readable(p, 50);
        bool more;
        if (mqtt_receive(p->m, 64, &more) < 0)
            return false;
    }
    return *counter >= goal;
}

bool probe_wait(struct probe *p, int count)
{
    return wait_until(p, &p->count, count);
}

bool probe_wait_acked(struct probe *p, int count)
{
    return wait_until(p, &p->acked_count, count);
}
