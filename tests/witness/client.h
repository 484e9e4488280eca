/* An MQTT 5 client with a session that outlives its connections, which come back by themselves: libmosquitto's, so that
 * it has no code in common with the service's. What it publishes with QoS 1 it sends until it has the PUBACK. */
#ifndef WITNESS_CLIENT_H
#define WITNESS_CLIENT_H

#include <mosquitto.h>

#include "base/bytes.h"

struct client_handlers {
    void *ctx;
    void (*connected)(void *ctx); /* NULL: nothing to do */
    void (*message)(void *ctx, struct bytes topic, struct bytes payload, struct bytes correlation);
    void (*taken)(void *ctx, int token, int reason);
};

struct client {
    struct mosquitto *m;
    const struct client_handlers *handlers;
    uint16_t port;
    const char *const *filters; /* borrowed */
    int filter_count;
    uint64_t connect_at_ms;
    bool is_open;
};

void client_init(struct client *c, const char *id, uint16_t port, const char *const *filters, int filter_count,
                 const struct client_handlers *handlers);
void client_release(struct client *c);

/* Once a turn, before poller_wait. */
void client_turn(struct client *c, uint64_t now_ms);

struct client_publish {
    const char *topic;
    struct bytes payload;
    const char *response_topic; /* NULL: none */
    const char *correlation;    /* NULL: none */
    const char *content_type;   /* NULL: none */
    bool retain;
};

/* QoS 1. The token, which `taken` will bring. */
int client_publish(struct client *c, const struct client_publish *publish);

#endif
