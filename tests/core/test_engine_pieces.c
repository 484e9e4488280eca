/* Acks that come in pieces, commands that a family does not have, and the quarantine of acks that repeat. */
#include <criterion/criterion.h>

#include "support/engine_stage.h"

enum { PIECES_MAX = 64 };

static void open_pieces(void)
{
    stage_open();
    stage->config.ack_partial_bytes_max = PIECES_MAX;
}

TestSuite(engine_pieces, .init = open_pieces, .fini = stage_close, .timeout = 10);

static void tell(const char *text)
{
    stage_tell(TRACKER_PIECES, text);
}

static void send_on(void)
{
    stage_set(TRACKER_PIECES, 1, true);
    stage_turn();
    expect_command(TRACKER_PIECES, "Enable1");
}

static void expect_no_strays(void)
{
    EXPECT_COUNTED(acks_unknown, 0);
    EXPECT_COUNTED(acks_late, 0);
    EXPECT_COUNTED(acks_duplicate, 0);
    EXPECT_COUNTED(acks_unrelated, 0);
    EXPECT_COUNTED(acks_malformed, 0);
}

/* --- pieces --- */

Test(engine_pieces, ack_may_come_in_two_or_three)
{
    static const char *const pieces[][3] = {
        {"+OK;Ena", "ble1$", ""}, {"+", "OK;Enable1$", ""}, {"+OK;Enable1", "$", ""},    {"+OK", ";Ena", "ble1$"},
        {"+", "OK;Enable1", "$"}, {"+OK;Ena", "", "ble1$"}, {"", "+OK;Ena", "ble1$+OK;"}};

    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        send_on();
        tell(pieces[i][0]);
        expect_nothing();
        tell(pieces[i][1]);
        if (*pieces[i][2]) {
            expect_nothing();
            tell(pieces[i][2]);
        }
        expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    }
    expect_no_strays();
}

Test(engine_pieces, refusal_may_come_in_pieces)
{
    send_on();
    tell("speed 12 +N");
    tell("O$");
    expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED);
}

Test(engine_pieces, whole_messages_before_a_piece_are_read_at_once)
{
    send_on();
    tell("+OK;Disable1$+OK;Ena");
    expect_nothing();
    EXPECT_COUNTED(acks_unknown, 1);
    tell("ble1$");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    EXPECT_COUNTED(acks_unknown, 1);
}

Test(engine_pieces, whole_message_behind_a_piece_drops_the_piece)
{
    send_on();
    tell("+OK;Disa");
    tell("+OK;Enable1$");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_no_strays();
    send_on();
    tell("+OK;Ena");
    tell("+OK;Disable1$ble1$");
    expect_nothing();
    EXPECT_COUNTED(acks_unknown, 1);
    tell("+OK;Enable1$");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_pieces, piece_that_is_too_long_is_dropped_and_counted)
{
    char piece[PIECES_MAX + 2] = "+OK;";

    memset(piece + 4, 'x', PIECES_MAX - 4);
    send_on();
    tell(piece); /* as long as it may be */
    EXPECT_COUNTED(acks_malformed, 0);
    tell("x");
    EXPECT_COUNTED(acks_malformed, 1);
    cr_expect_str_eq(stage->ignored_why, "unfinished and too long");
    tell("Enable1$"); /* its rest is nothing by itself */
    expect_nothing();
    EXPECT_COUNTED(acks_unrelated, 1);
    tell("+OK;Enable1$");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    EXPECT_COUNTED(acks_malformed, 1);
}

