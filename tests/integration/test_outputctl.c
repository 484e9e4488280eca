/* outputctl set and set-all against a broker; the test stands in for the service. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/answerer.h"
#include "support/broker.h"
#include "support/client.h"
#include "support/pump.h"

#define HASH "a6aa75587e5c59c32d347da438505fc3"

static struct broker *broker;
static struct answerer *service;

static void start(void)
{
    broker = broker_start(NULL);
    service = answerer_start(broker_url(broker), "api/tracker/output/+");
    setenv("OUTPUTCTL_BROKER", broker_url(broker), 1);
    setenv("OUTPUTCTL_HASH", HASH, 1);
    unsetenv("NO_COLOR");
}

static void stop(void)
{
    answerer_free(service);
    broker_stop(broker);
}

TestSuite(outputctl, .init = start, .fini = stop, .timeout = 60);

/* The whole of stdout is this. */
static void expect_output(const struct client *c, const char *text)
{
    cr_assert_str_eq(c->out.text, text, "stdout: %s\nstderr: %s", c->out.text, c->err.text);
}

/* Runs it, answers its one request with this reply, and waits for its end. */
static struct client *ask(const char *arguments, const char *reply)
{
    struct client *c = client_start(arguments);

    answerer_reply(service, answerer_wait(service, service->probe->count + 1), reply);
    client_wait(c);
    return c;
}

static void expect_payload(const struct probe_message *request, const char *json)
{
    json_t *payload = answerer_decode(request);
    json_t *expected = value_of(json);

    cr_assert(json_equal(payload, expected), "%s is not %s", json_dumps(payload, 0), json);
    json_decref(payload);
    json_decref(expected);
}

#define ERROR_213                                                                                               \
    "{\"success\": false, \"status\": {\"code\": 213, \"description\": \"Cannot perform action: the device is " \
    "offline\"}, "

Test(outputctl, set_is_one_request_with_everything_mqtt_5_has_for_it)
{
    struct client *c = ask("set --tracker 265489 --output 1 --on", "{\"success\": true}");
    const struct probe_message *request = &service->probe->messages[0];

    cr_assert_eq(c->status, 0);
    cr_assert_str_eq(request->topic, "api/tracker/output/set");
    expect_payload(request, "{\"hash\": \"" HASH "\", \"tracker_id\": 265489, \"output\": 1, \"enable\": true}");
    cr_assert_eq(request->qos, 1);
    cr_assert_not(request->retain);
    cr_assert_str_eq(request->content_type, "application/json");
    cr_assert_eq(strncmp(request->response_topic, "outputctl/reply/", 16), 0);
    cr_assert_geq(strlen(request->response_topic), 32);
    cr_assert_eq(request->correlation_len, 16);
    cr_assert(request->has_expiry);
    cr_assert_leq(request->expiry_s, 14);
    client_free(c);
}

Test(outputctl, success_is_said_in_one_line)
{
    struct client *c = ask("set --tracker 265489 --output 1 --on", "{\"success\": true}");
    unsigned ms;
    int end = 0;

    sscanf(c->out.text, "tracker 265489 output 1 on: success (%u ms)\n%n", &ms, &end);
    cr_assert_gt(end, 0, "%s", c->out.text);
    cr_assert_eq((size_t)end, c->out.len);
    cr_assert_eq(c->err.len, 0, "%s", c->err.text);
    client_free(c);
}

Test(outputctl, set_all_names_every_output)
{
    struct client *c = ask("set-all --tracker 7 --outputs 1,1,0", "{\"success\": true}");

    cr_assert_eq(c->status, 0);
    cr_assert_str_eq(service->probe->messages[0].topic, "api/tracker/output/set_all");
    expect_payload(&service->probe->messages[0],
                   "{\"hash\": \"" HASH "\", \"tracker_id\": 7, \"outputs\": [true, true, false]}");
    cr_assert_eq(strncmp(c->out.text, "tracker 7 outputs 1,1,0: success (", 34), 0);
    client_free(c);
}

