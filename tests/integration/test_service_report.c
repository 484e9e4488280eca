/* What the service tells of itself: counters in the log, and the stats topic. */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    outputd_set_text(service, "instance", "north-1");
    outputd_set(service, "topics.stats_interval_s", "1");
    outputd_start(service);
    outputd_wait_ready(service);
    field = field_start(broker_url(broker));
    field_online(field, 265489);
    desk = desk_start(broker_url(broker));
    desk_set(desk, "one", 265489, 1, true);
    desk_expect_success(desk, "one");
}

static void clear_stage(void)
{
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_report, .init = set_stage, .fini = clear_stage, .timeout = 60);

Test(service_report, a_signal_prints_the_counters)
{
    outputd_signal(service, SIGUSR1);
    outputd_wait_log(service, "totals pending=0 queued=0 online=1", 1);
    cr_assert_eq(outputd_log_count(service, "counter name=commands value=1 "), 1);
    cr_assert_eq(outputd_log_count(service, "counter name=outcome_success value=1 "), 1);
    cr_assert_eq(outputd_log_count(service, "counter name=acks_matched value=1 "), 1);
}

/* --- the longest turn --- */

/* Somebody who takes connections, and never says a word. */
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

static long long longest_turn_us(void)
{
    static const char key[] = "turn_longest_us=";
    long long last = -1;
    char path[64];
    char line[8192];
    FILE *log;

    snprintf(path, sizeof path, "%s/log", service->directory);
    log = fopen(path, "r");
    while (log && fgets(line, sizeof line, log)) {
        const char *at = strstr(line, key);

        last = at ? strtoll(at + strlen(key), NULL, 10) : last;
    }
    cr_assert(log && fclose(log) == 0);
    return last;
}

/* To wait for a broker that does not answer holds the loop up for a second: that it says. */
Test(service_report, the_longest_turn_is_told)
{
    char url[64];
    int fd = listen_silently(url, sizeof url);

    outputd_stop(service);
    outputd_set_text(service, "broker.url", url);
    outputd_set(service, "broker.connect_timeout_s", "1");
    outputd_start(service);
    outputd_wait_log(service, "cannot connect", 1);
    outputd_signal(service, SIGUSR1);
    outputd_wait_log(service, " totals ", 1);
    cr_assert(longest_turn_us() >= 900000, "%lld", longest_turn_us());
    close(fd);
}

/* --- topics/schemas/stats.json --- */

static void expect_pattern(const char *pattern, const char *text)
{
    regex_t compiled;

    cr_assert_eq(regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB), 0);
    cr_assert_eq(regexec(&compiled, text, 0, NULL, 0), 0, "%s", text);
    regfree(&compiled);
}

static bool is_count(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

/* One property of the schema: the types and bounds that it uses. */
static void expect_property(const json_t *schema, const json_t *value, const char *name)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    const char *pattern = json_string_value(json_object_get(schema, "pattern"));
    const char *key;
    json_t *member;

    cr_assert(value, "%s is missing", name);
    if (strcmp(type, "integer") == 0)
        cr_assert(is_count(value), "%s", name);
    if (strcmp(type, "string") == 0)
        cr_assert(json_is_string(value) && json_string_length(value) > 0, "%s", name);
    if (pattern)
        expect_pattern(pattern, json_string_value(value));
    if (strcmp(type, "object") == 0) {
        cr_assert_gt(json_object_size(value), 0, "%s", name);
        json_object_foreach((json_t *)(uintptr_t)value, key, member) cr_assert(is_count(member), "%s.%s", name, key);
    }
}

static void expect_schema(const json_t *value)
{
    json_t *schema = json_load_file("topics/schemas/stats.json", 0, NULL);
    const json_t *properties = json_object_get(schema, "properties");
    const char *key;
    json_t *property;

    cr_assert(properties);
    json_object_foreach((json_t *)(uintptr_t)properties, key, property)
        expect_property(property, json_object_get(value, key), key);
    cr_assert_eq(json_object_size(value), json_object_size(properties), "members that the schema does not know");
    json_decref(schema);
}

static json_int_t counter(const json_t *stats, const char *name)
{
    return json_integer_value(json_object_get(json_object_get(stats, "counters"), name));
}

Test(service_report, the_stats_topic_carries_what_its_schema_says)
{
    struct probe *watcher = probe_start(broker_url(broker), "outputd/north-1/stats", 1);
    const struct probe_message *m = &watcher->messages[1];
    json_t *stats;

    cr_assert(probe_wait(watcher, 2), "no stats");
    cr_assert_str_eq(m->content_type, "application/json");
    cr_assert_not(m->retain);
    stats = value_decode(bytes_of(m->payload, m->payload_len), false);
    expect_schema(stats);
    cr_assert_str_eq(json_string_value(json_object_get(stats, "instance")), "north-1");
    cr_assert_eq(json_integer_value(json_object_get(stats, "online")), 1);
    cr_assert_eq(counter(stats, "commands"), 1);
    cr_assert_eq(counter(stats, "outcome_success"), 1);
    json_decref(stats);
    probe_free(watcher);
}
