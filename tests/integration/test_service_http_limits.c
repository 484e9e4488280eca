/* What strangers do to an HTTP port, and that it costs nobody else anything. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/http_client.h"
#include "support/outputd.h"
#include "support/pump.h"
#include "support/sanitizer.h"

#define CODE_9                                                                                              \
    "{\"success\": false, \"status\": {\"code\": 9, \"description\": \"Too large request\"}, \"outcome\": " \
    "\"not_sent\"}"

enum { CONNECTIONS_MAX = 64, TIMEOUT_MS = 1000, IDLE = 1000 };

static struct broker *broker;
static struct outputd *service;
static uint16_t port;
static struct http_client *client;

static void start(const char *timeout_ms)
{
    outputd_set(service, "http.timeout_ms", timeout_ms);
    outputd_start(service);
    outputd_wait_ready(service);
    client = http_open(port);
}

static void set_stage(void)
{
    char number[16];

    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    port = outputd_listen(service);
    outputd_set(service, "http.api", "true");
    snprintf(number, sizeof number, "%d", CONNECTIONS_MAX);
    outputd_set(service, "http.connections_max", number);
}

static void clear_stage(void)
{
    http_close(client);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_http_limits, .init = set_stage, .fini = clear_stage, .timeout = 120);

static void expect_alive(void)
{
    cr_assert_eq(http_ask(port, "/healthz", NULL), 200);
}

/* --- slow ones --- */

Test(service_http_limits, an_idle_connection_is_closed)
{
    start("300");
    http_get(client, "/healthz", "");
    http_expect(client, 200, "ok\n");
    cr_assert(PUMP_UNTIL(http_is_closed(client)));
}

/* A byte now and then does not keep it open. */
Test(service_http_limits, a_request_must_arrive_in_time)
{
    start("1000");
    http_say(client, "GET /healthz HTTP/1.1\r\nHost: test\r\nX: ");
    cr_assert(PUMP_UNTIL((http_say(client, "x"), http_is_closed(client))));
    http_close(client);
    client = http_open(port);
    http_say(client, "POST /tracker/output/set HTTP/1.1\r\nHost: test\r\nContent-Length: 10000\r\n\r\n");
    cr_assert(PUMP_UNTIL((http_say(client, "x"), http_is_closed(client))));
    expect_alive();
}

/* --- large ones --- */

Test(service_http_limits, a_body_that_says_that_it_is_too_large_is_not_read)
{
    struct buffer body = {0};

    start("10000");
    http_say(client, "POST /tracker/output/set HTTP/1.1\r\nHost: test\r\nContent-Length: 16385\r\n\r\n");
    http_expect(client, 412, CODE_9);
    cr_assert(PUMP_UNTIL(http_is_closed(client)));
    http_close(client);
    client = http_open(port);
    http_say(client,
             "POST /tracker/output/set HTTP/1.1\r\nHost: test\r\nContent-Length: 99999999999999999999999\r\n\r\n");
    cr_assert(PUMP_UNTIL(http_is_closed(client)));
    cr_assert_eq(http_ask(port, "/metrics", &body), 200);
    cr_assert(strstr((const char *)body.data, "outputd_requests_total{action=\"set\",code=\"9\"} 1\n"));
    cr_assert(strstr((const char *)body.data, "outputd_http_requests_total{path=\"set\",status=\"412\"} 1\n"));
    buffer_release(&body);
}

