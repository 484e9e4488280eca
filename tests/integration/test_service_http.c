/* What the service says of itself over HTTP: /healthz, /readyz, /metrics; and where it listens. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/http_client.h"
#include "support/outputd.h"
#include "support/pump.h"

static struct broker *broker;
static struct outputd *service;
static uint16_t port;
static struct buffer body;

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    port = outputd_listen(service);
}

static void clear_stage(void)
{
    buffer_release(&body);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_http, .init = set_stage, .fini = clear_stage, .timeout = 120);

static const char *text(void)
{
    return (const char *)body.data;
}

static bool is_listening(void)
{
    return outputd_log_count(service, " HTTP at=") > 0;
}

static void start(void)
{
    outputd_start(service);
    cr_assert(PUMP_UNTIL(is_listening()), "see %s/log", service->directory);
}

/* --- healthz and readyz --- */

static bool readyz_says(int status, const char *why)
{
    return http_ask(port, "/readyz", &body) == status && strcmp(text(), why) == 0;
}

Test(service_http, readyz_says_what_is_missing)
{
    struct field *field = field_new(broker_url(broker));
    struct desk *desk;

    broker_halt(broker);
    start();
    cr_assert(PUMP_UNTIL(readyz_says(503, "not connected to a broker\n")));
    cr_assert_eq(http_ask(port, "/healthz", &body), 200);
    cr_assert_str_eq(text(), "ok\n");
    broker_resume(broker);
    cr_assert(PUMP_UNTIL(readyz_says(200, "ready\n")), "%s", text());

    field_connect(field);
    field->is_silent = true;
    field_online(field, 265489);
    desk = desk_start(broker_url(broker));
    desk_set(desk, "pending", 265489, 1, true);
    field_wait(field, 1);
    outputd_signal(service, SIGTERM);
    cr_assert(PUMP_UNTIL(readyz_says(503, "the service is being stopped\n")), "%s", text());
    desk_free(desk);
    field_free(field);
}

static int listen_silently(char *url, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 8) == 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(url, size, "mqtt://127.0.0.1:%d", ntohs(address.sin_port));
    return fd;
}

/* A broker that says nothing holds the loop up. What was asked for meanwhile is refused in time, and never executed. */
Test(service_http, while_the_loop_stands_still_the_answer_is_503)
{
    char url[64];
    int fd = listen_silently(url, sizeof url);
    struct http_client *c;

    outputd_set_text(service, "broker.url", url);
    outputd_set(service, "broker.connect_timeout_s", "60");
    outputd_set(service, "http.answer_ms", "100");
    outputd_set(service, "http.api", "true");
    start();
    cr_assert(PUMP_UNTIL(http_ask(port, "/healthz", &body) == 503));
    cr_assert_str_eq(text(), "the service does not answer\n");
    c = http_open(port);
    http_get(c, "/tracker/output/set?hash=a6aa75587e5c59c32d347da438505fc3&tracker_id=265489&output=1&enable=true", "");
    http_expect(c, 503,
                "{\"success\": false, \"status\": {\"code\": 8, \"description\": \"Queue service error, try again "
                "later\"}, \"outcome\": \"not_sent\"}");
    cr_assert(strstr((const char *)c->head.data, "Retry-After: 1"));
    http_close(c);
    close(fd);
}

/* --- metrics --- */

static const char *const agreed[] = {
    "outputd_build_info{version=\"",
    "outputd_start_time_seconds ",
    "outputd_requests_total{action=\"set\",code=\"0\"} 1",
    "outputd_requests_total{action=\"set\",code=\"204\"} 1",
    "outputd_requests_duplicate_total ",
    "outputd_commands_total{profile=\"json\"} 1",
    "outputd_acks_total{kind=\"matched\"} 1",
    "outputd_acks_total{kind=\"late\"} ",
    "outputd_acks_total{kind=\"unknown\"} ",
    "outputd_acks_total{kind=\"duplicate\"} ",
    "outputd_acks_total{kind=\"malformed\"} ",
    "outputd_outcomes_total{profile=\"json\",outcome=\"success\"} 1",
    "outputd_outcomes_total{profile=\"json\",outcome=\"not_sent\"} 0",
    "outputd_queue_seconds_count 1",
    "outputd_device_seconds_count 1",
    "outputd_request_seconds_count 1",
    "outputd_pending 0",
    "outputd_queued 0",
    "outputd_trackers_online 1",
    "outputd_trackers 1",
    "outputd_registry_age_seconds ",
    "outputd_registry_loads_total{result=\"ok\"} 0",
    "outputd_registry_loads_total{result=\"failed\"} 0",
    "outputd_journal_records ",
    "outputd_journal_commit_seconds_count ",
    "outputd_journal_up 1",
    "outputd_outbox_depth ",
    "outputd_broker_connected 1",
    "outputd_broker_connects_total 1",
    "outputd_broker_connect_failures_total 0",
    "outputd_drops_total{reason=\"reply_topic\"} 1",
    "outputd_turn_longest_seconds ",
    "outputd_http_requests_total{path=\"metrics\",status=\"200\"} 1",
    "outputd_http_requests_total{path=\"unknown\",status=\"404\"} 1",
    "outputd_http_connections 1",
    "outputd_ready 1",
};

static void expect_promtool_takes_it(void)
{
    char command[128];
    char path[64];
    FILE *file;

    snprintf(path, sizeof path, "%s/metrics", service->directory);
    file = fopen(path, "w");
    cr_assert(file && fputs(text(), file) >= 0 && fclose(file) == 0);
    snprintf(command, sizeof command, "[ -z \"$(promtool check metrics <%s 2>&1 || echo failed)\" ]", path);
    cr_assert_eq(system(command), 0, "promtool check metrics <%s", path); /* it is silent where all is well */
}

