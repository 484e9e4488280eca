/* Ids, correlations, content types and packet ids at the ends of what they can be. */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/broker.h"
#include "support/crowd.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum { LAST_TRACKER = INT32_MAX };

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;

/* The largest ids that there are, and the most outputs. */
static const char registry[] =
    "users = ({ id = 2147483647; });\n"
    "sessions = ({ hash_sha256 = \"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\";\n"
    "  user_id = 2147483647; master = true; });\n"
    "trackers = ({ id = 2147483647; user_id = 2147483647; model = \"generic_json\"; outputs = 64; },\n"
    "{ id = 1; user_id = 2147483647; model = \"generic_msgpack\"; outputs = 1; },\n"
    "{ id = 265490; user_id = 2147483647; model = \"generic_json\"; outputs = 3; });\n";

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    outputd_write(service, "registry.cfg", registry);
    field = field_start(broker_url(broker));
    field_online(field, LAST_TRACKER);
    field_online(field, 1);
    desk = desk_start(broker_url(broker));
    outputd_start(service);
    outputd_wait_ready(service);
}

static void clear_stage(void)
{
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_neighbours_limits, .init = set_stage, .fini = clear_stage, .timeout = 300);

/* The members after the hash. */
static void send(const char *correlation, const char *members)
{
    struct buffer payload = {0};

    buffer_printf(&payload, "{\"hash\": \"" DESK_HASH "\", %s}", members);
    desk_send(desk, "set", correlation, buffer_bytes(&payload));
    buffer_release(&payload);
}

/* --- numbers --- */

static void expect_set(const char *members, int code)
{
    char correlation[32];

    snprintf(correlation, sizeof correlation, "%d", ++desk->fences);
    send(correlation, members);
    if (code == 0)
        desk_expect_success(desk, correlation);
    else
        desk_expect_error(desk, correlation, code, "not_sent");
}

Test(service_neighbours_limits, the_first_and_the_last_tracker_and_output_are_switched)
{
    expect_set("\"tracker_id\": 2147483647, \"output\": 64, \"enable\": true", 0);
    cr_assert_str_eq(field_wait(field, 1)->topic, "tracker/2147483647/output/command");
    cr_assert_str_eq(field->commands[0].response_topic, "tracker/2147483647/output/ack");
    cr_assert_eq(json_integer_value(json_object_get(field->commands[0].value, "output")), 64);
    expect_set("\"tracker_id\": 1, \"output\": 1, \"enable\": false", 0);
    desk_subscribe(desk, "tracker/2147483647/output/state");
    cr_assert(PUMP_UNTIL(strstr(desk->probe->messages[desk->probe->count - 1].topic, "/state")));
}

Test(service_neighbours_limits, numbers_beyond_their_ends_are_refused)
{
    static const char *const trackers[] = {"0",   "-1", "-2147483648",          "2147483648", "4294967297", "1e0",
                                           "1.0", "01", "18446744073709551617", "\"1\"",      "null",       "[1]"};
    static const char *const outputs[] = {"0", "-1", "-2147483648", "2147483648", "4294967297", "1e0", "1.0"};
    char members[128];

    for (size_t i = 0; i < sizeof trackers / sizeof *trackers; i++) {
        snprintf(members, sizeof members, "\"tracker_id\": %s, \"output\": 1, \"enable\": true", trackers[i]);
        expect_set(members, strcmp(trackers[i], "01") == 0 ? 5 : 7);
    }
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        snprintf(members, sizeof members, "\"tracker_id\": 2147483647, \"output\": %s, \"enable\": true", outputs[i]);
        expect_set(members, 7);
    }
    expect_set("\"tracker_id\": 2147483647, \"output\": 65, \"enable\": true", 214);
    expect_set("\"tracker_id\": 2147483647, \"output\": 2147483647, \"enable\": true", 214);
    expect_set("\"tracker_id\": 2147483646, \"output\": 1, \"enable\": true", 204);
    field_sync(field);
    cr_assert_eq(field->count, 0);
}

/* --- request ids --- */

