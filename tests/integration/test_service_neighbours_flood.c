/* One requester who sends as fast as a broker takes it. The figures that it prints are for people; asserted is only
 * that nobody is starved, and that the flood is refused in time. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "support/broker.h"
#include "support/crowd.h"
#include "support/flood.h"
#include "support/outputd.h"
#include "support/simulator.h"

/* Of the flooding user 1, and of user 2. */
#define FLOOD_HASH "a6aa75587e5c59c32d347da438505fc3"
#define OTHER_HASH "0123456789abcdef0123456789abcdef"

enum {
    FLOODED = 1000,
    OTHERS = 2000,
    TRACKERS = 100, /* of each of them */
    SILENT = 3000,
    RATE = 50,
    BURST = 1000,
    ROUND_TRIPS = 400, /* before, and during the flood: less than a burst together */
    FLOOD_MAX = 2000000,
    WINDOW = 200,
    FLOOD_SILENT = 10000,
    SILENT_MS = 8000,
    HEAP = 20000,
    PATIENCE_MS = 60000,
    QUEUE = 16,
};

static struct broker *broker;
static struct outputd *service;
static struct simulator *trackers;
static struct flood *flood;
static struct crowd *other;

static void write_registry(void)
{
    struct buffer text = {0};

    buffer_put_text(&text, "users = ({ id = 1; }, { id = 2; });\n"
                           "sessions = (\n"
                           "{ hash_sha256 = \"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\"; "
                           "user_id = 1; master = true; },\n"
                           "{ hash_sha256 = \"3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9\"; "
                           "user_id = 2; master = true; });\n"
                           "trackers = ({ id = 265490; user_id = 1; model = \"generic_json\"; outputs = 3; },\n"
                           "{ id = 3000; user_id = 1; model = \"generic_json\"; outputs = 64; }");
    for (int i = 0; i < TRACKERS; i++)
        buffer_printf(&text,
                      ",\n{ id = %d; user_id = 1; model = \"generic_json\"; outputs = 64; }"
                      ",\n{ id = %d; user_id = 2; model = \"generic_json\"; outputs = 64; }",
                      FLOODED + i, OTHERS + i);
    buffer_put_text(&text, ");\n");
    buffer_put_u8(&text, '\0');
    outputd_write(service, "registry.cfg", (const char *)text.data);
    buffer_release(&text);
}

static void set_stage(void)
{
    broker = broker_start("max_queued_messages 0\nmax_inflight_messages 256"); /* as conf/mosquitto has it, nearly */
    service = outputd_new(broker_url(broker));
    write_registry();
    outputd_set(service, "limits.user_rate", "50.0");
    outputd_set(service, "limits.user_burst", "1000");
}

static void clear_stage(void)
{
    crowd_free(other);
    flood_free(flood);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_neighbours_flood, .init = set_stage, .fini = clear_stage, .timeout = 300);

static struct crowd_request flood_request(int number)
{
    return (struct crowd_request){.tracker_id = FLOODED + number % TRACKERS, .output = 1 + number / TRACKERS % 64};
}

static struct crowd_request silent_request(int number)
{
    return (struct crowd_request){.tracker_id = SILENT, .output = 1 + number % 64};
}

static struct crowd_request other_request(int number)
{
    return (struct crowd_request){.tracker_id = OTHERS + number % TRACKERS, .output = 1 + number / TRACKERS % 64};
}

/* The flood is made before anything in this process is connected. */
static void start(const struct flood_plan *plan)
{
    char arguments[128];

    flood = flood_new(broker_url(broker), plan);
    snprintf(arguments, sizeof arguments, "--trackers %d-%d,%d-%d --outputs 64 --latency-ms 0 --quiet", FLOODED,
             FLOODED + TRACKERS - 1, OTHERS, OTHERS + TRACKERS - 1);
    trackers = simulator_ready(broker_url(broker), arguments);
    outputd_start(service);
    outputd_wait_ready(service);
    other = crowd_start(broker_url(broker), OTHER_HASH, 2 * ROUND_TRIPS, other_request);
    cr_assert(other);
}

/* --- round trips of the other user --- */

struct latency {
    uint64_t p50_us;
    uint64_t p99_us;
    uint64_t max_us;
};

static int by_size(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a;
    uint64_t another = *(const uint64_t *)b;

    return one < another ? -1 : one > another;
}

/* One request at a time, each of which must succeed. */
static struct latency measure(void)
{
    static uint64_t took_us[ROUND_TRIPS];

