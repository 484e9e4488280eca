/* The simulator, played against as the service would. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "support/broker.h"
#include "support/mqtt_probe.h"
#include "support/simulator.h"

#define BYTES(literal) ((struct bytes){.data = (const uint8_t *)(literal), .len = sizeof(literal) - 1})
#define SET "{\"id\": 17, \"action\": \"set\", \"output\": 2, \"enable\": true}"
#define ACK_17 "{\"id\": 17, \"success\": true}"

static struct broker *broker;
static struct probe *probe;

static void start_broker(void)
{
    broker = broker_start(NULL);
}

static void stop_broker(void)
{
    if (probe)
        probe_free(probe);
    broker_stop(broker);
}

TestSuite(trackersim, .init = start_broker, .fini = stop_broker, .timeout = 60);

static void listen_to(const char *filter)
{
    probe = probe_start(broker_url(broker), filter, 1);
}

static struct bytes payload_at(int i)
{
    cr_assert(probe_wait(probe, i + 1), "message %d does not come", i);
    return bytes_of(probe->messages[i].payload, probe->messages[i].payload_len);
}

static void expect_payload(int i, struct bytes expected)
{
    struct bytes got = payload_at(i);

    cr_assert(bytes_equal(got, expected), "message %d on %s is %.*s", i, probe->messages[i].topic, (int)got.len,
              got.data);
}

static void expect_message(int i, const char *topic, const char *payload)
{
    expect_payload(i, bytes_of_text(payload));
    cr_assert_str_eq(probe->messages[i].topic, topic);
}

/* A `set` of the json family; every second command is off. */
static void set_command(int tracker_id, int command_id)
{
    char payload[128];

    snprintf(payload, sizeof(payload), "{\"id\": %d, \"action\": \"set\", \"output\": 1, \"enable\": %s}", command_id,
             command_id % 2 ? "true" : "false");
    simulator_command(probe, tracker_id, bytes_of_text(payload));
}

/* --- acks --- */

Test(trackersim, a_silent_tracker_acks_nothing_before_another_ones_ack)
{
    listen_to("tracker/#");
    struct simulator *silent = simulator_ready(broker_url(broker), "--trackers 7 --latency-ms 0 --silence-rate 1");
    struct simulator *fence = simulator_ready(broker_url(broker), "--trackers 8 --latency-ms 0");
    expect_message(0, "tracker/7/status", "online");
    expect_message(1, "tracker/8/status", "online");
    set_command(7, 1);
    expect_message(2, "tracker/7/output/command", "{\"id\": 1, \"action\": \"set\", \"output\": 1, \"enable\": true}");
    set_command(8, 2);
    expect_message(4, "tracker/8/output/ack", "{\"id\": 2, \"success\": true}");
    simulator_stop(silent);
    expect_message(5, "tracker/7/status", "offline"); /* which comes after all its acks */
    cr_assert(strstr(silent->output, "success=0 ") && strstr(silent->output, "silent=1 "), "%s", silent->output);
    simulator_stop(fence);
}

Test(trackersim, an_ack_goes_to_the_response_topic_with_the_correlation)
{
    listen_to("acks/here");
    struct simulator *sim = simulator_ready(broker_url(broker), "--trackers 7");
    simulator_publish(probe, &(struct mqtt_publish){.topic = bytes_of_text("tracker/7/output/command"),
                                                    .payload = BYTES(SET),
                                                    .response_topic = bytes_of_text("acks/here"),
                                                    .correlation = BYTES("\0\1\2"),
                                                    .qos = 1});
    expect_payload(0, BYTES(ACK_17));
    cr_assert_eq(probe->messages[0].correlation_len, 3);
    cr_assert_eq(memcmp(probe->messages[0].correlation, "\0\1\2", 3), 0);
    cr_assert_eq(probe->messages[0].qos, 1);
    simulator_stop(sim);
}

Test(trackersim, an_ack_takes_its_latency_and_the_jitter_reorders)
{
    listen_to("tracker/+/output/ack");
    struct simulator *sim =
        simulator_ready(broker_url(broker), "--trackers 1-20 --latency-ms 100 --jitter-ms 200 --seed 5");
    uint64_t start_ms = clock_now().mono_ms;
    bool is_reordered = false;

    for (int i = 1; i <= 20; i++)
        set_command(i, 1);
    (void)payload_at(0);
    cr_assert_geq(clock_now().mono_ms - start_ms, 100);
    (void)payload_at(19);
    for (int i = 1; i < 20; i++)
        is_reordered |= atoi(probe->messages[i].topic + 8) < atoi(probe->messages[i - 1].topic + 8);
    cr_assert(is_reordered);
    simulator_stop(sim);
}

