/* What pages are told of an event, and what they are not. */
#include <criterion/criterion.h>

#include "edge/console_stream.h"
#include "support/engine_stage.h"

static struct buffer told;
static uint64_t number;

static void hear(const struct engine_event *event)
{
    struct console_event shown;

    if (!console_event_of(event, 1234, &shown))
        return;
    shown.number = ++number;
    console_stream_event(&shown, 0xab, &told);
}

static void open_stream(void)
{
    stage_open();
    stage->watch.event = hear;
}

static void close_stream(void)
{
    buffer_release(&told);
    stage_close();
}

TestSuite(console_stream, .init = open_stream, .fini = close_stream, .timeout = 10);

/* So far. */
static const char *text(void)
{
    static char room[4096];

    cr_assert_lt(told.len, sizeof room);
    memcpy(room, told.data, told.len);
    room[told.len] = '\0';
    return room;
}

static void expect(const char *part)
{
    cr_assert(strstr(text(), part), "%s\nis not in\n%s", part, text());
}

Test(console_stream, a_request_goes_its_hops)
{
    const struct stage_command *command = stage_set_and_send(TRACKER_JSON, 2, true);

    stage->now.mono_ms += 20;
    stage_ack(command);
    expect("id: ab-1\nevent: request\ndata: {\"at\": 1234, \"tracker\": 101, \"id\": ");
    expect(", \"action\": \"set\", \"output\": 2, \"enable\": true}\n\nid: ab-2\nevent: command\n");
    expect("id: ab-3\nevent: settled\n");
    expect("\"code\": 0, \"outcome\": \"success\", \"queue_ms\": 0, \"device_ms\": 20, \"total_ms\": 20, "
           "\"states\": [null, true, null]}\n\n");
}

Test(console_stream, all_outputs_at_once)
{
    stage_set_all(TRACKER_JSON, "1,0,1");
    expect("\"action\": \"set_all\", \"outputs\": [true, false, true]}\n\n");
}

Test(console_stream, a_refusal_says_why)
{
    stage_set(TRACKER_NONE, 1, true);
    expect("event: refused\n");
    expect("\"tracker\": 999, ");
    expect("\"code\": 204, \"outcome\": \"not_sent\", \"description\": \"Entity not found\"}\n\n");
}

/* Of a payload that says nothing there is nothing to be told. */
Test(console_stream, a_request_that_cannot_be_read_has_no_tracker)
{
    stage_request(&(struct stage_request){.payload = "nonsense"});
    expect("\"tracker\": 0, \"id\": ");
    expect("\"action\": \"set\", \"code\": 5, ");
}

Test(console_stream, presence)
{
    stage_offline(TRACKER_JSON);
    expect("id: ab-1\nevent: presence\ndata: {\"at\": 1234, \"tracker\": 101, \"online\": false}\n\n");
}

Test(console_stream, nothing_is_told_of_who_asked_and_where_the_reply_goes)
{
    stage_set(TRACKER_JSON, 1, true, .response_topic = "client/secret", .correlation = "secret",
              .request_id = "\"secret\"");
    stage_turn();
    stage_ack(expect_command(TRACKER_JSON, "1 on"));
    cr_assert_not(strstr(text(), "secret"));
    cr_assert_not(strstr(text(), HASH_MASTER));
    cr_assert_not(strstr(text(), "user"));
    cr_assert_not(strstr(text(), "output/command"));
}

Test(console_stream, a_page_goes_on_behind_what_it_has_heard)
{
    static const char *const others[] = {"",     "ac-5", "ab",    "ab-",
                                         "ab-x", "-5",   "ab--5", "ab-55555555555555555555555555555555555"};

    cr_assert_eq(console_stream_resume(bytes_of_text("ab-5"), 0xab, 100), 6);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_assert_eq(console_stream_resume(bytes_of_text(others[i]), 0xab, 100), 100, "%s", others[i]);
}

Test(console_stream, the_rest_of_what_is_said)
{
    console_stream_hello(0xab, 1000, 5000, &told);
    console_stream_missed(17, &told);
    console_stream_beat(&told);
    expect("retry: 1000\nevent: hello\ndata: {\"life\": \"ab\", \"beat_ms\": 5000}\n\n"
           "event: missed\ndata: {\"count\": 17}\n\nevent: beat\ndata: {}\n\n");
}
