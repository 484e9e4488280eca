/* Several instances, one broker, one Redis: whoever gets a request, whoever hears its ack, it is one request. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/http_client.h"
#include "support/outputd.h"
#include "support/pump.h"
#include "support/redis_server.h"

enum { TRACKER = 265489, INSTANCES = 2, LEASE_MS = 1000, ROUNDS = 12 };

static struct broker *broker;
static struct redis_server *redis;
static struct outputd *services[INSTANCES];
static struct field *field;
static struct desk *desk;

static struct outputd *instance(int number)
{
    struct outputd *o = outputd_new(broker_url(broker));
    char text[24];

    snprintf(text, sizeof text, "shared-%d", number);
    outputd_set_text(o, "instance", text);
    outputd_set_text(o, "log.level", "debug");
    outputd_set_text(o, "broker.share_group", "outputd");
    outputd_set_text(o, "state.source", "redis");
    outputd_set_text(o, "state.url", redis_server_url(redis));
    outputd_set_text(o, "state.username", "outputd");
    outputd_set_text(o, "state.password", "CHANGE-ME");
    snprintf(text, sizeof text, "%d", LEASE_MS);
    outputd_set(o, "state.lease_ms", text);
    return o;
}

static void start(struct outputd *o)
{
    int before = outputd_log_count(o, "presence read back");

    outputd_start(o);
    outputd_wait_log(o, "presence read back", before + 1);
}

/* The service as the user that the shipped file gives it, which may do what it needs and no more. */
static void start_redis(bool log)
{
    static char line[512];
    FILE *in = fopen("conf/redis/outputd.conf", "r");

    cr_assert_not_null(in);
    do
        cr_assert_not_null(fgets(line, sizeof line, in));
    while (strncmp(line, "user ", strlen("user ")) != 0);
    fclose(in);
    line[strcspn(line, "\n")] = '\0';
    redis = redis_server_start(&(struct redis_server_options){.log = log, .user = line + strlen("user ")});
}

static void set_stage(void)
{
    broker = broker_start("max_queued_messages 0");
    start_redis(true);
    for (int i = 0; i < INSTANCES; i++)
        services[i] = instance(i + 1);
    field = field_start(broker_url(broker));
    field_online(field, TRACKER);
    desk = desk_start(broker_url(broker));
}

static void start_all(void)
{
    for (int i = 0; i < INSTANCES; i++)
        start(services[i]);
    for (int i = 0; i < INSTANCES; i++)
        outputd_wait_log(services[i], "instances that share the state living=2", 1);
}

static void clear_stage(void)
{
    desk_free(desk);
    field_free(field);
    for (int i = 0; i < INSTANCES; i++)
        outputd_free(services[i]);
    redis_server_stop(redis);
    broker_stop(broker);
}

TestSuite(service_shared, .init = set_stage, .fini = clear_stage, .timeout = 120);

static void correlation_of(int number, char text[16])
{
    snprintf(text, 16, "r%d", number);
}

static void set_output(int number)
{
    char correlation[16];

    correlation_of(number, correlation);
    desk_set(desk, correlation, TRACKER, 1 + number % 3, true);
}

static void expect_success(int number)
{
    char correlation[16];

    correlation_of(number, correlation);
    desk_expect_success(desk, correlation);
}

/* The one that has written this line, -1: none has. */
static int who_says(const char *text)
{
    for (int i = 0; i < INSTANCES; i++) {
        if (outputd_log_count(services[i], text) > 0)
            return i;
    }
    return -1;
}

/* The one that has sent the command. */
static int who_commands(void)
{
    int who;

    cr_assert(PUMP_UNTIL((who = who_says("command sent")) >= 0));
    return who;
}

static int count_in_logs(const char *text)
{
    int count = 0;

    for (int i = 0; i < INSTANCES; i++)
        count += outputd_log_count(services[i], text);
    return count;
}

Test(service_shared, both_take_requests_and_each_is_commanded_once)
{
    start_all();
    for (int i = 0; i < ROUNDS; i++) {
        set_output(i);
        expect_success(i);
    }
    field_sync(field);
    cr_expect_eq(field->count, ROUNDS);
    for (int i = 0; i < INSTANCES; i++)
        cr_expect_gt(outputd_log_count(services[i], "request settled"), 0, "instance %d", i + 1);
}

Test(service_shared, the_same_request_is_the_same_one_wherever_it_arrives)
{
    start_all();
    for (int i = 0; i < 2 * INSTANCES; i++)
        set_output(0);
    cr_assert(PUMP_UNTIL(desk_count(desk, "r0") >= 1));
    desk_fence(desk);
    field_sync(field);
    cr_expect_eq(field_count_id(field, field->commands[0].id), 1);
    for (int i = 1; i < field->count; i++)
        cr_expect_neq(field->commands[i].value, NULL);
}

