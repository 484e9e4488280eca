/* Relays that speak MQTT themselves: Tasmota and both kinds of Shelly, on their own topics. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "support/broker.h"
#include "support/mqtt_probe.h"
#include "support/simulator.h"

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

TestSuite(trackersim_relays, .init = start_broker, .fini = stop_broker, .timeout = 60);

static void listen_to(const char *filter)
{
    probe = probe_start(broker_url(broker), filter, 1);
}

static struct simulator *play(const char *arguments)
{
    char line[256];

    snprintf(line, sizeof(line), "--latency-ms 0 %s", arguments);
    return simulator_ready(broker_url(broker), line);
}

static void say(const char *topic, const char *payload)
{
    simulator_publish(
        probe, &(struct mqtt_publish){.topic = bytes_of_text(topic), .payload = bytes_of_text(payload), .qos = 1});
}

static void expect_message(int i, const char *topic, const char *payload)
{
    cr_assert(probe_wait(probe, i + 1), "message %d does not come", i);
    cr_assert_str_eq(probe->messages[i].topic, topic);
    cr_assert_str_eq(probe->messages[i].payload, payload);
}

/* --- Tasmota --- */

#define TASMOTA "--trackers 7 --profile tasmota --device-id tracker_relay "

Test(trackersim_relays, tasmota_tells_the_new_state_as_a_result)
{
    struct simulator *sim = play(TASMOTA);

    listen_to("stat/#");
    say("cmnd/tracker_relay/POWER1", "ON");
    expect_message(0, "stat/tracker_relay/RESULT", "{\"POWER1\":\"ON\"}");
    say("cmnd/tracker_relay/POWER3", "OFF");
    expect_message(1, "stat/tracker_relay/RESULT", "{\"POWER3\":\"OFF\"}");
    say("cmnd/tracker_relay/power", "1"); /* the first, and in words that it takes as well */
    expect_message(2, "stat/tracker_relay/RESULT", "{\"POWER1\":\"ON\"}");
    simulator_stop(sim);
    cr_assert(strstr(sim->output, "tracker 7 outputs 100\n"), "%s", sim->output);
}

Test(trackersim_relays, tasmota_tells_every_relay_that_power0_switched)
{
    struct simulator *sim = play(TASMOTA "--outputs 2");

    listen_to("stat/#");
    say("cmnd/tracker_relay/POWER0", "ON");
    expect_message(0, "stat/tracker_relay/RESULT", "{\"POWER1\":\"ON\"}");
    expect_message(1, "stat/tracker_relay/RESULT", "{\"POWER2\":\"ON\"}");
    say("cmnd/tracker_relay/POWER2", "OFF");
    expect_message(2, "stat/tracker_relay/RESULT", "{\"POWER2\":\"OFF\"}");
    simulator_stop(sim);
    cr_assert(strstr(sim->output, "acks success=2 "), "%s", sim->output);
    cr_assert(strstr(sim->output, "tracker 7 outputs 10\n"), "%s", sim->output);
}

Test(trackersim_relays, tasmota_takes_a_backlog)
{
    struct simulator *sim = play(TASMOTA "--outputs 3");

    listen_to("stat/#");
    say("cmnd/tracker_relay/POWER2", "ON");
    expect_message(0, "stat/tracker_relay/RESULT", "{\"POWER2\":\"ON\"}");
    say("cmnd/tracker_relay/Backlog", "POWER1 ON;POWER2 OFF");
    expect_message(1, "stat/tracker_relay/RESULT", "{\"POWER1\":\"ON\"}");
    expect_message(2, "stat/tracker_relay/RESULT", "{\"POWER2\":\"OFF\"}");
    say("cmnd/tracker_relay/Backlog", "POWER1 OFF;Status 2");
    expect_message(3, "stat/tracker_relay/RESULT", "{\"Command\":\"Unknown\"}");
    say("cmnd/tracker_relay/Backlog", "POWER1 OFF;POWER4 ON");
    expect_message(4, "stat/tracker_relay/RESULT", "{\"Command\":\"Error\"}");
    simulator_stop(sim);
    cr_assert(strstr(sim->output, "tracker 7 outputs 10\n"), "%s", sim->output);
}

