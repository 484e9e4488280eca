/* Trackers that ack twice, too early, for others, or nothing that anybody could read: no request ends by what was not
 * its own ack, and each by the first that was. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum { TRACKER = 265489, OTHER = 8, ECHO_BOX = 9 };

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;

static const char registry[] =
    "users = ({ id = 1; });\n"
    "sessions = ({ hash_sha256 = \"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\"; user_id = 1;\n"
    "  master = true; });\n"
    "trackers = ({ id = 265489; user_id = 1; model = \"generic_json\"; outputs = 64; },\n"
    "{ id = 265490; user_id = 1; model = \"generic_json\"; outputs = 3; },\n"
    "{ id = 8; user_id = 1; model = \"generic_json\"; outputs = 3; },\n"
    "{ id = 9; user_id = 1; model = \"echo_box\"; });\n";

static const char echo_profile[] = "models = [\"echo_box\"];\n"
                                   "outputs = 64;\n"
                                   "command: { set = \"OUT{output}={enable?1:0}\"; };\n"
                                   "ack: { match = \"echo\"; echo = \"{output}={enable?1:0}\";\n"
                                   "  success = [\"^OK (?<key>[0-9]+=[01])$\"]; refused = [\"^NO (?<key>.*)$\"]; };\n";

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    outputd_write(service, "registry.cfg", registry);
    outputd_write(service, "profiles/echo_box.cfg", echo_profile);
    field = field_start(broker_url(broker));
    field->is_silent = true;
    field_online(field, TRACKER);
    field_online(field, OTHER);
    field_online(field, ECHO_BOX);
    desk = desk_start(broker_url(broker));
    outputd_start(service);
    outputd_wait_ready(service);
}

static void clear_stage(void)
{
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_neighbours_trackers, .init = set_stage, .fini = clear_stage, .timeout = 60);

/* An ack of a generic family with this id, on this tracker's topic. */
static void say_id(int tracker_id, uint64_t id, const char *members)
{
    char topic[64];
    char ack[256];

    snprintf(topic, sizeof topic, "tracker/%d/output/ack", tracker_id);
    snprintf(ack, sizeof ack, "{\"id\": %llu, %s}", (unsigned long long)id, members);
    field_say(field, topic, ack);
}

/* The service has read what the field said: it comes from another connection than the desk's fence. */
static void settle(void)
{
    desk_fence(desk);
    desk_fence(desk);
}

static void expect_waiting(const char *correlation)
{
    settle();
    cr_assert_eq(desk_count(desk, correlation), 0, "%s has a reply", correlation);
}

static int counter(const char *name)
{
    char path[64];
    char text[64];
    char line[512];
    int value = -1;
    int before = outputd_log_count(service, "totals ");
    FILE *log;

    outputd_signal(service, SIGUSR1);
    outputd_wait_log(service, "totals ", before + 1);
    snprintf(path, sizeof path, "%s/log", service->directory);
    snprintf(text, sizeof text, "counter name=%s value=", name);
    log = fopen(path, "r");
    cr_assert(log);
    while (fgets(line, sizeof line, log)) {
        const char *at = strstr(line, text);

        if (at)
            sscanf(at + strlen(text), "%d", &value);
    }
    fclose(log);
    return value < 0 ? 0 : value; /* those that are 0 are not printed */
}

/* --- twice --- */

Test(service_neighbours_trackers, who_acks_everything_twice_ends_every_request_once)
{
    enum { REQUESTS = 30 };
    char correlation[16];

    for (int i = 0; i < REQUESTS; i++) {
        snprintf(correlation, sizeof correlation, "%d", i);
        desk_set(desk, correlation, TRACKER, 1 + i, i % 2);
        field_wait(field, i + 1);
        field_ack(field, &field->commands[i], i % 3 ? "\"success\": true" : "\"success\": false");
        field_ack(field, &field->commands[i], "\"success\": true"); /* the second says something else */
    }
    settle();
    for (int i = 0; i < REQUESTS; i++) {
        snprintf(correlation, sizeof correlation, "%d", i);
        if (i % 3)
            desk_expect_success(desk, correlation);
        else
            desk_expect_error(desk, correlation, 266, "rejected");
    }
    field_sync(field);
    cr_assert_eq(field->count, REQUESTS);
    cr_assert_eq(counter("acks_matched"), REQUESTS);
    cr_assert_eq(counter("acks_duplicate"), REQUESTS);
}

Test(service_neighbours_trackers, the_second_ack_of_one_does_not_end_the_next)
{
    desk_set(desk, "first", TRACKER, 1, true);
    desk_set(desk, "second", TRACKER, 1, true);
    field_wait(field, 1);
    field_ack(field, &field->commands[0], "\"success\": true");
    field_wait(field, 2);
    field_ack(field, &field->commands[0], "\"success\": true");
    field_ack(field, &field->commands[0], "\"success\": false");
    expect_waiting("second");
    field_ack(field, &field->commands[1], "\"success\": true");
    desk_expect_success(desk, "first");
    desk_expect_success(desk, "second");
}

