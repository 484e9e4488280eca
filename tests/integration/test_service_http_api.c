/* The public API over HTTP, with a real broker. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/broker.h"
#include "support/field.h"
#include "support/http_client.h"
#include "support/outputd.h"
#include "support/pump.h"

#define HASH "a6aa75587e5c59c32d347da438505fc3"
#define NVX "Authorization: NVX " HASH "\r\n"
#define JSON "Content-Type: application/json\r\n"
#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"
#define SET "/tracker/output/set"
#define SET_ALL "/tracker/output/set_all"
#define SUCCESS "{\"success\": true}"
#define GET_SET SET "?hash=" HASH "&tracker_id=265489&output=1&enable=true"
#define OFFLINE                                                                                                 \
    "{\"success\": false, \"status\": {\"code\": 213, \"description\": \"Cannot perform action: the device is " \
    "offline\"}, \"outcome\": \"not_sent\"}"

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct http_client *client;
static uint16_t port;

static bool is_ready(void)
{
    return http_ask(port, "/readyz", NULL) == 200;
}

static void start(void)
{
    outputd_start(service);
    cr_assert(broker_wait_for_port(port), "see %s/log", service->directory);
    cr_assert(PUMP_UNTIL(is_ready()), "see %s/log", service->directory);
}

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    port = outputd_listen(service);
    outputd_set(service, "http.api", "true");
    start();
    field = field_start(broker_url(broker));
    field_online(field, 265489);
    client = http_open(port);
}

static void clear_stage(void)
{
    http_close(client);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_http_api, .init = set_stage, .fini = clear_stage, .timeout = 120);

static void get(const char *target, int status, const char *body)
{
    http_get(client, target, "");
    http_expect(client, status, body);
}

static void post(const char *target, const char *headers, const char *body, int status, const char *reply)
{
    http_post(client, target, headers, body);
    http_expect(client, status, reply);
    cr_assert(strstr((const char *)client->head.data, "Content-Type: application/json\r\n"));
}

static void expect_code(int status, int code)
{
    char text[32];

    snprintf(text, sizeof text, "\"code\": %d,", code);
    http_expect(client, status, NULL);
    cr_assert(strstr((const char *)client->body.data, text), "%s", (const char *)client->body.data);
}

/* --- as documented --- */

/* What the documentation prints, but for the URL. */
static const char *const documented[] = {
    "curl -X POST '{{ extra.api_example_url }}/tracker/output/set_all' \\\n"
    "    -H 'Content-Type: application/json' \\\n"
    "    -d '{\"hash\": \"a6aa75587e5c59c32d347da438505fc3\", \"tracker_id\": 265489, \"outputs\": [true, true, "
    "false]}'",
    "curl -X POST '{{ extra.api_example_url }}/tracker/output/set' \\\n"
    "    -H 'Content-Type: application/json' \\\n"
    "    -d '{\"hash\": \"a6aa75587e5c59c32d347da438505fc3\", tracker_id: 265489, \"output\": 1, \"enable\": true}'",
    ("curl '{{ extra.api_example_url }}/tracker/output/set?hash=a6aa75587e5c59c32d347da438505fc3&tracker_id=265489"
     "&output=1&enable=true'"),
};

/* The shell runs it while the field acks. */
static void run(const char *command, char *out, size_t size)
{
    static const char mark[] = "{{ extra.api_example_url }}";
    const char *at = strstr(command, mark);
    char line[1024];
    char path[64];
    FILE *file;
    size_t n;

    cr_assert(at);
    snprintf(path, sizeof path, "%s/answer", service->directory);
    snprintf(line, sizeof line, "{ %.*shttp://127.0.0.1:%u%s >%s.part 2>%s.error; mv %s.part %s; } &",
             (int)(at - command), command, port, at + sizeof mark - 1, path, path, path, path);
    cr_assert_eq(system(line), 0);
    cr_assert(PUMP_UNTIL((file = fopen(path, "r")) != NULL), "%s", line);
    n = fread(out, 1, size - 1, file);
    out[n] = '\0';
    fclose(file);
    remove(path);
}

Test(service_http_api, the_documented_examples_work_as_printed)
{
    char answer[256];

    for (size_t i = 0; i < sizeof documented / sizeof *documented; i++) {
        run(documented[i], answer, sizeof answer);
        cr_assert_str_eq(answer, SUCCESS, "%s: %s", documented[i], answer);
    }
    cr_assert_eq(field->count, 3);
}

/* --- the ways to say it --- */