Test(trackersim_relays, tasmota_with_one_relay_does_not_number_it)
{
    struct simulator *sim = play(TASMOTA "--outputs 1");

    listen_to("stat/#");
    say("cmnd/tracker_relay/POWER1", "ON");
    expect_message(0, "stat/tracker_relay/RESULT", "{\"POWER\":\"ON\"}");
    simulator_stop(sim);
}

Test(trackersim_relays, tasmota_says_what_it_does_not_know_and_what_it_cannot_do)
{
    struct simulator *sim = play(TASMOTA "--outputs 2");

    listen_to("stat/#");
    say("cmnd/tracker_relay/POWR1", "ON");
    expect_message(0, "stat/tracker_relay/RESULT", "{\"Command\":\"Unknown\"}");
    say("cmnd/tracker_relay/POWER3", "ON");
    expect_message(1, "stat/tracker_relay/RESULT", "{\"Command\":\"Error\"}");
    simulator_stop(sim);
    cr_assert(strstr(sim->output, "success=0 refused=0 unsupported=2 "), "%s", sim->output);
}

Test(trackersim_relays, tasmota_refuses)
{
    struct simulator *sim = play(TASMOTA "--refuse-rate 1");

    listen_to("stat/#");
    say("cmnd/tracker_relay/POWER0", "ON");
    expect_message(0, "stat/tracker_relay/RESULT", "{\"Command\":\"Error\"}");
    simulator_stop(sim);
    cr_assert(strstr(sim->output, "success=0 refused=1 "), "%s", sim->output);
}

Test(trackersim_relays, tasmota_has_a_last_will_topic)
{
    struct simulator *sim = play(TASMOTA "--prefix site7/");

    listen_to("site7/tele/#");
    expect_message(0, "site7/tele/tracker_relay/LWT", "Online");
    cr_assert(probe->messages[0].retain);
    simulator_stop(sim);
    expect_message(1, "site7/tele/tracker_relay/LWT", "Offline");
}

/* --- Shelly, first generation --- */

#define GEN1 "--trackers 7 --profile shelly_gen1 --device-id shelly1-XXXXXX "

Test(trackersim_relays, shelly_gen1_counts_relays_from_0_and_tells_the_state)
{
    struct simulator *sim = play(GEN1);

    listen_to("shellies/+/relay/+");
    say("shellies/shelly1-XXXXXX/relay/0/command", "on");
    expect_message(0, "shellies/shelly1-XXXXXX/relay/0", "on");
    say("shellies/shelly1-XXXXXX/relay/2/command", "toggle");
    expect_message(1, "shellies/shelly1-XXXXXX/relay/2", "on");
    say("shellies/shelly1-XXXXXX/relay/2/command", "toggle");
    expect_message(2, "shellies/shelly1-XXXXXX/relay/2", "off");
    simulator_stop(sim);
    cr_assert(strstr(sim->output, "tracker 7 outputs 100\n"), "%s", sim->output);
}

Test(trackersim_relays, shelly_gen1_has_no_words_for_errors)
{
    struct simulator *sim = play(GEN1 "--outputs 1 --log");

    listen_to("shellies/+/relay/+");
    say("shellies/shelly1-XXXXXX/relay/1/command", "on");
    simulator_expect(sim, "7 no ack - silent\n");
    say("shellies/shelly1-XXXXXX/relay/x/command", "on");
    say("shellies/shelly1-XXXXXX/relay/0/command", "ON");
    say("shellies/shelly1-XXXXXX/relay/0/command", "off");
    expect_message(0, "shellies/shelly1-XXXXXX/relay/0", "off");
    simulator_stop(sim);
    cr_assert(strstr(sim->output, "unreadable=2 "), "%s", sim->output);
    cr_assert(strstr(sim->output, "success=1 refused=0 unsupported=0 silent=1 "), "%s", sim->output);
}

