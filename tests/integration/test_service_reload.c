/* What changes while the service runs: by SIGHUP, or because a file has changed. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum { TRACKER = 265489, NEW_TRACKER = 8 };

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;
static int asked;

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_run(broker_url(broker));
    field = field_start(broker_url(broker));
    field_online(field, TRACKER);
    field_online(field, NEW_TRACKER);
    desk = desk_start(broker_url(broker));
}

static void clear_stage(void)
{
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_reload, .init = set_stage, .fini = clear_stage, .timeout = 60);

/* The code of the reply, 0 for success. */
static int code_of_set(int tracker_id)
{
    char correlation[32];
    const struct probe_message *reply;
    json_t *value;
    int code;

    snprintf(correlation, sizeof correlation, "ask %d", ++asked);
    desk_set(desk, correlation, tracker_id, 1, true);
    reply = desk_wait(desk, correlation);
    value = value_decode(bytes_of(reply->payload, reply->payload_len), false);
    code = (int)json_integer_value(json_object_get(json_object_get(value, "status"), "code"));
    cr_assert_eq(code == 0, json_is_true(json_object_get(value, "success")), "%s", reply->payload);
    json_decref(value);
    return code;
}

static void hang_up(const char *then)
{
    int before = outputd_log_count(service, then);

    outputd_signal(service, SIGHUP);
    outputd_wait_log(service, then, before + 1);
}

static void registry_with(char *out, size_t size, const char *tracker)
{
    snprintf(out, size,
             "users = ({ id = 1; });\n"
             "sessions = ({ hash_sha256 = \"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\";\n"
             "  user_id = 1; master = true; });\n"
             "trackers = ({ id = 265489; user_id = 1; model = \"generic_json\"; outputs = 3; }%s);\n",
             tracker);
}

static void write_registry(const char *tracker)
{
    char text[1024];

    registry_with(text, sizeof text, tracker);
    outputd_write(service, "registry.cfg", text);
}

#define NEW_JSON_TRACKER ",\n{ id = 8; user_id = 1; model = \"generic_json\"; outputs = 3; }"
#define NEW_BOX_TRACKER ",\n{ id = 8; user_id = 1; model = \"new_box\"; }"

static const char new_profile[] =
    "models = [\"new_box\"];\n"
    "outputs = 2;\n"
    "command: { topic = \"boxes/{tracker_id}/do\"; set = \"{enable?ON:OFF}{output}\"; };\n"
    "ack: { topic = \"boxes/{tracker_id}/done\"; match = \"echo\";\n"
    "  echo = \"{enable?ON:OFF}{output}\"; success = [\"^(?<key>O(N|FF)[0-9])!$\"]; };\n";

/* --- SIGHUP --- */

Test(service_reload, a_signal_brings_new_limits)
{
    cr_assert_eq(code_of_set(TRACKER), 0);
    outputd_set(service, "limits.request_bytes_max", "64");
    outputd_write_config(service);
    hang_up("info    reloaded");
    cr_assert_eq(code_of_set(TRACKER), 9);
}

Test(service_reload, a_signal_brings_another_log_level)
{
    cr_assert_eq(code_of_set(TRACKER), 0);
    cr_assert_eq(outputd_log_count(service, " debug "), 0);
    outputd_set_text(service, "log.level", "debug");
    outputd_write_config(service);
    hang_up("info    reloaded");
    cr_assert_eq(code_of_set(TRACKER), 0);
    outputd_wait_log(service, " debug ", 1);
}

Test(service_reload, a_signal_brings_a_new_registry)
{
    cr_assert_eq(code_of_set(NEW_TRACKER), 204);
    write_registry(NEW_JSON_TRACKER);
    outputd_signal(service, SIGHUP);
    outputd_wait_log(service, "reloaded", 1); /* by the signal or by the change, whichever is first */
    cr_assert_eq(code_of_set(NEW_TRACKER), 0);
}

Test(service_reload, a_signal_brings_a_new_profile_with_topics_of_its_own)
{
    write_registry(NEW_BOX_TRACKER);
    hang_up("info    reloaded");
    cr_assert_eq(code_of_set(NEW_TRACKER), 220);
    outputd_write(service, "profiles/new.cfg", new_profile);
    hang_up("info    reloaded");
    field_subscribe(field, "boxes/+/do");
    desk_set(desk, "box", NEW_TRACKER, 2, true);
    cr_assert_str_eq(field_wait(field, 1)->topic, "boxes/8/do");
    cr_assert(bytes_equal_text(buffer_bytes(&field->commands[0].payload), "ON2"));
    field_say(field, "boxes/8/done", "ON2!");
    desk_expect_success(desk, "box");
}

