/* The registry from a real PostgreSQL: what is read first, and how changes come into service. */
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

enum { TRACKER = 265489, NEW_TRACKER = 8, MANY = 20000, FIRST_OF_MANY = 1000000 };

#define HASH_SHA256 "6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e"

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
    outputd_set_text(service, "log.level", "debug");
    outputd_remove(service, "registry.cfg");
    http_port = outputd_listen(service);
    field = field_start(broker_url(broker));
    field_online(field, TRACKER);
    field_online(field, NEW_TRACKER);
    field_online(field, FIRST_OF_MANY + MANY);
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

TestSuite(service_postgres, .init = set_stage, .fini = clear_stage, .timeout = 120);

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

static void expect_metric(const char *line)
{
    struct buffer body = {0};
    bool found;

    found = PUMP_UNTIL((buffer_clear(&body), http_ask(http_port, "/metrics", &body) == 200) &&
                       strstr((const char *)body.data, line));
    cr_assert(found, "%s is missing in\n%s", line, (const char *)body.data);
    buffer_release(&body);
}

/* --- what is read first --- */

Test(service_postgres, what_the_tables_say_is_what_requests_are_answered_by)
{
    start_service();
    cr_expect_eq(desk_code_of_set(desk, TRACKER), 0);
    cr_expect_eq(desk_code_of_set(desk, 265490), 213);
    cr_expect_eq(desk_code_of_set(desk, 265491), 208);
    cr_expect_eq(desk_code_of_set(desk, 265492), 219);
    cr_expect_eq(desk_code_of_set(desk, 265493), 220);
    cr_expect_eq(desk_code_of_set(desk, 265494), 214);
    cr_expect_eq(desk_code_of_set(desk, 265495), 204);
    cr_expect_eq(desk_code_of_set(desk, 265499), 204);
    cr_expect_eq(outputd_log_count(service, "registry read users=3 sessions=3 trackers=8"), 1);
    expect_metric("\noutputd_registry_connected 1\n");
}

Test(service_postgres, schema_and_examples_can_be_run_again)
{
    start_service();
    database_run(database, "conf/schema.sql");
    database_run(database, "conf/demo.sql");
    database_sql(database, "UPDATE trackers SET blocked = true WHERE id = %d", TRACKER);
    expect_becomes(TRACKER, 208);
}

Test(service_postgres, the_role_of_the_service_reads_and_nothing_else)
{
    cr_expect(database_lets_service(database, "SELECT count(*) FROM trackers"));
    cr_expect(database_lets_service(database, "LISTEN outputd_registry"));
    cr_expect_not(database_lets_service(database, "INSERT INTO users (id) VALUES (77)"));
    cr_expect_not(database_lets_service(database, "SET default_transaction_read_only = off; "
                                                  "INSERT INTO users (id) VALUES (77)"));
    cr_expect_not(database_lets_service(database, "SET default_transaction_read_only = off; DELETE FROM trackers"));
    cr_expect_not(database_lets_service(database, "SET default_transaction_read_only = off; "
                                                  "UPDATE sessions SET master = true"));
    cr_expect_not(database_lets_service(database, "SET default_transaction_read_only = off; CREATE TABLE t (a int)"));
}

Test(service_postgres, schema_refuses_what_a_registry_refuses)
{
    static const char *const rows[] = {
        "users (id) VALUES (0)",
        "sessions (hash_sha256, user_id) VALUES ('abc', 1)",
        "sessions (hash_sha256, user_id) VALUES (repeat('a', 64), 77)",
        "sessions (hash_sha256, user_id, trackers) VALUES (repeat('a', 64), 1, '{1,NULL}')",
        "trackers (id, user_id, model) VALUES (8, 77, 'h02')",
        "trackers (id, user_id, model) VALUES (8, 1, 'generic_json')",
        "trackers (id, user_id, model, device_id) VALUES (8, 1, 'h02', 'a+b')",
        "trackers (id, user_id, model, device_id) VALUES (8, 1, 'h02', E'a\\nb')",
        "trackers (id, user_id, model, outputs) VALUES (8, 1, 'h02', 65)",
        "trackers (id, user_id, model, reserved_outputs) VALUES (8, 1, 'h02', '{0}')",
        "trackers (id, user_id, model, vars) VALUES (8, 1, 'h02', '{\"password\": \"a#\"}')",
        "trackers (id, user_id, model, vars) VALUES (8, 1, 'h02', '{\"password\": {\"a\": 1}}')",
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        database_sql(
            database,
            "DO $$ BEGIN INSERT INTO %s; RAISE EXCEPTION 'taken'; EXCEPTION WHEN integrity_constraint_violation "
            "THEN NULL; END $$",
            rows[i]);
    }
}

