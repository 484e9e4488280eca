/* Families of devices end to end: requests, the service with its shipped profiles, a real broker, and simulated devices
 * that were written without the service's framers, templates and profiles. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/outputd.h"
#include "support/simulator.h"

struct family {
    const char *simulated; /* profile of the simulator */
    const char *model;
    const char *device_id;
    const char *vars; /* of the registry */
    int outputs;
    bool has_set_all;
    int refused; /* the codes of what it says; 213: it has no words for it */
    int unsupported;
};

static const struct family families[] = {
    {"teltonika", "teltonika_fmb120", "352093081429150", "", 2, true, 266, 266},
    {"gt06", "gt06", "123456789012345", "", 1, false, 266, 266},
    {"queclink", "queclink_gv300", "135790246811220", "password = \"gv300\"; model = \"GV\";", 4, true, 213, 213},
    {"meitrack", "meitrack_mvt380", "353358017784062", "", 5, true, 266, 266},
    {"suntech", "suntech_st300", "100850000", "prefix = \"ST300\";", 2, false, 266, 214},
    {"ruptela", "ruptela_fm_eco4", "864606044993987", "", 2, true, 266, 213},
    {"jt808", "jt808", "024530313349", "", 1, false, 266, 214},
    {"tasmota", "tasmota", "tracker_relay", "", 2, true, 266, 266},
    {"shelly_gen1", "shelly_25", "shellyswitch25-98F4AB", "", 2, false, 213, 213},
    {"shelly_gen2", "shelly_plus_2pm", "shellyplus2pm-aabbccddeeff", "", 2, false, 266, 214},
};

enum { FAMILY_COUNT = sizeof families / sizeof *families, FIRST_ID = 3001 };

static struct broker *broker;
static struct outputd *service;
static struct desk *desk;
static struct simulator *simulators[FAMILY_COUNT];

static void write_registry(void)
{
    struct buffer text = {0};

    buffer_put_text(&text, "users = ({ id = 1; });\n"
                           "sessions = ({ hash_sha256 = "
                           "\"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\"; user_id = 1; "
                           "master = true; });\n"
                           "trackers = (\n");
    for (int i = 0; i < FAMILY_COUNT; i++)
        buffer_printf(
            &text,
            "{ id = %d; user_id = 1; model = \"%s\"; device_id = \"%s\"; outputs = %d; reserved_outputs = []; "
            "vars = { %s }; }%s\n",
            FIRST_ID + i, families[i].model, families[i].device_id, families[i].outputs, families[i].vars,
            i < FAMILY_COUNT - 1 ? "," : ");");
    buffer_put_u8(&text, '\0');
    outputd_write(service, "registry.cfg", (const char *)text.data);
    buffer_release(&text);
}

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    write_registry();
    desk = desk_start(broker_url(broker));
}

static void clear_stage(void)
{
    for (int i = 0; i < FAMILY_COUNT; i++) {
        if (simulators[i])
            simulator_free(simulators[i]);
    }
    desk_free(desk);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_families, .init = set_stage, .fini = clear_stage, .timeout = 240);

/* One simulator for each family, and the service once all are online. */
static void start_all(const char *behaviour)
{
    char arguments[256];

    for (int i = 0; i < FAMILY_COUNT; i++) {
        snprintf(arguments, sizeof arguments,
                 "--trackers %d --profile %s --device-id %s --outputs %d --seed 7 --log %s", FIRST_ID + i,
                 families[i].simulated, families[i].device_id, families[i].outputs, behaviour);
        simulators[i] = simulator_ready(broker_url(broker), arguments);
    }
    outputd_start(service);
    outputd_wait_ready(service);
}

/* The outputs as the device itself has them at its end, "10". */
static void expect_outputs(int i, const char *outputs)
{
    char line[96];

    simulator_stop(simulators[i]);
    snprintf(line, sizeof line, "trackersim: tracker %d outputs %s\n", FIRST_ID + i, outputs);
    cr_expect(strstr(simulators[i]->output, line), "%s: %s%s", families[i].simulated, line, simulators[i]->output);
    cr_expect(strstr(simulators[i]->output, " REPEATED=0 "), "%s: %s", families[i].simulated, simulators[i]->output);
}

