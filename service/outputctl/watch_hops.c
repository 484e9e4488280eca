/* What each message means: which hop of which request it is, and how that is put into words. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "ask.h"
#include "base/check.h"
#include "core/topic.h"
#include "json_text.h"
#include "terminal.h"
#include "watch.h"
#include "wire/object.h"
#include "wire/presence.h"

enum { TEXT_MAX = 600 };

/* --- telling --- */

/* A hop with what every message has. */
static struct hop hop_of(const char *kind, const struct mqtt_message *message)
{
    return (struct hop){.kind = kind,
                        .at = clock_now(),
                        .topic = message->topic,
                        .payload = message->payload,
                        .content_type = message->content_type,
                        .is_stored = message->retain};
}

static void tell(struct watch *w, struct hop *hop, struct buffer *text)
{
    if (text->len > TEXT_MAX) {
        for (text->len = TEXT_MAX; (text->data[text->len] & 0xC0) == 0x80;)
            text->len--; /* not into the middle of a character */
        buffer_put_text(text, "…");
    }
    if (hop->again)
        buffer_put_text(text, " (again)");
    buffer_put_u8(text, '\0');
    hop->text = (const char *)text->data;
    w->view->hop(w, hop);
    buffer_release(text);
}

/* The tracker of "…tracker/265489/…", whose prefix is known to match; 0 where its level is no id. */
static int32_t tracker_of(const struct watch *w, struct bytes topic)
{
    size_t skip = strlen(w->options->prefix) + strlen("tracker/");
    int64_t id = 0;

    for (size_t i = skip; i < topic.len && topic.data[i] != '/'; i++) {
        if (topic.data[i] < '0' || topic.data[i] > '9')
            return 0;
        id = id * 10 + (topic.data[i] - '0');
        if (id > INT32_MAX)
            return 0;
    }
    return (int32_t)id;
}

static uint64_t since(const struct row *row, uint64_t us)
{
    return row && us ? us - row->start_us : 0;
}

/* --- requests --- */

static struct bytes last_level(struct bytes topic)
{
    const uint8_t *slash = memrchr(topic.data, '/', topic.len);
    const uint8_t *start = slash ? slash + 1 : topic.data;

    return bytes_of(start, (size_t)(topic.data + topic.len - start));
}

static struct command command_of(const struct request *request)
{
    return (struct command){.action = request->action,
                            .output = request->output,
                            .enable = request->enable,
                            .outputs = request->outputs,
                            .output_count = request->output_count};
}

static bool is_bad(const struct request *request, enum parameter parameter)
{
    return request->bad >> parameter & 1;
}

static bool has_meaning(const struct request *request)
{
    return request->action != ACTION_UNKNOWN && !is_bad(request, PARAMETER_OUTPUT) &&
           !is_bad(request, PARAMETER_ENABLE) && !is_bad(request, PARAMETER_OUTPUTS);
}

/* Only what the decoder understood: the payload holds a hash. */
static void put_request(const struct mqtt_message *message, const struct request *request, struct buffer *out)
{
    struct command what;

    if (!request) {
        buffer_printf(out, "unreadable request, %zu bytes", message->payload.len);
        return;
    }
    if (has_meaning(request)) {
        what = command_of(request);
        buffer_put_text(out, "set ");
        request_payload_put_words(&what, out);
    } else {
        terminal_put(out, last_level(message->topic));
    }
    for (unsigned i = 0, count = 0; i < PARAMETER_COUNT; i++) {
        if (request->bad >> i & 1)
            buffer_printf(out, "%s%s", count++ ? ", " : ", bad: ", parameter_name(i));
    }
    if (message->retain)
        buffer_put_text(out, ", retained");
}

