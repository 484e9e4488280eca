/* Lanes: one command in flight per tracker, the others wait in their order, and nobody waits for another tracker. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "support/engine_stage.h"

TestSuite(engine_lanes, .init = stage_open, .fini = stage_close, .timeout = 10);

static void set_numbered(int32_t tracker, int number)
{
    char id[16];

    snprintf(id, sizeof id, "%d", number);
    stage_set(tracker, 1 + number % 3, number % 2, .request_id = id);
}

static void succeed(const struct stage_command *command, int number)
{
    char id[16];

    snprintf(id, sizeof id, "%d", number);
    stage_ack(command);
    cr_assert_str_eq(expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS)->request_id, id);
}

Test(engine_lanes, one_command_is_in_flight_and_the_others_wait_in_order)
{
    for (int i = 0; i < 5; i++)
        set_numbered(TRACKER_JSON, i);
    for (int i = 0; i < 5; i++) {
        char what[16];
        const struct stage_command *command;

        stage_turn();
        snprintf(what, sizeof what, "%d %s", 1 + i % 3, i % 2 ? "on" : "off");
        command = expect_command(TRACKER_JSON, what);
        expect_nothing();
        cr_assert_eq(engine_totals(stage->engine).queued, (size_t)(4 - i));
        succeed(command, i);
    }
    stage_turn();
    expect_nothing();
    cr_assert_eq(engine_totals(stage->engine).pending, 0u);
}

Test(engine_lanes, the_next_goes_also_after_a_refusal_and_after_a_timeout)
{
    for (int i = 0; i < 3; i++)
        set_numbered(TRACKER_JSON, i);
    stage_turn();
    stage_advance(9000);
    stage_refuse(expect_command(TRACKER_JSON, "1 off"));
    expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED);
    stage_turn();
    expect_command(TRACKER_JSON, "2 on");
    set_numbered(TRACKER_JSON, 3);
    stage_advance(1000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT); /* it came with the first two */
    expect_command(TRACKER_JSON, "1 on");
}

Test(engine_lanes, on_then_off_arrives_as_on_then_off)
{
    stage_set(TRACKER_JSON, 1, true);
    stage_set(TRACKER_JSON, 1, false);
    stage_turn();
    stage_ack(expect_command(TRACKER_JSON, "1 on"));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_turn();
    expect_command(TRACKER_JSON, "1 off");
}

Test(engine_lanes, a_full_queue_is_8_and_the_one_in_flight_is_not_counted)
{
    for (int i = 0; i < 17; i++)
        set_numbered(TRACKER_JSON, i);
    stage_turn();
    const struct stage_command *first = expect_command(TRACKER_JSON, NULL);
    expect_nothing();
    set_numbered(TRACKER_JSON, 17);
    cr_assert_str_eq(expect_reply(CODE_QUEUE_ERROR, OUTCOME_NOT_SENT)->request_id, "17");
    succeed(first, 0);
    expect_command(TRACKER_JSON, NULL);
    set_numbered(TRACKER_JSON, 18);
    expect_nothing();
    set_numbered(TRACKER_JSON, 19);
    expect_reply(CODE_QUEUE_ERROR, OUTCOME_NOT_SENT);
}

Test(engine_lanes, a_full_queue_costs_the_others_nothing)
{
    for (int i = 0; i < 18; i++)
        set_numbered(TRACKER_JSON, i);
    expect_command(TRACKER_JSON, NULL);
    expect_reply(CODE_QUEUE_ERROR, OUTCOME_NOT_SENT);
    set_numbered(TRACKER_JSON_2, 1);
    stage_turn();
    succeed(expect_command(TRACKER_JSON_2, "2 on"), 1);
}

Test(engine_lanes, while_presence_is_read_back_the_queue_has_its_limit_too)
{
    engine_presence_reading(stage->engine);
    for (int i = 0; i < 16; i++)
        set_numbered(TRACKER_JSON, i);
    expect_nothing();
    set_numbered(TRACKER_JSON, 16);
    expect_reply(CODE_QUEUE_ERROR, OUTCOME_NOT_SENT);
}

Test(engine_lanes, pending_max_counts_those_in_flight_and_those_that_wait)
{
    stage->config.store.pending_max = 3;
    stage_reload();
    const struct stage_command *first = stage_set_and_send(TRACKER_JSON, 1, true);
    set_numbered(TRACKER_JSON, 1);
    set_numbered(TRACKER_JSON_2, 2);
    expect_command(TRACKER_JSON_2, NULL);
    set_numbered(TRACKER_MSGPACK, 3);
    expect_reply(CODE_QUEUE_ERROR, OUTCOME_NOT_SENT);
    stage_ack(first);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_command(TRACKER_JSON, "2 on");
    set_numbered(TRACKER_MSGPACK, 3);
    expect_command(TRACKER_MSGPACK, "1 on");
}