Test(service_shared, on_and_off_arrive_as_on_and_off)
{
    start_all();
    field->is_silent = true;
    for (int i = 0; i < ROUNDS; i++) {
        set_output(i);
        cr_assert(PUMP_UNTIL(count_in_logs("request accepted") > i));
    }
    for (int i = 1; i <= ROUNDS; i++) { /* each only once the one before it is acked */
        const struct field_command *command = field_wait(field, i);

        cr_assert_eq(field->count, i);
        cr_expect_eq(json_integer_value(json_object_get(command->value, "output")), 1 + (i - 1) % 3);
        field_ack(field, command, "\"success\": true");
    }
    for (int i = 0; i < ROUNDS; i++)
        expect_success(i);
}

Test(service_shared, what_a_dead_one_has_commanded_its_ack_ends)
{
    const struct field_command *command;
    int who;

    start_all();
    field->is_silent = true;
    set_output(0);
    command = field_wait(field, 1);
    who = who_commands();
    outputd_kill(services[who]);
    field_ack(field, command, "\"success\": true");
    field_ack(field, command, "\"success\": true"); /* the broker keeps one of the two for the dead one */
    expect_success(0);
    cr_expect_eq(desk_count(desk, "r0"), 1);
}

Test(service_shared, what_a_dead_one_had_pending_ends_at_its_deadline)
{
    int who;

    for (int i = 0; i < INSTANCES; i++)
        outputd_set(services[i], "engine.ack_timeout_ms", "2000");
    start_all();
    field->is_silent = true;
    set_output(0);
    set_output(1); /* waits for its turn */
    field_wait(field, 1);
    who = who_commands();
    outputd_kill(services[who]);
    desk_expect_error(desk, "r0", 213, "unknown");
    desk_wait(desk, "r1");
    cr_expect_eq(desk_count(desk, "r0"), 1);
    cr_expect_eq(desk_count(desk, "r1"), 1);
    cr_expect_leq(field->count, 2);
}

Test(service_shared, what_the_broker_keeps_for_a_dead_one_another_one_takes)
{
    start_all();
    outputd_kill(services[0]);
    for (int i = 0; i < ROUNDS; i++)
        set_output(i);
    for (int i = 0; i < ROUNDS; i++)
        expect_success(i);
    outputd_wait_log(services[1], "the session is empty, and ended", 1);
    field_sync(field);
    cr_expect_eq(field->count, ROUNDS);
}

Test(service_shared, one_that_stops_leaves_what_is_pending_to_the_other)
{
    const struct field_command *command;
    int who;

    start_all();
    field->is_silent = true;
    set_output(0);
    command = field_wait(field, 1);
    who = who_commands();
    outputd_stop(services[who]);
    field_ack(field, command, "\"success\": true");
    expect_success(0);
}

Test(service_shared, the_last_one_that_stops_ends_what_is_pending)
{
    outputd_set(services[0], "engine.drain_ms", "500");
    start(services[0]);
    field->is_silent = true;
    set_output(0);
    set_output(1);
    field_wait(field, 1);
    outputd_stop(services[0]);
    desk_expect_error(desk, "r0", 8, "unknown");
    desk_expect_error(desk, "r1", 8, "not_sent");
}

Test(service_shared, without_redis_new_requests_get_code_8_and_what_is_pending_goes_on)
{
    const struct field_command *command;

    for (int i = 0; i < INSTANCES; i++) {
        outputd_set(services[i], "engine.ack_timeout_ms", "60000");
        outputd_set(services[i], "state.timeout_ms", "300");
    }
    start_all();
    field->is_silent = true;
    set_output(0);
    command = field_wait(field, 1);
    redis_server_kill(redis);
    for (int i = 0; i < INSTANCES; i++)
        outputd_wait_log(services[i], "shared state is lost", 1);
    set_output(1);
    desk_expect_error(desk, "r1", 8, "not_sent");
    field_ack(field, command, "\"success\": true");
    redis_server_resume(redis);
    expect_success(0);
    cr_expect_eq(field->count, 1);
}

Test(service_shared, a_redis_that_has_lost_everything_is_told_what_was)
{
    const struct field_command *command;

    redis_server_stop(redis);
    start_redis(false);
    for (int i = 0; i < INSTANCES; i++) {
        outputd_set_text(services[i], "state.url", redis_server_url(redis));
        outputd_set(services[i], "engine.ack_timeout_ms", "60000");
    }
    start_all();
    set_output(0);
    expect_success(0);
    field->is_silent = true;
    set_output(1); /* in flight */
    set_output(2); /* waits */
    command = field_wait(field, 2);
    cr_assert(PUMP_UNTIL(who_says("command sent") >= 0));
    redis_server_kill(redis);
    redis_server_resume(redis);
    for (int i = 0; i < INSTANCES; i++)
        outputd_wait_log(services[i], "the journal brings back what it has", 1);
    set_output(0); /* the same again: it is known, and not commanded */
    field_ack(field, command, "\"success\": true");
    expect_success(1);
    command = field_wait(field, 3);
    field_ack(field, command, "\"success\": true");
    expect_success(2);
    cr_assert(PUMP_UNTIL(desk_count(desk, "r0") == 2));
    cr_expect_eq(field->count, 3);
}

