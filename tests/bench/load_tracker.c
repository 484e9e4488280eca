/* The trackers: they are online, and ack every command at once, but for the held ones. */
#include <inttypes.h>

#include "base/clock.h"
#include "load.h"

enum { ACKS_MAX = 1 << 16 /* waiting to be sent; a power of two */ };

void trackers_init(struct load *load)
{
    load->acks = array_of(ACKS_MAX, sizeof(*load->acks));
}

/* What stands behind `key`, blanks and colons skipped. False where no digit stands there. */
static bool scan_number(struct bytes text, const char *key, uint64_t *number)
{
    const uint8_t *at = text.len ? memmem(text.data, text.len, key, strlen(key)) : NULL;
    const uint8_t *end = text.data + text.len;
    const uint8_t *digits;

    *number = 0;
    if (!at)
        return false;
    at += strlen(key);
    while (at < end && (*at == ' ' || *at == ':'))
        at++;
    for (digits = at; at < end && *at >= '0' && *at <= '9'; at++)
        *number = *number * 10 + (uint64_t)(*at - '0');
    return at > digits;
}

static void keep_ack(struct load *load, const struct packet_publish *command, uint64_t tracker, uint64_t id)
{
    struct ack *ack = &load->acks[load->acks_in % ACKS_MAX];

    if (load->acks_in - load->acks_out == ACKS_MAX)
        die("more commands than acks may wait");
    if (command->correlation.len > CORRELATION_MAX)
        die("a command with %zu bytes of Correlation Data", command->correlation.len);
    *ack = (struct ack){.id = id, .tracker = tracker, .correlation_len = command->correlation.len};
    if (command->correlation.len)
        memcpy(ack->correlation, command->correlation.data, command->correlation.len);
    load->acks_in++;
}

void trackers_take_command(void *ctx, const struct packet_publish *command)
{
    struct load *load = ctx;
    uint64_t tracker;
    uint64_t id;

    if (!scan_number(command->topic, "tracker/", &tracker) || !scan_number(command->payload, "\"id\"", &id))
        die("a command that cannot be read: %.*s", (int)command->payload.len, (const char *)command->payload.data);
    if (tracker >= load_tracker_id(load, load->trackers)) {
        load->held++;
        load->progress_us = clock_mono_us();
        return;
    }
    keep_ack(load, command, tracker, id);
    load->counts.commands++;
}

static void publish_ack(struct load *load, const struct ack *ack)
{
    char topic[64];
    char body[64];
    int topic_len = snprintf(topic, sizeof(topic), "tracker/%" PRIu64 "/output/ack", ack->tracker);
    int body_len = snprintf(body, sizeof(body), "{\"id\":%" PRIu64 ",\"success\":true}", ack->id);
    struct packet_publish publish = {
        .topic = bytes_of(topic, (size_t)topic_len),
        .payload = bytes_of(body, (size_t)body_len),
        .correlation = {ack->correlation_len ? ack->correlation : NULL, ack->correlation_len},
    };

    link_publish(&load->tracker, &publish);
}

void trackers_publish_acks(struct load *load)
{
    for (; load->acks_out < load->acks_in && link_may_publish(&load->tracker); load->acks_out++)
        publish_ack(load, &load->acks[load->acks_out % ACKS_MAX]);
}

void trackers_publish_presence(struct load *load)
{
    for (; load->online < load->trackers + load->hold && link_may_publish(&load->tracker); load->online++) {
        char topic[64];
        int len = snprintf(topic, sizeof(topic), "tracker/%" PRIu64 "/status", load_tracker_id(load, load->online));
        struct packet_publish publish = {
            .topic = bytes_of(topic, (size_t)len),
            .payload = bytes_of_text("online"),
            .retain = true,
        };

        link_publish(&load->tracker, &publish);
    }
}
