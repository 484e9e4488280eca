/* Thousands of requests that waited at the broker while the service was away: what is stale switches nothing, what is
 * handed over is answered, and the service is at once usable again. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/broker.h"
#include "support/crowd.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum {
    REQUESTS = 10000,
    TRACKERS = 200,
    FIRST_TRACKER = 1000,
    SHORT_S = 1,
    LONG_S = 240,
    STALLED_MS = 30000,
    MEMORY_MAX_KB = 512 * 1024, /* also for a build with sanitizers, which takes many times as much */
};

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;
static struct crowd *crowd;

static int *commands_of; /* of each request */
static uint64_t *commanded_ms;
static struct mqtt_handlers field_handlers;

static void write_registry(void)
{
    struct buffer text = {0};

    buffer_put_text(&text, "users = ({ id = 1; });\n"
                           "sessions = ({ hash_sha256 = "
                           "\"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\"; user_id = 1; "
                           "master = true; });\n"
                           "trackers = ({ id = 265490; user_id = 1; model = \"generic_json\"; outputs = 3; }");
    for (int i = 0; i < TRACKERS; i++)
        buffer_printf(&text, ",\n{ id = %d; user_id = 1; model = \"generic_json\"; outputs = 64; }", FIRST_TRACKER + i);
    buffer_put_text(&text, ");\n");
    buffer_put_u8(&text, '\0');
    outputd_write(service, "registry.cfg", (const char *)text.data);
    buffer_release(&text);
}

/* Tracker and output together say which request it was. One in three lives for a second, one for long, one as long as
 * the broker keeps it. */
static struct crowd_request request_of(int number)
{
    static const uint32_t expiries[] = {SHORT_S, LONG_S, 0};

    return (struct crowd_request){.tracker_id = FIRST_TRACKER + number % TRACKERS,
                                  .output = 1 + number / TRACKERS,
                                  .expiry_s = expiries[number % 3]};
}

static void on_command(void *ctx, const struct mqtt_message *message)
{
    const struct field_command *c;
    int number;

    field_handlers.message(ctx, message);
    c = &field->commands[field->count - 1];
    if (c->tracker_id < FIRST_TRACKER)
        return;
    number =
        c->tracker_id - FIRST_TRACKER + TRACKERS * ((int)json_integer_value(json_object_get(c->value, "output")) - 1);
    if (number >= REQUESTS)
        return; /* of the desk */
    commands_of[number]++;
    commanded_ms[number] = clock_now().mono_ms;
}

static bool crowd_member(void *ctx)
{
    return crowd_turn(ctx, 0, 0);
}

static void set_stage(void)
{
    broker = broker_start("max_queued_messages 0"); /* by itself mosquitto keeps a thousand, and drops the others */
    service = outputd_new(broker_url(broker));
    write_registry();
    commands_of = calloc(REQUESTS, sizeof *commands_of);
    commanded_ms = calloc(REQUESTS, sizeof *commanded_ms);
    cr_assert(commands_of && commanded_ms);
    field = field_new(broker_url(broker));
    field_handlers = field->probe->handlers;
    field->probe->handlers.message = on_command;
    field_connect(field);
    for (int i = 0; i < TRACKERS; i++)
        field_online(field, FIRST_TRACKER + i);
    desk = desk_start(broker_url(broker));
    crowd = crowd_start(broker_url(broker), DESK_HASH, REQUESTS, request_of);
    cr_assert(crowd);
}

static void clear_stage(void)
{
    crowd_free(crowd);
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
    free(commands_of);
    free(commanded_ms);
}

TestSuite(service_neighbours_backlog, .init = set_stage, .fini = clear_stage, .timeout = 300);

static long memory_kb(const char *name)
{
    char path[64];
    char line[256];
    long kb = -1;
    FILE *status;

    snprintf(path, sizeof path, "/proc/%d/status", (int)service->pid);
    status = fopen(path, "r");
    cr_assert(status);
    while (kb < 0 && fgets(line, sizeof line, status)) {
        if (strncmp(line, name, strlen(name)) == 0)
            kb = strtol(line + strlen(name) + 1, NULL, 10);
    }
    fclose(status);
    return kb;
}

static void wait_for_replies(int count)
{
    pump_add(crowd_member, crowd);
    for (int before = -1; crowd->replied < count; before = crowd->replied)
        cr_assert(PUMP_UNTIL_FOR(STALLED_MS, crowd->replied > before), "%d of %d replies came", before, count);
    pump_remove(crowd);
}

static bool is_short(int number)
{
    return request_of(number).expiry_s == SHORT_S;
}