Test(service_shared, one_that_was_frozen_sends_nothing_that_is_over)
{
    for (int i = 0; i < INSTANCES; i++)
        outputd_set(services[i], "engine.ack_timeout_ms", "1500");
    start_all();
    outputd_pause(services[0]);
    for (int i = 0; i < ROUNDS; i++)
        set_output(i);
    for (int i = 0; i < ROUNDS; i++) {
        char correlation[16];

        correlation_of(i, correlation);
        desk_wait(desk, correlation);
    }
    field_sync(field);
    {
        int before = field->count;

        outputd_signal(services[0], SIGCONT);
        outputd_wait_log(services[0], "the connection is opened anew", 1);
        outputd_wait_log(services[0], "presence read back", 2);
        desk_fence(desk);
        field_sync(field);
        cr_expect_leq(field->count, before + 2, "the fence's own, and no other");
    }
    for (int i = 0; i < ROUNDS; i++) {
        char correlation[16];

        correlation_of(i, correlation);
        cr_expect_eq(desk_count(desk, correlation), 1, "%s", correlation);
    }
}

Test(service_shared, a_retained_request_is_not_executed_by_any)
{
    const struct mqtt_publish retained = {
        .topic = bytes_of_text("api/tracker/output/set"),
        .payload =
            bytes_of_text("{\"hash\": \"" DESK_HASH "\", \"tracker_id\": 265489, \"output\": 1, \"enable\": true}"),
        .qos = 1,
        .retain = true,
    };

    desk_publish(desk, &retained);
    start_all();
    set_output(0);
    expect_success(0);
    field_sync(field);
    cr_expect_eq(field->count, 1);
}

Test(service_shared, mqtt_3_1_1_shares_as_well)
{
    for (int i = 0; i < INSTANCES; i++)
        outputd_set(services[i], "broker.protocol", "4");
    start_all();
    desk_subscribe(desk, "api/tracker/output/+/response");
    for (int i = 0; i < ROUNDS; i++) {
        set_output(i); /* without MQTT 5 it has no Response Topic */
        cr_assert(PUMP_UNTIL(desk->probe->count > i));
    }
    field_sync(field);
    cr_expect_eq(field->count, ROUNDS);
    for (int i = 0; i < INSTANCES; i++)
        cr_expect_gt(outputd_log_count(services[i], "request settled"), 0, "instance %d", i + 1);
}

Test(service_shared, a_reply_finds_the_instance_that_was_asked_over_http)
{
    uint16_t port = outputd_listen(services[0]);

    outputd_set(services[0], "http.api", "true");
    start_all();
    for (int i = 0; i < ROUNDS; i++) { /* the ack goes to either of them */
        struct http_client *c = http_open(port);
        char body[160];

        snprintf(body, sizeof body,
                 "{\"hash\": \"" DESK_HASH
                 "\", \"tracker_id\": 265489, \"output\": %d, \"enable\": true, \"request_id\": %d}",
                 1 + i % 3, i);
        http_post(c, "/tracker/output/set", "Content-Type: application/json\r\n", body);
        http_expect(c, 200, NULL);
        http_close(c);
    }
    cr_expect_gt(outputd_log_count(services[1], "request settled"), 0);
}

static void take_registry_away(struct outputd *o)
{
    outputd_set_text(o, "registry.source", "postgres");
    outputd_set_text(o, "registry.conninfo", "host=127.0.0.1 port=1 user=nobody dbname=nothing");
}

Test(service_shared, who_has_no_registry_leaves_the_work_to_who_has_one)
{
    take_registry_away(services[1]);
    start(services[0]);
    outputd_start(services[1]);
    outputd_wait_log(services[1], "instances that share the state living=2", 1);
    for (int i = 0; i < ROUNDS; i++)
        set_output(i);
    for (int i = 0; i < ROUNDS; i++)
        expect_success(i);
}

Test(service_shared, where_nobody_has_one_requests_get_14)
{
    for (int i = 0; i < INSTANCES; i++)
        take_registry_away(services[i]);
    start_all();
    for (int i = 0; i < ROUNDS; i++) {
        char correlation[16];

        set_output(i);
        correlation_of(i, correlation);
        desk_expect_error(desk, correlation, 14, "not_sent");
    }
}
