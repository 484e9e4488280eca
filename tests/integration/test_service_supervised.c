/* What the supervisor that started the service is told of it. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"
#include "support/supervision.h"

enum { TRACKER = 265489 };

static struct broker *broker;
static struct outputd *service;
static struct supervision *supervisor;

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    supervisor = supervision_new(service);
}

static void clear_stage(void)
{
    supervision_free(supervisor);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_supervised, .init = set_stage, .fini = clear_stage, .timeout = 60);

/* --- ready --- */

Test(service_supervised, it_is_ready_when_it_serves)
{
    struct field *field = field_start(broker_url(broker));
    struct desk *desk = desk_start(broker_url(broker));
    int ready;

    field_online(field, TRACKER);
    supervision_start(supervisor, service, 0);
    ready = supervision_wait(supervisor, 0, "READY=1");
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
    cr_assert_eq(supervision_find(supervisor, 0, "STATUS=Connecting to mqtt://"), 0);
    supervision_wait(supervisor, ready, ", 1 trackers online, 0 pending, 0 of 0 requests succeeded");
    cr_assert_gt(supervision_find(supervisor, 0, "trackers online"), ready);
    desk_free(desk);
    field_free(field);
}

Test(service_supervised, it_is_not_ready_while_it_does_not_know_who_is_online)
{
    int reading;

    outputd_set(service, "broker.presence_settle_ms", "3000");
    supervision_start(supervisor, service, 0);
    reading = supervision_wait(supervisor, 0, "reading who is online");
    cr_assert_lt(supervision_find(supervisor, 0, "READY=1"), 0);
    supervision_wait(supervisor, reading, "READY=1");
    supervision_wait(supervisor, reading, "0 trackers online");
}

/* An end would not bring the broker back. */
Test(service_supervised, a_broker_that_is_down_is_not_waited_for)
{
    int ready;
    int down;

    broker_halt(broker);
    supervision_start(supervisor, service, 0);
    ready = supervision_wait(supervisor, 0, "READY=1");
    down = supervision_wait(supervisor, 0, "STATUS=Not connected to mqtt://127.0.0.1:");
    cr_assert_gt(down, ready);
    broker_resume(broker);
    supervision_wait(supervisor, down, "STATUS=Connected to mqtt://127.0.0.1:");
    supervision_wait(supervisor, down, "trackers online");
    cr_assert_lt(supervision_find(supervisor, ready + 1, "READY=1"), 0);
}

Test(service_supervised, a_broker_that_goes_away_is_in_the_status)
{
    int up;
    int down;

    supervision_start(supervisor, service, 0);
    up = supervision_wait(supervisor, 0, "trackers online");
    broker_halt(broker);
    down = supervision_wait(supervisor, up, "STATUS=Not connected to");
    broker_resume(broker);
    supervision_wait(supervisor, down, "trackers online");
}

Test(service_supervised, a_presence_that_never_comes_is_not_waited_for)
{
    enum { LATEST_MS = 10000 };

    outputd_set(service, "broker.presence_settle_ms", "60000");
    supervision_start(supervisor, service, 0);
    supervision_wait_for(supervisor, 0, "READY=1", LATEST_MS + PUMP_PATIENCE_MS);
    cr_assert_lt(supervision_find(supervisor, 0, "trackers online"), 0);
}

/* --- reloads --- */

static int reload(int from)
{
    int reloading;

    outputd_signal(service, SIGHUP);
    reloading = supervision_wait(supervisor, from, "RELOADING=1");
    return supervision_wait(supervisor, reloading, "READY=1");
}

