#include "core/store.h"

#include <criterion/criterion.h>

#include "support/store_teller.h"

TestSuite(store_duplicates, .init = teller_open, .fini = teller_close, .timeout = 30);

/* --- accepted requests --- */

Test(store_duplicates, same_request_is_pending_until_it_is_answered)
{
    SUBMIT(1, 7, .key = 1);
    SUBMIT(2, 7, .key = 1);
    SUBMIT(3, 7, .key = 2);
    SUBMIT(4, 7, .key = 2, .dup = true);
    EXPECT_TOLD("new 1; turn 1; pending 2; new 3; pending 4");
    teller_end(1, CODE_OFFLINE, OUTCOME_UNKNOWN, 0);
    SUBMIT(5, 7, .key = 1);
    EXPECT_TOLD("done 1; turn 3; answered 5 (213 unknown)");
    teller_ack(3);
    SUBMIT(6, 7, .key = 2, .dup = true);
    EXPECT_TOLD("done 3; answered 6 (0 success)");
    cr_expect_eq(teller.store.pending, 0);
}

Test(store_duplicates, answer_is_remembered_for_the_window_and_no_longer)
{
    SUBMIT(1, 7, .key = 1);
    teller_pass(400);
    teller_ack(1);
    cr_expect_eq(store_wait_ms(&teller.store, teller.now_ms), TELLER_WINDOW_MS, "the window runs from the answer");
    teller_pass(TELLER_WINDOW_MS - 1);
    SUBMIT(2, 7, .key = 1);
    EXPECT_TOLD("new 1; turn 1; done 1; answered 2 (0 success)");
    teller_pass(1);
    EXPECT_TOLD("forgot 1");
    cr_expect_eq(store_wait_ms(&teller.store, teller.now_ms), -1);
    SUBMIT(3, 7, .key = 1);
    EXPECT_TOLD("new 3; turn 3");
}

Test(store_duplicates, several_answers_are_forgotten_at_once)
{
    for (uint64_t id = 1; id <= 3; id++) {
        SUBMIT(id, 7);
        teller_ack(id);
    }
    buffer_clear(&teller.told);
    teller_pass(TELLER_WINDOW_MS);
    EXPECT_TOLD("forgot 1; forgot 2; forgot 3");
}

Test(store_duplicates, uncorrelated_request_is_one_of_its_own)
{
    SUBMIT(1, 7, .key = 1, .uncorrelated = true);
    SUBMIT(2, 7, .key = 1, .uncorrelated = true);
    teller_ack(1);
    teller_ack(2);
    SUBMIT(3, 7, .key = 1, .uncorrelated = true);
    EXPECT_TOLD("new 1; turn 1; new 2; done 1; forgot 1; turn 2; done 2; forgot 2; new 3; turn 3");
}

Test(store_duplicates, uncorrelated_redelivery_is_the_same_request)
{
    SUBMIT(1, 7, .key = 1, .uncorrelated = true);
    SUBMIT(2, 7, .key = 1, .uncorrelated = true, .dup = true);
    EXPECT_TOLD("new 1; turn 1; pending 2");
    teller_ack(1);
    SUBMIT(3, 7, .key = 1, .uncorrelated = true, .dup = true);
    EXPECT_TOLD("done 1; answered 3 (0 success)");
}

Test(store_duplicates, redelivery_of_the_unknown_is_a_new_request)
{
    SUBMIT(1, 7, .key = 1, .dup = true);
    SUBMIT(2, 7, .key = 2, .uncorrelated = true, .dup = true);
    EXPECT_TOLD("new 1; turn 1; new 2");
}

Test(store_duplicates, repeated_request_that_a_check_now_refuses_is_still_the_same)
{
    SUBMIT(1, 7, .key = 1);
    SUBMIT(2, 7, .key = 1, .refused = CODE_OFFLINE);
    teller_ack(1);
    SUBMIT(3, 7, .key = 1, .refused = CODE_OFFLINE);
    EXPECT_TOLD("new 1; turn 1; pending 2; done 1; answered 3 (0 success)");
}

Test(store_duplicates, remembered_requests_are_limited)
{
    teller.store.limits.dedup_max = 2;
    SUBMIT(1, 7);
    teller_ack(1);
    SUBMIT(2, 7);
    SUBMIT(3, 8);
    EXPECT_TOLD("new 1; turn 1; done 1; new 2; turn 2; new 3 (8 not_sent)");
    SUBMIT(4, 8, .refused = CODE_OFFLINE);
    teller_pass(TELLER_WINDOW_MS);
    SUBMIT(5, 8);
    EXPECT_TOLD("new 4 (213 not_sent); forgot 1; new 5; turn 5");
}

/* --- refused ones --- */

Test(store_duplicates, refused_request_is_judged_anew)
{
    SUBMIT(1, 7, .key = 1, .refused = CODE_OFFLINE);
    SUBMIT(2, 7, .key = 1, .refused = CODE_DEVICE_BLOCKED);
    SUBMIT(3, 7, .key = 1);
    EXPECT_TOLD("new 1 (213 not_sent); new 2 (208 not_sent); new 3; turn 3");
    cr_expect_eq(teller.store.seen.refused_count, 0);
}