Test(outputctl, an_error_is_said_with_its_outcome_and_exits_1)
{
    static const struct {
        const char *outcome;
        const char *words;
    } cases[] = {
        {"not_sent", "nothing was sent to the tracker"},
        {"rejected", "the tracker refused"},
        {"unknown", "the output may have switched"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char reply[256], expected[256];

        snprintf(reply, sizeof reply, ERROR_213 "\"outcome\": \"%s\"}", cases[i].outcome);
        snprintf(expected, sizeof expected,
                 "tracker 265489: error 213: Cannot perform action: the device is offline (%s: %s)\n", cases[i].outcome,
                 cases[i].words);
        struct client *c = ask("set --tracker 265489 --output 2 --off", reply);
        cr_assert_eq(c->status, 1);
        expect_output(c, expected);
        client_free(c);
    }
}

Test(outputctl, bad_parameters_are_listed)
{
    struct client *c = ask("set --tracker 265489 --output 1 --on",
                           "{\"success\": false, \"status\": {\"code\": 7, \"description\": \"Invalid parameters\"}, "
                           "\"outcome\": \"not_sent\", \"errors\": ["
                           "{\"parameter\": \"output\", \"error\": \"must be an integer from 1\"}, "
                           "{\"parameter\": \"enable\", \"error\": \"must be a boolean\"}]}");

    cr_assert_eq(c->status, 1);
    expect_output(c, "tracker 265489: error 7: Invalid parameters (not_sent: nothing was sent to the tracker)\n"
                     "  output: must be an integer from 1\n"
                     "  enable: must be a boolean\n");
    client_free(c);
}

Test(outputctl, json_prints_the_reply_and_nothing_else)
{
    struct client *good = ask("set --tracker 1 --output 1 --on --json --request-id abc", "{\"success\": true}");
    expect_output(good, "{\"success\": true, \"request_id\": \"abc\"}\n");
    cr_assert_eq(good->status, 0);
    cr_assert_eq(good->err.len, 0);
    client_free(good);

    struct client *bad =
        ask("set --tracker 1 --output 1 --on --json --msgpack", ERROR_213 "\"outcome\": \"not_sent\"}");
    expect_output(bad, ERROR_213 "\"outcome\": \"not_sent\"}\n");
    cr_assert_eq(bad->status, 1);
    client_free(bad);
}

Test(outputctl, a_service_without_mqtt_5_finds_reply_topic_and_correlation_in_the_payload)
{
    struct client *c = client_start("set --tracker 1 --output 1 --on --mqtt 4");
    const struct probe_message *request = answerer_wait(service, 1);
    json_t *payload = answerer_decode(request);

    cr_assert_null(request->response_topic);
    cr_assert_null(request->correlation);
    cr_assert_not_null(json_string_value(json_object_get(payload, "request_id")));
    cr_assert_eq(strncmp(json_string_value(json_object_get(payload, "response_topic")), "outputctl/reply/", 16), 0);
    json_decref(payload);
    answerer_reply(service, request, "{\"success\": true}");
    cr_assert_eq(client_wait(c), 0);
    client_free(c);
}

Test(outputctl, msgpack_is_spoken_both_ways)
{
    struct client *c = ask("set-all --tracker 265489 --outputs 0,1 --msgpack --request-id x", "{\"success\": true}");
    const struct probe_message *request = &service->probe->messages[0];

    cr_assert_eq(c->status, 0, "%s", c->err.text);
    cr_assert_str_eq(request->content_type, "application/msgpack");
    cr_assert_eq((uint8_t)request->payload[0], 0x84);
    expect_payload(request, "{\"hash\": \"" HASH "\", \"tracker_id\": 265489, \"outputs\": [false, true], "
                            "\"request_id\": \"x\"}");
    client_free(c);
}

Test(outputctl, a_prefix_goes_before_every_topic)
{
    answerer_free(service);
    service = answerer_start(broker_url(broker), "site7/api/tracker/output/+");
    struct client *c = ask("set --tracker 1 --output 1 --on --prefix site7/", "{\"success\": true}");

    cr_assert_eq(c->status, 0);
    cr_assert_eq(strncmp(service->probe->messages[0].response_topic, "site7/outputctl/reply/", 22), 0);
    client_free(c);
}

Test(outputctl, replies_to_others_are_not_taken_for_its_own)
{
    struct client *c = client_start("set --tracker 1 --output 1 --on --request-id mine --json");
    const struct probe_message *request = answerer_wait(service, 1);
    struct mqtt_publish other = {.topic = bytes_of_text(request->response_topic),
                                 .payload = bytes_of_text("{\"success\": false}"),
                                 .correlation = bytes_of_text("another"),
                                 .qos = 1};

    answerer_publish(service, &other);
    other.correlation = (struct bytes){0};
    other.payload = bytes_of_text("{\"success\": false, \"request_id\": \"another\"}");
    answerer_publish(service, &other);
    answerer_reply(service, request, "{\"success\": true}");
    cr_assert_eq(client_wait(c), 0);
    expect_output(c, "{\"success\": true, \"request_id\": \"mine\"}\n");
    client_free(c);
}

Test(outputctl, a_reply_that_cannot_be_read_is_an_error)
{
    static const char *const payloads[] = {"[true]", "{\"success\": 1}", "", "\xff\x1b[31m"};

    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        struct client *c = client_start("set --tracker 1 --output 1 --on");
        answerer_say(service, answerer_wait(service, (int)i + 1)->response_topic, payloads[i]);
        cr_assert_eq(client_wait(c), 1);
        expect_output(c, "");
        cr_assert(strstr(c->err.text, "this reply cannot be read"), "%s", c->err.text);
        cr_assert_null(strchr(c->err.text, '\x1b'));
        client_free(c);
    }
}

Test(outputctl, what_a_reply_says_cannot_move_the_cursor)
{
    struct client *c =
        ask("set --tracker 1 --output 1 --on",
            "{\"success\": false, \"status\": {\"code\": 1, \"description\": \"a\\u001b[2Jb\\u009bc\\n\"}, "
            "\"outcome\": \"\\u0007new\"}");

    expect_output(c, "tracker 1: error 1: a\\x1b[2Jb\\xc2\\x9bc\\x0a (\\x07new)\n");
    client_free(c);
}

