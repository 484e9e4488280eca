/* The same request again. */
#include <criterion/criterion.h>

#include "support/engine_stage.h"

TestSuite(engine_duplicates, .init = stage_open, .fini = stage_close, .timeout = 10);

#define SET(...) stage_set(TRACKER_JSON, 1, true, __VA_ARGS__)

/* This request, commanded and acked. */
#define SUCCEED(...)                                   \
    do {                                               \
        SET(__VA_ARGS__);                              \
        stage_turn();                                  \
        stage_ack(expect_command(TRACKER_JSON, NULL)); \
        expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);   \
        stage_turn();                                  \
        stage_deliver();                               \
        stage_turn();                                  \
    } while (0)

Test(engine_duplicates, while_pending_nothing_more_happens)
{
    SET(.correlation = "c");
    SET(.correlation = "c"); /* in the same turn */
    stage_turn();
    expect_command(TRACKER_JSON, "1 on");
    SET(.correlation = "c");
    SET(.correlation = "c", .dup = true);
    stage_turn();
    expect_nothing();
    EXPECT_COUNTED(requests_duplicate, 3);
    EXPECT_COUNTED(requests_accepted, 1);
}

Test(engine_duplicates, one_that_waits_in_the_queue_is_pending_too)
{
    stage_set_and_send(TRACKER_JSON, 3, false);
    SET(.request_id = "1");
    SET(.request_id = "1");
    cr_assert_eq(engine_totals(stage->engine).pending, 2u);
    EXPECT_COUNTED(requests_duplicate, 1);
}

Test(engine_duplicates, once_answered_the_same_reply_is_sent_again)
{
    SUCCEED(.correlation = "c", .request_id = "7", .response_topic = "me");
    SET(.correlation = "c", .request_id = "7", .response_topic = "me");
    stage_turn();
    const struct stage_reply *again = expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    cr_assert_str_eq(again->topic, "me");
    cr_assert_str_eq(again->correlation, "c");
    cr_assert_str_eq(again->request_id, "7");
    expect_nothing();
}

Test(engine_duplicates, errors_after_the_checks_are_sent_again_as_well)
{
    SET(.correlation = "c");
    stage_turn();
    stage_refuse(expect_command(TRACKER_JSON, "1 on"));
    expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED);
    SET(.correlation = "c");
    expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED);
    SET(.correlation = "d");
    stage_turn();
    expect_command(TRACKER_JSON, "1 on");
    stage_advance(10000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    SET(.correlation = "d");
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    expect_nothing();
}

Test(engine_duplicates, the_same_reply_is_sent_whatever_has_changed_meanwhile)
{
    SUCCEED(.correlation = "c");
    stage_offline(TRACKER_JSON);
    SET(.correlation = "c");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_session(HASH_MASTER)->hash = NULL;
    stage_reload();
    SET(.correlation = "c");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_duplicates, a_request_id_correlates_as_correlation_data_does)
{
    SUCCEED(.request_id = "\"x\"");
    SET(.request_id = "\"x\"");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    SET(.request_id = "\"y\"");
    expect_command(TRACKER_JSON, "1 on");
}

Test(engine_duplicates, without_correlation_the_same_bytes_are_another_request)
{
    SUCCEED(.dup = false);
    SET(.dup = false);
    expect_command(TRACKER_JSON, "1 on");
    SET(.dup = false);
    stage_turn();
    expect_nothing(); /* it waits for its turn */
    cr_assert_eq(engine_totals(stage->engine).pending, 2u);
}

Test(engine_duplicates, without_correlation_a_redelivery_is_the_same_request)
{
    SET(.dup = false);
    SET(.dup = true);
    stage_turn();
    stage_ack(expect_command(TRACKER_JSON, "1 on"));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    SET(.dup = true);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_nothing();
}

Test(engine_duplicates, a_redelivery_of_what_was_never_seen_is_a_request)
{
    SET(.dup = true);
    expect_command(TRACKER_JSON, "1 on");
}

Test(engine_duplicates, other_bytes_topic_correlation_or_action_make_another_request)
{
    SUCCEED(.correlation = "c", .response_topic = "me");
    stage_set(TRACKER_JSON, 2, true, .correlation = "c", .response_topic = "me");
    stage_ack((stage_turn(), expect_command(TRACKER_JSON, "2 on")));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    SET(.correlation = "c", .response_topic = "you");
    stage_ack((stage_turn(), expect_command(TRACKER_JSON, "1 on")));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    SET(.correlation = "d", .response_topic = "me");
    stage_ack((stage_turn(), expect_command(TRACKER_JSON, "1 on")));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_duplicates, another_action_with_the_same_bytes_is_another_request)
{
    static const char both[] = "{\"hash\":\"" HASH_MASTER "\",\"tracker_id\":101,\"output\":1,\"enable\":true,"
                               "\"outputs\":[true,true,true],\"request_id\":1}";

    stage_request(&(struct stage_request){.action = "set", .payload = both, .response_topic = "me"});
    stage_request(&(struct stage_request){.action = "set_all", .payload = both, .response_topic = "me"});
    stage_turn();
    stage_ack(expect_command(TRACKER_JSON, "1 on"));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_ack((stage_turn(), expect_command(TRACKER_JSON, "1,1,1")));
}

Test(engine_duplicates, the_window_runs_from_the_answer)
{
    SET(.correlation = "c");
    stage_turn();
    const struct stage_command *command = expect_command(TRACKER_JSON, "1 on");
    stage_advance(9000);
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_advance(59999);
    SET(.correlation = "c");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_advance(1);
    SET(.correlation = "c");
    expect_command(TRACKER_JSON, "1 on");
}

