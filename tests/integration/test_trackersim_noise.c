/* --garbage-rate: what comes with the acks of byte streams and of relays that speak MQTT themselves. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/broker.h"
#include "support/mqtt_probe.h"
#include "support/simulator.h"

enum { COMMANDS = 60, FORM_MAX = 256 };

static struct broker *broker;

static void start_broker(void)
{
    broker = broker_start(NULL);
}

static void stop_broker(void)
{
    broker_stop(broker);
}

TestSuite(trackersim_noise, .init = start_broker, .fini = stop_broker, .timeout = 120);

/* A text, or with "0x" before it bytes in hex. */
static struct bytes decode(const char *form, uint8_t out[FORM_MAX])
{
    size_t len = strlen(form);

    if (strncmp(form, "0x", 2) != 0)
        return bytes_of(form, len);
    len = len / 2 - 1;
    cr_assert(len <= FORM_MAX && bytes_from_hex(bytes_of(form + 2, 2 * len), out, len), "%s", form);
    return bytes_of(out, len);
}

static struct bytes payload_at(const struct probe *heard, int i)
{
    return bytes_of(heard->messages[i].payload, heard->messages[i].payload_len);
}

/* What is heard on that topic after so many times the command. Only the simulator's last word ends it: it says offline
 * after all its acks. */
static struct probe *hear(const char *arguments, const char *topic, const char *command, const char *filter,
                          const char *offline)
{
    struct probe *heard = probe_new(broker_url(broker));
    struct mqtt_filter filters[] = {{.filter = filter, .qos = 1}, {.filter = offline, .qos = 1, .no_retained = true}};
    uint8_t room[FORM_MAX];
    char line[256];
    struct simulator *sim;

    snprintf(line, sizeof(line), "--trackers 7 --latency-ms 0 --count %d --profile %s", COMMANDS, arguments);
    sim = simulator_ready(broker_url(broker), line);
    cr_assert_eq(probe_connect(heard), 0);
    cr_assert_eq(mqtt_subscribe(heard->m, filters, 2), 0);
    for (int i = 0; i < COMMANDS; i++)
        simulator_publish(
            heard, &(struct mqtt_publish){.topic = bytes_of_text(topic), .payload = decode(command, room), .qos = 1});
    cr_assert_eq(simulator_exit_status(sim), 0);
    simulator_free(sim);
    while (heard->count == 0 || strcmp(heard->messages[heard->count - 1].topic, offline) != 0)
        cr_assert(probe_wait(heard, heard->count + 1));
    return heard;
}

/* How many messages were heard before the simulator's last word. */
static int count_heard(const struct probe *heard)
{
    return heard->count - 1;
}

/* --- checksums, once more --- */

static uint16_t crc16(const uint8_t *at, size_t len, uint16_t poly, uint16_t crc)
{
    for (size_t bit = 0; bit < 8 * len; bit++) {
        unsigned low = (crc ^ at[bit / 8] >> bit % 8) & 1;

        crc = (uint16_t)(crc >> 1 ^ (low ? poly : 0));
    }
    return crc;
}

static unsigned be16(const uint8_t *at)
{
    return (unsigned)(at[0] << 8 | at[1]);
}

static bool teltonika_is_sound(struct bytes frame)
{
    return frame.len > 12 && be16(frame.data + frame.len - 2) == crc16(frame.data + 8, frame.len - 12, 0xA001, 0);
}

static bool gt06_is_sound(struct bytes frame)
{
    return frame.len > 8 &&
           be16(frame.data + frame.len - 4) == (crc16(frame.data + 2, frame.len - 6, 0x8408, 0xFFFF) ^ 0xFFFF);
}

static bool ruptela_is_sound(struct bytes frame)
{
    return frame.len > 4 && be16(frame.data + frame.len - 2) == crc16(frame.data + 2, frame.len - 4, 0x8408, 0) &&
           be16(frame.data) == frame.len - 4;
}

static bool queclink_is_sound(struct bytes frame)
{
    return memcmp(frame.data, "+ACK:", 5) == 0 && memchr(frame.data, '$', frame.len) == frame.data + frame.len - 1;
}

