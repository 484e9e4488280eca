/* topics/examples, sent through the running service with the shipped registry: what they promise is what it does. */
#include <MQTTClient.h>
#include <criterion/criterion.h>
#include <stdio.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/example.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum { AT_LEAST = 60, JSON_TRACKER = 265489, MSGPACK_TRACKER = 265496 };

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;
static struct desk *witness;  /* sees every message of the broker */
static struct desk *old_desk; /* MQTT 3.1.1 */

/* --- the stage --- */

/* The witness sees the fence's reply after everything that went before it. */
static void fence(void)
{
    char correlation[32];

    desk_fence(desk);
    snprintf(correlation, sizeof correlation, "fence-%d", desk->fences);
    cr_assert(PUMP_UNTIL(desk_count(witness, correlation) == 2), "%s: its fence", example_file); /* request and reply */
}

static void forget(void)
{
    probe_forget(witness->probe);
    probe_forget(desk->probe);
    probe_forget(old_desk->probe);
    field_forget(field);
}

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_run(broker_url(broker));
    field = field_start(broker_url(broker));
    field_online(field, JSON_TRACKER);
    field_online(field, MSGPACK_TRACKER);
    desk = desk_start(broker_url(broker));
    old_desk = desk_new(broker_url(broker));
    old_desk->probe->options.protocol = 4;
    desk_connect(old_desk);
    witness = desk_start(broker_url(broker));
    desk_subscribe(witness, "#");
    fence();
    forget();
}

static void clear_stage(void)
{
    desk_free(witness);
    desk_free(old_desk);
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_examples, .init = set_stage, .fini = clear_stage, .timeout = 120);

/* --- requests --- */

/* The probe's own client cannot send QoS 2. */
static void publish_qos_2(const struct mqtt_publish *publish)
{
    MQTTClient_connectOptions connect = MQTTClient_connectOptions_initializer5;
    MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty topic = {.identifier = MQTTPROPERTY_CODE_RESPONSE_TOPIC};
    MQTTProperty correlation = {.identifier = MQTTPROPERTY_CODE_CORRELATION_DATA};
    MQTTClient client;
    MQTTClient_deliveryToken token;
    char url[64];

    snprintf(url, sizeof url, "tcp://127.0.0.1:%u", broker_port(broker));
    create.MQTTVersion = MQTTVERSION_5;
    cr_assert_eq(MQTTClient_createWithOptions(&client, url, "twice", MQTTCLIENT_PERSISTENCE_NONE, NULL, &create), 0);
    cr_assert_eq(MQTTClient_connect5(client, &connect, NULL, NULL).reasonCode, MQTTREASONCODE_SUCCESS);
    topic.value.data =
        (MQTTLenString){(int)publish->response_topic.len, (char *)(uintptr_t)publish->response_topic.data};
    correlation.value.data =
        (MQTTLenString){(int)publish->correlation.len, (char *)(uintptr_t)publish->correlation.data};
    MQTTProperties_add(&properties, &topic);
    MQTTProperties_add(&properties, &correlation);
    cr_assert_eq(MQTTClient_publish5(client, (const char *)publish->topic.data, (int)publish->payload.len,
                                     publish->payload.data, 2, 0, &properties, &token)
                     .reasonCode,
                 MQTTREASONCODE_SUCCESS);
    cr_assert_eq(MQTTClient_waitForCompletion(client, token, PUMP_PATIENCE_MS), MQTTCLIENT_SUCCESS);
    MQTTClient_disconnect5(client, 1000, MQTTREASONCODE_SUCCESS, NULL);
    MQTTProperties_free(&properties);
    MQTTClient_destroy(&client);
}

static void publish_request(const json_t *example, const struct mqtt_publish *publish)
{
    bool is_old = json_integer_value(json_object_get(example, "protocol")) == 4;

    if (publish->qos == 2)
        publish_qos_2(publish);
    else
        desk_publish(is_old ? old_desk : desk, publish);
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);

    return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

/* What everyone may see at any time: states, stats, acks, and the fences of this test. */
static bool is_beside_the_point(const struct probe_message *m, const struct desk *fences)
{
    return ends_with(m->topic, "/output/state") || ends_with(m->topic, "/output/ack") ||
           ends_with(m->topic, "/stats") || strcmp(m->topic, fences->reply_topic) == 0 ||
           (m->correlation && strncmp(m->correlation, "fence-", 6) == 0);
}

static void sort_errors(json_t *reply)
{
    json_t *names = json_object();
    const json_t *errors = json_object_get(reply, "errors");

    for (size_t i = 0; i < json_array_size(errors); i++) {
        const json_t *error = json_array_get(errors, i);

        cr_assert(example_text(error, "error") && *example_text(error, "error"), "%s: an error without a word",
                  example_file);
        cr_assert_not(json_object_get(names, example_text(error, "parameter")), "%s: the same parameter twice",
                      example_file);
        json_object_set_new(names, example_text(error, "parameter"), json_true());
    }
    if (errors)
        json_object_set(reply, "errors", names);
    json_decref(names);
}