    for (int i = 0; i < ROUND_TRIPS; i++) {
        uint64_t start_us = clock_mono_us();
        uint64_t end_ms = clock_now().mono_ms + PATIENCE_MS;
        int number = other->sent;

        while (other->replied <= number && clock_now().mono_ms < end_ms) {
            if (!crowd_turn(other, number + 1, 1))
                crowd_idle(other);
        }
        cr_assert_eq(other->replied, number + 1, "request %d of the other user has no reply", number);
        cr_assert_eq(other->codes[number], CROWD_SUCCESS, "request %d of the other user: %d", number,
                     other->codes[number]);
        took_us[i] = clock_mono_us() - start_us;
    }
    qsort(took_us, ROUND_TRIPS, sizeof *took_us, by_size);
    return (struct latency){took_us[ROUND_TRIPS / 2], took_us[ROUND_TRIPS * 99 / 100], took_us[ROUND_TRIPS - 1]};
}

static void print(const char *when, struct latency latency)
{
    fprintf(stderr, "flood: another user's round trips %s: p50 %d us, p99 %d us, longest %d us\n", when,
            (int)latency.p50_us, (int)latency.p99_us, (int)latency.max_us);
}

static void print_flood(const struct flood_result *r)
{
    fprintf(stderr, "flood: %d requests in %d ms (%d a second): %d success, %d code 15, %d code 8, %d others\n",
            r->sent, (int)r->duration_ms, (int)((uint64_t)r->sent * 1000 / (r->duration_ms + 1)), r->success,
            r->too_many, r->queue_full, r->others);
}

/* --- the tests --- */

Test(service_neighbours_flood, others_keep_their_service_while_one_user_floods)
{
    struct latency before;
    struct latency during;
    struct flood_result result;
    int allowed;

    start(&(struct flood_plan){FLOOD_HASH, flood_request, .total = FLOOD_MAX, .window = WINDOW, .qos = 1});
    before = measure();
    flood_go(flood);
    outputd_wait_log(service, "code=15", 1); /* the burst is used up */
    during = measure();
    result = flood_stop(flood);
    print("alone", before);
    print("beside the flood", during);
    print_flood(&result);
    allowed = BURST + (int)(result.duration_ms * RATE / 1000) + RATE;
    cr_assert_eq(result.replied, result.sent, "%d of %d", result.replied, result.sent);
    cr_assert_eq(result.contradicting, 0);
    cr_assert_gt(result.too_many, 0);
    cr_assert_leq(result.success, allowed, "%d of %d", result.success, allowed);
    cr_assert_geq(result.success, BURST / 2, "%d", result.success); /* nor is the flooder shut out */
    cr_assert_eq(result.others, 0, "%d", result.others);
    cr_assert_eq(outputd_log_count(service, "connection lost"), 0);
}

/* Nobody limits this user: what does not fit into the tracker's queue is refused at once, and costs nobody else. */
Test(service_neighbours_flood, a_flood_to_one_silent_tracker_is_refused_beyond_its_queue)
{
    struct simulator *silent;
    struct latency before;
    struct latency during;
    struct flood_result result;

    outputd_set(service, "limits.user_rate", "0.0");
    outputd_set(service, "engine.ack_timeout_ms", "8000");
    start(&(struct flood_plan){FLOOD_HASH, silent_request, .total = FLOOD_SILENT, .window = WINDOW, .qos = 1});
    silent = simulator_ready(broker_url(broker), "--trackers 3000 --outputs 64 --silence-rate 1 --quiet");
    (void)silent;
    before = measure();
    flood_go(flood);
    outputd_wait_log(service, "code=8", 1);
    during = measure();
    result = flood_stop(flood);
    print("alone", before);
    print("beside a flood to one tracker", during);
    print_flood(&result);
    cr_assert_eq(result.replied, result.sent, "%d of %d", result.replied, result.sent);
    cr_assert_eq(result.contradicting, 0);
    cr_assert_eq(result.success + result.too_many, 0);
    /* One in flight and those behind it, each time that these ran into their deadline. */
    cr_assert_geq(result.others, 1 + QUEUE);
    cr_assert_leq(result.others, (1 + QUEUE) * (2 + (int)(result.duration_ms / SILENT_MS)), "%d", result.others);
}

/* QoS 0, and no waiting for replies: these lie at the broker before everybody else's requests and acks, and cost all of
 * them the time that the service takes to refuse them. */
Test(service_neighbours_flood, others_are_served_behind_a_heap_of_requests)
{
    struct latency before;
    struct latency during;
    struct flood_result result;

    outputd_set(service, "engine.ack_timeout_ms", "60000");
    start(&(struct flood_plan){FLOOD_HASH, flood_request, .total = HEAP, .window = 0, .qos = 0});
    before = measure();
    flood_go(flood);
    outputd_wait_log(service, "code=15", 1);
    during = measure();
    result = flood_stop(flood);
    print("alone", before);
    print("behind a heap at the broker", during);
    print_flood(&result);
    cr_assert_eq(result.others, 0);
    cr_assert_eq(outputd_log_count(service, "connection lost"), 0);
}