Test(service_http_api, json_forms_and_queries_are_the_same_request)
{
    static const char without_hash[] = "{tracker_id: 265489, \"output\": 1, \"enable\": true}";

    post(SET, JSON NVX, without_hash, 200, SUCCESS);
    post(SET, JSON, "{\"hash\": \"" HASH "\", \"tracker_id\": 265489, \"output\": 1, \"enable\": false}", 200, SUCCESS);
    post(SET, FORM, "hash=" HASH "&tracker_id=265489&output=1&enable=true", 200, SUCCESS);
    post(SET_ALL, FORM NVX, "tracker_id=265489&outputs=%5Btrue,true,false%5D", 200, SUCCESS);
    post(SET, NVX, without_hash, 200, SUCCESS);
    get(GET_SET, 200, SUCCESS);
    get(SET_ALL "?hash=" HASH "&tracker_id=265489&outputs=[true,true,false]", 200, SUCCESS);
    http_get(client, SET "?tracker_id=265489&output=1&enable=true", "authorization: nvx " HASH "\r\n");
    http_expect(client, 200, SUCCESS);
    get(GET_SET "&request_id=r+1", 200, "{\"success\": true, \"request_id\": \"r 1\"}");
    get(GET_SET "&request_id=7", 200, "{\"success\": true, \"request_id\": 7}");
    get(GET_SET "&response_topic=tracker/265489/output/command", 200, SUCCESS);
    cr_assert_eq(field->count, 11);
}

Test(service_http_api, every_refusal_has_its_code_and_status)
{
    static const struct {
        const char *target;
        int status;
        int code;
    } all[] = {
        {SET "?hash=" HASH "&tracker_id=999&output=1&enable=true", 404, 204},
        {SET "?hash=" HASH "&tracker_id=265490&output=1&enable=true", 400, 213},
        {SET "?hash=" HASH "&tracker_id=265489&output=9&enable=true", 400, 214},
        {SET "?hash=" HASH "&tracker_id=265489&output=1&enable=yes", 400, 7},
        {SET "?hash=" HASH "&tracker_id=265489&output=1", 400, 7},
        {SET "?tracker_id=265489&output=1&enable=true", 400, 7},
        {SET "?hash=1&tracker_id=265489&output=1&enable=true", 400, 3},
        {SET "?hash=ffffffffffffffffffffffffffffffff&tracker_id=265489&output=1&enable=true", 400, 4},
        {GET_SET "&output=2", 400, 5},
        {GET_SET "&x=%zz", 400, 5},
        {"/tracker/output/flip?hash=" HASH, 400, 112},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        http_get(client, all[i].target, "");
        expect_code(all[i].status, all[i].code);
    }
    http_get(client, GET_SET, "Authorization: NVX ffffffffffffffffffffffffffffffff\r\n");
    expect_code(400, 5); /* two users in one request */
    http_post(client, SET, "Content-Type: text/plain\r\n", "{}");
    expect_code(400, 5);
    http_post(client, SET, JSON, "tracker_id=1");
    expect_code(400, 5);
    http_post(client, SET, JSON, "");
    expect_code(400, 5);
    cr_assert_eq(field->count, 0);
}

Test(service_http_api, the_rate_limit_is_the_users_own_whichever_way_he_takes)
{
    outputd_set(service, "limits.user_rate", "0.001");
    outputd_set(service, "limits.user_burst", "2");
    outputd_write_config(service);
    outputd_signal(service, SIGHUP);
    outputd_wait_log(service, " reloaded ", 1);
    get(GET_SET, 200, SUCCESS);
    get(GET_SET, 200, SUCCESS);
    http_get(client, GET_SET, "");
    expect_code(429, 15);
    cr_assert(strstr((const char *)client->head.data, "Retry-After: 1\r\n"));
}

Test(service_http_api, the_limit_of_the_body_changes_with_a_reload)
{
    char body[512];

    snprintf(body, sizeof body, "{\"hash\": \"%s\", \"tracker_id\": 265489, \"output\": 1, \"enable\": true}%200s",
             HASH, "");
    post(SET, JSON, body, 200, SUCCESS);
    outputd_set(service, "limits.request_bytes_max", "100");
    outputd_write_config(service);
    outputd_signal(service, SIGHUP);
    outputd_wait_log(service, " reloaded ", 1);
    cr_assert_eq(http_ask(port, "/healthz", NULL), 200); /* a turn later */
    http_post(client, SET, JSON, body);
    expect_code(412, 9);
}

