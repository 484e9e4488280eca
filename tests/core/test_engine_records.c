/* Records of the journal that cannot be, and what is told of requests that are no more. */
#include <criterion/criterion.h>
#include <errno.h>

#include "core/pending.h"
#include "support/engine_stage.h"

TestSuite(engine_records, .init = stage_open, .fini = stage_close, .timeout = 10);

static int recover(enum journal_kind kind, uint64_t id, const struct buffer *record)
{
    return engine_recover(stage->engine, kind, id, buffer_bytes(record), stage->now);
}

/* Cut off anywhere, longer than it is, or of another version. */
static void expect_whole_only(enum journal_kind kind, uint64_t id, struct buffer *record)
{
    size_t len = record->len;

    for (record->len = 0; record->len < len; record->len++)
        cr_assert_eq(recover(kind, id, record), -EBADMSG, "%zu bytes of it", record->len);
    buffer_put_u8(record, 0);
    cr_assert_eq(recover(kind, id, record), -EBADMSG, "a byte more");
    record->len = len;
    record->data[0]++;
    cr_assert_eq(recover(kind, id, record), -EBADMSG, "another version");
    record->data[0]--;
}

static void put_answer(struct buffer *record, unsigned outcome)
{
    static const uint8_t key[REQUEST_KEY_SIZE] = {1};

    buffer_clear(record);
    buffer_put_u8(record, RECORD_VERSION);
    record_put_instant(record, stage->now);
    buffer_put(record, bytes_of(key, sizeof key));
    buffer_put_be(record, CODE_OFFLINE, 4);
    buffer_put_u8(record, (uint8_t)outcome);
    buffer_put_be(record, TRACKER_JSON, 4);
    buffer_put_be(record, 0, 4);
}

Test(engine_records, an_answer_that_cannot_be_is_refused)
{
    struct buffer record = {0};

    put_answer(&record, OUTCOME_UNKNOWN + 1);
    cr_expect_eq(recover(JOURNAL_ANSWER, 5, &record), -EBADMSG);
    put_answer(&record, OUTCOME_UNKNOWN);
    expect_whole_only(JOURNAL_ANSWER, 5, &record);
    cr_expect_eq(engine_totals(stage->engine).remembered, 0);
    cr_expect_eq(recover(JOURNAL_ANSWER, 5, &record), 0);
    cr_expect_eq(engine_totals(stage->engine).remembered, 1);
    buffer_release(&record);
}

static void put_states(struct buffer *record, unsigned outputs)
{
    buffer_clear(record);
    buffer_put_u8(record, RECORD_VERSION);
    buffer_put_be(record, 3, 8);
    buffer_put_be(record, 1, 8);
    buffer_put_be(record, (uint64_t)stage->now.wall_ms, 8);
    buffer_put_u8(record, (uint8_t)outputs);
}

Test(engine_records, states_that_cannot_be_are_refused)
{
    struct buffer record = {0};

    put_states(&record, REGISTRY_OUTPUTS_MAX + 1);
    cr_expect_eq(recover(JOURNAL_STATES, TRACKER_JSON, &record), -EBADMSG);
    put_states(&record, 3);
    cr_expect_eq(recover(JOURNAL_STATES, 0, &record), -EBADMSG);
    cr_expect_eq(recover(JOURNAL_STATES, (uint64_t)INT32_MAX + 1, &record), -EBADMSG);
    expect_whole_only(JOURNAL_STATES, TRACKER_JSON, &record);
    cr_expect_eq(recover(JOURNAL_STATES, TRACKER_JSON, &record), 0);
    buffer_release(&record);
}

Test(engine_records, a_request_that_cannot_be_is_refused)
{
    struct pending *p = pending_new(bytes_of_text("client/1"), bytes_of_text("c"));
    struct buffer record = {0};

    p->id = p->command.id = 5;
    p->tracker_id = TRACKER_JSON;
    p->command.output = 1;
    p->arrived = stage->now;
    p->deadline_ms = stage->now.mono_ms + 1000;
    pending_to_record(p, stage->now, &record);
    pending_free(p);
    cr_expect_eq(recover(JOURNAL_REQUEST, 6, &record), -EBADMSG, "it is number 5");
    expect_whole_only(JOURNAL_REQUEST, 5, &record);
    cr_expect_eq(engine_totals(stage->engine).pending, 0);
    cr_expect_eq(recover(JOURNAL_REQUEST, 5, &record), 0);
    cr_expect_eq(engine_totals(stage->engine).pending, 1);
    buffer_release(&record);
}

/* --- the outbox tells --- */

/* Its ack, or its deadline, was faster. */
Test(engine_records, what_is_told_of_a_command_whose_request_has_ended_changes_nothing)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);
    uint64_t id = command->id;

    engine_command_sent(stage->engine, id, stage->now); /* once more */
    stage_ack(command);
    stage_turn();
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    engine_command_sent(stage->engine, id, stage->now);
    engine_command_refused(stage->engine, id, stage->now);
    stage_turn();
    expect_nothing();
    EXPECT_COUNTED(publishes_refused, 1);
    engine_free(NULL);
}

/* The broker's answer comes after the command has left. */
Test(engine_records, a_command_that_the_broker_refuses_later_ends_its_request)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_turn();
    engine_command_refused(stage->engine, command->id, stage->now);
    expect_reply(CODE_UNEXPECTED, OUTCOME_UNKNOWN);
    EXPECT_COUNTED(publishes_refused, 1);
}

/* Its tracker's queue is not at its turn yet. */
Test(engine_records, a_refusal_of_a_command_that_was_never_staged_changes_nothing)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_set(TRACKER_JSON, 2, true);
    stage_turn();
    expect_nothing();
    engine_command_refused(stage->engine, command->id + 1, stage->now);
    stage_turn();
    expect_nothing();
    cr_assert_eq(engine_totals(stage->engine).pending, 2);
}
