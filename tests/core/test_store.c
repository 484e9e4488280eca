#include "core/store.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* The store's answers, in order, as text: "new 1; turn 1; done 1". Numbers are the ids of requests. */
static struct store store;
static struct trackers trackers;
static struct timers timers;
static struct pending *held[100]; /* by id, while in a lane */
static struct buffer told;
static bool ends_in_its_turn;
static uint64_t now_ms;

enum { WINDOW_MS = 1000 };

static void tell(const char *what, uint64_t id)
{
    buffer_printf(&told, "%s%s %llu", told.len ? "; " : "", what, (unsigned long long)id);
}

static void on_submitted(void *ctx, struct pending *p, enum submit_verdict verdict, enum code code,
                         enum outcome outcome)
{
    static const char *const names[] = {"new", "pending", "answered"};
    bool accepted = verdict == SUBMIT_NEW && code == CODE_SUCCESS;

    cr_assert_eq(ctx, &store);
    tell(names[verdict], p->id);
    if (verdict != SUBMIT_PENDING && code != CODE_SUCCESS)
        buffer_printf(&told, " (%d %s)", code, outcome_name(outcome));
    if (accepted)
        held[p->id] = p;
    else
        pending_free(p);
}

static void end(uint64_t id, enum code code, enum outcome outcome, uint32_t quarantine_ms)
{
    held[id]->code = code;
    held[id]->outcome = outcome;
    store_complete(&store, held[id], quarantine_ms, now_ms);
}

static void on_turn(void *ctx, struct pending *p)
{
    cr_assert_eq(ctx, &store);
    cr_assert_eq(p->tracker->lane->in_flight, p);
    tell("turn", p->id);
    if (ends_in_its_turn)
        end(p->id, CODE_OFFLINE, OUTCOME_NOT_SENT, 0);
}

static void on_completed(void *ctx, struct pending *p)
{
    cr_assert_eq(ctx, &store);
    tell("done", p->id);
    held[p->id] = NULL;
    pending_free(p);
}

static void on_expired(void *ctx, uint64_t id)
{
    cr_assert_eq(ctx, &store);
    tell("forgot", id);
}

static void set_up(void)
{
    const struct store_client client = {&store, on_submitted, on_turn, on_completed, on_expired};

    store_init(&store, &client, &trackers, &timers);
    store.limits = (struct store_limits){.pending_max = 50,
                                         .tracker_queue_max = 10,
                                         .pending_bytes_max = 1000000,
                                         .dedup_max = 90,
                                         .refused_max = 5,
                                         .dedup_window_ms = WINDOW_MS};
}

static void tear_down(void)
{
    store_release(&store);
    trackers_release(&trackers);
    timers_release(&timers);
    buffer_release(&told);
}

TestSuite(store, .init = set_up, .fini = tear_down, .timeout = 30);

/* What it told since the last look. */
static void expect_told(const char *expected, int line)
{
    cr_expect(bytes_equal_text(buffer_bytes(&told), expected), "line %d: it told '%.*s', not '%s'", line, (int)told.len,
              (const char *)told.data, expected);
    buffer_clear(&told);
}

#define EXPECT_TOLD(expected) expect_told(expected, __LINE__)

struct ask {
    uint64_t id;
    int32_t tracker_id;
    unsigned key; /* 0: one of its own */
    bool uncorrelated;
    bool dup;
    enum code refused;
    enum pending_state state;
};

static struct pending *asked(const struct ask *ask)
{
    struct pending *p = pending_new(bytes_of_text("reply"), (struct bytes){0});

    p->id = ask->id;
    p->tracker_id = ask->tracker_id;
    p->key.bytes[0] = (uint8_t)(ask->key ? ask->key : ask->id);
    p->correlated = !ask->uncorrelated;
    p->dup = ask->dup;
    p->code = ask->refused;
    p->outcome = OUTCOME_NOT_SENT;
    p->state = ask->state;
    return p;
}

#define SUBMIT(id_, tracker_, ...) \
    store_submit(&store, asked(&(struct ask){.id = (id_), .tracker_id = (tracker_), __VA_ARGS__}), now_ms)
#define RECOVER(id_, tracker_, ...) \
    store_recover(&store, asked(&(struct ask){.id = (id_), .tracker_id = (tracker_), __VA_ARGS__}))

static void ack(uint64_t id)
{
    end(id, CODE_SUCCESS, OUTCOME_SUCCESS, 0);
}

/* --- lanes --- */

Test(store, first_request_has_its_turn_at_once)
{
    SUBMIT(1, 7);
    EXPECT_TOLD("new 1; turn 1");
    cr_expect_eq(store.pending, 1);
    cr_expect_eq(store.queued, 0);
    ack(1);
    EXPECT_TOLD("done 1");
    cr_expect_eq(store.pending, 0);
    cr_expect_eq(store.pending_bytes, 0);
    cr_expect_null(trackers_find(&trackers, 7), "an idle tracker of which nothing is known is forgotten");
}