/* --- the same request again --- */

static void expect_success_of_7(struct http_client *c)
{
    http_expect(c, 200, "{\"success\": true, \"request_id\": 7}");
}

Test(service_http_api, two_who_ask_the_same_get_the_one_reply)
{
    struct http_client *other = http_open(port);

    field->is_silent = true;
    http_get(client, GET_SET "&request_id=7", "");
    field_wait(field, 1);
    http_get(other, GET_SET "&request_id=7", "");
    outputd_wait_log(service, "request repeated", 1);
    field_ack(field, &field->commands[0], "\"success\": true");
    expect_success_of_7(client);
    expect_success_of_7(other);
    get(GET_SET "&request_id=7", 200, NULL);
    cr_assert_eq(field->count, 1);
    http_close(other);
}

Test(service_http_api, who_hangs_up_disturbs_nothing)
{
    struct http_client *other = http_open(port);

    field->is_silent = true;
    http_get(other, GET_SET "&request_id=7", "");
    field_wait(field, 1);
    http_close(other);
    field_ack(field, &field->commands[0], "\"success\": true");
    outputd_wait_log(service, "request settled", 1);
    http_get(client, GET_SET "&request_id=7", "");
    expect_success_of_7(client);
    cr_assert_eq(field->count, 1);
}

Test(service_http_api, a_request_outlives_the_service)
{
    field->is_silent = true;
    http_get(client, GET_SET "&request_id=7", "");
    field_wait(field, 1);
    outputd_kill(service);
    start();
    http_close(client);
    client = http_open(port);
    http_get(client, GET_SET "&request_id=7", "");
    outputd_wait_log(service, "request repeated", 1);
    field_ack(field, &field->commands[0], "\"success\": true");
    expect_success_of_7(client);
    cr_assert_eq(field->count, 1);
}

/* --- without the others --- */

Test(service_http_api, without_a_broker_it_is_answered_all_the_same)
{
    outputd_stop(service);
    outputd_set(service, "engine.ack_timeout_ms", "300");
    broker_halt(broker);
    outputd_start(service);
    cr_assert(broker_wait_for_port(port));
    http_close(client);
    client = http_open(port);
    get(GET_SET, 400, OFFLINE);
    get(SET "?hash=" HASH "&tracker_id=999&output=1&enable=true", 404, NULL);
}

Test(service_http_api, a_broker_that_goes_away_leaves_nobody_waiting)
{
    outputd_set(service, "engine.ack_timeout_ms", "300");
    outputd_write_config(service);
    outputd_signal(service, SIGHUP);
    outputd_wait_log(service, " reloaded ", 1);
    broker_halt(broker);
    outputd_wait_log(service, "connection lost", 1);
    get(GET_SET, 400, OFFLINE);
}

Test(service_http_api, a_drain_answers_before_the_end)
{
    struct http_client *other = http_open(port);

    outputd_set(service, "engine.drain_ms", "100");
    outputd_write_config(service);
    outputd_signal(service, SIGHUP);
    outputd_wait_log(service, " reloaded ", 1);
    field->is_silent = true;
    http_get(client, GET_SET, "");
    field_wait(field, 1);
    http_get(other, GET_SET "&request_id=1", "");
    cr_assert_eq(http_ask(port, "/healthz", NULL), 200);
    outputd_signal(service, SIGTERM);
    expect_code(503, 8);
    cr_assert(strstr((const char *)client->body.data, "\"outcome\": \"unknown\""));
    http_expect(other, 503, NULL);
    cr_assert(strstr((const char *)other->body.data, "\"outcome\": \"not_sent\""));
    cr_assert_eq(outputd_wait_end(service), 0);
    http_close(other);
}

/* The request goes on, and who asks again gets its reply. */
Test(service_http_api, a_reply_that_takes_too_long_is_left_for_later)
{
    outputd_stop(service);
    outputd_set(service, "http.answer_ms", "100");
    outputd_set(service, "http.reply_ms", "200");
    start();
    http_close(client);
    client = http_open(port);
    field->is_silent = true;
    http_get(client, GET_SET "&request_id=7", "");
    http_expect(client, 504, "no reply yet: the same request with the same request_id will get it\n");
    field_ack(field, field_wait(field, 1), "\"success\": true");
    outputd_wait_log(service, "request settled", 1);
    http_get(client, GET_SET "&request_id=7", "");
    expect_success_of_7(client);
    cr_assert_eq(field->count, 1);
}
