/* Requesters that name a topic of somebody else for their reply, or leave their request behind as a retained message.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

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
static struct desk *spy; /* hears everything */
static const char *prefix = "";

static const char registry[] =
    "users = ({ id = 1; });\n"
    "sessions = ({ hash_sha256 = \"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\"; user_id = 1;\n"
    "  master = true; });\n"
    "trackers = (\n"
    "{ id = 265489; user_id = 1; model = \"generic_json\"; outputs = 3; },\n"
    "{ id = 265490; user_id = 1; model = \"generic_json\"; outputs = 3; },\n"
    "{ id = 11; user_id = 1; model = \"tasmota\"; device_id = \"plug_A\"; },\n"
    "{ id = 12; user_id = 1; model = \"tasmota\"; outputs = 2;\n"
    "  vars = { topic = \"porch\"; full_topic = \"home/%topic%/%prefix%/\"; }; },\n"
    "{ id = 13; user_id = 1; model = \"shelly_1\"; vars = { id = \"shelly1-B929CC\"; }; },\n"
    "{ id = 14; user_id = 1; model = \"shelly_plus_1\"; vars = { id = \"shellyplus1-aabb\"; src = \"trk\"; }; },\n"
    "{ id = 15; user_id = 1; model = \"zigbee2mqtt\";\n"
    "  vars = { name = \"relay_box\"; endpoints = \"l1,l2\"; base = \"z2m/shed\"; }; },\n"
    "{ id = 16; user_id = 1; model = \"sparkplug_b\";\n"
    "  vars = { group = \"fleet\"; node = \"gw1\"; device = \"trk1\"; }; },\n"
    "{ id = 17; user_id = 1; model = \"teltonika_mqtt\"; device_id = \"352093081429999\"; });\n";

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    outputd_write(service, "registry.cfg", registry);
    field = field_new(broker_url(broker));
    desk = desk_new(broker_url(broker));
    spy = desk_new(broker_url(broker));
}

static void clear_stage(void)
{
    desk_free(spy);
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_neighbours_topics, .init = set_stage, .fini = clear_stage, .timeout = 120);

static void start(const char *with_prefix)
{
    prefix = service->prefix = field->prefix = desk->prefix = with_prefix;
    outputd_set_text(service, "topics.prefix", with_prefix);
    field_connect(field);
    field_online(field, TRACKER);
    desk_connect(desk);
    outputd_start(service);
    outputd_wait_ready(service);
    desk_connect(spy);
    desk_subscribe(spy, "#");
}

/* --- reply topics --- */

/* Everything that the service or a device of this registry listens to or speaks on. */
static const char *const taken[] = {
    "tracker/265489/output/command",
    "tracker/265489/output/ack",
    "tracker/265489/status",
    "tracker/265489/output/state",
    "tracker/1/output/command", /* nobody's yet */
    "tracker/2147483647/output/command",
    "tracker/2147483647/output/state",
    "cmnd/plug_A/POWER1",
    "cmnd/plug_A/POWER4",
    "cmnd/plug_A/POWER0",
    "cmnd/plug_A/Backlog",
    "stat/plug_A/RESULT",
    "tele/plug_A/LWT",
    "home/porch/cmnd/POWER2",
    "home/porch/cmnd/POWER0",
    "home/porch/cmnd/Backlog",
    "home/porch/stat/RESULT",
    "home/porch/tele/LWT",
    "shellies/shelly1-B929CC/relay/0/command",
    "shellies/shelly1-B929CC/relay/3/command",
    "shellies/shelly1-B929CC/relay/0",
    "shellies/shelly1-B929CC/online",
    "shellyplus1-aabb/rpc",
    "shellyplus1-aabb/online",
    "trk/rpc",
    "z2m/shed/relay_box/set",
    "z2m/shed/relay_box",
    "z2m/shed/relay_box/availability",
    "spBv1.0/fleet/DCMD/gw1/trk1",
    "spBv1.0/fleet/DDATA/gw1/trk1",
    "352093081429999/commands",
    "352093081429999/data",
    "api/tracker/output/set",
    "api/tracker/output/set_all",
    "api/tracker/output/",
    "api/tracker/output/no_such_action",
    "outputd/outputd-1/fence",
    "outputd/outputd-1/stats",
    "outputd/outputd-1/reply",
    "outputd/another/fence",
    "outputd/another/stats",
    "outputd/another/reply",
};