Test(engine_pieces, message_may_be_longer_than_a_piece)
{
    char message[2 * PIECES_MAX] = "";

    memset(message, 'x', sizeof message - sizeof "+OK;Enable1$");
    strcat(message, "+OK;Enable1$");
    send_on();
    tell(message);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_pieces, piece_goes_with_its_command)
{
    send_on();
    tell("+OK;Enable1$+OK;Ena");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    send_on();
    tell("ble1$");
    expect_nothing();
    tell("+OK;Ena");
    stage_advance(10000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    stage_advance(2000);
    send_on();
    tell("ble1$");
    expect_nothing();
    tell("+OK;Enable1$");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

Test(engine_pieces, without_a_command_nothing_is_kept)
{
    tell("+OK;Ena");
    expect_no_strays();
    send_on();
    tell("ble1$");
    expect_nothing();
    EXPECT_COUNTED(acks_unrelated, 1);
}

Test(engine_pieces, piece_survives_a_reload_and_not_a_crash)
{
    send_on();
    tell("+OK;Ena");
    stage_reload();
    tell("ble1$");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_turn();
    stage_deliver();
    send_on();
    tell("+OK;Ena");
    stage_crash_and_recover();
    tell("ble1$");
    expect_nothing();
    tell("+OK;Enable1$");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

/* --- pieces of frames --- */

/* "ok" and "no" of tracker 123456789012345. */
static const char frame_ok[] = "\x00\x0B\x00\x00\x70\x48\x86\x0D\xDF\x79\x07\x6F\x6B\xCC\x2C";
static const char frame_no[] = "\x00\x0B\x00\x00\x70\x48\x86\x0D\xDF\x79\x07\x6E\x6F\x93\xD0";

static void tell_bytes(const char *bytes, size_t len)
{
    stage_publish(&(struct stage_publish){.topic = "tracker/117/output/ack", .payload = bytes, .len = len});
}

static void send_framed(void)
{
    static const char frame[] = "\x00\x0B\x6C Setio 2,1\xEB\x3E"; /* Traccar's RuptelaProtocolEncoderTest */
    const struct stage_command *command;

    stage_set(TRACKER_FRAMED, 2, true);
    stage_turn();
    command = expect_command(TRACKER_FRAMED, NULL);
    cr_assert(bytes_equal(bytes_of(command->payload, command->len), bytes_of(frame, sizeof frame - 1)));
}

Test(engine_pieces, frame_may_come_in_pieces)
{
    for (size_t cut = 1; cut < sizeof frame_ok - 1; cut++) {
        send_framed();
        tell_bytes(frame_ok, cut);
        expect_nothing();
        tell_bytes(frame_ok + cut, sizeof frame_ok - 1 - cut);
        expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    }
    expect_no_strays();
}

Test(engine_pieces, whole_frame_behind_a_piece_drops_the_piece)
{
    send_framed();
    tell_bytes(frame_ok, 14);
    tell_bytes(frame_no, sizeof frame_no - 1);
    expect_reply(CODE_WRONG_STATUS, OUTCOME_REJECTED);
    expect_no_strays();
}

Test(engine_pieces, empty_message_between_pieces_changes_nothing)
{
    send_framed();
    tell_bytes(frame_ok, 7);
    tell_bytes("", 0);
    tell_bytes(frame_ok + 7, sizeof frame_ok - 1 - 7);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
}

/* --- commands that a family does not have --- */

Test(engine_pieces, command_that_the_family_does_not_have_is_214_not_sent)
{
    stage_set(TRACKER_CHOOSY, 2, true);
    expect_reply(CODE_NOT_SUPPORTED, OUTCOME_NOT_SENT);
    stage_turn();
    expect_nothing();
    expect_no_state();
    stage_set(TRACKER_CHOOSY, 2, false);
    stage_turn();
    expect_command(TRACKER_CHOOSY, "relay C");
    stage_set(TRACKER_CHOOSY, 2, true);
    stage_set(TRACKER_CHOOSY, 1, true);
    stage_tell(TRACKER_CHOOSY, "done 2");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_reply(CODE_NOT_SUPPORTED, OUTCOME_NOT_SENT);
    expect_command(TRACKER_CHOOSY, "relay A");
}

/* --- quarantine --- */

Test(engine_pieces, echo_that_repeats_soon_may_have_a_quarantine)
{
    send_on();
    stage_advance(9000);
    stage_set(TRACKER_PIECES, 1, true);
    stage_advance(1000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    stage_turn();
    expect_nothing();
    tell("+OK;Enable1$");
    expect_nothing();
    EXPECT_COUNTED(acks_late, 1);
    stage_advance(1999);
    expect_nothing();
    stage_advance(1);
    expect_command(TRACKER_PIECES, "Enable1");
    stage_turn();
    tell("+OK;Enable1$");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    send_on(); /* none after an ack */
}

Test(engine_pieces, quarantine_of_an_echo_outlives_a_crash)
{
    send_on();
    stage_advance(10000);
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN);
    stage_turn();
    stage_advance(500);
    stage_crash_and_recover();
    stage_reconnect();
    expect_reply(CODE_OFFLINE, OUTCOME_UNKNOWN); /* its reply was not acknowledged before */
    stage_set(TRACKER_PIECES, 2, true);
    stage_advance(1499);
    expect_nothing();
    stage_advance(1);
    expect_command(TRACKER_PIECES, "Enable2");
}

Test(engine_pieces, topic_that_the_family_does_not_have_is_not_supported)
{
    stage_set(TRACKER_PLACED, 2, true);
    expect_reply(CODE_NOT_SUPPORTED, OUTCOME_NOT_SENT);
}
