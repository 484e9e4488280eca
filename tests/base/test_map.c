#include "base/map.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdlib.h>

/* The map against the simplest model there is: an array by key. */

enum { KEYS = 600, STEPS = 300000, SEED = 20261122 };

static char things[KEYS]; /* their addresses are the values */

struct model {
    void *values[KEYS];
    size_t count;
};

/* Far apart, next to each other, and both ends of the range. */
static uint64_t key_of(size_t n)
{
    return n % 3 == 0 ? n : n % 3 == 1 ? UINT64_MAX - n : (uint64_t)n << 40;
}

static void put(struct map *m, struct model *model, size_t n, void *value, int step)
{
    cr_assert_eq(map_put(m, key_of(n), value), model->values[n], "seed %d step %d", SEED, step);
    model->count += !model->values[n];
    model->values[n] = value;
}

static void take(struct map *m, struct model *model, size_t n, int step)
{
    cr_assert_eq(map_remove(m, key_of(n)), model->values[n], "seed %d step %d", SEED, step);
    model->count -= model->values[n] != NULL;
    model->values[n] = NULL;
}

static void compare(const struct map *m, const struct model *model, int step)
{
    size_t walked = 0;
    size_t at = 0;

    cr_assert_eq(m->count, model->count, "seed %d step %d", SEED, step);
    for (size_t n = 0; n < KEYS; n++)
        cr_assert_eq(map_find(m, key_of(n)), model->values[n], "seed %d step %d key %zu", SEED, step, n);
    while (map_next(m, &at))
        walked++;
    cr_assert_eq(walked, model->count, "seed %d step %d", SEED, step);
}

Test(map, does_what_an_array_would)
{
    unsigned short dice[3] = {SEED & 0xFFFF, SEED >> 16, 1};
    struct model model = {0};
    struct map m = {0};

    for (int step = 0; step < STEPS; step++) {
        /* The share of removals swings, so that the map fills and empties again and again. */
        bool removes = nrand48(dice) % 100 < (step / 20000 % 2 ? 70 : 30);
        size_t n = (size_t)nrand48(dice) % KEYS;

        if (removes)
            take(&m, &model, n, step);
        else
            put(&m, &model, n, &things[(size_t)nrand48(dice) % KEYS], step);
        if (step % 97 == 0)
            compare(&m, &model, step);
    }
    compare(&m, &model, STEPS);
    map_release(&m);
}

/* Eight entries are as many as sixteen slots may hold, so they stand in clusters, often around the end of the table.
 * Whatever is removed, the others must stay within reach. */
Test(map, a_removal_from_a_cluster_hides_nothing)
{
    unsigned short dice[3] = {SEED & 0xFFFF, SEED >> 16, 2};

    for (int round = 0; round < 5000; round++) {
        struct map m = {0};
        uint64_t keys[8];
        size_t count = 8;

        for (size_t i = 0; i < 8; i++) {
            keys[i] = (uint64_t)nrand48(dice) << 32 | (uint64_t)i;
            map_put(&m, keys[i], &things[i]);
        }
        cr_assert_eq(m.size, 16);
        while (count > 0) {
            size_t gone = (size_t)nrand48(dice) % count;

            cr_assert_not_null(map_remove(&m, keys[gone]));
            keys[gone] = keys[--count];
            for (size_t i = 0; i < count; i++)
                cr_assert_not_null(map_find(&m, keys[i]), "seed %d round %d: lost with %zu left", SEED, round, count);
        }
        map_release(&m);
    }
}

Test(map, an_empty_one_has_nothing)
{
    struct map m = {0};
    size_t at = 0;

    cr_assert_null(map_find(&m, 0));
    cr_assert_null(map_remove(&m, 0));
    cr_assert_null(map_next(&m, &at));
    map_release(&m);
}

Test(map, a_walk_meets_every_entry_once)
{
    struct map m = {0};
    unsigned met[KEYS] = {0};
    size_t at = 0;
    char *thing;

    for (size_t n = 0; n < KEYS; n++)
        map_put(&m, n, &things[n]);
    while ((thing = map_next(&m, &at)))
        met[thing - things]++;
    for (size_t n = 0; n < KEYS; n++)
        cr_assert_eq(met[n], 1, "entry %zu", n);
    map_release(&m);
}

Test(map, is_empty_and_usable_after_a_release)
{
    struct map m = {0};

    map_put(&m, 5, &things[5]);
    map_release(&m);
    cr_assert_eq(m.count, 0);
    cr_assert_null(map_find(&m, 5));
    map_put(&m, 6, &things[6]);
    cr_assert_eq(map_find(&m, 6), &things[6]);
    map_release(&m);
}

Test(map, a_put_with_the_same_key_replaces)
{
    struct map m = {0};

    cr_assert_null(map_put(&m, 17, &things[1]));
    cr_assert_eq(map_put(&m, 17, &things[2]), &things[1]);
    cr_assert_eq(m.count, 1);
    cr_assert_eq(map_find(&m, 17), &things[2]);
    map_release(&m);
}

/* What a million trackers have in it is paid for in slots, free ones too. */
Test(map, a_large_one_has_few_free_slots)
{
    struct map m = {0};

    for (uint64_t n = 1; n <= 300000; n++) {
        map_put(&m, n << 20, &things[n % KEYS]);
        cr_assert_leq(3 * m.size, m.count < 40000 ? 12 * m.count + 48 : 5 * m.count + 5, "%zu slots for %zu", m.size,
                      m.count);
    }
    for (uint64_t n = 1; n <= 300000; n += 2)
        cr_assert_eq(map_remove(&m, n << 20), &things[n % KEYS]);
    for (uint64_t n = 1; n <= 300000; n++)
        cr_assert_eq(map_find(&m, n << 20), n % 2 ? NULL : &things[n % KEYS], "key %ju", (uintmax_t)n);
    map_release(&m);
}
