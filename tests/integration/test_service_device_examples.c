/* topics/examples of acks and presence: what a tracker says, and what the service makes of it. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/example.h"
#include "support/field.h"
#include "support/outputd.h"

enum { ACKS_AT_LEAST = 12, PRESENCES_AT_LEAST = 7, EXAMPLE_ID = 17 };

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;
static int round_number; /* one command each */

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_run(broker_url(broker));
    field = field_start(broker_url(broker));
    field->is_silent = true;
    desk = desk_start(broker_url(broker));
}

static void clear_stage(void)
{
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_device_examples, .init = set_stage, .fini = clear_stage, .timeout = 120);

static int tracker_of(const json_t *example)
{
    int tracker_id = 0;

    cr_assert_eq(sscanf(example_text(example, "topic"), "tracker/%d/", &tracker_id), 1, "%s", example_file);
    return tracker_id;
}

/* --- acks --- */

/* The command's real id in place of the example's, in the payload and in the Correlation Data. */
static void put_real_id(struct example_publish *ack, const struct field_command *c)
{
    static const uint8_t placeholder[8] = {0, 0, 0, 0, 0, 0, 0, EXAMPLE_ID};
    json_t *value = value_decode(ack->publish.payload, c->msgpack);

    if (json_integer_value(json_object_get(value, "id")) == EXAMPLE_ID) {
        json_object_set_new(value, "id", json_integer((json_int_t)c->id));
        buffer_clear(&ack->payload);
        value_encode(value, c->msgpack, &ack->payload);
        ack->publish.payload = buffer_bytes(&ack->payload);
    }
    json_decref(value);
    if (bytes_equal(ack->publish.correlation, bytes_of(placeholder, sizeof placeholder))) {
        buffer_clear(&ack->correlation);
        buffer_put_be(&ack->correlation, c->id, 8);
        ack->publish.correlation = buffer_bytes(&ack->correlation);
    }
}

static void expect_reply(const char *correlation, const json_t *reply)
{
    struct buffer text = {0};

    value_encode(reply, false, &text);
    buffer_put_u8(&text, '\0');
    desk_expect(desk, correlation, (const char *)text.data);
    buffer_release(&text);
}

static void play_ack(const json_t *example)
{
    struct example_publish ack = example_read(example);
    const json_t *reply = json_object_get(json_object_get(example, "expect"), "reply");
    const struct field_command *c;
    char correlation[32];

    snprintf(correlation, sizeof correlation, "%d", ++round_number);
    desk_set(desk, correlation, tracker_of(example), 1, true);
    c = field_wait(field, round_number);
    put_real_id(&ack, c);
    field_publish(field, &ack.publish);
    desk_fence(desk);
    if (json_is_null(reply)) {
        cr_assert_eq(desk_count(desk, correlation), 0, "%s: completes something", example_file);
        field_ack(field, c, "\"success\": true");
        desk_expect_success(desk, correlation);
    } else {
        expect_reply(correlation, reply);
    }
    example_release(&ack);
}

Test(service_device_examples, every_ack_completes_what_it_promises)
{
    int count;

    field_online(field, 265489);
    field_online(field, 265496);
    desk_fence(desk);
    count = example_each("ack", play_ack);
    cr_assert_geq(count, ACKS_AT_LEAST, "%d", count);
}

/* --- presence --- */

static void expect_online(int tracker_id, bool online)
{
    char correlation[32];

    snprintf(correlation, sizeof correlation, "%d", ++round_number);
    desk_set(desk, correlation, tracker_id, 1, true);
    if (online)
        desk_expect_success(desk, correlation);
    else
        desk_expect_error(desk, correlation, 213, "not_sent");
}

static void play_presence_after(const json_t *example, bool before)
{
    struct example_publish presence = example_read(example);
    const json_t *online = json_object_get(json_object_get(example, "expect"), "online");
    int tracker_id = tracker_of(example);

    field_presence(field, tracker_id, before ? "online" : "offline");
    expect_online(tracker_id, before);
    field_publish(field, &presence.publish);
    expect_online(tracker_id, json_is_null(online) ? before : json_is_true(online));
    example_release(&presence);
}

static void play_presence(const json_t *example)
{
    play_presence_after(example, false);
    play_presence_after(example, true);
}

Test(service_device_examples, every_presence_is_what_it_promises)
{
    int count;

    field->is_silent = false;
    count = example_each("presence", play_presence);
    cr_assert_geq(count, PRESENCES_AT_LEAST, "%d", count);
}