Test(trackersim, acks_of_the_same_latency_keep_the_order_of_the_commands)
{
    enum { COMMANDS = 100 };

    listen_to("tracker/7/output/ack");
    struct simulator *sim = simulator_ready(broker_url(broker), "--trackers 7 --latency-ms 50");
    for (int i = 1; i <= COMMANDS; i++)
        set_command(7, i);
    for (int i = 1; i <= COMMANDS; i++) {
        char ack[64];

        snprintf(ack, sizeof(ack), "{\"id\": %d, \"success\": true}", i);
        expect_message(i - 1, "tracker/7/output/ack", ack);
    }
    simulator_stop(sim);
}

Test(trackersim, an_ack_does_not_wait_for_what_is_due_later)
{
    listen_to("tracker/7/output/ack");
    struct simulator *sim =
        simulator_ready(broker_url(broker), "--trackers 7,8,9 --restart-every-ms 80000000 --seed 1");
    simulator_command(probe, 7, BYTES(SET));
    expect_payload(0, BYTES(ACK_17));
    simulator_stop(sim);
}

Test(trackersim, a_command_for_another_device_id_is_not_answered)
{
    listen_to("tracker/7/output/ack");
    struct simulator *sim =
        simulator_ready(broker_url(broker), "--trackers 7 --latency-ms 0 --profile suntech --device-id 90{tracker_id}");
    simulator_command(probe, 7, BYTES("ST300CMD;7;02;Enable1\r"));
    simulator_command(probe, 7, BYTES("ST300CMD;907;02;Disable1\r"));
    expect_payload(0, BYTES("ST300CMD;Res;907;010;Disable1\r"));
    simulator_stop(sim);
    cr_assert(strstr(sim->output, "other_device=1 "), "%s", sim->output);
}

Test(trackersim, more_trackers_than_filters_and_none_of_the_others)
{
    listen_to("tracker/+/output/ack");
    struct simulator *sim = simulator_ready(broker_url(broker), "--trackers 1-40,100-120 --latency-ms 0");
    set_command(41, 1);
    set_command(120, 2);
    expect_message(0, "tracker/120/output/ack", "{\"id\": 2, \"success\": true}");
    simulator_stop(sim);
    cr_assert(strstr(sim->output, "seen=1 "), "%s", sim->output);
}

Test(trackersim, the_prefix_goes_before_every_topic)
{
    listen_to("site7/#");
    struct simulator *sim = simulator_ready(broker_url(broker), "--trackers 7 --latency-ms 0 --prefix site7/");
    expect_message(0, "site7/tracker/7/status", "online");
    simulator_publish(probe, &(struct mqtt_publish){.topic = bytes_of_text("site7/tracker/7/output/command"),
                                                    .payload = BYTES(SET),
                                                    .qos = 1});
    expect_message(2, "site7/tracker/7/output/ack", ACK_17);
    simulator_stop(sim);
    expect_message(3, "site7/tracker/7/status", "offline");
}

/* --- repeated commands --- */

Test(trackersim, a_command_id_that_comes_twice_to_a_tracker_is_reported)
{
    listen_to("tracker/+/output/ack");
    struct simulator *sim = simulator_ready(broker_url(broker), "--trackers 7,8 --latency-ms 0 --quiet");
    set_command(7, 1);
    set_command(8, 1);
    set_command(7, 2);
    set_command(7, 1);
    simulator_expect(sim, "7 command 1 REPEATED\n");
    kill(sim->pid, SIGUSR1);
    simulator_expect(sim, "commands seen=4 distinct=3 REPEATED=1 ");
    simulator_stop(sim);
}

Test(trackersim, text_families_take_the_id_from_the_correlation)
{
    listen_to("tracker/7/output/ack");
    struct simulator *sim = simulator_ready(broker_url(broker), "--trackers 7 --latency-ms 0 --profile suntech");
    struct mqtt_publish publish = {.topic = bytes_of_text("tracker/7/output/command"),
                                   .payload = BYTES("ST300CMD;7;02;Enable1\r"),
                                   .correlation = BYTES("\0\0\0\0\0\0\1\4"),
                                   .qos = 1};
    simulator_publish(probe, &publish);
    simulator_publish(probe, &publish);
    publish.correlation = BYTES("\0\0\0\0\0\0\1\5");
    simulator_publish(probe, &publish);
    publish.correlation = (struct bytes){0};
    simulator_publish(probe, &publish);
    (void)payload_at(3);
    simulator_stop(sim);
    cr_assert(strstr(sim->output, "7 command 260 REPEATED\n"), "%s", sim->output);
    cr_assert(strstr(sim->output, "seen=4 distinct=2 REPEATED=1 without_id=1 "), "%s", sim->output);
}

/* --- chance --- */

enum { THROWN_COMMANDS = 40 };

