/* Families whose topics lie within the subscriptions of others: a message that comes twice is still one ack. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum { TRACKER = 265489, FIFO = 17, ROUNDS = 20 };

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;
static const char *ack_topic = "352093081429999/data";
static const char *ack_text = "{\"RSP\": \"DOUT2:1 Timeout:INFINITY\"}";

/* Acks of the first are matched first-in-first-out, on <imei>/data; those of the second come on <base>/<name>. */
static const char registry[] =
    "users = ({ id = 1; });\n"
    "sessions = ({ hash_sha256 = \"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\"; user_id = 1;\n"
    "  master = true; });\n"
    "trackers = (\n"
    "{ id = 265489; user_id = 1; model = \"generic_json\"; outputs = 3; },\n"
    "{ id = 17; user_id = 1; model = \"teltonika_mqtt\"; device_id = \"352093081429999\"; },\n"
    "{ id = 18; user_id = 1; model = \"zigbee2mqtt\"; device_id = \"plug\"; });\n";

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    outputd_write(service, "registry.cfg", registry);
    field = field_start(broker_url(broker));
    field_subscribe(field, "352093081429999/commands");
    field_online(field, TRACKER);
    field_online(field, FIFO);
    desk = desk_start(broker_url(broker));
}

static void clear_stage(void)
{
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_overlap, .init = set_stage, .fini = clear_stage, .timeout = 120);

static void ack(void)
{
    field_say(field, ack_topic, ack_text);
}

static void set(int number)
{
    char correlation[16];

    snprintf(correlation, sizeof correlation, "r%d", number);
    desk_set(desk, correlation, FIFO, 2, true);
}

static int replies(int number)
{
    char correlation[16];

    snprintf(correlation, sizeof correlation, "r%d", number);
    return desk_count(desk, correlation);
}

/* A copy in the same turn finds no command: several tries, so that some come in the next one. */
static void expect_one_ack_a_command(void)
{
    int before;

    outputd_start(service);
    outputd_wait_ready(service);
    before = field->count;
    set(0);
    for (int i = 0; i < ROUNDS; i++) {
        set(i + 1);
        field_wait(field, before + i + 1);
        ack();
        cr_assert(PUMP_UNTIL(replies(i)));
        desk_fence(desk);
        cr_assert_eq(replies(i + 1), 0, "one ack has ended two, in round %d", i);
    }
}

Test(service_overlap, an_ack_that_two_subscriptions_would_bring_ends_one_command)
{
    expect_one_ack_a_command();
}

/* Everything that the first one says is within what the second one's presence is subscribed to with. */
Test(service_overlap, an_ack_that_a_subscription_to_presence_would_bring_too_ends_one_command)
{
    outputd_write(service, "profiles/box.cfg",
                  "models = [\"box\"]; outputs = 2; command: { topic = \"352093081429999/commands\"; set = \"S\"; };\n"
                  "ack: { topic = \"up/{device_id}/data\"; match = \"fifo\"; success = \"OK\"; };\n");
    outputd_write(
        service, "profiles/site.cfg",
        "models = [\"site\"]; outputs = 1; command: { set = \"S\"; }; ack: { match = \"fifo\"; success = \"OK\"; };\n"
        "presence: { topic = \"up/{device_id}/{tracker_id}\"; };\n");
    outputd_write(service, "registry.cfg",
                  "users = ({ id = 1; });\n"
                  "sessions = ({ hash_sha256 = \"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\";\n"
                  "  user_id = 1; master = true; });\n"
                  "trackers = ({ id = 265489; user_id = 1; model = \"generic_json\"; outputs = 3; },\n"
                  "{ id = 17; user_id = 1; model = \"box\"; device_id = \"7\"; },\n"
                  "{ id = 18; user_id = 1; model = \"site\"; device_id = \"8\"; });\n");
    ack_topic = "up/7/data";
    ack_text = "OK";
    expect_one_ack_a_command();
}
