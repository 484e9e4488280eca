/* What the fuzzers found in records of the journal. */
#include <criterion/criterion.h>
#include <errno.h>

#include "support/engine_stage.h"

TestSuite(recover_found, .init = stage_open_cold, .fini = stage_close);

/* An answer of the request with number 7. */
static int recover_answer(uint32_t code, uint8_t outcome)
{
    static const struct request_key key = {{7}};
    struct buffer record = {0};
    int r;

    buffer_put_u8(&record, RECORD_VERSION);
    record_put_instant(&record, stage->now);
    buffer_put(&record, bytes_of(key.bytes, REQUEST_KEY_SIZE));
    buffer_put_be(&record, code, 4);
    buffer_put_u8(&record, outcome);
    buffer_put_be(&record, TRACKER_JSON, 4);
    buffer_put_be(&record, 0, 4);
    r = engine_recover(stage->engine, JOURNAL_ANSWER, 7, buffer_bytes(&record), stage->now);
    buffer_release(&record);
    return r;
}

static int recover_request(const struct pending *wanted)
{
    struct pending *p = pending_new(bytes_of_text("reply"), (struct bytes){0});
    struct buffer record = {0};
    int r;

    p->id = 8;
    p->state = wanted->state;
    p->command = wanted->command;
    p->tracker_id = wanted->tracker_id;
    p->code = wanted->code;
    p->outcome = wanted->outcome;
    pending_to_record(p, stage->now, &record);
    r = engine_recover(stage->engine, JOURNAL_REQUEST, 8, buffer_bytes(&record), stage->now);
    buffer_release(&record);
    pending_free(p);
    return r;
}

/* Its reply would have no description: with MessagePack the end of the process,
 * at every start. */
Test(recover_found, a_code_that_is_none_is_refused)
{
    cr_expect_eq(recover_answer(1, OUTCOME_REJECTED), -EBADMSG);
    cr_expect_eq(recover_answer(UINT32_MAX, OUTCOME_UNKNOWN), -EBADMSG);
    cr_expect_eq(
        recover_request(&(struct pending){.state = PENDING_SETTLED, .code = (enum code)1, .outcome = OUTCOME_NOT_SENT}),
        -EBADMSG);
    cr_expect_eq(recover_answer(CODE_OFFLINE, OUTCOME_UNKNOWN), 0);
}

Test(recover_found, a_code_and_an_outcome_that_contradict_each_other_are_refused)
{
    cr_expect_eq(recover_answer(CODE_SUCCESS, OUTCOME_UNKNOWN), -EBADMSG);
    cr_expect_eq(recover_answer(CODE_OFFLINE, OUTCOME_SUCCESS), -EBADMSG);
    cr_expect_eq(recover_answer(CODE_SUCCESS, OUTCOME_SUCCESS), 0);
}

/* Once acked it would be noted as the state of an output that there cannot be.
 */
Test(recover_found, a_command_for_an_output_that_there_cannot_be_is_refused)
{
    struct pending p = {
        .state = PENDING_SENT, .tracker_id = TRACKER_JSON, .command = {.action = ACTION_SET, .output = 65}};

    cr_expect_eq(recover_request(&p), -EBADMSG);
    p.command.output = 0;
    cr_expect_eq(recover_request(&p), -EBADMSG);
    p.command = (struct command){.action = ACTION_SET_ALL, .output_count = 65};
    cr_expect_eq(recover_request(&p), -EBADMSG);
    p.command = (struct command){.action = ACTION_UNKNOWN};
    cr_expect_eq(recover_request(&p), -EBADMSG);
    p.command = (struct command){.action = ACTION_SET, .output = 64};
    p.tracker_id = 0;
    cr_expect_eq(recover_request(&p), -EBADMSG);
    p.tracker_id = TRACKER_JSON;
    cr_expect_eq(recover_request(&p), 0);
}
