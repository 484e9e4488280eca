/* The publishes that the broker has not taken yet, oldest first, in a ring of a fixed size. It sends while the broker's
 * receive maximum allows, and after a reconnect sends again what was not acknowledged. */
#ifndef TRACKERSIM_OUTBOX_H
#define TRACKERSIM_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/mqtt.h"

enum { OUTBOX_MAX = 65536 };

struct letter {
    struct mqtt_publish publish; /* its bytes are in `memory` */
    void *memory;
    int token;
    bool taken; /* acknowledged, or given up */
};

/* Counted from the first letter on and never reset: done <= sent <= put. */
struct outbox {
    struct letter *ring;
    uint64_t done; /* the letters before this one are acknowledged */
    uint64_t sent; /* those before this one are sent */
    uint64_t put;
};

/* -ENOMEM. */
int outbox_init(struct outbox *outbox);
void outbox_release(struct outbox *outbox);

/* Copies the publish, which goes out with QoS 1. -ENOBUFS: full; -ENOMEM. */
int outbox_put(struct outbox *outbox, const struct mqtt_publish *publish);

/* Sends what may be sent now and adds to *given_up what can never be. 0: nothing is left to send; -EAGAIN: something
 * is; -ENOTCONN. */
int outbox_send(struct outbox *outbox, struct mqtt *mqtt, uint64_t *given_up);

/* The broker has taken this one. */
void outbox_acked(struct outbox *outbox, int token);

/* After a reconnect: what was not acknowledged is to be sent again. */
void outbox_rewind(struct outbox *outbox);

/* Put, but not acknowledged. */
size_t outbox_count(const struct outbox *outbox);

#endif
