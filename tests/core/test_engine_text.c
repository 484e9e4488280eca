/* Text profiles: acks by an echo, acks first-in-first-out with their quarantine, and commands that state every output.
 */
#include <criterion/criterion.h>

#include "support/engine_stage.h"

TestSuite(engine_text, .init = stage_open, .fini = stage_close, .timeout = 10);

/* --- echo --- */

static void send_echo(void)
{
    stage_set(TRACKER_ECHO, 2, true);
    stage_turn();
    expect_command(TRACKER_ECHO, "Enable2\r");
}

Test(engine_text, an_ack_that_repeats_the_command_completes_it)
{
    send_echo();
    stage_tell(TRACKER_ECHO, "OK;Enable2\r\n");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    send_echo();
    stage_tell(TRACKER_ECHO, "NO;Enable2");
    expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED);
    send_echo();
    stage_tell(TRACKER_ECHO, "WHAT;Enable2");
    expect_reply(CODE_NOT_SUPPORTED, OUTCOME_REJECTED);
}

Test(engine_text, an_ack_that_repeats_another_command_completes_nothing)
{
    send_echo();
    stage_tell(TRACKER_ECHO, "OK;Disable2");
    stage_tell(TRACKER_ECHO, "OK;Enable1");
    expect_nothing();
    EXPECT_COUNTED(acks_unknown, 2);
    stage_tell(TRACKER_ECHO, "speed 12");
    expect_nothing();
    EXPECT_COUNTED(acks_unrelated, 1);
}

Test(engine_text, one_ack_in_a_message_of_many_lines_is_enough)
{
    send_echo();
    stage_tell(TRACKER_ECHO, "speed 12\r\nOK;Disable1\r\nOK;Enable2\r\nOK;Enable2\r\nspeed 13\r\n");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_nothing();
    EXPECT_COUNTED(acks_unrelated, 2);
    EXPECT_COUNTED(acks_unknown, 1);
    EXPECT_COUNTED(acks_matched, 1);
}

/* What follows in the message was written before the next command left. */
Test(engine_text, one_message_does_not_end_two_commands)
{
    send_echo();
    stage_set(TRACKER_ECHO, 2, true);
    stage_tell(TRACKER_ECHO, "OK;Enable2\r\nOK;Enable2\r\n");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_command(TRACKER_ECHO, "Enable2\r");
    expect_nothing();
}

Test(engine_text, lines_may_go_on_after_the_ack_that_ended_all_there_is_of_a_tracker)
{
    send_echo();
    stage_offline(TRACKER_ECHO);
    stage_tell(TRACKER_ECHO, "NO;Enable2\r\nNO;Enable2\r\nspeed 12\r\n");
    expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED);
    expect_nothing();
}

Test(engine_text, lines_may_go_on_after_the_ack_that_ended_the_last_command_of_an_old_profile)
{
    send_echo();
    stage_reload();
    stage_tell(TRACKER_ECHO, "OK;Enable2\r\nOK;Enable2\r\nspeed 12\r\n");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_nothing();
    EXPECT_COUNTED(acks_unrelated, 1);
}

Test(engine_text, an_echo_is_known_again_after_a_crash)
{
    send_echo();
    stage_crash_and_recover();
    stage_tell(TRACKER_ECHO, "OK;Enable1");
    expect_nothing();
    stage_tell(TRACKER_ECHO, "OK;Enable2");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

/* --- first-in-first-out --- */

static void send_fifo(void)
{
    stage_set(TRACKER_FIFO, 1, true);
    stage_turn();
    expect_command(TRACKER_FIFO, "out 1 1");
}

Test(engine_text, any_ack_is_of_the_one_in_flight)
{
    send_fifo();
    stage_tell(TRACKER_FIFO, "OK");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    send_fifo();
    stage_tell(TRACKER_FIFO, "ERR");
    expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED);
    send_fifo();
    stage_tell(TRACKER_FIFO, "UNKNOWN");
    expect_reply(CODE_NOT_SUPPORTED, OUTCOME_REJECTED);
    stage_tell(TRACKER_FIFO, "OK");
    expect_nothing();
    EXPECT_COUNTED(acks_duplicate, 1);
}

Test(engine_text, after_a_timeout_the_next_waits_and_a_late_ack_is_not_its_own)
{
    send_fifo();
    stage_advance(9000);
    stage_set(TRACKER_FIFO, 2, true);
    stage_advance(1000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    stage_turn();
    expect_nothing();
    stage_tell(TRACKER_FIFO, "OK");
    expect_nothing();
    EXPECT_COUNTED(acks_late, 1);
    stage_advance(2999);
    stage_turn();
    expect_nothing();
    stage_advance(1);
    stage_turn();
    expect_command(TRACKER_FIFO, "out 2 1");
    stage_tell(TRACKER_FIFO, "ERR");
    expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED);
}