/* All on, or all off but the first one. */
static void send_set_all(int i, const char *correlation, bool only_first)
{
    struct buffer payload = {0};

    buffer_printf(&payload, "{\"hash\": \"" DESK_HASH "\", \"tracker_id\": %d, \"outputs\": [true", FIRST_ID + i);
    for (int n = 1; n < families[i].outputs; n++)
        buffer_printf(&payload, ", %s", only_first ? "false" : "true");
    buffer_put_text(&payload, "]}");
    desk_send(desk, "set_all", correlation, buffer_bytes(&payload));
    buffer_release(&payload);
}

static const char *named(int i, const char *what)
{
    static char name[64];

    snprintf(name, sizeof name, "%s-%s", families[i].simulated, what);
    return name;
}

static const char *all_of(int outputs, char first, char rest)
{
    static char text[16];

    memset(text, rest, sizeof text);
    text[0] = first;
    text[outputs] = '\0';
    return text;
}

Test(service_families, every_family_switches)
{
    start_all("");
    for (int i = 0; i < FAMILY_COUNT; i++) {
        const struct family *f = &families[i];

        if (f->has_set_all) { /* Queclink's states are known only after that */
            send_set_all(i, named(i, "all-on"), false);
            desk_expect_success(desk, named(i, "all-on"));
            send_set_all(i, named(i, "mixed"), true);
            desk_expect_success(desk, named(i, "mixed"));
        }
        desk_set(desk, named(i, "on"), FIRST_ID + i, f->outputs, true);
        desk_expect_success(desk, named(i, "on"));
        desk_set(desk, named(i, "off"), FIRST_ID + i, 1, false);
        desk_expect_success(desk, named(i, "off"));
    }
    for (int i = 0; i < FAMILY_COUNT; i++) {
        const struct family *f = &families[i];
        char outputs[16];

        snprintf(outputs, sizeof outputs, "%s", all_of(f->outputs, '0', '0'));
        if (f->outputs > 1)
            outputs[f->outputs - 1] = '1';
        expect_outputs(i, outputs);
    }
}

/* Where a family has no words for it, the device says nothing, and nobody knows. */
static void expect_refusals(const char *behaviour, bool unsupported)
{
    outputd_set(service, "engine.ack_timeout_ms", "1500");
    outputd_set(service, "engine.quarantine_ms", "1");
    start_all(behaviour);
    for (int i = 0; i < FAMILY_COUNT; i++) {
        if (families[i].outputs == 4) /* Queclink: only a set_all needs no known states */
            send_set_all(i, named(i, "set"), false);
        else
            desk_set(desk, named(i, "set"), FIRST_ID + i, 1, true);
    }
    for (int i = 0; i < FAMILY_COUNT; i++) {
        int code = unsupported ? families[i].unsupported : families[i].refused;

        desk_expect_error(desk, named(i, "set"), code, code == 213 ? "unknown" : "rejected");
    }
}

Test(service_families, refusals_are_told)
{
    expect_refusals("--refuse-rate 1", false);
}

Test(service_families, unknown_commands_are_told)
{
    expect_refusals("--unsupported-rate 1", true);
}

Test(service_families, garbage_around_acks_hides_and_completes_nothing)
{
    enum { ROUNDS = 12 };
    char what[32];

    start_all("--garbage-rate 1 --latency-ms 2");
    for (int i = 0; i < FAMILY_COUNT; i++) {
        if (families[i].outputs == 4) {
            send_set_all(i, named(i, "all"), false);
            desk_expect_success(desk, named(i, "all"));
        }
    }
    for (int round = 0; round < ROUNDS; round++) {
        snprintf(what, sizeof what, "%d", round);
        for (int i = 0; i < FAMILY_COUNT; i++)
            desk_set(desk, named(i, what), FIRST_ID + i, 1, round % 2 == 0);
    }
    for (int round = 0; round < ROUNDS; round++) {
        snprintf(what, sizeof what, "%d", round);
        for (int i = 0; i < FAMILY_COUNT; i++)
            desk_expect_success(desk, named(i, what));
    }
}
