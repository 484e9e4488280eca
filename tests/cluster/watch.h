/* What only shows across instances: the order in which commands reach a tracker, how many are in flight there, and
 * whether one left too late. Told of every mark of the ledger as it comes. */
#ifndef CLUSTER_WATCH_H
#define CLUSTER_WATCH_H

#include "cluster/stage.h"
#include "cluster/trackers.h"
#include "witness/verdict.h"

/* What is known of a request beside the ledger. */
struct watched {
    uint64_t arrived_ms;  /* handed to an instance, the last time; 0: never */
    uint8_t instance;     /* which one, from 1 */
    uint64_t accepted_ms; /* the service's first PUBACK: then all instances have it; 0: none */
    uint64_t read_ms;     /* its last PUBACK; 0: none */
    uint64_t left_ms;     /* its command, from the service; 0: it has not */
    uint64_t heard_ms;    /* the first reply; 0: none */
    uint64_t over_ms;     /* the first that is not not_sent; 0: none */
    uint64_t last_heard_ms;
    bool came_again;  /* handed over after that: then it was not that message any more */
    bool is_answered; /* by the tracker */
    struct finding finding;
};

/* Of a tracker, what has reached it. */
struct watched_tracker {
    uint32_t last;
    uint32_t newest;          /* of its requests that have reached it, the one that was published last */
    uint64_t newest_first_ms; /* when that was */
};

enum away_what { AWAY_REDIS, AWAY_DATABASE };

struct away {
    enum away_what what;
    uint64_t from_ms;
    uint64_t until_ms;
};

struct watch {
    struct ledger *ledger;
    const struct trackers *trackers;
    struct watched *requests; /* by number */
    size_t size;
    struct watched_tracker each[TRACKERS_MAX];
    uint64_t works_from_ms[INSTANCES]; /* since when nothing holds this instance up; UINT64_MAX: it is held up */
    uint64_t common_from_ms;           /* likewise of what all need */
    struct away *away;
    size_t away_count;
    size_t away_size;
    unsigned apart; /* requests that were refused while something was away, and asked again by their requester */
};

void watch_init(struct watch *w, struct ledger *l, const struct trackers *trackers);
void watch_release(struct watch *w);

/* A fault begins to hold an instance up, or (INSTANCES) all of them, or is over. */
void watch_hold(struct watch *w, unsigned which, bool held);

void watch_away(struct watch *w, enum away_what what, bool is_there);

/* For tally_judge; ctx is the watch. */
struct finding watch_judge(void *ctx, uint32_t number);

#endif
