/* A queued request is checked again when its turn comes: what changed meanwhile counts. */
#include <criterion/criterion.h>

#include "support/engine_stage.h"

static const struct stage_command *before;

/* One is in flight, another of the same tracker waits. */
static void queue_one(void)
{
    stage_open();
    before = stage_set_and_send(TRACKER_JSON, 1, true);
    stage_set(TRACKER_JSON, 2, true, .request_id = "2");
    expect_nothing();
}

TestSuite(engine_recheck, .init = queue_one, .fini = stage_close, .timeout = 10);

/* The turn of the one that waits comes, and it ends so. */
static void its_turn_ends(enum code code)
{
    stage_ack(before);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    cr_assert_str_eq(expect_reply(code, OUTCOME_NOT_SENT)->request_id, "2");
    stage_turn();
    expect_nothing();
    cr_assert_eq(engine_totals(stage->engine).pending, 0u);
}

Test(engine_recheck, nothing_changed_and_it_is_sent)
{
    stage_ack(before);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_command(TRACKER_JSON, "2 on");
}

Test(engine_recheck, a_revoked_session_is_4)
{
    stage_session(HASH_MASTER)->hash = NULL;
    stage_reload();
    its_turn_ends(CODE_USER_NOT_FOUND);
}

Test(engine_recheck, an_expired_session_is_4)
{
    stage_ack(before);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_ack((stage_turn(), expect_command(TRACKER_JSON, "2 on")));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    before = stage_set_and_send(TRACKER_JSON, 1, true);
    stage_set(TRACKER_JSON, 2, true, .hash = HASH_SHORT, .request_id = "2");
    stage_advance(STAGE_SHORT_MS);
    its_turn_ends(CODE_USER_NOT_FOUND);
}

Test(engine_recheck, a_blocked_user_is_275)
{
    stage_user(USER_OWNER)->blocked = true;
    stage_reload();
    its_turn_ends(CODE_USER_BLOCKED);
}

Test(engine_recheck, a_right_that_was_taken_away_is_13)
{
    stage_session(HASH_MASTER)->session.master = false;
    stage_reload();
    its_turn_ends(CODE_NOT_PERMITTED);
}

Test(engine_recheck, a_tracker_that_is_gone_is_204)
{
    stage_tracker(TRACKER_JSON)->tracker.id = 0;
    stage_reload();
    /* Nobody acks for it any more: the command in flight runs out, and the other with it. */
    stage_advance(10000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    expect_reply(CODE_NOT_FOUND, OUTCOME_NOT_SENT);
    expect_nothing();
}

Test(engine_recheck, a_tracker_of_another_account_is_204)
{
    stage_tracker(TRACKER_JSON)->tracker.user_id = USER_OTHER;
    stage_reload();
    its_turn_ends(CODE_NOT_FOUND);
}

Test(engine_recheck, a_blocked_tracker_is_208)
{
    stage_tracker(TRACKER_JSON)->tracker.blocked = true;
    stage_reload();
    its_turn_ends(CODE_DEVICE_BLOCKED);
}

Test(engine_recheck, a_clone_is_219)
{
    stage_tracker(TRACKER_JSON)->tracker.clone = true;
    stage_reload();
    its_turn_ends(CODE_CLONE);
}

Test(engine_recheck, a_model_that_nothing_serves_any_more_is_220)
{
    stage_tracker(TRACKER_JSON)->model = "abacus";
    stage_reload();
    its_turn_ends(CODE_UNKNOWN_MODEL);
}

Test(engine_recheck, an_output_that_is_reserved_now_is_214)
{
    stage_tracker(TRACKER_JSON)->tracker.has_reserved = true;
    stage_tracker(TRACKER_JSON)->tracker.reserved = 2;
    stage_reload();
    its_turn_ends(CODE_NOT_SUPPORTED);
}

Test(engine_recheck, an_output_that_is_not_there_any_more_is_214)
{
    stage_tracker(TRACKER_JSON)->tracker.outputs = 1;
    stage_reload();
    its_turn_ends(CODE_NOT_SUPPORTED);
}

Test(engine_recheck, a_tracker_that_went_offline_is_213_at_once)
{
    stage_offline(TRACKER_JSON);
    cr_assert_str_eq(expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT)->request_id, "2");
    stage_ack(before);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_nothing();
}

Test(engine_recheck, what_waits_behind_a_refused_one_has_its_turn_at_once)
{
    stage_set(TRACKER_JSON, 3, true);
    stage_tracker(TRACKER_JSON)->tracker.has_reserved = true;
    stage_tracker(TRACKER_JSON)->tracker.reserved = 2;
    stage_reload();
    stage_ack(before);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_reply(CODE_NOT_SUPPORTED, OUTCOME_NOT_SENT);
    expect_command(TRACKER_JSON, "3 on");
}

Test(engine_recheck, the_rate_limit_is_not_charged_again)
{
    stage_ack(before);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_ack((stage_turn(), expect_command(TRACKER_JSON, "2 on")));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage->config.user_rate = 0.001;
    stage->config.user_burst = 2;
    before = stage_set_and_send(TRACKER_JSON, 1, true);
    stage_set(TRACKER_JSON, 2, true);
    stage_set(TRACKER_JSON, 3, true);
    expect_reply(CODE_TOO_MANY_REQUESTS, OUTCOME_NOT_SENT);
    stage_ack(before);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_command(TRACKER_JSON, "2 on");
}

Test(engine_recheck, a_limit_on_new_requests_does_not_touch_it)
{
    engine_set_full(stage->engine, true);
    stage_ack(before);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_command(TRACKER_JSON, "2 on");
}

Test(engine_recheck, the_command_is_made_as_the_registry_stands_at_its_turn)
{
    stage_ack(before);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_tracker(TRACKER_JSON)->model = "generic_msgpack";
    stage_reload();
    stage_ack((stage_turn(), expect_command(TRACKER_JSON, "2 on")));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_set(TRACKER_JSON, 3, true);
    cr_assert_str_eq(expect_command(TRACKER_JSON, "3 on")->content_type, "application/msgpack");
}
