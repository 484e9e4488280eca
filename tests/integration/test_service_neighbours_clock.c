/* A wall clock that is set by an hour while requests wait: no deadline, quarantine or window moves with it. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/pump.h"
#include "support/wall_clock.h"

enum { TRACKER = 265489, FIFO_TRACKER = 7, HOUR_S = 3600, TIMEOUT_MS = 3000, QUARANTINE_MS = 1500 };

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;

static const char fifo_profile[] = "models = [\"fifo_box\"];\n"
                                   "outputs = 3;\n"
                                   "ack_timeout_ms = 3000;\n"
                                   "quarantine_ms = 1500;\n"
                                   "command: { set = \"OUT{output}={enable?1:0}\"; };\n"
                                   "ack: { match = \"fifo\"; success = [\"^OK$\"]; };\n";

/* The session of user 1 ends half an hour from now. */
static void write_registry(void)
{
    char ends[CLOCK_TEXT_SIZE];
    struct buffer text = {0};

    clock_format(clock_now().wall_ms + HOUR_S / 2 * 1000, ends);
    buffer_printf(&text,
                  "users = ({ id = 1; }, { id = 2; });\n"
                  "sessions = (\n"
                  "{ hash_sha256 = \"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\";\n"
                  "  user_id = 1; master = true; },\n"
                  "{ hash_sha256 = \"3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9\";\n"
                  "  user_id = 1; master = true; expires_at = \"%.19sZ\"; });\n"
                  "trackers = ({ id = 265489; user_id = 1; model = \"generic_json\"; outputs = 3; },\n"
                  "{ id = 265490; user_id = 1; model = \"generic_json\"; outputs = 3; },\n"
                  "{ id = 7; user_id = 1; model = \"fifo_box\"; });\n",
                  ends);
    buffer_put_u8(&text, '\0');
    outputd_write(service, "registry.cfg", (const char *)text.data);
    buffer_release(&text);
}

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    outputd_write(service, "profiles/fifo.cfg", fifo_profile);
    outputd_set(service, "engine.ack_timeout_ms", "3000");
    write_registry();
    field = field_start(broker_url(broker));
    field->is_silent = true;
    field_online(field, TRACKER);
    field_online(field, FIFO_TRACKER);
    desk = desk_start(broker_url(broker));
}

static void clear_stage(void)
{
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_neighbours_clock, .init = set_stage, .fini = clear_stage, .timeout = 120);

static void start_service(void)
{
    wall_clock_start(service);
    outputd_wait_ready(service);
}

/* Seen in the time of a line that was written after it. */
static void set_clock(int ahead_s)
{
    wall_clock_set(service, ahead_s);
    desk_fence(desk);
}

static uint64_t now_ms(void)
{
    return clock_now().mono_ms;
}

/* --- that it can be set --- */

static int code_of(const char *hash)
{
    static int asked;
    char correlation[32];
    char payload[256];
    const struct probe_message *reply;
    json_t *value;
    int code;

    snprintf(correlation, sizeof correlation, "ask %d", ++asked);
    snprintf(payload, sizeof payload, "{\"hash\": \"%s\", \"tracker_id\": 265490, \"output\": 1, \"enable\": true}",
             hash);
    desk_send(desk, "set", correlation, bytes_of_text(payload));
    reply = desk_wait(desk, correlation);
    value = value_decode(bytes_of(reply->payload, reply->payload_len), false);
    code = (int)json_integer_value(json_object_get(json_object_get(value, "status"), "code"));
    json_decref(value);
    return code;
}

/* What a registry says of a day and an hour goes by the wall clock. */
Test(service_neighbours_clock, a_session_ends_by_the_wall_clock)
{
    static const char session[] = "0123456789abcdef0123456789abcdef";

    start_service();
    cr_assert_eq(code_of(session), 213);
    set_clock(HOUR_S);
    cr_assert_eq(code_of(session), 4);
    set_clock(-HOUR_S);
    cr_assert_eq(code_of(session), 213);
}

/* --- while it runs --- */

static void expect_deadline_stays(int ahead_s)
{
    uint64_t sent_ms = now_ms();

    start_service();
    sent_ms = now_ms();
    desk_set(desk, "acked", TRACKER, 1, true);
    desk_set(desk, "lost", TRACKER, 2, true);
    field_wait(field, 1);
    set_clock(ahead_s);
    field_ack(field, &field->commands[0], "\"success\": true");
    desk_expect_success(desk, "acked");
    field_wait(field, 2);
    cr_assert(field->commands[1].expiry_s >= 1 && field->commands[1].expiry_s <= TIMEOUT_MS / 1000);
    desk_expect_error(desk, "lost", 213, "unknown");
    cr_assert_geq(now_ms() - sent_ms, (uint64_t)TIMEOUT_MS);
}

