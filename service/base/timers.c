#include "base/timers.h"

#include <stdlib.h>

#include "base/check.h"

static bool before(const struct timer *a, const struct timer *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void put_at(struct timers *t, size_t at, struct timer *timer)
{
    t->heap[at] = timer;
    timer->place = at + 1;
}

static void sift_up(struct timers *t, size_t at, struct timer *timer)
{
    while (at > 0) {
        size_t parent = (at - 1) / 2;

        if (!before(timer, t->heap[parent]))
            break;
        put_at(t, at, t->heap[parent]);
        at = parent;
    }
    put_at(t, at, timer);
}

static void sift_down(struct timers *t, size_t at, struct timer *timer)
{
    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= t->count)
            break;
        if (child + 1 < t->count && before(t->heap[child + 1], t->heap[child]))
            child++;
        if (!before(t->heap[child], timer))
            break;
        put_at(t, at, t->heap[child]);
        at = child;
    }
    put_at(t, at, timer);
}

void timers_set(struct timers *t, struct timer *timer, uint64_t due_ms)
{
    timers_cancel(t, timer);
    if (t->count == t->size) {
        t->size = t->size ? t->size * 2 : 64;
        t->heap = realloc(t->heap, t->size * sizeof(struct timer *));
        CHECK(t->heap);
    }
    timer->due_ms = due_ms;
    timer->order = t->next_order++;
    t->count++;
    sift_up(t, t->count - 1, timer);
}

void timers_cancel(struct timers *t, struct timer *timer)
{
    struct timer *last;
    size_t at;

    if (timer->place == 0)
        return;
    at = timer->place - 1;
    CHECK(at < t->count && t->heap[at] == timer);
    timer->place = 0;
    last = t->heap[--t->count];
    if (last == timer)
        return;
    if (at > 0 && before(last, t->heap[(at - 1) / 2]))
        sift_up(t, at, last);
    else
        sift_down(t, at, last);
}

struct timer *timers_expire(struct timers *t, uint64_t now_ms)
{
    struct timer *first;

    if (t->count == 0 || t->heap[0]->due_ms > now_ms)
        return NULL;
    first = t->heap[0];
    timers_cancel(t, first);
    return first;
}

int64_t timers_wait_ms(const struct timers *t, uint64_t now_ms)
{
    if (t->count == 0)
        return -1;
    return t->heap[0]->due_ms > now_ms ? (int64_t)(t->heap[0]->due_ms - now_ms) : 0;
}

void timers_release(struct timers *t)
{
    free(t->heap);
    *t = (struct timers){0};
}

bool timers_are_sound(const struct timers *t)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->heap[i]->place != i + 1)
            return false;
        if (i > 0 && before(t->heap[i], t->heap[(i - 1) / 2]))
            return false;
    }
    return true;
}
