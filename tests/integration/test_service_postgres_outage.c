/* The registry's database goes away, comes back, or was never there. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/broker.h"
#include "support/database.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/http_client.h"
#include "support/outputd.h"
#include "support/pump.h"

enum { TRACKER = 265489 };

static struct broker *broker;
static struct database *database;
static struct outputd *service;
static struct field *field;
static struct desk *desk;
static uint16_t http_port;

static void set_stage(void)
{
    broker = broker_start(NULL);
    database = database_start();
    service = outputd_new(broker_url(broker));
    outputd_set_text(service, "registry.source", "postgres");
    outputd_set_text(service, "registry.conninfo", database_conninfo(database));
    outputd_set(service, "registry.reconnect_max_ms", "500");
    http_port = outputd_listen(service);
    field = field_start(broker_url(broker));
    field_online(field, TRACKER);
    desk = desk_start(broker_url(broker));
}

static void clear_stage(void)
{
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    database_stop(database);
    broker_stop(broker);
}

TestSuite(service_postgres_outage, .init = set_stage, .fini = clear_stage, .timeout = 120);

static void start_service(void)
{
    outputd_start(service);
    outputd_wait_ready(service);
}

static void expect_becomes(int tracker_id, int code)
{
    cr_assert(PUMP_UNTIL(desk_code_of_set(desk, tracker_id) == code), "tracker %d is answered %d", tracker_id,
              desk_code_of_set(desk, tracker_id));
}

/* Until /readyz says so: its status, and a text that is in it. */
static void expect_readiness(int status, const char *text)
{
    struct buffer body = {0};
    bool found;

    found = PUMP_UNTIL((buffer_clear(&body), http_ask(http_port, "/readyz", &body) == status) &&
                       strstr((const char *)body.data, text));
    cr_assert(found, "%d %s: %s", status, text, (const char *)body.data);
    buffer_release(&body);
}

static void expect_metric(const char *line)
{
    struct buffer body = {0};
    bool found;

    found = PUMP_UNTIL((buffer_clear(&body), http_ask(http_port, "/metrics", &body) == 200) &&
                       strstr((const char *)body.data, line));
    cr_assert(found, "%s is missing in\n%s", line, (const char *)body.data);
    buffer_release(&body);
}

/* Asks until the condition holds: not one is refused. */
#define SERVE_UNTIL(condition)                                                              \
    do {                                                                                    \
        uint64_t serve_end_ms = clock_now().mono_ms + 3 * PUMP_PATIENCE_MS;                 \
        while (!(condition)) {                                                              \
            cr_assert_eq(desk_code_of_set(desk, TRACKER), 0, "refused");                    \
            cr_assert_lt(clock_now().mono_ms, serve_end_ms, "not in time: %s", #condition); \
        }                                                                                   \
    } while (0)

/* --- it was there --- */

Test(service_postgres_outage, what_was_read_last_serves_while_the_database_is_killed_and_started_again)
{
    start_service();
    for (int i = 1; i <= 2; i++) {
        database_kill(database);
        SERVE_UNTIL(outputd_log_count(service, "registry database failed") >= i);
        expect_readiness(200, "s old: its database cannot be read");
        expect_metric("\noutputd_registry_connected 0\n");
        database_resume(database);
        SERVE_UNTIL(outputd_log_count(service, "registry read ") == i + 1);
        expect_readiness(200, "ready");
        expect_metric("\noutputd_registry_connected 1\n");
    }
}

Test(service_postgres_outage, what_changed_meanwhile_is_in_service_after_it)
{
    start_service();
    SERVE_UNTIL(true);
    database_halt(database);
    SERVE_UNTIL(outputd_log_count(service, "registry database failed") >= 1);
    database_resume(database);
    /* Whether the service has connected again before this or not. */
    database_sql(database, "UPDATE trackers SET blocked = true WHERE id = %d", TRACKER);
    expect_becomes(TRACKER, 208);
    database_restart(database);
    database_sql(database, "UPDATE trackers SET blocked = false WHERE id = %d", TRACKER);
    expect_becomes(TRACKER, 0);
}

Test(service_postgres_outage, what_changed_while_nobody_was_told_is_in_service_after_it)
{
    start_service();
    SERVE_UNTIL(true);
    database_sql(database, "ALTER ROLE outputd NOLOGIN;"
                           "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'outputd'");
    SERVE_UNTIL(outputd_log_count(service, "is not permitted to log in") >= 1);
    database_sql(database, "UPDATE trackers SET blocked = true WHERE id = %d", TRACKER);
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
    database_sql(database, "ALTER ROLE outputd LOGIN");
    expect_becomes(TRACKER, 208);
}

Test(service_postgres_outage, a_connection_that_is_ended_is_made_again)
{
    start_service();
    for (int i = 2; i < 5; i++) {
        database_sql(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'outputd'");
        SERVE_UNTIL(outputd_log_count(service, "registry read ") == i);
    }
    database_sql(database, "UPDATE trackers SET blocked = true WHERE id = %d", TRACKER);
    expect_becomes(TRACKER, 208);
}

Test(service_postgres_outage, the_age_of_the_registry_is_told)
{
    struct buffer body = {0};

    start_service();
    database_halt(database);
    cr_assert(
        PUMP_UNTIL((buffer_clear(&body), http_ask(http_port, "/readyz", &body) == 200) &&
                   strstr((const char *)body.data, "ready; the registry is 2 s old: its database cannot be read")),
        "%s", (const char *)body.data);
    buffer_release(&body);
}

/* --- it was not there --- */

Test(service_postgres_outage, a_start_without_it_answers_14_until_it_is_there)
{
    database_halt(database);
    outputd_start(service);
    outputd_wait_ready(service);
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 14);
    expect_readiness(503, "the registry has not been loaded: its database cannot be read");
    database_resume(database);
    expect_becomes(TRACKER, 0);
    expect_readiness(200, "ready");
}

Test(service_postgres_outage, a_wrong_password_is_told_without_it_and_tried_again)
{
    database_sql(database, "ALTER ROLE outputd PASSWORD 'another one'");
    start_service();
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 14);
    outputd_wait_log(service, "password authentication failed for user", 1);
    cr_assert(PUMP_UNTIL(database_log_count(database, "password authentication failed for user") >= 6));
    database_sql(database, "ALTER ROLE outputd PASSWORD 'a-secret-word'");
    expect_becomes(TRACKER, 0);
    cr_expect_eq(outputd_log_count(service, "secret-word"), 0);
    cr_expect_leq(outputd_log_count(service, "password authentication failed"), 2, "told once, not at each attempt");
}

