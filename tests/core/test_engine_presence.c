/* Presence: who is not known to be online is offline, and on start requests wait until it is known. */
#include <criterion/criterion.h>

#include "support/engine_stage.h"

TestSuite(engine_presence, .init = stage_open, .fini = stage_close, .timeout = 10);

#define STATUS "tracker/101/status"

static void says(const char *topic, const char *payload)
{
    stage_publish(&(struct stage_publish){.topic = topic, .payload = payload});
}

static bool is_online(int32_t tracker)
{
    uint64_t before = engine_counters(stage->engine)->requests_accepted;

    stage_set(tracker, 1, true);
    if (engine_counters(stage->engine)->requests_accepted == before) {
        expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
        return false;
    }
    stage_turn();
    stage_ack(expect_command(tracker, "1 on"));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    return true;
}

Test(engine_presence, a_tracker_is_what_it_said_last)
{
    cr_assert(is_online(TRACKER_JSON));
    says(STATUS, "offline");
    cr_assert_not(is_online(TRACKER_JSON));
    says(STATUS, "online");
    cr_assert(is_online(TRACKER_JSON));
    says(STATUS, "{\"online\": false}");
    cr_assert_not(is_online(TRACKER_JSON));
    says(STATUS, "{\"online\": true}");
    cr_assert(is_online(TRACKER_JSON));
    EXPECT_COUNTED(presence_changes, STAGE_TRACKERS + 4);
}

Test(engine_presence, a_cleared_message_is_offline)
{
    stage_publish(&(struct stage_publish){.topic = STATUS, .payload = ""});
    cr_assert_not(is_online(TRACKER_JSON));
}

Test(engine_presence, what_cannot_be_read_changes_nothing_and_is_counted)
{
    static char large[5000];
    static const char *const bad[] = {"ONLINE", "1", "{\"online\": 1}", "{\"online\": tru", "\xff", "online "};

    memset(large, ' ', sizeof large - 1);
    memcpy(large, "{\"online\":false}", 16);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        says(STATUS, bad[i]);
    says(STATUS, large);
    EXPECT_COUNTED(presence_unreadable, 7);
    cr_assert(is_online(TRACKER_JSON));
}

Test(engine_presence, topics_that_name_no_tracker_change_nothing)
{
    size_t trackers = engine_totals(stage->engine).trackers;

    says("tracker/0/status", "online");
    says("tracker/0101/status", "offline");
    says("tracker/+101/status", "offline");
    says("tracker/2147483648/status", "online");
    says("tracker//status", "online");
    says("tracker/x/status", "online");
    says("tracker/101/status/x", "offline");
    cr_assert_eq(engine_totals(stage->engine).trackers, trackers);
    cr_assert(is_online(TRACKER_JSON));
}

Test(engine_presence, a_topic_of_another_profile_changes_nothing)
{
    says("dev/IMEI-101/presence", "offline"); /* of a json tracker's device_id */
    says("tracker/114/status", "offline");    /* of one that says so elsewhere */
    cr_assert(is_online(TRACKER_JSON));
    cr_assert(is_online(TRACKER_OWN));
    says("dev/IMEI-114/presence", "offline");
    cr_assert_not(is_online(TRACKER_OWN));
}

Test(engine_presence, a_tracker_that_enters_the_registry_is_online_if_it_said_so_before)
{
    stage_tracker(TRACKER_JSON)->tracker.id = 0;
    stage_reload();
    says(STATUS, "offline");
    says(STATUS, "online");
    stage_tracker(TRACKER_JSON)->tracker.id = TRACKER_JSON;
    stage_reload();
    cr_assert(is_online(TRACKER_JSON));
}

Test(engine_presence, no_more_trackers_are_kept_than_configured)
{
    stage->config.trackers_max = STAGE_TRACKERS;
    says("tracker/5000/status", "online");
    EXPECT_COUNTED(presence_overflow, 1);
    says(STATUS, "offline");
    says("tracker/5000/status", "online");
    EXPECT_COUNTED(presence_overflow, 1);
    cr_assert_eq(engine_totals(stage->engine).online, (size_t)STAGE_TRACKERS);
}

