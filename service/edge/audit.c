#include "edge/audit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "base/map.h"
#include "base/pool.h"
#include "edge/audit_file.h"
#include "edge/audit_head.h"
#include "edge/audit_line.h"

enum {
    TRY_MS = 1000, /* how often a file that cannot be written is tried */
    SECOND_MS = 1000,
    KEEP_BYTES = 4 << 20,
};

/* In front of each body that waits for its turn. */
struct body_head {
    uint32_t len;
    bool waits; /* for the journal */
};

/* What was given to the outbox; its runs lie behind it in the same memory. */
struct sent {
    size_t size;
    struct audit_command command;
};

struct audit {
    struct audit_options options;
    struct audit_writer writer;
    struct counters *counters;
    struct audit_file file;
    struct audit_head head;
    struct audit_chain chain;
    struct map sent; /* by id */
    struct pool pool;
    struct buffer bodies;  /* not in the chain yet */
    struct buffer lines;   /* in the chain, not in the file */
    struct buffer publish; /* each behind its length: not on the topic */
    size_t line_count;     /* of `lines` */
    size_t published;      /* bytes of these that are done with */
    struct audit_omitted omitted;
    uint64_t second_ms; /* the one in which lines of refused requests are counted */
    uint32_t refused;   /* in it */
    bool down;          /* the file could not be written */
    uint64_t tried_ms;
};

/* --- life --- */

static void put_body(struct audit *a, const struct buffer *body, bool waits)
{
    const struct body_head head = {(uint32_t)body->len, waits};

    buffer_put(&a->bodies, bytes_of(&head, sizeof head));
    buffer_put(&a->bodies, buffer_bytes(body));
}

static void put_start(struct audit *a, size_t cut_bytes, struct instant now)
{
    struct buffer body = {0};

    if (cut_bytes)
        log_write(LOG_WARNING, "the last line of the audit trail was not whole, and is cut off",
                  LOG_TEXT("path", a->options.path), LOG_INT("bytes", cut_bytes));
    audit_line_start(&a->writer, cut_bytes, now.wall_ms, &body);
    put_body(a, &body, false);
    buffer_release(&body);
}

static void audit_free(struct audit *a)
{
    struct sent *sent;
    size_t at = 0;

    while ((sent = map_next(&a->sent, &at)))
        pool_give(&a->pool, sent, sent->size);
    map_release(&a->sent);
    pool_release(&a->pool);
    buffer_release(&a->bodies);
    buffer_release(&a->lines);
    buffer_release(&a->publish);
    audit_file_close(&a->file);
    audit_head_close(&a->head);
    free(a);
}

/* The file is right where it has more: whoever was killed between the two had not come to the head. Where it has less
 * its end is gone, or all of it was rotated: the chain goes on from the head, so that the first of these shows. */
static const char *follow_head(struct audit *a)
{
    static char text[4096 + 128];
    struct audit_chain noted;
    int r = a->options.head_path ? audit_head_open(&a->head, a->options.head_path, &noted) : 0;

    if (r < 0) {
        snprintf(text, sizeof text, "%s: %s", a->options.head_path, strerror(-r));
        return text;
    }
    if (!a->options.head_path || noted.seq <= a->chain.seq)
        return NULL;
    if (a->chain.seq > 0)
        log_write(LOG_WARNING, "the end of the audit trail is missing", LOG_TEXT("path", a->options.path),
                  LOG_INT("from", a->chain.seq + 1), LOG_INT("to", noted.seq));
    a->chain = noted;
    return NULL;
}

struct audit *audit_open(const struct audit_options *options, struct counters *counters, struct instant now,
                         const char **error)
{
    struct audit *a = calloc(1, sizeof *a);
    size_t cut_bytes = 0;

    CHECK(a);
    a->options = *options;
    a->counters = counters;
    a->writer = (struct audit_writer){options->instance, options->bytes_max, now.wall_ms};
    a->file.fd = a->head.fd = -1;
    audit_chain_begin(&a->chain);
    *error = options->path ? audit_file_open(&a->file, options->path, &a->chain, &cut_bytes) : NULL;
    if (!*error)
        *error = follow_head(a);
    if (*error) {
        audit_free(a);
        return NULL;
    }
    put_start(a, cut_bytes, now);
    return a;
}

void audit_stop(struct audit *a, struct instant now)
{
    struct buffer body = {0};

    audit_line_stop(&a->writer, now.wall_ms, &body);
    put_body(a, &body, false);
    buffer_release(&body);
}

/* --- commands --- */

static struct bytes cut(const struct audit *a, struct bytes run)
{
    return bytes_of(run.data, run.len < a->options.bytes_max ? run.len : a->options.bytes_max);
}