/* It comes back as it was, whether the reply is a success or not. */
static void expect_request_id(const char *id)
{
    static int number;
    char correlation[32];
    char members[1024];
    struct buffer expected = {0};

    snprintf(correlation, sizeof correlation, "id %d", ++number);
    snprintf(members, sizeof members, "\"tracker_id\": 2147483647, \"output\": 1, \"enable\": true, \"request_id\": %s",
             id);
    send(correlation, members);
    buffer_printf(&expected, "{\"success\": true, \"request_id\": %s}", id);
    buffer_put_u8(&expected, '\0');
    desk_expect(desk, correlation, (const char *)expected.data);
    buffer_release(&expected);
}

/* A text of so many bytes, in quotes. */
static const char *text_of(char *out, int len)
{
    memset(out, 'x', (size_t)len + 2);
    out[0] = out[len + 1] = '"';
    out[len + 2] = '\0';
    return out;
}

Test(service_neighbours_limits, request_ids_come_back_up_to_their_ends)
{
    char text[512];

    expect_request_id("-2147483648");
    expect_request_id("2147483647");
    expect_request_id("0");
    expect_request_id("\"\"");
    expect_request_id("\"\\u0001\\u007f\\\"\\\\/\"");
    expect_request_id("\"\xf0\x9f\x9a\x97 \xc3\xa4\"");
    expect_request_id(text_of(text, 128));
    send("nul", "\"tracker_id\": 1, \"output\": 1, \"enable\": true, \"request_id\": \"a\\u0000b\"");
    cr_assert(strstr(desk_wait(desk, "nul")->payload, "\"a\\u0000b\""), "%s", desk_wait(desk, "nul")->payload);
}

Test(service_neighbours_limits, request_ids_beyond_their_ends_are_refused_and_do_not_come_back)
{
    char text[512];
    char members[1024];
    const char *const ids[] = {"-2147483649", "2147483648", "1.5", "true", "[]", text_of(text, 129)};
    char longer[512];

    for (size_t i = 0; i <= sizeof ids / sizeof *ids; i++) {
        const char *id = i < sizeof ids / sizeof *ids ? ids[i] : text_of(longer, 255);
        char correlation[32];

        snprintf(correlation, sizeof correlation, "bad %d", (int)i);
        snprintf(members, sizeof members,
                 "\"tracker_id\": 2147483647, \"output\": 1, \"enable\": true, \"request_id\": %s", id);
        send(correlation, members);
        desk_expect_error(desk, correlation, 7, "not_sent");
        cr_assert_not(strstr(desk_wait(desk, correlation)->payload, "\"request_id\":\""), "%s",
                      desk_wait(desk, correlation)->payload);
    }
    field_sync(field);
    cr_assert_eq(field->count, 0);
}

/* --- properties --- */

static const struct probe_message *ask_with(struct bytes correlation, struct bytes content_type)
{
    int before = desk->probe->count;

    desk_publish(desk,
                 &(struct mqtt_publish){.topic = bytes_of_text("api/tracker/output/set"),
                                        .payload = bytes_of_text("{\"hash\": \"" DESK_HASH "\", \"tracker_id\": 1, "
                                                                 "\"output\": 1, \"enable\": true}"),
                                        .response_topic = bytes_of_text(desk->reply_topic),
                                        .correlation = correlation,
                                        .content_type = content_type,
                                        .qos = 1});
    cr_assert(PUMP_UNTIL(desk->probe->count > before), "no reply");
    return &desk->probe->messages[before];
}

static void fill(uint8_t *data, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(i * 7 + i / 256 + seed);
}

Test(service_neighbours_limits, correlation_data_come_back_whatever_they_are)
{
    enum { LONGEST = 65535 };
    static const size_t lens[] = {1, 2, 127, 128, 16383, 16384, LONGEST - 1, LONGEST};
    static uint8_t data[LONGEST];

    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        const struct probe_message *reply;

        fill(data, lens[i], (unsigned)i);
        reply = ask_with(bytes_of(data, lens[i]), (struct bytes){0});
        cr_assert(strstr(reply->payload, "true"), "%s", reply->payload);
        cr_assert(bytes_equal(bytes_of(reply->correlation, reply->correlation_len), bytes_of(data, lens[i])));
    }
    memset(data, 0, 64);
    cr_assert_eq(ask_with(bytes_of(data, 64), (struct bytes){0})->correlation_len, 64);
    cr_assert_eq(ask_with(bytes_of(data, 0), (struct bytes){0})->correlation_len, 0);
    cr_assert_eq(outputd_log_count(service, "connection lost"), 0);
}

