/* The inside of edge/redis.h, shared by its files: redis.c (life, calls, turns), redis_greeting.c (what is done before
 * it is up). redis_address.c and redis_replies.c know nothing of it. */
#ifndef EDGE_REDIS_STATE_H
#define EDGE_REDIS_STATE_H

#include "base/buffer.h"
#include "base/log.h"
#include "redis_address.h"
#include "redis_replies.h"

enum redis_phase {
    REDIS_RESTING,    /* until retry_at_ms */
    REDIS_LOOKING_UP, /* the host's addresses */
    REDIS_CONNECTING,
    REDIS_GREETING,
    REDIS_UP,
    REDIS_LEAVING, /* takes no more calls, and waits for the replies to those that were sent */
};

enum { REDIS_ERROR_SIZE = 256, REDIS_SHA_LEN = 40, REDIS_RUN_ID_SIZE = 64, REDIS_IN_SIZE = 65536 };

/* A call that waits for its reply. */
struct redis_slot {
    void *call;
    uint64_t sent_ms;
    uint64_t sent_us;
};

struct redis {
    struct redis_options options;
    struct redis_handlers handlers;
    const struct redis_script *scripts;
    char (*shas)[REDIS_SHA_LEN]; /* of the scripts, as the server has named them */
    size_t script_count;

    struct redis_address address;
    enum redis_phase phase;
    int fd; /* -1: none */
    struct redis_replies *replies;
    struct buffer out;
    size_t out_at;     /* what is before it has left */
    size_t out_end;    /* what is behind it has not been flushed */
    int send_error;    /* the next turn closes it; 0: none */
    bool has_more;     /* there may be more to read at once */
    bool is_quiet;     /* there is nothing to read */
    size_t greeted;    /* replies of the greeting that have come */
    uint64_t begun_ms; /* the attempt */
    uint64_t up_ms;    /* came up */
    uint64_t heard_ms; /* anything */
    uint64_t retry_at_ms;
    uint32_t backoff_ms;
    char run_id[REDIS_RUN_ID_SIZE];
    char error[REDIS_ERROR_SIZE];   /* why it was closed the last time */
    char leaving[REDIS_ERROR_SIZE]; /* why it is to be closed */

    /* A ring of calls_max, of which a ping takes one. */
    struct redis_slot *slots;
    size_t first;
    size_t count;
    size_t unsent; /* the last of them: not flushed yet */
    struct redis_stats stats;
    uint8_t in[REDIS_IN_SIZE];
};

/* "*COUNT" of a command that follows, and each of its parts. */
void redis_put_count(struct buffer *to, size_t count);
void redis_put_part(struct buffer *to, struct bytes part);

/* Puts all that is asked before it is up into `out`. */
void redis_greet(struct redis *r);

/* The next reply of these. NULL, or why there can be no service: in r->error or static. *done: that was the last. */
const char *redis_greeted(struct redis *r, const struct redis_value *value, bool *done);

#endif
