#include "support/desk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/pump.h"

static bool turn(void *ctx)
{
    struct desk *d = ctx;
    bool more;

    return d->probe->m && mqtt_receive(d->probe->m, 64, &more) > 0;
}

struct desk *desk_new(const char *broker_url)
{
    struct desk *d = calloc(1, sizeof *d);

    cr_assert(d);
    d->probe = probe_new(broker_url);
    d->prefix = "";
    snprintf(d->reply_topic, sizeof d->reply_topic, "client/%s/replies", d->probe->client_id);
    pump_add(turn, d);
    return d;
}

void desk_free(struct desk *d)
{
    if (!d)
        return;
    pump_remove(d);
    probe_free(d->probe);
    free(d);
}

void desk_subscribe(struct desk *d, const char *filter)
{
    cr_assert_eq(mqtt_subscribe(d->probe->m, &(struct mqtt_filter){.filter = filter, .qos = 1}, 1), 0, "%s",
                 mqtt_error(d->probe->m));
}

void desk_connect(struct desk *d)
{
    cr_assert_eq(probe_connect(d->probe), 0, "%s", mqtt_error(d->probe->m));
    d->probe->options.clean_start = false;
    d->published = d->probe->acked_count;
    desk_subscribe(d, d->reply_topic);
}

struct desk *desk_start(const char *broker_url)
{
    struct desk *d = desk_new(broker_url);

    desk_connect(d);
    return d;
}

/* --- requests --- */

void desk_publish(struct desk *d, const struct mqtt_publish *publish)
{
    int token;
    int r = -EAGAIN;

    cr_assert(PUMP_UNTIL(r != -EAGAIN || (r = mqtt_publish(d->probe->m, publish, &token)) != -EAGAIN));
    cr_assert_eq(r, 0, "%s", mqtt_error(d->probe->m));
    if (publish->qos == 0)
        return;
    d->published++;
    cr_assert(PUMP_UNTIL(d->probe->acked_count >= d->published), "the broker does not acknowledge");
}

void desk_send(struct desk *d, const char *action, const char *correlation, struct bytes payload)
{
    char topic[128];

    snprintf(topic, sizeof topic, "%sapi/tracker/output/%s", d->prefix, action);
    desk_publish(d, &(struct mqtt_publish){.topic = bytes_of_text(topic),
                                           .payload = payload,
                                           .response_topic = bytes_of_text(d->reply_topic),
                                           .correlation = bytes_of_text(correlation),
                                           .qos = 1});
}

void desk_set(struct desk *d, const char *correlation, int tracker_id, int output, bool enable)
{
    char payload[256];

    snprintf(payload, sizeof payload,
             "{\"hash\": \"" DESK_HASH "\", \"tracker_id\": %d, \"output\": %d, \"enable\": %s}", tracker_id, output,
             enable ? "true" : "false");
    desk_send(d, "set", correlation, bytes_of_text(payload));
}

/* --- replies --- */

static const struct probe_message *find(const struct desk *d, const char *correlation, int *count)
{
    const struct probe_message *first = NULL;

    *count = 0;
    for (int i = 0; i < d->probe->count; i++) {
        const struct probe_message *m = &d->probe->messages[i];

        if (m->correlation && bytes_equal_text(bytes_of(m->correlation, m->correlation_len), correlation)) {
            first = first ? first : m;
            ++*count;
        }
    }
    return first;
}

int desk_count(const struct desk *d, const char *correlation)
{
    int count;

    find(d, correlation, &count);
    return count;
}

const struct probe_message *desk_wait(struct desk *d, const char *correlation)
{
    int count;

    /* A deadline of the service may have to pass first. */
    cr_assert(PUMP_UNTIL_FOR(2 * PUMP_PATIENCE_MS, desk_count(d, correlation) > 0), "no reply to %s", correlation);
    return find(d, correlation, &count);
}

void desk_expect(struct desk *d, const char *correlation, const char *json)
{
    const struct probe_message *reply = desk_wait(d, correlation);
    json_t *got = value_decode(bytes_of(reply->payload, reply->payload_len), false);
    json_t *expected = value_of(json);

    cr_assert(json_equal(got, expected), "%s: %s, not %s", correlation, reply->payload, json);
    cr_assert_eq(desk_count(d, correlation), 1, "%s: more than one reply", correlation);
    json_decref(got);
    json_decref(expected);
}

void desk_expect_success(struct desk *d, const char *correlation)
{
    desk_expect(d, correlation, "{\"success\": true}");
}

void desk_expect_error(struct desk *d, const char *correlation, int code, const char *outcome)
{
    const struct probe_message *reply = desk_wait(d, correlation);
    json_t *got = value_decode(bytes_of(reply->payload, reply->payload_len), false);
    const json_t *status = json_object_get(got, "status");

    cr_assert_eq(json_integer_value(json_object_get(status, "code")), code, "%s: %s", correlation, reply->payload);
    cr_assert_str_eq(json_string_value(json_object_get(got, "outcome")), outcome, "%s", correlation);
    cr_assert_eq(desk_count(d, correlation), 1, "%s: more than one reply", correlation);
    json_decref(got);
}

void desk_fence(struct desk *d)
{
    enum { NEVER_ONLINE = 265490 };
    char correlation[32];

    snprintf(correlation, sizeof correlation, "fence-%d", ++d->fences);
    desk_set(d, correlation, NEVER_ONLINE, 1, true);
    desk_wait(d, correlation);
}

int desk_code_of_set(struct desk *desk, int tracker_id)
{
    static int asked;
    char correlation[32];
    const struct probe_message *reply;
    json_t *value;
    int code;

    snprintf(correlation, sizeof correlation, "ask %d", ++asked);
    desk_set(desk, correlation, tracker_id, 1, true);
    reply = desk_wait(desk, correlation);
    value = value_decode(bytes_of(reply->payload, reply->payload_len), false);
    code = (int)json_integer_value(json_object_get(json_object_get(value, "status"), "code"));
    cr_assert_eq(code == 0, json_is_true(json_object_get(value, "success")), "%s", reply->payload);
    json_decref(value);
    probe_forget(desk->probe);
    return code;
}
