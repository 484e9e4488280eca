/* What the engine tells of a request's end, for those who keep a record of it. */
#include <criterion/criterion.h>

#include "support/engine_stage.h"

/* The last event of the kind that a test waits for, with a copy of what it lent. */
static struct {
    enum engine_event_kind wanted;
    int count;
    struct engine_event last;
    char ack[64];
    char topic[64];
    int32_t output;
    int32_t tracker_of_request;
} told;

static void copy(char *to, size_t size, struct bytes from)
{
    cr_assert_lt(from.len, size);
    if (from.len)
        memcpy(to, from.data, from.len);
    to[from.len] = '\0';
}

static void watch(const struct engine_event *event)
{
    if (event->kind != told.wanted)
        return;
    told.count++;
    told.last = *event;
    copy(told.ack, sizeof told.ack, event->ack);
    copy(told.topic, sizeof told.topic, event->ack_topic);
    told.output = event->pending ? event->pending->command.output : 0;
    told.tracker_of_request = event->request ? event->request->tracker_id : 0;
}

static void open_watched(void)
{
    stage_open();
    stage->config.ack_partial_bytes_max = 64;
    stage->watch.event = watch;
    memset(&told, 0, sizeof told);
    told.wanted = EVENT_REQUEST_SETTLED;
}

TestSuite(engine_events, .init = open_watched, .fini = stage_close, .timeout = 10);

Test(engine_events, an_end_by_an_ack_carries_all_of_its_bytes)
{
    stage_set(TRACKER_PIECES, 1, true);
    stage_turn();
    expect_command(TRACKER_PIECES, "Enable1");
    stage_tell(TRACKER_PIECES, "+OK;Ena");
    cr_assert_eq(told.count, 0);
    stage_tell(TRACKER_PIECES, "ble1$");
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    cr_assert_eq(told.count, 1);
    cr_assert_str_eq(told.ack, "+OK;Enable1$");
    cr_assert(strstr(told.topic, "/output/ack"), "%s", told.topic);
    cr_assert_eq(told.output, 1);
}

/* Its turn comes, and fails, while the ack of the one before it is read. */
Test(engine_events, an_end_without_an_ack_carries_none)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 1, true);

    stage_set(TRACKER_JSON, 2, true);
    stage_user(1)->blocked = true;
    stage_reload();
    stage_ack(command);
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    expect_reply(CODE_USER_BLOCKED, OUTCOME_NOT_SENT);
    cr_assert_eq(told.count, 2);
    cr_assert_eq(told.output, 2);
    cr_assert_str_empty(told.ack);
    cr_assert_str_empty(told.topic);
}

Test(engine_events, a_reply_that_was_not_delivered_before_a_restart_is_told_again)
{
    told.wanted = EVENT_REPLY_RECOVERED;
    stage_ack(stage_set_and_send(TRACKER_JSON, 1, true));
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    stage_commit();
    stage_crash_and_recover();
    expect_reply(CODE_SUCCESS, OUTCOME_SUCCESS);
    cr_assert_eq(told.count, 1);
    cr_assert_eq(told.last.outcome, OUTCOME_SUCCESS);
    cr_assert_eq(told.last.tracker_id, TRACKER_JSON);
}

Test(engine_events, what_was_asked_with_a_refused_reply_topic_is_told)
{
    told.wanted = EVENT_REPLY_TOPIC_REFUSED;
    stage_set(TRACKER_JSON, 1, true, .response_topic = "tracker/1/output/command");
    expect_nothing();
    cr_assert_eq(told.count, 1);
    cr_assert_eq(told.tracker_of_request, TRACKER_JSON);
    stage_set(TRACKER_JSON, 0, true, .response_topic = "tracker/1/output/command");
    cr_assert_eq(told.count, 2);
    cr_assert_eq(told.tracker_of_request, 0, "of a request with a mistake nothing is believed");
}
