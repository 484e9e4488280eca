/* The shipped broker configuration: the service works with it, and everyone has what they need and no more. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum { NOT_AUTHORIZED = 0x87, NO_SUBSCRIBERS = 0x10 };

/* 265489 and 265496 are trackers by themselves; newcomer has a password and no line in the file. */
static const char *const users[] = {"outputd", "platform", "gateway", "265489", "265496", "newcomer", NULL};

static struct broker *broker;

static void start_broker(void)
{
    broker = broker_start_shipped("conf/mosquitto/mosquitto.conf", users);
}

static void stop_broker(void)
{
    broker_stop(broker);
}

TestSuite(service_acl, .init = start_broker, .fini = stop_broker, .timeout = 120);

static void log_in(struct probe *p, const char *user)
{
    p->options.username = user;
    p->options.password = "secret";
}

static struct outputd *start_service(void)
{
    struct outputd *service = outputd_new(broker_url(broker));

    outputd_set_text(service, "broker.username", "outputd");
    outputd_set_text(service, "broker.password", "secret");
    outputd_set(service, "topics.stats_interval_s", "1");
    log_in(service->asker, "platform");
    snprintf(service->ask_topic, sizeof service->ask_topic, "client/platform/ready");
    outputd_start(service);
    outputd_wait_ready(service);
    return service;
}

static struct desk *start_desk(const char *user)
{
    struct desk *desk = desk_new(broker_url(broker));

    log_in(desk->probe, user);
    snprintf(desk->reply_topic, sizeof desk->reply_topic, "client/%s/replies", user);
    desk_connect(desk);
    return desk;
}

static struct field *start_field(const char *user)
{
    struct field *field = field_new(broker_url(broker));

    log_in(field->probe, user);
    field_connect(field);
    return field;
}

/* --- the normal flow --- */

static void expect_flow(const char *tracker_user)
{
    struct outputd *service = start_service();
    struct desk *desk = start_desk("platform");
    struct field *field = start_field(tracker_user);

    field_online(field, 265489);
    desk_set(desk, "on", 265489, 1, true);
    desk_expect_success(desk, "on");
    desk_set(desk, "off", 265489, 1, false);
    desk_expect_success(desk, "off");
    cr_assert_eq(field->count, 2);
    desk_subscribe(desk, "tracker/265489/output/state");
    cr_assert(
        PUMP_UNTIL(strcmp(desk->probe->messages[desk->probe->count - 1].topic, "tracker/265489/output/state") == 0));
    desk_subscribe(desk, "outputd/outputd-1/stats");
    cr_assert(PUMP_UNTIL(strcmp(desk->probe->messages[desk->probe->count - 1].topic, "outputd/outputd-1/stats") == 0));
    field_free(field);
    desk_free(desk);
    outputd_free(service);
}

Test(service_acl, a_tracker_that_connects_by_itself_is_switched)
{
    expect_flow("265489");
}

Test(service_acl, a_tracker_behind_a_gateway_is_switched)
{
    expect_flow("gateway");
}

Test(service_acl, a_reply_on_the_default_topic_reaches_the_platform)
{
    struct outputd *service = start_service();
    struct desk *desk = start_desk("platform");

    desk_subscribe(desk, "api/tracker/output/+/response");
    desk_publish(desk, &(struct mqtt_publish){.topic = bytes_of_text("api/tracker/output/set"),
                                              .payload = bytes_of_text("nonsense"),
                                              .correlation = bytes_of_text("default"),
                                              .qos = 1});
    desk_expect_error(desk, "default", 5, "not_sent");
    desk_free(desk);
    outputd_free(service);
}

/* Reply topics that the service may not publish on do not stand between others and their replies. */
Test(service_acl, a_reply_that_the_acl_refuses_is_nobody_elses_loss)
{
    struct outputd *service = start_service();
    struct desk *desk = start_desk("platform");

    desk_publish(desk, &(struct mqtt_publish){.topic = bytes_of_text("api/tracker/output/set"),
                                              .payload = bytes_of_text("nonsense"),
                                              .response_topic = bytes_of_text("somewhere/else"),
                                              .correlation = bytes_of_text("refused"),
                                              .qos = 1});
    desk_fence(desk);
    cr_assert_eq(outputd_log_count(service, "reply not taken"), 1);
    cr_assert_eq(outputd_log_count(service, "connection lost"), 0);
    desk_free(desk);
    outputd_free(service);
}

Test(service_acl, nobody_comes_in_without_a_password)
{
    struct probe *p = probe_new(broker_url(broker));

    cr_assert_neq(probe_connect(p), 0);
    log_in(p, "platform");
    p->options.password = "guess";
    cr_assert_neq(probe_connect(p), 0);
    p->options.password = "secret";
    cr_assert_eq(probe_connect(p), 0);
    probe_free(p);
}

/* --- who may publish what --- */

static const char *const topics[] = {
    "api/tracker/output/set",        "api/tracker/output/set_all", "api/tracker/output/set/response",
    "client/platform/replies",       "client/newcomer/replies",    "tracker/265489/output/command",
    "tracker/265489/output/ack",     "tracker/265489/status",      "tracker/265489/output/state",
    "tracker/265496/output/command", "tracker/265496/output/ack",  "tracker/265496/status",
    "tracker/265496/output/state",   "outputd/outputd-1/fence",    "outputd/outputd-1/stats",
    "audit/tracker/output",          "tracker/platform/status/x",  "something/else",
};