/* No topics at all, whatever the prefix. Only a payload can name them: clients and brokers refuse the property. */
static const char *const no_topics[] = {
    "",
    "#",
    "+",
    "tracker/+/output/command",
    "tracker/265489/#",
    "client/+",
    "$SYS/broker/uptime",
    "$share/group/tracker/265489/output/command",
    "$share/group/client/replies",
    "$anything",
    "client/\\u0000/x",
    "tracker/265489/output/command\\u0000",
};

enum { TAKEN = sizeof taken / sizeof *taken, NO_TOPICS = sizeof no_topics / sizeof *no_topics };

/* With the id "never", which comes back in a reply; the topic as a property, or in the payload. */
static void ask(const char *topic, bool in_payload)
{
    char payload[4096];
    char request_topic[128];
    char member[2048] = "";

    if (in_payload)
        snprintf(member, sizeof member, ", \"response_topic\": \"%s\"", topic);
    snprintf(payload, sizeof payload,
             "{\"hash\": \"" DESK_HASH "\", \"tracker_id\": %d, \"output\": 1, \"enable\": true, "
             "\"request_id\": \"never\"%s}",
             TRACKER, member);
    snprintf(request_topic, sizeof request_topic, "%sapi/tracker/output/set", prefix);
    desk_publish(desk, &(struct mqtt_publish){.topic = bytes_of_text(request_topic),
                                              .payload = bytes_of_text(payload),
                                              .response_topic = in_payload ? (struct bytes){0} : bytes_of_text(topic),
                                              .qos = 1});
}

static void expect_no_reply(void)
{
    desk_fence(desk);
    desk_fence(spy); /* behind all that the service has published */
    for (int i = 0; i < spy->probe->count; i++) {
        const struct probe_message *m = &spy->probe->messages[i];

        cr_assert_not(strstr(m->payload, "success") && strstr(m->payload, "never"), "%s: %s", m->topic, m->payload);
    }
    probe_forget(spy->probe);
}

static void expect_refusals(int count)
{
    cr_assert_eq(outputd_log_count(service, "its reply topic is not allowed"), count, "%d",
                 outputd_log_count(service, "its reply topic is not allowed"));
    cr_assert_eq(outputd_log_count(service, "connection lost"), 0);
    field_sync(field);
    cr_assert_eq(field->count, 0, "%d commands", field->count);
}

static void expect_all_refused(void)
{
    char topic[256];

    for (int i = 0; i < TAKEN; i++) {
        snprintf(topic, sizeof topic, "%s%s", prefix, taken[i]);
        ask(topic, false);
        ask(topic, true);
        expect_no_reply();
        expect_refusals(2 * (i + 1));
    }
}

Test(service_neighbours_topics, no_reply_goes_where_a_device_or_the_service_listens)
{
    start("");
    expect_all_refused();
}

Test(service_neighbours_topics, with_a_prefix_neither)
{
    start("site7/");
    expect_all_refused();
}

Test(service_neighbours_topics, no_reply_goes_to_what_is_no_topic)
{
    start("");
    for (int i = 0; i < NO_TOPICS; i++)
        ask(no_topics[i], true);
    expect_no_reply();
    expect_refusals(NO_TOPICS);
}

Test(service_neighbours_topics, a_reply_topic_as_long_as_mqtt_has_them_is_refused)
{
    enum { LONGEST = 65535, TOPIC_MAX = 1024 };
    static char topic[LONGEST + 1];

    start("");
    memset(topic, 'x', LONGEST);
    ask(topic, false);
    topic[TOPIC_MAX + 1] = '\0';
    ask(topic, false);
    ask(topic, true);
    expect_no_reply();
    expect_refusals(3);
    topic[TOPIC_MAX] = '\0'; /* the longest that there may be */
    desk_subscribe(desk, topic);
    ask(topic, true);
    cr_assert(PUMP_UNTIL(strcmp(desk->probe->messages[desk->probe->count - 1].topic, topic) == 0), "no reply");
}

