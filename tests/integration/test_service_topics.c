/* Several instances that share the requests, and topics with a prefix. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum { TRACKER = 265489 };

static struct broker *broker;
static struct field *field;
static struct desk *desk;

static void set_stage(void)
{
    broker = broker_start(NULL);
    field = field_new(broker_url(broker));
    desk = desk_new(broker_url(broker));
}

static void clear_stage(void)
{
    desk_free(desk);
    field_free(field);
    broker_stop(broker);
}

TestSuite(service_topics, .init = set_stage, .fini = clear_stage, .timeout = 60);

/* --- a share group --- */

static struct outputd *start_instance(const char *name)
{
    struct outputd *o = outputd_new(broker_url(broker));

    outputd_set_text(o, "instance", name);
    outputd_set_text(o, "broker.share_group", "outputs");
    outputd_start(o);
    outputd_wait_log(o, "presence read back", 1); /* who answers a request, one cannot know */
    return o;
}

Test(service_topics, instances_of_one_group_handle_each_request_once)
{
    enum { REQUESTS = 100 };
    struct outputd *instances[] = {start_instance("north"), start_instance("south")};
    char correlation[32];

    field_connect(field);
    desk_connect(desk);
    field_online(field, TRACKER); /* for both: presence is not shared */
    for (int i = 0; i < REQUESTS; i++) {
        snprintf(correlation, sizeof correlation, "%d", i);
        desk_set(desk, correlation, TRACKER, 1 + i % 3, true);
    }
    for (int i = 0; i < REQUESTS; i++) {
        snprintf(correlation, sizeof correlation, "%d", i);
        desk_expect_success(desk, correlation);
    }
    for (int i = 0; i < 2; i++)
        outputd_stop(instances[i]);
    cr_assert_eq(desk->probe->count, REQUESTS, "%d replies", desk->probe->count);
    field_sync(field);
    cr_assert_eq(field->count, REQUESTS, "%d commands", field->count);
    cr_assert_eq(outputd_log_count(instances[0], "request settled") +
                     outputd_log_count(instances[1], "request settled"),
                 REQUESTS);
    for (int i = 0; i < 2; i++) {
        cr_assert_gt(outputd_log_count(instances[i], "request settled"), 0, "one of them has nothing to do");
        outputd_free(instances[i]);
    }
}

/* --- a prefix --- */

static struct outputd *start_at_site(void)
{
    struct outputd *o = outputd_new(broker_url(broker));

    outputd_set_text(o, "topics.prefix", "site1/");
    outputd_set(o, "topics.stats_interval_s", "1");
    o->prefix = field->prefix = desk->prefix = "site1/";
    field_connect(field);
    desk_connect(desk);
    field_online(field, TRACKER);
    outputd_start(o);
    outputd_wait_ready(o);
    return o;
}

static bool came_on(const char *topic)
{
    for (int i = 0; i < desk->probe->count; i++) {
        if (strcmp(desk->probe->messages[i].topic, topic) == 0)
            return true;
    }
    return false;
}

static void ask(const char *topic, const char *response_topic, const char *correlation)
{
    desk_publish(
        desk, &(struct mqtt_publish){.topic = bytes_of_text(topic),
                                     .payload = bytes_of_text("{\"hash\": \"" DESK_HASH "\", \"tracker_id\": 265489, "
                                                              "\"output\": 1, \"enable\": true}"),
                                     .response_topic = bytes_of_text(response_topic),
                                     .correlation = bytes_of_text(correlation),
                                     .qos = 1});
}

Test(service_topics, with_a_prefix_all_topics_have_it)
{
    struct outputd *service = start_at_site();

    desk_set(desk, "named", TRACKER, 1, true);
    desk_expect_success(desk, "named"); /* on the topic that it named, which has no prefix */
    cr_assert_str_eq(field->commands[0].topic, "site1/tracker/265489/output/command");
    cr_assert_str_eq(field->commands[0].response_topic, "site1/tracker/265489/output/ack");
    desk_subscribe(desk, "#");
    ask("site1/api/tracker/output/set", NULL, "default");
    cr_assert(PUMP_UNTIL(came_on("site1/api/tracker/output/set/response")));
    cr_assert(PUMP_UNTIL(came_on("site1/tracker/265489/output/state")));
    cr_assert(PUMP_UNTIL(came_on("site1/outputd/outputd-1/stats")));
    for (int i = 0; i < desk->probe->count; i++) {
        const char *topic = desk->probe->messages[i].topic;

        cr_assert(strncmp(topic, "site1/", 6) == 0 || strcmp(topic, desk->reply_topic) == 0, "%s", topic);
    }
    outputd_free(service);
}

Test(service_topics, with_a_prefix_topics_without_it_mean_nothing)
{
    struct outputd *service = start_at_site();

    ask("api/tracker/output/set", desk->reply_topic, "elsewhere");
    field_say(field, "tracker/265489/status", "offline");
    desk_fence(desk);
    cr_assert_eq(desk_count(desk, "elsewhere"), 0);
    desk_set(desk, "still online", TRACKER, 1, true);
    desk_expect_success(desk, "still online");
    outputd_free(service);
}

Test(service_topics, with_a_prefix_reply_topics_of_devices_are_refused)
{
    struct outputd *service = start_at_site();

    ask("site1/api/tracker/output/set", "site1/tracker/1/output/command", "refused 1");
    ask("site1/api/tracker/output/set", "site1/api/tracker/output/set", "refused 2");
    ask("site1/api/tracker/output/set", "site1/outputd/outputd-1/fence", "refused 3");
    desk_fence(desk);
    outputd_wait_log(service, "its reply topic is not allowed", 3);
    field_sync(field);
    cr_assert_eq(field->count, 0, "%d commands", field->count);
    outputd_free(service);
}