static bool meitrack_is_sound(struct bytes frame)
{
    unsigned sum = 0;
    char digits[3];

    for (size_t i = 0; i + 4 < frame.len; i++)
        sum += frame.data[i];
    snprintf(digits, sizeof(digits), "%02X", sum & 0xFF);
    return memcmp(frame.data + frame.len - 4, digits, 2) == 0 &&
           strtoul((const char *)frame.data + 3, NULL, 10) + 3 + strcspn((const char *)frame.data + 3, ",") ==
               frame.len;
}

static bool jt808_is_sound(struct bytes frame)
{
    uint8_t sum = 0;

    for (size_t i = 1; i + 1 < frame.len; i++) {
        bool is_escaped = frame.data[i] == 0x7D;

        i += is_escaped;
        cr_assert(!is_escaped || frame.data[i] == 1 || frame.data[i] == 2);
        sum ^= is_escaped ? (uint8_t)(0x7C + frame.data[i]) : frame.data[i];
    }
    return sum == 0;
}

/* --- byte streams --- */

static const struct stream {
    const char *arguments;
    const char *command;
    bool (*is_sound)(struct bytes frame);
    bool has_checksum;
    const char *unrelated[3]; /* what is in them; each of them comes */
} streams[] = {
    {"teltonika",
     "0x00000000000000130c01050000000b7365746469676f7574203101000087a2",
     teltonika_is_sound,
     true,
     {"0x00000000000000370c01060000002f4449313a31204449323a30204449333a302041494e313a302041494e323a313639323420444f313a"
      "3020444f323a3101000066e3",
      "0x000000000000003608010000016b40d8ea30010000000000000000000000000000000105021503010101425e0f01f1000060"
      "1a014e0000000000000000010000c7cf"}},
    {"gt06 --device-id 353413532150362",
     "0x787815800f0001a9584459442c3030303030302300a0dcf10d0a",
     gt06_is_sound,
     true,
     {"0x78780d010353413532150362", "0x78780a134401040001", "0x78781815108001a9584459443d5375636365737321"}},
    {"queclink",
     "AT+GTOUT=gl200,1,,,0,0,0,0,0,0,0,,,,,,,FFFF$",
     queclink_is_sound,
     false,
     {"+ACK:GTRTO,080100,7,,FFFF,", "+ACK:GTOUT,080100,7,,0FFF,"}},
    {"meitrack --device-id 353358017784062",
     "@@S34,353358017784062,C01,20,10122*1E\r\n",
     meitrack_is_sound,
     true,
     {"$$S28,353358017784062,A11,OK*FE\r\n", "$$A28,353358017784062,C01,OK*ED\r\n",
      "$$Q128,353358017784062,AAA,34,22.543176,114.078448,100313093738,A,5,22,2,205,5,-14,0,60,0|0|10133|4110,0000,"
      "149|153|173|2707|914,*91\r\n"}},
    {"ruptela --device-id 865733025646027",
     "0x000b6c20536574696f20322c31eb3e",
     ruptela_is_sound,
     true,
     {"0x0044000313612d76c5cb0744494e313d312c44494e323d302c44494e333d302c44494e343d302c444f5554313d312c444f5554323d312c"
      "41494e313d31372c41494e323d3236ac80"}},
    {"jt808 --device-id 0245303133a4",
     "0x7e810500010245303133a40000f0a47e",
     jt808_is_sound,
     true,
     {"0x7e000200000245303133a4", "0x0000810300", "0x8000810500"}},
};

enum { STREAM_COUNT = sizeof(streams) / sizeof(streams[0]) };

enum kind { RANDOM, SPOILT, UNRELATED, TOGETHER, SPLIT, KINDS };

static bool is_random(struct bytes message)
{
    for (size_t i = 0; i < message.len; i++)
        if (message.data[i] < 0x80)
            return false;
    return message.len >= 1 && message.len <= 16;
}

/* The two together are the whole. */
static bool are_halves(struct bytes whole, struct bytes first, struct bytes last)
{
    return first.len > 0 && last.len > 0 && first.len + last.len == whole.len &&
           memcmp(whole.data, first.data, first.len) == 0 && memcmp(whole.data + first.len, last.data, last.len) == 0;
}

