/* One connection to the broker that waits: what people's commands need of edge/mqtt.h. */
#ifndef OUTPUTCTL_SESSION_H
#define OUTPUTCTL_SESSION_H

#include "edge/mqtt.h"
#include "options.h"

enum { SESSION_RANDOM_SIZE = 17 };

struct session {
    struct mqtt *m;
    struct mqtt_options options;
    struct mqtt_handlers handlers;
    const char *url;
    char client_id[32];
};

/* Connects. The options are borrowed, and the struct must stay where it is, until session_close. 0, or a negative errno
 * with session_error() saying why; session_close in any case. */
int session_open(struct session *s, const struct options *options, int connect_timeout_s,
                 const struct mqtt_handlers *handlers);

/* Says DISCONNECT. Takes one that was never open. */
void session_close(struct session *s);

const char *session_error(const struct session *s);

/* Waits until the publish has left, up to the deadline on the monotonic clock; meanwhile the handlers run. 0 and its
 * token; -ETIMEDOUT, -ENOTCONN, -EINVAL. */
int session_publish(struct session *s, const struct mqtt_publish *publish, uint64_t deadline_ms, int *token);

/* Hands on what has come, to the handlers; never waits. The number of messages, or -ENOTCONN. */
int session_take(struct session *s);

/* Waits for more, after a session_take that had none: wait_ms at the longest, and at most a second, for the keep-alive.
 * A signal ends it, too. */
void session_wait(struct session *s, int wait_ms);

/* Hex digits that nobody can guess. */
void session_random(char out[SESSION_RANDOM_SIZE]);

#endif
