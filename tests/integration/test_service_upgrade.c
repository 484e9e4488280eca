/* From one version to the next under load: every request has one reply, none is commanded twice, and none is refused
 * because of it. What is published while no service runs waits at the broker. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/version.h"
#include "support/broker.h"
#include "support/crowd.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"
#include "support/simulator.h"

enum {
    FIRST = 1000,
    TRACKERS = 60,
    REQUESTS = 4000,
    BEFORE = 1000,    /* with replies when the signal comes */
    MEANWHILE = 1500, /* sent while no service runs */
    WINDOW = 100,
    PATIENCE_MS = 60000,
};

static struct broker *broker;
static struct outputd *service;
static struct field *witness; /* of the commands */
static struct crowd *crowd;

static void write_registry(void)
{
    struct buffer text = {0};

    buffer_put_text(&text, "users = ({ id = 1; });\n"
                           "sessions = ({ hash_sha256 = "
                           "\"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\"; "
                           "user_id = 1; master = true; });\n"
                           "trackers = ({ id = 265490; user_id = 1; model = \"generic_json\"; outputs = 3; }");
    for (int i = 0; i < TRACKERS; i++)
        buffer_printf(&text, ",\n{ id = %d; user_id = 1; model = \"generic_json\"; outputs = 64; }", FIRST + i);
    buffer_put_text(&text, ");\n");
    buffer_put_u8(&text, '\0');
    outputd_write(service, "registry.cfg", (const char *)text.data);
    buffer_release(&text);
}

static struct crowd_request request(int number)
{
    return (struct crowd_request){.tracker_id = FIRST + number % TRACKERS, .output = 1 + number / TRACKERS % 64};
}

static void set_stage(void)
{
    char arguments[96];

    broker = broker_start("max_queued_messages 0\nmax_inflight_messages 256");
    service = outputd_new(broker_url(broker));
    write_registry();
    outputd_set(service, "engine.ack_timeout_ms", "60000");
    outputd_set(service, "engine.tracker_queue_max", "1000");
    outputd_set(service, "broker.session_expiry_s", "300");
    snprintf(arguments, sizeof arguments, "--trackers %d-%d --outputs 64 --latency-ms 10 --quiet", FIRST,
             FIRST + TRACKERS - 1);
    simulator_ready(broker_url(broker), arguments);
    witness = field_new(broker_url(broker));
    witness->is_silent = true;
    field_connect(witness);
    outputd_start(service);
    outputd_wait_ready(service);
    crowd = crowd_start(broker_url(broker), "a6aa75587e5c59c32d347da438505fc3", REQUESTS, request);
    cr_assert(crowd);
}

static void clear_stage(void)
{
    crowd_free(crowd);
    field_free(witness);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_upgrade, .init = set_stage, .fini = clear_stage, .timeout = 300);

static void use_next_version(void)
{
    const char *program = getenv("OUTPUTD");
    char next[512];

    program = program ? program : "build/outputd";
    cr_assert(strrchr(program, '/'), "OUTPUTD is no path");
    snprintf(next, sizeof next, "%.*s/tests/outputd_next", (int)(strrchr(program, '/') - program), program);
    setenv("OUTPUTD", next, 1);
}

static void turn_until(bool (*is_so)(void), int until, int window)
{
    uint64_t end_ms = clock_now().mono_ms + PATIENCE_MS;

    while (!is_so() && clock_now().mono_ms < end_ms) {
        crowd_turn(crowd, until, window);
        pump_turn();
    }
    cr_assert(is_so(), "%d sent, %d replied", crowd->sent, crowd->replied);
}

static bool some_have_replies(void)
{
    return crowd->replied >= BEFORE;
}

static bool it_has_ended(void)
{
    return outputd_has_ended(service);
}

static bool all_have_replies(void)
{
    return crowd->replied == REQUESTS;
}

/* Each command's id once. */
static void expect_each_command_once(void)
{
    field_wait(witness, REQUESTS);
    field_sync(witness);
    cr_assert_eq(witness->count, REQUESTS, "%d commands", witness->count);
    for (int i = 0; i < witness->count; i += 97)
        cr_assert_eq(field_count_id(witness, witness->commands[i].id), 1);
}

Test(service_upgrade, a_restart_that_hands_over_loses_and_refuses_nothing)
{
    char version[64];

    turn_until(some_have_replies, REQUESTS, WINDOW);
    outputd_signal(service, SIGUSR2);
    turn_until(it_has_ended, REQUESTS, WINDOW);
    cr_assert_gt(outputd_log_count(service, "stopped"), 0);
    cr_assert(crowd_hand_over(crowd, crowd->sent + MEANWHILE < REQUESTS ? crowd->sent + MEANWHILE : REQUESTS));
    cr_assert(!all_have_replies(), "there was nothing left to hand over");
    use_next_version();
    outputd_start(service);
    turn_until(all_have_replies, REQUESTS, 0);
    snprintf(version, sizeof version, "version=%s+next", outputd_version);
    cr_assert_eq(outputd_log_count(service, version), 1);
    cr_assert_eq(crowd_count(crowd, CROWD_SUCCESS), REQUESTS);
    cr_assert_eq(crowd->contradicting, 0);
    cr_assert_eq(crowd->strange, 0);
    expect_each_command_once();
}

/* The old version drains: what waits or comes is refused with code 8, and nobody is left without a reply to what the
 * broker took. MQTT 5 tells requesters whom nobody listens to (reason 0x10). */
Test(service_upgrade, one_that_drains_answers_everything_that_it_was_given)
{
    int left;

    turn_until(some_have_replies, REQUESTS, WINDOW);
    cr_assert(crowd_hand_over(crowd, crowd->sent + MEANWHILE));
    left = crowd->sent;
    outputd_signal(service, SIGTERM);
    turn_until(it_has_ended, left, 0);
    cr_assert_gt(outputd_log_count(service, "stopped"), 0);
    use_next_version();
    outputd_start(service);
    outputd_wait_ready(service);
    while (crowd->replied < left)
        if (!crowd_turn(crowd, left, 0))
            crowd_idle(crowd);
    cr_assert_gt(crowd_count(crowd, 8), 0);
    cr_assert_eq(crowd_count(crowd, CROWD_SUCCESS) + crowd_count(crowd, 8), left);
    cr_assert_eq(crowd->contradicting, 0);
    cr_assert_eq(crowd->strange, 0);
}
