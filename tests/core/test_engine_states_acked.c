/* Devices whose acks are the states that they report. */
#include <criterion/criterion.h>

#include "support/engine_stage.h"

TestSuite(engine_states_acked, .init = stage_open, .fini = stage_close, .timeout = 10);

static void tell(const char *text)
{
    stage_tell(TRACKER_REPORTING, text);
}

static void send_set(void)
{
    stage_set(TRACKER_REPORTING, 2, true);
    stage_turn();
    expect_command(TRACKER_REPORTING, "out2=1");
}

static void send_set_all(void)
{
    stage_set_all(TRACKER_REPORTING, "1,0,1");
    stage_turn();
    expect_command(TRACKER_REPORTING, "outs=101");
}

/* --- one output --- */

Test(engine_states_acked, reported_state_completes)
{
    send_set();
    tell("out2 is on");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_state("tracker/115/output/state", "null, true, null");
    EXPECT_COUNTED(acks_matched, 1);
    stage_set(TRACKER_REPORTING, 2, false);
    stage_turn();
    expect_command(TRACKER_REPORTING, "out2=0");
    tell("out2 is off");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_state("tracker/115/output/state", "null, false, null");
}

Test(engine_states_acked, other_state_and_other_outputs_complete_nothing)
{
    send_set();
    tell("out2 is off");
    tell("out1 is on\nout3 is on");
    tell("out22 is on");
    expect_nothing();
    EXPECT_COUNTED(acks_matched, 0);
    EXPECT_COUNTED(acks_unrelated, 4);
    stage_advance(9999);
    tell("out1 is on\nout2 is on");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_states_acked, refusals_are_of_the_command_in_flight)
{
    send_set();
    tell("no");
    expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED);
    send_set();
    tell("what");
    expect_reply(CODE_NOT_SUPPORTED, OUTCOME_REJECTED);
    expect_no_state();
    tell("no");
    expect_nothing();
    EXPECT_COUNTED(acks_duplicate, 1);
}

/* --- all of them --- */

Test(engine_states_acked, states_may_be_told_in_several_messages)
{
    send_set_all();
    tell("out1 is on");
    tell("out3 is on");
    tell("out3 is on");
    tell("out2 is on");
    expect_nothing();
    tell("out2 is off");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_state("tracker/115/output/state", "true, false, true");
    EXPECT_COUNTED(acks_matched, 1);
    EXPECT_COUNTED(acks_unknown, 0);
}

Test(engine_states_acked, states_may_be_told_in_one)
{
    send_set_all();
    tell("out1 is on\nout2 is off\r\nout3 is on\n");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_nothing();
}

Test(engine_states_acked, half_of_the_states_and_a_refusal_is_a_refusal)
{
    send_set_all();
    tell("out1 is on\nout2 is off");
    tell("no");
    expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED);
    expect_no_state();
}

Test(engine_states_acked, half_of_the_states_is_unknown_in_the_end_and_does_not_count_for_the_next)
{
    send_set_all();
    tell("out1 is on\nout2 is off");
    stage_advance(10000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    expect_no_state();
    send_set_all(); /* at once: a state tells whose ack it is */
    tell("out3 is on");
    expect_nothing();
    tell("out1 is on\nout2 is off");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_states_acked, half_of_the_states_is_forgotten_in_a_crash)
{
    send_set_all();
    tell("out1 is on\nout2 is off");
    stage_crash_and_recover();
    tell("out3 is on");
    expect_nothing();
    tell("out1 is on\nout2 is off");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_states_acked, one_message_does_not_end_two_commands)
{
    send_set();
    stage_set(TRACKER_REPORTING, 2, true);
    tell("out2 is on\nout2 is on\n");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_command(TRACKER_REPORTING, "out2=1");
    stage_turn();
    expect_nothing();
    tell("out2 is on");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

/* --- reports that nobody asked for --- */

static void expect_no_strays(void)
{
    EXPECT_COUNTED(acks_unknown, 0);
    EXPECT_COUNTED(acks_late, 0);
    EXPECT_COUNTED(acks_duplicate, 0);
    EXPECT_COUNTED(acks_unrelated, 0);
    EXPECT_COUNTED(acks_malformed, 0);
}

Test(engine_states_acked, periodic_reports_are_no_strays)
{
    tell("out1 is on\nout2 is off\nout3 is off");
    expect_no_strays();
    send_set();
    tell("out2 is on");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_state("tracker/115/output/state", "null, true, null");
    tell("out1 is on\nout2 is on\nout3 is off");
    tell("out2 is off");
    expect_no_strays();
    EXPECT_COUNTED(acks_matched, 1);
    expect_no_state(); /* only what was commanded is known */
    send_set_all();
    tell("out1 is on");
    stage_advance(10000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    tell("out1 is on\nout2 is off\nout3 is on");
    expect_nothing();
    expect_no_strays();
    expect_no_state();
}

/* The output was on before the command left. */
Test(engine_states_acked, report_before_the_command_has_left_is_none_of_its_acks)
{
    stage_set(TRACKER_REPORTING, 2, true);
    expect_command(TRACKER_REPORTING, "out2=1");
    tell("out2 is on");
    expect_nothing();
    stage_turn();
    expect_nothing();
    EXPECT_COUNTED(acks_matched, 0);
    tell("out2 is on");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_states_acked, report_before_a_set_all_has_left_is_none_of_its_acks)
{
    stage_set_all(TRACKER_REPORTING, "1,0,1");
    expect_command(TRACKER_REPORTING, "outs=101");
    tell("out1 is on");
    stage_turn();
    tell("out2 is off\nout3 is on");
    expect_nothing();
    tell("out1 is on");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}
