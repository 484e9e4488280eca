#include "edge/console_stream.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/pending.h"

/* --- what is shown --- */

static const char *const names[] = {
    [EVENT_REQUEST_ACCEPTED] = "request", [EVENT_REQUEST_REFUSED] = "refused", [EVENT_COMMAND_SENT] = "command",
    [EVENT_REQUEST_SETTLED] = "settled",  [EVENT_PRESENCE] = "presence",
};

static const char *name_of(enum engine_event_kind kind)
{
    return (size_t)kind < sizeof names / sizeof *names ? names[kind] : NULL;
}

static void take_request(const struct engine_event *event, struct console_event *out)
{
    const struct pending *p = event->pending;

    out->command.id = event->id;
    out->command.action = event->action;
    if (!p || p->tracker_id == 0) /* a check of the message alone has refused it */
        return;
    out->has_command = true;
    out->command = p->command;
    if (event->kind != EVENT_REQUEST_SETTLED || event->outcome != OUTCOME_SUCCESS || !p->tracker)
        return;
    out->outputs = p->tracker->outputs;
    out->states = p->tracker->states;
}

bool console_event_of(const struct engine_event *event, int64_t wall_ms, struct console_event *out)
{
    if (!name_of(event->kind))
        return false;
    *out = (struct console_event){
        .kind = event->kind,
        .at_ms = wall_ms,
        .tracker_id = event->tracker_id,
        .code = event->code,
        .outcome = event->outcome,
        .online = event->online,
        .queue_ms = event->queue_ms,
        .device_ms = event->device_ms,
        .total_ms = event->total_ms,
    };
    if (event->kind != EVENT_PRESENCE)
        take_request(event, out);
    return true;
}

/* --- as text: numbers, and words of our own, so that nothing has to be escaped --- */

static const char *bool_name(bool value)
{
    return value ? "true" : "false";
}

static void put_states(const struct output_states *states, unsigned count, struct buffer *out)
{
    for (unsigned i = 0; i < count; i++)
        buffer_printf(out, "%s%s", i ? ", " : "", states->known >> i & 1 ? bool_name(states->on >> i & 1) : "null");
}

static void put_command(const struct console_event *e, struct buffer *out)
{
    const struct command *c = &e->command;
    const struct output_states wanted = {.known = UINT64_MAX, .on = c->outputs};

    buffer_printf(out, ", \"action\": \"%s\"", action_name(c->action));
    if (!e->has_command)
        return;
    if (c->action == ACTION_SET) {
        buffer_printf(out, ", \"output\": %" PRId32 ", \"enable\": %s", c->output, bool_name(c->enable));
        return;
    }
    buffer_put_text(out, ", \"outputs\": [");
    put_states(&wanted, c->output_count, out);
    buffer_put_u8(out, ']');
}

static void put_ending(const struct console_event *e, struct buffer *out)
{
    if (e->kind != EVENT_REQUEST_SETTLED && e->kind != EVENT_REQUEST_REFUSED)
        return;
    buffer_printf(out, ", \"code\": %d, \"outcome\": \"%s\"", e->code, outcome_name(e->outcome));
    if (e->code != CODE_SUCCESS)
        buffer_printf(out, ", \"description\": \"%s\"", code_description(e->code));
    if (e->kind == EVENT_REQUEST_SETTLED)
        buffer_printf(out, ", \"queue_ms\": %" PRIu64 ", \"device_ms\": %" PRIu64 ", \"total_ms\": %" PRIu64,
                      e->queue_ms, e->device_ms, e->total_ms);
    if (e->outputs == 0)
        return;
    buffer_put_text(out, ", \"states\": [");
    put_states(&e->states, e->outputs, out);
    buffer_put_u8(out, ']');
}

void console_stream_event(const struct console_event *e, uint64_t life, struct buffer *out)
{
    buffer_printf(out, "id: %" PRIx64 "-%" PRIu64 "\nevent: %s\ndata: {\"at\": %" PRId64 ", \"tracker\": %" PRId32,
                  life, e->number, name_of(e->kind), e->at_ms, e->tracker_id);
    if (e->kind == EVENT_PRESENCE) {
        buffer_printf(out, ", \"online\": %s", bool_name(e->online));
    } else {
        buffer_printf(out, ", \"id\": %" PRIu64, e->command.id);
        put_command(e, out);
        put_ending(e, out);
    }
    buffer_put_text(out, "}\n\n");
}

void console_stream_hello(uint64_t life, uint32_t retry_ms, uint64_t beat_ms, struct buffer *out)
{
    buffer_printf(out,
                  "retry: %" PRIu32 "\nevent: hello\ndata: {\"life\": \"%" PRIx64 "\", \"beat_ms\": %" PRIu64 "}\n\n",
                  retry_ms, life, beat_ms);
}

void console_stream_missed(uint64_t count, struct buffer *out)
{
    buffer_printf(out, "event: missed\ndata: {\"count\": %" PRIu64 "}\n\n", count);
}

void console_stream_beat(struct buffer *out)
{
    buffer_put_text(out, "event: beat\ndata: {}\n\n");
}

uint64_t console_stream_resume(struct bytes last_event_id, uint64_t life, uint64_t fresh)
{
    enum { ID_MAX = 16 + 1 + 20 };
    char text[ID_MAX + 1] = {0};
    char *end;

    if (last_event_id.len == 0 || last_event_id.len > ID_MAX)
        return fresh;
    memcpy(text, last_event_id.data, last_event_id.len);
    if (strtoull(text, &end, 16) != life || *end != '-' || end[1] < '0' || end[1] > '9')
        return fresh;
    return strtoull(end + 1, NULL, 10) + 1;
}
