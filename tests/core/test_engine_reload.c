/* Reload and drain: no pending request is lost. */
#include <criterion/criterion.h>

#include "support/engine_stage.h"

TestSuite(engine_reload, .init = stage_open, .fini = stage_close, .timeout = 10);
TestSuite(engine_drain, .init = stage_open, .fini = stage_close, .timeout = 10);

Test(engine_reload, what_is_in_flight_and_what_waits_go_on)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_set(TRACKER_JSON, 2, true);
    stage_reload();
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_ack((stage_turn(), expect_command(TRACKER_JSON, "2 on")));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_reload, the_same_request_is_still_the_same)
{
    stage_set(TRACKER_JSON, 1, true, .correlation = "c");
    stage_reload();
    stage_set(TRACKER_JSON, 1, true, .correlation = "c");
    expect_command(TRACKER_JSON, "1 on");
    stage_turn();
    expect_nothing();
}

Test(engine_reload, a_command_in_flight_keeps_the_profile_that_it_was_made_with)
{
    stage_set(TRACKER_ECHO, 1, true);
    stage_turn();
    expect_command(TRACKER_ECHO, "Enable1\r");
    stage_set(TRACKER_ECHO, 2, true);
    stage->without_profile = "echo";
    stage_reload();
    stage_tell(TRACKER_ECHO, "OK;Enable1");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_reply(CODE_UNKNOWN_MODEL, OUTCOME_NOT_SENT);
    stage_turn();
    expect_nothing();
}

Test(engine_reload, where_the_ack_topic_went_with_the_profile_the_deadline_ends_it)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_OWN, 1, true);

    stage->without_profile = "own";
    stage_reload();
    stage_ack(command);
    expect_nothing();
    stage_advance(4000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
}

Test(engine_reload, a_new_session_is_known_at_once)
{
    stage_session(HASH_MASTER)->hash = NULL;
    stage_reload();
    stage_set(TRACKER_JSON, 1, true);
    expect_reply(CODE_USER_NOT_FOUND, OUTCOME_NOT_SENT);
    stage->sessions[0].hash = HASH_MASTER;
    stage_reload();
    stage_set(TRACKER_JSON, 1, true);
    expect_command(TRACKER_JSON, "1 on");
}

Test(engine_reload, new_limits_count_at_once)
{
    stage_set_and_send(TRACKER_JSON, 1, true);
    stage->config.store.tracker_queue_max = 1;
    stage->config.ack_timeout_ms = 500;
    stage_reload();
    stage_set(TRACKER_JSON, 2, true);
    stage_set(TRACKER_JSON, 3, true);
    expect_reply(CODE_QUEUE_ERROR, OUTCOME_NOT_SENT);
    stage_advance(500);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    expect_nothing(); /* the first one has its deadline already */
}

Test(engine_reload, without_a_new_registry_the_old_one_stays)
{
    engine_reload(stage->engine, &stage->config, NULL, stage_profiles());
    engine_reload(stage->engine, &stage->config, NULL, NULL);
    stage_ack(stage_set_and_send(TRACKER_JSON, 1, true));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_reload, the_filters_are_those_of_the_profiles)
{
    static const char all[] = "tracker/+/output/ack\0dev/+/ack\0tracker/+/status\0dev/+/presence";
    struct buffer filters = {0};
    size_t count;

    cr_assert_eq(engine_filters(stage->engine, &filters, &count), 2u);
    cr_assert_eq(count, 4u);
    cr_assert_eq(filters.len, sizeof all);
    cr_assert_arr_eq(filters.data, all, sizeof all);
    buffer_clear(&filters);
    stage->without_profile = "own";
    stage_reload();
    cr_assert_eq(engine_filters(stage->engine, &filters, &count), 1u);
    cr_assert_eq(count, 2u);
    buffer_release(&filters);
}

