#include "core/tracker.h"

#include <stdlib.h>

#include "base/check.h"

enum { CHUNK = 1024 };

static struct tracker *place(const struct trackers *all, uint32_t number)
{
    return &all->chunks[(number - 1) / CHUNK][(number - 1) % CHUNK];
}

static bool is_free(const struct trackers *all, uint32_t number)
{
    return place(all, number)->number != number;
}

static uint64_t id_of(const void *all, uint32_t number)
{
    return (uint64_t)place(all, number)->id;
}

struct tracker *trackers_at(const struct trackers *all, uint32_t number)
{
    CHECK(number && number <= all->made && !is_free(all, number));
    return place(all, number);
}

struct tracker *trackers_find(const struct trackers *all, int32_t id)
{
    uint32_t number = index_find(&all->by_id, (uint64_t)id, id_of, all);

    return number ? place(all, number) : NULL;
}

static void make_chunk(struct trackers *all)
{
    size_t count = all->made / CHUNK;

    all->chunks = realloc(all->chunks, (count + 1) * sizeof(struct tracker *));
    CHECK(all->chunks);
    all->chunks[count] = calloc(CHUNK, sizeof(struct tracker));
    CHECK(all->chunks[count]);
}

static uint32_t take_place(struct trackers *all)
{
    uint32_t number = all->first_free;

    if (number) {
        all->first_free = place(all, number)->number;
        return number;
    }
    if (all->made % CHUNK == 0)
        make_chunk(all);
    return ++all->made;
}

struct tracker *trackers_get(struct trackers *all, int32_t id)
{
    struct tracker *tracker = trackers_find(all, id);
    uint32_t number;

    if (tracker)
        return tracker;
    number = take_place(all);
    tracker = place(all, number);
    *tracker = (struct tracker){.id = id, .number = number};
    index_put(&all->by_id, number, id_of, all);
    return tracker;
}

struct tracker *trackers_next(const struct trackers *all, size_t *at)
{
    while (*at < all->made) {
        uint32_t number = (uint32_t)++ * at;

        if (!is_free(all, number))
            return place(all, number);
    }
    return NULL;
}

void trackers_set_online(struct trackers *all, struct tracker *tracker, bool online)
{
    if (tracker->online && !online)
        all->online--;
    if (!tracker->online && online)
        all->online++;
    tracker->online = online;
}

void trackers_forget_if_idle(struct trackers *all, struct tracker *tracker)
{
    uint32_t number = tracker->number;

    if (tracker->online || tracker->lane || tracker->states.known || tracker->state_dirty)
        return;
    index_remove(&all->by_id, number, id_of, all);
    *tracker = (struct tracker){.number = all->first_free};
    all->first_free = number;
}

void trackers_release(struct trackers *all)
{
    struct tracker *tracker;
    size_t at = 0;

    while ((tracker = trackers_next(all, &at)))
        free(tracker->lane);
    for (size_t i = 0; i * CHUNK < all->made; i++)
        free(all->chunks[i]);
    free(all->chunks);
    index_release(&all->by_id);
    *all = (struct trackers){0};
}
