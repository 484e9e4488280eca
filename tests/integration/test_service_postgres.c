/* The registry from a real PostgreSQL: what is read first, and how changes come into service. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/http_client.h"
#include "support/pump.h"
#include "support/served.h"

enum { NEW_TRACKER = 8, MANY = 20000, FIRST_OF_MANY = 1000000 };

#define HASH_SHA256 "6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e"

static void set_stage(void)
{
    served_set_up();
    outputd_set_text(served.service, "log.level", "debug");
    outputd_remove(served.service, "registry.cfg");
    field_online(served.field, NEW_TRACKER);
    field_online(served.field, FIRST_OF_MANY + MANY);
}

TestSuite(service_postgres, .init = set_stage, .fini = served_clear, .timeout = 120);

/* --- what is read first --- */

Test(service_postgres, what_the_tables_say_is_what_requests_are_answered_by)
{
    served_start();
    cr_expect_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 0);
    cr_expect_eq(desk_code_of_set(served.desk, 265490), 213);
    cr_expect_eq(desk_code_of_set(served.desk, 265491), 208);
    cr_expect_eq(desk_code_of_set(served.desk, 265492), 219);
    cr_expect_eq(desk_code_of_set(served.desk, 265493), 220);
    cr_expect_eq(desk_code_of_set(served.desk, 265494), 214);
    cr_expect_eq(desk_code_of_set(served.desk, 265495), 204);
    cr_expect_eq(desk_code_of_set(served.desk, 265499), 204);
    cr_expect_eq(outputd_log_count(served.service, "registry read users=3 sessions=3 trackers=8"), 1);
    served_expect_metric("\noutputd_registry_connected 1\n");
}

Test(service_postgres, schema_and_examples_can_be_run_again)
{
    served_start();
    database_run(served.database, "conf/schema.sql");
    database_run(served.database, "conf/demo.sql");
    database_sql(served.database, "UPDATE trackers SET blocked = true WHERE id = %d", SERVED_TRACKER);
    served_expect_becomes(SERVED_TRACKER, 208);
}

Test(service_postgres, the_role_of_the_service_reads_and_nothing_else)
{
    cr_expect(database_lets_service(served.database, "SELECT count(*) FROM trackers"));
    cr_expect(database_lets_service(served.database, "LISTEN outputd_registry"));
    cr_expect_not(database_lets_service(served.database, "INSERT INTO users (id) VALUES (77)"));
    cr_expect_not(database_lets_service(served.database, "SET default_transaction_read_only = off; "
                                                         "INSERT INTO users (id) VALUES (77)"));
    cr_expect_not(
        database_lets_service(served.database, "SET default_transaction_read_only = off; DELETE FROM trackers"));
    cr_expect_not(database_lets_service(served.database, "SET default_transaction_read_only = off; "
                                                         "UPDATE sessions SET master = true"));
    cr_expect_not(
        database_lets_service(served.database, "SET default_transaction_read_only = off; CREATE TABLE t (a int)"));
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
            served.database,
            "DO $$ BEGIN INSERT INTO %s; RAISE EXCEPTION 'taken'; EXCEPTION WHEN integrity_constraint_violation "
            "THEN NULL; END $$",
            rows[i]);
    }
}

/* --- changes --- */

Test(service_postgres, a_new_tracker_is_served_and_a_removed_one_is_not)
{
    served_start();
    cr_assert_eq(desk_code_of_set(served.desk, NEW_TRACKER), 204);
    database_sql(served.database,
                 "INSERT INTO trackers (id, user_id, model, outputs) VALUES (8, 1, 'generic_json', 3)");
    served_expect_becomes(NEW_TRACKER, 0);
    database_sql(served.database, "UPDATE trackers SET id = 9 WHERE id = 8");
    served_expect_becomes(NEW_TRACKER, 204);
    served_expect_becomes(9, 213);
    database_sql(served.database, "DELETE FROM trackers WHERE id = 9");
    served_expect_becomes(9, 204);
    cr_expect_eq(outputd_log_count(served.service, "registry read "), 1, "the changed rows alone are read again");
}

