/* The audit trail of the service: who asked what, what was sent, what came back; nothing missing, nothing twice,
 * whatever happens to its file. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/broker.h"
#include "support/client.h"
#include "support/crowd.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/http_client.h"
#include "support/outputd.h"
#include "support/pump.h"
#include "support/trail.h"

enum { TRACKER = 265489 };

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;
static struct trail trail;

static void set_stage(void)
{
    broker = broker_start("max_queued_messages 0");
    service = outputd_new(broker_url(broker));
    outputd_set(service, "journal.size_mb", "8");
    outputd_set(service, "audit.refused_max_per_s", "0");
    outputd_set_text(service, "audit.path", "audit.jsonl");
    field = field_start(broker_url(broker));
    field_online(field, TRACKER);
    desk = desk_start(broker_url(broker));
}

static void clear_stage(void)
{
    trail_release(&trail);
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_audit, .init = set_stage, .fini = clear_stage, .timeout = 120);

static void start_service(void)
{
    outputd_start(service);
    outputd_wait_ready(service);
}

static const char *path_of(const char *name)
{
    static char paths[4][64];
    static int used;
    char *path = paths[used++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", service->directory, name);
    return path;
}

static void read_trail(const char *name)
{
    trail_release(&trail);
    trail_read(&trail, path_of(name));
}

/* The one line of the request with this Correlation Data. */
static const json_t *line_of(const char *correlation)
{
    const json_t *line = NULL;

    cr_assert_eq(trail_find(&trail, "correlation_data.text", correlation, &line), 1, "%s", correlation);
    return line;
}

static void expect_end(const json_t *line, const char *event, int code, const char *outcome)
{
    cr_assert_str_eq(trail_text(line, "event"), event);
    cr_assert_eq(trail_number(line, "code"), code);
    cr_assert_str_eq(trail_text(line, "outcome"), outcome);
}

static bool is_in_file(const char *name, const char *text)
{
    char command[256];

    snprintf(command, sizeof command, "grep -aqF '%s' %s", text, path_of(name));
    return system(command) == 0;
}

/* --- what is in it --- */

static void ask_for_everything(void)
{
    desk_set(desk, "success", TRACKER, 2, true);
    desk_expect_success(desk, "success");
    cr_assert(is_in_file("audit.jsonl", "\"success\",\"bytes\":7"), "the reply is there, and its line is not");
    field->is_silent = true;
    desk_set(desk, "rejection", TRACKER, 1, false);
    field_ack(field, field_wait(field, 2), "\"success\": false, \"error\": \"moving\"");
    desk_expect_error(desk, "rejection", 266, "rejected");
    desk_set(desk, "refusal", 4711, 1, true);
    desk_expect_error(desk, "refusal", 204, "not_sent");
    desk_send(desk, "set", "junk", bytes_of_text("junk"));
    desk_expect_error(desk, "junk", 5, "not_sent");
    desk_set(desk, "timeout", TRACKER, 3, true);
    desk_expect_error(desk, "timeout", 213, "unknown");
}

static void expect_everything(void)
{
    const json_t *line = line_of("success");

    expect_end(line, "settled", 0, "success");
    cr_assert_eq(trail_number(line, "user_id"), 1);
    cr_assert_str_eq(trail_text(line, "session"), "d9beb007c2b59a54");
    cr_assert_str_eq(trail_text(line, "action"), "set");
    cr_assert_eq(trail_number(line, "tracker_id"), TRACKER);
    cr_assert_eq(trail_number(line, "output"), 2);
    cr_assert_str_eq(trail_text(line, "reply_topic"), desk->reply_topic);
    cr_assert_str_eq(trail_text(line, "command.topic"), "tracker/265489/output/command");
    cr_assert_eq(trail_number(line, "command.bytes"), (json_int_t)field->commands[0].payload.len);
    cr_assert(bytes_equal_text(buffer_bytes(&field->commands[0].payload), trail_text(line, "command.text")));
    cr_assert_str_eq(trail_text(line, "ack.topic"), "tracker/265489/output/ack");
    cr_assert(strstr(trail_text(line, "ack.text"), "\"success\": true"));
    cr_assert_geq(trail_number(line, "total_ms"), trail_number(line, "device_ms"));
    line = line_of("rejection");
    expect_end(line, "settled", 266, "rejected");
    cr_assert(strstr(trail_text(line, "ack.text"), "moving"));
    line = line_of("refusal");
    expect_end(line, "refused", 204, "not_sent");
    cr_assert_eq(trail_number(line, "tracker_id"), 4711);
    cr_assert_str_eq(trail_text(line, "command.topic"), "");
    expect_end(line_of("junk"), "refused", 5, "not_sent");
    line = line_of("timeout");
    expect_end(line, "settled", 213, "unknown");
    cr_assert(strstr(trail_text(line, "command.text"), "\"output\": 3"));
    cr_assert_str_eq(trail_text(line, "ack.topic"), "");
}