/* --- going offline --- */

Test(engine_presence, going_offline_ends_what_waits_and_leaves_what_is_in_flight)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_set(TRACKER_JSON, 2, true, .request_id = "2");
    stage_set(TRACKER_JSON, 3, true, .request_id = "3");
    stage_set(TRACKER_JSON_2, 1, true);
    expect_command(TRACKER_JSON_2, "1 on");
    stage_offline(TRACKER_JSON);
    cr_assert_str_eq(expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT)->request_id, "2");
    cr_assert_str_eq(expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT)->request_id, "3");
    expect_nothing();
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_turn();
    expect_nothing();
}

Test(engine_presence, in_flight_of_an_offline_tracker_still_times_out)
{
    stage_set_and_send(TRACKER_JSON, 1, true);
    stage_offline(TRACKER_JSON);
    expect_nothing();
    stage_advance(10000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    cr_assert_eq(engine_totals(stage->engine).trackers, STAGE_TRACKERS - 1u);
}

Test(engine_presence, offline_twice_is_offline_once)
{
    stage_offline(TRACKER_JSON);
    stage_offline(TRACKER_JSON);
    EXPECT_COUNTED(presence_changes, STAGE_TRACKERS + 1);
}

/* --- reading back --- */

Test(engine_presence, on_start_requests_wait_until_presence_is_read_and_then_run)
{
    stage_close();
    stage_open_cold();
    stage_set(TRACKER_JSON, 1, true, .request_id = "1");
    stage_set(TRACKER_JSON_2, 2, true, .request_id = "2");
    stage_set(TRACKER_JSON, 9, true, .request_id = "3");
    cr_assert_str_eq(expect_reply(CODE_NOT_SUPPORTED, OUTCOME_NOT_SENT)->request_id, "3"); /* no need to wait */
    stage_online(TRACKER_JSON);
    stage_turn();
    expect_nothing();
    stage_presence_read();
    /* In which order trackers have their turns is nobody's business. */
    stage_offline(TRACKER_MSGPACK);
    stage_turn();
    EXPECT_COUNTED(commands, 1);
    EXPECT_COUNTED(outcome_not_sent, 1);
}

Test(engine_presence, on_start_who_is_not_heard_of_is_offline)
{
    stage_close();
    stage_open_cold();
    stage_set(TRACKER_JSON, 1, true);
    stage_presence_read();
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    expect_nothing();
}

Test(engine_presence, waiting_for_presence_has_its_deadline)
{
    engine_presence_reading(stage->engine);
    stage_set(TRACKER_JSON, 1, true);
    stage_advance(10000);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
}

Test(engine_presence, after_a_reconnect_who_is_not_heard_of_is_offline)
{
    engine_presence_reading(stage->engine);
    stage_online(TRACKER_JSON_2);
    stage_presence_read();
    cr_assert_eq(engine_totals(stage->engine).online, 1u);
    cr_assert_not(is_online(TRACKER_JSON));
    cr_assert(is_online(TRACKER_JSON_2));
}

Test(engine_presence, while_it_is_read_back_no_command_starts)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_set(TRACKER_JSON, 2, true);
    engine_presence_reading(stage->engine);
    stage_set(TRACKER_JSON_2, 1, true);
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_turn();
    expect_nothing();
    stage_online(TRACKER_JSON);
    stage_presence_read();
    /* Either order: one is commanded, the other was not heard of. */
    stage_turn();
    EXPECT_COUNTED(commands, 2);
    EXPECT_COUNTED(outcome_not_sent, 1);
}

Test(engine_presence, what_is_in_flight_can_be_acked_while_it_is_read_back)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    engine_presence_reading(stage->engine);
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_presence, requests_that_waited_keep_their_order)
{
    engine_presence_reading(stage->engine);
    stage_set(TRACKER_JSON, 1, true);
    stage_set(TRACKER_JSON, 1, false);
    stage_reconnect();
    stage_ack((stage_turn(), expect_command(TRACKER_JSON, "1 on")));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_ack((stage_turn(), expect_command(TRACKER_JSON, "1 off")));
}