Test(service_neighbours_trackers, a_device_without_ids_that_acks_twice_does_not_end_another_switching)
{
    desk_set(desk, "first", ECHO_BOX, 1, true);
    desk_set(desk, "second", ECHO_BOX, 2, true);
    field_wait(field, 1);
    field_say(field, "tracker/9/output/ack", "OK 1=1");
    field_wait(field, 2);
    field_say(field, "tracker/9/output/ack", "OK 1=1");
    field_say(field, "tracker/9/output/ack", "NO 1=1");
    field_say(field, "tracker/9/output/ack", "OK 2=0");
    expect_waiting("second");
    field_say(field, "tracker/9/output/ack", "OK 2=1");
    desk_expect_success(desk, "first");
    desk_expect_success(desk, "second");
}

/* --- garbage --- */

static const char *const garbage[] = {
    "",
    "{",
    "OK",
    "true",
    "null",
    "[]",
    "{\"id\": 17}",
    "{\"success\": true}",
    "{\"id\": \"17\", \"success\": true}",
    "{\"id\": -1, \"success\": true}",
    "{\"id\": 9007199254740992, \"success\": true}",
    "{\"id\": 1e3, \"success\": true}",
    "\x82\xa2id\x11\xa7success\xc3",
    "\xff\xfe\xfd",
    "{\"id\": 17, \"success\": true}{\"id\": 17, \"success\": true}",
};

enum { GARBAGE = sizeof garbage / sizeof *garbage };

static void say_all_garbage(int tracker_id)
{
    char topic[64];

    snprintf(topic, sizeof topic, "tracker/%d/output/ack", tracker_id);
    for (int i = 0; i < GARBAGE; i++)
        field_say(field, topic, garbage[i]);
}

Test(service_neighbours_trackers, garbage_before_between_and_after_acks_ends_nothing)
{
    say_all_garbage(TRACKER);
    desk_set(desk, "first", TRACKER, 1, true);
    desk_set(desk, "second", TRACKER, 2, true);
    field_wait(field, 1);
    say_all_garbage(TRACKER);
    expect_waiting("first");
    field_ack(field, &field->commands[0], "\"success\": true");
    field_wait(field, 2);
    say_all_garbage(TRACKER);
    expect_waiting("second");
    field_ack(field, &field->commands[1], "\"success\": true");
    say_all_garbage(TRACKER);
    desk_expect_success(desk, "first");
    desk_expect_success(desk, "second");
    cr_assert_eq(counter("acks_matched"), 2);
}

/* The right id with anything around it, or with an answer that is none, is not an ack. */
Test(service_neighbours_trackers, garbage_in_the_message_of_an_ack_spoils_it)
{
    static const char *const members[] = {
        "\"success\": 1",        "\"success\": \"true\"",
        "\"success\": null",     "\"success\": true, \"success\": false",
        "\"success\": true}\n{", "\"success\": true} trailing {\"x\": 1",
        "\"ok\": true",
    };
    uint64_t id;

    desk_set(desk, "waits", TRACKER, 1, true);
    id = field_wait(field, 1)->id;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        say_id(TRACKER, id, members[i]);
    expect_waiting("waits");
    cr_assert_eq(counter("acks_malformed"), (int)(sizeof members / sizeof *members));
    field_ack(field, &field->commands[0], "\"success\": true");
    desk_expect_success(desk, "waits");
}

/* Instead of an ack: it costs this tracker's own queue and nobody else's. */
Test(service_neighbours_trackers, who_says_nothing_but_garbage_runs_into_the_deadline_alone)
{
    outputd_set(service, "engine.ack_timeout_ms", "1500");
    outputd_write_config(service);
    outputd_signal(service, SIGHUP);
    outputd_wait_log(service, "info    reloaded", 1);
    desk_set(desk, "garbled", TRACKER, 1, true);
    field_wait(field, 1);
    say_all_garbage(TRACKER);
    desk_set(desk, "neighbour", OTHER, 1, true);
    field_ack(field, field_wait(field, 2), "\"success\": true");
    desk_expect_success(desk, "neighbour");
    desk_expect_error(desk, "garbled", 213, "unknown");
    field_sync(field);
    cr_assert_eq(field->count, 2);
}

/* --- for others --- */