Test(service_postgres, a_change_is_in_service_within_a_second_mostly)
{
    enum { TIMES = 10 };
    int within_a_second = 0;

    served_start();
    for (int i = 0; i < TIMES; i++) {
        uint64_t began_ms;

        database_sql(served.database, "UPDATE trackers SET blocked = %s WHERE id = %d", i % 2 ? "false" : "true",
                     SERVED_TRACKER);
        began_ms = clock_now().mono_ms;
        served_expect_becomes(SERVED_TRACKER, i % 2 ? 0 : 208);
        within_a_second += clock_now().mono_ms - began_ms < 1000;
    }
    cr_expect_geq(within_a_second, 1, "none of %d", TIMES); /* a busy machine may be late, but not each time */
}

Test(service_postgres, sessions_and_users_are_revoked_and_blocked)
{
    served_start();
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 0);
    database_sql(served.database, "UPDATE sessions SET master = false WHERE hash_sha256 = '%s'", HASH_SHA256);
    served_expect_becomes(SERVED_TRACKER, 13);
    database_sql(served.database, "UPDATE sessions SET rights = '{tracker_set_output}', trackers = '{265490,265491}'"
                                  " WHERE hash_sha256 = '" HASH_SHA256 "'");
    served_expect_becomes(SERVED_TRACKER, 204);
    database_sql(served.database,
                 "UPDATE sessions SET trackers = trackers || 265489 WHERE hash_sha256 = '" HASH_SHA256 "'");
    served_expect_becomes(SERVED_TRACKER, 0);
    database_sql(served.database, "UPDATE users SET blocked = true WHERE id = 1");
    served_expect_becomes(SERVED_TRACKER, 275);
    database_sql(served.database, "UPDATE users SET blocked = false WHERE id = 1");
    served_expect_becomes(SERVED_TRACKER, 0);
    database_sql(served.database,
                 "UPDATE sessions SET expires_at = '2020-01-01' WHERE hash_sha256 = '" HASH_SHA256 "'");
    served_expect_becomes(SERVED_TRACKER, 4);
    database_sql(served.database, "UPDATE sessions SET expires_at = 'infinity' WHERE hash_sha256 = '" HASH_SHA256 "'");
    served_expect_becomes(SERVED_TRACKER, 0);
    database_sql(served.database, "DELETE FROM sessions WHERE hash_sha256 = '" HASH_SHA256 "'");
    served_expect_becomes(SERVED_TRACKER, 4);
    cr_expect_eq(outputd_log_count(served.service, HASH_SHA256), 0);
}

Test(service_postgres, a_removed_user_takes_its_sessions_and_trackers_along)
{
    served_start();
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 0);
    database_sql(served.database, "DELETE FROM users WHERE id = 1");
    served_expect_becomes(SERVED_TRACKER, 4);
    outputd_wait_log(served.service, "registry changed users=2 sessions=1 trackers=1", 1);
    database_run(served.database, "conf/demo.sql");
    served_expect_becomes(SERVED_TRACKER, 0);
    cr_expect_eq(outputd_log_count(served.service, "registry read "), 1);
}

static const char box_profile[] = "models = [\"box\"];\n"
                                  "outputs = 2;\n"
                                  "command: { topic = \"boxes/{device_id}/do\"; set = \"{enable?ON:OFF}{output}\"; };\n"
                                  "ack: { topic = \"boxes/{device_id}/done\"; match = \"echo\";\n"
                                  "  echo = \"{enable?ON:OFF}{output}\"; success = [\"^(?<key>O(N|FF)[0-9])!$\"]; };\n";

static void expect_box(const char *correlation, const char *device_id)
{
    char topic[64];

    field_forget(served.field);
    desk_set(served.desk, correlation, NEW_TRACKER, 2, true);
    snprintf(topic, sizeof topic, "boxes/%s/do", device_id);
    cr_assert_str_eq(field_wait(served.field, 1)->topic, topic);
    snprintf(topic, sizeof topic, "boxes/%s/done", device_id);
    field_say(served.field, topic, "ON2!");
    desk_expect_success(served.desk, correlation);
}

