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