enum { TOPICS = sizeof topics / sizeof *topics };

static bool is_among(const char *const *list, const char *topic)
{
    while (*list && strcmp(*list, topic) != 0)
        list++;
    return *list != NULL;
}

static void expect_writes(const char *user, const char *const *allowed)
{
    struct probe *p = probe_new(broker_url(broker));

    log_in(p, user);
    cr_assert_eq(probe_connect(p), 0);
    for (int i = 0; i < TOPICS; i++) {
        bool is_allowed = is_among(allowed, topics[i]);

        probe_publish(p, topics[i], "x", 1);
        cr_assert(probe_wait_acked(p, i + 1));
        cr_assert_eq(p->last_reason, is_allowed ? NO_SUBSCRIBERS : NOT_AUTHORIZED, "%s publishes on %s: 0x%02x", user,
                     topics[i], (unsigned)p->last_reason);
    }
    probe_free(p);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

Test(service_acl, the_service_publishes_commands_states_stats_and_replies)
{
    expect_writes("outputd",
                  LIST("tracker/265489/output/command", "tracker/265489/output/state", "tracker/265496/output/command",
                       "tracker/265496/output/state", "api/tracker/output/set/response", "client/platform/replies",
                       "client/newcomer/replies", "outputd/outputd-1/fence", "outputd/outputd-1/stats",
                       "audit/tracker/output"));
}

Test(service_acl, a_requester_publishes_requests_only)
{
    expect_writes("platform", LIST("api/tracker/output/set", "api/tracker/output/set_all"));
}

Test(service_acl, a_tracker_publishes_its_own_acks_and_presence_only)
{
    expect_writes("265489", LIST("tracker/265489/output/ack", "tracker/265489/status"));
    expect_writes("265496", LIST("tracker/265496/output/ack", "tracker/265496/status"));
}

Test(service_acl, a_gateway_publishes_acks_and_presence_of_any_tracker)
{
    expect_writes("gateway", LIST("tracker/265489/output/ack", "tracker/265489/status", "tracker/265496/output/ack",
                                  "tracker/265496/status"));
}

Test(service_acl, a_user_of_no_line_publishes_nothing)
{
    expect_writes("newcomer", (const char *const[]){NULL});
}

/* --- who receives what --- */

/* Each topic once, by someone who may publish there; then one that this reader receives, as the end. */
static void publish_all(const char *end)
{
    static const char *const writers[] = {"outputd", "platform", "gateway"};

    for (size_t w = 0; w < sizeof writers / sizeof *writers; w++) {
        struct probe *p = probe_new(broker_url(broker));

        log_in(p, writers[w]);
        cr_assert_eq(probe_connect(p), 0);
        for (int i = 0; i < TOPICS; i++) {
            probe_publish(p, topics[i], "x", 1);
            cr_assert(probe_wait_acked(p, i + 1));
        }
        probe_free(p);
    }
    struct probe *p = probe_new(broker_url(broker));
    log_in(p, "outputd");
    cr_assert_eq(probe_connect(p), 0);
    probe_publish(p, end, "end", 1);
    cr_assert(probe_wait_acked(p, 1));
    probe_free(p);
}

static void expect_reads(const char *user, const char *end, const char *const *allowed)
{
    struct probe *p = probe_new(broker_url(broker));
    int count = 0;

    log_in(p, user);
    cr_assert_eq(probe_connect(p), 0);
    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "#", .qos = 1}, 1), 0);
    publish_all(end);
    while (count == 0 || strcmp(p->messages[count - 1].payload, "end") != 0)
        cr_assert(probe_wait(p, ++count), "%s does not receive %s", user, end);
    for (int i = 0; i < count - 1; i++)
        cr_assert(is_among(allowed, p->messages[i].topic), "%s receives %s", user, p->messages[i].topic);
    for (const char *const *topic = allowed; *topic; topic++, count--)
        ;
    cr_assert_eq(count, 1, "%s does not receive everything", user);
    probe_free(p);
}

Test(service_acl, only_the_service_reads_requests_acks_presence_and_its_fence)
{
    expect_reads("outputd", "outputd/outputd-1/fence",
                 LIST("api/tracker/output/set", "api/tracker/output/set_all", "tracker/265489/output/ack",
                      "tracker/265489/status", "tracker/265496/output/ack", "tracker/265496/status",
                      "outputd/outputd-1/fence"));
}

Test(service_acl, a_requester_reads_its_replies_states_and_stats)
{
    expect_reads("platform", "client/platform/replies",
                 LIST("api/tracker/output/set/response", "client/platform/replies", "tracker/265489/output/state",
                      "tracker/265496/output/state", "outputd/outputd-1/stats"));
}

Test(service_acl, a_tracker_reads_its_own_commands_only)
{
    expect_reads("265489", "tracker/265489/output/command", LIST("tracker/265489/output/command"));
}

Test(service_acl, a_gateway_reads_all_commands_only)
{
    expect_reads("gateway", "tracker/265489/output/command",
                 LIST("tracker/265489/output/command", "tracker/265496/output/command"));
}

Test(service_acl, a_user_of_no_line_reads_replies_to_itself_only)
{
    expect_reads("newcomer", "client/newcomer/replies", LIST("client/newcomer/replies"));
}