static void compare_reply(const struct probe_message *m, const json_t *expected, const struct mqtt_publish *request)
{
    bool msgpack = example_claims_msgpack(request);
    json_t *wanted = json_deep_copy(expected);
    json_t *got = value_decode(bytes_of(m->payload, m->payload_len), msgpack);
    struct bytes correlation = bytes_of(m->correlation, m->correlation ? m->correlation_len : 0);

    cr_assert(got, "%s: the reply cannot be read in the request's encoding", example_file);
    sort_errors(got);
    sort_errors(wanted);
    cr_assert(json_equal(got, wanted), "%s: the reply is %s", example_file, json_dumps(got, 0));
    cr_assert(bytes_equal(correlation, request->correlation), "%s: the Correlation Data is another", example_file);
    cr_assert_eq(m->correlation != NULL, request->correlation.data != NULL, "%s", example_file);
    cr_assert_str_eq(m->content_type, msgpack ? "application/msgpack" : "application/json", "%s", example_file);
    cr_assert(m->qos == 1 && !m->retain && !m->has_expiry, "%s", example_file);
    json_decref(got);
    json_decref(wanted);
}

static void compare_command(const json_t *expected, const struct mqtt_publish *request)
{
    const struct field_command *c = field_wait(field, 1);
    const char *encoding = example_text(expected, "encoding");
    json_t *payload = json_deep_copy(json_object_get(expected, "payload"));
    char ack_topic[64];

    json_object_set_new(payload, "id", json_integer((json_int_t)c->id));
    cr_assert(c->id > 0 && json_equal(c->value, payload), "%s: another command", example_file);
    cr_assert_str_eq(c->topic, example_text(expected, "topic"), "%s", example_file);
    cr_assert_eq(c->msgpack, encoding && strcmp(encoding, "msgpack") == 0, "%s: another encoding", example_file);
    snprintf(ack_topic, sizeof ack_topic, "tracker/%d/output/ack", c->tracker_id);
    cr_assert_str_eq(c->response_topic, ack_topic, "%s", example_file);
    cr_assert_eq(c->correlation_id, c->id, "%s", example_file);
    cr_assert(c->qos == 1 && !c->retain, "%s", example_file);
    cr_assert(c->expiry_s > 0 && c->expiry_s <= (request->expiry_s ? request->expiry_s : 10), "%s: %u s", example_file,
              c->expiry_s);
    json_decref(payload);
}

static int count_on(const char *topic)
{
    int count = 0;

    for (int i = 0; i < witness->probe->count; i++)
        count += strcmp(witness->probe->messages[i].topic, topic) == 0;
    return count;
}

/* The request itself, its command, its reply: there is nothing else. */
static void compare_traffic(const json_t *expect, const struct mqtt_publish *request)
{
    const char *reply_topic = example_text(expect, "reply_topic");
    const json_t *command = json_object_get(expect, "command");
    int expected = 1 + (reply_topic != NULL) + (command != NULL);

    for (int i = 0; i < witness->probe->count; i++) {
        const struct probe_message *m = &witness->probe->messages[i];

        if (is_beside_the_point(m, desk))
            continue;
        expected--;
        if (reply_topic && strcmp(m->topic, reply_topic) == 0)
            compare_reply(m, json_object_get(expect, "reply"), request);
    }
    cr_assert_eq(expected, 0, "%s: %d messages are missing", example_file, expected);
    cr_assert(!reply_topic || count_on(reply_topic) == 1, "%s: the reply is not on its topic", example_file);
    cr_assert_eq(field->count, command != NULL, "%s: %d commands", example_file, field->count);
    if (command)
        compare_command(command, request);
}

static void clear_retained(const struct mqtt_publish *publish)
{
    desk_publish(desk, &(struct mqtt_publish){.topic = publish->topic, .qos = 1, .retain = true});
}

static void play_request(const json_t *example)
{
    struct example_publish s = example_read(example);
    const json_t *expect = json_object_get(example, "expect");
    const char *reply_topic = example_text(expect, "reply_topic");

    publish_request(example, &s.publish);
    if (reply_topic)
        cr_assert(PUMP_UNTIL(count_on(reply_topic) > 0), "%s: no reply", example_file);
    fence();
    compare_traffic(expect, &s.publish);
    if (s.publish.retain)
        clear_retained(&s.publish);
    fence();
    forget();
    example_release(&s);
}

Test(service_examples, every_request_gets_the_command_and_the_reply_that_it_promises)
{
    int count = example_each("request", play_request);

    cr_assert_geq(count, AT_LEAST, "%d", count);
}
