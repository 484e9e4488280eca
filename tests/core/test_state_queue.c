#include "core/state_queue.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct state_queue q;

static void release(void)
{
    state_queue_release(&q);
}

TestSuite(state_queue, .fini = release);

static void expect_first(uint32_t tracker, uint64_t since_ms)
{
    const struct state_due *due = state_queue_first(&q);

    cr_assert_not_null(due);
    cr_assert_eq(due->tracker, tracker, "%u instead of %u", due->tracker, tracker);
    cr_assert_eq(due->since_ms, since_ms);
    state_queue_drop(&q);
}

Test(state_queue, an_empty_one_has_no_first)
{
    cr_expect_null(state_queue_first(&q));
    state_queue_put(&q, 7, UINT64_MAX);
    expect_first(7, UINT64_MAX);
    cr_expect_null(state_queue_first(&q));
}

/* It grows and goes around its end meanwhile. */
Test(state_queue, gives_in_the_order_in_which_it_was_given)
{
    enum { SEED = 20261122 };
    unsigned short dice[3] = {SEED & 0xFFFF, SEED >> 16, 4};
    uint32_t in = 0;
    uint32_t out = 0;

    for (int step = 0; step < 200000; step++) {
        if (nrand48(dice) % 100 < (step / 40000 % 2 ? 35 : 65)) {
            in++;
            state_queue_put(&q, in, in * UINT64_C(3));
        } else if (out < in) {
            out++;
            expect_first(out, out * UINT64_C(3));
        }
        cr_assert_eq(q.count, in - out);
    }
    while (out++ < in)
        expect_first(out, out * UINT64_C(3));
}

Test(state_queue, keeps_no_memory_of_a_million_when_it_is_empty)
{
    for (uint32_t n = 1; n <= 1000000; n++)
        state_queue_put(&q, n, 1);
    cr_expect_geq(q.size, 1000000);
    for (uint32_t n = 1; n <= 1000000; n++)
        expect_first(n, 1);
    cr_expect_eq(q.size, 0);
    state_queue_put(&q, 1, 2);
    expect_first(1, 2);
    cr_expect_gt(q.size, 0, "what few take stays for the next ones");
}
