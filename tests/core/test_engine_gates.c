/* Trackers that ack on one topic, and topics that are made of vars. */
#include <criterion/criterion.h>

#include "support/engine_stage.h"

static void open_gates(void)
{
    stage_open();
    stage->config.ack_partial_bytes_max = 64;
    stage_tracker(TRACKER_GATE)->tracker.id = TRACKER_GATE;
    stage_tracker(TRACKER_GATE_2)->tracker.id = TRACKER_GATE_2;
    stage_reload();
}

TestSuite(engine_gates, .init = open_gates, .fini = stage_close, .timeout = 10);

static void expect_no_strays(void)
{
    EXPECT_COUNTED(acks_unknown, 0);
    EXPECT_COUNTED(acks_late, 0);
    EXPECT_COUNTED(acks_duplicate, 0);
    EXPECT_COUNTED(acks_unrelated, 0);
    EXPECT_COUNTED(acks_malformed, 0);
}

static void tell_gate(const char *text)
{
    stage_publish(&(struct stage_publish){.topic = "gate/north/ack", .payload = text});
}

static uint64_t send_to_gate(int32_t tracker, const char *topic)
{
    const struct stage_command *command;

    stage_set(tracker, 2, true);
    stage_turn();
    command = expect_command(tracker, "on");
    cr_assert_str_eq(command->topic, topic);
    cr_assert_str_eq(command->ack_topic, "gate/north/ack");
    return command->id;
}

static void send_to_both(void)
{
    send_to_gate(TRACKER_GATE, "gate/north/IMEI-118/set/2");
    send_to_gate(TRACKER_GATE_2, "gate/north/IMEI-119/set/2");
}

Test(engine_gates, topics_may_be_made_of_vars)
{
    struct buffer filters = {0};
    size_t count;

    send_to_gate(TRACKER_GATE, "gate/north/IMEI-118/set/2");
    engine_filters(stage->engine, &filters, &count);
    cr_expect(memmem(filters.data, filters.len, "gate/+/ack", sizeof "gate/+/ack"));
    buffer_release(&filters);
    stage_publish(&(struct stage_publish){.topic = "gate/south/ack", .payload = "+IMEI-118;2 done$"});
    expect_nothing();
    tell_gate("+IMEI-118;2 done$");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_gates, ack_on_a_shared_topic_is_of_whom_it_names)
{
    uint64_t first = send_to_gate(TRACKER_GATE, "gate/north/IMEI-118/set/2");
    uint64_t second = send_to_gate(TRACKER_GATE_2, "gate/north/IMEI-119/set/2");

    tell_gate("+IMEI-119;2 done$");
    cr_expect_eq(expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS)->id, second);
    expect_nothing();
    tell_gate("+IMEI-118;2 failed$");
    cr_expect_eq(expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED)->id, first);
    EXPECT_COUNTED(acks_matched, 2);
    expect_no_strays();
}

Test(engine_gates, one_message_may_hold_acks_of_both)
{
    send_to_both();
    tell_gate("+IMEI-119;2 done$+IMEI-118;2 done$");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_no_strays();
}

Test(engine_gates, pieces_on_a_shared_topic_are_kept_for_both)
{
    send_to_both();
    tell_gate("+IMEI-11");
    tell_gate("8;2 done$+IMEI");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    tell_gate("-119;2 done$");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_no_strays();
}

Test(engine_gates, what_is_of_no_command_in_flight_may_be_anybodys)
{
    tell_gate("+IMEI-118;2 done$");
    tell_gate("+IMEI-200;1 done$");
    send_to_gate(TRACKER_GATE, "gate/north/IMEI-118/set/2");
    tell_gate("+IMEI-119;2 done$");
    tell_gate("+IMEI-200;2 failed$");
    expect_nothing();
    expect_no_strays();
    EXPECT_COUNTED(acks_matched, 0);
}

/* The one in flight is one of two, and nothing says which. */
Test(engine_gates, acks_that_repeat_nothing_are_of_nobody_where_two_share_the_topic)
{
    stage_tracker(TRACKER_GATE)->model = stage_tracker(TRACKER_GATE_2)->model = "mute_gate";
    stage_reload();
    send_to_both();
    tell_gate("done");
    expect_nothing();
    EXPECT_COUNTED(acks_unknown, 2);
    cr_expect_str_eq(stage->ignored_why, "trackers that repeat nothing share this topic");
    stage_advance(10000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
}

Test(engine_gates, tracker_that_has_the_topic_for_itself_need_repeat_nothing)
{
    stage_tracker(TRACKER_GATE)->model = "mute_gate";
    stage_tracker(TRACKER_GATE_2)->tracker.id = 0;
    stage_reload();
    send_to_gate(TRACKER_GATE, "gate/north/IMEI-118/set/2");
    tell_gate("done");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    tell_gate("done");
    expect_nothing();
    EXPECT_COUNTED(acks_duplicate, 1);
}

/* Its topic is its own, whatever another one of the same profile has. */
Test(engine_gates, tracker_that_moves_acks_elsewhere_after_a_reload)
{
    stage_tracker(TRACKER_GATE_2)->tracker.vars = "site\0south\0";
    stage_reload();
    send_to_gate(TRACKER_GATE, "gate/north/IMEI-118/set/2");
    stage_set(TRACKER_GATE_2, 2, true);
    stage_turn();
    cr_assert_str_eq(expect_command(TRACKER_GATE_2, "on")->ack_topic, "gate/south/ack");
    tell_gate("+IMEI-119;2 done$");
    expect_nothing();
    stage_publish(&(struct stage_publish){.topic = "gate/south/ack", .payload = "+IMEI-119;2 done$"});
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    tell_gate("+IMEI-118;2 done$");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_gates, refusal_that_names_nobody_is_of_nobody_where_two_share_the_topic)
{
    send_to_both();
    tell_gate("+NO$");
    expect_nothing();
    tell_gate("+IMEI-118;2 failed$");
    expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED);
}
