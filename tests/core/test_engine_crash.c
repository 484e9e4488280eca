/* A crash at each point of a request's life: exactly one outcome, and no second command. */
#include <criterion/criterion.h>

#include "support/engine_stage.h"

TestSuite(engine_crash, .init = stage_open, .fini = stage_close, .timeout = 10);

/* The broker hands the request over again: it was not told that it had been received. */
#define REDELIVERED .correlation = "c", .dup = true
#define FIRST .correlation = "c"

Test(engine_crash, before_the_commit_it_was_never_there)
{
    stage_set(TRACKER_JSON, 1, true, FIRST);
    expect_command(TRACKER_JSON, "1 on");
    stage_crash_and_recover();
    stage_reconnect();
    stage_turn();
    expect_nothing();
    stage_set(TRACKER_JSON, 1, true, REDELIVERED);
    stage_turn();
    stage_ack(expect_command(TRACKER_JSON, "1 on"));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_crash, after_the_commit_it_may_have_been_sent_and_is_not_sent_again)
{
    stage_set(TRACKER_JSON, 1, true, FIRST);
    expect_command(TRACKER_JSON, "1 on");
    stage_commit();
    stage_crash_and_recover();
    stage_set(TRACKER_JSON, 1, true, REDELIVERED);
    stage_reconnect();
    stage_turn();
    stage_advance(9999);
    expect_nothing();
    stage_advance(1);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
}

Test(engine_crash, sent_and_acked_after_it_is_success)
{
    const struct stage_command *command;

    stage_set(TRACKER_JSON, 1, true, FIRST, .request_id = "7", .response_topic = "me");
    stage_turn();
    command = expect_command(TRACKER_JSON, "1 on");
    stage_crash_and_recover();
    stage_ack(command); /* the broker kept it for us */
    const struct stage_reply *reply = expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    cr_assert_str_eq(reply->correlation, "c");
    cr_assert_str_eq(reply->request_id, "7");
    cr_assert_str_eq(reply->topic, "me");
    stage_reconnect();
    stage_turn();
    expect_nothing();
}

Test(engine_crash, sent_and_never_acked_is_unknown_at_its_own_deadline)
{
    stage_set_and_send(TRACKER_JSON, 1, true);
    stage_advance(4000);
    stage_crash_and_recover();
    stage_reconnect();
    stage_advance(5999);
    stage_turn();
    expect_nothing();
    stage_advance(1);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
}

Test(engine_crash, an_ack_that_the_broker_kept_beyond_the_deadline_is_success)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_turn();
    stage_crash_and_recover();
    stage_advance(60000);
    expect_nothing();
    stage_ack(command);
    stage_turn();
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_reconnect();
    stage_advance(10000);
    expect_nothing();
}

Test(engine_crash, settled_and_not_committed_is_settled_by_the_next_ack_or_the_deadline)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS); /* which did not leave */
    stage_crash_and_recover();
    stage_reconnect();
    expect_nothing();
    stage_ack(command); /* its PUBACK did not leave either */
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_turn();
    expect_nothing();
}

Test(engine_crash, settled_and_not_delivered_is_replied_again)
{
    const struct stage_command *command;

    stage_set(TRACKER_JSON, 1, true, FIRST, .request_id = "\"x\"");
    stage_turn();
    command = expect_command(TRACKER_JSON, "1 on");
    stage_refuse(command);
    expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED);
    stage_turn();
    for (int i = 0; i < 3; i++) {
        stage_crash_and_recover();
        const struct stage_reply *reply = expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED);
        cr_assert_eq(reply->id, command->id);
        cr_assert_str_eq(reply->correlation, "c");
        cr_assert_str_eq(reply->request_id, "\"x\"");
        stage_turn();
        expect_nothing();
    }
    stage_ack(command);
    stage_set(TRACKER_JSON, 1, true, FIRST, .request_id = "\"x\"");
    expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED);
    expect_nothing();
}

Test(engine_crash, delivered_is_over)
{
    stage_ack(stage_set_and_send(TRACKER_JSON, 1, true));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_turn();
    stage_deliver();
    stage_turn();
    stage_crash_and_recover();
    stage_reconnect();
    stage_turn();
    expect_nothing();
}