/* Where the reply will go; to be released. */
static void put_reply_topic(const struct mqtt_message *message, const struct request *request, struct buffer *out)
{
    if (message->response_topic.data) {
        buffer_put(out, message->response_topic);
    } else if (request && request->has_response_topic && request->response_topic_len <= REPLY_TOPIC_MAX) {
        buffer_put(out, bytes_of(request->response_topic, request->response_topic_len));
    } else {
        buffer_put(out, message->topic);
        buffer_put_text(out, "/response");
    }
}

static struct row *trace_seen(struct watch *w, const struct mqtt_message *message, const struct request *request,
                              struct hop *hop)
{
    struct command what;
    struct seen_request seen = {.topic = message->topic,
                                .payload = message->payload,
                                .correlation = message->correlation,
                                .reply_topic = hop->reply_topic};

    if (request) {
        seen.id = &request->id;
        seen.tracker_id = is_bad(request, PARAMETER_TRACKER_ID) ? 0 : request->tracker_id;
        what = command_of(request);
        seen.what = has_meaning(request) ? &what : NULL;
    }
    hop->tracker_id = seen.tracker_id;
    return trace_request(&w->trace, &seen, hop->at, &hop->again);
}

static void take_request(struct watch *w, const struct mqtt_message *message)
{
    static struct request decoded;
    enum encoding encoding = encoding_of(message->content_type, message->payload);
    enum action action = action_from_name(last_level(message->topic));
    const struct request *request = request_decode(encoding, message->payload, action, &decoded) == 0 ? &decoded : NULL;
    struct hop hop = hop_of("request", message);
    struct buffer reply_topic = {0};
    struct buffer text = {0};

    hop.payload = (struct bytes){0};
    put_reply_topic(message, request, &reply_topic);
    hop.reply_topic = buffer_bytes(&reply_topic);
    hop.row = trace_seen(w, message, request, &hop);
    put_request(message, request, &text);
    watch_follow(w, hop.reply_topic);
    tell(w, &hop, &text);
    buffer_release(&reply_topic);
    explicit_bzero(&decoded, sizeof decoded);
}

/* --- commands and acks --- */

/* The members of a generic command or ack that matter here. */
struct reading {
    struct command what;
    bool has_id;
    bool has_action;
};

static void read_member(void *ctx, const struct member *member)
{
    struct reading *reading = ctx;

    if (bytes_equal_text(member->key, "id") && member->kind == MEMBER_INT && member->number >= 0) {
        reading->has_id = true;
        reading->what.id = (uint64_t)member->number;
    } else if (bytes_equal_text(member->key, "action") && member->kind == MEMBER_TEXT) {
        reading->what.action = action_from_name(member->text);
        reading->has_action = reading->what.action != ACTION_UNKNOWN;
    } else if (bytes_equal_text(member->key, "output") && member->kind == MEMBER_INT) {
        reading->what.output = (int32_t)member->number;
    } else if (bytes_equal_text(member->key, "enable")) {
        reading->what.enable = member->truth;
    } else if (bytes_equal_text(member->key, "outputs") && member->count <= OBJECT_BOOLS_MAX) {
        reading->what.outputs = member->bools;
        reading->what.output_count = (uint8_t)member->count;
    }
}

static struct reading read_payload(const struct mqtt_message *message)
{
    struct reading reading = {0};

    object_decode(encoding_of(message->content_type, message->payload), message->payload, read_member, &reading);
    return reading;
}

/* The Correlation Data of commands is their id, 8 bytes; acks bring it back. In acks the payload's id goes before. */
static bool correlated_id(const struct mqtt_message *message, uint64_t *id)
{
    struct reader r = {.left = message->correlation};
    uint64_t value = reader_be(&r, 8);

    if (!message->correlation.data || !reader_is_done(&r))
        return false;
    *id = value;
    return true;
}

static struct seen_hop seen_of(const struct watch *w, const struct mqtt_message *message, struct reading *reading)
{
    if (!reading->has_id)
        reading->has_id = correlated_id(message, &reading->what.id);
    return (struct seen_hop){.tracker_id = tracker_of(w, message->topic),
                             .has_id = reading->has_id,
                             .id = reading->what.id,
                             .what = reading->has_action ? &reading->what : NULL};
}