Test(store, one_is_in_flight_and_the_others_wait_in_their_order)
{
    for (uint64_t id = 1; id <= 4; id++)
        SUBMIT(id, 7);
    EXPECT_TOLD("new 1; turn 1; new 2; new 3; new 4");
    cr_expect_eq(store.queued, 3);
    ack(1);
    ack(2);
    EXPECT_TOLD("done 1; turn 2; done 2; turn 3");
    SUBMIT(5, 7);
    ack(3);
    ack(4);
    ack(5);
    EXPECT_TOLD("new 5; done 3; turn 4; done 4; turn 5; done 5");
}

Test(store, trackers_do_not_wait_for_one_another)
{
    SUBMIT(1, 7);
    SUBMIT(2, 7);
    SUBMIT(3, 8);
    EXPECT_TOLD("new 1; turn 1; new 2; new 3; turn 3");
    ack(3);
    EXPECT_TOLD("done 3");
}

Test(store, queued_request_may_end_wherever_it_waits)
{
    for (uint64_t id = 1; id <= 6; id++)
        SUBMIT(id, 7);
    end(3, CODE_OFFLINE, OUTCOME_NOT_SENT, 0);
    end(6, CODE_OFFLINE, OUTCOME_NOT_SENT, 0);
    end(2, CODE_OFFLINE, OUTCOME_NOT_SENT, 0);
    buffer_clear(&told);
    SUBMIT(7, 7);
    ack(1);
    ack(4);
    ack(5);
    ack(7);
    EXPECT_TOLD("new 7; done 1; turn 4; done 4; turn 5; done 5; turn 7; done 7");
    cr_expect_eq(store.queued, 0);
}

Test(store, last_one_that_waits_may_end_and_another_come)
{
    SUBMIT(1, 7);
    SUBMIT(2, 7);
    end(2, CODE_OFFLINE, OUTCOME_NOT_SENT, 0);
    SUBMIT(3, 7);
    ack(1);
    EXPECT_TOLD("new 1; turn 1; new 2; done 2; new 3; done 1; turn 3");
}

Test(store, turn_that_ends_at_once_gives_the_next_one)
{
    SUBMIT(1, 7);
    for (uint64_t id = 2; id <= 5; id++)
        SUBMIT(id, 7);
    ends_in_its_turn = true;
    buffer_clear(&told);
    ack(1);
    EXPECT_TOLD("done 1; turn 2; done 2; turn 3; done 3; turn 4; done 4; turn 5; done 5");
    SUBMIT(6, 7);
    EXPECT_TOLD("new 6; turn 6; done 6");
    cr_expect_null(trackers_find(&trackers, 7));
}

/* --- holding back --- */

Test(store, nothing_starts_while_held)
{
    SUBMIT(9, 9);
    store_hold(&store, true);
    SUBMIT(1, 7);
    SUBMIT(2, 7);
    SUBMIT(3, 8);
    ack(9);
    EXPECT_TOLD("new 9; turn 9; new 1; new 2; new 3; done 9");
    end(1, CODE_OFFLINE, OUTCOME_NOT_SENT, 0);
    EXPECT_TOLD("done 1");
    store_hold(&store, false);
    cr_expect_eq(store.queued, 0);
    cr_expect_eq(store.pending, 2);
    ack(2);
    ack(3);
}

Test(store, held_requests_start_in_their_order)
{
    store_hold(&store, true);
    for (uint64_t id = 1; id <= 3; id++)
        SUBMIT(id, 7);
    store_hold(&store, true);
    EXPECT_TOLD("new 1; new 2; new 3");
    store_hold(&store, false);
    EXPECT_TOLD("turn 1");
    store_hold(&store, false);
    EXPECT_TOLD("");
    ack(1);
    EXPECT_TOLD("done 1; turn 2");
}

Test(store, lanes_that_end_while_they_are_let_go_do_no_harm)
{
    store_hold(&store, true);
    for (uint64_t id = 1; id <= 40; id++)
        SUBMIT(id, (int32_t)(id % 20) + 1);
    ends_in_its_turn = true;
    store_hold(&store, false);
    cr_expect_eq(store.pending, 0);
    cr_expect_eq(trackers.by_id.count, 0);
}

/* --- quarantine --- */

static void pass(uint64_t ms)
{
    struct timer *timer;

    now_ms += ms;
    while ((timer = timers_expire(&timers, now_ms))) {
        cr_assert_eq(timer->kind, STORE_TIMER_QUARANTINE);
        store_quarantine_over(&store, (struct lane *)timer);
    }
}

Test(store, quarantine_delays_the_next_turn)
{
    SUBMIT(1, 7);
    SUBMIT(2, 7);
    SUBMIT(3, 8);
    buffer_clear(&told);
    end(1, CODE_OFFLINE, OUTCOME_UNKNOWN, 500);
    EXPECT_TOLD("done 1");
    pass(499);
    EXPECT_TOLD("");
    pass(1);
    EXPECT_TOLD("turn 2");
}

