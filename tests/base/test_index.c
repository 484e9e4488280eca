#include "base/index.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdlib.h>

/* The index against the simplest model there is: which things are in it. */

enum { THINGS = 600, STEPS = 300000, SEED = 20261128 };

struct things {
    uint64_t keys[THINGS + 1]; /* by number */
    bool in[THINGS + 1];
    size_t count;
};

static uint64_t key_of(const void *ctx, uint32_t number)
{
    return ((const struct things *)ctx)->keys[number];
}

/* Far apart, next to each other, and both ends of the range. */
static void give_keys(struct things *t)
{
    for (uint64_t n = 1; n <= THINGS; n++)
        t->keys[n] = n % 3 == 0 ? n : n % 3 == 1 ? UINT64_MAX - n : n << 40;
}

static void compare(const struct index *x, const struct things *t, int step)
{
    cr_assert_eq(x->count, t->count, "seed %d step %d", SEED, step);
    for (uint32_t n = 1; n <= THINGS; n++)
        cr_assert_eq(index_find(x, t->keys[n], key_of, t), t->in[n] ? n : 0, "seed %d step %d thing %u", SEED, step, n);
}

Test(index, does_what_a_list_would)
{
    unsigned short dice[3] = {SEED & 0xFFFF, SEED >> 16, 1};
    struct things t = {0};
    struct index x = {0};

    give_keys(&t);
    for (int step = 0; step < STEPS; step++) {
        /* The share of removals swings, so that the index fills and empties again and again. */
        bool removes = nrand48(dice) % 100 < (step / 20000 % 2 ? 70 : 30);
        uint32_t n = (uint32_t)(1 + nrand48(dice) % THINGS);

        if (removes && t.in[n])
            index_remove(&x, n, key_of, &t);
        else if (!removes && !t.in[n])
            index_put(&x, n, key_of, &t);
        t.count = t.count + (!removes && !t.in[n]) - (removes && t.in[n]);
        t.in[n] = !removes;
        if (step % 5000 == 0)
            compare(&x, &t, step);
    }
    compare(&x, &t, STEPS);
    index_release(&x);
}

Test(index, is_empty_at_first_and_after_release)
{
    struct things t = {0};
    struct index x = {0};

    give_keys(&t);
    cr_assert_eq(index_find(&x, t.keys[1], key_of, &t), 0);
    index_put(&x, 1, key_of, &t);
    index_release(&x);
    cr_assert_eq(x.count, 0);
    cr_assert_eq(index_find(&x, t.keys[1], key_of, &t), 0);
}

Test(index, room_that_was_made_is_not_made_again)
{
    struct things t = {0};
    struct index x = {0};
    const uint32_t *slots;

    give_keys(&t);
    index_reserve(&x, THINGS, key_of, &t);
    slots = x.slots;
    for (uint32_t n = 1; n <= THINGS; n++)
        index_put(&x, n, key_of, &t);
    cr_assert_eq(x.slots, slots);
    index_release(&x);
}