static bool ends_with(struct bytes whole, struct bytes end)
{
    return whole.len > end.len && memcmp(whole.data + whole.len - end.len, end.data, end.len) == 0;
}

/* All but the checksum is that of the other frame. */
static bool is_spoilt_copy(struct bytes spoilt, struct bytes of)
{
    size_t differences = 0;

    for (size_t i = 0; spoilt.len == of.len && i < of.len; i++)
        differences += spoilt.data[i] != of.data[i];
    return differences == 1 || differences == 2;
}

/* A sound frame with something in it that the family's other messages have; which one is noted. */
static void expect_unrelated(const struct stream *stream, struct bytes frame, bool seen[3])
{
    bool any = false;

    cr_assert(stream->is_sound(frame), "%s: %.*s", stream->arguments, (int)frame.len, frame.data);
    for (int i = 0; i < 3 && stream->unrelated[i]; i++) {
        uint8_t room[FORM_MAX];
        struct bytes part = decode(stream->unrelated[i], room);

        if (memmem(frame.data, frame.len, part.data, part.len))
            any = seen[i] = true;
    }
    cr_assert(any, "%s: %.*s", stream->arguments, (int)frame.len, frame.data);
}

/* What the first of these messages is to the ack, which they bring. */
static enum kind judge(const struct stream *stream, struct bytes ack, struct bytes opposite, struct bytes first,
                       struct bytes second, bool seen[3])
{
    if (are_halves(ack, first, second))
        return SPLIT;
    if (ends_with(first, ack)) {
        expect_unrelated(stream, bytes_of(first.data, first.len - ack.len), seen);
        return TOGETHER;
    }
    cr_assert(bytes_equal(second, ack), "%s: %.*s", stream->arguments, (int)second.len, second.data);
    if (is_random(first))
        return RANDOM;
    if (!stream->is_sound(first) && is_spoilt_copy(first, opposite))
        return SPOILT;
    expect_unrelated(stream, first, seen);
    return UNRELATED;
}

static struct probe *hear_stream(const struct stream *stream, const char *more)
{
    char arguments[128];

    snprintf(arguments, sizeof(arguments), "%s %s", stream->arguments, more);
    return hear(arguments, "tracker/7/output/command", stream->command, "tracker/7/output/ack", "tracker/7/status");
}

/* With this seed, and this device id of the jt808, one of the checksums that are spoilt is an escaped one. */
Test(trackersim_noise, a_byte_stream_brings_every_ack_whole_among_noise_of_its_family)
{
    for (int s = 0; s < STREAM_COUNT; s++) {
        const struct stream *stream = &streams[s];
        struct probe *acks = hear_stream(stream, "--seed 4");
        struct probe *refusals = stream->has_checksum ? hear_stream(stream, "--seed 4 --refuse-rate 1") : acks;
        struct probe *noisy = hear_stream(stream, "--seed 4 --garbage-rate 1");
        int kinds[KINDS] = {0}, at = 0;
        bool seen[3] = {false};

        cr_assert_eq(count_heard(acks), COMMANDS);
        for (int i = 0; i < COMMANDS; i++) {
            struct bytes second = at + 1 < count_heard(noisy) ? payload_at(noisy, at + 1) : (struct bytes){0};
            enum kind kind =
                judge(stream, payload_at(acks, i), payload_at(refusals, i), payload_at(noisy, at), second, seen);

            kinds[kind]++;
            at += kind == TOGETHER ? 1 : 2;
        }
        cr_assert_eq(at, count_heard(noisy));
        for (int kind = 0; kind < KINDS; kind++)
            cr_assert((kinds[kind] > 0) == (kind != SPOILT || stream->has_checksum), "%s: %d", stream->arguments, kind);
        for (int i = 0; i < 3 && stream->unrelated[i]; i++)
            cr_assert(seen[i], "%s: %s", stream->arguments, stream->unrelated[i]);
        if (refusals != acks)
            probe_free(refusals);
        probe_free(acks);
        probe_free(noisy);
    }
}

