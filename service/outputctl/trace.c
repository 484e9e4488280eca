#include "trace.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/digest.h"

/* After this nobody waits for an answer any more: such a row is no longer what a command or reply belongs to. */
enum { OPEN_MAX_US = 120 * 1000000 };

void trace_init(struct trace *t)
{
    *t = (struct trace){.rows = calloc(TRACE_ROWS_MAX, sizeof(struct row))};
    CHECK(t->rows);
}

void trace_release(struct trace *t)
{
    free(t->rows);
    t->rows = NULL;
}

struct row *trace_row(const struct trace *t, uint64_t number)
{
    struct row *row = &t->rows[(number - 1) % TRACE_ROWS_MAX];

    return number && row->number == number ? row : NULL;
}

static struct row *add_row(struct trace *t, struct instant now)
{
    struct row *row = &t->rows[t->last++ % TRACE_ROWS_MAX];

    *row = (struct row){.number = t->last, .wall_ms = now.wall_ms, .start_us = clock_mono_us()};
    return row;
}

/* A number for several runs of bytes; never 0. */
static uint64_t key_of(const struct bytes *parts, size_t count)
{
    struct digest digest = digest_of_parts(parts, count);
    uint64_t key;

    memcpy(&key, digest.bytes, sizeof key);
    return key ? key : 1;
}

/* 0 where there is no second part to know it by. */
static uint64_t key_by(struct bytes topic, const char *kind, struct bytes what)
{
    return what.data ? key_of((const struct bytes[]){topic, bytes_of_text(kind), what}, 3) : 0;
}

static uint64_t key_by_id(struct bytes topic, const struct request_id *id)
{
    if (!id || id->kind == REQUEST_ID_NONE)
        return 0;
    return id->kind == REQUEST_ID_TEXT ? key_by(topic, "text", bytes_of(id->text, id->len))
                                       : key_by(topic, "int", bytes_of(&id->number, sizeof id->number));
}

bool trace_is_waiting(const struct row *row, uint64_t now_us)
{
    return row->end == ROW_OPEN && now_us - row->start_us < OPEN_MAX_US;
}

/* Walks the open rows from the oldest one on. */
struct walk {
    struct trace *t;
    uint64_t number;
    uint64_t now_us;
};

static struct walk walk_open(struct trace *t)
{
    uint64_t now_us = clock_mono_us();

    if (t->last > TRACE_ROWS_MAX && t->settled < t->last - TRACE_ROWS_MAX)
        t->settled = t->last - TRACE_ROWS_MAX;
    while (t->settled < t->last && !trace_is_waiting(trace_row(t, t->settled + 1), now_us))
        t->settled++;
    return (struct walk){.t = t, .number = t->settled, .now_us = now_us};
}

static struct row *walk_next(struct walk *walk)
{
    while (walk->number < walk->t->last) {
        struct row *row = trace_row(walk->t, ++walk->number);

        if (trace_is_waiting(row, walk->now_us))
            return row;
    }
    return NULL;
}

/* --- requests --- */

static struct row *find_same(struct trace *t, uint64_t fingerprint)
{
    struct walk walk = walk_open(t);
    struct row *row;

    while ((row = walk_next(&walk))) {
        if (row->fingerprint == fingerprint)
            return row;
    }
    return NULL;
}

struct row *trace_request(struct trace *t, const struct seen_request *seen, struct instant now, bool *again)
{
    bool has_correlation = seen->correlation.data || (seen->id && seen->id->kind != REQUEST_ID_NONE);
    uint64_t fingerprint =
        key_of((const struct bytes[]){seen->topic, seen->payload, seen->correlation, seen->reply_topic}, 4);
    struct row *row = has_correlation ? find_same(t, fingerprint) : NULL;

    *again = row;
    if (row)
        return row;
    row = add_row(t, now);
    row->tracker_id = seen->tracker_id;
    row->is_readable = seen->what;
    if (seen->what)
        row->what = *seen->what;
    row->fingerprint = fingerprint;
    row->by_correlation = key_by(seen->reply_topic, "correlation", seen->correlation);
    row->by_request_id = key_by_id(seen->reply_topic, seen->id);
    row->by_topic = key_of(&seen->reply_topic, 1);
    return row;
}

