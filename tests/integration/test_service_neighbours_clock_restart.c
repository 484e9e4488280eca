/* A wall clock that is set by an hour while the service is not there: what it finds in its journal, and at the broker,
 * is as old as it is, and not an hour older or younger. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/pump.h"
#include "support/wall_clock.h"

enum {
    TRACKER = 265489,
    FIFO_TRACKER = 7,
    HOUR_S = 3600,
    TIMEOUT_MS = 3000,
    FIFO_TIMEOUT_MS = 1500,
    QUARANTINE_MS = 2500
};

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;

static const char fifo_profile[] = "models = [\"fifo_box\"];\n"
                                   "outputs = 3;\n"
                                   "ack_timeout_ms = 1500;\n"
                                   "quarantine_ms = 2500;\n"
                                   "command: { set = \"OUT{output}={enable?1:0}\"; };\n"
                                   "ack: { match = \"fifo\"; success = [\"^OK$\"]; };\n";

static const char registry[] =
    "users = ({ id = 1; });\n"
    "sessions = ({ hash_sha256 = \"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\"; user_id = 1;\n"
    "  master = true; });\n"
    "trackers = ({ id = 265489; user_id = 1; model = \"generic_json\"; outputs = 3; },\n"
    "{ id = 265490; user_id = 1; model = \"generic_json\"; outputs = 3; },\n"
    "{ id = 7; user_id = 1; model = \"fifo_box\"; });\n";

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    outputd_write(service, "profiles/fifo.cfg", fifo_profile);
    outputd_set(service, "engine.ack_timeout_ms", "3000");
    outputd_write(service, "registry.cfg", registry);
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

TestSuite(service_neighbours_clock_restart, .init = set_stage, .fini = clear_stage, .timeout = 120);

static void start_service(void)
{
    wall_clock_start(service);
    outputd_wait_ready(service);
}

static void restart(int ahead_s)
{
    outputd_kill(service);
    wall_clock_set(service, ahead_s);
    start_service();
}

/* --- acks --- */

static void expect_kept_ack_counts(int ahead_s)
{
    start_service();
    desk_set(desk, "in flight", TRACKER, 1, true);
    field_wait(field, 1);
    outputd_kill(service);
    field_ack(field, &field->commands[0], "\"success\": true");
    wall_clock_set(service, ahead_s);
    start_service();
    desk_expect_success(desk, "in flight");
    field_sync(field);
    cr_assert_eq(field->count, 1);
}

Test(service_neighbours_clock_restart, forwards_no_ack_is_lost)
{
    expect_kept_ack_counts(HOUR_S);
}

Test(service_neighbours_clock_restart, backwards_no_ack_is_lost)
{
    expect_kept_ack_counts(-HOUR_S);
}

/* The command was sent a moment ago, and its ack is on its way. */
Test(service_neighbours_clock_restart, forwards_an_ack_in_time_counts)
{
    outputd_set(service, "engine.ack_timeout_ms", "10000");
    start_service();
    desk_set(desk, "in flight", TRACKER, 1, true);
    field_wait(field, 1);
    restart(HOUR_S);
    desk_fence(desk);
    cr_assert_eq(desk_count(desk, "in flight"), 0, "given up before its deadline");
    field_ack(field, &field->commands[0], "\"success\": true");
    desk_expect_success(desk, "in flight");
}

Test(service_neighbours_clock_restart, backwards_no_wait_for_an_ack_is_longer)
{
    start_service();
    desk_set(desk, "lost", TRACKER, 1, true);
    field_wait(field, 1);
    restart(-HOUR_S);
    desk_expect_error(desk, "lost", 213, "unknown");
}

/* --- requests --- */

/* What is past its deadline is never sent, whatever the clock says now. */
Test(service_neighbours_clock_restart, backwards_nothing_stale_is_sent)
{
    start_service();
    desk_set(desk, "in flight", TRACKER, 1, true);
    desk_set(desk, "queued", TRACKER, 2, true);
    field_wait(field, 1);
    desk_fence(desk);
    outputd_kill(service);
    PUMP_UNTIL_FOR(TIMEOUT_MS + 100, false); /* the deadline passes */
    wall_clock_set(service, -HOUR_S);
    wall_clock_start(service);
    field_ack(field, &field->commands[0], "\"success\": true");
    desk_wait(desk, "in flight");
    desk_expect_error(desk, "queued", 213, "not_sent");
    field_sync(field);
    cr_assert_eq(field->count, 1, "a stale request was commanded");
}

static void expect_kept_request_is_answered(int ahead_s)
{
    field->is_silent = false;
    start_service();
    outputd_kill(service);
    desk_set(desk, "kept", TRACKER, 1, true);
    wall_clock_set(service, ahead_s);
    wall_clock_start(service);
    desk_expect_success(desk, "kept");
}

Test(service_neighbours_clock_restart, forwards_no_request_at_the_broker_is_lost)
{
    expect_kept_request_is_answered(HOUR_S);
}

Test(service_neighbours_clock_restart, backwards_no_request_at_the_broker_is_lost)
{
    expect_kept_request_is_answered(-HOUR_S);
}

/* The same, without a restart: the broker is away while the clock is set. */
Test(service_neighbours_clock_restart, forwards_during_an_outage_of_the_broker_no_ack_is_lost)
{
    outputd_set(service, "engine.ack_timeout_ms", "20000");
    start_service();
    desk_set(desk, "in flight", TRACKER, 1, true);
    field_wait(field, 1);
    broker_halt(broker);
    PUMP_UNTIL_FOR(50, false); /* everyone sees it */
    wall_clock_set(service, HOUR_S);
    broker_resume(broker);
    desk_connect(desk);
    field_connect(field);
    field_ack(field, &field->commands[0], "\"success\": true");
    desk_expect_success(desk, "in flight");
}

/* --- what was answered --- */

Test(service_neighbours_clock_restart, forwards_no_answer_is_forgotten)
{
    field->is_silent = false;
    start_service();
    desk_set(desk, "same", TRACKER, 1, true);
    desk_expect_success(desk, "same");
    restart(HOUR_S);
    desk_set(desk, "same", TRACKER, 1, true);
    cr_assert(PUMP_UNTIL(desk_count(desk, "same") >= 2));
    field_sync(field);
    cr_assert_eq(field->count, 1, "commanded again");
}

Test(service_neighbours_clock_restart, forwards_no_quarantine_ends)
{
    start_service();
    desk_set(desk, "lost", FIFO_TRACKER, 1, true);
    field_wait(field, 1);
    desk_expect_error(desk, "lost", 213, "unknown");
    restart(HOUR_S);
    desk_set(desk, "next", FIFO_TRACKER, 2, true);
    field_say(field, "tracker/7/output/ack", "OK"); /* of the first */
    desk_fence(desk);
    field_sync(field);
    cr_assert_eq(desk_count(desk, "next"), 0, "charged to the next one");
    cr_assert_eq(field->count, 1, "commanded in quarantine");
}