/* The refusal is what a right checksum makes valid: who does not look at it takes the success. */
Test(trackersim_noise, a_refusal_comes_with_a_spoilt_success)
{
    const struct stream *stream = &streams[0];
    struct probe *acks = hear_stream(stream, "--seed 4");
    struct probe *noisy = hear_stream(stream, "--seed 4 --refuse-rate 1 --garbage-rate 1");
    int spoilt = 0;

    for (int i = 0; i < count_heard(noisy); i++) {
        struct bytes frame = payload_at(noisy, i);

        if (!is_spoilt_copy(frame, payload_at(acks, 0)))
            continue;
        cr_assert(frame.data[frame.len - 1] >= 0x80 && frame.data[frame.len - 2] >= 0x80); /* no length of a frame */
        spoilt++;
    }
    cr_assert_gt(spoilt, 0);
    probe_free(acks);
    probe_free(noisy);
}

static bool are_equal(const struct probe *a, const struct probe *b)
{
    bool equal = a->count == b->count;

    for (int i = 0; equal && i < a->count; i++)
        equal = bytes_equal(payload_at(a, i), payload_at(b, i));
    return equal;
}

Test(trackersim_noise, a_seed_decides_the_noise)
{
    struct probe *first = hear_stream(&streams[0], "--seed 4 --garbage-rate .5");
    struct probe *again = hear_stream(&streams[0], "--seed 4 --garbage-rate .5");
    struct probe *other = hear_stream(&streams[0], "--seed 6 --garbage-rate .5");

    cr_assert(are_equal(first, again));
    cr_assert_not(are_equal(first, other));
    probe_free(first);
    probe_free(again);
    probe_free(other);
}

/* --- relays --- */

static const struct relay {
    const char *profile;
    const char *topic;
    const char *command;
    const char *ack_topic;
    const char *presence;
    const char *ack;
    const char *first_ack; /* NULL: the same */
    const char *noise[2];  /* besides random bytes */
} relays[] = {
    {"tasmota",
     "cmnd/7/POWER2",
     "ON",
     "stat/7/RESULT",
     "tele/7/LWT",
     "{\"POWER2\":\"ON\"}",
     NULL,
     {"{\"TelePeriod\":300}", "{\"POWER2\":\"OFF\"}"}},
    {"shelly_gen1", "shellies/7/relay/1/command", "on", "shellies/7/relay/1", "shellies/7/online", "on", NULL, {"off"}},
    {"shelly_gen2",
     "7/rpc",
     "{\"id\":1,\"src\":\"trk\",\"method\":\"Switch.Set\",\"params\":{\"id\":0,\"on\":true}}",
     "trk/rpc",
     "7/online",
     "{\"id\":1,\"src\":\"7\",\"dst\":\"trk\",\"result\":{\"was_on\":true}}",
     "{\"id\":1,\"src\":\"7\",\"dst\":\"trk\",\"result\":{\"was_on\":false}}",
     {"{\"id\":\"another\",\"src\":\"7\",\"dst\":\"trk\",\"result\":{\"was_on\":true}}",
      "{\"id\":\"another\",\"src\":\"7\",\"dst\":\"trk\",\"result\":{\"was_on\":false}}"}},
};

static bool is_noise_of(const struct relay *relay, struct bytes message)
{
    for (int i = 0; i < 2; i++)
        if (relay->noise[i] && bytes_equal_text(message, relay->noise[i]))
            return true;
    return is_random(message);
}

Test(trackersim_noise, a_relay_says_something_else_before_each_ack)
{
    for (size_t r = 0; r < sizeof(relays) / sizeof(relays[0]); r++) {
        const struct relay *relay = &relays[r];
        char arguments[64];
        struct probe *heard;

        snprintf(arguments, sizeof(arguments), "%s --garbage-rate 1", relay->profile);
        heard = hear(arguments, relay->topic, relay->command, relay->ack_topic, relay->presence);
        cr_assert_eq(count_heard(heard), 2 * COMMANDS);
        for (int i = 0; i < COMMANDS; i++) {
            const char *ack = i == 0 && relay->first_ack ? relay->first_ack : relay->ack;

            cr_assert(is_noise_of(relay, payload_at(heard, 2 * i)), "%s", heard->messages[2 * i].payload);
            cr_assert_str_eq(heard->messages[2 * i + 1].payload, ack);
        }
        probe_free(heard);
    }
}
