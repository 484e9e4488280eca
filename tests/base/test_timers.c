#include "base/timers.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* The heap against a model that looks through all timers for the earliest. */

enum { TIMERS = 200, STEPS = 100000, SEED = 20261122 };

struct model {
    struct timer timer;
    bool set;
    uint64_t due_ms;
    uint64_t order;
};

static struct model models[TIMERS];

static struct model *earliest(void)
{
    struct model *first = NULL;

    for (size_t i = 0; i < TIMERS; i++) {
        struct model *m = &models[i];

        if (m->set && (!first || m->due_ms < first->due_ms || (m->due_ms == first->due_ms && m->order < first->order)))
            first = m;
    }
    return first;
}

static void expire(struct timers *t, uint64_t now_ms, int step)
{
    struct model *first = earliest();
    bool due = first && first->due_ms <= now_ms;
    struct timer *timer;

    cr_assert_eq(timers_wait_ms(t, now_ms),
                 !first ? -1
                 : due  ? 0
                        : (int64_t)(first->due_ms - now_ms),
                 "seed %d step %d", SEED, step);
    timer = timers_expire(t, now_ms);
    cr_assert_eq(timer, due ? &first->timer : NULL, "seed %d step %d", SEED, step);
    if (due)
        first->set = false;
}

static void check(const struct timers *t, int step)
{
    size_t set = 0;

    cr_assert(timers_are_sound(t), "seed %d step %d", SEED, step);
    for (size_t i = 0; i < TIMERS; i++) {
        set += models[i].set;
        cr_assert_eq(models[i].timer.place != 0, models[i].set, "seed %d step %d timer %zu", SEED, step, i);
    }
    cr_assert_eq(t->count, set, "seed %d step %d", SEED, step);
}

Test(timers, fire_in_the_order_of_due_times_then_of_setting)
{
    unsigned short dice[3] = {SEED & 0xFFFF, SEED >> 16, 0};
    struct timers t = {0};
    uint64_t now_ms = 1000;
    uint64_t order = 0;

    for (int step = 0; step < STEPS; step++) {
        struct model *m = &models[(size_t)nrand48(dice) % TIMERS];

        switch (nrand48(dice) % 4) {
        case 0:
        case 1: /* few different due times, so that many are equal */
            m->due_ms = now_ms + (uint64_t)nrand48(dice) % 40;
            m->order = order++;
            m->set = true;
            timers_set(&t, &m->timer, m->due_ms);
            break;
        case 2:
            timers_cancel(&t, &m->timer);
            m->set = false;
            break;
        default:
            expire(&t, now_ms, step);
            now_ms += (uint64_t)nrand48(dice) % 3;
        }
        check(&t, step);
    }
    while (t.count > 0)
        expire(&t, UINT64_MAX, STEPS);
    check(&t, STEPS);
    timers_release(&t);
}

Test(timers, equal_due_times_fire_in_the_order_of_setting)
{
    static struct timer timers[100];
    struct timers t = {0};

    for (int i = 0; i < 100; i++)
        timers_set(&t, &timers[i], 500);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(timers_expire(&t, 500), &timers[i]);
    timers_release(&t);
}

Test(timers, setting_anew_goes_to_the_back_of_its_due_time)
{
    struct timer first = {0};
    struct timer second = {0};
    struct timers t = {0};

    timers_set(&t, &first, 500);
    timers_set(&t, &second, 500);
    timers_set(&t, &first, 500);
    cr_assert_eq(t.count, 2);
    cr_assert_eq(timers_expire(&t, 500), &second);
    cr_assert_eq(timers_expire(&t, 500), &first);
    timers_release(&t);
}

Test(timers, are_due_at_their_time_and_not_before)
{
    struct timer timer = {0};
    struct timers t = {0};

    cr_assert_eq(timers_wait_ms(&t, 0), -1);
    timers_set(&t, &timer, 500);
    cr_assert_eq(timers_wait_ms(&t, 499), 1);
    cr_assert_null(timers_expire(&t, 499));
    cr_assert_eq(timers_wait_ms(&t, 500), 0);
    cr_assert_eq(timers_wait_ms(&t, 501), 0);
    cr_assert_eq(timers_expire(&t, 500), &timer);
    cr_assert_null(timers_expire(&t, 500), "it fires once");
    timers_release(&t);
}

Test(timers, a_cancelled_one_does_not_fire_and_may_be_cancelled_again)
{
    struct timer timer = {0};
    struct timers t = {0};

    timers_cancel(&t, &timer);
    timers_set(&t, &timer, 500);
    timers_cancel(&t, &timer);
    timers_cancel(&t, &timer);
    cr_assert_null(timers_expire(&t, UINT64_MAX));
    cr_assert_eq(timers_wait_ms(&t, 0), -1);
    timers_release(&t);
}

Test(timers, the_check_for_soundness_sees_a_broken_heap)
{
    struct timer early = {0};
    struct timer late = {0};
    struct timers t = {0};

    timers_set(&t, &early, 1);
    timers_set(&t, &late, 2);
    cr_assert(timers_are_sound(&t));
    t.heap[0].due_ms = 3;
    cr_assert_not(timers_are_sound(&t));
    t.heap[0].due_ms = 1;
    late.place = 1;
    cr_assert_not(timers_are_sound(&t));
    timers_release(&t);
}
