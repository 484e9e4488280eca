#include "base/index.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/duplicate.h"
#include "base/mix.h"

/* Linear probing at a load of at most 5/8, for every probe beyond the first costs a look at another thing. Removal
 * shifts what follows back, so there are no tombstones. */
enum { LOAD_OF = 5, LOAD_IN = 8, FIRST_SIZE = 16 };

static size_t home(const struct index *x, uint64_t key)
{
    return (size_t)mix(key) & (x->size - 1);
}

static void put_in_free_slot(struct index *x, uint32_t number, uint64_t key)
{
    size_t at = home(x, key);

    while (x->slots[at])
        at = (at + 1) & (x->size - 1);
    x->slots[at] = number;
}

static void resize(struct index *x, size_t size, index_key_fn *key_of, const void *ctx)
{
    struct index bigger = {.size = size, .count = x->count};

    bigger.slots = calloc(size, sizeof *bigger.slots);
    CHECK(bigger.slots);
    for (size_t i = 0; i < x->size; i++) {
        if (x->slots[i])
            put_in_free_slot(&bigger, x->slots[i], key_of(ctx, x->slots[i]));
    }
    free(x->slots);
    *x = bigger;
}

void index_reserve(struct index *x, size_t count, index_key_fn *key_of, const void *ctx)
{
    size_t size = x->size ? x->size : FIRST_SIZE;

    while (count > size / LOAD_IN * LOAD_OF)
        size *= 2;
    if (size != x->size)
        resize(x, size, key_of, ctx);
}

uint32_t index_find(const struct index *x, uint64_t key, index_key_fn *key_of, const void *ctx)
{
    if (x->count == 0)
        return 0;
    for (size_t at = home(x, key); x->slots[at]; at = (at + 1) & (x->size - 1)) {
        if (key_of(ctx, x->slots[at]) == key)
            return x->slots[at];
    }
    return 0;
}

void index_put(struct index *x, uint32_t number, index_key_fn *key_of, const void *ctx)
{
    CHECK(number);
    index_reserve(x, x->count + 1, key_of, ctx);
    put_in_free_slot(x, number, key_of(ctx, number));
    x->count++;
}

static size_t slot_of(const struct index *x, uint32_t number, uint64_t key)
{
    size_t at = home(x, key);

    while (x->slots[at] != number) {
        CHECK(x->slots[at]);
        at = (at + 1) & (x->size - 1);
    }
    return at;
}

void index_remove(struct index *x, uint32_t number, index_key_fn *key_of, const void *ctx)
{
    size_t mask = x->size - 1;
    size_t hole;

    CHECK(x->count);
    hole = slot_of(x, number, key_of(ctx, number));
    for (size_t at = (hole + 1) & mask; x->slots[at]; at = (at + 1) & mask) {
        /* An entry may move back into the hole unless its home lies behind the hole. */
        if (((at - home(x, key_of(ctx, x->slots[at]))) & mask) >= ((at - hole) & mask)) {
            x->slots[hole] = x->slots[at];
            hole = at;
        }
    }
    x->slots[hole] = 0;
    x->count--;
}

void index_copy(struct index *x, const struct index *from)
{
    size_t size = from->size * sizeof *from->slots;
    uint32_t *slots = duplicate(x->slots, from->slots, size, size);

    *x = *from;
    x->slots = slots;
}

void index_release(struct index *x)
{
    free(x->slots);
    *x = (struct index){0};
}