Test(service_neighbours_clock, set_forwards_it_moves_no_deadline)
{
    expect_deadline_stays(HOUR_S);
}

Test(service_neighbours_clock, set_backwards_it_moves_no_deadline)
{
    expect_deadline_stays(-HOUR_S);
}

static void expect_quarantine_stays(int ahead_s)
{
    uint64_t sent_ms;

    start_service();
    sent_ms = now_ms();
    desk_set(desk, "lost", FIFO_TRACKER, 1, true);
    field_wait(field, 1);
    desk_expect_error(desk, "lost", 213, "unknown");
    set_clock(ahead_s);
    desk_set(desk, "next", FIFO_TRACKER, 2, true);
    field_say(field, "tracker/7/output/ack", "OK"); /* of the first */
    desk_fence(desk);
    cr_assert_eq(desk_count(desk, "next"), 0, "charged to the next one");
    field_wait(field, 2);
    cr_assert_geq(now_ms() - sent_ms, (uint64_t)TIMEOUT_MS + QUARANTINE_MS, "commanded in quarantine");
    field_say(field, "tracker/7/output/ack", "OK");
    desk_expect_success(desk, "next");
}

Test(service_neighbours_clock, set_forwards_it_ends_no_quarantine)
{
    expect_quarantine_stays(HOUR_S);
}

Test(service_neighbours_clock, set_backwards_it_prolongs_no_quarantine)
{
    expect_quarantine_stays(-HOUR_S);
}

static void expect_window_stays(int ahead_s)
{
    field->is_silent = false;
    outputd_set(service, "engine.dedup_window_ms", "4000");
    start_service();
    desk_set(desk, "same", TRACKER, 1, true);
    desk_expect_success(desk, "same");
    set_clock(ahead_s);
    desk_set(desk, "same", TRACKER, 1, true);
    cr_assert(PUMP_UNTIL(desk_count(desk, "same") >= 2));
    field_sync(field);
    cr_assert_eq(field->count, 1, "commanded again");
    PUMP_UNTIL_FOR(4100, false); /* the window passes */
    desk_set(desk, "same", TRACKER, 1, true);
    field_wait(field, 2);
}

Test(service_neighbours_clock, set_forwards_it_opens_no_dedup_window)
{
    expect_window_stays(HOUR_S);
}

Test(service_neighbours_clock, set_backwards_it_prolongs_no_dedup_window)
{
    expect_window_stays(-HOUR_S);
}

Test(service_neighbours_clock, set_forwards_it_fills_no_bucket)
{
    int code = 0;

    outputd_set(service, "limits.user_rate", "0.01");
    outputd_set(service, "limits.user_burst", "5");
    start_service();
    for (int i = 0; i < 10; i++)
        code = code_of(DESK_HASH);
    cr_assert_eq(code, 15);
    wall_clock_set(service, HOUR_S);
    cr_assert_eq(code_of(DESK_HASH), 15);
    wall_clock_set(service, -HOUR_S);
    cr_assert_eq(code_of(DESK_HASH), 15);
}

/* The states that are published say when: there the time is the wall clock's, whatever it is. */
Test(service_neighbours_clock, set_backwards_it_holds_no_state_back)
{
    field->is_silent = false;
    start_service();
    desk_set(desk, "on", TRACKER, 1, true);
    desk_expect_success(desk, "on");
    set_clock(-HOUR_S);
    desk_set(desk, "off", TRACKER, 1, false);
    desk_expect_success(desk, "off");
    desk_subscribe(desk, "tracker/265489/output/state");
    cr_assert(PUMP_UNTIL(strstr(desk->probe->messages[desk->probe->count - 1].payload, "[false")));
}

/* --- over a restart --- */

Test(service_neighbours_clock, set_backwards_over_a_restart_it_forgets_no_answer_and_repeats_no_id)
{
    uint64_t id;

    field->is_silent = false;
    start_service();
    desk_set(desk, "same", TRACKER, 1, true);
    desk_expect_success(desk, "same");
    id = field->commands[0].id;
    outputd_kill(service);
    wall_clock_set(service, -HOUR_S);
    start_service();
    desk_set(desk, "same", TRACKER, 1, true);
    cr_assert(PUMP_UNTIL(desk_count(desk, "same") >= 2));
    field_sync(field);
    cr_assert_eq(field->count, 1, "commanded again");
    desk_set(desk, "another", TRACKER, 1, true);
    cr_assert_gt(field_wait(field, 2)->id, id, "ids go on upwards");
}