Test(engine_reload, rules_that_were_made_apart_are_taken_and_the_old_ones_handed_back)
{
    struct rules rules;
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_tracker(TRACKER_MSGPACK)->tracker.blocked = true;
    rules_make(&rules, stage_registry(), stage_profiles(), stage->config.prefix);
    engine_take(stage->engine, &stage->config, &rules);
    cr_assert(rules.registry && rules.profiles && rules.model_profiles);
    cr_expect_not(registry_find_tracker(rules.registry, TRACKER_MSGPACK)->blocked, "these are the old ones");
    rules_release(&rules);
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_set(TRACKER_MSGPACK, 1, true);
    expect_reply(CODE_DEVICE_BLOCKED, OUTCOME_NOT_SENT);
}

Test(engine_reload, profiles_that_stay_are_not_handed_back)
{
    struct rules rules;

    rules_make(&rules, stage_registry(), engine_profiles(stage->engine), stage->config.prefix);
    engine_take(stage->engine, &stage->config, &rules);
    cr_expect_not_null(rules.registry);
    cr_expect_null(rules.profiles);
    rules_release(&rules);
    stage_ack(stage_set_and_send(TRACKER_JSON, 1, true));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

/* --- drain --- */

Test(engine_drain, what_waits_is_8_not_sent_at_once_and_what_is_in_flight_waits_for_its_ack)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_set(TRACKER_JSON, 2, true);
    engine_drain(stage->engine, stage->now);
    expect_reply(CODE_QUEUE_ERROR, OUTCOME_NOT_SENT);
    expect_nothing();
    stage_advance(4999);
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    cr_assert_eq(engine_totals(stage->engine).pending, 0u);
    stage_advance(1);
    expect_nothing();
}

Test(engine_drain, what_is_in_flight_is_8_unknown_once_it_is_over)
{
    stage_set_and_send(TRACKER_JSON, 1, true);
    stage_set_and_send(TRACKER_JSON_2, 2, true);
    engine_drain(stage->engine, stage->now);
    cr_assert(engine_is_draining(stage->engine));
    cr_assert_eq(engine_wait_ms(stage->engine, stage->now), 5000);
    stage_advance(4999);
    expect_nothing();
    stage_advance(1);
    expect_reply(CODE_QUEUE_ERROR, OUTCOME_UNKNOWN);
    expect_reply(CODE_QUEUE_ERROR, OUTCOME_UNKNOWN);
    expect_nothing();
    cr_assert_eq(engine_totals(stage->engine).pending, 0u);
}

Test(engine_drain, a_deadline_before_its_end_counts_as_ever)
{
    stage_set(TRACKER_JSON, 1, true, .has_expiry = true, .expiry_s = 2);
    stage_turn();
    expect_command(TRACKER_JSON, "1 on");
    engine_drain(stage->engine, stage->now);
    stage_advance(2000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
}

Test(engine_drain, a_staged_command_that_has_not_left_is_cancelled)
{
    stage_set(TRACKER_JSON, 1, true);
    expect_command(TRACKER_JSON, "1 on");
    engine_drain(stage->engine, stage->now);
    expect_cancel(1);
    expect_reply(CODE_QUEUE_ERROR, OUTCOME_NOT_SENT);
    stage_turn();
    expect_nothing();
}

Test(engine_drain, new_requests_are_8_and_duplicates_are_served)
{
    stage_set(TRACKER_JSON, 1, true, .correlation = "c");
    stage_turn();
    stage_ack(expect_command(TRACKER_JSON, "1 on"));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    engine_drain(stage->engine, stage->now);
    stage_set(TRACKER_JSON, 1, true, .correlation = "d");
    expect_reply(CODE_QUEUE_ERROR, OUTCOME_NOT_SENT);
    stage_set(TRACKER_JSON, 9, true);
    expect_reply(CODE_NOT_SUPPORTED, OUTCOME_NOT_SENT);
    stage_set(TRACKER_JSON, 1, true, .correlation = "c");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_turn();
    expect_nothing();
}

Test(engine_drain, nothing_starts_any_more_when_presence_is_read_back)
{
    engine_presence_reading(stage->engine);
    stage_set(TRACKER_JSON, 1, true);
    engine_drain(stage->engine, stage->now);
    expect_reply(CODE_QUEUE_ERROR, OUTCOME_NOT_SENT);
    stage_reconnect();
    stage_turn();
    expect_nothing();
}