static struct bytes keep(uint8_t *at, struct bytes run)
{
    if (run.len)
        memcpy(at, run.data, run.len);
    return bytes_of(at, run.len);
}

void audit_command(struct audit *a, const struct engine_command *command)
{
    struct bytes topic = cut(a, command->topic);
    struct bytes payload = cut(a, command->payload);
    size_t size = sizeof(struct sent) + topic.len + payload.len;
    struct sent *sent = pool_take(&a->pool, size);
    uint8_t *at = (uint8_t *)(sent + 1);

    sent->size = size;
    sent->command.topic = keep(at, topic);
    sent->command.payload = keep(at + topic.len, payload);
    sent->command.payload_len = command->payload.len;
    CHECK(!map_put(&a->sent, command->id, sent));
}

void audit_cancel(struct audit *a, uint64_t id)
{
    struct sent *sent = map_remove(&a->sent, id);

    if (sent)
        pool_give(&a->pool, sent, sent->size);
}

/* --- ends --- */

static bool is_refusal(const struct engine_event *event)
{
    return event->kind == EVENT_REQUEST_REFUSED || event->kind == EVENT_REPLY_TOPIC_REFUSED;
}

static bool is_end(const struct engine_event *event)
{
    return is_refusal(event) || event->kind == EVENT_REQUEST_SETTLED || event->kind == EVENT_REPLY_RECOVERED;
}

static bool has_omitted(const struct audit *a)
{
    return a->omitted.refused + a->omitted.reply_topic + a->omitted.buffer > 0;
}

static size_t waiting_bytes(const struct audit *a)
{
    return a->bodies.len + a->lines.len;
}

/* Where there is room. */
static void put_omitted(struct audit *a, struct instant now)
{
    struct buffer body = {0};

    if (!has_omitted(a) || waiting_bytes(a) >= a->options.buffer_bytes_max)
        return;
    audit_line_omitted(&a->writer, &a->omitted, now.wall_ms, &body);
    put_body(a, &body, false);
    buffer_release(&body);
    a->omitted = (struct audit_omitted){0};
}

/* What was left out in a second is told when it is over. */
static void look_at_second(struct audit *a, struct instant now)
{
    if (now.mono_ms - a->second_ms < SECOND_MS)
        return;
    put_omitted(a, now);
    a->second_ms = now.mono_ms;
    a->refused = 0;
}

static bool is_beyond_rate(struct audit *a, const struct engine_event *event, struct instant now)
{
    if (!is_refusal(event) || a->options.refused_max_per_s == 0)
        return false;
    look_at_second(a, now);
    return ++a->refused > a->options.refused_max_per_s;
}

static void omit(struct audit *a, const struct engine_event *event, bool is_full, struct instant now)
{
    if (!has_omitted(a))
        a->omitted.since_wall_ms = now.wall_ms;
    a->counters->audit_omitted++;
    if (is_full) {
        a->omitted.buffer++;
    } else if (event->kind == EVENT_REPLY_TOPIC_REFUSED) {
        a->omitted.reply_topic++;
    } else {
        a->omitted.refused++;
        a->omitted.by_code[event->code]++;
    }
}

/* What is left of the head is filled in when the length is known. */
static void take(struct audit *a, const struct engine_event *event, struct instant now)
{
    const struct sent *sent = event->id ? map_find(&a->sent, event->id) : NULL;
    size_t at = a->bodies.len;
    struct body_head head = {.waits = event->pending && event->pending->committed};

    buffer_put(&a->bodies, bytes_of(&head, sizeof head));
    audit_line_request(&a->writer, event, sent ? &sent->command : NULL, now.wall_ms, &a->bodies);
    head.len = (uint32_t)(a->bodies.len - at - sizeof head);
    CHECK(head.len <= AUDIT_LINE_MAX - 256);
    memcpy(a->bodies.data + at, &head, sizeof head);
}

void audit_event(struct audit *a, const struct engine_event *event, struct instant now)
{
    bool is_full;

    if (!is_end(event))
        return;
    is_full = waiting_bytes(a) >= a->options.buffer_bytes_max;
    if (is_full || is_beyond_rate(a, event, now))
        omit(a, event, is_full, now);
    else
        take(a, event, now);
    if (event->kind == EVENT_REQUEST_SETTLED)
        audit_cancel(a, event->id);
}

/* --- once a turn --- */

static void put_for_topic(struct audit *a, struct bytes line)
{
    const uint32_t len = (uint32_t)line.len;

    if (!a->options.topic)
        return;
    if (a->publish.len - a->published >= a->options.buffer_bytes_max) {
        a->counters->audit_unpublished++;
        return;
    }
    buffer_put(&a->publish, bytes_of(&len, sizeof len));
    buffer_put(&a->publish, line);
}