Test(service_postgres, a_changed_device_id_is_commanded_and_heard_on_its_new_topics)
{
    outputd_write(served.service, "profiles/box.cfg", box_profile);
    served_start();
    field_subscribe(served.field, "boxes/+/do");
    database_sql(served.database, "INSERT INTO trackers (id, user_id, model, device_id) VALUES (8, 1, 'box', 'first')");
    outputd_wait_log(served.service, "registry changed", 1);
    outputd_wait_ready(served.service); /* with a subscription more */
    expect_box("a", "first");
    database_sql(served.database, "UPDATE trackers SET device_id = 'second' WHERE id = 8");
    outputd_wait_log(served.service, "registry changed", 2);
    expect_box("b", "second");
}

Test(service_postgres, many_rows_in_one_statement_are_read_together)
{
    served_start();
    database_sql(served.database,
                 "INSERT INTO trackers (id, user_id, model, outputs) SELECT g, 1, 'generic_json', 3"
                 " FROM generate_series(%d, %d) AS g",
                 FIRST_OF_MANY + 1, FIRST_OF_MANY + MANY);
    served_expect_becomes(FIRST_OF_MANY + MANY, 0);
    cr_expect_leq(outputd_log_count(served.service, "registry read "), 3, "all of it, once or twice, not row by row");
    database_sql(served.database, "UPDATE trackers SET blocked = true WHERE id > %d", FIRST_OF_MANY + MANY - 3000);
    served_expect_becomes(FIRST_OF_MANY + MANY, 208);
    outputd_wait_log(served.service, " changed=3000 ", 1);
    database_sql(served.database, "TRUNCATE trackers");
    served_expect_becomes(SERVED_TRACKER, 204);
}

Test(service_postgres, many_statements_in_one_transaction_are_read_together)
{
    served_start();
    database_sql(served.database,
                 "DO $$ BEGIN FOR i IN %d..%d LOOP"
                 " INSERT INTO trackers (id, user_id, model, outputs) VALUES (i, 1, 'generic_json', 3);"
                 " END LOOP; END $$",
                 FIRST_OF_MANY + 1, FIRST_OF_MANY + MANY);
    served_expect_becomes(FIRST_OF_MANY + MANY, 0);
    outputd_wait_log(served.service, "trackers=20008", 1);
}

Test(service_postgres, a_queued_request_is_checked_against_what_has_changed)
{
    served_start();
    served.field->is_silent = true;
    desk_set(served.desk, "in flight", SERVED_TRACKER, 1, true);
    field_wait(served.field, 1);
    desk_set(served.desk, "queued", SERVED_TRACKER, 1, false);
    desk_fence(served.desk);
    database_sql(served.database, "UPDATE trackers SET blocked = true WHERE id = %d", SERVED_TRACKER);
    outputd_wait_log(served.service, "registry changed", 1);
    field_ack(served.field, &served.field->commands[0], "\"success\": true");
    desk_expect_success(served.desk, "in flight");
    desk_expect_error(served.desk, "queued", 208, "not_sent");
}

/* --- own queries --- */

Test(service_postgres, tables_of_ones_own_are_read_by_queries_of_ones_own)
{
    database_sql(served.database,
                 "CREATE TABLE accounts (account bigint PRIMARY KEY);"
                 "CREATE TABLE devices (number bigint PRIMARY KEY, account bigint, imei text, kind text);"
                 "CREATE TABLE keys (key text, account bigint, until timestamp);"
                 "INSERT INTO accounts VALUES (1); INSERT INTO devices VALUES (265489, 1, '3563', 'json');"
                 "INSERT INTO keys VALUES ('a6aa75587e5c59c32d347da438505fc3', 1, NULL);"
                 "GRANT SELECT ON accounts, devices, keys TO outputd");
    outputd_set_text(served.service, "registry.users_query", "SELECT account AS id FROM accounts;");
    outputd_set_text(served.service, "registry.sessions_query",
                     "SELECT account AS user_id, true AS master, until AS expires_at,"
                     " encode(sha256(key::bytea), 'hex') AS hash_sha256 FROM keys");
    outputd_set_text(served.service, "registry.trackers_query",
                     "SELECT number AS id, account AS user_id, 'generic_' || kind AS model, imei AS device_id,"
                     " 3 AS outputs, jsonb_build_object('line', 1) AS vars FROM devices -- ours");
    outputd_set_text(served.service, "registry.channel", "Fleet_1");
    served_start();
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 0);
    database_sql(served.database, "INSERT INTO devices VALUES (8, 1, '', 'json'); NOTIFY \"Fleet_1\", 'tracker 8'");
    served_expect_becomes(NEW_TRACKER, 0);
    database_sql(served.database, "UPDATE keys SET until = '2020-01-01 00:00:00'; NOTIFY \"Fleet_1\"");
    served_expect_becomes(SERVED_TRACKER, 4);
    cr_expect_eq(outputd_log_count(served.service, "registry read "), 2);
}