Test(service_http, metrics_has_the_names_that_were_agreed_on)
{
    struct field *field = field_start(broker_url(broker));
    struct desk *desk;

    start();
    cr_assert(PUMP_UNTIL(readyz_says(200, "ready\n")), "%s", text());
    field_online(field, 265489);
    desk = desk_start(broker_url(broker));
    desk_set(desk, "one", 265489, 1, true);
    desk_expect_success(desk, "one");
    desk_set(desk, "two", 999, 1, true);
    desk_expect_error(desk, "two", 204, "not_sent");
    desk_publish(desk, &(struct mqtt_publish){.topic = bytes_of_text("api/tracker/output/set"),
                                              .payload = bytes_of_text("{}"),
                                              .response_topic = bytes_of_text("tracker/1/output/command"),
                                              .qos = 1});
    outputd_wait_log(service, "reply topic is not allowed", 1);
    cr_assert_eq(http_ask(port, "/nothing", NULL), 404);
    cr_assert_eq(http_ask(port, "/metrics", NULL), 200);
    cr_assert_eq(http_ask(port, "/metrics", &body), 200);
    for (size_t i = 0; i < sizeof agreed / sizeof *agreed; i++) {
        char line[128];

        snprintf(line, sizeof line, "\n%s", agreed[i]);
        cr_expect(strstr(text(), line), "%s is missing in\n%s", agreed[i], text());
    }
    expect_promtool_takes_it();
    desk_free(desk);
    field_free(field);
}

/* A hash is a key: whatever is asked for, figures and log never hold one. */
Test(service_http, no_figure_and_no_log_holds_what_a_request_says)
{
    struct http_client *c;

    outputd_set(service, "http.api", "true");
    outputd_set_text(service, "log.level", "debug");
    start();
    c = http_open(port);
    http_get(c, "/tracker/output/set?hash=a6aa75587e5c59c32d347da438505fc3&tracker_id=1&output=1&enable=true",
             "Authorization: NVX a6aa75587e5c59c32d347da438505fc3\r\n");
    http_expect(c, 404, NULL);
    http_get(c, "/tracker/output/a6aa75587e5c59c32d347da438505fc3?mark", "");
    http_expect(c, 400, NULL);
    http_get(c, "/a6aa75587e5c59c32d347da438505fc3", "");
    http_expect(c, 404, NULL);
    http_close(c);
    cr_assert_eq(http_ask(port, "/metrics", &body), 200);
    cr_assert_null(strstr(text(), "a6aa7558"));
    cr_assert_eq(outputd_log_count(service, "a6aa7558"), 0);
}

/* --- methods --- */

Test(service_http, each_path_has_its_methods)
{
    struct http_client *c;

    outputd_set(service, "http.api", "true");
    start();
    c = http_open(port);
    http_post(c, "/metrics", "", "a=b");
    http_expect(c, 405, NULL);
    cr_assert(strstr((const char *)c->head.data, "Allow: GET, HEAD, OPTIONS\r\n"));
    http_say(c, "OPTIONS /healthz HTTP/1.1\r\nHost: test\r\n\r\n");
    http_expect(c, 204, "");
    cr_assert(strstr((const char *)c->head.data, "Allow: GET, HEAD, OPTIONS\r\n"));
    http_say(c, "DELETE /tracker/output/set HTTP/1.1\r\nHost: test\r\n\r\n");
    http_expect(c, 405, NULL);
    cr_assert(strstr((const char *)c->head.data, "Allow: GET, POST, OPTIONS\r\n"));
    http_say(c, "OPTIONS /tracker/output/set_all HTTP/1.1\r\nHost: test\r\n\r\n");
    http_expect(c, 204, "");
    http_say(c, "PUT /nothing HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\nx");
    http_expect(c, 404, NULL);
    c->is_head = true;
    http_say(c, "HEAD /healthz HTTP/1.1\r\nHost: test\r\n\r\n");
    http_expect(c, 200, "");
    http_say(c, "HEAD /tracker/output/set HTTP/1.1\r\nHost: test\r\n\r\n");
    http_expect(c, 405, "");
    http_close(c);
}

Test(service_http, the_api_is_off_unless_it_is_asked_for)
{
    start();
    cr_assert_eq(http_ask(port, "/tracker/output/set?hash=1", &body), 404);
    cr_assert_str_eq(text(), "the API is not served here: see http.api\n");
}

/* --- where it listens --- */

static int take_port(uint16_t taken)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(taken), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0)
        listen(fd, 1);
    return fd; /* or somebody else has it */
}

Test(service_http, a_port_that_is_taken_stops_the_start_where_it_was_asked_for)
{
    int fd = take_port(port);

    outputd_start(service);
    cr_assert_eq(outputd_wait_end(service), 1);
    cr_assert_eq(outputd_log_count(service, "http.listen: cannot listen at 127.0.0.1:"), 1);
    close(fd);
}

Test(service_http, a_default_port_that_is_taken_is_an_error_in_the_log)
{
    int fd = take_port(9108);

    outputd_unset(service, "http.listen");
    outputd_start(service);
    outputd_wait_ready(service);
    cr_assert_eq(outputd_log_count(service, "no HTTP: cannot listen at=127.0.0.1:9108"), 1);
    close(fd);
}

Test(service_http, beyond_this_machine_there_is_a_warning)
{
    char address[32];

    snprintf(address, sizeof address, "0.0.0.0:%u", port);
    outputd_set_text(service, "http.listen", address);
    start();
    outputd_wait_log(service, "HTTP is open to other machines without TLS", 1);
    cr_assert_eq(http_ask(port, "/healthz", NULL), 200);
}
