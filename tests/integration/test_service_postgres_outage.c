/* The registry's database goes away, comes back, or was never there. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/http_client.h"
#include "support/pump.h"
#include "support/served.h"

static void set_stage(void)
{
    served_set_up();
    outputd_set(served.service, "registry.reconnect_max_ms", "500");
}

TestSuite(service_postgres_outage, .init = set_stage, .fini = served_clear, .timeout = 120);

/* Asks until the condition holds: not one is refused. */
#define SERVE_UNTIL(condition)                                                              \
    do {                                                                                    \
        uint64_t serve_end_ms = clock_now().mono_ms + 3 * PUMP_PATIENCE_MS;                 \
        while (!(condition)) {                                                              \
            cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 0, "refused");      \
            cr_assert_lt(clock_now().mono_ms, serve_end_ms, "not in time: %s", #condition); \
        }                                                                                   \
    } while (0)

/* --- it was there --- */

Test(service_postgres_outage, what_was_read_last_serves_while_the_database_is_killed_and_started_again)
{
    served_start();
    for (int i = 1; i <= 2; i++) {
        database_kill(served.database);
        SERVE_UNTIL(outputd_log_count(served.service, "registry database failed") >= i);
        served_expect_readiness(200, "s old: its database cannot be read");
        served_expect_metric("\noutputd_registry_connected 0\n");
        database_resume(served.database);
        SERVE_UNTIL(outputd_log_count(served.service, "registry read ") == i + 1);
        served_expect_readiness(200, "ready");
        served_expect_metric("\noutputd_registry_connected 1\n");
    }
}

Test(service_postgres_outage, what_changed_meanwhile_is_in_service_after_it)
{
    served_start();
    SERVE_UNTIL(true);
    database_halt(served.database);
    SERVE_UNTIL(outputd_log_count(served.service, "registry database failed") >= 1);
    database_resume(served.database);
    /* Whether the service has connected again before this or not. */
    database_sql(served.database, "UPDATE trackers SET blocked = true WHERE id = %d", SERVED_TRACKER);
    served_expect_becomes(SERVED_TRACKER, 208);
    database_restart(served.database);
    database_sql(served.database, "UPDATE trackers SET blocked = false WHERE id = %d", SERVED_TRACKER);
    served_expect_becomes(SERVED_TRACKER, 0);
}

Test(service_postgres_outage, what_changed_while_nobody_was_told_is_in_service_after_it)
{
    served_start();
    SERVE_UNTIL(true);
    database_sql(served.database, "ALTER ROLE outputd NOLOGIN;"
                                  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'outputd'");
    SERVE_UNTIL(outputd_log_count(served.service, "is not permitted to log in") >= 1);
    database_sql(served.database, "UPDATE trackers SET blocked = true WHERE id = %d", SERVED_TRACKER);
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 0);
    database_sql(served.database, "ALTER ROLE outputd LOGIN");
    served_expect_becomes(SERVED_TRACKER, 208);
}

Test(service_postgres_outage, a_connection_that_is_ended_is_made_again)
{
    served_start();
    for (int i = 2; i < 5; i++) {
        database_sql(served.database,
                     "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'outputd'");
        SERVE_UNTIL(outputd_log_count(served.service, "registry read ") == i);
    }
    database_sql(served.database, "UPDATE trackers SET blocked = true WHERE id = %d", SERVED_TRACKER);
    served_expect_becomes(SERVED_TRACKER, 208);
}

/* SIGSTOP or SIGCONT to all that serves the service there. */
static void signal_backends(const char *signal)
{
    database_sql(served.database,
                 "DO $$ DECLARE p int; BEGIN"
                 "  FOR p IN SELECT pid FROM pg_stat_activity WHERE usename = 'outputd' LOOP"
                 "    EXECUTE format('COPY (SELECT 1) TO PROGRAM ''kill -%s %%s''', p);"
                 "  END LOOP; END $$",
                 signal);
}

Test(service_postgres_outage, one_that_stands_still_holds_nothing_up)
{
    served_start();
    SERVE_UNTIL(true);
    signal_backends("STOP");
    database_sql(served.database, "UPDATE trackers SET blocked = true WHERE id = %d", SERVED_TRACKER);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 0);
    signal_backends("CONT");
    served_expect_becomes(SERVED_TRACKER, 208);
}

