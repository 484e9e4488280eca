/* What is to happen later, soonest first: a binary heap of events. Events of the same millisecond happen in the order
 * in which they were added. */
#ifndef TRACKERSIM_HEAP_H
#define TRACKERSIM_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim;

struct event {
    uint64_t due_ms; /* monotonic */
    uint64_t order;  /* set by heap_add */
    void (*happen)(struct sim *sim, void *what);
    void *what; /* owned by whoever added the event */
};

/* All zero: empty. */
struct heap {
    struct event *events;
    size_t count;
    size_t size;
    uint64_t added;
};

/* -ENOMEM. */
int heap_add(struct heap *heap, uint64_t due_ms, void (*happen)(struct sim *sim, void *what), void *what);

/* NULL when empty; valid until the heap changes. */
const struct event *heap_next(const struct heap *heap);

/* Takes the soonest event out; only where heap_next gave one. */
struct event heap_take(struct heap *heap);

/* Of the heap alone: what the events point to belongs to others. */
void heap_release(struct heap *heap);

#endif
