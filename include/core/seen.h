/* The requests of the last while, by what makes them the same: so that none is commanded twice.
 *
 * Answered ones are kept for the dedup window; refused ones too, but no more than a limit, the oldest going first. */
#ifndef CORE_SEEN_H
#define CORE_SEEN_H

#include <sys/queue.h>

#include "base/map.h"
#include "base/pool.h"
#include "core/pending.h"

enum seen_state { SEEN_PENDING, SEEN_ANSWERED, SEEN_REFUSED };

struct seen {
    struct request_key key;
    enum seen_state state;
    enum code code;
    enum outcome outcome;
    uint64_t id;         /* of the request */
    uint64_t expires_ms; /* monotonic; not while pending */
    TAILQ_ENTRY(seen) link;
};

TAILQ_HEAD(seen_list, seen);

struct seen_table {
    struct map by_key;
    struct pool pool; /* of struct seen */
    struct seen_list answered;
    struct seen_list refused;
    size_t refused_count;
};

void seen_init(struct seen_table *t);
void seen_release(struct seen_table *t);

struct seen *seen_find(const struct seen_table *t, const struct request_key *key);

/* Puts a request in, in place of an older one of the same key. *replaced_id: an answered one that it took the place of,
 * or 0. */
struct seen *seen_put(struct seen_table *t, const struct pending *p, enum seen_state state, uint64_t expires_ms,
                      uint64_t *replaced_id);

/* The pending request has its answer. NULL: another request with the same key has taken its place. */
struct seen *seen_answer(struct seen_table *t, const struct pending *p, uint64_t expires_ms);

/* Takes out the oldest refused one while there are more than `limit`. */
void seen_limit_refused(struct seen_table *t, size_t limit);

/* Takes out one answered request whose time is over and returns its id, 0 when there is none. Refused ones whose time
 * is over go silently. */
uint64_t seen_expire(struct seen_table *t, uint64_t now_ms);

/* Milliseconds until something expires, -1: never. */
int64_t seen_wait_ms(const struct seen_table *t, uint64_t now_ms);

#endif
