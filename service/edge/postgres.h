/* A connection to a PostgreSQL server, for a thread of its own: one query at a time, none of which waits longer than
 * told, and each of which can be interrupted by another thread.
 *
 *     postgres_open → postgres_query … postgres_wait → postgres_notification … → postgres_close */
#ifndef EDGE_POSTGRES_H
#define EDGE_POSTGRES_H

#include <stddef.h>
#include <stdint.h>

#include "postgres_library.h"

struct postgres {
    const char *conninfo;              /* borrowed, as these are: */
    int wake_fd;                       /* readable: ask is_interrupted, which makes it unreadable again */
    bool (*is_interrupted)(void *ctx); /* what is under way is to be given up */
    void *ctx;
    uint32_t timeout_ms; /* of an attempt to connect, and of the server's silence */
    PGconn *conn;        /* NULL: none */
    bool was_interrupted;
    char error[512]; /* what went wrong last, in one line, without the password */
};

/* NULL, or why it is no connection string; the string itself, which may hold a password, is not told. */
const char *postgres_check_conninfo(const char *conninfo);

/* These say false where it failed or was interrupted: then nothing but postgres_close is possible. */
bool postgres_open(struct postgres *p);
void postgres_close(struct postgres *p);

/* One statement, with one parameter or NULL. To be given to pq.clear(). NULL: it failed. */
PGresult *postgres_query(struct postgres *p, const char *sql, const char *parameter);
bool postgres_execute(struct postgres *p, const char *sql);

/* Waits until something comes, another thread wakes it, or `until_ms` of the monotonic clock. */
bool postgres_wait(struct postgres *p, uint64_t until_ms);

/* Likewise without a connection. */
void postgres_pause(struct postgres *p, uint64_t until_ms);

/* The payload of the next notification that has come, for pq.freemem(*notify); NULL: none. */
const char *postgres_notification(struct postgres *p, PGnotify **notify);

/* Takes what has come. */
bool postgres_receive(struct postgres *p);

#endif
