/* Requests that came by another way than MQTT. */
#include <criterion/criterion.h>

#include "support/engine_stage.h"

TestSuite(engine_local, .init = stage_open, .fini = stage_close, .timeout = 10);

#define SET(...) stage_set(TRACKER_JSON, 1, true, .local = true, __VA_ARGS__)
#define WITHOUT_HASH "{\"tracker_id\": 101, \"output\": 1, \"enable\": true, \"request_id\": \"a\"}"

static void expect_local_reply(uint64_t id, enum code code, enum outcome outcome)
{
    const struct stage_reply *reply = expect_reply(code, outcome);

    cr_assert_eq(reply->id, id);
    cr_assert_str_eq(reply->topic, "");
    cr_assert_null(reply->correlation);
    cr_assert_str_eq(reply->content_type, "application/json");
}

static void succeed(uint64_t id)
{
    stage_turn();
    stage_ack(expect_command(TRACKER_JSON, "1 on"));
    expect_local_reply(id, CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_turn();
    stage_deliver();
    stage_turn();
}

Test(engine_local, goes_the_same_way_and_its_reply_has_no_topic)
{
    succeed(SET(.request_id = NULL));
    cr_assert_eq(stage_journal_count(JOURNAL_REQUEST), 0);
    EXPECT_COUNTED(replies_delivered, 1);
}

Test(engine_local, gets_the_same_refusals)
{
    expect_local_reply(stage_set(TRACKER_NONE, 1, true, .local = true), CODE_NOT_FOUND, OUTCOME_NOT_SENT);
    expect_local_reply(SET(.hash = HASH_UNKNOWN), CODE_USER_NOT_FOUND, OUTCOME_NOT_SENT);
    expect_local_reply(SET(.action = "flip"), CODE_WRONG_METHOD, OUTCOME_NOT_SENT);
    expect_local_reply(SET(.payload = "nonsense"), CODE_WRONG_FORMAT, OUTCOME_NOT_SENT);
    expect_local_reply(SET(.payload = "{}"), CODE_INVALID_PARAMETERS, OUTCOME_NOT_SENT);
    stage_offline(TRACKER_JSON);
    expect_local_reply(SET(.request_id = "1"), CODE_OFFLINE, OUTCOME_NOT_SENT);
}

Test(engine_local, ignores_every_reply_topic)
{
    succeed(SET(.response_topic_parameter = "tracker/101/output/command"));
    succeed(SET(.response_topic = "api/tracker/output/set"));
    succeed(SET(.payload = "{\"hash\": \"" HASH_MASTER "\", \"tracker_id\": 101, \"output\": 1, \"enable\": true, "
                           "\"response_topic\": 7}"));
    EXPECT_COUNTED(requests_reply_topic_refused, 0);
}

Test(engine_local, without_a_request_id_each_is_a_request_of_its_own)
{
    uint64_t first = SET(.request_id = NULL);
    uint64_t second = SET(.request_id = NULL);

    cr_assert_neq(first, second);
    succeed(first);
    succeed(second);
    EXPECT_COUNTED(requests_duplicate, 0);
}

Test(engine_local, a_repetition_while_pending_is_answered_by_the_first_ones_reply)
{
    uint64_t first = SET(.request_id = "7");

    cr_assert_eq(SET(.request_id = "7"), first);
    stage_turn();
    cr_assert_eq(SET(.request_id = "7"), first);
    succeed(first);
    expect_nothing();
    EXPECT_COUNTED(commands, 1);
}

Test(engine_local, a_repetition_afterwards_gets_the_same_reply_and_no_command)
{
    uint64_t again;

    succeed(SET(.request_id = "7"));
    again = SET(.request_id = "7");
    expect_local_reply(again, CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_turn();
    expect_nothing();
}

/* One that was refused is judged anew, and each reply is of its own request. */
Test(engine_local, a_refusal_and_its_repetition_have_two_replies)
{
    uint64_t refused;
    uint64_t taken;

    stage_offline(TRACKER_JSON);
    refused = SET(.request_id = "7");
    stage_online(TRACKER_JSON);
    taken = SET(.request_id = "7");
    cr_assert_neq(refused, taken);
    expect_local_reply(refused, CODE_OFFLINE, OUTCOME_NOT_SENT);
    succeed(taken);
}

Test(engine_local, is_never_the_same_as_one_by_mqtt)
{
    succeed(SET(.request_id = "7"));
    stage_set(TRACKER_JSON, 1, true, .request_id = "7");
    stage_turn();
    expect_command(TRACKER_JSON, "1 on");
    EXPECT_COUNTED(requests_duplicate, 0);
}

/* --- the hash beside the payload --- */

Test(engine_local, takes_the_hash_from_beside_the_payload)
{
    succeed(SET(.payload = WITHOUT_HASH, .hash_beside = HASH_MASTER));
    succeed(SET(.payload = "{tracker_id: 101, \"output\": 1, \"enable\": true}", .hash_beside = HASH_MASTER));
    expect_local_reply(SET(.payload = WITHOUT_HASH), CODE_INVALID_PARAMETERS, OUTCOME_NOT_SENT);
    expect_local_reply(SET(.payload = WITHOUT_HASH, .hash_beside = "xyz"), CODE_WRONG_HASH, OUTCOME_NOT_SENT);
    expect_local_reply(SET(.payload = WITHOUT_HASH, .hash_beside = HASH_UNKNOWN), CODE_USER_NOT_FOUND,
                       OUTCOME_NOT_SENT);
}

Test(engine_local, two_hashes_must_be_the_same)
{
    const struct stage_reply *reply;

    succeed(SET(.hash_beside = "A6AA75587E5C59C32D347DA438505FC3"));
    SET(.request_id = "7", .hash_beside = HASH_OTHER);
    reply = expect_reply(CODE_WRONG_FORMAT, OUTCOME_NOT_SENT);
    cr_assert_str_eq(reply->request_id, "7");
    expect_local_reply(SET(.hash_beside = "short"), CODE_WRONG_FORMAT, OUTCOME_NOT_SENT);
    /* What is wrong with the payload's own is said all the same. */
    expect_local_reply(SET(.hash = "short", .hash_beside = HASH_MASTER), CODE_WRONG_HASH, OUTCOME_NOT_SENT);
    expect_nothing();
}

/* Else one user would be told what another one's request has come to. */
Test(engine_local, the_same_payload_with_another_hash_is_another_request)
{
    succeed(SET(.payload = WITHOUT_HASH, .hash_beside = HASH_MASTER));
    expect_local_reply(SET(.payload = WITHOUT_HASH, .hash_beside = HASH_WATCHER), CODE_NOT_PERMITTED, OUTCOME_NOT_SENT);
    expect_local_reply(SET(.payload = WITHOUT_HASH, .hash_beside = HASH_MASTER), CODE_SUCCESS, OUTCOME_SUCCESS);
}

/* --- crashes --- */

Test(engine_local, is_answered_after_a_crash_and_its_repetition_waits_for_that)
{
    const struct stage_command *command;
    uint64_t first = SET(.request_id = "7");

    stage_turn();
    command = expect_command(TRACKER_JSON, "1 on");
    stage_crash_and_recover();
    cr_assert_eq(SET(.request_id = "7"), first);
    stage_ack(command);
    expect_local_reply(first, CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_reconnect();
    stage_turn();
    expect_nothing();
}

Test(engine_local, a_reply_that_nobody_was_given_is_there_after_a_crash)
{
    uint64_t first = SET(.request_id = "7");

    stage_turn();
    stage_ack(expect_command(TRACKER_JSON, "1 on"));
    expect_local_reply(first, CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_commit();
    stage_crash_and_recover();
    expect_local_reply(first, CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_local_reply(SET(.request_id = "7"), CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_nothing();
}

Test(engine_local, without_a_journal_it_gets_code_8)
{
    uint64_t id;

    stage_journal_breaks();
    id = SET(.request_id = "7");
    expect_command(TRACKER_JSON, "1 on");
    stage_turn();
    expect_cancel(id);
    expect_local_reply(id, CODE_QUEUE_ERROR, OUTCOME_NOT_SENT);
    expect_local_reply(SET(.request_id = "8"), CODE_QUEUE_ERROR, OUTCOME_NOT_SENT);
}
