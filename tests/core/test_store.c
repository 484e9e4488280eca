#include "core/store.h"

#include <criterion/criterion.h>

#include "support/store_teller.h"

TestSuite(store, .init = teller_open, .fini = teller_close, .timeout = 30);

/* --- lanes --- */

Test(store, first_request_has_its_turn_at_once)
{
    SUBMIT(1, 7);
    EXPECT_TOLD("new 1; turn 1");
    cr_expect_eq(teller.store.pending, 1);
    cr_expect_eq(teller.store.queued, 0);
    teller_ack(1);
    EXPECT_TOLD("done 1");
    cr_expect_eq(teller.store.pending, 0);
    cr_expect_eq(teller.store.pending_bytes, 0);
    cr_expect_null(trackers_find(&teller.trackers, 7), "an idle tracker of which nothing is known is forgotten");
}

Test(store, one_is_in_flight_and_the_others_wait_in_their_order)
{
    for (uint64_t id = 1; id <= 4; id++)
        SUBMIT(id, 7);
    EXPECT_TOLD("new 1; turn 1; new 2; new 3; new 4");
    cr_expect_eq(teller.store.queued, 3);
    teller_ack(1);
    teller_ack(2);
    EXPECT_TOLD("done 1; turn 2; done 2; turn 3");
    SUBMIT(5, 7);
    teller_ack(3);
    teller_ack(4);
    teller_ack(5);
    EXPECT_TOLD("new 5; done 3; turn 4; done 4; turn 5; done 5");
}

Test(store, trackers_do_not_wait_for_one_another)
{
    SUBMIT(1, 7);
    SUBMIT(2, 7);
    SUBMIT(3, 8);
    EXPECT_TOLD("new 1; turn 1; new 2; new 3; turn 3");
    teller_ack(3);
    EXPECT_TOLD("done 3");
}

Test(store, queued_request_may_end_wherever_it_waits)
{
    for (uint64_t id = 1; id <= 6; id++)
        SUBMIT(id, 7);
    teller_end(3, CODE_OFFLINE, OUTCOME_NOT_SENT, 0);
    teller_end(6, CODE_OFFLINE, OUTCOME_NOT_SENT, 0);
    teller_end(2, CODE_OFFLINE, OUTCOME_NOT_SENT, 0);
    buffer_clear(&teller.told);
    SUBMIT(7, 7);
    teller_ack(1);
    teller_ack(4);
    teller_ack(5);
    teller_ack(7);
    EXPECT_TOLD("new 7; done 1; turn 4; done 4; turn 5; done 5; turn 7; done 7");
    cr_expect_eq(teller.store.queued, 0);
}

Test(store, last_one_that_waits_may_end_and_another_come)
{
    SUBMIT(1, 7);
    SUBMIT(2, 7);
    teller_end(2, CODE_OFFLINE, OUTCOME_NOT_SENT, 0);
    SUBMIT(3, 7);
    teller_ack(1);
    EXPECT_TOLD("new 1; turn 1; new 2; done 2; new 3; done 1; turn 3");
}

Test(store, turn_that_ends_at_once_gives_the_next_one)
{
    SUBMIT(1, 7);
    for (uint64_t id = 2; id <= 5; id++)
        SUBMIT(id, 7);
    teller.ends_in_its_turn = true;
    buffer_clear(&teller.told);
    teller_ack(1);
    EXPECT_TOLD("done 1; turn 2; done 2; turn 3; done 3; turn 4; done 4; turn 5; done 5");
    SUBMIT(6, 7);
    EXPECT_TOLD("new 6; turn 6; done 6");
    cr_expect_null(trackers_find(&teller.trackers, 7));
}

/* --- holding back --- */

Test(store, nothing_starts_while_held)
{
    SUBMIT(9, 9);
    store_hold(&teller.store, true);
    SUBMIT(1, 7);
    SUBMIT(2, 7);
    SUBMIT(3, 8);
    teller_ack(9);
    EXPECT_TOLD("new 9; turn 9; new 1; new 2; new 3; done 9");
    teller_end(1, CODE_OFFLINE, OUTCOME_NOT_SENT, 0);
    EXPECT_TOLD("done 1");
    store_hold(&teller.store, false);
    cr_expect_eq(teller.store.queued, 0);
    cr_expect_eq(teller.store.pending, 2);
    teller_ack(2);
    teller_ack(3);
}

Test(store, held_requests_start_in_their_order)
{
    store_hold(&teller.store, true);
    for (uint64_t id = 1; id <= 3; id++)
        SUBMIT(id, 7);
    store_hold(&teller.store, true);
    EXPECT_TOLD("new 1; new 2; new 3");
    store_hold(&teller.store, false);
    EXPECT_TOLD("turn 1");
    store_hold(&teller.store, false);
    EXPECT_TOLD("");
    teller_ack(1);
    EXPECT_TOLD("done 1; turn 2");
}

Test(store, lanes_that_end_while_they_are_let_go_do_no_harm)
{
    store_hold(&teller.store, true);
    for (uint64_t id = 1; id <= 40; id++)
        SUBMIT(id, (int32_t)(id % 20) + 1);
    teller.ends_in_its_turn = true;
    store_hold(&teller.store, false);
    cr_expect_eq(teller.store.pending, 0);
    cr_expect_eq(teller.trackers.by_id.count, 0);
}

/* --- quarantine --- */