Test(service_postgres, of_two_rows_with_one_key_the_first_one_stands)
{
    database_sql(served.database, "CREATE TABLE devices (number int, stolen bool); GRANT SELECT ON devices TO outputd;"
                                  "INSERT INTO devices VALUES (265489, false), (265489, true)");
    outputd_set_text(served.service, "registry.trackers_query",
                     "SELECT number AS id, 1 AS user_id, 'generic_json' AS model, 3 AS outputs, stolen AS blocked"
                     " FROM devices ORDER BY number, stolen");
    served_start();
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 0);
    outputd_wait_log(served.service, "tracker 265489: this tracker is there twice", 1);
    database_sql(served.database,
                 "INSERT INTO devices VALUES (8, false), (8, true); NOTIFY outputd_registry, 'tracker 8'");
    served_expect_becomes(NEW_TRACKER, 0);
}

Test(service_postgres, a_query_without_a_column_or_with_a_mistake_keeps_the_running_state)
{
    served_start();
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 0);
    database_sql(served.database, "ALTER TABLE trackers RENAME COLUMN clone TO twin; NOTIFY outputd_registry");
    outputd_wait_log(served.service, "registry.trackers_query: column \\\"clone\\\" does not exist", 1);
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 0);
    database_sql(served.database,
                 "ALTER TABLE trackers RENAME COLUMN twin TO clone; DELETE FROM trackers WHERE id = %d",
                 SERVED_TRACKER);
    served_expect_becomes(SERVED_TRACKER, 204);
}

Test(service_postgres, a_query_that_lacks_a_column_is_told)
{
    outputd_set_text(served.service, "registry.trackers_query", "SELECT id, user_id FROM trackers");
    outputd_start(served.service);
    outputd_wait_log(served.service, "registry.trackers_query: it has no column model", 1);
    outputd_wait_ready(served.service);
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 14);
}

/* --- rows with mistakes --- */

Test(service_postgres, a_row_with_a_mistake_is_left_out_and_the_others_are_served)
{
    database_sql(served.database, "ALTER TABLE trackers DROP CONSTRAINT trackers_device_id_check;"
                                  "INSERT INTO trackers (id, user_id, model, outputs, device_id)"
                                  " VALUES (8, 1, 'generic_json', 3, 'a+b')");
    served_start();
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 0);
    cr_assert_eq(desk_code_of_set(served.desk, NEW_TRACKER), 204);
    outputd_wait_log(served.service, "registry row refused what=\"tracker 8: device_id must be a text without", 1);
    served_expect_metric("\noutputd_registry_rows_refused_total 1\n");
    database_sql(served.database, "UPDATE trackers SET device_id = 'ab' WHERE id = 8");
    served_expect_becomes(NEW_TRACKER, 0);
    database_sql(served.database, "UPDATE trackers SET device_id = 'a#' WHERE id = 8");
    served_expect_becomes(NEW_TRACKER, 204);
    database_sql(served.database, "UPDATE trackers SET device_id = 'ab' WHERE id = 8");
    served_expect_becomes(NEW_TRACKER, 0);
}