static void say_chunks(int count)
{
    char chunk[1000 + 1];

    memset(chunk, 'x', sizeof chunk - 1);
    chunk[sizeof chunk - 1] = '\0';
    http_say(client, "POST /tracker/output/set HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < count && !http_is_closed(client); i++)
        http_say(client, "3e8\r\n%s\r\n", chunk);
}

Test(service_http_limits, a_body_without_a_length_is_read_only_so_far)
{
    start("10000");
    say_chunks(20);
    http_say(client, "0\r\n\r\n");
    http_expect(client, 412, CODE_9);
    say_chunks(1000000);
    cr_assert(http_is_closed(client));
    expect_alive();
}

Test(service_http_limits, a_body_of_exactly_the_limit_is_taken)
{
    static char body[16384 + 1];

    start("10000");
    memset(body, ' ', sizeof body - 1);
    http_say(client, "POST /tracker/output/set HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
                     "Content-Length: 16384\r\n\r\n");
    http_say_bytes(client, bytes_of(body, sizeof body - 1));
    http_expect(client, 400, NULL);
    cr_assert(strstr((const char *)client->body.data, "\"code\": 5,"));
}

Test(service_http_limits, a_flood_of_headers_ends_its_connection)
{
    start("10000");
    http_say(client, "GET /healthz HTTP/1.1\r\nHost: test\r\n");
    for (int i = 0; i < 1000000 && !http_is_closed(client); i++)
        http_say(client, "X-%d: %d\r\n", i, i);
    cr_assert(PUMP_UNTIL(http_is_closed(client)));
    cr_assert(http_is_there(client));
    cr_assert(client->status == 431 || client->status == 413, "%d", client->status);
    http_close(client);
    client = http_open(port);
    http_say(client, "GET /");
    for (int i = 0; i < 1000000 && !http_is_closed(client); i++)
        http_say(client, "xxxxxxxxxxxxxxxx");
    cr_assert(PUMP_UNTIL(http_is_closed(client)));
    expect_alive();
}

Test(service_http_limits, noise_ends_its_connection)
{
    static const char *const noise[] = {
        "\r\n\r\n\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET\r\n\r\n",
        "\x16\x03\x01\x02",
        "GET /healthz HTTP/9.9\r\n\r\n",
        "POST /tracker/output/set HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST /tracker/output/set HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    };

    start("300");
    for (size_t i = 0; i < sizeof noise / sizeof *noise; i++) {
        http_close(client);
        client = http_open(port);
        http_say(client, "%s", noise[i]);
        cr_assert(PUMP_UNTIL(http_is_closed(client)), "%zu", i);
    }
    expect_alive();
}

/* --- many --- */

Test(service_http_limits, pipelined_requests_are_answered_in_their_order)
{
    enum { REQUESTS = 50 };

    start("10000");
    for (int i = 0; i < REQUESTS; i++) {
        http_get(client, "/healthz", "");
        http_get(client, "/nothing", "");
        http_post(client, "/tracker/output/flip", "", "{}");
    }
    for (int i = 0; i < REQUESTS; i++) {
        http_expect(client, 200, "ok\n");
        http_expect(client, 404, "there is nothing here\n");
        http_expect(client, 400, NULL);
    }
}

static long memory_kb(void)
{
    char path[64];
    char line[256];
    long kb = -1;
    FILE *status;

    snprintf(path, sizeof path, "/proc/%d/status", (int)service->pid);
    status = fopen(path, "r");
    while (status && fgets(line, sizeof line, status))
        sscanf(line, "VmRSS: %ld", &kb);
    cr_assert(status && fclose(status) == 0);
    return kb;
}

/* Those that have been idle for longest give way. */
Test(service_http_limits, a_thousand_idle_connections_keep_nobody_out)
{
    static struct http_client *idle[IDLE];
    const struct rlimit many = {.rlim_cur = 4096, .rlim_max = 4096};
    struct field *field = field_start(broker_url(broker));
    struct desk *desk;
    long before_kb;
    int open = 0;

    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &many), 0);
    start("60000");
    before_kb = memory_kb();
    for (int i = 0; i < IDLE; i++) {
        idle[i] = http_open(port);
        http_say(idle[i], "GET /healthz HTTP/1.1\r\n");
    }
    for (int i = 0; i < 10; i++)
        expect_alive();
    field_online(field, 265489);
    desk = desk_start(broker_url(broker));
    desk_set(desk, "one", 265489, 1, true);
    desk_expect_success(desk, "one");
    for (int i = 0; i < IDLE; i++)
        open += !http_is_closed(idle[i]);
    cr_assert_leq(open, CONNECTIONS_MAX + 16, "%d", open);
    cr_assert(SANITIZED || memory_kb() - before_kb < 8192, "%ld kB", memory_kb() - before_kb);
    for (int i = 0; i < IDLE; i++)
        http_close(idle[i]);
    desk_free(desk);
    field_free(field);
}