/* The first letter of what became of each command, in the order of their ids. */
static void read_fates(const char *output, char fates[THROWN_COMMANDS + 1])
{
    memset(fates, '?', THROWN_COMMANDS);
    fates[THROWN_COMMANDS] = '\0';
    for (const char *line = output; *line; line += strcspn(line, "\n") + 1) {
        int id;
        char fate;

        if (sscanf(line, "7 ack %d %c", &id, &fate) == 2 && id >= 1 && id <= THROWN_COMMANDS)
            fates[id - 1] = fate;
        else if (sscanf(line, "7 no ack %d", &id) == 1 && id >= 1 && id <= THROWN_COMMANDS)
            fates[id - 1] = '-';
    }
}

static void throw_fates(const char *seed, char fates[THROWN_COMMANDS + 1])
{
    char arguments[200];

    snprintf(arguments, sizeof(arguments),
             "--trackers 7 --latency-ms 0 --refuse-rate .25 --unsupported-rate .25 --silence-rate .25 --log --seed %s",
             seed);
    struct simulator *sim = simulator_ready(broker_url(broker), arguments);
    for (int i = 1; i <= THROWN_COMMANDS; i++)
        set_command(7, i);
    snprintf(arguments, sizeof(arguments), "7 command %d ", THROWN_COMMANDS);
    simulator_expect(sim, arguments);
    simulator_stop(sim);
    read_fates(sim->output, fates);
    simulator_free(sim);
}

Test(trackersim, a_seed_decides_what_becomes_of_each_command)
{
    char first[THROWN_COMMANDS + 1], again[THROWN_COMMANDS + 1], other[THROWN_COMMANDS + 1];

    listen_to(NULL);
    throw_fates("42", first);
    throw_fates("42", again);
    throw_fates("43", other);
    cr_assert_str_eq(first, again);
    cr_assert_str_neq(first, other);
    cr_assert_eq(strspn(first, "sru-"), THROWN_COMMANDS, "%s", first);
    cr_assert(strchr(first, 's') && strchr(first, 'r') && strchr(first, 'u') && strchr(first, '-'), "%s", first);
}

/* --- presence and life --- */

Test(trackersim, presence_is_retained_at_the_start_and_at_the_end)
{
    struct simulator *sim = simulator_ready(broker_url(broker), "--trackers 7,8 --offline 9 --seed 42");
    char start[128];

    snprintf(start, sizeof(start), "trackersim: 3 trackers (json) on %s, seed 42\ntrackersim: ready\n",
             broker_url(broker));
    cr_assert_str_eq(sim->output, start);
    listen_to("tracker/+/status");
    (void)payload_at(2);
    for (int i = 0; i < 3; i++) {
        cr_assert(probe->messages[i].retain);
        cr_assert_str_eq(probe->messages[i].payload, strstr(probe->messages[i].topic, "/9/") ? "offline" : "online");
    }
    probe_free(probe);
    simulator_stop(sim);

    listen_to("tracker/+/status");
    for (int i = 0; i < 3; i++)
        expect_payload(i, BYTES("offline"));
}

Test(trackersim, a_tracker_that_is_offline_answers_nothing)
{
    listen_to("tracker/+/output/ack");
    struct simulator *sim = simulator_ready(broker_url(broker), "--trackers 7 --offline 9 --latency-ms 0");
    set_command(9, 1);
    set_command(7, 2);
    expect_message(0, "tracker/7/output/ack", "{\"id\": 2, \"success\": true}");
    simulator_stop(sim);
    cr_assert(strstr(sim->output, "while_offline=1\n"), "%s", sim->output);
}

Test(trackersim, restarting_trackers_go_and_come_back)
{
    listen_to("tracker/7/status");
    struct simulator *sim =
        simulator_ready(broker_url(broker), "--trackers 7 --restart-every-ms 50 --restart-down-ms 10");

    for (int i = 0; i < 7; i++)
        expect_message(i, "tracker/7/status", i % 2 ? "offline" : "online");
    simulator_stop(sim);
}

static bool has_come(const char *topic, const char *payload)
{
    for (int i = 0; i < probe->count; i++)
        if (strcmp(probe->messages[i].topic, topic) == 0 && strcmp(probe->messages[i].payload, payload) == 0)
            return true;
    return false;
}

/* Sends the command again and again until it was acked: nobody hears it before the simulator has subscribed. */
static void command_until_acked(int tracker_id, struct bytes payload, const char *topic, const char *ack)
{
    uint64_t deadline_ms = clock_now().mono_ms + 10000;

    while (!has_come(topic, ack)) {
        cr_assert_lt(clock_now().mono_ms, deadline_ms, "no ack");
        simulator_command(probe, tracker_id, payload);
        for (bool more = true; probe_is_readable(probe, 100) && more;)
            cr_assert_geq(mqtt_receive(probe->m, 64, &more), 0);
    }
}

