/* The service on MQTT 3.1.1: by configuration, or because the broker refuses 5. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/peer.h"
#include "support/pump.h"

enum { TRACKER = 265489 };

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;

/* A requester and a tracker of 3.1.1, too. */
static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    outputd_set(service, "broker.protocol", "4");
    field = field_new(broker_url(broker));
    field->probe->options.protocol = 4;
    field_connect(field);
    field_online(field, TRACKER);
    desk = desk_new(broker_url(broker));
    desk->probe->options.protocol = 4;
    desk_connect(desk);
    desk_subscribe(desk, "api/tracker/output/+/response");
}

static void clear_stage(void)
{
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_mqtt4, .init = set_stage, .fini = clear_stage, .timeout = 60);

static void publish_set(const char *more, bool retain)
{
    char payload[512];

    snprintf(payload, sizeof payload,
             "{\"hash\": \"" DESK_HASH "\", \"tracker_id\": %d, \"output\": 1, \"enable\": true%s}", TRACKER, more);
    desk_publish(desk, &(struct mqtt_publish){.topic = bytes_of_text("api/tracker/output/set"),
                                              .payload = bytes_of_text(payload),
                                              .qos = 1,
                                              .retain = retain});
}

/* The next reply. */
static void expect(const char *topic, const char *json)
{
    const struct probe_message *m = desk->probe->messages;
    json_t *got;
    json_t *expected = value_of(json);

    cr_assert(PUMP_UNTIL(desk->probe->count > 0), "no reply");
    cr_assert_str_eq(m->topic, topic);
    got = value_decode(bytes_of(m->payload, m->payload_len), false);
    json_object_del(got, "errors");
    cr_assert(json_equal(got, expected), "%s", m->payload);
    json_decref(got);
    json_decref(expected);
    probe_forget(desk->probe);
}

static void start_service(void)
{
    outputd_start(service);
    outputd_wait_ready(service);
}

Test(service_mqtt4, a_set_is_answered_on_the_default_topic)
{
    start_service();
    outputd_wait_log(service, "mqtt=4", 1);
    publish_set(", \"request_id\": 1", false);
    expect("api/tracker/output/set/response", "{\"success\": true, \"request_id\": 1}");
    field_sync(field);
    cr_assert_eq(field->count, 1);
    cr_assert_eq(field->commands[0].correlation_id, 0);
}

Test(service_mqtt4, a_set_is_answered_on_its_response_topic)
{
    char more[128];

    start_service();
    snprintf(more, sizeof more, ", \"request_id\": \"two\", \"response_topic\": \"%s\"", desk->reply_topic);
    publish_set(more, false);
    expect(desk->reply_topic, "{\"success\": true, \"request_id\": \"two\"}");
}

/* 3.1.1 knows no way to leave them out: the broker sends them at every subscription. */
Test(service_mqtt4, a_stored_retained_request_is_refused)
{
    publish_set(", \"request_id\": 3", true);
    start_service();
    expect("api/tracker/output/set/response",
           "{\"success\": false, \"status\": {\"code\": 7, \"description\": \"Invalid parameters\"}, \"outcome\": "
           "\"not_sent\", \"request_id\": 3}");
    publish_set(", \"request_id\": 4", false);
    expect("api/tracker/output/set/response", "{\"success\": true, \"request_id\": 4}");
    field_sync(field);
    cr_assert_eq(field->count, 1, "%d commands", field->count);
}

Test(service_mqtt4, a_request_made_after_a_kill_is_answered_after_the_start)
{
    start_service();
    outputd_kill(service);
    publish_set(", \"request_id\": 5", false);
    outputd_start(service);
    expect("api/tracker/output/set/response", "{\"success\": true, \"request_id\": 5}");
}

/* As a broker of 3.1.1 has to: CONNACK, unacceptable protocol version. */
static void refuse_5(int fd, int reports)
{
    peer_refuse_5(fd, reports, "\x20\x02\x00\x01", 4);
}

Test(service_mqtt4, a_broker_that_refuses_5_is_served_by_4)
{
    struct peer peer;
    char levels[2];

    peer_real_port = broker_port(broker);
    peer = peer_start(refuse_5);
    outputd_set(service, "broker.protocol", "5");
    outputd_set_text(service, "broker.url", peer.url);
    start_service();
    cr_assert_eq(read(peer.reports, levels, 2), 2);
    cr_assert(levels[0] == '5' && levels[1] == '4', "tried %c, then %c", levels[0], levels[1]);
    publish_set(", \"request_id\": 6", false);
    expect("api/tracker/output/set/response", "{\"success\": true, \"request_id\": 6}");
    peer_stop(&peer);
}