Test(engine_crash, refusals_not_delivered_are_replied_again_with_their_errors)
{
    stage_set(TRACKER_JSON, 0, true, .retain = true);
    expect_reply(CODE_INVALID_PARAMETERS, OUTCOME_NOT_SENT);
    stage_turn();
    stage_crash_and_recover();
    cr_assert_str_eq(expect_reply(CODE_INVALID_PARAMETERS, OUTCOME_NOT_SENT)->errors, "output,retain");
}

Test(engine_crash, what_waited_waits_again_in_its_order)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_set(TRACKER_JSON, 2, true);
    stage_set(TRACKER_JSON, 3, true);
    stage_turn();
    stage_crash_and_recover();
    cr_assert_eq(engine_totals(stage->engine).queued, 2u);
    stage_reconnect();
    stage_turn();
    expect_nothing();
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_ack((stage_turn(), expect_command(TRACKER_JSON, "2 on")));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_ack((stage_turn(), expect_command(TRACKER_JSON, "3 on")));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_crash, what_waited_while_presence_was_read_waits_again)
{
    engine_presence_reading(stage->engine);
    stage_set_all(TRACKER_JSON, "1,0,1", FIRST);
    stage_turn();
    stage_crash_and_recover();
    expect_nothing();
    stage_reconnect();
    stage_turn();
    stage_ack(expect_command(TRACKER_JSON, "1,0,1"));
    cr_assert_str_eq(expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS)->correlation, "c");
}

Test(engine_crash, what_waited_is_checked_again_after_it)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_set(TRACKER_JSON, 2, true);
    stage_turn();
    stage_session(HASH_MASTER)->hash = NULL;
    stage_crash_and_recover();
    stage_reconnect();
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_reply(CODE_USER_NOT_FOUND, OUTCOME_NOT_SENT);
}

Test(engine_crash, deadlines_go_on_over_it)
{
    engine_presence_reading(stage->engine);
    stage_set(TRACKER_JSON, 1, true);
    stage_turn();
    stage_advance(0);
    stage->now.mono_ms += 9999;
    stage->now.wall_ms += 9999;
    stage_crash_and_recover();
    stage_turn();
    expect_nothing();
    stage_advance(1);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
}

/* The machine started anew: its monotonic clock did, too. */
Test(engine_crash, deadlines_go_on_over_a_restart_of_the_machine)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage->now.mono_ms = 3000;
    stage->now.wall_ms += 8000;
    stage_crash_and_recover();
    stage_reconnect();
    stage_advance(1999);
    expect_nothing();
    stage_advance(1);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    cr_assert_eq(command->id, 1u);
}

Test(engine_crash, a_wall_clock_that_was_set_back_lets_nobody_wait_longer_than_the_timeout)
{
    stage_set_and_send(TRACKER_JSON, 1, true);
    stage->now.wall_ms -= 3600 * 1000;
    stage_crash_and_recover();
    stage_reconnect();
    stage_advance(9999);
    expect_nothing();
    stage_advance(1);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
}

Test(engine_crash, ids_go_on_upwards)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_ack(command);
    stage_turn();
    stage_crash_and_recover();
    stage_reconnect();
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    cr_assert_gt(stage_set_and_send(TRACKER_JSON, 1, true)->id, command->id);
}

Test(engine_crash, in_flight_of_a_tracker_that_left_the_registry_still_ends)
{
    stage_set_and_send(TRACKER_JSON, 1, true);
    stage_tracker(TRACKER_JSON)->tracker.id = 0;
    stage_crash_and_recover();
    stage_reconnect();
    stage_advance(10000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
}

/* No journal of ours says so. */
Test(engine_crash, two_in_flight_of_one_tracker_do_not_stop_the_start)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_set_and_send(TRACKER_JSON_2, 2, true);
    stage_tracker(TRACKER_JSON_2)->tracker.id = 0;
    stage_journal_forge(command->id + 1, TRACKER_JSON);
    stage_crash_and_recover();
    cr_assert_eq(expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN)->id, command->id);
    stage_reconnect();
    stage_advance(10000);
    cr_assert_gt(expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN)->id, command->id);
}
