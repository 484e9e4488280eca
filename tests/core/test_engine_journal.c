/* The journal: nothing leaves of which it holds no record, and where it cannot be written nothing is commanded. */
#include <criterion/criterion.h>

#include "support/engine_stage.h"

TestSuite(engine_journal, .init = stage_open, .fini = stage_close, .timeout = 10);

/* The stage itself fails the test where a command is staged or leaves without its record. */
Test(engine_journal, a_request_has_a_record_until_its_reply_is_delivered)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    cr_assert(stage_journal_has(JOURNAL_REQUEST, command->id));
    cr_assert_not(stage_journal_has(JOURNAL_ANSWER, command->id));
    stage_ack(command);
    stage_turn();
    cr_assert(stage_journal_has(JOURNAL_REQUEST, command->id));
    cr_assert(stage_journal_has(JOURNAL_ANSWER, command->id));
    cr_assert(stage_journal_has(JOURNAL_STATES, TRACKER_JSON));
    stage_deliver();
    stage_turn();
    cr_assert_not(stage_journal_has(JOURNAL_REQUEST, command->id));
    cr_assert(stage_journal_has(JOURNAL_ANSWER, command->id));
}

Test(engine_journal, one_that_waits_has_a_record_too)
{
    stage_set(TRACKER_JSON, 1, true);
    stage_set(TRACKER_JSON, 2, true);
    stage_commit();
    cr_assert_eq(stage_journal_count(JOURNAL_REQUEST), 2u);
}

Test(engine_journal, a_refusal_has_a_record_until_its_reply_is_delivered_and_no_answer)
{
    stage_set(TRACKER_JSON, 9, true);
    stage_turn();
    cr_assert_eq(stage_journal_count(JOURNAL_REQUEST), 1u);
    cr_assert_eq(stage_journal_count(JOURNAL_ANSWER), 0u);
    stage_deliver();
    stage_turn();
    cr_assert_eq(stage_journal_count(JOURNAL_REQUEST), 0u);
}

Test(engine_journal, a_duplicate_that_is_dropped_has_none)
{
    stage_set(TRACKER_JSON, 1, true, .correlation = "c");
    stage_set(TRACKER_JSON, 1, true, .correlation = "c");
    stage_commit();
    cr_assert_eq(stage_journal_count(JOURNAL_REQUEST), 1u);
}

/* --- failure --- */

Test(engine_journal, what_cannot_be_written_is_8_not_sent_and_cancelled)
{
    uint64_t id;

    stage_journal_breaks();
    stage_set(TRACKER_JSON, 1, true);
    id = expect_command(TRACKER_JSON, "1 on")->id;
    stage_turn();
    expect_cancel(id);
    expect_reply(CODE_QUEUE_ERROR, OUTCOME_NOT_SENT);
    expect_nothing();
    cr_assert_not(stage_was_sent(id));
    EXPECT_COUNTED(journal_failures, 1);
    EXPECT_COUNTED(outcome_not_sent, 1);
}

/* It would come back after a crash, and be commanded though its requester was told that it was not. */
Test(engine_journal, of_what_was_answered_8_nothing_is_written_later)
{
    stage_journal_breaks();
    stage_set(TRACKER_JSON, 1, true);
    stage_turn();
    stage_journal_works();
    stage_turn();
    cr_assert_eq(stage_journal_count(JOURNAL_REQUEST), 0u);
    cr_assert_eq(stage_journal_count(JOURNAL_ANSWER), 0u);
}

Test(engine_journal, what_waits_and_cannot_be_written_is_8_not_sent)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_journal_breaks();
    stage_set(TRACKER_JSON, 2, true, .request_id = "2");
    stage_turn();
    cr_assert_str_eq(expect_reply(CODE_QUEUE_ERROR, OUTCOME_NOT_SENT)->request_id, "2");
    expect_nothing();
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_nothing();
}