Test(engine_duplicates, the_window_outlives_a_crash)
{
    SUCCEED(.correlation = "c");
    stage_advance(30000);
    stage_crash_and_recover();
    stage_reconnect();
    SET(.correlation = "c");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_advance(29999);
    SET(.correlation = "c");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_advance(1);
    SET(.correlation = "c");
    expect_command(TRACKER_JSON, "1 on");
}

Test(engine_duplicates, one_that_is_pending_over_a_crash_is_still_the_same)
{
    SET(.correlation = "c");
    stage_turn();
    expect_command(TRACKER_JSON, "1 on");
    stage_crash_and_recover();
    SET(.correlation = "c");
    stage_reconnect();
    stage_turn();
    expect_nothing();
    EXPECT_COUNTED(requests_duplicate, 1);
}

/* --- refusals --- */

Test(engine_duplicates, a_refusal_is_judged_anew)
{
    stage_offline(TRACKER_JSON);
    SET(.correlation = "c");
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    stage_online(TRACKER_JSON);
    SET(.correlation = "c");
    expect_command(TRACKER_JSON, "1 on");
}

Test(engine_duplicates, a_redelivery_of_a_refusal_gets_the_same)
{
    stage_offline(TRACKER_JSON);
    SET(.correlation = "c");
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    SET(.dup = false);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    stage_online(TRACKER_JSON);
    SET(.correlation = "c", .dup = true);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    SET(.dup = true);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    stage_turn();
    expect_nothing();
}

Test(engine_duplicates, a_redelivery_of_what_found_no_room_gets_the_same)
{
    stage->config.store.pending_max = 1;
    stage_reload();
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON_2, 1, true);
    SET(.correlation = "c");
    expect_reply(CODE_QUEUE_ERROR, OUTCOME_NOT_SENT);
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    SET(.correlation = "c", .dup = true);
    expect_reply(CODE_QUEUE_ERROR, OUTCOME_NOT_SENT);
    expect_nothing();
    SET(.correlation = "c");
    expect_command(TRACKER_JSON, "1 on");
}

Test(engine_duplicates, a_redelivery_of_a_refusal_gets_the_same_over_a_crash)
{
    stage_offline(TRACKER_JSON);
    SET(.correlation = "c");
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    stage_commit(); /* its reply and its PUBACK do not leave any more */
    stage_crash_and_recover();
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    stage_online(TRACKER_JSON);
    stage_reconnect();
    SET(.correlation = "c", .dup = true);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    stage_turn();
    expect_nothing();
}

Test(engine_duplicates, refusals_are_remembered_up_to_a_limit)
{
    stage->config.store.refused_max = 2;
    stage_reload();
    stage_offline(TRACKER_JSON);
    SET(.correlation = "a");
    SET(.correlation = "b");
    SET(.correlation = "c");
    for (int i = 0; i < 3; i++)
        expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    stage_online(TRACKER_JSON);
    cr_assert_eq(engine_totals(stage->engine).remembered, 2u);
    SET(.correlation = "b", .dup = true);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    SET(.correlation = "a", .dup = true);
    expect_command(TRACKER_JSON, "1 on");
}

/* --- what it costs --- */

Test(engine_duplicates, duplicates_cost_no_token)
{
    stage->config.user_rate = 0.001;
    stage->config.user_burst = 3;
    SUCCEED(.correlation = "c");
    SUCCEED(.dup = false);
    for (int i = 0; i < 5; i++) {
        SET(.correlation = "c");
        expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
        SET(.dup = true);
        expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    }
    stage_offline(TRACKER_JSON); /* nor where the checks would say no by now */
    SET(.correlation = "c");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_online(TRACKER_JSON);
    SET(.correlation = "d");
    stage_turn();
    stage_ack(expect_command(TRACKER_JSON, "1 on"));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    SET(.correlation = "e");
    expect_reply(CODE_TOO_MANY_REQUESTS, OUTCOME_NOT_SENT);
    SET(.correlation = "c"); /* and no token is needed */
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_duplicates, answers_leave_the_journal_with_the_window)
{
    SUCCEED(.correlation = "c");
    cr_assert_eq(stage_journal_count(JOURNAL_ANSWER), 1u);
    cr_assert_eq(stage_journal_count(JOURNAL_REQUEST), 0u);
    stage_advance(60000);
    stage_turn();
    cr_assert_eq(stage_journal_count(JOURNAL_ANSWER), 0u);
    cr_assert_eq(engine_totals(stage->engine).remembered, 0u);
}

Test(engine_duplicates, twins_without_correlation_leave_no_answer_behind)
{
    SET(.dup = false);
    SET(.dup = false);
    stage_turn();
    stage_ack(expect_command(TRACKER_JSON, "1 on"));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_turn();
    stage_ack(expect_command(TRACKER_JSON, "1 on"));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_turn();
    stage_advance(60000);
    stage_turn();
    cr_assert_eq(stage_journal_count(JOURNAL_ANSWER), 0u);
}

Test(engine_duplicates, a_full_dedup_table_is_8)
{
    stage->config.store.dedup_max = 1;
    stage_reload();
    SUCCEED(.correlation = "c");
    SET(.correlation = "d");
    expect_reply(CODE_QUEUE_ERROR, OUTCOME_NOT_SENT);
    SET(.correlation = "c");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_advance(60000);
    SET(.correlation = "d");
    expect_command(TRACKER_JSON, "1 on");
}
