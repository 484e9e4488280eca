/* outputctl watch; the test plays requesters, service and trackers. */
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
#define REQUEST(members) "{\"hash\": \"" HASH "\", \"tracker_id\": 265489, " members "}"

static struct broker *broker;
static struct answerer *world;
static struct client *watch;

static void start(void)
{
    broker = broker_start(NULL);
    world = answerer_start(broker_url(broker), NULL);
    setenv("OUTPUTCTL_BROKER", broker_url(broker), 1);
    unsetenv("OUTPUTCTL_HASH");
    unsetenv("NO_COLOR");
}

/* Whatever the test did: the hash was not shown. */
static void stop(void)
{
    if (watch) {
        cr_expect_null(strcasestr(watch->out.text, HASH));
        cr_expect_null(strcasestr(watch->err.text, HASH));
    }
    client_free(watch);
    answerer_free(world);
    broker_stop(broker);
}

TestSuite(outputctl_watch, .init = start, .fini = stop, .timeout = 60);

static void start_watch(const char *arguments)
{
    watch = client_start(arguments);
    client_expect_complaint(watch, "watching mqtt://");
}

static void request_with(const char *action, const char *payload, const char *reply_topic, const char *correlation)
{
    char topic[64];

    snprintf(topic, sizeof topic, "api/tracker/output/%s", action);
    answerer_publish(world, &(struct mqtt_publish){.topic = bytes_of_text(topic),
                                                   .payload = bytes_of_text(payload),
                                                   .response_topic = bytes_of_text(reply_topic),
                                                   .correlation = bytes_of_text(correlation),
                                                   .qos = 1});
}

static void request(const char *action, const char *payload)
{
    request_with(action, payload, NULL, NULL);
}

static void reply_with(const char *topic, const char *payload, const char *correlation)
{
    answerer_publish(world, &(struct mqtt_publish){.topic = bytes_of_text(topic),
                                                   .payload = bytes_of_text(payload),
                                                   .correlation = bytes_of_text(correlation),
                                                   .qos = 1});
}

/* Its output once it has come to an end by --count. */
static const char *watched(void)
{
    cr_assert_eq(client_wait(watch), 0, "%s", watch->err.text);
    return watch->out.text;
}

/* The line that has all of these (NULL ends them); fails the test where there is none. */
static void expect_line(const char *output, const char *const *parts)
{
    char *copy = strdup(output);
    bool found = false;

    for (char *line = strtok(copy, "\n"); line && !found; line = strtok(NULL, "\n")) {
        found = true;
        for (size_t i = 0; parts[i]; i++)
            found &= strstr(line, parts[i]) != NULL;
    }
    cr_assert(found, "no line with %s, %s … in\n%s", parts[0], parts[1], output);
    free(copy);
}

#define EXPECT_LINE(output, ...) expect_line(output, (const char *const[]){__VA_ARGS__, NULL})

/* --- lines -----------------------------------------------------------------------------------------------------------
 */

Test(outputctl_watch, each_hop_is_a_line)
{
    unsigned ms;

    start_watch("watch --count 1");
    request("set", REQUEST("\"output\": 1, \"enable\": true"));
    answerer_say(world, "tracker/265489/output/command",
                 "{\"id\": 17, \"action\": \"set\", \"output\": 1, \"enable\": true}");
    answerer_say(world, "tracker/265489/output/ack", "{\"id\": 17, \"success\": true}");
    answerer_say(world, "api/tracker/output/set/response", "{\"success\": true}");

    char *lines = strdup(watched());
    const char *const expected[] = {
        "  request   tracker 265489   set output 1 on                               (api/tracker/output/set)",
        "  command   tracker 265489   {\"id\": 17, \"action\": \"set\", \"output\": 1, \"enable\": true}  (tracker/",
        "  ack       tracker 265489   {\"id\": 17, \"success\": true}                   (tracker/265489/output/ack)",
        "  reply     tracker 265489   success, ",
    };
    size_t count = 0;
    for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n"), count++) {
        unsigned hour, minute;
        float second;

        cr_assert_lt(count, 4);
        cr_assert_eq(sscanf(line, "%2u:%2u:%6f ", &hour, &minute, &second), 3, "%s", line);
        cr_assert_eq(strncmp(line + 12, expected[count], strlen(expected[count])), 0, "%s", line);
    }
    cr_assert_eq(count, 4);
    cr_assert_eq(sscanf(strstr(watch->out.text, "success, "), "success, %u", &ms), 1);
    free(lines);
}

