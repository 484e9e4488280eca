/* A requester of many numbered requests: how many it sends at a time, and what came back to each. It asserts nothing by
 * itself, so that it can also work in a process of its own (support/flood.h). */
#ifndef SUPPORT_CROWD_H
#define SUPPORT_CROWD_H

#include "base/buffer.h"
#include "support/mqtt_probe.h"

struct crowd_request {
    int tracker_id;
    int output;
    uint32_t expiry_s; /* Message Expiry; 0: none */
};

/* The request of this number, from 0. */
typedef struct crowd_request crowd_request_fn(int number);

enum { CROWD_UNREADABLE = -2, CROWD_NOTHING = -1, CROWD_SUCCESS = 0 };

struct crowd {
    struct probe *probe;
    const char *hash;
    crowd_request_fn *request;
    uint8_t qos; /* 1, unless it is changed */
    int total;
    int sent;
    int replied;       /* requests with a reply */
    int repeated;      /* replies to what had one already, with the same code */
    int contradicting; /* with another one */
    int strange;       /* to nothing that was sent */
    int *codes;        /* of each request: CROWD_NOTHING, CROWD_SUCCESS or the error's code */
    uint64_t *sent_ms; /* monotonic */
};

/* Connected and subscribed to its reply topic, with room for so many requests. NULL: no broker. */
struct crowd *crowd_start(const char *broker_url, const char *hash, int total, crowd_request_fn *request);
void crowd_free(struct crowd *c); /* takes NULL */

/* Takes what came, then sends what may be sent: up to `until` in all, and `window` without a reply (0: no limit). True:
 * there was something to do. */
bool crowd_turn(struct crowd *c, int until, int window);

/* Waits for the socket, a short while. */
void crowd_idle(const struct crowd *c);

/* Turns until so many are sent and the broker has all of them; false when it takes too long. */
bool crowd_hand_over(struct crowd *c, int until);

/* How many requests have this code. */
int crowd_count(const struct crowd *c, int code);

#endif