Test(trackersim_relays, shelly_gen1_refuses_by_silence)
{
    struct simulator *sim = play(GEN1 "--refuse-rate 1 --log");

    listen_to("shellies/#");
    expect_message(0, "shellies/shelly1-XXXXXX/online", "true");
    say("shellies/shelly1-XXXXXX/relay/0/command", "on");
    simulator_expect(sim, "7 no ack - silent\n");
    simulator_stop(sim);
    expect_message(1, "shellies/shelly1-XXXXXX/relay/0/command", "on");
    expect_message(2, "shellies/shelly1-XXXXXX/online", "false");
}

/* --- Shelly, second generation and later --- */

#define GEN2 "--trackers 7 --profile shelly_gen2 --device-id shellyplus1-aabbccddeeff "
#define GEN2_SET(id, relay, on) \
    "{\"id\":" id ",\"src\":\"trk\",\"method\":\"Switch.Set\",\"params\":{\"id\":" relay ",\"on\":" on "}}"
#define GEN2_REPLY(id, what) "{\"id\":" id ",\"src\":\"shellyplus1-aabbccddeeff\",\"dst\":\"trk\"," what "}"

Test(trackersim_relays, shelly_gen2_answers_its_requester_with_the_id)
{
    struct simulator *sim = play(GEN2);

    listen_to("trk/rpc");
    say("shellyplus1-aabbccddeeff/rpc", GEN2_SET("1", "0", "true"));
    expect_message(0, "trk/rpc", GEN2_REPLY("1", "\"result\":{\"was_on\":false}"));
    say("shellyplus1-aabbccddeeff/rpc", GEN2_SET("383091841359872", "0", "false"));
    expect_message(1, "trk/rpc", GEN2_REPLY("383091841359872", "\"result\":{\"was_on\":true}"));
    say("shellyplus1-aabbccddeeff/rpc", GEN2_SET("\"a text\"", "1", "true"));
    expect_message(2, "trk/rpc", GEN2_REPLY("\"a text\"", "\"result\":{\"was_on\":false}"));
    say("shellyplus1-aabbccddeeff/rpc", GEN2_SET("1", "1", "true"));
    expect_message(3, "trk/rpc", GEN2_REPLY("1", "\"result\":{\"was_on\":true}"));
    simulator_stop(sim);
    cr_assert(strstr(sim->output, "7 command 1 REPEATED\n"), "%s", sim->output);
    cr_assert(strstr(sim->output, "seen=4 distinct=2 REPEATED=1 without_id=1 "), "%s", sim->output);
    cr_assert(strstr(sim->output, "tracker 7 outputs 01\n"), "%s", sim->output);
}

Test(trackersim_relays, shelly_gen2_has_an_error_object)
{
    struct simulator *sim = play(GEN2 "--refuse-rate 1");

    listen_to("trk/rpc");
    say("shellyplus1-aabbccddeeff/rpc", GEN2_SET("5", "0", "true"));
    expect_message(0, "trk/rpc", GEN2_REPLY("5", "\"error\":{\"code\":-109,\"message\":\"shutting down in 952 ms\"}"));
    say("shellyplus1-aabbccddeeff/rpc", "{\"id\":6,\"src\":\"trk\",\"method\":\"Relay.Set\"}");
    expect_message(1, "trk/rpc", GEN2_REPLY("6", "\"error\":{\"code\":404,\"message\":\"No handler for Relay.Set\"}"));
    say("shellyplus1-aabbccddeeff/rpc", GEN2_SET("7", "4", "true"));
    expect_message(2, "trk/rpc", GEN2_REPLY("7", "\"error\":{\"code\":404,\"message\":\"No handler for Switch.Set\"}"));
    simulator_stop(sim);
}