/* --- changes --- */

Test(service_postgres, a_new_tracker_is_served_and_a_removed_one_is_not)
{
    start_service();
    cr_assert_eq(desk_code_of_set(desk, NEW_TRACKER), 204);
    database_sql(database, "INSERT INTO trackers (id, user_id, model, outputs) VALUES (8, 1, 'generic_json', 3)");
    expect_becomes(NEW_TRACKER, 0);
    database_sql(database, "UPDATE trackers SET id = 9 WHERE id = 8");
    expect_becomes(NEW_TRACKER, 204);
    expect_becomes(9, 213);
    database_sql(database, "DELETE FROM trackers WHERE id = 9");
    expect_becomes(9, 204);
    cr_expect_eq(outputd_log_count(service, "registry read "), 1, "the changed rows alone are read again");
}

Test(service_postgres, a_change_is_in_service_within_a_second_mostly)
{
    enum { TIMES = 10 };
    int within_a_second = 0;

    start_service();
    for (int i = 0; i < TIMES; i++) {
        uint64_t began_ms;

        database_sql(database, "UPDATE trackers SET blocked = %s WHERE id = %d", i % 2 ? "false" : "true", TRACKER);
        began_ms = clock_now().mono_ms;
        expect_becomes(TRACKER, i % 2 ? 0 : 208);
        within_a_second += clock_now().mono_ms - began_ms < 1000;
    }
    cr_expect_geq(within_a_second, 1, "none of %d", TIMES); /* a busy machine may be late, but not each time */
}

Test(service_postgres, sessions_and_users_are_revoked_and_blocked)
{
    start_service();
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
    database_sql(database, "UPDATE sessions SET master = false WHERE hash_sha256 = '%s'", HASH_SHA256);
    expect_becomes(TRACKER, 13);
    database_sql(database, "UPDATE sessions SET rights = '{tracker_set_output}', trackers = '{265490,265491}'"
                           " WHERE hash_sha256 = '" HASH_SHA256 "'");
    expect_becomes(TRACKER, 204);
    database_sql(database, "UPDATE sessions SET trackers = trackers || 265489 WHERE hash_sha256 = '" HASH_SHA256 "'");
    expect_becomes(TRACKER, 0);
    database_sql(database, "UPDATE users SET blocked = true WHERE id = 1");
    expect_becomes(TRACKER, 275);
    database_sql(database, "UPDATE users SET blocked = false WHERE id = 1");
    expect_becomes(TRACKER, 0);
    database_sql(database, "UPDATE sessions SET expires_at = '2020-01-01' WHERE hash_sha256 = '" HASH_SHA256 "'");
    expect_becomes(TRACKER, 4);
    database_sql(database, "UPDATE sessions SET expires_at = 'infinity' WHERE hash_sha256 = '" HASH_SHA256 "'");
    expect_becomes(TRACKER, 0);
    database_sql(database, "DELETE FROM sessions WHERE hash_sha256 = '" HASH_SHA256 "'");
    expect_becomes(TRACKER, 4);
    cr_expect_eq(outputd_log_count(service, HASH_SHA256), 0);
}

Test(service_postgres, a_removed_user_takes_its_sessions_and_trackers_along)
{
    start_service();
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
    database_sql(database, "DELETE FROM users WHERE id = 1");
    expect_becomes(TRACKER, 4);
    outputd_wait_log(service, "registry changed users=2 sessions=1 trackers=1", 1);
    database_run(database, "conf/demo.sql");
    expect_becomes(TRACKER, 0);
    cr_expect_eq(outputd_log_count(service, "registry read "), 1);
}

