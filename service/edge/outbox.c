#include "edge/outbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/check.h"
#include "base/pool.h"

enum entry_kind { ENTRY_COMMAND, ENTRY_REPLY, ENTRY_STATE, ENTRY_LOCAL, ENTRY_AUDIT };

/* One publish; its runs lie behind it in the same memory. */
struct entry {
    TAILQ_ENTRY(entry) link;
    enum entry_kind kind;
    bool held;
    bool is_alone;  /* a reply: nobody else knows of it */
    uint64_t round; /* when it was put in */
    uint64_t id;
    uint64_t deadline_ms; /* commands and replies; 0: none */
    uint8_t id_bytes[8];  /* commands: the Correlation Data */
    enum code code;       /* local replies */
    size_t size;          /* of its memory */
    struct mqtt_publish publish;
};

TAILQ_HEAD(entry_list, entry);

enum { TOKENS = 65536 };

struct outbox {
    struct outbox_events events;
    struct entry_list held; /* for the journal */
    struct entry_list waiting;
    struct entry_list sent; /* in the order in which they were */
    struct entry_list local_held;
    struct entry_list local;
    struct map commands;  /* held and waiting ones, by id */
    size_t waiting_count; /* held ones, too */
    size_t sent_count;
    size_t audit_count; /* of both */
    size_t bytes;
    uint64_t round;   /* one more whenever all has left that had been written */
    struct pool pool; /* of entries */
    struct entry *by_token[TOKENS];
};

struct outbox *outbox_new(const struct outbox_events *events)
{
    struct outbox *o = calloc(1, sizeof *o);

    CHECK(o);
    o->events = *events;
    TAILQ_INIT(&o->held);
    TAILQ_INIT(&o->waiting);
    TAILQ_INIT(&o->sent);
    TAILQ_INIT(&o->local_held);
    TAILQ_INIT(&o->local);
    return o;
}

static void free_entry(struct outbox *o, struct entry *entry)
{
    o->bytes -= entry->size;
    o->audit_count -= entry->kind == ENTRY_AUDIT;
    pool_give(&o->pool, entry, entry->size);
}

static void free_list(struct outbox *o, struct entry_list *list)
{
    struct entry *entry;

    while ((entry = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, entry, link);
        free_entry(o, entry);
    }
}

void outbox_free(struct outbox *o)
{
    if (!o)
        return;
    free_list(o, &o->held);
    free_list(o, &o->waiting);
    free_list(o, &o->sent);
    free_list(o, &o->local_held);
    free_list(o, &o->local);
    map_release(&o->commands);
    pool_release(&o->pool);
    free(o);
}

/* --- putting in --- */

static struct bytes keep(uint8_t **at, struct bytes run)
{
    struct bytes kept = {run.data ? *at : NULL, run.len};

    if (run.data && run.len)
        memcpy(*at, run.data, run.len);
    *at += run.len;
    return kept;
}

/* Where an entry waits. */
static struct entry_list *list_of(struct outbox *o, const struct entry *entry)
{
    if (entry->kind == ENTRY_LOCAL)
        return entry->held ? &o->local_held : &o->local;
    return entry->held ? &o->held : &o->waiting;
}

static struct entry *put(struct outbox *o, enum entry_kind kind, uint64_t id, bool held,
                         const struct mqtt_publish *publish)
{
    size_t runs = publish->topic.len + publish->payload.len + publish->response_topic.len + publish->correlation.len +
                  publish->content_type.len;
    struct entry *entry = pool_take(&o->pool, sizeof *entry + runs);
    uint8_t *at = (uint8_t *)(entry + 1);

    *entry = (struct entry){
        .kind = kind, .held = held, .round = o->round, .id = id, .size = sizeof *entry + runs, .publish = *publish};
    o->bytes += entry->size;
    o->audit_count += kind == ENTRY_AUDIT;
    entry->publish.topic = keep(&at, publish->topic);
    entry->publish.payload = keep(&at, publish->payload);
    entry->publish.response_topic = keep(&at, publish->response_topic);
    entry->publish.correlation = keep(&at, publish->correlation);
    entry->publish.content_type = keep(&at, publish->content_type);
    TAILQ_INSERT_TAIL(list_of(o, entry), entry, link);
    o->waiting_count++;
    return entry;
}

