#include "edge/console_ring.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/check.h"

struct console_ring {
    pthread_mutex_t lock; /* of the events */
    struct console_event *events;
    size_t size;
    uint64_t life;
    atomic_ullong last; /* changed under the lock, and looked at without it */
    atomic_bool reader_sleeps;
    uint64_t offered; /* the loop's: the last one of which a reader that slept has been told */
};

struct console_ring *console_ring_new(size_t events_max, uint64_t life)
{
    struct console_ring *r = calloc(1, sizeof *r);

    CHECK(r && pthread_mutex_init(&r->lock, NULL) == 0);
    r->events = calloc(events_max, sizeof *r->events);
    CHECK(r->events);
    r->size = events_max;
    r->life = life;
    return r;
}

void console_ring_free(struct console_ring *r)
{
    if (!r)
        return;
    pthread_mutex_destroy(&r->lock);
    free(r->events);
    free(r);
}

uint64_t console_ring_life(const struct console_ring *r)
{
    return r->life;
}

/* --- the loop's --- */

void console_ring_put(struct console_ring *r, const struct console_event *event)
{
    uint64_t number;

    CHECK(pthread_mutex_lock(&r->lock) == 0);
    number = r->last + 1;
    r->events[number % r->size] = *event;
    r->events[number % r->size].number = number;
    r->last = number;
    CHECK(pthread_mutex_unlock(&r->lock) == 0);
}

bool console_ring_wakes(struct console_ring *r)
{
    if (r->offered == r->last)
        return false;
    r->offered = r->last;
    return atomic_load(&r->reader_sleeps) && atomic_exchange(&r->reader_sleeps, false);
}

/* --- the HTTP thread's --- */

uint64_t console_ring_last(const struct console_ring *r)
{
    return r->last;
}

uint64_t console_ring_first(const struct console_ring *r, size_t count)
{
    uint64_t last = r->last;
    size_t held = count < r->size ? count : r->size;

    return last < held ? 1 : last - held + 1;
}

size_t console_ring_read(struct console_ring *r, uint64_t *next, struct console_event *out, size_t max,
                         uint64_t *missed)
{
    uint64_t oldest;
    size_t count = 0;

    CHECK(pthread_mutex_lock(&r->lock) == 0);
    oldest = console_ring_first(r, r->size);
    *missed = *next < oldest ? oldest - *next : 0;
    *next += *missed;
    while (count < max && *next <= r->last)
        out[count++] = r->events[(*next)++ % r->size];
    CHECK(pthread_mutex_unlock(&r->lock) == 0);
    return count;
}

bool console_ring_sleep(struct console_ring *r, uint64_t seen)
{
    atomic_store(&r->reader_sleeps, true);
    if (r->last > seen)
        atomic_store(&r->reader_sleeps, false);
    return r->last <= seen;
}