/* Commanded once where it succeeded, at most once where it may have, and nowhere after its time. */
static void check_requests(void)
{
    enum { SECOND_OF_THE_BROKER_MS = 1000 }; /* it counts in whole ones */
    int commands = 0;

    for (int i = 0; i < REQUESTS; i++) {
        uint64_t end_ms = crowd->sent_ms[i] + LONG_S * 1000 + SECOND_OF_THE_BROKER_MS;

        cr_assert_leq(commands_of[i], 1, "request %d was commanded %d times", i, commands_of[i]);
        cr_assert(crowd->codes[i] != CROWD_SUCCESS || commands_of[i] == 1, "request %d: success of nothing", i);
        cr_assert(!is_short(i) || (commands_of[i] == 0 && crowd->codes[i] == CROWD_NOTHING), "request %d was stale", i);
        cr_assert(request_of(i).expiry_s == 0 || commanded_ms[i] <= end_ms, "request %d was commanded late", i);
        commands += commands_of[i];
    }
    fprintf(stderr, "backlog: %d requests, %d commands, %d successes, %d codes 8, %d codes 213\n", REQUESTS, commands,
            crowd_count(crowd, 0), crowd_count(crowd, 8), crowd_count(crowd, 213));
}

static int count_short(void)
{
    int count = 0;

    for (int i = 0; i < REQUESTS; i++)
        count += is_short(i);
    return count;
}

Test(service_neighbours_backlog, what_is_stale_is_not_commanded_and_the_rest_is_answered)
{
    uint64_t start_ms;
    uint64_t ready_ms;
    long peak_kb;

    outputd_set(service, "broker.session_expiry_s", "300");
    outputd_start(service);
    outputd_wait_ready(service);
    outputd_kill(service);
    cr_assert(crowd_hand_over(crowd, REQUESTS), "the broker does not take them");
    PUMP_UNTIL_FOR(1000 * SHORT_S + 1100, false); /* the short ones pass, also by the broker's count */
    start_ms = clock_now().mono_ms;
    outputd_start(service);
    outputd_wait_ready(service);
    ready_ms = clock_now().mono_ms;
    wait_for_replies(REQUESTS - count_short());
    peak_kb = memory_kb("VmHWM:");
    fprintf(stderr, "backlog: usable after %d ms, all answered after %d ms, peak memory %ld MB\n",
            (int)(ready_ms - start_ms), (int)(clock_now().mono_ms - start_ms), peak_kb / 1024);
    desk_set(desk, "afterwards", FIRST_TRACKER, 64, true);
    desk_expect_success(desk, "afterwards");
    desk_fence(desk);
    field_sync(field);
    cr_assert_eq(crowd->replied, REQUESTS - count_short());
    cr_assert_eq(crowd->contradicting + crowd->strange, 0);
    check_requests();
    cr_assert_lt(peak_kb, MEMORY_MAX_KB);
}

/* Nobody hears of requests that the broker has not kept. A silent tracker's queue cannot make them older, either. */
Test(service_neighbours_backlog, after_an_outage_longer_than_the_session_nothing_is_left)
{
    outputd_set(service, "broker.session_expiry_s", "1");
    outputd_start(service);
    outputd_wait_ready(service);
    outputd_kill(service);
    cr_assert(crowd_hand_over(crowd, REQUESTS / 10), "the broker does not take them");
    PUMP_UNTIL_FOR(2500, false);
    outputd_start(service);
    outputd_wait_ready(service);
    desk_set(desk, "afterwards", FIRST_TRACKER, 64, true);
    desk_expect_success(desk, "afterwards");
    field_sync(field);
    crowd_turn(crowd, 0, 0);
    cr_assert_eq(field->count, 1, "%d commands", field->count);
    cr_assert_eq(crowd->replied, 0);
}

/* Trackers that say nothing: what was handed over waits for ack_timeout_ms and no longer. */
Test(service_neighbours_backlog, with_silent_trackers_each_is_answered_when_its_time_is_up)
{
    enum { PART = 3000 };

    outputd_set(service, "engine.ack_timeout_ms", "2000");
    outputd_set(service, "broker.session_expiry_s", "300");
    outputd_start(service);
    outputd_wait_ready(service);
    outputd_kill(service);
    field->is_silent = true;
    cr_assert(crowd_hand_over(crowd, PART), "the broker does not take them");
    PUMP_UNTIL_FOR(1000 * SHORT_S + 1100, false);
    outputd_start(service);
    wait_for_replies(PART - PART / 3);
    field_sync(field);
    for (int i = 0; i < PART; i++) {
        cr_assert_leq(commands_of[i], 1);
        cr_assert(!is_short(i) || commands_of[i] == 0, "request %d was stale", i);
    }
    cr_assert_eq(crowd_count(crowd, 213), PART - PART / 3);
}