/* Each member of each line has its place in topics/schemas/audit.json, and what every line must have is there. */
static void expect_schema(void)
{
    json_t *schema = json_load_file("topics/schemas/audit.json", 0, NULL);
    const json_t *required = json_object_get(schema, "required");
    const char *key;
    json_t *value;
    size_t at;

    cr_assert(schema);
    for (size_t i = 0; i < trail_count(&trail); i++) {
        json_t *line = json_deep_copy(trail_line(&trail, i));

        json_object_foreach(line, key, value)
            cr_assert(json_object_get(json_object_get(schema, "properties"), key), "%s is not in the schema", key);
        json_array_foreach(required, at, value)
            cr_assert(json_object_get(line, json_string_value(value)), "%s is missing", json_string_value(value));
        json_decref(line);
    }
    json_decref(schema);
}

Test(service_audit, every_request_has_a_line_with_who_what_command_ack_and_end)
{
    outputd_set(service, "engine.ack_timeout_ms", "500");
    start_service();
    ask_for_everything();
    outputd_stop(service);
    read_trail("audit.jsonl");
    expect_everything();
    expect_schema();
    cr_assert_str_eq(trail_text(trail_line(&trail, 0), "event"), "start");
    cr_assert_str_eq(trail_text(trail_line(&trail, trail_count(&trail) - 1), "event"), "stop");
    cr_assert_not(is_in_file("audit.jsonl", DESK_HASH));
    cr_assert_not(is_in_file("audit.jsonl", "6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e"));
    trail_verify(path_of("audit.jsonl"), 0, "none missing, none changed");
}

Test(service_audit, off_unless_it_is_asked_for)
{
    outputd_set_text(service, "audit.path", "");
    start_service();
    desk_set(desk, "a", TRACKER, 1, true);
    desk_expect_success(desk, "a");
    cr_assert_neq(access(path_of("audit.jsonl"), F_OK), 0);
}

Test(service_audit, what_it_cannot_go_on_with_it_does_not_start_with)
{
    outputd_write(service, "audit.jsonl", "of somebody else\n");
    outputd_start(service);
    cr_assert_eq(outputd_wait_end(service), 1);
    cr_assert_eq(outputd_log_count(service, "audit.jsonl: does not end with a line of an audit trail"), 1);
    cr_assert(is_in_file("audit.jsonl", "of somebody else"));
}

/* --- the topic --- */

Test(service_audit, the_topic_gets_the_same_lines_and_no_reply_goes_there)
{
    struct probe *watcher = probe_start(broker_url(broker), "site1/audit/tracker/output", 1);
    const json_t *line;

    outputd_set_text(service, "audit.topic", "audit/tracker/output");
    outputd_set_text(service, "topics.prefix", "site1/");
    service->prefix = desk->prefix = "site1/";
    start_service();
    desk_publish(desk, &(struct mqtt_publish){
                           .topic = bytes_of_text("site1/api/tracker/output/set"),
                           .payload = bytes_of_text("{\"hash\": \"" DESK_HASH "\", \"tracker_id\": 265489, \"output\": "
                                                    "1, \"enable\": true, \"request_id\": \"loop\"}"),
                           .response_topic = bytes_of_text("site1/audit/tracker/output"),
                           .qos = 1});
    desk_fence(desk);
    outputd_stop(service);
    read_trail("audit.jsonl");
    cr_assert_eq(trail_find(&trail, "request_id", "loop", &line), 1);
    cr_assert_str_eq(trail_text(line, "event"), "dropped");
    cr_assert_eq(trail_number(line, "tracker_id"), TRACKER);
    cr_assert_str_eq(trail_text(line, "session"), "d9beb007c2b59a54");
    cr_assert(probe_wait(watcher, (int)trail_count(&trail)), "%d of %zu lines", watcher->count, trail_count(&trail));
    for (int i = 0; i < watcher->count; i++) {
        const struct probe_message *m = &watcher->messages[i];
        json_t *got = value_decode(bytes_of(m->payload, m->payload_len), false);

        cr_assert(json_equal(got, trail_line(&trail, (size_t)i)), "%s", m->payload);
        cr_assert_str_eq(m->content_type, "application/json");
        cr_assert_not(m->retain);
        json_decref(got);
    }
    probe_free(watcher);
}

