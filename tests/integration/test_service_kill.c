/* kill -9 at any moment: nobody is left without a reply, nothing is commanded twice, nobody hears two different things.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum { TRACKER = 265489, FIFO_TRACKER = 7 };

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    field = field_start(broker_url(broker));
    field->is_silent = true;
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

TestSuite(service_kill, .init = set_stage, .fini = clear_stage, .timeout = 120);

static void start_service(void)
{
    outputd_start(service);
    outputd_wait_ready(service);
}

Test(service_kill, the_ack_of_a_command_before_it_brings_success)
{
    start_service();
    desk_set(desk, "in flight", TRACKER, 1, true);
    desk_set(desk, "queued", TRACKER, 2, true);
    field_wait(field, 1);
    desk_fence(desk);
    outputd_kill(service);
    field_ack(field, &field->commands[0], "\"success\": true");
    outputd_start(service);
    desk_expect_success(desk, "in flight");
    field_ack(field, field_wait(field, 2), "\"success\": true");
    desk_expect_success(desk, "queued");
    desk_fence(desk);
    field_sync(field);
    cr_assert_eq(field->count, 2, "%d commands", field->count);
    cr_assert_eq(json_integer_value(json_object_get(field->commands[0].value, "output")), 1);
    cr_assert_eq(json_integer_value(json_object_get(field->commands[1].value, "output")), 2);
}

Test(service_kill, a_command_before_it_without_an_ack_ends_unknown)
{
    outputd_set(service, "engine.ack_timeout_ms", "1500");
    start_service();
    desk_set(desk, "in flight", TRACKER, 1, true);
    field_wait(field, 1);
    outputd_kill(service);
    start_service();
    desk_expect_error(desk, "in flight", 213, "unknown");
    field_sync(field);
    cr_assert_eq(field->count, 1, "commanded again");
}

Test(service_kill, what_was_queued_and_is_past_its_deadline_is_never_sent)
{
    outputd_set(service, "engine.ack_timeout_ms", "1500");
    start_service();
    desk_set(desk, "in flight", TRACKER, 1, true);
    desk_set(desk, "queued", TRACKER, 2, true);
    field_wait(field, 1);
    desk_fence(desk);
    outputd_kill(service);
    PUMP_UNTIL_FOR(1600, false); /* the deadline passes */
    start_service();
    desk_expect_error(desk, "in flight", 213, "unknown");
    desk_expect_error(desk, "queued", 213, "not_sent");
    field_sync(field);
    cr_assert_eq(field->count, 1, "%d commands", field->count);
}

Test(service_kill, a_settled_request_that_is_repeated_gets_the_same_reply)
{
    field->is_silent = false;
    start_service();
    desk_set(desk, "settled", TRACKER, 1, true);
    desk_expect_success(desk, "settled");
    outputd_kill(service);
    start_service();
    desk_set(desk, "settled", TRACKER, 1, true);
    cr_assert(PUMP_UNTIL(desk_count(desk, "settled") >= 2), "no reply to the repetition");
    desk_fence(desk);
    for (int i = 0; i < desk->probe->count; i++) {
        if (strcmp(desk->probe->messages[i].correlation, "settled") == 0)
            cr_assert(strstr(desk->probe->messages[i].payload, "true"), "%s", desk->probe->messages[i].payload);
    }
    field_sync(field);
    cr_assert_eq(field->count, 1, "%d commands", field->count);
}

Test(service_kill, states_outlive_it)
{
    field->is_silent = false;
    start_service();
    desk_set(desk, "first", TRACKER, 1, true);
    desk_expect_success(desk, "first");
    outputd_kill(service);
    start_service();
    desk_set(desk, "second", TRACKER, 3, false);
    desk_expect_success(desk, "second");
    desk_subscribe(desk, "tracker/265489/output/state");
    cr_assert(PUMP_UNTIL(strstr(desk->probe->messages[desk->probe->count - 1].payload, "[true,null,false]") ||
                         strstr(desk->probe->messages[desk->probe->count - 1].payload, "[true, null, false]")));
}

/* --- devices that ack without saying what --- */

static const char fifo_profile[] = "models = [\"fifo_box\"];\n"
                                   "outputs = 3;\n"
                                   "ack_timeout_ms = 4000;\n"
                                   "quarantine_ms = 2500;\n"
                                   "command: { set = \"OUT{output}={enable?1:0}\"; };\n"
                                   "ack: { match = \"fifo\"; success = [\"^OK$\"]; };\n";

static const char fifo_registry[] =
    "users = ({ id = 1; });\n"
    "sessions = ({ hash_sha256 = \"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\"; user_id = 1;\n"
    "  master = true; });\n"
    "trackers = ({ id = 7; user_id = 1; model = \"fifo_box\"; });\n";

static void start_with_fifo(void)
{
    outputd_write(service, "profiles/fifo.cfg", fifo_profile);
    outputd_write(service, "registry.cfg", fifo_registry);
    field_online(field, FIFO_TRACKER);
    start_service();
}

Test(service_kill, a_late_ack_after_it_is_charged_to_the_command_that_timed_out)
{
    start_with_fifo();
    desk_set(desk, "lost", FIFO_TRACKER, 1, true);
    field_wait(field, 1);
    desk_expect_error(desk, "lost", 213, "unknown");
    outputd_kill(service);
    start_service();
    desk_set(desk, "next", FIFO_TRACKER, 2, true);
    field_say(field, "tracker/7/output/ack", "OK"); /* of the first */
    desk_fence(desk);
    field_sync(field);
    cr_assert_eq(field->count, 1, "commanded in quarantine");
    cr_assert_eq(desk_count(desk, "next"), 0, "charged to the next one");
    field_wait(field, 2);
    field_say(field, "tracker/7/output/ack", "OK");
    desk_expect_success(desk, "next");
}

