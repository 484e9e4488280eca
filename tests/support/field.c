#include "support/field.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/pump.h"

/* --- what comes --- */

static struct field_command *add_command(struct field *f)
{
    if (f->count == f->size) {
        f->size = f->size ? 2 * f->size : 64;
        f->commands = realloc(f->commands, (size_t)f->size * sizeof *f->commands);
        cr_assert(f->commands);
    }
    return &f->commands[f->count++];
}

static int tracker_of(const struct field *f, const char *topic)
{
    char format[64];
    int tracker_id = 0;

    snprintf(format, sizeof format, "%stracker/%%d/output/command", f->prefix);
    return sscanf(topic, format, &tracker_id) == 1 ? tracker_id : 0;
}

static void on_command(void *ctx, const struct mqtt_message *message)
{
    struct field *f = ctx;
    struct field_command *c = add_command(f);
    struct reader correlation = {.left = message->correlation};

    *c = (struct field_command){
        .topic = bytes_dup(message->topic),
        .correlation_id = reader_be(&correlation, 8),
        .response_topic = message->response_topic.data ? bytes_dup(message->response_topic) : NULL,
        .expiry_s = message->expiry_s,
        .qos = message->qos,
        .retain = message->retain,
        .msgpack = message->payload.len > 0 && message->payload.data[0] >= 0x80,
    };
    buffer_put(&c->payload, message->payload);
    c->tracker_id = tracker_of(f, c->topic);
    c->value = value_decode(message->payload, c->msgpack);
    c->id = (uint64_t)json_integer_value(json_object_get(c->value, "id"));
}

static void on_acked(void *ctx, int token, int reason)
{
    struct field *f = ctx;

    (void)token;
    f->probe->acked_count++;
    f->probe->last_reason = reason;
}

/* --- what goes --- */

/* Where the broker takes no more at the moment: -EAGAIN. */
static int try_ack(struct field *f, const struct field_command *c, const char *members)
{
    struct buffer text = {0};
    struct buffer payload = {0};
    struct buffer topic = {0};
    uint8_t correlation[8];
    json_t *ack;
    int token;
    int r;

    buffer_printf(&text, "{\"id\": %llu, %s}", (unsigned long long)c->id, members);
    buffer_put_u8(&text, '\0');
    ack = value_of((const char *)text.data);
    value_encode(ack, c->msgpack, &payload);
    for (size_t i = 0; i < sizeof correlation; i++)
        correlation[i] = (uint8_t)(c->correlation_id >> (8 * (7 - i)));
    buffer_printf(&topic, "%stracker/%d/output/ack", f->prefix, c->tracker_id);
    r = mqtt_publish(f->probe->m,
                     &(struct mqtt_publish){.topic = buffer_bytes(&topic),
                                            .payload = buffer_bytes(&payload),
                                            .correlation = bytes_of(correlation, c->correlation_id ? 8 : 0),
                                            .qos = 1},
                     &token);
    f->published += r == 0;
    json_decref(ack);
    buffer_release(&text);
    buffer_release(&payload);
    buffer_release(&topic);
    return r;
}

static bool turn(void *ctx)
{
    struct field *f = ctx;
    bool more;
    bool busy = f->probe->m && mqtt_receive(f->probe->m, 64, &more) > 0;

    for (; f->flushed < f->count; f->flushed++) {
        const struct field_command *c = &f->commands[f->flushed];

        if (!f->is_silent && c->value && c->tracker_id > 0 && try_ack(f, c, "\"success\": true") < 0)
            break;
    }
    return busy;
}

void field_publish(struct field *f, const struct mqtt_publish *publish)
{
    int token;
    int r = -EAGAIN;

    cr_assert(PUMP_UNTIL(r != -EAGAIN || (r = mqtt_publish(f->probe->m, publish, &token)) != -EAGAIN));
    cr_assert_eq(r, 0, "%s", mqtt_error(f->probe->m));
    if (publish->qos == 0)
        return;
    f->published++;
    cr_assert(PUMP_UNTIL(f->probe->acked_count >= f->published), "the broker does not acknowledge");
}

void field_presence(struct field *f, int tracker_id, const char *text)
{
    char topic[128];

    snprintf(topic, sizeof topic, "%stracker/%d/status", f->prefix, tracker_id);
    field_publish(f, &(struct mqtt_publish){
                         .topic = bytes_of_text(topic), .payload = bytes_of_text(text), .qos = 1, .retain = true});
}

void field_online(struct field *f, int tracker_id)
{
    field_presence(f, tracker_id, "online");
}

void field_say(struct field *f, const char *topic, const char *text)
{
    field_publish(f, &(struct mqtt_publish){.topic = bytes_of_text(topic), .payload = bytes_of_text(text), .qos = 1});
}

void field_ack(struct field *f, const struct field_command *command, const char *members)
{
    int r = -EAGAIN;

    cr_assert(PUMP_UNTIL(r != -EAGAIN || (r = try_ack(f, command, members)) != -EAGAIN));
    cr_assert_eq(r, 0, "%s", mqtt_error(f->probe->m));
    cr_assert(PUMP_UNTIL(f->probe->acked_count >= f->published), "the broker does not acknowledge");
}

/* --- life --- */

struct field *field_new(const char *broker_url)
{
    struct field *f = calloc(1, sizeof *f);

    cr_assert(f);
    f->probe = probe_new(broker_url);
    f->probe->handlers = (struct mqtt_handlers){.ctx = f, .message = on_command, .acked = on_acked};
    f->prefix = "";
    pump_add(turn, f);
    return f;
}

void field_subscribe(struct field *f, const char *filter)
{
    cr_assert_eq(mqtt_subscribe(f->probe->m, &(struct mqtt_filter){.filter = filter, .qos = 1}, 1), 0, "%s",
                 mqtt_error(f->probe->m));
}

void field_connect(struct field *f)
{
    char filter[128];

    cr_assert_eq(probe_connect(f->probe), 0, "%s", mqtt_error(f->probe->m));
    f->probe->options.clean_start = false;
    f->published = f->probe->acked_count; /* what was on its way is nobody's any more */
    snprintf(filter, sizeof filter, "%stracker/+/output/command", f->prefix);
    field_subscribe(f, filter);
}

struct field *field_start(const char *broker_url)
{
    struct field *f = field_new(broker_url);

    field_connect(f);
    return f;
}

void field_forget(struct field *f)
{
    for (int i = 0; i < f->count; i++) {
        free(f->commands[i].topic);
        free(f->commands[i].response_topic);
        buffer_release(&f->commands[i].payload);
        json_decref(f->commands[i].value);
    }
    f->count = 0;
    f->flushed = 0;
}

void field_free(struct field *f)
{
    if (!f)
        return;
    pump_remove(f);
    field_forget(f);
    free(f->commands);
    probe_free(f->probe);
    free(f);
}

/* --- looking --- */

const struct field_command *field_wait(struct field *f, int count)
{
    cr_assert(PUMP_UNTIL(f->count >= count), "%d of %d commands came", f->count, count);
    return &f->commands[count - 1];
}

void field_sync(struct field *f)
{
    field_say(f, "field/sync", ""); /* its PUBACK comes after all of that */
}

int field_count_id(const struct field *f, uint64_t id)
{
    int count = 0;

    for (int i = 0; i < f->count; i++)
        count += f->commands[i].id == id;
    return count;
}
