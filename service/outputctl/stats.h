/* What the instances of the service publish about themselves, added up. */
#ifndef OUTPUTCTL_STATS_H
#define OUTPUTCTL_STATS_H

#include "base/buffer.h"

enum { STATS_INSTANCES_MAX = 16, STATS_FIGURES = 11 };

struct stats {
    struct {
        uint64_t topic; /* a key for its stats topic; 0: free */
        uint64_t seen_ms;
        int64_t figures[STATS_FIGURES];
    } instances[STATS_INSTANCES_MAX];
};

/* Takes what came on a stats topic; anything unreadable is left aside. */
void stats_take(struct stats *stats, struct bytes topic, struct bytes payload, uint64_t now_ms);

/* Appends "online 3  pending 1  requests 10 …", of the instances that were heard of within the last minute. */
void stats_put(const struct stats *stats, uint64_t now_ms, struct buffer *out);

#endif