Test(service_kill, a_command_in_flight_that_times_out_after_it_brings_quarantine)
{
    start_with_fifo();
    desk_set(desk, "lost", FIFO_TRACKER, 1, true);
    field_wait(field, 1);
    outputd_kill(service);
    start_service();
    desk_expect_error(desk, "lost", 213, "unknown");
    desk_set(desk, "next", FIFO_TRACKER, 2, true);
    field_say(field, "tracker/7/output/ack", "OK");
    desk_fence(desk);
    field_sync(field);
    cr_assert_eq(field->count, 1, "commanded in quarantine");
    cr_assert_eq(desk_count(desk, "next"), 0, "charged to the next one");
}

/* --- in the middle of the work --- */

/* The moment in which the broker has the first PUBACK, before the service does anything else. */
static void kill_at_first_puback(FILE *broker_log)
{
    uint64_t end_ms = clock_now().mono_ms + PUMP_PATIENCE_MS;
    char line[512];

    for (;;) {
        if (fgets(line, sizeof line, broker_log) && strstr(line, "Received PUBACK from outputd-1"))
            break;
        clearerr(broker_log); /* more may come */
        cr_assert_lt(clock_now().mono_ms, end_ms, "no PUBACK");
    }
    outputd_kill(service);
}

/* The broker hands over a session's messages while the service still waits for its SUBACK. */
Test(service_kill, what_a_broker_hands_over_at_once_is_in_the_journal_before_it_is_acknowledged)
{
    enum { ROUNDS = 4, BACKLOG = 150, NEVER_ONLINE = 265490 };
    char correlation[32];
    FILE *broker_log = fopen(broker_log_path(broker), "r");

    cr_assert(broker_log);
    start_service();
    for (int round = 0; round < ROUNDS; round++) {
        outputd_kill(service);
        for (int i = 0; i < BACKLOG; i++) {
            snprintf(correlation, sizeof correlation, "%d", round * BACKLOG + i);
            desk_set(desk, correlation, NEVER_ONLINE, 1, true);
        }
        fseek(broker_log, 0, SEEK_END);
        outputd_start(service);
        kill_at_first_puback(broker_log);
        outputd_start(service);
    }
    fclose(broker_log);
    for (int i = 0; i < ROUNDS * BACKLOG; i++) {
        snprintf(correlation, sizeof correlation, "%d", i);
        desk_wait(desk, correlation);
    }
}

enum { WORK = 400, WORK_TRACKERS = 20, KILLS = 6 };

static int tracker_of(int number)
{
    return 1000 + number % WORK_TRACKERS;
}

static int output_of(int number)
{
    return 1 + number / WORK_TRACKERS;
}

static void write_work_registry(void)
{
    struct buffer text = {0};

    buffer_put_text(&text, "users = ({ id = 1; });\n"
                           "sessions = ({ hash_sha256 = "
                           "\"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\"; user_id = 1; "
                           "master = true; });\n"
                           "trackers = (\n");
    for (int i = 0; i < WORK_TRACKERS; i++)
        buffer_printf(&text, "{ id = %d; user_id = 1; model = \"generic_json\"; outputs = 64; }%s\n", tracker_of(i),
                      i < WORK_TRACKERS - 1 ? "," : ");");
    buffer_put_u8(&text, '\0');
    outputd_write(service, "registry.cfg", (const char *)text.data);
    buffer_release(&text);
}

static int count_commands(int tracker_id, int output)
{
    int count = 0;

    for (int i = 0; i < field->count; i++)
        count += field->commands[i].tracker_id == tracker_id &&
                 json_integer_value(json_object_get(field->commands[i].value, "output")) == output;
    return count;
}

/* One outcome, whatever the number of replies; no more than one command, and none less where it says success, which is
 * returned. */
static bool check_request(int number)
{
    char correlation[32];
    const struct probe_message *first;
    int commands;
    bool success;

    snprintf(correlation, sizeof correlation, "%d", number);
    first = desk_wait(desk, correlation);
    commands = count_commands(tracker_of(number), output_of(number));
    for (int i = 0; i < desk->probe->count; i++) {
        const struct probe_message *m = &desk->probe->messages[i];

        cr_assert(strcmp(m->correlation, correlation) != 0 || strcmp(m->payload, first->payload) == 0,
                  "request %d: %s, then %s", number, first->payload, m->payload);
    }
    success =
        strncmp(first->payload, "{\"success\":true", 15) == 0 || strncmp(first->payload, "{\"success\": true", 16) == 0;
    cr_assert(commands == 1 || (commands == 0 && !success), "request %d: %d commands, %s", number, commands,
              first->payload);
    return success;
}

Test(service_kill, in_the_middle_of_the_work_it_costs_nobody_a_reply)
{
    char correlation[32];
    int successes = 0;
    int starts = 1;

    field->is_silent = false;
    write_work_registry();
    for (int i = 0; i < WORK_TRACKERS; i++)
        field_online(field, tracker_of(i));
    start_service();
    for (int i = 0; i < WORK; i++) {
        snprintf(correlation, sizeof correlation, "%d", i);
        desk_set(desk, correlation, tracker_of(i), output_of(i), true);
        if (i % (WORK / KILLS) == WORK / KILLS / 2) {
            outputd_kill(service);
            outputd_start(service);
            outputd_wait_log(service, "starting", ++starts); /* so that the next kill is one of a service */
        }
    }
    cr_assert_eq(starts, KILLS + 1);
    for (int i = 0; i < WORK; i++)
        successes += check_request(i);
    cr_assert_gt(successes, WORK / 2, "%d", successes);
}
