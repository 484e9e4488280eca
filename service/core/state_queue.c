#include "core/state_queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* So much is kept when it is empty. After a restart of the broker every tracker is in it for a while. */
enum { SIZE_KEPT = 4096 };

static void grow(struct state_queue *q)
{
    size_t size = q->size ? 2 * q->size : SIZE_KEPT;
    struct state_due *ring = malloc(size * sizeof *ring);
    size_t to_end = q->size - q->first;

    CHECK(ring);
    if (q->size) {
        memcpy(ring, q->ring + q->first, to_end * sizeof *ring);
        memcpy(ring + to_end, q->ring, q->first * sizeof *ring);
    }
    free(q->ring);
    *q = (struct state_queue){.ring = ring, .size = size, .count = q->count};
}

void state_queue_put(struct state_queue *q, uint32_t tracker, uint64_t since_ms)
{
    if (q->count == q->size)
        grow(q);
    q->ring[(q->first + q->count++) & (q->size - 1)] = (struct state_due){.tracker = tracker, .since_ms = since_ms};
}

const struct state_due *state_queue_first(const struct state_queue *q)
{
    return q->count ? &q->ring[q->first] : NULL;
}

void state_queue_drop(struct state_queue *q)
{
    CHECK(q->count);
    q->first = (q->first + 1) & (q->size - 1);
    if (--q->count == 0 && q->size > SIZE_KEPT)
        state_queue_release(q);
}

void state_queue_release(struct state_queue *q)
{
    free(q->ring);
    *q = (struct state_queue){0};
}
