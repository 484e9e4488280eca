#include "edge/audit_line.h"

#include <ctype.h>
#include <stdio.h>

#include "base/check.h"
#include "base/version.h"
#include "edge/audit_chain.h"

/* --- members --- */

static void put_text(struct buffer *out, const char *key, struct bytes text)
{
    buffer_put_u8(out, '"');
    buffer_put_text(out, key);
    buffer_put_text(out, "\":\"");
    buffer_put_escaped(out, text);
    buffer_put_text(out, "\",");
}

/* Requesters choose these texts, and one may put its hash into them. */
static bool is_hash(struct bytes digits, const struct digest *session)
{
    uint8_t raw[HASH_DIGITS / 2];
    char lower[HASH_DIGITS + 1];
    struct digest digest;

    if (digits.len != HASH_DIGITS || !bytes_from_hex(digits, raw, sizeof raw))
        return false;
    bytes_to_hex(bytes_of(raw, sizeof raw), lower);
    digest = digest_of(bytes_of(lower, HASH_DIGITS));
    return memcmp(&digest, session, sizeof digest) == 0;
}

static size_t hex_digits(struct bytes text)
{
    size_t len = 0;

    while (len < text.len && isxdigit(text.data[len]))
        len++;
    return len;
}

static void put_without_hash(struct buffer *out, const char *key, struct bytes text, const struct digest *session)
{
    size_t done = 0;
    size_t at = 0;

    buffer_put_u8(out, '"');
    buffer_put_text(out, key);
    buffer_put_text(out, "\":\"");
    while (at < text.len) {
        size_t len = hex_digits(bytes_of(text.data + at, text.len - at));

        if (is_hash(bytes_of(text.data + at, len), session)) {
            buffer_put_escaped(out, bytes_of(text.data + done, at - done));
            buffer_put_text(out, "(hash)");
            done = at + len;
        }
        at += len ? len : 1;
    }
    buffer_put_escaped(out, bytes_of(text.data + done, text.len - done));
    buffer_put_text(out, "\",");
}

static void put_number(struct buffer *out, const char *key, uint64_t number)
{
    buffer_put_u8(out, '"');
    buffer_put_text(out, key);
    buffer_put_text(out, "\":");
    buffer_put_number(out, (int64_t)number);
    buffer_put_u8(out, ',');
}

static void put_time(struct buffer *out, const char *key, int64_t wall_ms)
{
    char at[CLOCK_TEXT_SIZE];

    clock_format(wall_ms, at);
    put_text(out, key, bytes_of_text(at));
}

static void put_bool(struct buffer *out, const char *key, bool value)
{
    buffer_put_u8(out, '"');
    buffer_put_text(out, key);
    buffer_put_text(out, value ? "\":true," : "\":false,");
}

/* In place of the comma behind the last member. */
static void close_object(struct buffer *out)
{
    CHECK(out->len && out->data[out->len - 1] == ',');
    out->data[out->len - 1] = '}';
}

static void open_object(struct buffer *out, const char *key)
{
    buffer_put_u8(out, '"');
    buffer_put_text(out, key);
    buffer_put_text(out, "\":{");
}

static struct bytes cut(const struct audit_writer *w, struct bytes bytes)
{
    return bytes_of(bytes.data, bytes.len < w->bytes_max ? bytes.len : w->bytes_max);
}

/* Without the character that was cut in two, where one was. */
static struct bytes without_half(struct bytes text)
{
    size_t begin = text.len;

    while (begin && text.len - begin < 3 && (text.data[begin - 1] & 0xC0) == 0x80)
        begin--;
    if (begin && text.data[begin - 1] >= 0xC0 && !bytes_are_utf8(bytes_of(text.data + begin - 1, text.len - begin + 1)))
        text.len = begin - 1;
    return text;
}

static struct bytes cut_text(const struct audit_writer *w, struct bytes text)
{
    return text.len > w->bytes_max ? without_half(cut(w, text)) : text;
}

static bool is_text(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t c = bytes.data[i];

        if (byte_needs_escape(c) && c != '"' && c != '\\' && c != '\r' && c != '\n' && c != '\t')
            return false;
    }
    return bytes_are_utf8(bytes);
}