void outbox_put_command(struct outbox *o, const struct engine_command *command)
{
    const struct mqtt_publish publish = {
        .topic = command->topic,
        .payload = command->payload,
        .response_topic = command->ack_topic,
        .content_type = command->content_type,
        .qos = 1,
    };
    struct entry *entry = put(o, ENTRY_COMMAND, command->id, true, &publish);

    entry->deadline_ms = command->deadline_ms;
    for (size_t i = 0; i < sizeof entry->id_bytes; i++)
        entry->id_bytes[i] = (uint8_t)(command->id >> (8 * (7 - i)));
    entry->publish.correlation = bytes_of(entry->id_bytes, sizeof entry->id_bytes);
    map_put(&o->commands, command->id, entry);
}

void outbox_put_reply(struct outbox *o, const struct engine_reply *reply)
{
    const struct mqtt_publish publish = {
        .topic = reply->topic,
        .payload = reply->payload,
        .correlation = reply->correlation,
        .content_type = bytes_of_text(reply->content_type),
        .qos = 1,
    };

    struct entry *entry = put(o, reply->topic.len ? ENTRY_REPLY : ENTRY_LOCAL, reply->id, reply->waits, &publish);

    entry->code = reply->code;
    entry->deadline_ms = reply->until_ms;
    entry->is_alone = reply->is_alone;
}

void outbox_put_state(struct outbox *o, int32_t tracker_id, struct bytes topic, struct bytes payload)
{
    const struct mqtt_publish publish = {
        .topic = topic,
        .payload = payload,
        .content_type = bytes_of_text("application/json"),
        .qos = 1,
        .retain = true,
    };

    put(o, ENTRY_STATE, (uint64_t)tracker_id, false, &publish);
}

void outbox_put_audit(struct outbox *o, struct bytes topic, struct bytes line)
{
    const struct mqtt_publish publish = {
        .topic = topic,
        .payload = line,
        .content_type = bytes_of_text("application/json"),
        .qos = 1,
    };

    put(o, ENTRY_AUDIT, 0, false, &publish);
}

static void release(struct entry_list *held, struct entry_list *free)
{
    struct entry *entry;

    for (entry = TAILQ_FIRST(held); entry; entry = TAILQ_NEXT(entry, link))
        entry->held = false;
    TAILQ_CONCAT(free, held, link);
}

void outbox_release(struct outbox *o)
{
    release(&o->held, &o->waiting);
    release(&o->local_held, &o->local);
}

/* --- taking out --- */

static void remove_waiting(struct outbox *o, struct entry *entry)
{
    TAILQ_REMOVE(list_of(o, entry), entry, link);
    o->waiting_count--;
    if (entry->kind == ENTRY_COMMAND)
        map_remove(&o->commands, entry->id);
}

void outbox_cancel(struct outbox *o, uint64_t id)
{
    struct entry *entry = map_find(&o->commands, id);

    if (!entry)
        return;
    remove_waiting(o, entry);
    free_entry(o, entry);
}

static void refused(struct outbox *o, const struct entry *entry, const char *why)
{
    if (entry->kind == ENTRY_COMMAND)
        o->events.command_refused(o->events.ctx, entry->id, why);
    if (entry->kind == ENTRY_REPLY)
        o->events.reply_delivered(o->events.ctx, entry->id, why);
}

static void now_sent(struct outbox *o, struct entry *entry, int token)
{
    remove_waiting(o, entry);
    CHECK(token > 0 && token < TOKENS && !o->by_token[token]);
    o->by_token[token] = entry;
    TAILQ_INSERT_TAIL(&o->sent, entry, link);
    o->sent_count++;
    if (entry->kind == ENTRY_COMMAND)
        o->events.command_sent(o->events.ctx, entry->id);
}

static void drop(struct outbox *o, struct entry *entry, const char *why)
{
    remove_waiting(o, entry);
    if (why)
        refused(o, entry, why);
    free_entry(o, entry);
}

/* The connection broke while it was written. It counts as sent: sent again it might be the second time. */
static void may_have_left(struct outbox *o, struct entry *entry)
{
    uint64_t id = entry->id;

    remove_waiting(o, entry);
    free_entry(o, entry);
    o->events.command_sent(o->events.ctx, id);
}