static void take_command(struct watch *w, const struct mqtt_message *message)
{
    struct reading reading = read_payload(message);
    struct seen_hop seen = seen_of(w, message, &reading);
    struct hop hop = hop_of("command", message);
    struct buffer text = {0};

    hop.tracker_id = seen.tracker_id;
    hop.row = trace_command(&w->trace, &seen, hop.at);
    hop.after_us = since(hop.row, hop.row->command_us);
    json_text_for_people(message->content_type, message->payload, &text);
    tell(w, &hop, &text);
}

static void take_ack(struct watch *w, const struct mqtt_message *message)
{
    struct reading reading = read_payload(message);
    struct seen_hop seen = seen_of(w, message, &reading);
    struct hop hop = hop_of("ack", message);
    struct buffer text = {0};

    hop.tracker_id = seen.tracker_id;
    hop.row = trace_ack(&w->trace, &seen);
    hop.after_us = since(hop.row, hop.row ? hop.row->ack_us : 0);
    json_text_for_people(message->content_type, message->payload, &text);
    tell(w, &hop, &text);
}

/* --- replies --- */

static void read_id(void *ctx, const struct member *member)
{
    struct request_id *id = ctx;

    if (!bytes_equal_text(member->key, "request_id"))
        return;
    if (member->kind == MEMBER_TEXT && member->text.len <= REQUEST_ID_MAX) {
        id->kind = REQUEST_ID_TEXT;
        id->len = (uint8_t)member->text.len;
        memcpy(id->text, member->text.data, member->text.len);
    } else if (member->kind == MEMBER_INT) {
        id->kind = REQUEST_ID_INT;
        id->number = (int32_t)member->number;
    }
}

static enum row_end end_of(const struct answer *answer)
{
    if (answer->success)
        return ROW_SUCCESS;
    return strcmp(answer->outcome, "unknown") == 0 ? ROW_IN_DOUBT : ROW_ERROR;
}

/* What the reply says, for its row: "success", "213 not_sent: Cannot perform …". *kind goes before it in a line. */
static enum row_end put_verdict(const struct mqtt_message *message, struct buffer *out, const char **kind)
{
    struct buffer json = {0};
    struct answer answer = {0};
    int r = json_text_of_payload(encoding_of(message->content_type, message->payload), message->payload, &json);

    if (r == 0)
        r = answer_read(buffer_bytes(&json), &answer);
    buffer_release(&json);
    *kind = r < 0 || answer.success ? "" : "error ";
    if (r < 0) {
        buffer_printf(out, "unreadable reply, %zu bytes", message->payload.len);
        return ROW_ERROR;
    }
    if (answer.success)
        buffer_put_text(out, "success");
    else
        buffer_printf(out, "%lld%s%s: %s", (long long)answer.code, answer.outcome[0] ? " " : "", answer.outcome,
                      answer.description);
    return end_of(&answer);
}

/* A row's verdict has less room than a reply may need. */
static void end_row(struct row *row, enum row_end end, const struct buffer *verdict)
{
    size_t len = verdict->len < sizeof row->verdict ? verdict->len : sizeof row->verdict - 1;

    while (len < verdict->len && (verdict->data[len] & 0xC0) == 0x80)
        len--;
    memcpy(row->verdict, verdict->data, len);
    row->verdict[len] = '\0';
    row->end = end;
}

/* Its row, where it has one that had no reply before. */
static void match_reply(struct watch *w, const struct mqtt_message *message, enum row_end end,
                        const struct buffer *verdict, struct hop *hop)
{
    struct request_id id = {0};
    struct row *row;

    object_decode(encoding_of(message->content_type, message->payload), message->payload, read_id, &id);
    row = trace_reply(&w->trace, message->topic, message->correlation, &id, &hop->again);
    hop->row = row;
    hop->tracker_id = row ? row->tracker_id : 0;
    if (!row || hop->again)
        return;
    end_row(row, end, verdict);
    hop->after_us = since(row, row->reply_us);
}

