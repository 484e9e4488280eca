/* The registry from a PostgreSQL database, on a thread of its own.
 *
 * It connects, listens, reads everything, and then what notifications say to have changed. After a lost connection it
 * starts again from the beginning, and what was read last stays in service meanwhile. The loop takes what was made of
 * it, ready for engine_take. */
#ifndef EDGE_REGISTRY_POSTGRES_H
#define EDGE_REGISTRY_POSTGRES_H

#include "core/profile.h"
#include "edge/registry_rows.h"

/* All borrowed. */
struct registry_postgres_options {
    const char *conninfo; /* a secret */
    const char *queries[REGISTRY_TABLES];
    const char *channel; /* a name of letters, digits and _ */
    uint32_t timeout_s;
    uint32_t reconnect_min_ms;
    uint32_t reconnect_max_ms;
    uint32_t changes_max;
    uint32_t refresh_s; /* 0: never */
    const char *topic_prefix;
};

/* NULL, or why it cannot be read with these options, without a look at the database: the library is missing, or the
 * connection string is none. In static memory. */
const char *registry_postgres_check(const struct registry_postgres_options *options);

struct registry_post;
struct registry_postgres;

/* Profiles are borrowed until rules of others have been taken. NULL: no thread can be made. */
struct registry_postgres *registry_postgres_start(const struct registry_postgres_options *options,
                                                  struct profiles *profiles);

/* Where its rules are, see registry_post.h. */
struct registry_post *registry_postgres_post(const struct registry_postgres *t);

/* Takes NULL. The registry that was taken last stays. */
void registry_postgres_stop(struct registry_postgres *t);

#endif