Test(outputctl_watch, of_a_request_only_its_meaning_is_shown)
{
    static const struct {
        const char *action;
        const char *payload;
        const char *shown;
    } cases[] = {
        {"set_all", REQUEST("\"outputs\": [true, false]"), "  set outputs 1,0  "},
        {"set", "{\"hash\": \"" HASH "\", tracker_id: 265489, \"output\": 2, \"enable\": false}",
         "  set output 2 off  "},
        {"set", REQUEST("\"output\": 0, \"enable\": \"" HASH "\""), "  set, bad: output, enable  "},
        {"set", "{\"hash\": \"" HASH, "  unreadable request, 42 bytes  "},
        {"reboot", REQUEST("\"when\": \"" HASH "\""), "  reboot  "},
        {"set", HASH, "  unreadable request, 32 bytes  "},
    };

    start_watch("watch");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        request(cases[i].action, cases[i].payload);
        client_expect(watch, cases[i].shown);
    }
}

Test(outputctl_watch, a_reply_topic_that_a_request_names_is_followed)
{
    start_watch("watch --count 2");
    request_with("set", REQUEST("\"output\": 1, \"enable\": true"), "own/topic/1", "c1");
    request("set_all", REQUEST("\"outputs\": [true], \"response_topic\": \"own/topic/2\", \"request_id\": 5"));
    client_expect(watch, "set outputs 1");
    /* The subscription comes after the line. */
    PUMP_UNTIL(({
        reply_with("own/topic/1", "{\"success\": true}", "c1");
        reply_with("own/topic/2", "{\"success\": true, \"request_id\": 5}", NULL);
        watch->has_ended;
    }));
    EXPECT_LINE(watched(), "  reply ", "tracker 265489", "success, ", "(own/topic/");
}

Test(outputctl_watch, a_wildcard_as_reply_topic_is_not_subscribed_to)
{
    start_watch("watch --count 1");
    request("set", REQUEST("\"output\": 1, \"enable\": true, \"response_topic\": \"secret/#\""));
    request("set", REQUEST("\"output\": 1, \"enable\": true, \"response_topic\": \"plain/topic\""));
    PUMP_UNTIL(({
        answerer_say(world, "secret/one", "{\"success\": true}");
        answerer_say(world, "plain/topic", "{\"success\": true}");
        watch->has_ended;
    }));
    EXPECT_LINE(watched(), "  reply ", "(plain/topic)");
    cr_assert_null(strstr(watch->out.text, "secret"));
}

Test(outputctl_watch, replies_find_their_requests)
{
    start_watch("watch --json --count 4 --replies r/+");
    request_with("set", REQUEST("\"output\": 1, \"enable\": true"), "r/a", "one");
    request_with("set", REQUEST("\"output\": 2, \"enable\": true"), "r/a", "two");
    request("set", REQUEST("\"output\": 3, \"enable\": true, \"response_topic\": \"r/b\", \"request_id\": \"x\""));
    request("set", REQUEST("\"output\": 4, \"enable\": true, \"response_topic\": \"r/b\", \"request_id\": \"y\""));
    reply_with("r/b", "{\"success\": true, \"request_id\": \"y\"}", NULL);
    reply_with("r/a", "{\"success\": true}", "two");
    reply_with("r/a", "{\"success\": true}", "one");
    reply_with("r/b", "{\"success\": true, \"request_id\": \"x\"}", NULL);

    char *lines = strdup(watched());
    json_int_t order[4];
    size_t count = 0;
    for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *hop = value_of(line);
        if (strcmp(json_string_value(json_object_get(hop, "hop")), "reply") == 0)
            order[count++] = json_integer_value(json_object_get(hop, "request"));
        json_decref(hop);
    }
    cr_assert_eq(count, 4);
    cr_assert_arr_eq(order, ((json_int_t[]){4, 2, 1, 3}), sizeof order);
    free(lines);
}

/* A command or ack without JSON, whose id is in its Correlation Data alone. */
static void say_with_id(const char *topic, const char *text, uint8_t id)
{
    const uint8_t correlation[8] = {[7] = id};

    answerer_publish(world, &(struct mqtt_publish){.topic = bytes_of_text(topic),
                                                   .payload = bytes_of_text(text),
                                                   .correlation = bytes_of(correlation, sizeof correlation),
                                                   .qos = 1});
}

