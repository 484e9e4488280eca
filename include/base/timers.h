/* Timers in a heap. The time is handed in; nothing here reads a clock.
 *
 * A struct timer lives inside the thing that it wakes; all zero is a timer that is not set. Equal due times fire in
 * the order in which they were set. */
#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
    uint32_t place; /* index in the heap + 1; 0: not set */
    int kind;       /* the owner's: what to do when it fires, and so what the timer lives in */
};

/* Kept apart from the timer, so that none is looked at but the one that fires. */
struct timer_due {
    uint64_t due_ms;
    uint64_t order;
    struct timer *timer;
};

struct timers {
    struct timer_due *heap;
    uint32_t count;
    uint32_t size;
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
