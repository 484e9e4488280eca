/* watch, a line for each hop: as text for people, and as JSON for scripts. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "json_text.h"
#include "terminal.h"
#include "watch.h"

static void flush(struct watch *w)
{
    (void)w;
    fflush(stdout);
}

static void start_nothing(struct watch *w)
{
    (void)w;
}

static void print_notice(struct watch *w, const char *text)
{
    (void)w;
    if (*text)
        fprintf(stderr, "outputctl watch: %s\n", text);
}

/* --- text --- */

static enum colour colour_of(const struct hop *hop)
{
    static const enum colour colours[] = {
        [ROW_OPEN] = COLOUR_NONE,
        [ROW_SUCCESS] = COLOUR_GOOD,
        [ROW_ERROR] = COLOUR_BAD,
        [ROW_IN_DOUBT] = COLOUR_DOUBT,
    };

    return strcmp(hop->kind, "reply") == 0 && hop->row ? colours[hop->row->end] : COLOUR_NONE;
}

static void print_hop(struct watch *w, const struct hop *hop)
{
    enum { TEXT_COLUMNS = 44 };
    enum colour colour = colour_of(hop);
    struct buffer topic = {0};
    char at[WATCH_TIME_SIZE];
    char tracker[24] = "tracker ?";

    (void)w;
    /* The counters are no hop, and what was stored long ago is no news. */
    if (strcmp(hop->kind, "stats") == 0 || (hop->is_stored && strcmp(hop->kind, "presence") == 0))
        return;
    watch_put_time(hop->at.wall_ms, at);
    if (hop->tracker_id)
        snprintf(tracker, sizeof tracker, "tracker %d", (int)hop->tracker_id);
    terminal_put(&topic, hop->topic);
    printf("%s  %-8s  %-15s  %s%-*s%s  %s(%.*s)%s\n", at, hop->kind, tracker,
           colour ? terminal_colour(stdout, colour) : "", TEXT_COLUMNS, hop->text,
           colour ? terminal_colour(stdout, COLOUR_NONE) : "", terminal_colour(stdout, COLOUR_FAINT), (int)topic.len,
           (const char *)topic.data, terminal_colour(stdout, COLOUR_NONE));
    buffer_release(&topic);
}

const struct watch_view watch_view_lines = {
    .start = start_nothing, .hop = print_hop, .turn = flush, .notice = print_notice, .finish = flush, .wait_ms = 1000};

/* --- JSON --- */

static void put_text_member(struct buffer *out, const char *name, struct bytes text)
{
    buffer_printf(out, ", \"%s\": ", name);
    json_text_of_string(text, out);
}

static void put_payload(struct buffer *out, const struct hop *hop)
{
    struct buffer json = {0};

    if (json_text_of_payload(encoding_of(hop->content_type, hop->payload), hop->payload, &json) == 0) {
        buffer_put_text(out, ", \"payload\": ");
        buffer_put(out, buffer_bytes(&json));
    } else if (bytes_are_utf8(hop->payload)) {
        put_text_member(out, "payload", hop->payload);
    } else {
        json_text_of_hex(hop->payload, &json);
        put_text_member(out, "payload_hex", buffer_bytes(&json));
    }
    buffer_release(&json);
}

static void put_what(struct buffer *out, const struct command *what)
{
    buffer_printf(out, ", \"action\": \"%s\"", action_name(what->action));
    if (what->action == ACTION_SET) {
        buffer_printf(out, ", \"output\": %d, \"enable\": %s", (int)what->output, what->enable ? "true" : "false");
        return;
    }
    buffer_put_text(out, ", \"outputs\": [");
    for (unsigned i = 0; i < what->output_count; i++)
        buffer_printf(out, "%s%s", i ? ", " : "", what->outputs >> i & 1 ? "true" : "false");
    buffer_put_u8(out, ']');
}

/* Never the payload, for its hash. */
static void put_request(struct buffer *out, const struct hop *hop)
{
    if (hop->row && hop->row->is_readable)
        put_what(out, &hop->row->what);
    put_text_member(out, "text", bytes_of_text(hop->text));
    put_text_member(out, "reply_topic", hop->reply_topic);
}

static void print_json(struct watch *w, const struct hop *hop)
{
    struct buffer out = {0};
    char at[CLOCK_TEXT_SIZE];

    (void)w;
    clock_format(hop->at.wall_ms, at);
    buffer_printf(&out, "{\"at\": \"%s\", \"hop\": \"%s\"", at, hop->kind);
    if (hop->row)
        buffer_printf(&out, ", \"request\": %" PRIu64, hop->row->number);
    if (hop->tracker_id)
        buffer_printf(&out, ", \"tracker_id\": %d", (int)hop->tracker_id);
    if (hop->after_us)
        buffer_printf(&out, ", \"after_ms\": %.3f", (double)hop->after_us / 1000);
    if (hop->again)
        buffer_put_text(&out, ", \"again\": true");
    if (hop->is_stored)
        buffer_put_text(&out, ", \"retained\": true");
    put_text_member(&out, "topic", hop->topic);
    if (hop->reply_topic.data)
        put_request(&out, hop);
    else
        put_payload(&out, hop);
    printf("%.*s}\n", (int)out.len, (const char *)out.data);
    buffer_release(&out);
}

const struct watch_view watch_view_json = {
    .start = start_nothing, .hop = print_json, .turn = flush, .notice = print_notice, .finish = flush, .wait_ms = 1000};
