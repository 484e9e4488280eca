/* What every family of devices does in the simulator. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>

#include "support/broker.h"
#include "support/mqtt_probe.h"
#include "support/simulator.h"

#define BYTES(literal) ((struct bytes){.data = (const uint8_t *)(literal), .len = sizeof(literal) - 1})

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

TestSuite(trackersim_profiles, .init = start_broker, .fini = stop_broker, .timeout = 60);

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

struct family {
    const char *name;
    struct bytes set; /* id 17, output 2 on, for tracker 7 */
    struct bytes set_acked;
    struct bytes set_refused;
    struct bytes unsupported; /* the ack, to `set` and to `unknown` alike */
    struct bytes set_all;     /* on, off, on; no data: the family has none */
    struct bytes set_all_acked;
    struct bytes unknown; /* id 17, a command that no device has */
};

static const struct family families[] = {
    {
        .name = "json",
        .set = BYTES("{\"id\": 17, \"action\": \"set\", \"output\": 2, \"enable\": true}"),
        .set_acked = BYTES("{\"id\": 17, \"success\": true}"),
        .set_refused = BYTES("{\"id\": 17, \"success\": false, \"error\": \"vehicle is moving\"}"),
        .unsupported = BYTES("{\"id\": 17, \"success\": false, \"error\": \"unknown command\", \"unsupported\": true}"),
        .set_all = BYTES("{\"id\": 18, \"action\": \"set_all\", \"outputs\": [true, false, true]}"),
        .set_all_acked = BYTES("{\"id\": 18, \"success\": true}"),
        .unknown = BYTES("{\"id\": 17, \"action\": \"reboot\"}"),
    },
    {
        .name = "msgpack",
        .set = BYTES("\x84\xa2id\x11\xa6"
                     "action\xa3set\xa6output\x02\xa6"
                     "enable\xc3"),
        .set_acked = BYTES("\x82\xa2id\x11\xa7success\xc3"),
        .set_refused = BYTES("\x83\xa2id\x11\xa7success\xc2\xa5"
                             "error\xb1vehicle is moving"),
        .unsupported = BYTES("\x84\xa2id\x11\xa7success\xc2\xa5"
                             "error\xafunknown command\xabunsupported\xc3"),
        .set_all = BYTES("\x83\xa2id\x12\xa6"
                         "action\xa7set_all\xa7outputs\x93\xc3\xc2\xc3"),
        .set_all_acked = BYTES("\x82\xa2id\x12\xa7success\xc3"),
        .unknown = BYTES("\x82\xa2id\x11\xa6"
                         "action\xa6reboot"),
    },
    {
        .name = "suntech",
        .set = BYTES("ST300CMD;7;02;Enable2\r"),
        .set_acked = BYTES("ST300CMD;Res;7;010;Enable2\r"),
        .set_refused = BYTES("ST300CMD;Res;7;010;Enable2NoUse\r"),
        .unsupported = BYTES("ST300CMD;Res;7;010;-Error\r"),
        .unknown = BYTES("ST300CMD;7;03;Reboot\r"),
    },
};

enum { FAMILY_COUNT = sizeof(families) / sizeof(families[0]) };

/* A sim with tracker 7 of that family, all of whose acks are heard. */
static struct simulator *play_family(const struct family *family, const char *more)
{
    char arguments[256];

    listen_to("tracker/7/output/ack");
    snprintf(arguments, sizeof(arguments), "--trackers 7 --latency-ms 0 --profile %s %s", family->name, more);
    return simulator_ready(broker_url(broker), arguments);
}

#define FAMILY_TEST(name)                                     \
    ParameterizedTestParameters(trackersim_profiles, name)    \
    {                                                         \
        static int index[FAMILY_COUNT] = {0, 1, 2};           \
        return cr_make_param_array(int, index, FAMILY_COUNT); \
    }                                                         \
    ParameterizedTest(int *index, trackersim_profiles, name)

