#include "sender.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>

#include "base/clock.h"

enum { PATIENCE_MS = 10000 };

struct sender sender;

/* --- events --- */

static void on_sent(void *ctx, uint64_t id)
{
    (void)ctx;
    sender.sent[id % SENDER_IDS]++;
}

static void on_refused(void *ctx, uint64_t id, const char *why)
{
    (void)ctx;
    sender.refused[id % SENDER_IDS]++;
    sender.has_why = why != NULL;
}

static void on_delivered(void *ctx, uint64_t id, const char *why)
{
    (void)ctx;
    sender.delivered[id % SENDER_IDS]++;
    sender.has_why = why != NULL;
}

static void copy_text(char to[64], struct bytes from)
{
    snprintf(to, 64, "%.*s", (int)from.len, from.data ? (const char *)from.data : "");
}

static void on_message(void *ctx, const struct mqtt_message *message)
{
    struct heard *h = &sender.heard[sender.heard_count++];

    (void)ctx;
    cr_assert_leq(sender.heard_count, SENDER_HEARD_MAX);
    copy_text(h->topic, message->topic);
    copy_text(h->payload, message->payload);
    copy_text(h->response_topic, message->response_topic);
    copy_text(h->content_type, message->content_type);
    cr_assert_leq(message->correlation.len, sizeof h->correlation);
    h->correlation_len = message->correlation.len;
    if (h->correlation_len)
        memcpy(h->correlation, message->correlation.data, h->correlation_len);
    h->expiry_s = message->has_expiry ? message->expiry_s : 0;
    h->qos = message->qos;
    h->retain = message->retain;
}

static void on_acked(void *ctx, int token, int reason)
{
    (void)ctx;
    outbox_acked(sender.outbox, token, reason);
}

static void on_state_delivered(void *ctx, int32_t tracker_id)
{
    (void)ctx;
    sender.state_delivered = tracker_id;
}

/* --- the two ends --- */

void sender_connect(void)
{
    cr_assert_eq(mqtt_connect(sender.m), 0, "%s", mqtt_error(sender.m));
}

void sender_hear_all(void)
{
    const struct mqtt_filter all = {.filter = "#", .qos = 1, .retain_as_published = true};

    cr_assert_eq(mqtt_subscribe(sender.m, &all, 1), 0, "%s", mqtt_error(sender.m));
}

void sender_start_with(const char *config)
{
    static const struct mqtt_handlers handlers = {NULL, on_message, on_acked};
    static const struct outbox_events events = {NULL, on_sent, on_refused, on_delivered, on_state_delivered, NULL};

    sender.broker = broker_start(config);
    sender.url = broker_url(sender.broker);
    sender.options = (struct mqtt_options){.urls = &sender.url,
                                           .url_count = 1,
                                           .client_id = "sender",
                                           .protocol = 5,
                                           .clean_start = true,
                                           .keep_alive_s = 60,
                                           .connect_timeout_s = 5};
    sender.m = mqtt_new(&sender.options, &handlers);
    sender.outbox = outbox_new(&events);
    sender_connect();
}

void sender_start(void)
{
    sender_start_with(NULL);
}

void sender_stop(void)
{
    outbox_free(sender.outbox);
    mqtt_free(sender.m);
    broker_stop(sender.broker);
}

/* One turn: what came in, then what may go out. */
static void turn(void)
{
    bool more;

    poll(&(struct pollfd){.fd = mqtt_fd(sender.m), .events = POLLIN}, 1, 5);
    mqtt_receive(sender.m, 64, &more);
    outbox_flush(sender.outbox, sender.m, 0);
    if (outbox_unacknowledged(sender.outbox) > sender.most_unacknowledged)
        sender.most_unacknowledged = outbox_unacknowledged(sender.outbox);
}

void sender_run(int heard_goal)
{
    uint64_t deadline_ms = clock_now().mono_ms + PATIENCE_MS;

    while ((outbox_count(sender.outbox) > 0 || sender.heard_count < heard_goal) && clock_now().mono_ms < deadline_ms)
        turn();
    cr_assert_geq(sender.heard_count, heard_goal);
    cr_assert_eq(outbox_count(sender.outbox), 0);
    cr_assert_eq(outbox_unacknowledged(sender.outbox), 0);
    cr_assert_eq(outbox_bytes(sender.outbox), 0);
}

void sender_put_command(uint64_t id, uint64_t deadline_ms)
{
    char topic[40];

    snprintf(topic, sizeof topic, "command/%llu", (unsigned long long)id);
    outbox_put_command(sender.outbox, &(struct engine_command){.id = id,
                                                               .topic = bytes_of_text(topic),
                                                               .payload = bytes_of_text("do"),
                                                               .ack_topic = bytes_of_text("ack/here"),
                                                               .content_type = bytes_of_text("application/json"),
                                                               .deadline_ms = deadline_ms});
    if (!sender.journal_is_late)
        outbox_release(sender.outbox);
}

void sender_put_reply(uint64_t id)
{
    char payload[40];

    snprintf(payload, sizeof payload, "reply %llu", (unsigned long long)id);
    outbox_put_reply(sender.outbox, &(struct engine_reply){.id = id,
                                                           .topic = bytes_of_text("reply"),
                                                           .payload = bytes_of_text(payload),
                                                           .correlation = bytes_of("\0\xFFx", 3),
                                                           .content_type = "application/msgpack"});
    if (!sender.journal_is_late)
        outbox_release(sender.outbox);
}
