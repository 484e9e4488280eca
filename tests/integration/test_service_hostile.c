/* What strangers may send through a broker: it costs an error reply or a count, and never the connection. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum { TRACKER = 265489 };

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    field = field_start(broker_url(broker));
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

TestSuite(service_hostile, .init = set_stage, .fini = clear_stage, .timeout = 120);

static void start_service(void)
{
    outputd_start(service);
    outputd_wait_ready(service);
}

/* The same process on the same connection still does its work. */
static void expect_unhurt(void)
{
    field_online(field, TRACKER);
    desk_set(desk, "afterwards", TRACKER, 1, true);
    desk_expect_success(desk, "afterwards");
    cr_assert_eq(outputd_log_count(service, "connection lost"), 0);
    cr_assert_eq(outputd_log_count(service, "cannot connect"), 0);
    cr_assert_eq(outputd_log_count(service, "starting"), 1);
}

/* --- bytes --- */

static uint32_t random_state = 20261123;

static uint32_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static struct bytes random_bytes(uint8_t *out)
{
    size_t len = next_random() % 64;

    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)next_random();
    return bytes_of(out, len);
}

/* A good payload of that topic with a few bytes changed, or cut short. */
static struct bytes spoiled(uint8_t *out, const char *good)
{
    size_t len = strlen(good);

    memcpy(out, good, len);
    for (uint32_t changes = 1 + next_random() % 4; changes > 0; changes--)
        out[next_random() % len] = (uint8_t)next_random();
    return bytes_of(out, next_random() % 4 ? len : next_random() % len);
}

static const struct {
    const char *topic;
    const char *good;
} targets[] = {
    {"api/tracker/output/set",
     "{\"hash\": \"" DESK_HASH "\", \"tracker_id\": 265489, \"output\": 1, \"enable\": true}"},
    {"api/tracker/output/set_all",
     "{\"hash\": \"" DESK_HASH "\", \"tracker_id\": 265489, \"outputs\": [true,true,true]}"},
    {"api/tracker/output/set", "\x84\xa4hash\xd9\x20" DESK_HASH "\xaatracker_id\xce\x01\x04\x0d\x11\xa6output\x01\xa6"
                               "enable\xc3"},
    {"api/tracker/output/$x", "{}"},
    {"tracker/265489/output/ack", "{\"id\": 17, \"success\": true}"},
    {"tracker/265496/output/ack", "\x82\xa2id\x11\xa7success\xc3"},
    {"tracker/none/output/ack", "{\"id\": 17, \"success\": true}"},
    {"tracker/265489/status", "online"},
    {"tracker/265489/status", "{\"online\": true}"},
    {"tracker/99999999999999999999/status", "online"},
};

Test(service_hostile, random_bytes_on_every_topic_hurt_nobody)
{
    enum { MESSAGES = 4000 };
    uint8_t data[256];
    const char *types[] = {NULL, "application/json", "application/msgpack", "text/\xc3\xa4"};

    start_service();
    for (int i = 0; i < MESSAGES; i++) {
        uint32_t target = next_random() % (sizeof targets / sizeof *targets);
        bool wild = next_random() % 2;

        desk_publish(desk, &(struct mqtt_publish){
                               .topic = bytes_of_text(targets[target].topic),
                               .payload = wild ? random_bytes(data) : spoiled(data, targets[target].good),
                               .content_type = bytes_of_text(types[next_random() % 4]),
                               .qos = 1,
                           });
        if (i % 500 == 0)
            desk_fence(desk);
    }
    desk_fence(desk);
    expect_unhurt();
}

/* --- reply topics --- */

static void ask_with_response_topic(const char *topic)
{
    struct buffer payload = {0};

    buffer_printf(&payload,
                  "{\"hash\": \"" DESK_HASH "\", \"tracker_id\": %d, \"output\": 1, \"enable\": true, "
                  "\"response_topic\": \"%s\"}",
                  TRACKER, topic);
    desk_publish(desk, &(struct mqtt_publish){.topic = bytes_of_text("api/tracker/output/set"),
                                              .payload = buffer_bytes(&payload),
                                              .correlation = bytes_of_text("never"),
                                              .qos = 1});
    buffer_release(&payload);
}

/* As JSON writes them: C0 and C1 controls, and code points that are no characters. */
static const char *const unspeakable[] = {
    "client/\\u0001", "client/\\u001f", "client/\\u007f",        "client/\\u0085", "client/\\u009f",
    "client/\\ufdd0", "client/\\ufffe", "client/\\ud83f\\udfff", "client/\\u0000", "client/\\udbff\\udffe",
};

enum { UNSPEAKABLE = sizeof unspeakable / sizeof *unspeakable };

