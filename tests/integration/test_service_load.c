/* Many requests through a broker as it comes: 20 publishes unacknowledged, 1000 messages queued. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum {
    TRACKERS_MAX = 1000,
    OUTPUTS = 64,       /* each tracker's requests name its outputs in turn, so that their order can be seen */
    WINDOW = 400,       /* requests without a reply */
    STALLED_MS = 30000, /* nothing for so long is the end */
};

struct load {
    struct probe *probe;
    int requests;
    int trackers;
    int sent;
    int replied;
    int succeeded;
    uint8_t *replies; /* of each request */
};

static void on_reply(void *ctx, const struct mqtt_message *message)
{
    struct load *load = ctx;
    struct reader r = {.left = message->correlation};
    uint64_t number = reader_be(&r, 4);

    cr_assert(reader_is_done(&r) && number < (uint64_t)load->requests, "a reply to nothing");
    load->replied++;
    load->replies[number]++;
    load->succeeded += bytes_equal_text(message->payload, "{\"success\":true}") ||
                       bytes_equal_text(message->payload, "{\"success\": true}");
}

static void on_acked(void *ctx, int token, int reason)
{
    (void)ctx;
    (void)token;
    cr_assert_lt(reason, 0x80);
}

static int tracker_of(const struct load *load, int number)
{
    return 1 + number % load->trackers;
}

static int output_of(const struct load *load, int number)
{
    return 1 + number / load->trackers % OUTPUTS;
}

static int try_send(const struct load *load)
{
    uint8_t correlation[4];
    char payload[256];
    int token;

    for (int i = 0; i < 4; i++)
        correlation[i] = (uint8_t)(load->sent >> (8 * (3 - i)));
    snprintf(payload, sizeof payload,
             "{\"hash\": \"" DESK_HASH "\", \"tracker_id\": %d, \"output\": %d, \"enable\": true}",
             tracker_of(load, load->sent), output_of(load, load->sent));
    return mqtt_publish(load->probe->m,
                        &(struct mqtt_publish){.topic = bytes_of_text("api/tracker/output/set"),
                                               .payload = bytes_of_text(payload),
                                               .response_topic = bytes_of_text(load->probe->client_id),
                                               .correlation = bytes_of(correlation, sizeof correlation),
                                               .qos = 1},
                        &token);
}

static bool turn(void *ctx)
{
    struct load *load = ctx;
    bool more;
    int before = load->sent;
    int received = mqtt_receive(load->probe->m, 64, &more);

    cr_assert_geq(received, 0, "%s", mqtt_error(load->probe->m));
    while (load->sent < load->requests && load->sent - load->replied < WINDOW && try_send(load) == 0)
        load->sent++;
    return received > 0 || load->sent > before;
}

static void write_registry(const struct outputd *o, int trackers)
{
    struct buffer text = {0};

    buffer_put_text(&text, "users = ({ id = 1; });\n"
                           "sessions = ({ hash_sha256 = "
                           "\"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\"; user_id = 1; "
                           "master = true; });\n"
                           "trackers = (\n");
    for (int id = 1; id <= trackers; id++)
        buffer_printf(&text, "{ id = %d; user_id = 1; model = \"generic_%s\"; outputs = %d; }%s\n", id,
                      id % 10 ? "json" : "msgpack", OUTPUTS, id < trackers ? "," : ");");
    buffer_put_u8(&text, '\0');
    outputd_write(o, "registry.cfg", (const char *)text.data);
    buffer_release(&text);
}

static void run_load(struct load *load)
{
    load->probe->handlers = (struct mqtt_handlers){.ctx = load, .message = on_reply, .acked = on_acked};
    cr_assert_eq(probe_connect(load->probe), 0);
    cr_assert_eq(mqtt_subscribe(load->probe->m, &(struct mqtt_filter){.filter = load->probe->client_id, .qos = 1}, 1),
                 0);
    pump_add(turn, load);
    for (int before = -1; load->replied < load->requests; before = load->replied)
        cr_assert(PUMP_UNTIL_FOR(STALLED_MS, load->replied > before), "%d of %d replies came", before, load->requests);
    pump_remove(load);
}

static int by_id(const void *a, const void *b)
{
    uint64_t one = ((const struct field_command *)a)->id;
    uint64_t other = ((const struct field_command *)b)->id;

    return one < other ? -1 : one > other;
}

/* In the order of the requests, for each tracker. */
static void check_order(const struct load *load, const struct field *field)
{
    int *next = calloc((size_t)load->trackers + 1, sizeof *next);

    cr_assert(next);
    for (int i = 0; i < field->count; i++) {
        const struct field_command *c = &field->commands[i];
        int output = (int)json_integer_value(json_object_get(c->value, "output"));

        cr_assert(c->tracker_id >= 1 && c->tracker_id <= load->trackers);
        cr_assert_eq(output, 1 + next[c->tracker_id]++ % OUTPUTS, "tracker %d", c->tracker_id);
    }
    free(next);
}

static void check_commands(const struct load *load, struct field *field)
{
    field_sync(field);
    cr_assert_eq(field->count, load->requests, "%d commands", field->count);
    check_order(load, field);
    qsort(field->commands, (size_t)field->count, sizeof *field->commands, by_id);
    for (int i = 1; i < field->count; i++)
        cr_assert_lt(field->commands[i - 1].id, field->commands[i].id, "an id came twice");
}

Test(service_load, every_request_is_one_command_in_its_trackers_order_and_one_success, .timeout = 600)
{
    const char *requests = getenv("INTEGRATION_REQUESTS");
    struct load load = {.requests = requests ? atoi(requests) : 10000};
    struct broker *broker = broker_start(NULL);
    struct outputd *service = outputd_new(broker_url(broker));
    struct field *field = field_start(broker_url(broker));

    cr_assert_gt(load.requests, 0);
    load.trackers = load.requests < TRACKERS_MAX ? load.requests : TRACKERS_MAX;
    load.replies = calloc((size_t)load.requests, 1);
    load.probe = probe_new(broker_url(broker));
    write_registry(service, load.trackers);
    outputd_set(service, "engine.ack_timeout_ms", "60000"); /* of a busy machine */
    for (int id = 1; id <= load.trackers; id++)
        field_online(field, id);
    outputd_start(service);
    outputd_wait_ready(service);
    run_load(&load);
    cr_assert_eq(load.succeeded, load.requests, "%d successes", load.succeeded);
    for (int i = 0; i < load.requests; i++)
        cr_assert_eq(load.replies[i], 1, "request %d: %d replies", i, load.replies[i]);
    outputd_stop(service); /* nothing comes later */
    check_commands(&load, field);
    free(load.replies);
    probe_free(load.probe);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}