Test(engine_text, a_request_in_quarantine_is_accepted_and_waits)
{
    send_fifo();
    stage_advance(10000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    stage_set(TRACKER_FIFO, 2, true);
    stage_turn();
    expect_nothing();
    stage_set(TRACKER_FIFO, 2, false, .has_expiry = true, .expiry_s = 1);
    stage_advance(1000);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    stage_advance(2000);
    expect_command(TRACKER_FIFO, "out 2 1");
}

Test(engine_text, quarantine_outlives_a_crash)
{
    send_fifo();
    stage_advance(10000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    stage_turn();
    stage_advance(1000);
    stage_crash_and_recover();
    stage_reconnect();
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN); /* its reply was not acknowledged before */
    stage_set(TRACKER_FIFO, 2, true);
    stage_tell(TRACKER_FIFO, "OK");
    stage_advance(1999);
    stage_turn();
    expect_nothing();
    stage_advance(1);
    expect_command(TRACKER_FIFO, "out 2 1");
}

Test(engine_text, acks_that_tell_whose_they_are_need_no_quarantine)
{
    send_echo();
    stage_advance(9000);
    stage_set(TRACKER_ECHO, 1, true);
    stage_advance(1000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    expect_command(TRACKER_ECHO, "Enable1\r");
}

Test(engine_text, what_was_never_sent_needs_no_quarantine)
{
    stage_set(TRACKER_FIFO, 1, true, .has_expiry = true, .expiry_s = 1);
    expect_command(TRACKER_FIFO, "out 1 1");
    stage_set(TRACKER_FIFO, 2, true);
    stage_advance(1000);
    expect_cancel(1);
    expect_reply(CODE_OFFLINE, OUTCOME_NOT_SENT);
    expect_command(TRACKER_FIFO, "out 2 1");
}

Test(engine_text, the_engines_quarantine_counts_where_the_profile_has_none)
{
    stage_set_all(TRACKER_BATCH, "1,0");
    stage_turn();
    expect_command(TRACKER_BATCH, "all 10");
    stage_advance(10000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    stage_set_all(TRACKER_BATCH, "0,0");
    stage_advance(4999);
    expect_nothing();
    stage_advance(1);
    expect_command(TRACKER_BATCH, "all 00");
}

/* --- every output is stated --- */

Test(engine_text, unknown_states_are_266_not_sent_until_a_batch_made_them_known)
{
    stage_set(TRACKER_STATED, 2, true);
    expect_reply(CODE_WRONG_STATUS, OUTCOME_NOT_SENT);
    stage_turn();
    expect_nothing();
    stage_set_all(TRACKER_STATED, "1,0,1");
    stage_turn();
    expect_command(TRACKER_STATED, "all 101");
    stage_tell(TRACKER_STATED, "now 101");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_set(TRACKER_STATED, 2, true);
    stage_turn();
    expect_command(TRACKER_STATED, "all 111");
    stage_tell(TRACKER_STATED, "now 111");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_set(TRACKER_STATED, 1, false);
    stage_turn();
    expect_command(TRACKER_STATED, "all 011");
}

Test(engine_text, a_batch_that_was_not_acked_makes_nothing_known)
{
    stage_set_all(TRACKER_STATED, "1,0,1");
    stage_turn();
    expect_command(TRACKER_STATED, "all 101");
    stage_advance(10000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    stage_set(TRACKER_STATED, 2, true);
    expect_reply(CODE_WRONG_STATUS, OUTCOME_NOT_SENT);
}

Test(engine_text, what_waits_behind_unknown_states_has_its_turn)
{
    stage_set_all(TRACKER_STATED, "1,0,1");
    stage_turn();
    expect_command(TRACKER_STATED, "all 101");
    stage_advance(5000);
    stage_set(TRACKER_STATED, 2, true);
    stage_set_all(TRACKER_STATED, "0,0,0");
    stage_advance(5000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    expect_reply(CODE_WRONG_STATUS, OUTCOME_NOT_SENT);
    expect_command(TRACKER_STATED, "all 000");
}

Test(engine_text, an_echo_of_states_is_known_again_after_a_crash)
{
    stage_set_all(TRACKER_STATED, "1,0,1");
    stage_turn();
    expect_command(TRACKER_STATED, "all 101");
    stage_tell(TRACKER_STATED, "now 101");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_turn();
    stage_deliver();
    stage_set(TRACKER_STATED, 2, true);
    stage_turn();
    expect_command(TRACKER_STATED, "all 111");
    stage_crash_and_recover();
    stage_tell(TRACKER_STATED, "now 101");
    expect_nothing();
    stage_tell(TRACKER_STATED, "now 111");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}
