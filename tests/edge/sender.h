/* An outbox on a connection to a broker of its own, which may hear what it publishes. A broker as it comes grants 20
 * unacknowledged publishes. One to a process. */
#ifndef EDGE_SENDER_H
#define EDGE_SENDER_H

#include "edge/outbox.h"
#include "support/broker.h"

enum { SENDER_IDS = 2048, SENDER_HEARD_MAX = 2048, SENDER_FAR_MS = 1000000 };

/* A publish that came back. */
struct heard {
    char topic[64];
    char payload[64];
    char response_topic[64];
    char content_type[64];
    uint8_t correlation[16];
    size_t correlation_len;
    uint32_t expiry_s; /* 0: none */
    uint8_t qos;
    bool retain;
};

struct sender {
    struct broker *broker;
    struct outbox *outbox;
    struct mqtt *m;
    struct mqtt_options options;
    const char *url;
    struct heard heard[SENDER_HEARD_MAX];
    int heard_count;
    int sent[SENDER_IDS]; /* how often each event was told, by id modulo SENDER_IDS */
    int refused[SENDER_IDS];
    int delivered[SENDER_IDS];
    int32_t state_delivered; /* whose state the broker acknowledged last */
    bool has_why;            /* the last command that was refused, or reply that was delivered, came with a reason */
    size_t most_unacknowledged;
    bool journal_is_late; /* what is put from here on is not released */
};

extern struct sender sender;

/* For .init and .fini; the configuration is broker_start's. */
void sender_start(void);
void sender_start_with(const char *config);
void sender_stop(void);

void sender_connect(void);
void sender_hear_all(void); /* from now on, on this connection */

/* On topic command/ID or reply, with a payload of "do" or "reply ID". */
void sender_put_command(uint64_t id, uint64_t deadline_ms);
void sender_put_reply(uint64_t id);

/* Receives and flushes, at the time 0, until nothing is in the outbox any more and so much was heard in all. */
void sender_run(int heard_goal);

#endif