static const char box_profile[] = "models = [\"box\"];\n"
                                  "outputs = 2;\n"
                                  "command: { topic = \"boxes/{device_id}/do\"; set = \"{enable?ON:OFF}{output}\"; };\n"
                                  "ack: { topic = \"boxes/{device_id}/done\"; match = \"echo\";\n"
                                  "  echo = \"{enable?ON:OFF}{output}\"; success = [\"^(?<key>O(N|FF)[0-9])!$\"]; };\n";

static void expect_box(const char *correlation, const char *device_id)
{
    char topic[64];

    field_forget(field);
    desk_set(desk, correlation, NEW_TRACKER, 2, true);
    snprintf(topic, sizeof topic, "boxes/%s/do", device_id);
    cr_assert_str_eq(field_wait(field, 1)->topic, topic);
    snprintf(topic, sizeof topic, "boxes/%s/done", device_id);
    field_say(field, topic, "ON2!");
    desk_expect_success(desk, correlation);
}

Test(service_postgres, a_changed_device_id_is_commanded_and_heard_on_its_new_topics)
{
    outputd_write(service, "profiles/box.cfg", box_profile);
    start_service();
    field_subscribe(field, "boxes/+/do");
    database_sql(database, "INSERT INTO trackers (id, user_id, model, device_id) VALUES (8, 1, 'box', 'first')");
    outputd_wait_log(service, "registry changed", 1);
    outputd_wait_ready(service); /* with a subscription more */
    expect_box("a", "first");
    database_sql(database, "UPDATE trackers SET device_id = 'second' WHERE id = 8");
    outputd_wait_log(service, "registry changed", 2);
    expect_box("b", "second");
}

Test(service_postgres, many_rows_in_one_statement_are_read_together)
{
    start_service();
    database_sql(database,
                 "INSERT INTO trackers (id, user_id, model, outputs) SELECT g, 1, 'generic_json', 3"
                 " FROM generate_series(%d, %d) AS g",
                 FIRST_OF_MANY + 1, FIRST_OF_MANY + MANY);
    expect_becomes(FIRST_OF_MANY + MANY, 0);
    cr_expect_leq(outputd_log_count(service, "registry read "), 3, "all of it, once or twice, not row by row");
    database_sql(database, "UPDATE trackers SET blocked = true WHERE id > %d", FIRST_OF_MANY + MANY - 3000);
    expect_becomes(FIRST_OF_MANY + MANY, 208);
    outputd_wait_log(service, " changed=3000 ", 1);
    database_sql(database, "TRUNCATE trackers");
    expect_becomes(TRACKER, 204);
}

Test(service_postgres, many_statements_in_one_transaction_are_read_together)
{
    start_service();
    database_sql(database,
                 "DO $$ BEGIN FOR i IN %d..%d LOOP"
                 " INSERT INTO trackers (id, user_id, model, outputs) VALUES (i, 1, 'generic_json', 3);"
                 " END LOOP; END $$",
                 FIRST_OF_MANY + 1, FIRST_OF_MANY + MANY);
    expect_becomes(FIRST_OF_MANY + MANY, 0);
    outputd_wait_log(service, "trackers=20008", 1);
}

Test(service_postgres, a_queued_request_is_checked_against_what_has_changed)
{
    start_service();
    field->is_silent = true;
    desk_set(desk, "in flight", TRACKER, 1, true);
    field_wait(field, 1);
    desk_set(desk, "queued", TRACKER, 1, false);
    desk_fence(desk);
    database_sql(database, "UPDATE trackers SET blocked = true WHERE id = %d", TRACKER);
    outputd_wait_log(service, "registry changed", 1);
    field_ack(field, &field->commands[0], "\"success\": true");
    desk_expect_success(desk, "in flight");
    desk_expect_error(desk, "queued", 208, "not_sent");
}

/* --- own queries --- */

