/* Deadlines: an unsent command past its deadline is never sent; what was sent and not acked is unknown. */
#include <criterion/criterion.h>

#include "support/engine_stage.h"

TestSuite(engine_deadlines, .init = stage_open, .fini = stage_close, .timeout = 10);

Test(engine_deadlines, a_command_without_an_ack_is_213_unknown)
{
    stage_set_and_send(TRACKER_JSON, 1, true);
    stage_advance(9999);
    expect_nothing();
    stage_advance(1);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    stage_turn();
    expect_nothing();
}

Test(engine_deadlines, waiting_in_the_queue_counts)
{
    const struct stage_command *first = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_advance(1000);
    stage_set(TRACKER_JSON, 2, true);
    stage_advance(8000);
    stage_ack(first);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_turn();
    cr_assert_eq(expect_command(TRACKER_JSON, "2 on")->deadline_ms, stage->now.mono_ms + 2000);
    stage_advance(2000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
}

Test(engine_deadlines, a_queued_request_past_its_deadline_is_213_not_sent_and_never_commanded)
{
    const struct stage_command *first = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_set(TRACKER_JSON, 2, true, .has_expiry = true, .expiry_s = 2);
    stage_advance(1999);
    expect_nothing();
    stage_advance(1);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    stage_ack(first);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_turn();
    expect_nothing();
}

/* The clock has moved, and an ack is handled before the tick that would have ended the next one. */
Test(engine_deadlines, a_turn_that_comes_at_the_deadline_sends_nothing)
{
    const struct stage_command *first = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_set(TRACKER_JSON, 2, true, .has_expiry = true, .expiry_s = 2);
    stage->now.mono_ms += 2000;
    stage_ack(first);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    stage_turn();
    expect_nothing();
}

Test(engine_deadlines, a_staged_command_that_was_not_sent_is_cancelled)
{
    uint64_t id;

    stage_set(TRACKER_JSON, 1, true);
    stage_commit(); /* and the connection takes nothing */
    id = expect_command(TRACKER_JSON, "1 on")->id;
    stage_advance(10000);
    expect_cancel(id);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    stage_turn();
    expect_nothing();
    cr_assert_not(stage_was_sent(id));
    EXPECT_COUNTED(commands_cancelled, 1);
}

Test(engine_deadlines, the_lane_goes_on_after_a_cancel)
{
    uint64_t id;

    stage_set(TRACKER_JSON, 1, true, .has_expiry = true, .expiry_s = 1);
    stage_set(TRACKER_JSON, 2, true);
    stage_commit();
    id = expect_command(TRACKER_JSON, "1 on")->id;
    stage_advance(1000);
    expect_cancel(id);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    expect_command(TRACKER_JSON, "2 on");
}

Test(engine_deadlines, what_the_broker_does_not_take_is_6_unknown)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    engine_command_refused(stage->engine, command->id, stage->now);
    expect_reply(CODE_UNEXPECTED, OUTCOME_UNKNOWN);
    EXPECT_COUNTED(publishes_refused, 1);
    engine_command_refused(stage->engine, command->id, stage->now); /* of nothing */
    stage_turn();
    expect_nothing();
}

/* --- Message Expiry --- */

Test(engine_deadlines, an_expiry_shorter_than_the_timeout_is_the_deadline)
{
    stage_set(TRACKER_JSON, 1, true, .has_expiry = true, .expiry_s = 3);
    stage_turn();
    cr_assert_eq(expect_command(TRACKER_JSON, "1 on")->deadline_ms, stage->now.mono_ms + 3000);
    stage_advance(3000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
}

Test(engine_deadlines, an_expiry_longer_than_the_timeout_changes_nothing)
{
    stage_set(TRACKER_JSON, 1, true, .has_expiry = true, .expiry_s = 11);
    cr_assert_eq(expect_command(TRACKER_JSON, "1 on")->deadline_ms, stage->now.mono_ms + 10000);
    stage_set(TRACKER_JSON_2, 1, true, .has_expiry = true, .expiry_s = UINT32_MAX);
    cr_assert_eq(expect_command(TRACKER_JSON_2, "1 on")->deadline_ms, stage->now.mono_ms + 10000);
}

Test(engine_deadlines, an_expiry_of_0_is_never_sent)
{
    stage_set(TRACKER_JSON, 1, true, .has_expiry = true, .expiry_s = 0);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    stage_turn();
    expect_nothing();
}

Test(engine_deadlines, an_expiry_of_0_while_presence_is_read_ends_with_the_next_tick)
{
    engine_presence_reading(stage->engine);
    stage_set(TRACKER_JSON, 1, true, .has_expiry = true, .expiry_s = 0);
    expect_nothing();
    stage_turn();
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
}

Test(engine_deadlines, the_profiles_timeout_counts_and_expiry_shortens_it_too)
{
    stage_set(TRACKER_OWN, 1, true);
    cr_assert_eq(expect_command(TRACKER_OWN, "1 on")->deadline_ms, stage->now.mono_ms + 4000);
    stage_advance(4000);
    expect_cancel(1);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    stage_set(TRACKER_OWN, 1, true, .has_expiry = true, .expiry_s = 1);
    cr_assert_eq(expect_command(TRACKER_OWN, "1 on")->deadline_ms, stage->now.mono_ms + 1000);
}

Test(engine_deadlines, expiry_does_not_make_it_another_request)
{
    stage_set(TRACKER_JSON, 1, true, .correlation = "c", .has_expiry = true, .expiry_s = 5);
    expect_command(TRACKER_JSON, "1 on");
    stage_set(TRACKER_JSON, 1, true, .correlation = "c", .has_expiry = true, .expiry_s = 4);
    expect_nothing();
    EXPECT_COUNTED(requests_duplicate, 1);
}
