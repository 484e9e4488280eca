/* Two services of one client id: a mistake that must be seen, must not turn into a storm of connections, and must cost
 * nobody a reply or a second command. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "support/broker.h"
#include "support/crowd.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum { TRACKER = 265489, FIRST_TRACKER = 1000, TRACKERS = 4, REQUESTS = 200 };

static struct broker *broker;
static struct outputd *first;
static struct outputd *second;
static struct field *field;
static struct desk *desk;

static const char registry[] =
    "users = ({ id = 1; });\n"
    "sessions = ({ hash_sha256 = \"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\"; user_id = 1;\n"
    "  master = true; });\n"
    "trackers = ({ id = 265489; user_id = 1; model = \"generic_json\"; outputs = 3; },\n"
    "{ id = 265490; user_id = 1; model = \"generic_json\"; outputs = 3; },\n"
    "{ id = 1000; user_id = 1; model = \"generic_json\"; outputs = 64; },\n"
    "{ id = 1001; user_id = 1; model = \"generic_json\"; outputs = 64; },\n"
    "{ id = 1002; user_id = 1; model = \"generic_json\"; outputs = 64; },\n"
    "{ id = 1003; user_id = 1; model = \"generic_json\"; outputs = 64; });\n";

static void set_stage(void)
{
    broker = broker_start(NULL);
    first = outputd_new(broker_url(broker));
    second = outputd_new(broker_url(broker));
    outputd_write(first, "registry.cfg", registry);
    outputd_write(second, "registry.cfg", registry);
    field = field_start(broker_url(broker));
    field_online(field, TRACKER);
    for (int i = 0; i < TRACKERS; i++)
        field_online(field, FIRST_TRACKER + i);
    desk = desk_start(broker_url(broker));
}

static void clear_stage(void)
{
    desk_free(desk);
    field_free(field);
    outputd_free(second);
    outputd_free(first);
    broker_stop(broker);
}

TestSuite(service_neighbours_twin, .init = set_stage, .fini = clear_stage, .timeout = 120);

static int connects(void)
{
    return outputd_log_count(first, "info    connected") + outputd_log_count(second, "info    connected");
}

static int losses(void)
{
    return outputd_log_count(first, "connection lost") + outputd_log_count(second, "connection lost");
}

static void start_both(void)
{
    outputd_start(first);
    outputd_wait_ready(first);
    PUMP_UNTIL_FOR(1100, false); /* started in one second, both would begin with the same command ids */
    outputd_start(second);
    outputd_wait_log(second, "info    connected", 1);
    outputd_wait_log(first, "connection lost", 1);
}

/* Each waits longer before it takes the session back: a few connections at first, and then some in a minute. */
Test(service_neighbours_twin, they_do_not_fight_in_a_storm_and_say_what_it_is)
{
    enum { WHILE_MS = 20000 };
    int at_start;

    start_both();
    at_start = connects();
    PUMP_UNTIL_FOR(WHILE_MS, false);
    fprintf(stderr, "twin: %d connections, %d losses in %d ms\n", connects() - at_start, losses(), WHILE_MS);
    cr_assert_leq(connects() - at_start, 20, "%d connections", connects() - at_start);
    outputd_wait_log(first, "is there another client with this id?", 1);
    outputd_wait_log(second, "is there another client with this id?", 1);
}

/* Tracker and output together say which request it was. */
static struct crowd_request request_of(int number)
{
    return (struct crowd_request){.tracker_id = FIRST_TRACKER + number % TRACKERS, .output = 1 + number / TRACKERS};
}

static int count_commands(int number)
{
    const struct crowd_request request = request_of(number);
    int count = 0;

    for (int i = 0; i < field->count; i++)
        count += field->commands[i].tracker_id == request.tracker_id &&
                 json_integer_value(json_object_get(field->commands[i].value, "output")) == request.output;
    return count;
}

static bool crowd_member(void *ctx)
{
    return crowd_turn(ctx, ((struct crowd *)ctx)->total, 4);
}

/* Who of them has the connection takes the requests. What one has in its journal when it loses the connection, the
 * broker may hand to the other as well: then each commands it once. An ack that comes to the other one is lost, so some
 * end as unknown or offline. */
Test(service_neighbours_twin, each_request_has_a_reply_and_at_most_one_command_of_each_of_them)
{
    enum { PATIENCE_MS = 60000 };
    struct crowd *crowd;
    int repeated = 0;

    outputd_set(first, "engine.ack_timeout_ms", "3000");
    outputd_set(second, "engine.ack_timeout_ms", "3000");
    start_both();
    crowd = crowd_start(broker_url(broker), DESK_HASH, REQUESTS, request_of);
    cr_assert(crowd);
    pump_add(crowd_member, crowd);
    cr_assert(PUMP_UNTIL_FOR(PATIENCE_MS, crowd->replied == REQUESTS), "%d replies", crowd->replied);
    pump_remove(crowd);
    field_sync(field);
    for (int i = 0; i < REQUESTS; i++) {
        cr_assert_leq(count_commands(i), 2, "request %d has %d commands", i, count_commands(i));
        cr_assert(crowd->codes[i] != CROWD_SUCCESS || count_commands(i) > 0, "request %d: success of nothing", i);
        repeated += count_commands(i) > 1;
    }
    fprintf(stderr,
            "twin: %d requests, %d commands, %d repeated, %d success, %d code 213, %d contradicting, %d losses\n",
            REQUESTS, field->count, repeated, crowd_count(crowd, 0), crowd_count(crowd, 213), crowd->contradicting,
            losses());
    crowd_free(crowd);
}

Test(service_neighbours_twin, when_one_stops_the_other_serves)
{
    start_both();
    outputd_stop(second);
    outputd_wait_ready(first);
    desk_set(desk, "served", TRACKER, 1, true);
    desk_expect_success(desk, "served");
    field_sync(field);
    cr_assert_eq(field->count, 1);
}

Test(service_neighbours_twin, when_one_is_killed_the_other_serves)
{
    start_both();
    outputd_kill(second);
    outputd_wait_ready(first);
    desk_set(desk, "served", TRACKER, 1, true);
    desk_expect_success(desk, "served");
    field_sync(field);
    cr_assert_eq(field->count, 1);
}