Test(service_reload, a_profile_that_is_gone_serves_nobody)
{
    outputd_write(service, "profiles/new.cfg", new_profile);
    write_registry(NEW_BOX_TRACKER);
    hang_up("info    reloaded");
    field_subscribe(field, "boxes/+/do");
    desk_set(desk, "in flight", NEW_TRACKER, 1, true);
    field_wait(field, 1);
    outputd_remove(service, "profiles/new.cfg");
    hang_up("info    reloaded");
    cr_assert_eq(code_of_set(NEW_TRACKER), 220);
    cr_assert_eq(code_of_set(TRACKER), 0);
}

Test(service_reload, what_is_pending_lives_on)
{
    field->is_silent = true;
    desk_set(desk, "in flight", TRACKER, 1, true);
    desk_set(desk, "queued", TRACKER, 2, true);
    field_wait(field, 1);
    desk_fence(desk);
    hang_up("info    reloaded");
    field_ack(field, &field->commands[0], "\"success\": true");
    desk_expect_success(desk, "in flight");
    field_ack(field, field_wait(field, 2), "\"success\": true");
    desk_expect_success(desk, "queued");
}

Test(service_reload, what_is_queued_and_was_revoked_is_not_sent)
{
    field->is_silent = true;
    desk_set(desk, "in flight", TRACKER, 1, true);
    desk_set(desk, "queued", TRACKER, 2, true);
    field_wait(field, 1);
    desk_fence(desk);
    outputd_write(service, "registry.cfg", "users = (); sessions = (); trackers = ();\n");
    outputd_signal(service, SIGHUP);
    outputd_wait_log(service, "reloaded", 1);
    field_ack(field, &field->commands[0], "\"success\": true");
    desk_expect_success(desk, "in flight");
    desk_expect_error(desk, "queued", 4, "not_sent");
    field_sync(field);
    cr_assert_eq(field->count, 1);
}

/* --- mistakes --- */

/* Refused, with file and line in the log; the service goes on as it was. */
static void expect_refusal(const char *mistake)
{
    hang_up("reload refused");
    cr_assert_geq(outputd_log_count(service, mistake), 1, "%s", mistake);
    cr_assert_eq(code_of_set(TRACKER), 0);
    cr_assert_eq(code_of_set(NEW_TRACKER), 204);
}

Test(service_reload, a_mistake_in_the_configuration_keeps_what_runs)
{
    outputd_set(service, "limits.request_bytes_max", "64");
    outputd_set(service, "limits.no_such_key", "1");
    outputd_write_config(service);
    expect_refusal("outputd.cfg:");
}

Test(service_reload, a_mistake_in_the_registry_keeps_what_runs)
{
    outputd_set(service, "limits.request_bytes_max", "64");
    outputd_write_config(service);
    write_registry(",\n{ id = 8; user_id = 99; model = \"generic_json\"; outputs = 3; }");
    expect_refusal("registry.cfg:5");
}

Test(service_reload, a_mistake_in_a_profile_keeps_what_runs)
{
    outputd_set(service, "limits.request_bytes_max", "64");
    outputd_write_config(service);
    outputd_write(service, "profiles/new.cfg", "models = [\"new_box\"];\noutputs = 99;\n");
    expect_refusal("new.cfg:2");
}

/* --- changes of the file --- */

Test(service_reload, a_changed_registry_is_read_without_a_signal)
{
    enum { PROMISED_MS = 2000, PATIENCE_MS = 5000 };
    bool known;

    cr_assert_eq(code_of_set(NEW_TRACKER), 204);
    write_registry(NEW_JSON_TRACKER);
    known = PUMP_UNTIL_FOR(PATIENCE_MS, code_of_set(NEW_TRACKER) == 0);
    cr_assert(known, "not within %d ms, where %d are promised", PATIENCE_MS, PROMISED_MS);
    cr_assert_eq(outputd_log_count(service, "registry reloaded"), 1);
}

Test(service_reload, a_changed_registry_with_a_mistake_is_not_taken)
{
    write_registry(",\n{ id = 8; user_id = 99; model = \"generic_json\"; outputs = 3; }");
    outputd_wait_log(service, "reload refused", 1);
    cr_assert_eq(code_of_set(TRACKER), 0);
    cr_assert_eq(code_of_set(NEW_TRACKER), 204);
    write_registry(NEW_JSON_TRACKER);
    outputd_wait_log(service, "registry reloaded", 1);
    cr_assert_eq(code_of_set(NEW_TRACKER), 0);
}