/* 0: the entry is out of the queue, one way or the other. */
static int send_one(struct outbox *o, struct entry *entry, struct mqtt *mqtt, uint64_t now_ms)
{
    int token;
    int r;

    if (entry->deadline_ms && now_ms >= entry->deadline_ms) {
        drop(o, entry, NULL);
        return 0;
    }
    if (entry->kind == ENTRY_COMMAND)
        entry->publish.expiry_s = (uint32_t)((entry->deadline_ms - now_ms + 999) / 1000);
    r = mqtt_publish(mqtt, &entry->publish, &token);
    if (r == 0)
        now_sent(o, entry, token);
    else if (r == -ENOTCONN && entry->kind == ENTRY_COMMAND)
        may_have_left(o, entry);
    else if (r == -EINVAL)
        drop(o, entry, "it cannot be sent: larger than the broker takes, or a bad topic");
    return r == -EINVAL ? 0 : r;
}

int outbox_flush(struct outbox *o, struct mqtt *mqtt, uint64_t now_ms)
{
    struct entry *entry;

    if (!mqtt_is_connected(mqtt))
        return -ENOTCONN;
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): send_one unlinks what it frees, which the analyser loses track of */
    while ((entry = TAILQ_FIRST(&o->waiting))) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        int r = send_one(o, entry, mqtt, now_ms);

        if (r < 0)
            return r;
    }
    return 0;
}

void outbox_deliver_local(struct outbox *o)
{
    struct entry *entry;

    while ((entry = TAILQ_FIRST(&o->local))) {
        remove_waiting(o, entry);
        o->events.local_reply(o->events.ctx, entry->id, entry->code, entry->publish.payload);
        o->events.reply_delivered(o->events.ctx, entry->id, NULL);
        free_entry(o, entry);
    }
}

void outbox_acked(struct outbox *o, int token, int reason)
{
    struct entry *entry = token > 0 && token < TOKENS ? o->by_token[token] : NULL;
    char why[48];

    if (!entry)
        return; /* published by somebody else */
    o->by_token[token] = NULL;
    TAILQ_REMOVE(&o->sent, entry, link);
    o->sent_count--;
    snprintf(why, sizeof why, "the broker refused it, reason 0x%02x", (unsigned)reason);
    if (reason >= 0x80)
        refused(o, entry, why);
    else if (entry->kind == ENTRY_REPLY)
        o->events.reply_delivered(o->events.ctx, entry->id, NULL);
    else if (entry->kind == ENTRY_STATE)
        o->events.state_delivered(o->events.ctx, (int32_t)entry->id);
    free_entry(o, entry);
}

void outbox_disconnected(struct outbox *o)
{
    struct entry *entry;

    memset(o->by_token, 0, sizeof o->by_token);
    while ((entry = TAILQ_LAST(&o->sent, entry_list))) {
        TAILQ_REMOVE(&o->sent, entry, link);
        o->sent_count--;
        if (entry->kind == ENTRY_COMMAND) {
            free_entry(o, entry);
        } else {
            TAILQ_INSERT_HEAD(&o->waiting, entry, link);
            o->waiting_count++;
        }
    }
}

void outbox_left(struct outbox *o)
{
    o->round++;
}

static void forget_unacknowledged(struct outbox *o, struct entry_list *list)
{
    struct entry *entry;
    struct entry *next;

    for (entry = TAILQ_FIRST(list); entry; entry = next) {
        next = TAILQ_NEXT(entry, link);
        if (entry->kind != ENTRY_REPLY || !entry->is_alone || entry->round != o->round)
            continue;
        remove_waiting(o, entry);
        o->events.reply_delivered(o->events.ctx, entry->id, NULL);
        free_entry(o, entry);
    }
}

void outbox_forget_unacknowledged(struct outbox *o)
{
    forget_unacknowledged(o, &o->held);
    forget_unacknowledged(o, &o->waiting);
}

size_t outbox_count(const struct outbox *o)
{
    return o->waiting_count + o->sent_count;
}

size_t outbox_audit_count(const struct outbox *o)
{
    return o->audit_count;
}

size_t outbox_bytes(const struct outbox *o)
{
    return o->bytes;
}

size_t outbox_commands(const struct outbox *o)
{
    return o->commands.count;
}

size_t outbox_unacknowledged(const struct outbox *o)
{
    return o->sent_count;
}