/* --- rotation --- */

enum { CROWD = 3000, WINDOW = 100, ROTATIONS = 5, QUICK = 50, QUICK_FIRST = 1000 };

static struct crowd_request quick_request(int number)
{
    return (struct crowd_request){QUICK_FIRST + number % QUICK, 1 + number / QUICK % 64, 0};
}

static struct crowd *start_crowd(int total)
{
    struct buffer text = {0};
    struct crowd *crowd;

    buffer_put_text(&text, "users = ({ id = 1; });\n"
                           "sessions = ({ hash_sha256 = "
                           "\"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\"; user_id = 1; "
                           "master = true; });\n"
                           "trackers = ({ id = 265490; user_id = 1; model = \"generic_json\"; outputs = 3; }");
    for (int i = 0; i < QUICK; i++)
        buffer_printf(&text, ",\n{ id = %d; user_id = 1; model = \"generic_json\"; outputs = 64; }", QUICK_FIRST + i);
    buffer_put_text(&text, ");\n");
    buffer_put_u8(&text, '\0');
    outputd_write(service, "registry.cfg", (const char *)text.data);
    buffer_release(&text);
    for (int i = 0; i < QUICK; i++)
        field_online(field, QUICK_FIRST + i);
    crowd = crowd_start(broker_url(broker), DESK_HASH, total, quick_request);
    cr_assert(crowd);
    return crowd;
}

static void crowd_until(struct crowd *crowd, int count)
{
    cr_assert(PUMP_UNTIL_FOR(60000, (crowd_turn(crowd, count, WINDOW), crowd->replied >= count)), "%d of %d",
              crowd->replied, count);
}

static void rotate(int number)
{
    char name[32];

    snprintf(name, sizeof name, "audit.jsonl.%d", number);
    cr_assert_eq(rename(path_of("audit.jsonl"), path_of(name)), 0);
    outputd_signal(service, SIGHUP);
}

Test(service_audit, rotated_under_load_no_line_is_lost)
{
    struct crowd *crowd = start_crowd(CROWD);
    char files[512] = "";
    const json_t *line;

    start_service();
    for (int i = 1; i <= ROTATIONS; i++) {
        crowd_until(crowd, CROWD * i / (ROTATIONS + 1) - WINDOW / 2); /* so that others are on their way */
        crowd_turn(crowd, CROWD, WINDOW);
        rotate(i);
        outputd_wait_log(service, "audit trail goes on in a new file", i);
    }
    crowd_until(crowd, CROWD);
    outputd_stop(service);
    for (int i = ROTATIONS; i >= 0; i--) {
        char name[32];

        snprintf(name, sizeof name, i ? "audit.jsonl.%d" : "audit.jsonl", i);
        trail_read(&trail, path_of(name));
        snprintf(files + strlen(files), sizeof files - strlen(files), "%s%s", *files ? " " : "", path_of(name));
    }
    trail_verify(files, 0, "none missing, none changed");
    cr_assert_eq(trail_find(&trail, "outcome", "success", &line), CROWD);
    for (size_t i = 1; i < trail_count(&trail); i++)
        cr_assert_neq(trail_number(trail_line(&trail, i), "id"), trail_number(trail_line(&trail, i - 1), "id"));
    crowd_free(crowd);
}

/* --- kill -9 --- */

static void tear_last_line(void)
{
    FILE *out = fopen(path_of("audit.jsonl"), "ae");

    cr_assert(out);
    fputs("{\"seq\":99", out);
    fclose(out);
}

