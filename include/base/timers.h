/* Timers in a binary heap. The time is handed in; nothing here reads a clock.
 *
 * A struct timer lives inside the thing that it wakes; all zero is a timer that is not set. Equal due times fire in
 * the order in which they were set. */
#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
    uint64_t due_ms;
    uint64_t order;
    size_t place; /* index in the heap + 1; 0: not set */
    int kind;     /* the owner's: what to do when it fires, and so what the timer lives in */
};

struct timers {
    struct timer **heap;
    size_t count;
    size_t size;
    uint64_t next_order;
};

/* Sets the timer, or sets it anew. */
void timers_set(struct timers *t, struct timer *timer, uint64_t due_ms);

/* Does nothing where it is not set. */
void timers_cancel(struct timers *t, struct timer *timer);

/* Takes out the earliest timer that is due, or NULL. Call it until it says NULL. */
struct timer *timers_expire(struct timers *t, uint64_t now_ms);

/* Milliseconds until the earliest one is due, 0 where one is already, -1 where there is none. */
int64_t timers_wait_ms(const struct timers *t, uint64_t now_ms);

/* Frees the heap, not the timers. */
void timers_release(struct timers *t);

/* True when the heap is in order; for tests. */
bool timers_are_sound(const struct timers *t);

#endif
