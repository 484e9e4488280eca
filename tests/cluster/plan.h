/* Which faults come, in which order: thrown from the seed. Several rows of them run side by side, so that a fault of
 * the one meets those of the others; no two of them ever hold the same instance up, and one instance is always left. */
#ifndef CLUSTER_PLAN_H
#define CLUSTER_PLAN_H

#include "witness/tap.h"

enum fault_kind {
    FAULT_KILL,
    FAULT_KILL_FOR_GOOD, /* one with another name comes after it */
    FAULT_FREEZE,
    FAULT_REDIS_KILL, /* it comes back with all that it had acknowledged */
    FAULT_REDIS_LOSE, /* it comes back with nothing */
    FAULT_REDIS_FREEZE,
    FAULT_DATABASE_KILL,
    FAULT_DATABASE_RESTART,
    FAULT_BROKER_RESTART,
    FAULT_KINDS
};

enum row { ROW_INSTANCES, ROW_OTHER_INSTANCES, ROW_REDIS, ROW_DATABASE, ROW_BROKER, ROWS };

struct fault {
    enum fault_kind kind;
    enum moment moment;   /* of a kill: waits for it; MOMENTS: for nothing */
    unsigned pause_ms;    /* after the one before */
    unsigned delay_us;    /* after its moment */
    unsigned duration_ms; /* how long it stays; of a kill, until the next start */
    unsigned which;       /* instance, as far as it can be chosen */
};

struct plan {
    struct fault *faults[ROWS];
    size_t count[ROWS];
};

/* How many of each. */
struct plan_options {
    uint64_t seed;
    unsigned counts[FAULT_KINDS];
};

extern const char *const fault_names[FAULT_KINDS];

void plan_make(struct plan *p, const struct plan_options *options);
void plan_release(struct plan *p);

#endif