Test(service_postgres, tables_of_ones_own_are_read_by_queries_of_ones_own)
{
    database_sql(database, "CREATE TABLE accounts (account bigint PRIMARY KEY);"
                           "CREATE TABLE devices (number bigint PRIMARY KEY, account bigint, imei text, kind text);"
                           "CREATE TABLE keys (key text, account bigint, until timestamp);"
                           "INSERT INTO accounts VALUES (1); INSERT INTO devices VALUES (265489, 1, '3563', 'json');"
                           "INSERT INTO keys VALUES ('a6aa75587e5c59c32d347da438505fc3', 1, NULL);"
                           "GRANT SELECT ON accounts, devices, keys TO outputd");
    outputd_set_text(service, "registry.users_query", "SELECT account AS id FROM accounts;");
    outputd_set_text(service, "registry.sessions_query",
                     "SELECT account AS user_id, true AS master, until AS expires_at,"
                     " encode(sha256(key::bytea), 'hex') AS hash_sha256 FROM keys");
    outputd_set_text(service, "registry.trackers_query",
                     "SELECT number AS id, account AS user_id, 'generic_' || kind AS model, imei AS device_id,"
                     " 3 AS outputs, jsonb_build_object('line', 1) AS vars FROM devices -- ours");
    outputd_set_text(service, "registry.channel", "Fleet_1");
    start_service();
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
    database_sql(database, "INSERT INTO devices VALUES (8, 1, '', 'json'); NOTIFY \"Fleet_1\", 'tracker 8'");
    expect_becomes(NEW_TRACKER, 0);
    database_sql(database, "UPDATE keys SET until = '2020-01-01 00:00:00'; NOTIFY \"Fleet_1\"");
    expect_becomes(TRACKER, 4);
    cr_expect_eq(outputd_log_count(service, "registry read "), 2);
}

Test(service_postgres, of_two_rows_with_one_key_the_first_one_stands)
{
    database_sql(database, "CREATE TABLE devices (number int, stolen bool); GRANT SELECT ON devices TO outputd;"
                           "INSERT INTO devices VALUES (265489, false), (265489, true)");
    outputd_set_text(service, "registry.trackers_query",
                     "SELECT number AS id, 1 AS user_id, 'generic_json' AS model, 3 AS outputs, stolen AS blocked"
                     " FROM devices ORDER BY number, stolen");
    start_service();
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
    outputd_wait_log(service, "tracker 265489: this tracker is there twice", 1);
    database_sql(database, "INSERT INTO devices VALUES (8, false), (8, true); NOTIFY outputd_registry, 'tracker 8'");
    expect_becomes(NEW_TRACKER, 0);
}

Test(service_postgres, a_query_without_a_column_or_with_a_mistake_keeps_the_running_state)
{
    start_service();
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
    database_sql(database, "ALTER TABLE trackers RENAME COLUMN clone TO twin; NOTIFY outputd_registry");
    outputd_wait_log(service, "registry.trackers_query: column \\\"clone\\\" does not exist", 1);
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
    database_sql(database, "ALTER TABLE trackers RENAME COLUMN twin TO clone; DELETE FROM trackers WHERE id = %d",
                 TRACKER);
    expect_becomes(TRACKER, 204);
}

Test(service_postgres, a_query_that_lacks_a_column_is_told)
{
    outputd_set_text(service, "registry.trackers_query", "SELECT id, user_id FROM trackers");
    outputd_start(service);
    outputd_wait_log(service, "registry.trackers_query: it has no column model", 1);
    outputd_wait_ready(service);
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 14);
}

/* --- rows with mistakes --- */

Test(service_postgres, a_row_with_a_mistake_is_left_out_and_the_others_are_served)
{
    database_sql(database, "ALTER TABLE trackers DROP CONSTRAINT trackers_device_id_check;"
                           "INSERT INTO trackers (id, user_id, model, outputs, device_id)"
                           " VALUES (8, 1, 'generic_json', 3, 'a+b')");
    start_service();
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
    cr_assert_eq(desk_code_of_set(desk, NEW_TRACKER), 204);
    outputd_wait_log(service, "registry row refused what=\"tracker 8: device_id must be a text without", 1);
    expect_metric("\noutputd_registry_rows_refused_total 1\n");
    database_sql(database, "UPDATE trackers SET device_id = 'ab' WHERE id = 8");
    expect_becomes(NEW_TRACKER, 0);
    database_sql(database, "UPDATE trackers SET device_id = 'a#' WHERE id = 8");
    expect_becomes(NEW_TRACKER, 204);
    database_sql(database, "UPDATE trackers SET device_id = 'ab' WHERE id = 8");
    expect_becomes(NEW_TRACKER, 0);
}