Test(service_supervised, a_reload_is_told_from_its_signal_to_its_end)
{
    uint64_t before_us;
    uint64_t asked_us;
    int ready;
    int again;

    supervision_start(supervisor, service, 0);
    ready = supervision_wait(supervisor, 0, "READY=1");
    before_us = clock_mono_us();
    again = reload(ready + 1);
    asked_us = supervision_number(supervisor, supervision_find(supervisor, ready + 1, "RELOADING=1"), "MONOTONIC_USEC");
    cr_assert_geq(asked_us, before_us);
    cr_assert_leq(asked_us, clock_mono_us());
    outputd_wait_log(service, "info    reloaded", 1);
    reload(again + 1);
    outputd_wait_log(service, "info    reloaded", 2);
}

Test(service_supervised, a_reload_that_was_refused_is_in_the_status_until_one_is_taken)
{
    int at;

    supervision_start(supervisor, service, 0);
    at = supervision_wait(supervisor, 0, "trackers online");
    outputd_set(service, "limits.no_such_key", "1");
    outputd_write_config(service);
    at = reload(at);
    at = supervision_wait(supervisor, at, "; the last reload was refused");
    outputd_set(service, "limits.no_such_key", "1");
    service->setting_count--;
    outputd_write_config(service);
    at = reload(at);
    at = supervision_wait(supervisor, at, "STATUS=");
    cr_assert_null(strstr(supervisor->messages[at], "refused"), "%s", supervisor->messages[at]);
}

/* --- the end --- */

Test(service_supervised, a_drain_is_told_with_the_time_that_it_may_take)
{
    enum { DRAIN_MS = 20000 };
    struct field *field = field_start(broker_url(broker));
    struct desk *desk = desk_start(broker_url(broker));
    int stopping;

    field->is_silent = true;
    field_online(field, TRACKER);
    outputd_set(service, "engine.drain_ms", "20000");
    supervision_start(supervisor, service, 0);
    supervision_wait(supervisor, 0, "READY=1");
    desk_set(desk, "in flight", TRACKER, 1, true);
    field_wait(field, 1);
    outputd_signal(service, SIGTERM);
    stopping = supervision_wait(supervisor, 0, "STOPPING=1");
    cr_assert_gt(supervision_number(supervisor, stopping, "EXTEND_TIMEOUT_USEC"), DRAIN_MS * UINT64_C(1000));
    supervision_wait(supervisor, stopping, "STATUS=Stopping: 1 requests pending");
    field_ack(field, &field->commands[0], "\"success\": true");
    cr_assert_eq(outputd_wait_end(service), 0);
    cr_assert_lt(supervision_find(supervisor, stopping, "READY=1"), 0);
    desk_free(desk);
    field_free(field);
}

/* --- the watchdog --- */

/* Half of the time that it was given; twice, so that it is no other message that brought it. */
Test(service_supervised, the_watchdog_is_told_that_the_loop_turns)
{
    enum { LONGEST_TURN_MS = 14000 }; /* with this timeout: so long may the loop wait for a broker */
    int at;

    outputd_set(service, "broker.connect_timeout_s", "1");
    supervision_start(supervisor, service, 1000000);
    at = supervision_wait(supervisor, 0, "READY=1");
    cr_assert_eq(supervision_number(supervisor, at, "WATCHDOG_USEC"), 2 * LONGEST_TURN_MS * UINT64_C(1000));
    supervision_wait_for(supervisor, at + 1, "WATCHDOG=1", LONGEST_TURN_MS + PUMP_PATIENCE_MS);
}

/* --- none, and one that cannot be told anything --- */

Test(service_supervised, one_that_is_not_there_costs_nothing)
{
    outputd_remove(service, "notify");
    supervision_start(supervisor, service, 0);
    outputd_wait_ready(service);
    outputd_stop(service);
    cr_assert_eq(outputd_log_count(service, "error"), 0);
}

Test(service_supervised, an_address_that_is_none_is_a_warning)
{
    snprintf(supervisor->address, sizeof supervisor->address, "run/notify");
    supervision_start(supervisor, service, 0);
    outputd_wait_ready(service);
    cr_assert_eq(outputd_log_count(service, "the supervisor is told nothing NOTIFY_SOCKET=run/notify"), 1);
}
