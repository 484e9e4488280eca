/* The trackers whose states are to be published, oldest change first: a ring of their numbers. All zero is a valid
 * empty queue. */
#ifndef CORE_STATE_QUEUE_H
#define CORE_STATE_QUEUE_H

#include <stddef.h>
#include <stdint.h>

struct state_due {
    uint64_t since_ms; /* monotonic */
    uint32_t tracker;  /* its number */
};

struct state_queue {
    struct state_due *ring;
    size_t size; /* a power of two, or 0 */
    size_t first;
    size_t count;
};

void state_queue_put(struct state_queue *q, uint32_t tracker, uint64_t since_ms);

/* NULL: it is empty. Borrowed until the next call. */
const struct state_due *state_queue_first(const struct state_queue *q);

/* Takes the first one out. What many have taken is given back with the last of them. */
void state_queue_drop(struct state_queue *q);

void state_queue_release(struct state_queue *q);

#endif