Test(store, quarantine_delays_the_next_turn)
{
    SUBMIT(1, 7);
    SUBMIT(2, 7);
    SUBMIT(3, 8);
    buffer_clear(&teller.told);
    teller_end(1, CODE_OFFLINE, OUTCOME_UNKNOWN, 500);
    EXPECT_TOLD("done 1");
    teller_pass(499);
    EXPECT_TOLD("");
    teller_pass(1);
    EXPECT_TOLD("turn 2");
}

Test(store, quarantine_keeps_an_empty_lane)
{
    SUBMIT(1, 7);
    teller_end(1, CODE_OFFLINE, OUTCOME_UNKNOWN, 500);
    cr_assert_not_null(trackers_find(&teller.trackers, 7));
    SUBMIT(2, 7);
    teller_end(2, CODE_OFFLINE, OUTCOME_NOT_SENT, 0);
    SUBMIT(3, 7);
    EXPECT_TOLD("new 1; turn 1; done 1; new 2; done 2; new 3");
    teller_pass(500);
    EXPECT_TOLD("turn 3");
    teller_ack(3);
    cr_expect_null(trackers_find(&teller.trackers, 7));
}

Test(store, quarantine_that_ends_while_held_starts_nothing)
{
    SUBMIT(1, 7);
    SUBMIT(2, 7);
    teller_end(1, CODE_OFFLINE, OUTCOME_UNKNOWN, 500);
    store_hold(&teller.store, true);
    buffer_clear(&teller.told);
    teller_pass(500);
    EXPECT_TOLD("");
    store_hold(&teller.store, false);
    EXPECT_TOLD("turn 2");
}

Test(store, lane_in_quarantine_is_not_let_go_with_the_others)
{
    SUBMIT(1, 7);
    SUBMIT(2, 7);
    teller_end(1, CODE_OFFLINE, OUTCOME_UNKNOWN, 500);
    store_hold(&teller.store, true);
    buffer_clear(&teller.told);
    store_hold(&teller.store, false);
    EXPECT_TOLD("");
    teller_pass(500);
    EXPECT_TOLD("turn 2");
}

/* --- room --- */

Test(store, queue_of_a_tracker_is_limited)
{
    teller.store.limits.tracker_queue_max = 2;
    for (uint64_t id = 1; id <= 4; id++)
        SUBMIT(id, 7);
    SUBMIT(5, 8);
    EXPECT_TOLD("new 1; turn 1; new 2; new 3; new 4 (8 not_sent); new 5; turn 5");
    teller_ack(1);
    SUBMIT(6, 7);
    EXPECT_TOLD("done 1; turn 2; new 6");
}

Test(store, queue_of_0_takes_what_can_start_at_once)
{
    teller.store.limits.tracker_queue_max = 0;
    SUBMIT(1, 7);
    SUBMIT(2, 7);
    teller_end(1, CODE_OFFLINE, OUTCOME_UNKNOWN, 500);
    SUBMIT(3, 7);
    EXPECT_TOLD("new 1; turn 1; new 2 (8 not_sent); done 1; new 3 (8 not_sent)");
}

Test(store, pending_requests_are_limited_in_flight_or_not)
{
    teller.store.limits.pending_max = 3;
    SUBMIT(1, 7);
    SUBMIT(2, 7);
    SUBMIT(3, 8);
    SUBMIT(4, 9);
    EXPECT_TOLD("new 1; turn 1; new 2; new 3; turn 3; new 4 (8 not_sent)");
    teller_ack(3);
    SUBMIT(5, 9);
    EXPECT_TOLD("done 3; new 5; turn 5");
}

Test(store, memory_of_pending_requests_is_limited)
{
    teller.store.limits.pending_bytes_max = 2 * (sizeof(struct pending) + strlen("reply"));
    SUBMIT(1, 7);
    SUBMIT(2, 7);
    SUBMIT(3, 7);
    EXPECT_TOLD("new 1; turn 1; new 2; new 3 (8 not_sent)");
    teller_ack(1);
    SUBMIT(4, 7);
    EXPECT_TOLD("done 1; turn 2; new 4");
}

/* --- after a restart --- */

Test(store, recovered_request_goes_on_where_it_was)
{
    store_hold(&teller.store, true);
    RECOVER(1, 7, .key = 1, .state = PENDING_SENT);
    RECOVER(2, 7, .key = 2, .state = PENDING_QUEUED);
    RECOVER(3, 8, .state = PENDING_QUEUED);
    cr_assert_eq(trackers_find(&teller.trackers, 7)->lane->in_flight->id, 1);
    cr_expect_eq(teller.store.pending, 3);
    cr_expect_eq(teller.store.queued, 2);
    SUBMIT(4, 7, .key = 1);
    SUBMIT(5, 7, .key = 2);
    EXPECT_TOLD("pending 4; pending 5");
    store_hold(&teller.store, false);
    EXPECT_TOLD("turn 3");
    store_complete(&teller.store, trackers_find(&teller.trackers, 7)->lane->in_flight, 0, teller.now_ms);
    EXPECT_TOLD("done 1; turn 2");
}

Test(store, recovered_quarantine_delays_turns)
{
    store_recover_quarantine(&teller.store, 7, 300);
    SUBMIT(1, 7);
    EXPECT_TOLD("new 1");
    teller_pass(300);
    EXPECT_TOLD("turn 1");
}

Test(store, release_frees_what_it_still_holds)
{
    for (uint64_t id = 1; id <= 20; id++)
        SUBMIT(id, (int32_t)(id % 3) + 1);
    teller_end(1, CODE_OFFLINE, OUTCOME_UNKNOWN, 500);
    cr_expect_eq(teller.store.pending, 19);
}