static void put_hex(struct buffer *out, const char *key, struct bytes bytes)
{
    buffer_put_u8(out, '"');
    buffer_put_text(out, key);
    buffer_put_text(out, "\":\"");
    bytes_to_hex(bytes, (char *)buffer_room(out, 2 * bytes.len + 1));
    out->len += 2 * bytes.len;
    buffer_put_text(out, "\",");
}

/* As text where it is some, else in hex; `len` of all of it. Both as members of an object of their own. */
static void put_run(const struct audit_writer *w, struct bytes run, size_t len, const struct digest *session,
                    struct buffer *out)
{
    struct bytes kept = cut(w, run);
    struct bytes text = len > kept.len ? without_half(kept) : kept;

    if (is_text(text))
        put_without_hash(out, "text", text, session);
    else
        put_hex(out, "hex", kept);
    put_number(out, "bytes", len);
}

/* --- who asked for what --- */

static void put_asker(int32_t user_id, const struct digest *session, struct buffer *out)
{
    static const struct digest none;
    char id[AUDIT_SESSION_DIGITS + 1];

    if (user_id)
        put_number(out, "user_id", (uint64_t)user_id);
    if (memcmp(session, &none, sizeof none) == 0)
        return;
    audit_session_id(session, id);
    put_text(out, "session", bytes_of_text(id));
}

static void put_outputs(uint64_t on, unsigned count, struct buffer *out)
{
    buffer_put_text(out, "\"outputs\":[");
    for (unsigned i = 0; i < count; i++)
        buffer_put_text(out, on >> i & 1 ? "true," : "false,");
    out->len--;
    buffer_put_text(out, "],");
}

static void put_wish(const struct command *command, int32_t tracker_id, struct buffer *out)
{
    if (command->action != ACTION_UNKNOWN)
        put_text(out, "action", bytes_of_text(action_name(command->action)));
    if (tracker_id)
        put_number(out, "tracker_id", (uint64_t)tracker_id);
    if (command->action == ACTION_SET && command->output > 0) {
        put_number(out, "output", (uint64_t)command->output);
        put_bool(out, "enable", command->enable);
    }
    if (command->action == ACTION_SET_ALL && command->output_count > 0)
        put_outputs(command->outputs, command->output_count, out);
}

static void put_request_id(const struct request_id *id, const struct digest *session, struct buffer *out)
{
    if (id->kind == REQUEST_ID_TEXT)
        put_without_hash(out, "request_id", bytes_of(id->text, id->len), session);
    if (id->kind == REQUEST_ID_INT) {
        buffer_put_text(out, "\"request_id\":");
        buffer_put_number(out, id->number);
        buffer_put_u8(out, ',');
    }
}

static void put_correlation(const struct audit_writer *w, const struct pending *p, struct buffer *out)
{
    if (!p->route.correlation.data)
        return;
    open_object(out, "correlation_data");
    put_run(w, p->route.correlation, p->route.correlation.len, &p->session, out);
    close_object(out);
    buffer_put_u8(out, ',');
}

static void put_route(const struct audit_writer *w, const struct pending *p, struct buffer *out)
{
    put_without_hash(out, "reply_topic", cut_text(w, p->route.topic), &p->session);
    put_request_id(&p->route.id, &p->session, out);
    put_correlation(w, p, out);
}

static void put_pending(const struct audit_writer *w, const struct engine_event *event, struct buffer *out)
{
    const struct pending *p = event->pending;

    put_number(out, "id", p->id);
    put_asker(p->user_id, &p->session, out);
    put_wish(&p->command, p->tracker_id, out);
    put_route(w, p, out);
    if (event->profile)
        put_text(out, "profile", bytes_of_text(event->profile));
    put_time(out, "arrived_at", p->arrived.wall_ms);
    if (p->arrived.wall_ms < w->started_wall_ms)
        put_bool(out, "recovered", true);
}

/* Nobody has looked whose hash it is. */
static void put_dropped(const struct audit_writer *w, const struct engine_event *event, struct buffer *out)
{
    const struct request *request = event->request;
    struct command command = {.action = event->action};
    struct digest session = {{0}};

    if (request) {
        command = (struct command){.action = request->action,
                                   .output = request->output,
                                   .enable = request->enable,
                                   .outputs = request->outputs,
                                   .output_count = request->output_count};
        if (request->hash_is_good)
            session = digest_of(bytes_of(request->hash, HASH_DIGITS));
        put_asker(0, &session, out);
    }
    put_wish(&command, request ? request->tracker_id : 0, out);
    put_without_hash(out, "reply_topic", cut_text(w, event->topic), &session);
    if (request)
        put_request_id(&request->id, &session, out);
}