/* --- commands and acks --- */

static bool is_same_command(const struct row *row, const struct seen_hop *seen)
{
    return row->tracker_id == seen->tracker_id && row->command_us && row->has_command_id && seen->has_id &&
           row->what.id == seen->id;
}

/* The newest row of a command that was seen before, open or not. */
static struct row *find_command(const struct trace *t, const struct seen_hop *seen)
{
    for (uint64_t number = t->last; trace_row(t, number); number--) {
        struct row *row = trace_row(t, number);

        if (is_same_command(row, seen))
            return row;
    }
    return NULL;
}

static struct row *find_repeated(struct trace *t, const struct seen_hop *seen)
{
    struct walk walk = walk_open(t);
    struct row *row;

    while ((row = walk_next(&walk))) {
        if (is_same_command(row, seen))
            return row;
    }
    return NULL;
}

static bool means_the_same(const struct command *a, const struct command *b)
{
    if (a->action != b->action)
        return false;
    if (a->action == ACTION_SET)
        return a->output == b->output && a->enable == b->enable;
    return a->outputs == b->outputs && a->output_count == b->output_count;
}

/* Requests are commanded in their order; one that was refused is passed over where its meaning shows it. */
static struct row *find_commanded(struct trace *t, const struct seen_hop *seen)
{
    struct walk walk = walk_open(t);
    struct row *row;

    while ((row = walk_next(&walk))) {
        if (row->tracker_id != seen->tracker_id || row->command_us)
            continue;
        if (!seen->what || !row->is_readable || means_the_same(&row->what, seen->what))
            return row;
    }
    return NULL;
}

struct row *trace_command(struct trace *t, const struct seen_hop *seen, struct instant now)
{
    struct row *row = find_repeated(t, seen);

    if (row)
        return row;
    row = find_commanded(t, seen);
    if (!row) {
        row = add_row(t, now);
        row->tracker_id = seen->tracker_id;
        row->is_readable = seen->what;
        if (seen->what)
            row->what = *seen->what;
    }
    row->command_us = clock_mono_us();
    row->has_command_id = seen->has_id;
    row->what.id = seen->id;
    return row;
}

/* Acks without an id belong to the command in flight. */
static struct row *find_in_flight(struct trace *t, const struct seen_hop *seen)
{
    struct walk walk = walk_open(t);
    struct row *row;

    while ((row = walk_next(&walk))) {
        if (row->tracker_id == seen->tracker_id && row->command_us && !row->ack_us)
            return row;
    }
    return NULL;
}

struct row *trace_ack(struct trace *t, const struct seen_hop *seen)
{
    struct row *row = seen->has_id ? find_command(t, seen) : find_in_flight(t, seen);

    if (row && !row->ack_us)
        row->ack_us = clock_mono_us();
    return row;
}

/* --- replies --- */

struct reply_keys {
    uint64_t by_correlation;
    uint64_t by_request_id;
    uint64_t by_topic;
};

static bool is_known_by(const struct row *row, const struct reply_keys *keys)
{
    if (keys->by_correlation)
        return row->by_correlation == keys->by_correlation;
    if (keys->by_request_id)
        return row->by_request_id == keys->by_request_id;
    return row->by_topic == keys->by_topic;
}

static struct row *find_replied(const struct trace *t, const struct reply_keys *keys)
{
    for (uint64_t number = t->last; trace_row(t, number); number--) {
        struct row *row = trace_row(t, number);

        if (row->end != ROW_OPEN && is_known_by(row, keys))
            return row;
    }
    return NULL;
}

struct row *trace_reply(struct trace *t, struct bytes topic, struct bytes correlation, const struct request_id *id,
                        bool *again)
{
    const struct reply_keys keys = {.by_correlation = key_by(topic, "correlation", correlation),
                                    .by_request_id = key_by_id(topic, id),
                                    .by_topic = key_of(&topic, 1)};
    struct walk walk = walk_open(t);
    struct row *row;

    *again = false;
    while ((row = walk_next(&walk))) {
        if (is_known_by(row, &keys)) {
            row->reply_us = clock_mono_us();
            return row;
        }
    }
    row = find_replied(t, &keys);
    *again = row;
    return row;
}