static const char *const no_requests[] = {
    "",
    "{",
    "[]",
    "{\"id\":1,\"method\":\"Switch.Set\",\"params\":{\"id\":0,\"on\":true}}",
    "{\"id\":1,\"src\":\"\",\"method\":\"Switch.Set\",\"params\":{\"id\":0,\"on\":true}}",
    "{\"id\":1,\"src\":\"a/+\",\"method\":\"Switch.Set\",\"params\":{\"id\":0,\"on\":true}}",
    "{\"src\":\"trk\",\"method\":\"Switch.Set\",\"params\":{\"id\":0,\"on\":true}}",
    "{\"id\":true,\"src\":\"trk\",\"method\":\"Switch.Set\",\"params\":{\"id\":0,\"on\":true}}",
    "{\"id\":1,\"src\":\"trk\",\"params\":{\"id\":0,\"on\":true}}",
};

enum { NO_REQUESTS = sizeof(no_requests) / sizeof(no_requests[0]) };

Test(trackersim_relays, shelly_gen2_says_nothing_to_what_is_no_request)
{
    struct simulator *sim = play(GEN2);
    char tally[32], long_id[200];

    listen_to("trk/rpc");
    for (int i = 0; i < NO_REQUESTS; i++)
        say("shellyplus1-aabbccddeeff/rpc", no_requests[i]);
    snprintf(long_id, sizeof(long_id), "{\"id\":\"%0150d\",\"src\":\"trk\",\"method\":\"a\"}", 0);
    say("shellyplus1-aabbccddeeff/rpc", long_id);
    say("shellyplus1-aabbccddeeff/rpc", GEN2_SET("1", "0", "true"));
    expect_message(0, "trk/rpc", GEN2_REPLY("1", "\"result\":{\"was_on\":false}"));
    simulator_stop(sim);
    snprintf(tally, sizeof(tally), "unreadable=%d ", NO_REQUESTS + 1);
    cr_assert(strstr(sim->output, tally), "%s", sim->output);
}

Test(trackersim_relays, shelly_gen2_has_an_online_topic)
{
    struct simulator *sim = play(GEN2);

    listen_to("+/online");
    expect_message(0, "shellyplus1-aabbccddeeff/online", "true");
    simulator_stop(sim);
    expect_message(1, "shellyplus1-aabbccddeeff/online", "false");
}

/* --- topics --- */

Test(trackersim_relays, an_ack_stays_on_the_relays_own_topic)
{
    struct simulator *sim = play("--trackers 7 --profile tasmota");

    listen_to("stat/#");
    simulator_publish(probe, &(struct mqtt_publish){.topic = bytes_of_text("cmnd/7/POWER1"),
                                                    .payload = bytes_of_text("ON"),
                                                    .response_topic = bytes_of_text("stat/elsewhere"),
                                                    .correlation = bytes_of("\0\0\0\0\0\0\1\4", 8),
                                                    .qos = 1});
    expect_message(0, "stat/7/RESULT", "{\"POWER1\":\"ON\"}");
    cr_assert_null(probe->messages[0].correlation);
    simulator_stop(sim);
    cr_assert(strstr(sim->output, "distinct=1 "), "%s", sim->output); /* the id is of use all the same */
}

Test(trackersim_relays, each_of_many_has_its_own_topics)
{
    struct simulator *sim = play("--trackers 1-99 --profile shelly_gen2 --device-id relay-{tracker_id}-x");

    listen_to("trk/rpc");
    say("relay-100-x/rpc", GEN2_SET("1", "0", "true"));
    say("relay-10/rpc", GEN2_SET("1", "0", "true"));
    say("relay-10-x/rpc", GEN2_SET("1", "0", "true"));
    expect_message(0, "trk/rpc", "{\"id\":1,\"src\":\"relay-10-x\",\"dst\":\"trk\",\"result\":{\"was_on\":false}}");
    simulator_stop(sim);
    cr_assert(strstr(sim->output, "seen=1 "), "%s", sim->output);
    cr_assert(strstr(sim->output, "tracker 10 outputs 1\n"), "%s", sim->output);
}