/* --- no reply --------------------------------------------------------------------------------------------------------
 */

Test(outputctl, silence_ends_with_3_when_the_time_is_up)
{
    struct client *c = client_start("set --tracker 1 --output 1 --on --timeout 1");
    uint64_t start_ms = clock_now().mono_ms;

    cr_assert_eq(answerer_wait(service, 1)->expiry_s, 1);
    cr_assert_eq(client_wait(c), 3);
    cr_assert_geq(clock_now().mono_ms - start_ms, 800);
    cr_assert_str_eq(c->err.text, "outputctl: no reply within 1 s: the output may have switched\n");
    expect_output(c, "");
    client_free(c);
}

Test(outputctl, without_a_service_it_does_not_wait)
{
    const char *filter = "api/tracker/output/+";
    cr_assert_eq(mqtt_unsubscribe(service->probe->m, &filter, 1), 0);
    struct client *c = client_run("set --tracker 1 --output 1 --on");

    cr_assert_eq(c->status, 3);
    cr_assert(strstr(c->err.text, "nobody is subscribed to api/tracker/output/set"), "%s", c->err.text);
    client_free(c);
}

Test(outputctl, without_a_broker_the_reason_is_said)
{
    char arguments[128], reason[64];

    snprintf(reason, sizeof reason, "mqtt://127.0.0.1:%u", broker_free_port());
    snprintf(arguments, sizeof arguments, "set --tracker 1 --output 1 --on --broker %s", reason);
    struct client *c = client_run(arguments);
    cr_assert_eq(c->status, 3);
    cr_assert(strstr(c->err.text, reason), "%s", c->err.text);
    client_free(c);
}

Test(outputctl, a_connection_lost_while_waiting_leaves_the_output_in_doubt)
{
    struct client *c = client_start("set --tracker 1 --output 1 --on");

    answerer_wait(service, 1);
    answerer_free(service);
    service = NULL;
    broker_stop(broker);
    broker = NULL;
    cr_assert_eq(client_wait(c), 3);
    cr_assert(strstr(c->err.text, "the output may have switched"), "%s", c->err.text);
    client_free(c);
}

Test(outputctl, a_slow_ack_is_waited_for_with_a_line_that_is_erased)
{
    struct client *c = client_start_on_terminal("set --tracker 265489 --output 1 --on");
    const struct probe_message *request = answerer_wait(service, 1);

    client_expect(c, "waiting for tracker 265489, 1 s");
    answerer_reply(service, request, "{\"success\": true}");
    cr_assert_eq(client_wait(c), 0);
    const char *result = strstr(c->out.text, "tracker 265489 output 1 on: ");
    cr_assert_not_null(result);
    cr_assert_eq(strncmp(result - 4, "\r\x1b[K", 4), 0, "the progress is not erased");
    cr_assert(strstr(result, "\x1b[32msuccess\x1b[0m"), "%s", result);
    client_free(c);
}

Test(outputctl, no_color_means_none)
{
    setenv("NO_COLOR", "1", 1);
    struct client *c = client_start_on_terminal("set --tracker 265489 --output 1 --on");

    answerer_reply(service, answerer_wait(service, 1), "{\"success\": true}");
    cr_assert_eq(client_wait(c), 0);
    cr_assert_null(strchr(c->out.text, '\x1b'));
    client_free(c);
}

/* --- the hash --------------------------------------------------------------------------------------------------------
 */

static void expect_hash(const char *arguments, const char *hash)
{
    struct client *c = ask(arguments, "{\"success\": true}");
    json_t *payload = answerer_decode(&service->probe->messages[service->probe->count - 1]);

    cr_assert_str_eq(json_string_value(json_object_get(payload, "hash")), hash);
    json_decref(payload);
    client_free(c);
}

Test(outputctl, the_hash_comes_from_an_option_a_file_or_the_environment)
{
    char path[] = "/tmp/outputctl-hash-XXXXXX";
    int fd = mkstemp(path);
    char arguments[128];

    cr_assert_eq(write(fd, "from-file\nsecond line\n", 22), 22);
    close(fd);
    snprintf(arguments, sizeof arguments, "set --tracker 1 --output 1 --on --hash-file %s", path);
    expect_hash("set --tracker 1 --output 1 --on", HASH);
    expect_hash("set --tracker 1 --output 1 --on --hash from-option", "from-option");
    expect_hash(arguments, "from-file");
    unlink(path);
}

Test(outputctl, a_hash_on_the_command_line_leaves_the_process_list)
{
    char path[64], line[256] = "";
    struct client *c = client_start("set --tracker 1 --output 1 --on --hash 0123456789abcdef0123456789abcdef");

    answerer_wait(service, 1);
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)c->pid);
    FILE *file = fopen(path, "r");
    size_t len = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    cr_assert_not_null(memmem(line, len, "--hash", 7));
    cr_assert_null(memmem(line, len, "0123456789abcdef", 16));
    client_free(c);
}
