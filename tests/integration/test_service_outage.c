/* Brokers that are not there, go away, and come back. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum { TRACKER = 265489 };

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    outputd_set(service, "broker.reconnect_max_ms", "500");
    field = field_start(broker_url(broker));
    field_online(field, TRACKER);
    desk = desk_start(broker_url(broker));
}

static void clear_stage(void)
{
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_outage, .init = set_stage, .fini = clear_stage, .timeout = 90);

static void start_service(void)
{
    outputd_start(service);
    outputd_wait_ready(service);
}

/* The broker is gone, and everyone knows. */
static void halt_broker(void)
{
    broker_halt(broker);
    outputd_wait_log(service, "connection lost", 1);
}

static void resume_broker(void)
{
    broker_resume(broker);
    field_connect(field);
    desk_connect(desk);
}

/* One request is one command and one reply: it is subscribed once. */
static void expect_one_of_each(const char *correlation)
{
    int before = field->count;

    desk_set(desk, correlation, TRACKER, 2, true);
    desk_expect_success(desk, correlation);
    desk_fence(desk);
    cr_assert_eq(desk_count(desk, correlation), 1);
    field_sync(field);
    cr_assert_eq(field->count, before + 1, "%d commands", field->count - before);
}

Test(service_outage, the_next_broker_of_the_list_serves_where_the_first_is_dead)
{
    char urls[128];

    snprintf(urls, sizeof urls, "[\"mqtt://127.0.0.1:%u\", \"%s\"]", broker_free_port(), broker_url(broker));
    outputd_set(service, "broker.url", urls);
    start_service();
    cr_assert_eq(outputd_log_count(service, "cannot connect"), 1);
    expect_one_of_each("failover");
}

Test(service_outage, a_service_that_starts_before_its_broker_waits_for_it)
{
    broker_halt(broker);
    outputd_start(service);
    outputd_wait_log(service, "cannot connect", 2);
    resume_broker();
    outputd_wait_ready(service);
    expect_one_of_each("late");
}

Test(service_outage, what_waits_when_the_broker_goes_is_answered_when_it_is_back)
{
    field->is_silent = true;
    outputd_set(service, "engine.ack_timeout_ms", "3000");
    start_service();
    desk_set(desk, "waits", TRACKER, 1, true);
    field_wait(field, 1);
    halt_broker();
    outputd_wait_log(service, "request settled", 1); /* without an ack, and with nobody to tell */
    resume_broker();
    desk_expect_error(desk, "waits", 213, "unknown");
    field->is_silent = false;
    expect_one_of_each("after");
    cr_assert_eq(outputd_log_count(service, "session_present=1"), 1);
}

Test(service_outage, an_ack_after_the_outage_completes_the_command_before_it)
{
    field->is_silent = true;
    outputd_set(service, "engine.ack_timeout_ms", "60000");
    start_service();
    desk_set(desk, "waits", TRACKER, 1, true);
    field_wait(field, 1);
    halt_broker();
    resume_broker();
    field_ack(field, &field->commands[0], "\"success\": true");
    desk_expect_success(desk, "waits");
    field->is_silent = false;
    expect_one_of_each("after");
    field_sync(field);
    cr_assert_eq(field_count_id(field, field->commands[0].id), 1, "commanded again");
}

Test(service_outage, a_broker_that_forgot_everything_gets_subscriptions_and_states_again)
{
    struct probe *watcher;

    start_service();
    expect_one_of_each("before");
    halt_broker();
    broker_lose(broker);
    resume_broker();
    field_online(field, TRACKER);
    outputd_wait_ready(service);
    cr_assert_eq(outputd_log_count(service, "session_present=1"), 0);
    expect_one_of_each("after");
    watcher = probe_start(broker_url(broker), "tracker/265489/output/state", 1);
    cr_assert(probe_wait(watcher, 1), "no state is retained");
    probe_free(watcher);
}

/* The state that is retained again is not one of a later ack. */
Test(service_outage, states_are_published_again_without_any_request)
{
    struct probe *watcher;

    start_service();
    expect_one_of_each("before");
    halt_broker();
    broker_lose(broker);
    broker_resume(broker);
    outputd_wait_ready(service);
    watcher = probe_start(broker_url(broker), "tracker/265489/output/state", 1);
    cr_assert(probe_wait(watcher, 1), "no state is retained");
    cr_assert(strstr(watcher->messages[0].payload, "[null,true,null]") ||
                  strstr(watcher->messages[0].payload, "[null, true, null]"),
              "%s", watcher->messages[0].payload);
    probe_free(watcher);
}

Test(service_outage, waiting_for_a_broker_takes_no_time_of_the_processor)
{
    enum { WATCHED_MS = 1500, PERCENT_MAX = 30 };
    uint64_t before_ms;
    uint64_t took_ms;

    start_service();
    halt_broker();
    before_ms = outputd_cpu_ms(service);
    PUMP_UNTIL_FOR(WATCHED_MS, false); /* this is measured, not waited for */
    took_ms = outputd_cpu_ms(service) - before_ms;
    cr_assert_lt(took_ms, WATCHED_MS * PERCENT_MAX / 100, "%d ms", (int)took_ms);
    cr_assert_geq(outputd_log_count(service, "cannot connect"), 2);
}