/* The other way round: what looks like a device's topic and is none gets its reply. */
Test(service_neighbours_topics, what_is_nobodys_topic_gets_its_reply)
{
    static const char *const free_topics[] = {"tracker/265489/replies", "shellies/other/replies", "client/x",
                                              "api/tracker/output/set/response", "API/tracker/output/set"};

    start("");
    for (size_t i = 0; i < sizeof free_topics / sizeof *free_topics; i++) {
        desk_subscribe(desk, free_topics[i]);
        ask(free_topics[i], i % 2);
        cr_assert(PUMP_UNTIL(desk->probe->count > 0), "no reply on %s", free_topics[i]);
        cr_assert_str_eq(desk->probe->messages[0].topic, free_topics[i]);
        cr_assert(strstr(desk->probe->messages[0].payload, "true"));
        probe_forget(desk->probe);
    }
}

/* --- retained requests --- */

static void leave_behind(struct desk *d, const char *correlation)
{
    char payload[512];

    snprintf(payload, sizeof payload,
             "{\"hash\": \"" DESK_HASH "\", \"tracker_id\": %d, \"output\": 1, \"enable\": true, "
             "\"response_topic\": \"%s\", \"request_id\": \"%s\"}",
             TRACKER, d->reply_topic, correlation);
    desk_publish(d, &(struct mqtt_publish){.topic = bytes_of_text("api/tracker/output/set"),
                                           .payload = bytes_of_text(payload),
                                           .correlation = bytes_of_text(correlation),
                                           .qos = 1,
                                           .retain = true});
}

static int count_replies_to(const struct desk *d, const char *request_id)
{
    int count = 0;

    for (int i = 0; i < d->probe->count; i++)
        count += strstr(d->probe->messages[i].payload, request_id) != NULL;
    return count;
}

static void expect_no_command(void)
{
    field_sync(field);
    cr_assert_eq(field->count, 0, "%d commands", field->count);
}

Test(service_neighbours_topics, a_live_retained_request_is_refused_once_and_never_executed)
{
    start("");
    leave_behind(desk, "left");
    desk_expect_error(desk, "left", 7, "not_sent");
    outputd_signal(service, SIGHUP); /* subscribes anew */
    outputd_wait_log(service, "info    reloaded", 1);
    desk_fence(desk);
    outputd_kill(service); /* connects anew */
    outputd_start(service);
    outputd_wait_ready(service);
    broker_restart(broker); /* hands out what it retains */
    outputd_wait_log(service, "info    connected", 3);
    desk_connect(desk);
    field_connect(field);
    outputd_wait_ready(service);
    desk_fence(desk);
    cr_assert_eq(desk_count(desk, "left"), 1);
    expect_no_command();
}

Test(service_neighbours_topics, a_stored_retained_request_is_not_even_received)
{
    desk_connect(desk);
    leave_behind(desk, "stored");
    start("");
    desk_fence(desk);
    cr_assert_eq(desk_count(desk, "stored"), 0);
    expect_no_command();
    cr_assert_eq(outputd_log_count(service, "code=7"), 0);
}

/* MQTT 3.1.1 tells the flag of stored messages only, and hands them out at every subscription. */
Test(service_neighbours_topics, on_3_1_1_a_stored_retained_request_is_refused_each_time)
{
    outputd_set(service, "broker.protocol", "4");
    desk_connect(desk);
    leave_behind(desk, "stored");
    start("");
    cr_assert(PUMP_UNTIL(count_replies_to(desk, "stored") == 1));
    cr_assert(strstr(desk->probe->messages[0].payload, "retain"), "%s", desk->probe->messages[0].payload);
    outputd_kill(service);
    outputd_start(service);
    cr_assert(PUMP_UNTIL(count_replies_to(desk, "stored") == 2));
    outputd_wait_ready(service);
    expect_no_command();
}

/* There a live one looks like any other. It is executed once, and not again when it comes back as a stored one. */
Test(service_neighbours_topics, on_3_1_1_a_live_retained_request_is_executed_once)
{
    outputd_set(service, "broker.protocol", "4");
    start("");
    leave_behind(desk, "live");
    cr_assert(PUMP_UNTIL(count_replies_to(desk, "live") == 1));
    outputd_kill(service);
    outputd_start(service);
    outputd_wait_ready(service);
    broker_restart(broker);
    outputd_wait_log(service, "info    connected", 3);
    desk_connect(desk);
    field_connect(field);
    outputd_wait_ready(service);
    field_sync(field);
    cr_assert_eq(field->count, 1, "%d commands", field->count);
}