/* --- what was sent, and what came of it --- */

static void put_command(const struct audit_writer *w, const struct audit_command *command, const struct digest *session,
                        struct buffer *out)
{
    open_object(out, "command");
    put_text(out, "topic", command->topic);
    put_run(w, command->payload, command->payload_len, session, out);
    close_object(out);
    buffer_put_u8(out, ',');
}

static void put_ack(const struct audit_writer *w, const struct engine_event *event, const struct digest *session,
                    struct buffer *out)
{
    open_object(out, "ack");
    put_text(out, "topic", cut_text(w, event->ack_topic));
    put_run(w, event->ack, event->ack.len, session, out);
    close_object(out);
    buffer_put_u8(out, ',');
}

static void put_end(const struct engine_event *event, struct buffer *out)
{
    if (event->pending)
        put_number(out, "code", event->code);
    put_text(out, "outcome", bytes_of_text(outcome_name(event->pending ? event->outcome : OUTCOME_NOT_SENT)));
    if (event->kind != EVENT_REQUEST_SETTLED)
        return;
    put_number(out, "queue_ms", event->queue_ms);
    put_number(out, "device_ms", event->device_ms);
    put_number(out, "total_ms", event->total_ms);
}

/* --- lines --- */

static void begin(const struct audit_writer *w, const char *event, int64_t wall_ms, struct buffer *out)
{
    put_time(out, "at", wall_ms);
    put_text(out, "instance", bytes_of_text(w->instance));
    put_text(out, "event", bytes_of_text(event));
}

static const char *name_of(const struct engine_event *event)
{
    if (event->kind == EVENT_REPLY_TOPIC_REFUSED)
        return "dropped";
    if (event->kind == EVENT_REPLY_RECOVERED)
        return "recovered";
    return event->kind == EVENT_REQUEST_REFUSED ? "refused" : "settled";
}

void audit_line_request(const struct audit_writer *w, const struct engine_event *event,
                        const struct audit_command *command, int64_t wall_ms, struct buffer *out)
{
    static const struct digest none;
    const struct digest *session = event->pending ? &event->pending->session : &none;

    begin(w, name_of(event), wall_ms, out);
    if (event->pending)
        put_pending(w, event, out);
    else
        put_dropped(w, event, out);
    if (command)
        put_command(w, command, session, out);
    if (event->ack_topic.data)
        put_ack(w, event, session, out);
    put_end(event, out);
    close_object(out);
}

static void put_by_code(const struct audit_omitted *omitted, struct buffer *out)
{
    open_object(out, "by_code");
    for (size_t code = 0; code < sizeof omitted->by_code / sizeof *omitted->by_code; code++) {
        char key[24];

        if (omitted->by_code[code] == 0)
            continue;
        snprintf(key, sizeof key, "%zu", code);
        put_number(out, key, omitted->by_code[code]);
    }
    if (out->data[out->len - 1] == ',')
        out->len--;
    buffer_put_text(out, "},");
}

void audit_line_omitted(const struct audit_writer *w, const struct audit_omitted *omitted, int64_t wall_ms,
                        struct buffer *out)
{
    begin(w, "omitted", wall_ms, out);
    put_time(out, "since", omitted->since_wall_ms);
    put_number(out, "refused", omitted->refused);
    put_number(out, "dropped", omitted->reply_topic);
    put_by_code(omitted, out);
    put_number(out, "unwritten", omitted->buffer);
    close_object(out);
}

void audit_line_start(const struct audit_writer *w, size_t cut_bytes, int64_t wall_ms, struct buffer *out)
{
    begin(w, "start", wall_ms, out);
    put_text(out, "version", bytes_of_text(outputd_version));
    if (cut_bytes)
        put_number(out, "cut_bytes", cut_bytes);
    close_object(out);
}

void audit_line_stop(const struct audit_writer *w, int64_t wall_ms, struct buffer *out)
{
    begin(w, "stop", wall_ms, out);
    close_object(out);
}
