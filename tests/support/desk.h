/* A requester of a test: sends requests and records the replies, each known by its Correlation Data. Takes its turns
 * by support/pump.h. */
#ifndef SUPPORT_DESK_H
#define SUPPORT_DESK_H

#include "support/mqtt_probe.h"
#include "support/value.h"

/* The master of user 1 in the shipped registry. */
#define DESK_HASH "a6aa75587e5c59c32d347da438505fc3"

struct desk {
    struct probe *probe; /* its options may be changed before desk_connect */
    const char *prefix;  /* of the request topics */
    char reply_topic[64];
    int published;
    int fences;
};

/* MQTT 5, not connected yet. */
struct desk *desk_new(const char *broker_url);
void desk_free(struct desk *d); /* takes NULL */

/* Connects and subscribes to its reply topic. A second time: on the same session, which the broker may have lost. */
void desk_connect(struct desk *d);
struct desk *desk_start(const char *broker_url); /* both */
void desk_subscribe(struct desk *d, const char *filter);

/* Returns when the broker has it. */
void desk_publish(struct desk *d, const struct mqtt_publish *publish);

/* To the desk's reply topic. */
void desk_send(struct desk *d, const char *action, const char *correlation, struct bytes payload);
void desk_set(struct desk *d, const char *correlation, int tracker_id, int output, bool enable);

/* How many replies came so far. */
int desk_count(const struct desk *d, const char *correlation);

/* Waits for the first one; fails the test when that takes too long. */
const struct probe_message *desk_wait(struct desk *d, const char *correlation);

/* The one reply is this. Waits for it. */
void desk_expect(struct desk *d, const char *correlation, const char *json);
void desk_expect_success(struct desk *d, const char *correlation);
void desk_expect_error(struct desk *d, const char *correlation, int code, const char *outcome);

/* Everything that this desk sent before has been dealt with: a request behind it was answered. */
void desk_fence(struct desk *d);

/* Sets output 1 on, under a correlation of its own, and forgets all replies: the code, 0 for success. */
int desk_code_of_set(struct desk *desk, int tracker_id);

#endif
