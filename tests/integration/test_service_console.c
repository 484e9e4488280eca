/* The console's page and what it asks for: who may, how much, and what it is told. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/http_client.h"
#include "support/outputd.h"
#include "support/pump.h"

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;
static struct http_client *client;
static struct http_client *listener;
static uint16_t port;

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    port = outputd_listen(service);
    outputd_set(service, "http.console", "true");
    outputd_set(service, "http.console_hosts", "[\"test\", \"Console.Example.com\"]");
}

static void clear_stage(void)
{
    http_close(listener);
    http_close(client);
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_console, .init = set_stage, .fini = clear_stage, .timeout = 120);

static void start(void)
{
    outputd_start(service);
    outputd_wait_ready(service);
    client = http_open(port);
}

static void get(const char *target, int status)
{
    http_get(client, target, "");
    http_expect(client, status, NULL);
}

static const char *body(void)
{
    return (const char *)client->body.data;
}

static bool has_header(const char *line)
{
    return strstr((const char *)client->head.data, line) != NULL;
}

/* --- the page --- */

Test(service_console, it_is_there_only_where_it_was_asked_for)
{
    static const char *const targets[] = {"/", "/console/console.css", "/console/status", "/console/trackers",
                                          "/console/events"};

    outputd_unset(service, "http.console");
    start();
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        get(targets[i], 404);
        cr_assert_str_eq(body(), "the console is not served here: see http.console\n");
    }
}

Test(service_console, its_files_are_in_the_program)
{
    static const struct {
        const char *target;
        const char *type;
        const char *part;
    } all[] = {
        {"/", "Content-Type: text/html; charset=utf-8\r\n", "<title>outputd</title>"},
        {"/console/console.css", "Content-Type: text/css; charset=utf-8\r\n", "prefers-color-scheme"},
        {"/console/console.js", "Content-Type: text/javascript; charset=utf-8\r\n", "import"},
        {"/console/icon.svg", "Content-Type: image/svg+xml\r\n", "<svg"},
    };

    start();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        get(all[i].target, 200);
        cr_assert(has_header(all[i].type), "%s", all[i].target);
        cr_assert(strstr(body(), all[i].part), "%s", all[i].target);
        cr_assert(has_header("Content-Security-Policy: default-src 'none'; script-src 'self'; "));
        cr_assert(has_header("frame-ancestors 'none'\r\n"));
        cr_assert(has_header("X-Content-Type-Options: nosniff\r\n"));
        cr_assert(has_header("Referrer-Policy: no-referrer\r\n"));
        cr_assert(has_header("Cross-Origin-Resource-Policy: same-origin\r\n"));
        cr_assert(has_header("Cache-Control: no-store\r\n"));
    }
    get("/console/index.html", 404);
    get("/console/../console/console.js", 404);
    get("/console/", 404);
    http_post(client, "/", "", "x");
    http_expect(client, 405, NULL);
    http_post(client, "/console/status", "", "x");
    http_expect(client, 405, NULL);
}

/* --- who may ask --- */

static int status_for(const char *target, const char *headers)
{
    struct http_client *c = http_open(port);
    int status;

    http_say(c, "GET %s HTTP/1.1\r\n%sConnection: close\r\n\r\n", target, headers);
    cr_assert(PUMP_UNTIL(http_is_there(c)));
    status = c->status;
    http_close(c);
    return status;
}

Test(service_console, a_name_that_was_not_given_is_refused)
{
    static const struct {
        const char *host;
        int status;
    } all[] = {
        {"127.0.0.1", 200},
        {"127.0.0.1:9108", 200},
        {"[::1]", 200},
        {"[::1]:9108", 200},
        {"localhost:9108", 200},
        {"LOCALHOST", 200},
        {"test", 200},
        {"console.example.com:8443", 200},
        {"example.com", 403},
        {"console.example.com.evil.example", 403},
        {"127.0.0.1.evil.example", 403},
        {"1.2.3.4.5", 403},
        {"localhost.evil.example", 403},
    };

    start();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char headers[96];

        snprintf(headers, sizeof headers, "Host: %s\r\n", all[i].host);
        cr_expect_eq(status_for("/console/status", headers), all[i].status, "%s", all[i].host);
        cr_expect_eq(status_for("/", headers), all[i].status, "%s", all[i].host);
    }
}

Test(service_console, a_page_elsewhere_gets_nothing_but_a_link)
{
    start();
    cr_assert_eq(status_for("/console/status", "Host: test\r\nSec-Fetch-Site: same-origin\r\n"), 200);
    cr_assert_eq(status_for("/console/status", "Host: test\r\nSec-Fetch-Site: none\r\n"), 200);
    cr_assert_eq(status_for("/console/status", "Host: test\r\nSec-Fetch-Site: cross-site\r\n"), 403);
    cr_assert_eq(status_for("/console/trackers", "Host: test\r\nSec-Fetch-Site: same-site\r\n"), 403);
    cr_assert_eq(status_for("/console/events", "Host: test\r\nSec-Fetch-Site: cross-site\r\n"), 403);
    cr_assert_eq(status_for("/", "Host: test\r\nSec-Fetch-Site: cross-site\r\n"), 200);
}