Test(engine_lanes, memory_for_pending_requests_is_bounded_too)
{
    static char topic[1025];

    memset(topic, 'a', sizeof topic - 1);
    stage->config.store.pending_bytes_max = 8000;
    stage_reload();
    for (int i = 0; i < 8; i++)
        stage_set(TRACKER_JSON, 1, true, .response_topic = topic);
    expect_command(TRACKER_JSON, "1 on");
    expect_reply(CODE_QUEUE_ERROR, OUTCOME_NOT_SENT);
    cr_assert(engine_totals(stage->engine).pending >= 3);
}

/* --- the rate of a user --- */

Test(engine_lanes, a_user_beyond_its_rate_gets_15_until_its_bucket_fills)
{
    stage->config.user_rate = 2;
    stage->config.user_burst = 3;
    for (int i = 0; i < 3; i++)
        set_numbered(TRACKER_JSON, i);
    expect_command(TRACKER_JSON, NULL);
    expect_nothing();
    set_numbered(TRACKER_JSON, 3);
    expect_reply(CODE_TOO_MANY_REQUESTS, OUTCOME_NOT_SENT);
    stage_advance(499);
    set_numbered(TRACKER_JSON, 4);
    expect_reply(CODE_TOO_MANY_REQUESTS, OUTCOME_NOT_SENT);
    stage_advance(1);
    set_numbered(TRACKER_JSON, 5);
    expect_nothing();
    cr_assert_eq(engine_totals(stage->engine).queued, 3u);
}

Test(engine_lanes, the_bucket_holds_no_more_than_the_burst)
{
    stage->config.user_rate = 2;
    stage->config.user_burst = 1;
    set_numbered(TRACKER_JSON, 0);
    expect_command(TRACKER_JSON, NULL);
    stage_advance(9000);
    set_numbered(TRACKER_JSON, 1);
    expect_nothing();
    set_numbered(TRACKER_JSON, 2);
    expect_reply(CODE_TOO_MANY_REQUESTS, OUTCOME_NOT_SENT);
}

Test(engine_lanes, every_user_has_a_bucket_of_its_own)
{
    stage->config.user_rate = 0.001;
    stage->config.user_burst = 1;
    set_numbered(TRACKER_JSON, 0);
    expect_command(TRACKER_JSON, NULL);
    set_numbered(TRACKER_JSON, 1);
    expect_reply(CODE_TOO_MANY_REQUESTS, OUTCOME_NOT_SENT);
    stage_set(TRACKER_FOREIGN, 1, true, .hash = HASH_OTHER);
    expect_command(TRACKER_FOREIGN, "1 on");
}

Test(engine_lanes, what_is_refused_before_the_user_is_known_costs_no_token)
{
    stage->config.user_rate = 0.001;
    stage->config.user_burst = 1;
    stage_set(TRACKER_JSON, 1, true, .hash = "x");
    expect_reply(CODE_WRONG_HASH, OUTCOME_NOT_SENT);
    stage_set(TRACKER_JSON, 0, true);
    expect_reply(CODE_INVALID_PARAMETERS, OUTCOME_NOT_SENT);
    stage_set(TRACKER_JSON, 1, true);
    expect_command(TRACKER_JSON, "1 on");
}

/* --- counters and waiting --- */

Test(engine_lanes, what_happens_is_counted)
{
    stage_ack(stage_set_and_send(TRACKER_JSON, 1, true));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_refuse(stage_set_and_send(TRACKER_JSON, 1, true));
    expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED);
    stage_set_and_send(TRACKER_JSON, 1, true);
    stage_set(TRACKER_JSON, 1, true);
    stage_advance(10000);
    stage_set(TRACKER_JSON, 9, true);
    stage_turn();
    stage_deliver();
    EXPECT_COUNTED(requests, 5);
    EXPECT_COUNTED(requests_accepted, 4);
    EXPECT_COUNTED(requests_refused, 1);
    EXPECT_COUNTED(commands, 3);
    EXPECT_COUNTED(acks_matched, 2);
    EXPECT_COUNTED(replies, 5);
    EXPECT_COUNTED(replies_delivered, 5);
    EXPECT_COUNTED(outcome_success, 1);
    EXPECT_COUNTED(outcome_rejected, 1);
    EXPECT_COUNTED(outcome_unknown, 1);
    EXPECT_COUNTED(outcome_not_sent, 1);
}

Test(engine_lanes, the_engine_says_how_long_it_may_sleep)
{
    cr_assert_eq(engine_wait_ms(stage->engine, stage->now), -1);
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);
    cr_assert_eq(engine_wait_ms(stage->engine, stage->now), 10000);
    stage_set(TRACKER_JSON_2, 1, true, .has_expiry = true, .expiry_s = 3);
    expect_command(TRACKER_JSON_2, NULL);
    cr_assert_eq(engine_wait_ms(stage->engine, stage->now), 3000);
    stage_advance(2999);
    cr_assert_eq(engine_wait_ms(stage->engine, stage->now), 1);
    expect_nothing();
    stage->now.mono_ms += 5;
    cr_assert_eq(engine_wait_ms(stage->engine, stage->now), 0);
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_advance(0);
    expect_cancel(command->id + 1);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    cr_assert_eq(engine_wait_ms(stage->engine, stage->now), 60000); /* the dedup window */
    stage_advance(60000);
    cr_assert_eq(engine_wait_ms(stage->engine, stage->now), -1);
}