Test(store_duplicates, redelivery_of_a_refused_request_gets_the_same_reply)
{
    SUBMIT(1, 7, .key = 1, .refused = CODE_OFFLINE);
    SUBMIT(2, 7, .key = 1, .dup = true);
    SUBMIT(3, 7, .key = 1, .dup = true, .refused = CODE_DEVICE_BLOCKED);
    EXPECT_TOLD("new 1 (213 not_sent); answered 2 (213 not_sent); answered 3 (213 not_sent)");
    teller_pass(TELLER_WINDOW_MS - 1);
    SUBMIT(4, 7, .key = 1, .uncorrelated = true, .dup = true);
    EXPECT_TOLD("answered 4 (213 not_sent)");
    teller_pass(1);
    SUBMIT(5, 7, .key = 1, .dup = true);
    EXPECT_TOLD("new 5; turn 5");
}

Test(store_duplicates, redelivery_gets_the_latest_of_several_refusals)
{
    SUBMIT(1, 7, .key = 1, .refused = CODE_OFFLINE);
    SUBMIT(2, 7, .key = 1, .refused = CODE_DEVICE_BLOCKED);
    SUBMIT(3, 7, .key = 1, .dup = true);
    EXPECT_TOLD("new 1 (213 not_sent); new 2 (208 not_sent); answered 3 (208 not_sent)");
}

Test(store_duplicates, redelivery_of_what_found_no_room_gets_the_same_reply)
{
    teller.store.limits.pending_max = 1;
    SUBMIT(1, 7, .key = 1);
    SUBMIT(2, 7, .key = 2);
    teller_ack(1);
    SUBMIT(3, 7, .key = 2, .dup = true);
    SUBMIT(4, 7, .key = 2);
    EXPECT_TOLD("new 1; turn 1; new 2 (8 not_sent); done 1; answered 3 (8 not_sent); new 4; turn 4");
}

Test(store_duplicates, refusal_does_not_hide_what_is_pending_or_answered)
{
    SUBMIT(1, 7, .key = 1, .uncorrelated = true);
    SUBMIT(2, 7, .key = 1, .uncorrelated = true, .refused = CODE_OFFLINE);
    SUBMIT(3, 7, .key = 1, .uncorrelated = true, .dup = true);
    teller_ack(1);
    SUBMIT(4, 7, .key = 1, .uncorrelated = true, .refused = CODE_OFFLINE);
    SUBMIT(5, 7, .key = 1, .uncorrelated = true, .dup = true);
    EXPECT_TOLD("new 1; turn 1; new 2 (213 not_sent); pending 3; done 1; new 4 (213 not_sent); answered 5 (0 success)");
}

Test(store_duplicates, only_the_latest_refusals_are_remembered)
{
    for (uint64_t id = 1; id <= 7; id++)
        SUBMIT(id, 7, .key = (unsigned)id, .refused = CODE_OFFLINE);
    cr_expect_eq(teller.store.seen.refused_count, 5);
    buffer_clear(&teller.told);
    SUBMIT(8, 7, .key = 2, .dup = true);
    SUBMIT(9, 7, .key = 3, .dup = true);
    EXPECT_TOLD("new 8; turn 8; answered 9 (213 not_sent)");
}

/* --- after a restart --- */

static struct pending answer_of(uint64_t id, unsigned key)
{
    struct pending answer = {.id = id, .code = CODE_WRONG_STATUS, .outcome = OUTCOME_REJECTED};

    answer.key.bytes[0] = (uint8_t)key;
    return answer;
}

Test(store_duplicates, recovered_answer_is_remembered_for_the_rest_of_its_window)
{
    struct pending answer = answer_of(1, 1);

    store_recover_answer(&teller.store, &answer, 300);
    SUBMIT(2, 7, .key = 1);
    EXPECT_TOLD("answered 2 (266 rejected)");
    teller_pass(300);
    EXPECT_TOLD("forgot 1");
    SUBMIT(3, 7, .key = 1);
    EXPECT_TOLD("new 3; turn 3");
}

Test(store_duplicates, of_recovered_answers_the_last_one_counts)
{
    struct pending first = answer_of(1, 1);
    struct pending second = answer_of(2, 1);

    second.code = CODE_SUCCESS;
    second.outcome = OUTCOME_SUCCESS;
    store_recover_answer(&teller.store, &first, 300);
    store_recover_answer(&teller.store, &second, 300);
    SUBMIT(3, 7, .key = 1);
    EXPECT_TOLD("forgot 1; answered 3 (0 success)");
}

Test(store_duplicates, recovered_refusal_is_remembered_for_redeliveries)
{
    struct pending refusal = answer_of(1, 1);

    store_recover_refusal(&teller.store, &refusal, 0);
    SUBMIT(2, 7, .key = 1, .dup = true);
    SUBMIT(3, 7, .key = 1);
    EXPECT_TOLD("answered 2 (266 rejected); new 3; turn 3");
    store_recover_refusal(&teller.store, &refusal, 0);
    SUBMIT(4, 7, .key = 1, .dup = true);
    EXPECT_TOLD("pending 4");
}

Test(store_duplicates, recovered_request_is_answered_as_any_other)
{
    RECOVER(1, 7, .key = 1, .state = PENDING_SENT);
    RECOVER(2, 7, .key = 2, .state = PENDING_QUEUED);
    teller_ack(1);
    SUBMIT(3, 7, .key = 1);
    SUBMIT(4, 7, .key = 2);
    EXPECT_TOLD("done 1; turn 2; answered 3 (0 success); pending 4");
}
