#include "core/pending.h"

#include "base/pool.h"

/* One thread has requests. */
static struct pool pool;

/* Moves *at behind the copy. */
static struct bytes copy_run(uint8_t **at, struct bytes from)
{
    struct bytes copy = {from.data ? *at : NULL, from.len};

    if (from.data && from.len)
        memcpy(*at, from.data, from.len);
    *at += from.len;
    return copy;
}

struct pending *pending_new(struct bytes reply_topic, struct bytes correlation)
{
    struct pending *p = pool_take(&pool, sizeof *p + reply_topic.len + correlation.len);
    uint8_t *at = (uint8_t *)(p + 1);

    memset(p, 0, sizeof *p);
    p->route.topic = copy_run(&at, reply_topic);
    p->route.correlation = copy_run(&at, correlation);
    return p;
}

void pending_free(struct pending *p)
{
    profile_unref(p->profile);
    pool_give(&pool, (void *)(uintptr_t)p->echo.data, p->echo.len);
    buffer_release(&p->partial);
    pool_give(&pool, p, pending_bytes(p));
}

size_t pending_bytes(const struct pending *p)
{
    return sizeof *p + p->route.topic.len + p->route.correlation.len;
}

void pending_set_echo(struct pending *p, struct bytes echo)
{
    uint8_t *at;

    if (echo.len == 0)
        return;
    at = pool_take(&pool, echo.len);
    p->echo = copy_run(&at, echo);
}

void pending_encode_reply(const struct pending *p, struct buffer *out)
{
    const struct reply reply = {.code = p->code, .outcome = p->outcome, .bad = p->bad, .id = &p->route.id};

    reply_encode(p->route.encoding, &reply, out);
}

static void put_run(struct buffer *out, struct bytes run)
{
    buffer_put_u8(out, run.data != NULL);
    buffer_put_be(out, run.len, 4);
    if (run.data)
        buffer_put(out, run);
}

static struct bytes take_run(struct reader *r)
{
    bool present = reader_be(r, 1);
    struct bytes run = reader_take(r, reader_be(r, 4));

    return present ? run : (struct bytes){0};
}

static void take_request_id_text(struct reader *r, struct request_id *id)
{
    struct bytes text = take_run(r);

    r->failed |= text.len > REQUEST_ID_MAX || id->kind > REQUEST_ID_INT;
    if (r->failed)
        return;
    id->len = (uint8_t)text.len;
    if (text.data)
        memcpy(id->text, text.data, text.len);
}

static void put_command(struct buffer *out, const struct command *command)
{
    buffer_put_u8(out, (uint8_t)command->action);
    buffer_put_be(out, (uint32_t)command->output, 4);
    buffer_put_u8(out, command->enable);
    buffer_put_be(out, command->outputs, 8);
    buffer_put_u8(out, command->output_count);
}

static void take_command(struct reader *r, struct command *command)
{
    command->action = (enum action)reader_be(r, 1);
    command->output = (int32_t)reader_be(r, 4);
    command->enable = reader_be(r, 1);
    command->outputs = reader_be(r, 8);
    command->output_count = (uint8_t)reader_be(r, 1);
    r->failed |= command->action > ACTION_UNKNOWN;
}

void record_put_instant(struct buffer *out, struct instant at)
{
    buffer_put_be(out, at.boot, 8);
    buffer_put_be(out, at.mono_ms, 8);
    buffer_put_be(out, (uint64_t)at.wall_ms, 8);
}

struct instant record_take_instant(struct reader *r)
{
    struct instant at;

    at.boot = reader_be(r, 8);
    at.mono_ms = reader_be(r, 8);
    at.wall_ms = (int64_t)reader_be(r, 8);
    return at;
}

