/* The last acked states of outputs, as they are published. */
#include <criterion/criterion.h>

#include "support/engine_stage.h"

TestSuite(engine_states, .init = stage_open, .fini = stage_close, .timeout = 10);

#define TOPIC "tracker/101/output/state"

static void succeed(int32_t tracker, int32_t output, bool enable)
{
    stage_ack(stage_set_and_send(tracker, output, enable));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_turn();
    stage_deliver();
}

Test(engine_states, what_was_acked_is_published_once_and_the_rest_is_null)
{
    expect_no_state();
    succeed(TRACKER_JSON, 2, true);
    expect_state(TOPIC, "null, true, null");
    expect_no_state();
    succeed(TRACKER_JSON, 2, false);
    succeed(TRACKER_JSON, 1, true);
    expect_state(TOPIC, "true, false, null");
    expect_no_state();
    EXPECT_COUNTED(states_published, 2);
}

Test(engine_states, a_batch_states_every_output)
{
    stage_set_all(TRACKER_JSON, "1,0,1");
    stage_turn();
    stage_ack(expect_command(TRACKER_JSON, "1,0,1"));
    expect_state(TOPIC, "true, false, true");
}

Test(engine_states, what_was_not_acked_is_no_state)
{
    stage_refuse(stage_set_and_send(TRACKER_JSON, 1, true));
    expect_no_state();
    stage_set(TRACKER_JSON_2, 1, true);
    stage_turn();
    stage_advance(10000);
    expect_no_state();
}

Test(engine_states, changes_that_come_before_it_is_published_are_published_as_one)
{
    succeed(TRACKER_JSON, 1, true);
    succeed(TRACKER_JSON, 1, false);
    succeed(TRACKER_JSON_2, 3, true);
    succeed(TRACKER_JSON, 3, true);
    expect_state(TOPIC, "false, null, true");
    expect_state("tracker/102/output/state", "null, null, true");
    expect_no_state();
}

Test(engine_states, the_same_state_again_is_published_again)
{
    succeed(TRACKER_JSON, 1, true);
    expect_state(TOPIC, "true, null, null");
    succeed(TRACKER_JSON, 1, true);
    expect_state(TOPIC, "true, null, null");
}

Test(engine_states, only_what_waits_since_then_is_published)
{
    struct buffer topic = {0};
    struct buffer payload = {0};
    uint64_t acked_ms = stage->now.mono_ms;

    succeed(TRACKER_JSON, 1, true);
    stage_advance(500);
    succeed(TRACKER_JSON, 2, true); /* its waiting began with the first change */
    cr_assert_not(engine_next_state(stage->engine, acked_ms - 1, &(int32_t){0}, &topic, &payload));
    cr_assert(engine_has_states(stage->engine));
    cr_assert_eq(topic.len + payload.len, 0u);
    cr_assert(engine_next_state(stage->engine, acked_ms, &(int32_t){0}, &topic, &payload));
    cr_assert_not(engine_has_states(stage->engine));
    buffer_release(&topic);
    buffer_release(&payload);
}

Test(engine_states, a_state_says_when)
{
    struct buffer topic = {0};
    struct buffer payload = {0};

    stage->now.wall_ms = INT64_C(1795379760123);
    succeed(TRACKER_JSON, 1, true);
    cr_assert(engine_next_state(stage->engine, stage->now.mono_ms, &(int32_t){0}, &topic, &payload));
    cr_assert(bytes_equal_text(buffer_bytes(&payload),
                               "{\"outputs\": [true, null, null], \"updated_at\": \"2026-11-22T20:36:00.123Z\"}"),
              "%.*s", (int)payload.len, (char *)payload.data);
    buffer_release(&topic);
    buffer_release(&payload);
}

Test(engine_states, there_may_be_64_outputs)
{
    char all_on[2 * 64];
    char expected[64 * 7] = "";

    for (int i = 0; i < 64; i++) {
        all_on[2 * i] = i % 2 ? '0' : '1';
        all_on[2 * i + 1] = i < 63 ? ',' : '\0';
        strcat(strcat(expected, i ? ", " : ""), i % 2 && i < 63 ? "false" : "true");
    }
    stage_set_all(TRACKER_WIDE, all_on);
    stage_turn();
    stage_ack(expect_command(TRACKER_WIDE, all_on));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_set(TRACKER_WIDE, 64, true);
    stage_turn();
    stage_ack(expect_command(TRACKER_WIDE, "64 on"));
    expect_state("tracker/107/output/state", expected);
}

Test(engine_states, profiles_may_publish_elsewhere)
{
    succeed(TRACKER_OWN, 1, true);
    expect_state("dev/IMEI-114/state", "true, null");
}

Test(engine_states, states_outlive_a_crash_and_are_published_again)
{
    succeed(TRACKER_JSON, 1, true);
    expect_state(TOPIC, "true, null, null");
    stage_turn();
    stage_crash_and_recover();
    expect_state(TOPIC, "true, null, null");
    stage_reconnect();
    succeed(TRACKER_JSON, 3, false);
    expect_state(TOPIC, "true, null, false");
}

Test(engine_states, an_ack_of_a_command_from_before_a_crash_shows_every_output)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_crash_and_recover();
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_state(TOPIC, "true, null, null");
}

Test(engine_states, a_state_whose_ack_was_not_committed_is_gone_with_its_reply)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_crash_and_recover();
    expect_no_state();
    expect_nothing();
}

Test(engine_states, a_broker_that_kept_nothing_gets_every_state_again)
{
    succeed(TRACKER_JSON, 1, true);
    expect_state(TOPIC, "true, null, null");
    succeed(TRACKER_OWN, 2, true);
    engine_republish_states(stage->engine, stage->now);
    expect_state("dev/IMEI-114/state", "null, true"); /* it waits already */
    expect_state(TOPIC, "true, null, null");
    expect_no_state();
}

Test(engine_states, a_tracker_that_left_the_registry_has_no_state_to_publish)
{
    succeed(TRACKER_JSON, 1, true);
    succeed(TRACKER_JSON_2, 1, true);
    stage_tracker(TRACKER_JSON)->tracker.id = 0;
    stage_reload();
    expect_state("tracker/102/output/state", "true, null, null");
    expect_no_state();
}

Test(engine_states, wait_in_their_order_while_trackers_are_forgotten_and_come_back)
{
    succeed(TRACKER_JSON_2, 1, true);
    stage_offline(TRACKER_JSON); /* of which nothing else is known */
    stage_offline(TRACKER_OWN);
    stage_offline(TRACKER_JSON_2);
    stage_online(TRACKER_OWN); /* in the place of another one */
    stage_online(TRACKER_JSON);
    succeed(TRACKER_JSON, 2, true);
    succeed(TRACKER_OWN, 1, false);
    expect_state("tracker/102/output/state", "true, null, null");
    expect_state(TOPIC, "null, true, null");
    expect_state("dev/IMEI-114/state", "false, null");
    expect_no_state();
}
