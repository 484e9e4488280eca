#include "base/map.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mix.h"

/* Linear probing; removal shifts what follows back, so there are no tombstones. A small table is at most half full. A
 * large one at most three quarters, and it grows by a quarter, so that a million entries leave no million slots free.
 * Keys lie in the order of their mixed values whatever the size: growing walks through both tables from their
 * beginnings to their ends. */
enum { FIRST_SIZE = 16, LARGE = 65536 };

/* Neighbouring keys, as numbers that are given one after the other are, lie in one line of the cache: by fours. */
enum { NEIGHBOURS = 4 };

__extension__ typedef unsigned __int128 product;

static size_t home(const struct map *m, uint64_t key)
{
    size_t group = (size_t)((product)mix(key / NEIGHBOURS) * (m->size / NEIGHBOURS) >> 64);

    return group * NEIGHBOURS + key % NEIGHBOURS;
}

static size_t next(const struct map *m, size_t at)
{
    return at + 1 < m->size ? at + 1 : 0;
}

/* Slots from one to another, forwards. */
static size_t distance(const struct map *m, size_t from, size_t to)
{
    return to >= from ? to - from : to + m->size - from;
}

/* The slot of the key, or the free one where it would go. */
static struct map_slot *probe(const struct map *m, uint64_t key)
{
    size_t at = home(m, key);

    while (m->slots[at].value && m->slots[at].key != key)
        at = next(m, at);
    return &m->slots[at];
}

static size_t next_size(size_t size)
{
    if (size < LARGE)
        return size ? 2 * size : FIRST_SIZE;
    return size + size / (4 * NEIGHBOURS) * NEIGHBOURS;
}

static bool is_full(const struct map *m)
{
    return m->size < LARGE ? 2 * m->count >= m->size : 4 * m->count >= 3 * m->size;
}

static void grow(struct map *m)
{
    struct map bigger = {.size = next_size(m->size), .count = m->count};

    bigger.slots = calloc(bigger.size, sizeof *bigger.slots);
    CHECK(bigger.slots);
    for (size_t i = 0; i < m->size; i++) {
        if (m->slots[i].value)
            *probe(&bigger, m->slots[i].key) = m->slots[i];
    }
    free(m->slots);
    *m = bigger;
}

void *map_find(const struct map *m, uint64_t key)
{
    return m->count ? probe(m, key)->value : NULL;
}

void *map_put(struct map *m, uint64_t key, void *value)
{
    struct map_slot *slot;
    void *before;

    CHECK(value);
    if (is_full(m))
        grow(m);
    slot = probe(m, key);
    before = slot->value;
    if (!before)
        m->count++;
    *slot = (struct map_slot){key, value};
    return before;
}

void *map_remove(struct map *m, uint64_t key)
{
    struct map_slot *slot;
    size_t hole;
    void *value;

    if (m->count == 0)
        return NULL;
    slot = probe(m, key);
    value = slot->value;
    if (!value)
        return NULL;
    hole = (size_t)(slot - m->slots);
    for (size_t at = next(m, hole); m->slots[at].value; at = next(m, at)) {
        /* An entry may move back into the hole unless its home lies behind the hole. */
        if (distance(m, home(m, m->slots[at].key), at) >= distance(m, hole, at)) {
            m->slots[hole] = m->slots[at];
            hole = at;
        }
    }
    m->slots[hole] = (struct map_slot){0};
    m->count--;
    return value;
}

void *map_next(const struct map *m, size_t *at)
{
    while (*at < m->size) {
        void *value = m->slots[(*at)++].value;

        if (value)
            return value;
    }
    return NULL;
}

void map_release(struct map *m)
{
    free(m->slots);
    *m = (struct map){0};
}
