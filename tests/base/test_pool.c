#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/pool.h"
#include "support/sanitizer.h"

enum { THINGS = 5000 };

static struct pool pool;

static void release(void)
{
    pool_release(&pool);
}

TestSuite(pool, .fini = release);

Test(pool, gives_room_for_things_of_any_size_that_do_not_overlap)
{
    static uint8_t *things[THINGS];

    for (size_t i = 0; i < THINGS; i++) {
        things[i] = pool_take(&pool, i);
        memset(things[i], (int)(i % 251), i);
    }
    for (size_t i = 0; i < THINGS; i++) {
        for (size_t n = 0; n < i; n++)
            cr_assert_eq(things[i][n], i % 251, "byte %zu of thing %zu", n, i);
        pool_give(&pool, things[i], i);
    }
}

Test(pool, is_aligned_for_whatever_is_put_there)
{
    for (size_t size = 0; size < 3000; size += 7) {
        void *thing = pool_take(&pool, size);

        cr_assert_eq((uintptr_t)thing % _Alignof(max_align_t), 0, "size %zu", size);
        pool_give(&pool, thing, size);
    }
}

Test(pool, what_was_given_back_is_the_next_of_its_size)
{
    void *first = pool_take(&pool, 100);
    void *second = pool_take(&pool, 100);
    void *other;

    pool_give(&pool, first, 100);
    pool_give(&pool, second, 97); /* of the same step */
    if (SANITIZED) {
        puts("skipped: a sanitizer does not give memory out again at once");
        return;
    }
    other = pool_take(&pool, 200);
    cr_expect_neq(other, first);
    cr_expect_neq(other, second);
    cr_expect_eq(pool_take(&pool, 100), second);
    cr_expect_eq(pool_take(&pool, 128), first);
}

Test(pool, nothing_may_be_given_back)
{
    pool_give(&pool, NULL, 10);
    pool_give(&pool, NULL, 10000);
    cr_expect_null(pool.chunks);
}

Test(pool, is_empty_once_released)
{
    pool_give(&pool, pool_take(&pool, POOL_LARGEST), POOL_LARGEST);
    pool_release(&pool);
    cr_expect_null(pool.chunks);
    cr_expect_eq(pool.left, 0);
}