Test(outputctl_watch, commands_and_acks_find_their_requests_by_meaning_id_and_correlation)
{
    start_watch("watch --json --count 1");
    request("set", REQUEST("\"output\": 1, \"enable\": true"));
    request("set", REQUEST("\"output\": 2, \"enable\": true"));
    request("set", REQUEST("\"output\": 3, \"enable\": true"));
    answerer_say(world, "tracker/265489/output/command",
                 "{\"id\": 17, \"action\": \"set\", \"output\": 2, \"enable\": true}");
    /* Text, which says nothing to outsiders: for those that are left, in their order. */
    say_with_id("tracker/265489/output/command", "OUT1=ON", 18);
    say_with_id("tracker/265489/output/command", "OUT3=ON", 19);
    say_with_id("tracker/265489/output/ack", "OK3", 19);
    answerer_say(world, "tracker/265489/output/ack", "OK1");
    answerer_say(world, "tracker/265489/output/ack", "{\"id\": 17, \"success\": true}");
    answerer_say(world, "api/tracker/output/set/response", "{\"success\": true}");
    watched();
    EXPECT_LINE(watch->out.text, "\"hop\": \"command\", \"request\": 2, ", "\"id\": 17");
    EXPECT_LINE(watch->out.text, "\"hop\": \"command\", \"request\": 1, ", "\"payload\": \"OUT1=ON\"");
    EXPECT_LINE(watch->out.text, "\"hop\": \"command\", \"request\": 3, ", "\"payload\": \"OUT3=ON\"");
    EXPECT_LINE(watch->out.text, "\"hop\": \"ack\", \"request\": 1, ", "\"payload\": \"OK1\"");
    EXPECT_LINE(watch->out.text, "\"hop\": \"ack\", \"request\": 3, ", "\"payload\": \"OK3\"");
    EXPECT_LINE(watch->out.text, "\"hop\": \"ack\", \"request\": 2, ", "\"after_ms\": ");
}

Test(outputctl_watch, every_json_line_can_be_read)
{
    start_watch("watch --json --count 1");
    answerer_say(world, "tracker/1/status", "online");
    answerer_say(world, "outputd/a/stats", "{\"pending\": 1, \"counters\": {\"requests\": 2}}");
    answerer_publish(world, &(struct mqtt_publish){.topic = bytes_of_text("tracker/1/output/ack"),
                                                   .payload = bytes_of("\xc1\0\xff\"", 4),
                                                   .qos = 1});
    /* {"a": bin 00 ff} */
    answerer_publish(world, &(struct mqtt_publish){.topic = bytes_of_text("tracker/1/output/command"),
                                                   .payload = bytes_of("\x81\xa1"
                                                                       "a\xc4\x02\0\xff",
                                                                       7),
                                                   .qos = 1});
    request("set", "\"\\\n" HASH);
    answerer_say(world, "api/tracker/output/set/response", "");

    char *lines = strdup(watched());
    size_t count = 0;
    for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n"), count++)
        json_decref(value_of(line)); /* ends the test where it is none */
    cr_assert_eq(count, 6);
    EXPECT_LINE(watch->out.text, "\"hop\": \"presence\", \"tracker_id\": 1", "\"payload\": \"online\"");
    EXPECT_LINE(watch->out.text, "\"hop\": \"ack\"", "\"payload_hex\": \"c100ff22\"");
    EXPECT_LINE(watch->out.text, "\"hop\": \"command\"", "\"payload\": {\"a\": \"00ff\"}");
    free(lines);
}

Test(outputctl_watch, what_strangers_send_cannot_move_the_cursor)
{
    start_watch("watch --count 1");
    answerer_say(world, "tracker/1/output/ack",
                 "\x1b[2J\xc2\x9b"
                 "0m\r\n");
    answerer_say(world, "tracker/1/output/command", "{\"a\": \"\\u001b\\u007f\xc2\x9b\"}");
    answerer_say(world, "api/tracker/output/set/response",
                 "{\"success\": false, \"status\": {\"code\": 5, \"description\": \"\\u001b[0m\"}}");
    for (const char *at = watched(); *at; at++)
        cr_assert((*at >= 0x20 && *at != 0x7f) || *at == '\n' || (uint8_t)*at > 0x9f, "%s", watch->out.text);
    EXPECT_LINE(watch->out.text, "ack", "\\x1b[2J\\xc2\\x9b0m\\x0d\\x0a");
}

Test(outputctl_watch, repeated_requests_and_replies_are_marked)
{
    const char *payload = REQUEST("\"output\": 1, \"enable\": true");

    start_watch("watch --count 2 --replies r");
    request_with("set", payload, "r", "c");
    request_with("set", payload, "r", "c");
    reply_with("r", "{\"success\": true}", "c");
    reply_with("r", "{\"success\": true}", "c");
    EXPECT_LINE(watched(), "request", "set output 1 on (again)");
    EXPECT_LINE(watch->out.text, "reply", "tracker 265489", "success (again)");
}

Test(outputctl_watch, presence_is_news_and_stored_messages_are_not)
{
    struct mqtt_publish stored = {
        .topic = bytes_of_text("tracker/1/status"), .payload = bytes_of_text("online"), .qos = 1, .retain = true};

    answerer_publish(world, &stored);
    stored.topic = bytes_of_text("api/tracker/output/set");
    stored.payload = bytes_of_text(REQUEST("\"output\": 1, \"enable\": true"));
    answerer_publish(world, &stored);
    start_watch("watch --count 1");
    answerer_say(world, "tracker/2/status", "offline");
    answerer_publish(world, &stored); /* live now, and retained all the same */
    answerer_say(world, "api/tracker/output/set/response", "{\"success\": false}");
    EXPECT_LINE(watched(), "presence", "tracker 2 ", "offline");
    EXPECT_LINE(watch->out.text, "request", "set output 1 on, retained");
    cr_assert_null(strstr(watch->out.text, "tracker 1 "));
    cr_assert_null(strstr(strstr(watch->out.text, "  request  ") + 1, "  request  "), "%s", watch->out.text);
}