/* In a buffer whose size and contents the compiler knows: so it becomes stores to the stack. */
static void put_fixed(const struct pending *p, struct instant now, struct buffer *out)
{
    uint8_t room[256];
    struct buffer fixed = buffer_in(room, sizeof room);

    buffer_put_u8(&fixed, RECORD_VERSION);
    record_put_instant(&fixed, now);
    buffer_put_be(&fixed, p->id, 8);
    buffer_put_u8(&fixed, (uint8_t)p->state);
    put_command(&fixed, &p->command);
    buffer_put_be(&fixed, (uint32_t)p->tracker_id, 4);
    buffer_put_be(&fixed, (uint32_t)p->user_id, 4);
    buffer_put(&fixed, bytes_of(p->session.bytes, DIGEST_SIZE));
    buffer_put(&fixed, bytes_of(p->key.bytes, REQUEST_KEY_SIZE));
    buffer_put_u8(&fixed, p->correlated);
    buffer_put_u8(&fixed, (uint8_t)p->route.encoding);
    buffer_put_be(&fixed, (uint64_t)p->arrived.wall_ms, 8);
    buffer_put_be(&fixed, now.mono_ms - p->arrived.mono_ms, 8);
    buffer_put_be(&fixed, p->deadline_ms > now.mono_ms ? p->deadline_ms - now.mono_ms : 0, 8);
    buffer_put_be(&fixed, p->code, 4);
    buffer_put_u8(&fixed, (uint8_t)p->outcome);
    buffer_put_be(&fixed, p->bad, 4);
    buffer_put_u8(&fixed, (uint8_t)p->route.id.kind);
    buffer_put_be(&fixed, (uint32_t)p->route.id.number, 4);
    buffer_put(out, buffer_bytes(&fixed));
}

void pending_to_record(const struct pending *p, struct instant now, struct buffer *out)
{
    put_fixed(p, now, out);
    put_run(out, p->route.topic);
    put_run(out, p->route.correlation);
    put_run(out, bytes_of(p->route.id.text, p->route.id.len));
}

static void take_fixed(struct reader *r, void *to, size_t len)
{
    struct bytes from = reader_take(r, len);

    if (from.data)
        memcpy(to, from.data, len);
}

/* age_ms and left_ms are as they were when the record was written. */
static void set_times(struct pending *p, uint64_t age_ms, uint64_t left_ms, struct instant written, struct instant now,
                      uint64_t longest_ms)
{
    uint64_t since_ms = clock_elapsed_ms(written, now);

    left_ms = left_ms > since_ms ? left_ms - since_ms : 0;
    age_ms = age_ms < now.mono_ms && since_ms < now.mono_ms - age_ms ? age_ms + since_ms : now.mono_ms;
    p->deadline_ms = now.mono_ms + (left_ms < longest_ms ? left_ms : longest_ms);
    p->arrived.mono_ms = now.mono_ms - age_ms;
}

/* Its reply topic and correlation are the record's. */
static bool read_record(struct bytes record, struct instant now, uint64_t longest_ms, struct pending *p)
{
    struct reader r = {.left = record};
    struct instant written;
    uint64_t age_ms;

    r.failed = reader_be(&r, 1) != RECORD_VERSION;
    written = record_take_instant(&r);
    p->id = p->command.id = reader_be(&r, 8);
    p->state = (enum pending_state)reader_be(&r, 1);
    take_command(&r, &p->command);
    p->tracker_id = (int32_t)reader_be(&r, 4);
    p->user_id = (int32_t)reader_be(&r, 4);
    take_fixed(&r, p->session.bytes, DIGEST_SIZE);
    take_fixed(&r, p->key.bytes, REQUEST_KEY_SIZE);
    p->correlated = reader_be(&r, 1);
    p->route.encoding = (enum encoding)reader_be(&r, 1);
    p->arrived.wall_ms = (int64_t)reader_be(&r, 8);
    age_ms = reader_be(&r, 8);
    set_times(p, age_ms, reader_be(&r, 8), written, now, longest_ms);
    p->code = (enum code)reader_be(&r, 4);
    p->outcome = (enum outcome)reader_be(&r, 1);
    p->bad = (unsigned)reader_be(&r, 4);
    p->route.id.kind = (enum request_id_kind)reader_be(&r, 1);
    p->route.id.number = (int32_t)reader_be(&r, 4);
    p->route.topic = take_run(&r);
    p->route.correlation = take_run(&r);
    take_request_id_text(&r, &p->route.id);
    p->committed = true;
    return reader_is_done(&r) && p->state <= PENDING_SETTLED && p->route.encoding <= ENCODING_MSGPACK &&
           p->route.topic.data && p->outcome <= OUTCOME_UNKNOWN;
}

struct pending *pending_from_record(struct bytes record, struct instant now, uint64_t longest_ms)
{
    struct pending read = {0};
    struct pending *p;
    struct bytes topic;
    struct bytes correlation;

    if (!read_record(record, now, longest_ms, &read))
        return NULL;
    p = pending_new(read.route.topic, read.route.correlation);
    topic = p->route.topic;
    correlation = p->route.correlation;
    *p = read;
    p->route.topic = topic;
    p->route.correlation = correlation;
    return p;
}