FAMILY_TEST(each_profile_acks_set_and_set_all)
{
    const struct family *family = &families[*index];
    struct simulator *sim = play_family(family, "");

    simulator_command(probe, 7, family->set);
    expect_payload(0, family->set_acked);
    if (family->set_all.data) {
        simulator_command(probe, 7, family->set_all);
        expect_payload(1, family->set_all_acked);
    }
    simulator_stop(sim);
    cr_assert(strstr(sim->output, family->set_all.data ? "tracker 7 outputs 101\n" : "tracker 7 outputs 01\n"), "%s",
              sim->output);
}

FAMILY_TEST(each_profile_says_that_it_does_not_know_a_command)
{
    const struct family *family = &families[*index];
    struct simulator *sim = play_family(family, "");

    simulator_command(probe, 7, family->unknown);
    expect_payload(0, family->unsupported);
    simulator_stop(sim);
}

FAMILY_TEST(each_profile_refuses_and_then_switches_nothing)
{
    const struct family *family = &families[*index];
    struct simulator *sim = play_family(family, "--refuse-rate 1");

    simulator_command(probe, 7, family->set);
    expect_payload(0, family->set_refused);
    simulator_stop(sim);
    cr_assert(strstr(sim->output, "acks success=0 refused=1 "), "%s", sim->output);
    cr_assert_not(strstr(sim->output, "tracker 7 outputs"), "%s", sim->output);
}

FAMILY_TEST(each_profile_plays_a_device_without_the_command)
{
    const struct family *family = &families[*index];
    struct simulator *sim = play_family(family, "--unsupported-rate 1");

    simulator_command(probe, 7, family->set);
    expect_payload(0, family->unsupported);
    simulator_stop(sim);
}

FAMILY_TEST(each_profile_sends_an_ack_twice)
{
    const struct family *family = &families[*index];
    struct simulator *sim = play_family(family, "--duplicate-rate 1");

    simulator_command(probe, 7, family->set);
    expect_payload(0, family->set_acked);
    expect_payload(1, family->set_acked);
    simulator_stop(sim);
}

FAMILY_TEST(each_profile_sends_garbage_before_the_ack)
{
    enum { COMMANDS = 10 };
    const struct family *family = &families[*index];
    struct simulator *sim = play_family(family, "--garbage-rate 1");
    int fragments = 0;

    for (int i = 0; i < COMMANDS; i++)
        simulator_command(probe, 7, family->set);
    for (int i = 0; i < COMMANDS; i++) {
        struct bytes garbage = payload_at(2 * i);
        bool is_fragment =
            2 * garbage.len <= family->set_acked.len && memcmp(garbage.data, family->set_acked.data, garbage.len) == 0;

        cr_assert(is_fragment || garbage.data[0] == 0xC1, "%.*s", (int)garbage.len, garbage.data);
        fragments += is_fragment;
        expect_payload(2 * i + 1, family->set_acked);
    }
    cr_assert(fragments > 0 && fragments < COMMANDS, "%d fragments", fragments);
    simulator_stop(sim);
}

FAMILY_TEST(each_profile_says_nothing_to_what_is_no_command)
{
    const struct family *family = &families[*index];
    struct simulator *sim = play_family(family, "");

    simulator_command(probe, 7, BYTES(""));
    simulator_command(probe, 7, bytes_of(family->set.data, family->set.len - 1));
    simulator_command(probe, 7, BYTES("\xdd\xff\xff\xff\xff"));
    simulator_command(probe, 7, BYTES("{\"id\": 1, \"action\": \"set\", \"output\": 0, \"enable\": true}"));
    simulator_command(probe, 7, family->set);
    expect_payload(0, family->set_acked);
    simulator_stop(sim);
    cr_assert(strstr(sim->output, "seen=5 ") && strstr(sim->output, "unreadable=4 "), "%s", sim->output);
}
