/* What is counted beyond the engine's counters: by action and code, by profile, and how long things took. Counting
 * allocates nothing, but once for each profile. The loop's alone. */
#ifndef EDGE_METRICS_H
#define EDGE_METRICS_H

#include "core/engine.h"

enum {
    METRICS_BUCKETS_MAX = 16,
    METRICS_CODES_MAX = 24,
    METRICS_ACTIONS = 3,
    METRICS_OUTCOMES = 4,
    METRICS_PROFILES_MAX = 512, /* beyond: counted under the last name */
};

/* Bounds are in microseconds, ascending. */
struct histogram {
    const uint64_t *bounds_us;
    size_t bound_count;
    uint64_t counts[METRICS_BUCKETS_MAX + 1]; /* each bucket by itself; the last: beyond all bounds */
    uint64_t sum_us;
};

void histogram_observe(struct histogram *h, uint64_t us);

struct profile_metrics {
    char *name;
    uint64_t commands;
    uint64_t outcomes[METRICS_OUTCOMES];
};

struct metrics {
    uint64_t replies[METRICS_ACTIONS][METRICS_CODES_MAX]; /* by the place of the code: metrics_code_at */
    struct profile_metrics *profiles;
    size_t profile_count;
    size_t last_profile; /* that was counted: most likely the next one, too */
    struct histogram queue;
    struct histogram device;
    struct histogram request;
    struct histogram commit;
};

void metrics_init(struct metrics *m);
void metrics_release(struct metrics *m);

/* The code of place `index`, -1 at the end. */
int metrics_code_at(size_t index);

void metrics_event(struct metrics *m, const struct engine_event *event);

#endif