/* A line may be there twice: who was killed behind it does not know whether the reply has left. Never two ends. */
static void expect_one_end_of_each(const struct crowd *crowd)
{
    json_t *ends = json_object();
    int successes = 0;
    int requests = 0;

    for (size_t i = 0; i < trail_count(&trail); i++) {
        const json_t *line = trail_line(&trail, i);
        const json_t *before;
        char id[32];

        if (trail_number(line, "tracker_id") < QUICK_FIRST || trail_number(line, "tracker_id") >= QUICK_FIRST + QUICK)
            continue; /* asked by others */
        snprintf(id, sizeof id, "%lld", (long long)trail_number(line, "id"));
        before = json_object_get(ends, id);
        cr_assert(!before || json_integer_value(before) == trail_number(line, "code"), "%s ended twice", id);
        cr_assert(!before || strcmp(trail_text(line, "event"), "recovered") == 0, "%s is told twice", id);
        requests += !before;
        successes += !before && trail_number(line, "code") == 0;
        json_object_set_new(ends, id, json_integer(trail_number(line, "code")));
    }
    cr_assert_eq(requests, CROWD);
    cr_assert_eq(successes, crowd_count(crowd, CROWD_SUCCESS));
    json_decref(ends);
}

Test(service_audit, killed_at_any_moment_the_chain_goes_on_and_no_reply_is_without_its_line)
{
    struct crowd *crowd = start_crowd(CROWD);

    start_service();
    for (int i = 1; i <= 4; i++) {
        crowd_until(crowd, CROWD * i / 5 - WINDOW / 2);
        crowd_turn(crowd, CROWD, WINDOW);
        outputd_kill(service);
        if (i == 2)
            tear_last_line();
        outputd_start(service);
    }
    crowd_until(crowd, CROWD);
    cr_assert_eq(crowd->contradicting, 0); /* not all are successes: what may have been sent is not sent again */
    outputd_stop(service);
    cr_assert_eq(outputd_log_count(service, "the last line of the audit trail was not whole, and is cut off"), 1);
    read_trail("audit.jsonl");
    expect_one_end_of_each(crowd);
    trail_verify(path_of("audit.jsonl"), 0, "none missing, none changed");
    crowd_free(crowd);
}

Test(service_audit, rotated_while_it_was_dead_the_chain_goes_on)
{
    char files[160];

    start_service();
    desk_set(desk, "before", TRACKER, 1, true);
    desk_expect_success(desk, "before");
    outputd_kill(service);
    cr_assert_eq(rename(path_of("audit.jsonl"), path_of("audit.jsonl.1")), 0);
    start_service();
    desk_set(desk, "behind", TRACKER, 1, false);
    desk_expect_success(desk, "behind");
    outputd_stop(service);
    read_trail("audit.jsonl");
    expect_end(line_of("behind"), "settled", 0, "success");
    snprintf(files, sizeof files, "%s %s", path_of("audit.jsonl"), path_of("audit.jsonl.1"));
    trail_verify(files, 0, "none missing, none changed");
}

/* What was sent stood in the memory of who was killed. */
Test(service_audit, a_command_of_the_life_before_ends_with_a_line_that_says_so)
{
    field->is_silent = true;
    start_service();
    desk_set(desk, "in flight", TRACKER, 1, true);
    field_wait(field, 1);
    outputd_kill(service);
    outputd_start(service);
    field_ack(field, &field->commands[0], "\"success\": true");
    desk_expect_success(desk, "in flight");
    outputd_stop(service);
    read_trail("audit.jsonl");
    expect_end(line_of("in flight"), "settled", 0, "success");
    cr_assert(json_is_true(json_object_get(line_of("in flight"), "recovered")));
    cr_assert_str_eq(trail_text(line_of("in flight"), "command.topic"), "");
    cr_assert(strstr(trail_text(line_of("in flight"), "ack.text"), "true"));
}

/* --- a disk that is full --- */

enum { HOLE = 16 << 20 };

/* A file so long that a limit for files meets the trail alone, and not the journal: a hole, and one line. */
static void write_long_trail(void)
{
    FILE *out = fopen(path_of("audit.jsonl"), "we");

    cr_assert(out);
    cr_assert_eq(fseek(out, HOLE, SEEK_SET), 0);
    fputs("\n{\"seq\":1,\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"event\":"
          "\"start\"}"
          "\n",
          out);
    cr_assert_eq(fclose(out), 0);
}