Test(outputctl_watch, mqtt_3_1_1_will_do)
{
    start_watch("watch --count 1 --mqtt 4");
    request("set", REQUEST("\"output\": 1, \"enable\": true"));
    answerer_say(world, "api/tracker/output/set/response", "{\"success\": true}");
    EXPECT_LINE(watched(), "reply", "tracker 265489", "success, ");
}

Test(outputctl_watch, it_survives_a_restart_of_the_broker)
{
    start_watch("watch");
    answerer_free(world);
    broker_restart(broker);
    world = answerer_start(broker_url(broker), NULL);
    client_expect_complaint(watch, "trying again");
    client_expect_complaint(watch, "connected again");
    request("set", REQUEST("\"output\": 1, \"enable\": true"));
    client_expect(watch, "set output 1 on");
    kill(watch->pid, SIGTERM);
    cr_assert_eq(client_wait(watch), 0);
}

Test(outputctl_watch, it_ends_when_nobody_reads_any_more)
{
    start_watch("watch");
    close(watch->out.fd);
    watch->out.fd = -1;
    PUMP_UNTIL(({
        request("set", REQUEST("\"output\": 1, \"enable\": true"));
        watch->has_ended;
    }));
    cr_assert_neq(client_wait(watch), 0);
}

Test(outputctl_watch, without_a_broker_it_ends_with_3)
{
    broker_stop(broker);
    broker = NULL;
    watch = client_run("watch");
    cr_assert_eq(watch->status, 3);
    cr_assert(strstr(watch->err.text, "mqtt://127.0.0.1"), "%s", watch->err.text);
}

/* --- the table -------------------------------------------------------------------------------------------------------
 */

Test(outputctl_watch, on_a_terminal_it_is_a_table_of_requests)
{
    watch = client_start_on_terminal("watch --count 1");
    client_expect(watch, "Ctrl-C");
    request("set", REQUEST("\"output\": 1, \"enable\": true"));
    client_expect(watch, "not commanded yet");
    answerer_say(world, "tracker/265489/output/command",
                 "{\"id\": 17, \"action\": \"set\", \"output\": 1, \"enable\": true}");
    client_expect(watch, "no ack yet");
    answerer_say(world, "outputd/a/stats", "{\"pending\": 41, \"online\": 3, \"counters\": {\"requests\": 77}}");
    answerer_say(world, "outputd/b/stats", "{\"pending\": 1, \"online\": 3, \"counters\": {\"requests\": 23}}");
    client_expect(watch, "instances 2  online 6  pending 42  queued 0  requests 100");
    answerer_say(world, "tracker/265489/output/ack", "{\"id\": 17, \"success\": false}");
    answerer_say(
        world, "api/tracker/output/set/response",
        "{\"success\": false, \"status\": {\"code\": 266, \"description\": \"No\"}, \"outcome\": \"rejected\"}");
    cr_assert_eq(client_wait(watch), 0);
    client_expect(watch, "265489      output 1 on");
    client_expect(watch, "\x1b[31m266 rejected: No");
    /* The terminal is as it was. */
    client_expect(watch, "\x1b[?7h\x1b[?25h\x1b[?1049l1 requests and 1 replies were seen");
}

Test(outputctl_watch, the_table_shows_the_last_rows_that_fit_and_leaves_on_ctrl_c)
{
    char payload[256];

    watch = client_start_on_terminal("watch");
    client_expect(watch, "Ctrl-C");
    for (int i = 1; i <= 40; i++) {
        snprintf(payload, sizeof payload,
                 "{\"hash\": \"" HASH "\", \"tracker_id\": %d, \"output\": 1, \"enable\": true}", 1000 + i);
        request("set", payload);
    }
    client_expect(watch, "  1040        output 1 on");
    const char *frame = watch->out.text;
    for (const char *next; (next = strstr(frame + 1, "\x1b[H"));)
        frame = next;
    /* 24 lines, three of them for the header. */
    PUMP_UNTIL(strstr(frame, "  1040 "));
    cr_assert_null(strstr(frame, "  1019 "));
    cr_assert_not_null(strstr(frame, "  1020 "));
    kill(watch->pid, SIGINT);
    cr_assert_eq(client_wait(watch), 0);
    client_expect(watch, "\x1b[?1049l40 requests and 0 replies were seen");
}