Test(service_postgres, of_many_rows_with_mistakes_the_first_few_are_told)
{
    database_sql(database, "ALTER TABLE trackers DROP CONSTRAINT trackers_device_id_check;"
                           "INSERT INTO trackers (id, user_id, model, outputs, device_id)"
                           " SELECT g, 1, 'generic_json', 3, 'a+b' FROM generate_series(1, 500) AS g");
    start_service();
    outputd_wait_log(service, "registry row refused what=\"and 495 more\"", 1);
    cr_expect_eq(outputd_log_count(service, "registry row refused what=\"tracker "), 5);
    expect_metric("\noutputd_registry_rows_refused_total 500\n");
}

/* A tracker that was there before its user, as tables without references can have it. */
Test(service_postgres, what_had_no_user_is_served_while_it_has_one)
{
    database_sql(database,
                 "ALTER TABLE trackers DROP CONSTRAINT trackers_user_id_fkey;"
                 "ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey; DELETE FROM users WHERE id = 1");
    start_service();
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 4);
    database_sql(database, "INSERT INTO users (id) VALUES (1)");
    expect_becomes(TRACKER, 0);
    database_sql(database, "DELETE FROM users WHERE id = 1");
    outputd_wait_log(service, "registry changed users=2 sessions=1 trackers=1", 1);
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 4);
    cr_expect_eq(outputd_log_count(service, "registry read "), 1);
}

/* --- reloads --- */

static void hang_up(void)
{
    int before = outputd_log_count(service, "info    reloaded");

    outputd_signal(service, SIGHUP);
    outputd_wait_log(service, "info    reloaded", before + 1);
}

Test(service_postgres, a_signal_brings_new_profiles_and_limits_and_reads_everything_again)
{
    start_service();
    database_sql(database, "INSERT INTO trackers (id, user_id, model, device_id) VALUES (8, 1, 'box', 'first')");
    expect_becomes(NEW_TRACKER, 220);
    outputd_write(service, "profiles/box.cfg", box_profile);
    hang_up();
    outputd_wait_log(service, "registry read ", 2);
    outputd_wait_ready(service);
    field_subscribe(field, "boxes/+/do");
    expect_box("a", "first");
    outputd_set(service, "limits.request_bytes_max", "64");
    outputd_write_config(service);
    hang_up();
    expect_becomes(TRACKER, 9);
}

Test(service_postgres, a_signal_brings_new_limits_while_the_database_is_away)
{
    start_service();
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
    database_halt(database);
    outputd_wait_log(service, "registry database failed", 1);
    outputd_remove(service, "profiles/h02.cfg");
    outputd_set(service, "limits.request_bytes_max", "64");
    outputd_write_config(service);
    hang_up();
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 9);
    outputd_set(service, "limits.request_bytes_max", "16384");
    outputd_write_config(service);
    hang_up();
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
}

Test(service_postgres, a_mistake_in_a_profile_keeps_the_running_state)
{
    start_service();
    outputd_write(service, "profiles/box.cfg", "models = [");
    outputd_signal(service, SIGHUP);
    outputd_wait_log(service, "reload refused", 1);
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
    database_sql(database, "UPDATE trackers SET blocked = true WHERE id = %d", TRACKER);
    expect_becomes(TRACKER, 208);
}

/* --- who does not use it --- */

static bool maps_libpq(void)
{
    char command[64];

    snprintf(command, sizeof command, "grep -q libpq /proc/%d/maps", (int)service->pid);
    return system(command) == 0;
}

Test(service_postgres, its_library_is_in_no_process_that_reads_a_file)
{
    start_service();
    cr_expect(maps_libpq());
    outputd_stop(service);
    outputd_set_text(service, "registry.source", "file");
    cr_assert_eq(system("true"), 0);
    outputd_write(service, "registry.cfg", "users = (); sessions = (); trackers = ();");
    start_service();
    cr_expect_not(maps_libpq());
}