Test(trackersim, after_a_broker_restart_it_is_online_again_and_answers)
{
    struct simulator *sim = simulator_ready(broker_url(broker), "--trackers 7 --latency-ms 0");

    listen_to(NULL);
    simulator_publish(probe, &(struct mqtt_publish){
                                 .topic = bytes_of_text("tracker/7/status"), .qos = 1, .retain = true}); /* forget it */
    cr_assert(probe_wait_acked(probe, 1));
    probe_free(probe);
    broker_restart(broker);
    simulator_expect(sim, "connection lost");
    listen_to("tracker/7/#");
    command_until_acked(7, BYTES(SET), "tracker/7/output/ack", ACK_17);
    cr_assert(has_come("tracker/7/status", "online"));
    simulator_stop(sim);
}

Test(trackersim, it_waits_for_a_broker_that_is_not_there_yet)
{
    char arguments[80];

    snprintf(arguments, sizeof(arguments), "--trackers 7 --broker mqtt://127.0.0.1:%u", broker_free_port());
    struct simulator *sim = simulator_start(broker_url(broker), arguments);
    simulator_expect(sim, "no connection");
    simulator_stop(sim); /* it never said online: there is nothing to take back */
}

Test(trackersim, it_ends_when_enough_commands_were_answered)
{
    listen_to("tracker/7/#");
    struct simulator *sim = simulator_ready(broker_url(broker), "--trackers 7 --count 3");

    for (int i = 1; i <= 3; i++)
        set_command(7, i);
    cr_assert_eq(simulator_exit_status(sim), 0);
    expect_message(7, "tracker/7/status", "offline");
}

/* --- mistakes --- */

static const struct mistake {
    const char *arguments;
    const char *complaint;
} mistakes[] = {
    {"", "--trackers is missing"},
    {"--trackers", "--trackers needs a value"},
    {"--trackers 1,", "not a list of tracker ids"},
    {"--trackers 0", "not a list of tracker ids"},
    {"--trackers 9-3", "not a list of tracker ids"},
    {"--trackers 2147483648", "not a list of tracker ids"},
    {"--trackers 1-1000001", "more than 1000000 trackers"},
    {"--trackers 1 --offline x", "--offline: \"x\""},
    {"--trackers 1 --broker localhost", "is not a URL"},
    {"--trackers 1 --username u --password-file /nowhere", "cannot read /nowhere"},
    {"--trackers 1 --prefix a/+/", "cannot be in a topic"},
    {"--trackers 1 --profile morse", "only json, msgpack, suntech"},
    {"--trackers 1 --device-id {imei}", "no { but in {tracker_id}"},
    {"--trackers 1 --device-id {tracker_id}{tracker_id} --profile jt808", "too long for jt808"},
    {"--trackers 1 --device-id a/b --profile tasmota", "characters that tasmota does not have"},
    {"--trackers 1 --outputs 0", "a device has at least one"},
    {"--trackers 1 --outputs 65", "not a whole number from 0 to 64"},
    {"--trackers 1 --latency-ms -1", "not a whole number"},
    {"--trackers 1 --jitter-ms 1.5", "not a whole number"},
    {"--trackers 1 --count 18446744073709551616", "not a whole number"},
    {"--trackers 1 --silence-rate 1.1", "not a probability"},
    {"--trackers 1 --garbage-rate nan", "not a probability"},
    {"--trackers 1 --refuse-rate .6 --silence-rate .6", "more than 1 together"},
    {"--trackers 1 --log --quiet", "exclude one another"},
    {"--trackers 1 --log=yes", "takes no value"},
    {"--trackers 1 --nonsense", "--nonsense is not an option"},
    {"--trackers 1 -v", "-v is not an option"},
    {"--trackers 1 2", "one argument too many"},
};

Test(trackersim, a_mistake_in_the_arguments_is_one_clear_line_and_status_2)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct simulator *sim = simulator_start(broker_url(broker), mistakes[i].arguments);

        cr_expect_eq(simulator_exit_status(sim), 2, "%s", mistakes[i].arguments);
        cr_expect(strstr(sim->output, mistakes[i].complaint), "%s: %s", mistakes[i].arguments, sim->output);
        cr_expect_eq(strchr(sim->output, '\n'), sim->output + sim->len - 1, "%s", sim->output);
        simulator_free(sim);
    }
}

Test(trackersim, help_names_every_profile_and_is_status_0)
{
    struct simulator *sim = simulator_start(broker_url(broker), "--help");

    cr_assert_eq(simulator_exit_status(sim), 0);
    cr_assert(strstr(sim->output, "--restart-every-ms N") && strstr(sim->output, "json, msgpack, suntech, "));
    cr_assert(strstr(sim->output, ", shelly_gen2.\n"), "%s", sim->output);
}
