/* One connection to Redis or Valkey, on which scripts are called: the state that several instances share. Driven from
 * one thread, and never waits.
 *
 * Calling sequence: redis_new; then in a loop: poll redis_fd for redis_events, redis_wait_ms at most; redis_turn, which
 * calls the handlers; redis_call as often as wanted; redis_flush, which sends all of the turn in one write. It connects
 * by itself, and again when the connection is lost, with pauses between attempts that grow from some 100 ms to 5 s.
 *
 * After each connect it authenticates, selects the database, loads all scripts and looks at the server; only then it is
 * up. A replica, and a node of a cluster, are no servers to be up with. Each script is answered once, in the order of
 * the calls: by its reply, by an error, or, when the connection was lost or nothing came in time, by NULL: then nobody
 * knows whether it was executed.
 *
 * A host that is no numeric address is looked up before each attempt, on a thread (edge/errand.h). Where it has several
 * addresses the attempts take turns. There is no TLS. No type of the library crosses this header; it is loaded by
 * redis_new, so that a process without Redis has nothing of it. */
#ifndef EDGE_REDIS_H
#define EDGE_REDIS_H

#include "base/bytes.h"
#include "base/clock.h"
#include "edge/metrics.h"

struct redis_options {
    const char *url;             /* redis://HOST:PORT/DB or unix:///PATH */
    const char *username;        /* NULL: the default user */
    const char *password;        /* NULL: none is sent */
    uint32_t connect_timeout_ms; /* for connecting and all that has to be done until it is up */
    uint32_t reply_timeout_ms;   /* from sending a call to its reply */
    uint32_t calls_max;          /* that wait for a reply */
    uint32_t unsent_bytes_max;   /* of calls that the server has not taken yet */
    uint32_t reply_bytes_max;    /* memory for one reply; beyond, the connection is closed */
};

struct redis_script {
    const char *name; /* for the log */
    const char *text;
};

enum redis_kind { REDIS_NIL, REDIS_INT, REDIS_BYTES, REDIS_ARRAY, REDIS_ERROR };

/* A part of a reply. Borrowed for the time of the handler. */
struct redis_value {
    enum redis_kind kind;
    int64_t number;                  /* of REDIS_INT */
    struct bytes bytes;              /* of REDIS_BYTES; of REDIS_ERROR its text, which begins with a word in capitals */
    const struct redis_value *items; /* of REDIS_ARRAY */
    size_t count;
};

/* They may call redis_call, and what only looks. */
struct redis_handlers {
    void *ctx;
    /* run_id names this start of this server: another one may have another memory. */
    void (*up)(void *ctx, const char *run_id);
    /* After an up, once all calls have been answered. */
    void (*down)(void *ctx, const char *why);
    /* NULL: nobody knows. An error of NOSCRIPT, READONLY or LOADING says that nothing was executed: no further calls
     * are taken, and it connects again once those that were sent have been answered. */
    void (*answered)(void *ctx, void *call, const struct redis_value *value);
};

struct redis_stats {
    uint64_t connects; /* times that it came up */
    uint64_t calls;
    uint64_t errors;        /* calls that were answered by an error */
    uint64_t lost;          /* by NULL */
    uint64_t timeouts;      /* connections that were closed because nothing came in time */
    struct histogram reply; /* from sending a call to its reply */
};

struct redis;

/* NULL, or what is wrong with it: a static text, which goes on from the name of the setting. */
const char *redis_url_mistake(const char *url);

/* NULL, or why the library cannot be loaded. Loads it. */
const char *redis_missing(void);

/* Options and scripts are borrowed for the life of the object; the URL has no mistake. Nothing is connected yet. NULL
 * where the library is not there, which is logged. */
struct redis *redis_new(const struct redis_options *options, const struct redis_script *scripts, size_t script_count,
                        const struct redis_handlers *handlers);

/* Calls no handler. Waits for the end of a lookup that is under way. Takes NULL. */
void redis_free(struct redis *r);

/* The descriptor to poll, which changes from turn to turn (-1: none), and for what. */
int redis_fd(const struct redis *r);
short redis_events(const struct redis *r);

/* How long from now until redis_turn has something to do where the descriptor says nothing; -1: for ever. */
int64_t redis_wait_ms(const struct redis *r, struct instant now);

/* poll has just said that nothing has come: the next turn does not look. */
void redis_is_quiet(struct redis *r);

/* Takes what has come, up to a bound, and calls the handlers; connects, gives up, sends what was not taken before. */
void redis_turn(struct redis *r, struct instant now);

bool redis_is_up(const struct redis *r);

/* Why it was closed, or could not be opened, the last time. "" before, and while it is up. */
const char *redis_error(const struct redis *r);

/* EVALSHA of the script with this place in the list: the first key_count of the arguments are its keys. All is copied.
 * Leaves with redis_flush. 0, and `call` will be given to `answered` once; -ENOTCONN when it is not up; -EAGAIN when a
 * limit is reached. */
int redis_call(struct redis *r, size_t script, size_t key_count, const struct bytes *args, size_t count, void *call);

/* Sends what was called. Calls no handler. */
void redis_flush(struct redis *r, struct instant now);

size_t redis_outstanding(const struct redis *r); /* calls that wait for their reply */
const struct redis_stats *redis_stats(const struct redis *r);

/* An error whose first word is this one. */
bool redis_is_error(const struct redis_value *value, const char *word);

#endif