Test(store, quarantine_keeps_an_empty_lane)
{
    SUBMIT(1, 7);
    end(1, CODE_OFFLINE, OUTCOME_UNKNOWN, 500);
    cr_assert_not_null(trackers_find(&trackers, 7));
    SUBMIT(2, 7);
    end(2, CODE_OFFLINE, OUTCOME_NOT_SENT, 0);
    SUBMIT(3, 7);
    EXPECT_TOLD("new 1; turn 1; done 1; new 2; done 2; new 3");
    pass(500);
    EXPECT_TOLD("turn 3");
    ack(3);
    cr_expect_null(trackers_find(&trackers, 7));
}

Test(store, quarantine_that_ends_while_held_starts_nothing)
{
    SUBMIT(1, 7);
    SUBMIT(2, 7);
    end(1, CODE_OFFLINE, OUTCOME_UNKNOWN, 500);
    store_hold(&store, true);
    buffer_clear(&told);
    pass(500);
    EXPECT_TOLD("");
    store_hold(&store, false);
    EXPECT_TOLD("turn 2");
}

Test(store, lane_in_quarantine_is_not_let_go_with_the_others)
{
    SUBMIT(1, 7);
    SUBMIT(2, 7);
    end(1, CODE_OFFLINE, OUTCOME_UNKNOWN, 500);
    store_hold(&store, true);
    buffer_clear(&told);
    store_hold(&store, false);
    EXPECT_TOLD("");
    pass(500);
    EXPECT_TOLD("turn 2");
}

/* --- room --- */

Test(store, queue_of_a_tracker_is_limited)
{
    store.limits.tracker_queue_max = 2;
    for (uint64_t id = 1; id <= 4; id++)
        SUBMIT(id, 7);
    SUBMIT(5, 8);
    EXPECT_TOLD("new 1; turn 1; new 2; new 3; new 4 (8 not_sent); new 5; turn 5");
    ack(1);
    SUBMIT(6, 7);
    EXPECT_TOLD("done 1; turn 2; new 6");
}

Test(store, queue_of_0_takes_what_can_start_at_once)
{
    store.limits.tracker_queue_max = 0;
    SUBMIT(1, 7);
    SUBMIT(2, 7);
    end(1, CODE_OFFLINE, OUTCOME_UNKNOWN, 500);
    SUBMIT(3, 7);
    EXPECT_TOLD("new 1; turn 1; new 2 (8 not_sent); done 1; new 3 (8 not_sent)");
}

Test(store, pending_requests_are_limited_in_flight_or_not)
{
    store.limits.pending_max = 3;
    SUBMIT(1, 7);
    SUBMIT(2, 7);
    SUBMIT(3, 8);
    SUBMIT(4, 9);
    EXPECT_TOLD("new 1; turn 1; new 2; new 3; turn 3; new 4 (8 not_sent)");
    ack(3);
    SUBMIT(5, 9);
    EXPECT_TOLD("done 3; new 5; turn 5");
}

Test(store, memory_of_pending_requests_is_limited)
{
    store.limits.pending_bytes_max = 2 * (sizeof(struct pending) + strlen("reply"));
    SUBMIT(1, 7);
    SUBMIT(2, 7);
    SUBMIT(3, 7);
    EXPECT_TOLD("new 1; turn 1; new 2; new 3 (8 not_sent)");
    ack(1);
    SUBMIT(4, 7);
    EXPECT_TOLD("done 1; turn 2; new 4");
}

/* --- after a restart --- */

Test(store, recovered_request_goes_on_where_it_was)
{
    store_hold(&store, true);
    RECOVER(1, 7, .state = PENDING_SENT);
    RECOVER(2, 7, .state = PENDING_QUEUED);
    RECOVER(3, 8, .state = PENDING_QUEUED);
    cr_assert_eq(trackers_find(&trackers, 7)->lane->in_flight->id, 1);
    cr_expect_eq(store.pending, 3);
    cr_expect_eq(store.queued, 2);
    SUBMIT(4, 7, .key = 1);
    SUBMIT(5, 7, .key = 2);
    EXPECT_TOLD("pending 4; pending 5");
    store_hold(&store, false);
    EXPECT_TOLD("turn 3");
    store_complete(&store, trackers_find(&trackers, 7)->lane->in_flight, 0, now_ms);
    EXPECT_TOLD("done 1; turn 2");
}

Test(store, recovered_quarantine_delays_turns)
{
    store_recover_quarantine(&store, 7, 300);
    SUBMIT(1, 7);
    EXPECT_TOLD("new 1");
    pass(300);
    EXPECT_TOLD("turn 1");
}

Test(store, release_frees_what_it_still_holds)
{
    for (uint64_t id = 1; id <= 20; id++)
        SUBMIT(id, (int32_t)(id % 3) + 1);
    end(1, CODE_OFFLINE, OUTCOME_UNKNOWN, 500);
    cr_expect_eq(store.pending, 19);
}