/* The journal keeps it, too. */
Test(service_neighbours_limits, the_longest_correlation_data_outlive_a_kill)
{
    enum { LONGEST = 65535 };
    static uint8_t data[LONGEST];
    const struct probe_message *reply;

    fill(data, LONGEST, 1);
    field->is_silent = true;
    desk_publish(desk,
                 &(struct mqtt_publish){.topic = bytes_of_text("api/tracker/output/set"),
                                        .payload = bytes_of_text("{\"hash\": \"" DESK_HASH "\", \"tracker_id\": 1, "
                                                                 "\"output\": 1, \"enable\": true}"),
                                        .response_topic = bytes_of_text(desk->reply_topic),
                                        .correlation = bytes_of(data, LONGEST),
                                        .qos = 1});
    field_wait(field, 1);
    outputd_kill(service);
    field_ack(field, &field->commands[0], "\"success\": true");
    outputd_start(service);
    cr_assert(PUMP_UNTIL_FOR(2 * PUMP_PATIENCE_MS, desk->probe->count > 0), "no reply");
    reply = &desk->probe->messages[0];
    cr_assert(strstr(reply->payload, "true"), "%s", reply->payload);
    cr_assert(bytes_equal(bytes_of(reply->correlation, reply->correlation_len), bytes_of(data, LONGEST)));
}

/* What none of the known ones is says nothing: then the first byte does. */
Test(service_neighbours_limits, odd_content_types_do_not_hide_a_request)
{
    static char longest[65536];
    const char *const types[] = {
        "",  "text/plain",           "application/json",     "APPLICATION/JSON",     "application/json; charset=utf-8",
        ";", " application/msgpack", "application/msgpackx", "application/\xc3\xa4", longest};

    memset(longest, 'j', sizeof longest - 1);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char correlation[16];
        const struct probe_message *reply;

        snprintf(correlation, sizeof correlation, "type %d", (int)i);
        reply = ask_with(bytes_of_text(correlation), bytes_of_text(types[i]));
        cr_assert(strstr(reply->payload, "\"success\":true") || strstr(reply->payload, "\"success\": true"),
                  "%.40s: %s", types[i], reply->payload);
        cr_assert_str_eq(reply->content_type, "application/json");
    }
}

/* --- packet ids --- */

static struct crowd_request to_nobody(int number)
{
    return (struct crowd_request){.tracker_id = 1 + number % 1000, .output = 1};
}

/* The service receives more requests, and publishes more replies, than there are packet ids, on one connection. */
Test(service_neighbours_limits, packet_ids_that_begin_again_lose_nothing)
{
    enum { REQUESTS = 70000, WINDOW = 400, STALLED_MS = 30000 };
    struct crowd *crowd =
        crowd_start(broker_url(broker), "ffffffffffffffffffffffffffffffff", REQUESTS, to_nobody); /* code 4 */
    uint64_t end_ms = clock_now().mono_ms + STALLED_MS;

    cr_assert(crowd);
    for (int before = 0; crowd->replied < REQUESTS && clock_now().mono_ms < end_ms; before = crowd->replied) {
        if (!crowd_turn(crowd, REQUESTS, WINDOW))
            crowd_idle(crowd);
        if (crowd->replied > before)
            end_ms = clock_now().mono_ms + STALLED_MS;
    }
    cr_assert_eq(crowd->replied, REQUESTS, "%d of %d replies", crowd->replied, REQUESTS);
    cr_assert_eq(crowd_count(crowd, 4), REQUESTS);
    cr_assert_eq(crowd->repeated + crowd->contradicting + crowd->strange, 0);
    cr_assert_eq(outputd_log_count(service, "info    connected"), 1);
    crowd_free(crowd);
    expect_set("\"tracker_id\": 1, \"output\": 1, \"enable\": true", 0); /* a command has its packet id, too */
}
