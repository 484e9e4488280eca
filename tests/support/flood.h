/* A requester that sends as fast as it can, in a process of its own so that it does not slow the test's own clients
 * down; dead at the latest when the test's process is.
 *
 * flood_new before any other MQTT client of the process is connected: paho's sockets do not bear a fork. */
#ifndef SUPPORT_FLOOD_H
#define SUPPORT_FLOOD_H

#include "support/crowd.h"

struct flood;

struct flood_result {
    int sent;
    int replied; /* a second after the end at the latest where all are */
    int success;
    int too_many;   /* code 15 */
    int queue_full; /* code 8 */
    int others;
    int contradicting;
    uint64_t duration_ms; /* of the sending */
};

struct flood_plan {
    const char *hash;
    crowd_request_fn *request;
    int total;
    int window; /* so many without a reply; 0: as many as the broker takes */
    uint8_t qos;
};

/* Waits for flood_go. */
struct flood *flood_new(const char *broker_url, const struct flood_plan *plan);
void flood_go(struct flood *f);

/* It sends no more, and waits for the replies that it has not had. */
struct flood_result flood_stop(struct flood *f);
void flood_free(struct flood *f); /* takes NULL */

#endif