Test(service_postgres_outage, a_database_that_is_not_there_is_told_and_tried_again)
{
    char conninfo[200];

    snprintf(conninfo, sizeof conninfo, "%s dbname=fleet", database_conninfo(database));
    outputd_set_text(service, "registry.conninfo", conninfo);
    start_service();
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 14);
    outputd_wait_log(service, "database \\\"fleet\\\" does not exist", 1);
    database_sql(database, "CREATE DATABASE fleet TEMPLATE template0"); /* without the tables */
    outputd_wait_log(service, "registry.users_query: relation \\\"users\\\" does not exist", 1);
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 14);
}

Test(service_postgres_outage, it_stops_while_the_database_is_away)
{
    database_halt(database);
    start_service();
    outputd_stop(service);
    database_resume(database);
    start_service();
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
    outputd_stop(service);
}

/* --- the service was away --- */

static const char box_profile[] = "models = [\"box\"];\n"
                                  "outputs = 2;\n"
                                  "command: { topic = \"boxes/{device_id}/do\"; set = \"{enable?ON:OFF}{output}\"; };\n"
                                  "ack: { topic = \"boxes/{device_id}/done\"; match = \"echo\";\n"
                                  "  echo = \"{enable?ON:OFF}{output}\"; success = [\"^(?<key>O(N|FF)[0-9])!$\"]; };\n";

/* What its ack will be like stands in the registry. */
Test(service_postgres_outage, a_command_in_flight_is_recovered_by_what_the_database_says)
{
    outputd_write(service, "profiles/box.cfg", box_profile);
    database_sql(database, "INSERT INTO trackers (id, user_id, model, device_id) VALUES (8, 1, 'box', 'first')");
    field_subscribe(field, "boxes/+/do");
    field_online(field, 8);
    start_service();
    desk_set(desk, "in flight", 8, 2, true);
    field_wait(field, 1);
    outputd_kill(service);
    outputd_start(service);
    outputd_wait_ready(service);
    field_say(field, "boxes/first/done", "ON2!");
    desk_expect_success(desk, "in flight");
}

/* --- the configuration --- */

static int check_config(void)
{
    char command[256];
    int status;

    outputd_write_config(service);
    snprintf(command, sizeof command, "%s -c %s/outputd.cfg --check-config >>%s/log 2>&1",
             getenv("OUTPUTD") ? getenv("OUTPUTD") : "build/outputd", service->directory, service->directory);
    status = system(command);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

Test(service_postgres_outage, the_configuration_is_checked_without_the_database)
{
    database_halt(database);
    cr_expect_eq(check_config(), 0);
    outputd_set_text(service, "registry.conninfo", "hidden-word");
    cr_expect_eq(check_config(), 1);
    cr_expect_eq(outputd_log_count(service, "registry.conninfo is no connection string"), 1);
    cr_expect_eq(outputd_log_count(service, "hidden-word"), 0);
    outputd_set_text(service, "registry.conninfo", "postgresql://outputd:hidden-word@127.0.0.1:port/x");
    cr_expect_eq(check_config(), 0, "libpq finds that out when it connects");
    outputd_start(service);
    outputd_wait_log(service, "registry database failed", 1);
    cr_expect_eq(outputd_log_count(service, "hidden-word"), 0);
}

Test(service_postgres_outage, the_connection_string_comes_from_a_file)
{
    outputd_write(service, "conninfo", database_conninfo(database));
    outputd_unset(service, "registry.conninfo");
    outputd_set_text(service, "registry.conninfo_file", "conninfo");
    start_service();
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
}