Test(service_neighbours_trackers, an_ack_for_another_tracker_ends_neither)
{
    uint64_t mine;
    uint64_t others;

    desk_set(desk, "mine", TRACKER, 1, true);
    mine = field_wait(field, 1)->id;
    desk_set(desk, "others", OTHER, 1, true);
    others = field_wait(field, 2)->id;
    cr_assert_neq(mine, others);
    say_id(TRACKER, others, "\"success\": true");
    say_id(OTHER, mine, "\"success\": true");
    say_id(ECHO_BOX, mine, "\"success\": true");
    say_id(265490, mine, "\"success\": true");
    say_id(1, mine, "\"success\": true");
    field_say(field, "tracker/0265489/output/ack", "{\"success\": true}");
    expect_waiting("mine");
    expect_waiting("others");
    field_ack(field, &field->commands[1], "\"success\": true");
    desk_expect_success(desk, "others");
    expect_waiting("mine");
    field_ack(field, &field->commands[0], "\"success\": true");
    desk_expect_success(desk, "mine");
}

static void say_with_correlation(uint64_t correlation_id, const char *ack)
{
    uint8_t bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(correlation_id >> (8 * (7 - i)));
    field_publish(field, &(struct mqtt_publish){.topic = bytes_of_text("tracker/265489/output/ack"),
                                                .payload = bytes_of_text(ack),
                                                .correlation = bytes_of(bytes, sizeof bytes),
                                                .qos = 1});
}

Test(service_neighbours_trackers, the_id_decides_and_correlation_data_do_not_overrule_it)
{
    char ack[64];
    uint64_t id;

    desk_set(desk, "waits", TRACKER, 1, true);
    id = field_wait(field, 1)->id;
    snprintf(ack, sizeof ack, "{\"id\": %llu, \"success\": true}", (unsigned long long)id + 1);
    say_with_correlation(id, ack);
    say_with_correlation(id - 1, "{\"success\": true}");
    expect_waiting("waits");
    say_with_correlation(id, "{\"success\": true}");
    desk_expect_success(desk, "waits");
}

/* --- at the wrong time --- */

/* Ids count up, so the next one can be guessed. */
Test(service_neighbours_trackers, an_ack_before_its_command_is_none)
{
    uint64_t id;

    desk_set(desk, "first", TRACKER, 1, true);
    id = field_wait(field, 1)->id;
    for (uint64_t ahead = 1; ahead <= 16; ahead++)
        say_id(TRACKER, id + ahead, "\"success\": true");
    field_ack(field, &field->commands[0], "\"success\": true");
    desk_expect_success(desk, "first");
    settle(); /* its fences take ids, too */
    for (uint64_t ahead = 1; ahead <= 16; ahead++)
        say_id(TRACKER, id + ahead, "\"success\": true");
    desk_set(desk, "second", TRACKER, 2, true);
    cr_assert_gt(field_wait(field, 2)->id, id);
    cr_assert_leq(field->commands[1].id, id + 16);
    expect_waiting("second");
    field_ack(field, &field->commands[1], "\"success\": true");
    desk_expect_success(desk, "second");
}

Test(service_neighbours_trackers, an_ack_of_what_timed_out_is_late_and_does_not_end_the_next)
{
    outputd_set(service, "engine.ack_timeout_ms", "1500");
    outputd_write_config(service);
    outputd_signal(service, SIGHUP);
    outputd_wait_log(service, "info    reloaded", 1);
    desk_set(desk, "lost", TRACKER, 1, true);
    field_wait(field, 1);
    desk_expect_error(desk, "lost", 213, "unknown");
    field_ack(field, &field->commands[0], "\"success\": true");
    settle();
    cr_assert_eq(counter("acks_late"), 1);
    desk_set(desk, "next", TRACKER, 1, true);
    field_wait(field, 2);
    field_ack(field, &field->commands[0], "\"success\": false");
    field_ack(field, &field->commands[1], "\"success\": true");
    desk_expect_success(desk, "next");
    desk_expect_error(desk, "lost", 213, "unknown"); /* still the one reply */
}

/* A message from before the service knew the tracker's command is no ack either: nothing of acks is kept. */
Test(service_neighbours_trackers, a_retained_ack_ends_nothing)
{
    uint64_t id;
    char ack[64];

    desk_set(desk, "waits", TRACKER, 1, true);
    id = field_wait(field, 1)->id;
    snprintf(ack, sizeof ack, "{\"id\": %llu, \"success\": false}", (unsigned long long)id);
    field_publish(field, &(struct mqtt_publish){.topic = bytes_of_text("tracker/265489/output/ack"),
                                                .payload = bytes_of_text("{\"id\": 17, \"success\": true}"),
                                                .qos = 1,
                                                .retain = true});
    outputd_signal(service, SIGHUP); /* subscribes anew */
    outputd_wait_log(service, "info    reloaded", 1);
    expect_waiting("waits");
    field_say(field, "tracker/265489/output/ack", ack);
    desk_expect_error(desk, "waits", 266, "rejected");
}