/* --- status --- */

static json_t *get_json(const char *target)
{
    json_t *root;

    get(target, 200);
    cr_assert(has_header("Content-Type: application/json\r\n"));
    root = json_loads(body(), 0, NULL);
    cr_assert_not_null(root, "%s", body());
    return root;
}

Test(service_console, status_says_how_it_is)
{
    json_t *root;

    outputd_set_text(service, "instance", "with \\\"quotes\\\"");
    start();
    field = field_start(broker_url(broker));
    field_online(field, 265489);
    root = get_json("/console/status");
    cr_assert_str_eq(json_string_value(json_object_get(root, "instance")), "with \"quotes\"");
    cr_assert(json_is_true(json_object_get(root, "ready")));
    cr_assert(json_is_false(json_object_get(root, "api")));
    cr_assert_null(json_object_get(root, "not_ready"));
    cr_assert_eq(json_integer_value(json_object_get(root, "registered")), 8);
    json_decref(root);
    broker_halt(broker);
    outputd_wait_log(service, "connection lost", 1);
    root = get_json("/console/status");
    cr_assert(json_is_false(json_object_get(root, "ready")));
    cr_assert_str_eq(json_string_value(json_object_get(root, "not_ready")), "not connected to a broker");
    json_decref(root);
}

Test(service_console, status_says_whether_the_api_is_on)
{
    json_t *root;

    outputd_set(service, "http.api", "true");
    start();
    root = get_json("/console/status");
    cr_assert(json_is_true(json_object_get(root, "api")));
    json_decref(root);
}

/* --- trackers --- */

Test(service_console, trackers_come_a_page_at_a_time)
{
    json_t *root;

    outputd_set(service, "http.console_page_max", "3");
    outputd_set(service, "http.console_scan_max", "5");
    start();
    root = get_json("/console/trackers?limit=1000");
    cr_assert_eq(json_array_size(json_object_get(root, "trackers")), 3);
    cr_assert_eq(json_integer_value(json_object_get(root, "after")), 265491);
    json_decref(root);
    root = get_json("/console/trackers?after=265491&search=msgpack");
    cr_assert_eq(json_array_size(json_object_get(root, "trackers")), 1);
    cr_assert(json_is_null(json_object_get(root, "after")));
    cr_assert_eq(json_integer_value(json_object_get(root, "scanned")), 5);
    json_decref(root);
    get("/console/trackers?limit=none", 400);
    cr_assert_str_eq(body(), "limit must be a whole number from 1\n");
    get("/console/trackers?after=1", 404);
    cr_assert_str_eq(body(), "this tracker is not in the registry any more: begin again\n");
}

/* --- events --- */

static bool hears(struct http_client *c, const char *part)
{
    http_is_there(c);
    return c->in.len && memmem(c->in.data, c->in.len, part, strlen(part));
}

static size_t count_heard(const struct http_client *c, const char *part)
{
    const uint8_t *at = c->in.data;
    const uint8_t *end = at + c->in.len;
    size_t count = 0;

    while (at && (at = memmem(at, (size_t)(end - at), part, strlen(part)))) {
        at++;
        count++;
    }
    return count;
}

static void expect_heard(struct http_client *c, const char *part)
{
    cr_assert(PUMP_UNTIL(hears(c, part)), "%s was not heard, but: %.*s", part, (int)c->in.len,
              (const char *)c->in.data);
}

static struct http_client *listen_to(const char *target, const char *headers)
{
    struct http_client *c = http_open(port);

    http_get(c, target, headers);
    expect_heard(c, "event: hello\n");
    return c;
}

static void start_with_trackers(void)
{
    start();
    field = field_start(broker_url(broker));
    field_online(field, 265489);
    desk = desk_start(broker_url(broker));
}

Test(service_console, a_listener_hears_the_hops_of_a_request)
{
    start_with_trackers();
    listener = listen_to("/console/events", "");
    desk_set(desk, "one", 265489, 2, true);
    desk_expect_success(desk, "one");
    expect_heard(listener, "event: settled\n");
    expect_heard(listener, "\"states\": [null, true, null]}\n");
    cr_assert(hears(listener, "Content-Type: text/event-stream\r\n"));
    cr_assert(hears(listener, "event: presence\n"));
    cr_assert(hears(listener, "event: request\n"));
    cr_assert(hears(listener, "event: command\n"));
    cr_assert_not(hears(listener, DESK_HASH));
    cr_assert_not(hears(listener, desk->reply_topic));
    cr_assert_not(hears(listener, "user"));
    desk_set(desk, "two", 999, 2, true);
    expect_heard(listener, "\"code\": 204, \"outcome\": \"not_sent\"");
}

