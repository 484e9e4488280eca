/* SIGTERM: nothing new, an answer for everyone, and an orderly end. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum { TRACKER = 265489, OTHER_TRACKER = 265496, NO_SUBSCRIBERS = 0x10 };

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    outputd_set(service, "engine.ack_timeout_ms", "60000");
    outputd_set(service, "engine.drain_ms", "60000");
    field = field_start(broker_url(broker));
    field->is_silent = true;
    field_online(field, TRACKER);
    field_online(field, OTHER_TRACKER);
    desk = desk_start(broker_url(broker));
}

static void clear_stage(void)
{
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_drain, .init = set_stage, .fini = clear_stage, .timeout = 60);

static void start_service(void)
{
    outputd_start(service);
    outputd_wait_ready(service);
}

static void expect_end(void)
{
    cr_assert_eq(outputd_wait_end(service), 0);
    cr_assert_eq(outputd_log_count(service, "stopped pending=0 replies_left=0"), 1);
}

Test(service_drain, what_is_queued_gets_8_and_what_is_in_flight_waits_for_its_ack)
{
    start_service();
    desk_set(desk, "in flight", TRACKER, 1, true);
    desk_set(desk, "queued", TRACKER, 2, true);
    desk_set(desk, "queued too", TRACKER, 3, true);
    field_wait(field, 1);
    desk_fence(desk);
    outputd_signal(service, SIGTERM);
    desk_expect_error(desk, "queued", 8, "not_sent");
    desk_expect_error(desk, "queued too", 8, "not_sent");
    cr_assert_eq(desk_count(desk, "in flight"), 0);
    cr_assert_not(outputd_has_ended(service));
    field_ack(field, &field->commands[0], "\"success\": true");
    desk_expect_success(desk, "in flight");
    expect_end();
    field_sync(field);
    cr_assert_eq(field->count, 1);
}

Test(service_drain, what_is_in_flight_gets_8_unknown_when_the_time_is_over)
{
    outputd_set(service, "engine.drain_ms", "300");
    start_service();
    desk_set(desk, "one", TRACKER, 1, true);
    desk_set(desk, "other", OTHER_TRACKER, 1, true);
    field_wait(field, 2);
    outputd_signal(service, SIGTERM);
    desk_expect_error(desk, "one", 8, "unknown");
    desk_expect_error(desk, "other", 8, "unknown");
    expect_end();
}

/* Stopped as it is, the service finds signal and requests at once. */
Test(service_drain, what_still_arrives_gets_8)
{
    enum { LATE = 15 };
    char correlation[32];

    start_service();
    outputd_pause(service);
    for (int i = 0; i < LATE; i++) {
        snprintf(correlation, sizeof correlation, "late %d", i);
        desk_set(desk, correlation, TRACKER, 1, i % 2);
    }
    outputd_signal(service, SIGTERM);
    outputd_signal(service, SIGCONT);
    for (int i = 0; i < LATE; i++) {
        snprintf(correlation, sizeof correlation, "late %d", i);
        desk_expect_error(desk, correlation, 8, "not_sent");
    }
    expect_end();
    field_sync(field);
    cr_assert_eq(field->count, 0, "%d commands", field->count);
}

Test(service_drain, a_second_signal_stops_at_once)
{
    start_service();
    desk_set(desk, "in flight", TRACKER, 1, true);
    field_wait(field, 1);
    outputd_signal(service, SIGTERM);
    outputd_wait_log(service, "draining", 1);
    outputd_signal(service, SIGTERM);
    cr_assert_eq(outputd_wait_end(service), 0);
    cr_assert_eq(desk_count(desk, "in flight"), 0);
    field_ack(field, &field->commands[0], "\"success\": true");
    outputd_start(service); /* what it had not answered it answers now */
    desk_expect_success(desk, "in flight");
    field_sync(field);
    cr_assert_eq(field->count, 1, "commanded again");
}

Test(service_drain, without_a_broker_it_stops_at_once_where_nothing_waits)
{
    start_service();
    broker_halt(broker);
    outputd_wait_log(service, "connection lost", 1);
    outputd_signal(service, SIGINT);
    expect_end();
    broker_resume(broker);
}

/* It has unsubscribed, so the broker takes no request in its name: requesters of MQTT 5 are told. */
Test(service_drain, a_request_after_the_end_finds_nobody)
{
    start_service();
    outputd_stop(service);
    desk_set(desk, "nobody", TRACKER, 1, true);
    cr_assert_eq(desk->probe->last_reason, NO_SUBSCRIBERS);
    start_service();
    desk_fence(desk);
    field_sync(field);
    cr_assert_eq(desk_count(desk, "nobody") + field->count, 0);
}

Test(service_drain, a_request_after_a_kill_is_kept_for_the_next_start)
{
    field->is_silent = false;
    start_service();
    outputd_kill(service);
    desk_set(desk, "kept", TRACKER, 1, true);
    outputd_start(service);
    desk_expect_success(desk, "kept");
    field_sync(field);
    cr_assert_eq(field->count, 1);
}