/* Memory that an outage has made grow. */
static void give_back(struct buffer *b)
{
    if (b->len == 0 && b->size > KEEP_BYTES)
        buffer_release(b);
}

/* Gives the bodies their place in the chain. What waits for the journal stays. */
static void seal(struct audit *a, bool journal_works)
{
    uint8_t *at = a->bodies.data;
    const uint8_t *end = at + a->bodies.len;
    size_t kept = 0;

    while (at < end) {
        struct body_head head;
        size_t begin = a->lines.len;

        memcpy(&head, at, sizeof head);
        if (head.waits && !journal_works) {
            memmove(a->bodies.data + kept, at, sizeof head + head.len);
            kept += sizeof head + head.len;
        } else {
            audit_chain_seal(&a->chain, bytes_of(at + sizeof head, head.len), &a->lines);
            a->line_count++;
            put_for_topic(a, bytes_of(a->lines.data + begin, a->lines.len - begin - 1));
        }
        at += sizeof head + head.len;
    }
    a->bodies.len = kept;
    give_back(&a->bodies);
}

static void written(struct audit *a)
{
    audit_head_write(&a->head, &a->chain);
    if (a->down)
        log_write(LOG_INFO, "audit trail written again", LOG_TEXT("path", a->options.path));
    a->down = false;
    give_back(&a->lines);
}

static void not_written(struct audit *a, int error)
{
    a->counters->audit_failures++;
    if (!a->down)
        log_write(LOG_ERROR, "the audit trail cannot be written", LOG_TEXT("path", a->options.path),
                  LOG_TEXT("why", strerror(-error)),
                  LOG_TEXT("so", a->options.required ? "new requests get code 8" : "its lines are kept, for a while"));
    a->down = true;
}

static size_t count_lines(struct bytes lines)
{
    size_t count = 0;

    for (size_t i = 0; i < lines.len; i++)
        count += lines.data[i] == '\n';
    return count;
}

static void write_lines(struct audit *a, struct instant now)
{
    int r = audit_file_write(&a->file, &a->lines);
    size_t left = r ? count_lines(buffer_bytes(&a->lines)) : 0;

    a->tried_ms = now.mono_ms;
    a->counters->audit_lines += a->line_count - left;
    a->line_count = left;
    if (r == 0)
        written(a);
    else
        not_written(a, r);
}

void audit_flush(struct audit *a, bool journal_works, struct instant now)
{
    look_at_second(a, now);
    seal(a, journal_works);
    if (a->lines.len == 0)
        return;
    if (!a->options.path) {
        audit_head_write(&a->head, &a->chain);
        buffer_clear(&a->lines);
    } else if (!a->down || now.mono_ms - a->tried_ms >= TRY_MS) {
        write_lines(a, now);
    }
}

void audit_close(struct audit *a, bool journal_works, struct instant now)
{
    if (!a)
        return;
    put_omitted(a, now);
    a->tried_ms = 0;
    audit_flush(a, journal_works, now);
    audit_free(a);
}

bool audit_blocks(const struct audit *a)
{
    return a->options.required && a->down;
}

/* --- rotation --- */

/* What is in the chain already belongs to the file before; where that is full, the new one may not be. */
void audit_reopen(struct audit *a, struct instant now)
{
    const char *error = NULL;
    int r;

    if (!a->options.path)
        return;
    if (a->lines.len)
        write_lines(a, now);
    r = audit_file_reopen(&a->file, &error);
    if (r < 0)
        log_write(LOG_ERROR, "audit trail not reopened", LOG_TEXT("why", error));
    if (r > 0)
        log_write(LOG_INFO, "audit trail goes on in a new file", LOG_TEXT("path", a->options.path));
    a->tried_ms = 0;
}

/* --- the topic --- */

bool audit_has_next(const struct audit *a)
{
    return a->published < a->publish.len;
}

bool audit_next(struct audit *a, struct bytes *line)
{
    uint32_t len;

    if (!audit_has_next(a)) {
        a->published = a->publish.len = 0;
        give_back(&a->publish);
        return false;
    }
    if (a->published > KEEP_BYTES && a->published > a->publish.len / 2) {
        memmove(a->publish.data, a->publish.data + a->published, a->publish.len - a->published);
        a->publish.len -= a->published;
        a->published = 0;
    }
    memcpy(&len, a->publish.data + a->published, sizeof len);
    *line = bytes_of(a->publish.data + a->published + sizeof len, len);
    a->published += sizeof len + len;
    return true;
}

struct bytes audit_topic(const struct audit *a)
{
    return bytes_of_text(a->options.topic);
}