Test(service_postgres_outage, the_age_of_the_registry_is_told)
{
    struct buffer body = {0};

    served_start();
    database_halt(served.database);
    cr_assert(
        PUMP_UNTIL((buffer_clear(&body), http_ask(served.http_port, "/readyz", &body) == 200) &&
                   strstr((const char *)body.data, "ready; the registry is 2 s old: its database cannot be read")),
        "%s", (const char *)body.data);
    buffer_release(&body);
}

/* --- it was not there --- */

Test(service_postgres_outage, a_start_without_it_answers_14_until_it_is_there)
{
    database_halt(served.database);
    outputd_start(served.service);
    outputd_wait_ready(served.service);
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 14);
    served_expect_readiness(503, "the registry has not been loaded: its database cannot be read");
    database_resume(served.database);
    served_expect_becomes(SERVED_TRACKER, 0);
    served_expect_readiness(200, "ready");
}

Test(service_postgres_outage, a_wrong_password_is_told_without_it_and_tried_again)
{
    database_sql(served.database, "ALTER ROLE outputd PASSWORD 'another one'");
    served_start();
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 14);
    outputd_wait_log(served.service, "password authentication failed for user", 1);
    cr_assert(PUMP_UNTIL(database_log_count(served.database, "password authentication failed for user") >= 6));
    database_sql(served.database, "ALTER ROLE outputd PASSWORD 'a-secret-word'");
    served_expect_becomes(SERVED_TRACKER, 0);
    cr_expect_eq(outputd_log_count(served.service, "secret-word"), 0);
    cr_expect_leq(outputd_log_count(served.service, "password authentication failed"), 2,
                  "told once, not at each attempt");
}

Test(service_postgres_outage, a_database_that_is_not_there_is_told_and_tried_again)
{
    char conninfo[200];

    snprintf(conninfo, sizeof conninfo, "%s dbname=fleet", database_conninfo(served.database));
    outputd_set_text(served.service, "registry.conninfo", conninfo);
    served_start();
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 14);
    outputd_wait_log(served.service, "database \\\"fleet\\\" does not exist", 1);
    database_sql(served.database, "CREATE DATABASE fleet TEMPLATE template0"); /* without the tables */
    outputd_wait_log(served.service, "registry.users_query: relation \\\"users\\\" does not exist", 1);
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 14);
}

Test(service_postgres_outage, it_stops_while_the_database_is_away)
{
    database_halt(served.database);
    served_start();
    outputd_stop(served.service);
    database_resume(served.database);
    served_start();
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 0);
    outputd_stop(served.service);
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
    outputd_write(served.service, "profiles/box.cfg", box_profile);
    database_sql(served.database, "INSERT INTO trackers (id, user_id, model, device_id) VALUES (8, 1, 'box', 'first')");
    field_subscribe(served.field, "boxes/+/do");
    field_online(served.field, 8);
    served_start();
    desk_set(served.desk, "in flight", 8, 2, true);
    field_wait(served.field, 1);
    outputd_kill(served.service);
    outputd_start(served.service);
    outputd_wait_ready(served.service);
    field_say(served.field, "boxes/first/done", "ON2!");
    desk_expect_success(served.desk, "in flight");
}

/* --- the configuration --- */

static int check_config(void)
{
    char command[256];
    int status;

    outputd_write_config(served.service);
    snprintf(command, sizeof command, "%s -c %s/outputd.cfg --check-config >>%s/log 2>&1",
             getenv("OUTPUTD") ? getenv("OUTPUTD") : "build/outputd", served.service->directory,
             served.service->directory);
    status = system(command);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

Test(service_postgres_outage, the_configuration_is_checked_without_the_database)
{
    database_halt(served.database);
    cr_expect_eq(check_config(), 0);
    outputd_set_text(served.service, "registry.conninfo", "hidden-word");
    cr_expect_eq(check_config(), 1);
    cr_expect_eq(outputd_log_count(served.service, "registry.conninfo is no connection string"), 1);
    cr_expect_eq(outputd_log_count(served.service, "hidden-word"), 0);
    outputd_set_text(served.service, "registry.conninfo", "postgresql://outputd:hidden-word@127.0.0.1:port/x");
    cr_expect_eq(check_config(), 0, "libpq finds that out when it connects");
    outputd_start(served.service);
    outputd_wait_log(served.service, "registry database failed", 1);
    cr_expect_eq(outputd_log_count(served.service, "hidden-word"), 0);
}

Test(service_postgres_outage, the_connection_string_comes_from_a_file)
{
    outputd_write(served.service, "conninfo", database_conninfo(served.database));
    outputd_unset(served.service, "registry.conninfo");
    outputd_set_text(served.service, "registry.conninfo_file", "conninfo");
    served_start();
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 0);
}
