#include "base/map.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/mix.h"

/* Linear probing at a load of at most 3/4; removal shifts what follows back, so there are no tombstones. */

static size_t home(const struct map *m, uint64_t key)
{
    return (size_t)mix(key) & (m->size - 1);
}

/* The slot of the key, or the free one where it would go. */
static struct map_slot *probe(const struct map *m, uint64_t key)
{
    size_t at = home(m, key);

    while (m->slots[at].value && m->slots[at].key != key)
        at = (at + 1) & (m->size - 1);
    return &m->slots[at];
}

static void grow(struct map *m)
{
    struct map bigger = {.size = m->size ? m->size * 2 : 16, .count = m->count};

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
    if (4 * (m->count + 1) > 3 * m->size)
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
    size_t mask = m->size - 1;
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
    for (size_t at = (hole + 1) & mask; m->slots[at].value; at = (at + 1) & mask) {
        /* An entry may move back into the hole unless its home lies behind the hole. */
        if (((at - home(m, m->slots[at].key)) & mask) >= ((at - hole) & mask)) {
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
