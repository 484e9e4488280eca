/* Sparkplug B: payloads in Google's Protocol Buffers over MQTT; sparkplug.proto has the fields.
 *
 * A command's body names metrics, one a line, `NAME=1` or `NAME=0`; blank lines count for nothing. They become Boolean
 * metrics of a DCMD payload. A payload is one whole MQTT message: it does not say how long it is.
 *
 * Line: a line for each metric: `NAME=true`, `NAME=false`, and `NAME=?` for all other types, for null and for
 * historical values. A metric that has only its alias is called `#ALIAS`, and one that has neither is called `#`. In
 * names, control characters, `#`, `=` and `\` are written as \xNN, so that no metric's line looks like another one's.
 *
 * Source: the Eclipse Sparkplug specification and its sparkplug_b.proto. */
#include "framers.h"

#include "sparkplug.pb-c.h"

#include <stdlib.h>

enum {
    DATATYPE_BOOLEAN = 11,
    METRICS_MAX = 64,        /* of a command: outputs that a tracker can have */
    MEMORY_MAX = 256 * 1024, /* for one payload; 1000 metrics with ordinary names take less */
};

/* --- commands --- */

struct command {
    Sparkplug__Payload payload;
    Sparkplug__Metric metrics[METRICS_MAX];
    Sparkplug__Metric *list[METRICS_MAX];
};

/* The text up to the end of its first line, which is taken from it. */
static struct bytes next_line(struct bytes *rest)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->len);
    size_t len = end ? (size_t)(end - rest->data) : rest->len;
    struct bytes line = bytes_of(rest->data, len);

    if (end)
        len++;
    *rest = bytes_of(rest->data + len, rest->len - len);
    return line;
}

static const char *add_metric(struct command *c, uint64_t timestamp, struct bytes line)
{
    size_t name_len = line.len - 2;
    Sparkplug__Metric *m;

    if (line.len < 3 || line.data[name_len] != '=' || (line.data[name_len + 1] | 1) != '1')
        return "body: each line must be NAME=1 or NAME=0";
    if (c->payload.n_metrics == METRICS_MAX)
        return "body: has more than 64 metrics";
    m = &c->metrics[c->payload.n_metrics];
    sparkplug__metric__init(m);
    m->has_name = true;
    m->name = (ProtobufCBinaryData){name_len, (uint8_t *)(uintptr_t)line.data}; /* which is only read */
    m->has_timestamp = true;
    m->timestamp = timestamp;
    m->has_datatype = true;
    m->datatype = DATATYPE_BOOLEAN;
    m->value_case = SPARKPLUG__METRIC__VALUE_BOOLEAN_VALUE;
    m->boolean_value = line.data[name_len + 1] == '1';
    c->list[c->payload.n_metrics++] = m;
    return NULL;
}

static const char *wrap(const struct bytes fields[], struct bytes body, struct buffer *out)
{
    const char *error = NULL;
    struct command c;
    uint64_t timestamp;

    if (!field_number(fields[0], UINT64_MAX, &timestamp))
        return "timestamp: must be a whole number";
    if (!bytes_are_utf8(body))
        return "body: must be UTF-8";
    sparkplug__payload__init(&c.payload);
    c.payload.has_timestamp = true;
    c.payload.timestamp = timestamp;
    c.payload.metrics = c.list;
    while (body.len > 0 && !error) {
        struct bytes line = next_line(&body);

        if (line.len > 0)
            error = add_metric(&c, timestamp, line);
    }
    if (!error && c.payload.n_metrics == 0)
        error = "body: names no metric";
    if (error)
        return error;
    out->len += sparkplug__payload__pack(&c.payload, buffer_room(out, sparkplug__payload__get_packed_size(&c.payload)));
    return NULL;
}

/* --- what comes in --- */

/* A few bytes of a payload can stand for a large struct, so what one payload may take is limited. */
static void *take_memory(void *left, size_t size)
{
    size_t *bytes = left;

    if (size > *bytes)
        return NULL;
    *bytes -= size;
    return malloc(size);
}

static void give_memory(void *left, void *memory)
{
    (void)left; /* what was taken counts until the payload is done */
    free(memory);
}

static void put_name(struct buffer *line, const Sparkplug__Metric *m)
{
    if (!m->has_name && m->has_alias)
        buffer_printf(line, "#%llu", (unsigned long long)m->alias);
    else if (!m->has_name)
        buffer_put_u8(line, '#');
    for (size_t i = 0; i < m->name.len; i++) {
        uint8_t c = m->name.data[i];

        if (c < ' ' || c == 0x7F || c == '#' || c == '=' || c == '\\')
            buffer_printf(line, "\\x%02X", c);
        else
            buffer_put_u8(line, c);
    }
}

static const char *value_of(const Sparkplug__Metric *m)
{
    if (m->value_case != SPARKPLUG__METRIC__VALUE_BOOLEAN_VALUE || m->is_null || m->is_historical)
        return "?";
    return m->boolean_value ? "true" : "false";
}

static struct frame_found find(struct bytes input, struct buffer *line)
{
    size_t left = MEMORY_MAX;
    ProtobufCAllocator memory = {take_memory, give_memory, &left};
    Sparkplug__Payload *payload = sparkplug__payload__unpack(&memory, input.len, input.data);
    bool is_payload = payload && (payload->has_timestamp || payload->n_metrics > 0);

    for (size_t i = 0; is_payload && i < payload->n_metrics; i++) {
        if (i > 0)
            buffer_put_u8(line, '\n');
        put_name(line, payload->metrics[i]);
        buffer_printf(line, "=%s", value_of(payload->metrics[i]));
    }
    sparkplug__payload__free_unpacked(payload, &memory);
    return is_payload ? frame_good(input.len) : frame_garbage(input.len);
}

const struct framer framer_sparkplug = {.name = "sparkplug", .fields = {"timestamp"}, .wrap = wrap, .find = find};