Test(service_postgres, of_many_rows_with_mistakes_the_first_few_are_told)
{
    database_sql(served.database, "ALTER TABLE trackers DROP CONSTRAINT trackers_device_id_check;"
                                  "INSERT INTO trackers (id, user_id, model, outputs, device_id)"
                                  " SELECT g, 1, 'generic_json', 3, 'a+b' FROM generate_series(1, 500) AS g");
    served_start();
    outputd_wait_log(served.service, "registry row refused what=\"and 495 more\"", 1);
    cr_expect_eq(outputd_log_count(served.service, "registry row refused what=\"tracker "), 5);
    served_expect_metric("\noutputd_registry_rows_refused_total 500\n");
}

/* A tracker that was there before its user, as tables without references can have it. */
Test(service_postgres, what_had_no_user_is_served_while_it_has_one)
{
    database_sql(served.database,
                 "ALTER TABLE trackers DROP CONSTRAINT trackers_user_id_fkey;"
                 "ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey; DELETE FROM users WHERE id = 1");
    served_start();
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 4);
    database_sql(served.database, "INSERT INTO users (id) VALUES (1)");
    served_expect_becomes(SERVED_TRACKER, 0);
    database_sql(served.database, "DELETE FROM users WHERE id = 1");
    outputd_wait_log(served.service, "registry changed users=2 sessions=1 trackers=1", 1);
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 4);
    cr_expect_eq(outputd_log_count(served.service, "registry read "), 1);
}

/* --- reloads --- */

static void hang_up(void)
{
    int before = outputd_log_count(served.service, "info    reloaded");

    outputd_signal(served.service, SIGHUP);
    outputd_wait_log(served.service, "info    reloaded", before + 1);
}

Test(service_postgres, a_signal_brings_new_profiles_and_limits_and_reads_everything_again)
{
    served_start();
    database_sql(served.database, "INSERT INTO trackers (id, user_id, model, device_id) VALUES (8, 1, 'box', 'first')");
    served_expect_becomes(NEW_TRACKER, 220);
    outputd_write(served.service, "profiles/box.cfg", box_profile);
    hang_up();
    outputd_wait_log(served.service, "registry read ", 2);
    outputd_wait_ready(served.service);
    field_subscribe(served.field, "boxes/+/do");
    expect_box("a", "first");
    outputd_set(served.service, "limits.request_bytes_max", "64");
    outputd_write_config(served.service);
    hang_up();
    served_expect_becomes(SERVED_TRACKER, 9);
}

Test(service_postgres, a_signal_brings_new_limits_while_the_database_is_away)
{
    served_start();
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 0);
    database_halt(served.database);
    outputd_wait_log(served.service, "registry database failed", 1);
    outputd_remove(served.service, "profiles/h02.cfg");
    outputd_set(served.service, "limits.request_bytes_max", "64");
    outputd_write_config(served.service);
    hang_up();
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 9);
    outputd_set(served.service, "limits.request_bytes_max", "16384");
    outputd_write_config(served.service);
    hang_up();
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 0);
}

Test(service_postgres, a_mistake_in_a_profile_keeps_the_running_state)
{
    served_start();
    outputd_write(served.service, "profiles/box.cfg", "models = [");
    outputd_signal(served.service, SIGHUP);
    outputd_wait_log(served.service, "reload refused", 1);
    cr_assert_eq(desk_code_of_set(served.desk, SERVED_TRACKER), 0);
    database_sql(served.database, "UPDATE trackers SET blocked = true WHERE id = %d", SERVED_TRACKER);
    served_expect_becomes(SERVED_TRACKER, 208);
}

/* --- who does not use it --- */

static bool maps_libpq(void)
{
    char command[64];

    snprintf(command, sizeof command, "grep -q libpq /proc/%d/maps", (int)served.service->pid);
    return system(command) == 0;
}

Test(service_postgres, its_library_is_in_no_process_that_reads_a_file)
{
    served_start();
    cr_expect(maps_libpq());
    outputd_stop(served.service);
    outputd_set_text(served.service, "registry.source", "file");
    cr_assert_eq(system("true"), 0);
    outputd_write(served.service, "registry.cfg", "users = (); sessions = (); trackers = ();");
    served_start();
    cr_expect_not(maps_libpq());
}