static void limit_files(rlim_t size)
{
    const struct rlimit limit = {.rlim_cur = size, .rlim_max = RLIM_INFINITY};

    cr_assert_eq(prlimit(service->pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

static void fill_disk(void)
{
    struct stat is;

    cr_assert_eq(stat(path_of("audit.jsonl"), &is), 0);
    limit_files((rlim_t)is.st_size + 10);
}

static void make_room(void)
{
    limit_files(RLIM_INFINITY);
    outputd_wait_log(service, "audit trail written again", 1);
}

/* Without the hole. */
static void read_long_trail(void)
{
    char command[256];

    snprintf(command, sizeof command, "tail -c +%d %s > %s", HOLE + 2, path_of("audit.jsonl"), path_of("tail"));
    cr_assert_eq(system(command), 0);
    read_trail("tail");
    trail_verify(path_of("tail"), 0, "none missing, none changed");
}

static const char cannot_be_written[] = "the audit trail cannot be written";

Test(service_audit, with_a_full_disk_requests_go_on_and_their_lines_are_written_later)
{
    char correlation[16];

    write_long_trail();
    start_service();
    fill_disk();
    for (int i = 0; i < 10; i++) {
        snprintf(correlation, sizeof correlation, "full %d", i);
        desk_set(desk, correlation, TRACKER, 1 + i % 3, true);
        desk_expect_success(desk, correlation);
    }
    cr_assert_eq(outputd_log_count(service, cannot_be_written), 1);
    make_room();
    outputd_stop(service);
    read_long_trail();
    for (int i = 0; i < 10; i++) {
        snprintf(correlation, sizeof correlation, "full %d", i);
        expect_end(line_of(correlation), "settled", 0, "success");
    }
}

Test(service_audit, with_a_full_disk_and_a_trail_that_is_required_new_requests_get_8)
{
    field->is_silent = true;
    outputd_set(service, "audit.required", "true");
    write_long_trail();
    start_service();
    desk_set(desk, "in flight", TRACKER, 1, true);
    field_wait(field, 1);
    fill_disk();
    desk_send(desk, "set", "junk", bytes_of_text("junk"));
    outputd_wait_log(service, "the audit trail cannot be written", 1);
    desk_set(desk, "refused", TRACKER, 2, true);
    desk_expect_error(desk, "refused", 8, "not_sent");
    field_ack(field, &field->commands[0], "\"success\": true");
    desk_expect_success(desk, "in flight");
    make_room();
    field->is_silent = false;
    desk_set(desk, "taken", TRACKER, 2, true);
    desk_expect_success(desk, "taken");
    outputd_stop(service);
    read_long_trail();
    expect_end(line_of("in flight"), "settled", 0, "success");
    expect_end(line_of("refused"), "refused", 8, "not_sent");
    expect_end(line_of("taken"), "settled", 0, "success");
}

/* --- a flood --- */

Test(service_audit, a_body_that_http_does_not_take_has_a_line)
{
    uint16_t port = outputd_listen(service);
    struct http_client *client;
    const json_t *line = NULL;

    outputd_set(service, "http.api", "true");
    start_service();
    client = http_open(port);
    http_say(client, "POST /tracker/output/set HTTP/1.1\r\nHost: test\r\nContent-Length: 99999\r\n\r\n");
    http_expect(client, 412, NULL);
    http_close(client);
    cr_assert_eq(http_ask(port, "/healthz", NULL), 200);
    outputd_stop(service);
    read_trail("audit.jsonl");
    cr_assert_geq(trail_find(&trail, "event", "refused", &line), 1); /* what the fixture asked may have been, too */
    cr_assert_eq(trail_number(line, "code"), 9);
    cr_assert_str_eq(trail_text(line, "action"), "set");
}

Test(service_audit, a_flood_of_junk_takes_so_many_lines_a_second_and_one_that_counts_the_rest)
{
    const json_t *line;
    json_int_t told;

    outputd_set(service, "audit.refused_max_per_s", "10");
    start_service();
    for (int i = 0; i < 500; i++)
        desk_publish(desk, &(struct mqtt_publish){.topic = bytes_of_text("api/tracker/output/set"),
                                                  .payload = bytes_of_text("junk")});
    desk_fence(desk);
    outputd_stop(service);
    read_trail("audit.jsonl");
    told = trail_find(&trail, "event", "refused", NULL);
    for (size_t i = 0; i < trail_count(&trail); i++) {
        line = trail_line(&trail, i);
        told += strcmp(trail_text(line, "event"), "omitted") == 0 ? trail_number(line, "refused") : 0;
    }
    cr_assert_geq(told, 501);
    cr_assert_geq(trail_find(&trail, "event", "omitted", NULL), 1);
    cr_assert_lt(trail_count(&trail), 400);
    trail_verify(path_of("audit.jsonl"), 0, "none missing, none changed");
}