/* The id of the last event that was heard. */
static void last_id(const struct http_client *c, char *out, size_t size)
{
    const char *at = NULL;

    for (size_t i = 0; i + 4 < c->in.len; i++) {
        if (memcmp(c->in.data + i, "id: ", 4) == 0 && (i == 0 || c->in.data[i - 1] == '\n'))
            at = (const char *)c->in.data + i + 4;
    }
    cr_assert(at);
    snprintf(out, size, "%.*s", (int)strcspn(at, "\n"), at);
}

static void expect_goes_on(const char *target, const char *headers)
{
    listener = listen_to(target, headers);
    desk_set(desk, "later", 265489, 3, true);
    expect_heard(listener, "\"output\": 3");
    cr_assert_eq(count_heard(listener, "\"output\": 2"), 0);
    http_close(listener);
}

Test(service_console, who_comes_back_hears_what_came_meanwhile)
{
    char id[64];
    char line[128];

    start_with_trackers();
    listener = listen_to("/console/events", "");
    desk_set(desk, "one", 265489, 2, true);
    expect_heard(listener, "\"states\": [null, true, null]");
    last_id(listener, id, sizeof id);
    http_close(listener);
    desk_set(desk, "meanwhile", 265489, 1, true);
    desk_expect_success(desk, "meanwhile");

    snprintf(line, sizeof line, "Last-Event-ID: %s\r\n", id);
    listener = listen_to("/console/events", line);
    expect_heard(listener, "\"states\": [true, true, null]");
    cr_assert(hears(listener, "\"output\": 1"));
    cr_assert_not(hears(listener, "\"output\": 2"));
    cr_assert_not(hears(listener, "event: missed"));
    http_close(listener);
    snprintf(line, sizeof line, "/console/events?after=%s", id);
    expect_goes_on(line, "");
    listener = listen_to("/console/events", "Last-Event-ID: 1-5\r\n"); /* of another life: all that is kept */
    expect_heard(listener, "\"output\": 2");
}

/* More at once than are kept: it takes them from the ring 20 times a second. */
Test(service_console, who_is_too_slow_is_told_how_many_he_has_missed)
{
    enum { MANY = 1000 };
    const struct mqtt_publish nonsense = {.topic = bytes_of_text("api/tracker/output/set"),
                                          .payload = bytes_of_text("{}")};

    outputd_set(service, "http.console_events_max", "16");
    start_with_trackers();
    listener = listen_to("/console/events", "");
    for (int i = 0; i < MANY; i++) {
        int token;

        mqtt_publish(desk->probe->m, &nonsense, &token);
    }
    expect_heard(listener, "event: missed\ndata: {\"count\": ");
    desk_set(desk, "after", 265489, 2, true);
    desk_expect_success(desk, "after");
    expect_heard(listener, "\"output\": 2");
}

Test(service_console, silence_is_broken_now_and_then)
{
    outputd_set(service, "http.timeout_ms", "300");
    start();
    listener = listen_to("/console/events", "");
    expect_heard(listener, "\"beat_ms\": 150}");
    cr_assert(PUMP_UNTIL((hears(listener, "event: beat"), count_heard(listener, "event: beat") >= 4)));
    cr_assert_not(http_is_closed(listener), "it lives for longer than a request may take");
}

/* True from the first time on. */
static bool was_let_in(void)
{
    static bool was;
    struct http_client *c = was ? NULL : http_open(port);

    if (!c)
        return true;
    http_get(c, "/console/events", "");
    cr_assert(PUMP_UNTIL(http_is_there(c)));
    was = c->status == 200;
    http_close(c);
    return was;
}

Test(service_console, there_are_only_so_many_listeners)
{
    struct http_client *other;

    outputd_set(service, "http.console_listeners_max", "2");
    outputd_set(service, "http.timeout_ms", "60000"); /* a beat would find out too late who is gone */
    start();
    listener = listen_to("/console/events", "");
    other = listen_to("/console/events", "");
    get("/console/events", 503);
    cr_assert_str_eq(body(), "too many pages: see http.console_listeners_max\n");
    cr_assert(has_header("Retry-After: 1\r\n"));
    get("/console/status", 200);
    http_close(other);
    cr_assert(PUMP_UNTIL(was_let_in()), "the place of one that is gone is taken again");
}

Test(service_console, a_stop_ends_the_events)
{
    start();
    listener = listen_to("/console/events", "");
    outputd_stop(service);
    cr_assert(PUMP_UNTIL(http_is_closed(listener)));
    cr_assert(hears(listener, "\r\n0\r\n\r\n"), "as a whole response ends");
}

Test(service_console, a_new_life_is_told_from_the_one_before)
{
    char before[64];

    start_with_trackers();
    listener = listen_to("/console/events", "");
    desk_set(desk, "one", 265489, 2, true);
    expect_heard(listener, "event: settled\n");
    last_id(listener, before, sizeof before);
    http_close(listener);
    outputd_kill(service);
    outputd_start(service);
    outputd_wait_ready(service);
    listener = listen_to("/console/events", "");
    *strchr(before, '-') = '\0';
    cr_assert_not(hears(listener, before));
}