/* The journal says that it was commanded; after a crash that would become another outcome. */
Test(engine_journal, the_reply_to_what_was_in_flight_waits_until_it_can_be_written)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_journal_breaks();
    stage_turn();
    stage_ack(command);
    stage_turn();
    cr_assert(expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS)->waits);
    stage_deliver();
    stage_turn();
    cr_assert_eq(stage_journal_count(JOURNAL_REQUEST), 1u, "a reply has left");
    stage_journal_works();
    stage_turn();
    stage_deliver();
    stage_turn();
    cr_assert_eq(stage_journal_count(JOURNAL_REQUEST), 0u);
    cr_assert_eq(stage_journal_count(JOURNAL_ANSWER), 1u);
}

Test(engine_journal, an_ack_that_could_not_be_written_before_a_crash_was_told_to_nobody)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_journal_breaks();
    stage_turn();
    stage_ack(command);
    stage_turn();
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_crash_and_recover();
    stage_reconnect();
    stage_advance(10000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN); /* the stage fails the test where both have left */
    stage_turn();
}

Test(engine_journal, a_repetition_of_an_answer_that_is_not_written_waits_with_it)
{
    stage_set(TRACKER_JSON, 1, true, .correlation = "c");
    stage_turn();
    stage_journal_breaks();
    stage_turn();
    stage_ack(expect_command(TRACKER_JSON, "1 on"));
    stage_turn();
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_set(TRACKER_JSON, 1, true, .correlation = "c");
    cr_assert(expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS)->waits);
}

Test(engine_journal, new_requests_are_8_until_it_works_again)
{
    stage_journal_breaks();
    stage_set(TRACKER_JSON, 1, true);
    stage_turn();
    expect_command(TRACKER_JSON, "1 on");
    expect_cancel(1);
    expect_reply(CODE_QUEUE_ERROR, OUTCOME_NOT_SENT);
    stage_set(TRACKER_JSON, 2, true);
    cr_assert_not(expect_reply(CODE_QUEUE_ERROR, OUTCOME_NOT_SENT)->waits);
    stage_set(TRACKER_NONE, 2, true);
    expect_reply(CODE_NOT_FOUND, OUTCOME_NOT_SENT); /* check 17 is the last */
    stage_turn();
    expect_nothing();
    stage_journal_works();
    stage_turn();
    stage_set(TRACKER_JSON, 3, true);
    stage_turn();
    stage_ack(expect_command(TRACKER_JSON, "3 on"));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

/* Its record says that it waits: after a crash it would be commanded a second time. */
Test(engine_journal, a_turn_that_comes_while_it_cannot_be_written_sends_when_it_can)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);
    uint64_t id;

    stage_set(TRACKER_JSON, 2, true);
    stage_turn();
    stage_journal_breaks();
    stage_turn();
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    id = expect_command(TRACKER_JSON, "2 on")->id;
    stage_turn();
    expect_nothing();
    cr_assert_not(stage_was_sent(id));
    stage_journal_works();
    stage_turn();
    cr_assert(stage_was_sent(id));
}

Test(engine_journal, a_turn_whose_deadline_passes_while_it_cannot_be_written_sends_nothing)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);
    uint64_t id;

    stage_set(TRACKER_JSON, 2, true);
    stage_turn();
    stage_journal_breaks();
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    id = expect_command(TRACKER_JSON, "2 on")->id;
    stage_turn();
    stage_advance(10000);
    expect_cancel(id);
    cr_assert(expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT)->waits);
    stage_journal_works();
    stage_turn();
    cr_assert_not(stage_was_sent(id));
}

/* --- records --- */

Test(engine_journal, records_that_this_version_did_not_write_are_refused)
{
    static const uint8_t nonsense[] = "\x01nonsense";

    for (int kind = 0; kind < JOURNAL_KIND_COUNT; kind++) {
        cr_assert_lt(engine_recover(stage->engine, (enum journal_kind)kind, 1, bytes_of(nonsense, 0), stage->now), 0);
        cr_assert_lt(engine_recover(stage->engine, (enum journal_kind)kind, 1, bytes_of(nonsense, 9), stage->now), 0);
    }
}