static void take_reply(struct watch *w, const struct mqtt_message *message)
{
    struct hop hop = hop_of("reply", message);
    struct buffer verdict = {0};
    struct buffer text = {0};
    const char *kind;
    enum row_end end = put_verdict(message, &verdict, &kind);

    match_reply(w, message, end, &verdict, &hop);
    buffer_put_text(&text, kind);
    buffer_put(&text, buffer_bytes(&verdict));
    if (hop.after_us)
        buffer_printf(&text, ", %.*f ms", hop.after_us < 10000, (double)hop.after_us / 1000);
    w->replies++;
    tell(w, &hop, &text);
    buffer_release(&verdict);
}

/* --- the rest --- */

static void take_presence(struct watch *w, const struct mqtt_message *message)
{
    static const char *const words[] = {"offline", "online", "unreadable presence"};
    struct hop hop = hop_of("presence", message);
    struct buffer text = {0};

    hop.tracker_id = tracker_of(w, message->topic);
    buffer_put_text(&text, words[presence_decode(message->payload)]);
    tell(w, &hop, &text);
}

static void take_stats(struct watch *w, const struct mqtt_message *message)
{
    struct hop hop = hop_of("stats", message);
    struct buffer text = {0};

    stats_take(&w->stats, message->topic, message->payload, hop.at.mono_ms);
    json_text_for_people(message->content_type, message->payload, &text);
    tell(w, &hop, &text);
}

/* --- which is which --- */

/* In this order: a filter of --replies may cover more than replies. */
static const struct {
    const char *filter; /* below the prefix */
    bool retain_as_published;
    bool no_retained;
    void (*take)(struct watch *w, const struct mqtt_message *message);
} sources[] = {
    {"api/tracker/output/+", true, true, take_request}, {"tracker/+/output/command", false, true, take_command},
    {"tracker/+/output/ack", false, true, take_ack},    {"tracker/+/status", false, false, take_presence},
    {"outputd/+/stats", false, false, take_stats},      {"api/tracker/output/+/response", false, true, take_reply},
    {ASK_REPLY_TOPIC "+", false, true, take_reply},
};

enum { SOURCES = sizeof sources / sizeof *sources };

void watch_name_filters(struct watch *w)
{
    for (size_t i = 0; i < SOURCES; i++) {
        struct buffer filter = {0};

        buffer_printf(&filter, "%s%s", w->options->prefix, sources[i].filter);
        buffer_put_u8(&filter, '\0');
        w->filters[w->filter_count++] = (struct mqtt_filter){.filter = (const char *)filter.data,
                                                             .qos = 1,
                                                             .retain_as_published = sources[i].retain_as_published,
                                                             .no_retained = sources[i].no_retained};
    }
    for (size_t i = 0; i < w->options->reply_filter_count; i++) {
        char *filter = strdup(w->options->reply_filters[i]);

        CHECK(filter && w->filter_count < WATCH_FILTERS_MAX);
        w->filters[w->filter_count++] = (struct mqtt_filter){.filter = filter, .qos = 1, .no_retained = true};
    }
}

void watch_take(void *ctx, const struct mqtt_message *message)
{
    struct watch *w = ctx;
    bool is_old = message->retain && mqtt_protocol(w->session.m) == 4;

    for (size_t i = 0; i < SOURCES; i++) {
        if (!topic_matches(bytes_of_text(w->filters[i].filter), message->topic))
            continue;
        /* MQTT 3.1.1 cannot be asked to leave out what was stored long ago. */
        if (!(is_old && sources[i].no_retained))
            sources[i].take(w, message);
        return;
    }
    if (!is_old)
        take_reply(w, message);
}