/* mosquitto closes the connection that publishes such a topic. */
Test(service_hostile, a_reply_topic_that_the_broker_would_not_bear_is_refused)
{
    start_service();
    for (int i = 0; i < UNSPEAKABLE; i++) {
        ask_with_response_topic(unspeakable[i]);
        desk_fence(desk);
        cr_assert_eq(outputd_log_count(service, "connection lost"), 0, "%s", unspeakable[i]);
    }
    cr_assert_eq(outputd_log_count(service, "its reply topic is not allowed"), UNSPEAKABLE);
    field_sync(field);
    cr_assert_eq(field->count, 0, "%d commands", field->count);
    expect_unhurt();
}

Test(service_hostile, a_reply_topic_of_too_many_levels_is_refused)
{
    char topic[600];

    start_service();
    for (size_t i = 0; i < sizeof topic - 1; i++)
        topic[i] = i % 2 ? '/' : 'a';
    topic[sizeof topic - 1] = '\0';
    for (size_t levels = 190; levels < 260; levels += 10) {
        topic[2 * levels - 1] = '\0';
        ask_with_response_topic(topic);
        topic[2 * levels - 1] = '/';
        desk_fence(desk);
        cr_assert_eq(outputd_log_count(service, "connection lost"), 0, "%d levels", (int)levels);
    }
    expect_unhurt();
}

/* --- sizes --- */

Test(service_hostile, correlation_data_of_60000_bytes_come_back)
{
    enum { LEN = 60000 };
    uint8_t *correlation = malloc(LEN);
    const struct probe_message *reply;

    cr_assert(correlation);
    for (int i = 0; i < LEN; i++)
        correlation[i] = (uint8_t)next_random();
    start_service();
    desk_publish(
        desk, &(struct mqtt_publish){.topic = bytes_of_text("api/tracker/output/set"),
                                     .payload = bytes_of_text("{\"hash\": \"" DESK_HASH "\", \"tracker_id\": 265489, "
                                                              "\"output\": 1, \"enable\": true}"),
                                     .response_topic = bytes_of_text(desk->reply_topic),
                                     .correlation = bytes_of(correlation, LEN),
                                     .qos = 1});
    cr_assert(PUMP_UNTIL(desk->probe->count > 0), "no reply");
    reply = &desk->probe->messages[0];
    cr_assert(strstr(reply->payload, "true"), "%s", reply->payload);
    cr_assert(bytes_equal(bytes_of(reply->correlation, reply->correlation_len), bytes_of(correlation, LEN)));
    free(correlation);
    expect_unhurt();
}

static struct bytes much(uint8_t fill)
{
    enum { LEN = 200000 };
    uint8_t *data = malloc(LEN);

    cr_assert(data);
    memset(data, fill, LEN);
    return bytes_of(data, LEN);
}

Test(service_hostile, a_huge_ack_completes_nothing_and_a_huge_request_gets_9)
{
    struct bytes huge = much('{');

    field->is_silent = true;
    start_service();
    desk_set(desk, "waits", TRACKER, 1, true);
    field_wait(field, 1);
    field_publish(
        field, &(struct mqtt_publish){.topic = bytes_of_text("tracker/265489/output/ack"), .payload = huge, .qos = 1});
    field_publish(field,
                  &(struct mqtt_publish){.topic = bytes_of_text("tracker/265489/status"), .payload = huge, .qos = 1});
    desk_send(desk, "set", "huge", huge);
    desk_expect_error(desk, "huge", 9, "not_sent");
    cr_assert_eq(desk_count(desk, "waits"), 0);
    field_ack(field, &field->commands[0], "\"success\": true");
    desk_expect_success(desk, "waits");
    field->is_silent = false;
    expect_unhurt();
    free((void *)(uintptr_t)huge.data);
}

/* --- numbers --- */

Test(service_hostile, presence_of_trackers_beyond_the_limit_is_dropped)
{
    enum { STRANGERS = 2000, TRACKERS_MAX = 50 };
    char text[64];

    outputd_set(service, "engine.trackers_max", "50");
    start_service();
    for (int i = 0; i < STRANGERS; i++)
        field_online(field, 1 + i);
    desk_fence(desk);
    outputd_signal(service, SIGUSR1);
    snprintf(text, sizeof text, " trackers=%d ", TRACKERS_MAX);
    outputd_wait_log(service, "totals ", 1);
    cr_assert_eq(outputd_log_count(service, text), 1);
    snprintf(text, sizeof text, "counter name=presence_overflow value=%d ", STRANGERS + 1 - TRACKERS_MAX);
    cr_assert_eq(outputd_log_count(service, text), 1, "%s", text);
    expect_unhurt(); /* the one that was there before */
}
