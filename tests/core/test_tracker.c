#include "core/tracker.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct trackers all;

static void forget(void)
{
    trackers_release(&all);
}

TestSuite(tracker, .fini = forget);

Test(tracker, is_made_once)
{
    struct tracker *t = trackers_get(&all, 265489);

    cr_expect_eq(t->id, 265489);
    cr_expect_not(t->online);
    cr_expect_null(t->lane);
    cr_expect_eq(trackers_get(&all, 265489), t);
    cr_expect_eq(trackers_find(&all, 265489), t);
    cr_expect_null(trackers_find(&all, 265490));
    cr_expect_eq(all.by_id.count, 1);
}

Test(tracker, presence_is_counted_by_its_changes)
{
    struct tracker *a = trackers_get(&all, 1);
    struct tracker *b = trackers_get(&all, 2);

    trackers_set_online(&all, a, false);
    cr_expect_eq(all.online, 0);
    trackers_set_online(&all, a, true);
    trackers_set_online(&all, a, true);
    cr_expect_eq(all.online, 1);
    trackers_set_online(&all, b, true);
    cr_expect_eq(all.online, 2);
    trackers_set_online(&all, a, false);
    trackers_set_online(&all, a, false);
    cr_expect_eq(all.online, 1);
    cr_expect_not(a->online);
    cr_expect(b->online);
}

Test(tracker, is_forgotten_only_where_nothing_is_known_of_it)
{
    struct lane *lane = calloc(1, sizeof *lane);
    struct tracker *t = trackers_get(&all, 1);

    trackers_set_online(&all, t, true);
    trackers_forget_if_idle(&all, t);
    cr_assert_eq(trackers_find(&all, 1), t, "it is online");
    trackers_set_online(&all, t, false);
    t->lane = lane;
    trackers_forget_if_idle(&all, t);
    cr_assert_eq(trackers_find(&all, 1), t, "it has commands");
    t->lane = NULL;
    t->states.known = 2;
    trackers_forget_if_idle(&all, t);
    cr_assert_eq(trackers_find(&all, 1), t, "its states are known");
    t->states.known = 0;
    t->state_dirty = true;
    trackers_forget_if_idle(&all, t);
    cr_assert_eq(trackers_find(&all, 1), t, "its state is to be published");
    t->state_dirty = false;
    trackers_forget_if_idle(&all, t);
    cr_expect_null(trackers_find(&all, 1));
    free(lane);
}

Test(tracker, release_frees_trackers_with_their_lanes)
{
    for (int32_t id = 1; id <= 100; id++) {
        struct tracker *t = trackers_get(&all, id);

        t->lane = calloc(1, sizeof *t->lane);
    }
    trackers_release(&all);
    cr_expect_eq(all.by_id.count, 0);
    cr_expect_null(trackers_find(&all, 1));
}

Test(tracker, one_that_comes_takes_the_place_of_one_that_is_forgotten)
{
    struct tracker *gone;
    struct tracker *t;

    for (int32_t id = 1; id <= 3000; id++)
        trackers_get(&all, id)->states.known = 1;
    gone = trackers_find(&all, 2000);
    gone->states.known = 0;
    gone->last_command_id = 17;
    gone->last_was_acked = true;
    trackers_forget_if_idle(&all, gone);
    t = trackers_get(&all, 5000);
    cr_expect_eq(t, gone);
    cr_expect_eq(t->id, 5000);
    cr_expect_eq(t->last_command_id, 0, "nothing is left of the one before");
    cr_expect_not(t->last_was_acked);
    cr_expect_eq(trackers_at(&all, t->number), t);
    cr_expect_null(trackers_find(&all, 2000));
    cr_expect_eq(all.made, 3000);
}

/* However they come and go, no more places are made than there were trackers at a time, and each stays where it is. */
Test(tracker, come_and_go_like_in_an_array)
{
    enum { IDS = 3000, STEPS = 200000, SEED = 20261122 };
    static struct tracker *known[IDS + 1];
    unsigned short dice[3] = {SEED & 0xFFFF, SEED >> 16, 3};
    size_t count = 0;
    size_t most = 0;

    for (int step = 0; step < STEPS; step++) {
        int32_t id = 1 + (int32_t)(nrand48(dice) % IDS);
        bool goes = nrand48(dice) % 100 < (step / 20000 % 2 ? 70 : 30);

        cr_assert_eq(trackers_find(&all, id), known[id], "seed %d step %d", SEED, step);
        if (known[id] && goes) {
            trackers_forget_if_idle(&all, known[id]);
            known[id] = NULL;
            count--;
        } else if (!known[id] && !goes) {
            known[id] = trackers_get(&all, id);
            cr_assert_eq(known[id]->id, id, "seed %d step %d", SEED, step);
            most = ++count > most ? count : most;
        }
    }
    cr_expect_eq(all.by_id.count, count);
    cr_expect_eq(all.made, most);
}

Test(tracker, a_walk_meets_each_that_is_not_forgotten_once)
{
    static unsigned met[2501];
    struct tracker *t;
    size_t at = 0;

    cr_expect_null(trackers_next(&all, &at), "there is none yet");
    for (int32_t id = 1; id <= 2500; id++)
        trackers_get(&all, id);
    for (int32_t id = 3; id <= 2500; id += 3)
        trackers_forget_if_idle(&all, trackers_find(&all, id));
    while ((t = trackers_next(&all, &at)))
        met[t->id]++;
    for (int32_t id = 1; id <= 2500; id++)
        cr_assert_eq(met[id], id % 3 != 0, "tracker %d", id);
}
