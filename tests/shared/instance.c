#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "shared.h"

/* One engine with what the service has around it: a journal that outlives a crash, an outbox, and messages that the
 * broker keeps until they are acknowledged. */

enum { INBOX_MAX = 512, OUTBOX_MAX = 2048, RECORDS_MAX = 8192 };

struct letter {
    struct engine_message message;
    struct buffer bytes;
    size_t lens[5];
    int request;
    bool handled;
    uint64_t asked; /* questions that had been asked when it was handled */
};

struct entry {
    uint64_t id;
    bool is_command;
    bool is_state;
    bool held;
    uint64_t until_ms;
    struct buffer topic;
    struct buffer payload;
    struct buffer correlation;
};

struct record {
    enum journal_kind kind;
    uint64_t id;
    struct buffer bytes;
    bool is_deletion; /* staged */
};

static struct instance {
    struct engine *engine;
    bool gone; /* for good */
    bool is_up;
    char run[16]; /* of the server, as its journal has it */
    uint64_t paused_until_ms;
    uint64_t starts;
    uint64_t asked;
    uint64_t answered;
    struct letter inbox[INBOX_MAX];
    unsigned inbox_count;
    struct entry outbox[OUTBOX_MAX];
    unsigned outbox_count;
    struct record staged[RECORDS_MAX];
    unsigned staged_count;
    struct record journal[RECORDS_MAX];
    unsigned record_count;
} instances[INSTANCES];

static struct engine_config config;
static const char *const names[INSTANCES] = {"one", "two", "three"};

struct engine *instance_engine(unsigned instance)
{
    instances[instance].answered++;
    return instances[instance].engine;
}

struct instant instance_now(void)
{
    return (struct instant){.boot = 1, .mono_ms = now_ms + 100000, .wall_ms = (int64_t)now_ms + INT64_C(1795000000000)};
}

bool instance_is_alive(unsigned instance)
{
    return instances[instance].engine != NULL;
}

bool instance_is_paused(unsigned instance)
{
    return instances[instance].paused_until_ms > now_ms;
}

bool instance_is_up(unsigned instance)
{
    return instances[instance].is_up;
}

/* --- effects --- */

static void stage(struct instance *i, enum journal_kind kind, uint64_t id, struct bytes bytes, bool is_deletion)
{
    struct record *r = &i->staged[i->staged_count++];

    CHECK(i->staged_count < RECORDS_MAX);
    *r = (struct record){.kind = kind, .id = id, .is_deletion = is_deletion};
    buffer_put(&r->bytes, bytes);
}

static void journal_put(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    stage(ctx, kind, id, record, false);
}

static void journal_delete(void *ctx, enum journal_kind kind, uint64_t id)
{
    stage(ctx, kind, id, bytes_of("", 0), true);
}

static struct entry *add_entry(struct instance *i, uint64_t id, struct bytes topic, struct bytes payload)
{
    struct entry *e = &i->outbox[i->outbox_count++];

    CHECK(i->outbox_count < OUTBOX_MAX);
    *e = (struct entry){.id = id};
    buffer_put(&e->topic, topic);
    buffer_put(&e->payload, payload);
    return e;
}

static void command(void *ctx, const struct engine_command *command)
{
    struct entry *e = add_entry(ctx, command->id, command->topic, command->payload);

    e->is_command = e->held = true;
    e->until_ms = command->deadline_ms;
}

static void drop_entry(struct instance *i, unsigned at)
{
    buffer_release(&i->outbox[at].topic);
    buffer_release(&i->outbox[at].payload);
    buffer_release(&i->outbox[at].correlation);
    memmove(&i->outbox[at], &i->outbox[at + 1], (--i->outbox_count - at) * sizeof i->outbox[0]);
}

static void cancel(void *ctx, uint64_t id)
{
    struct instance *i = ctx;

    for (unsigned at = 0; at < i->outbox_count; at++) {
        if (i->outbox[at].is_command && i->outbox[at].id == id) {
            drop_entry(i, at);
            return;
        }
    }
}

static void reply(void *ctx, const struct engine_reply *reply)
{
    struct entry *e = add_entry(ctx, reply->id, reply->topic, reply->payload);

    buffer_put(&e->correlation, reply->correlation);
    e->held = reply->waits;
    e->until_ms = reply->until_ms;
}

static void event(void *ctx, const struct engine_event *event)
{
    world_event((unsigned)((struct instance *)ctx - instances), event);
}

static void ask(void *ctx, const struct shared_call *call)
{
    struct instance *i = ctx;

    i->asked++;
    server_ask((unsigned)(i - instances), call);
}

/* --- life --- */

static void recover(struct instance *i, enum journal_kind kind)
{
    uint64_t last = 0;

    for (;;) { /* by ascending ids */
        const struct record *next = NULL;

        for (unsigned at = 0; at < i->record_count; at++) {
            const struct record *r = &i->journal[at];

            if (r->kind == kind && r->id > last && (!next || r->id < next->id))
                next = r;
        }
        if (!next)
            return;
        last = next->id;
        if (engine_recover(i->engine, kind, next->id, buffer_bytes(&next->bytes), instance_now()) < 0)
            broken("the journal can be read", "a record is refused");
    }
}

static void start(struct instance *i)
{
    static struct shared_options options[INSTANCES];
    unsigned number = (unsigned)(i - instances);
    const struct engine_effects effects = {i, journal_put, journal_delete, command, cancel, reply, event, ask};

    options[number] = (struct shared_options){names[number], "outputd", LEASE_MS, 400};
    i->engine = engine_new(&config, &effects, (number + 1) * UINT64_C(1000000000000) + ++i->starts * 1000000);
    engine_share(i->engine, &options[number]);
    engine_shared_knew(i->engine, bytes_of_text(i->run));
    engine_reload(i->engine, &config, world_registry(), world_profiles());
    recover(i, JOURNAL_ANSWER);
    recover(i, JOURNAL_STATES);
    recover(i, JOURNAL_REQUEST);
    recover(i, JOURNAL_SHARED);
    engine_recovered(i->engine, instance_now());
    trace("instance %s starts", names[number]);
    world_all_online(number);
    engine_presence_read(i->engine, instance_now());
}

void instances_open(void)
{
    config = (struct engine_config){
        .store = {.pending_max = 100000,
                  .tracker_queue_max = 4,
                  .pending_bytes_max = 1 << 20,
                  .dedup_max = 1000,
                  .refused_max = 100,
                  .dedup_window_ms = 60000},
        .ack_timeout_ms = ACK_TIMEOUT_MS,
        .quarantine_ms = 1000,
        .drain_ms = 1000,
        .trackers_max = 100,
        .request_bytes_max = 1024,
        .ack_bytes_max = 256,
        .ack_partial_bytes_max = 64,
        .prefix = "",
        .reply_default = "reply/{action}",
    };
    for (unsigned i = 0; i < INSTANCES; i++) {
        instances[i].gone = false;
        instances[i].starts = 0;
        instances[i].run[0] = '\0';
        start(&instances[i]);
        instance_connect(i, true);
    }
}

static void letter_free(struct letter *l)
{
    buffer_release(&l->bytes);
}

static void point(struct letter *l)
{
    struct bytes *runs[] = {&l->message.topic, &l->message.payload, &l->message.response_topic, &l->message.correlation,
                            &l->message.content_type};
    const uint8_t *at = l->bytes.data;

    for (size_t i = 0; i < 5; at += l->lens[i++]) {
        if (runs[i]->data)
            *runs[i] = bytes_of(at, l->lens[i]);
    }
}

void instance_deliver(unsigned instance, const struct engine_message *message, int request)
{
    struct instance *i = &instances[instance];
    struct letter *l = &i->inbox[i->inbox_count];
    const struct bytes runs[] = {message->topic, message->payload, message->response_topic, message->correlation,
                                 message->content_type};

    if (i->inbox_count == INBOX_MAX)
        return;
    i->inbox_count++;
    *l = (struct letter){.message = *message, .request = request};
    for (size_t n = 0; n < 5; n++) {
        l->lens[n] = runs[n].len;
        buffer_put(&l->bytes, runs[n]);
    }
}

static void forget_process(struct instance *i)
{
    engine_free(i->engine);
    i->engine = NULL;
    i->is_up = false;
    while (i->outbox_count)
        drop_entry(i, i->outbox_count - 1);
    for (unsigned at = 0; at < i->staged_count; at++)
        buffer_release(&i->staged[at].bytes);
    i->staged_count = 0;
    i->asked = i->answered = 0;
    i->paused_until_ms = 0;
}

static void drop_record(struct instance *i, unsigned at)
{
    buffer_release(&i->journal[at].bytes);
    i->journal[at] = i->journal[--i->record_count];
}

/* What it had not acknowledged another one gets, for whoever takes its session over. */
static void inherit(struct instance *dead)
{
    for (unsigned n = 0; n < dead->inbox_count; n++) {
        unsigned heir = dice(INSTANCES);

        while (instances[heir].gone)
            heir = (heir + 1) % INSTANCES;
        point(&dead->inbox[n]);
        dead->inbox[n].message.dup |= dead->inbox[n].handled;
        if (dead->inbox[n].handled)
            world_handed_over(dead->inbox[n].request);
        instance_deliver(heir, &dead->inbox[n].message, dead->inbox[n].request);
        letter_free(&dead->inbox[n]);
    }
    dead->inbox_count = 0;
    while (dead->record_count)
        drop_record(dead, dead->record_count - 1);
}

void instance_crash(unsigned instance, bool for_good)
{
    struct instance *i = &instances[instance];

    trace("instance %s is killed%s", names[instance], for_good ? " for good" : "");
    server_lose(instance);
    forget_process(i);
    if (for_good) {
        i->gone = true;
        inherit(i);
        return;
    }
    for (unsigned n = 0; n < i->inbox_count; n++) {
        i->inbox[n].message.dup |= i->inbox[n].handled;
        if (i->inbox[n].handled)
            world_handed_over(i->inbox[n].request);
        i->inbox[n].handled = false;
    }
    start(i);
}

void instances_close(void)
{
    for (unsigned n = 0; n < INSTANCES; n++) {
        struct instance *i = &instances[n];

        if (i->engine)
            forget_process(i);
        while (i->inbox_count)
            letter_free(&i->inbox[--i->inbox_count]);
        while (i->record_count)
            drop_record(i, i->record_count - 1);
    }
}

void instance_pause(unsigned instance, uint64_t ms)
{
    trace("instance %s is paused for %u ms", names[instance], (unsigned)ms);
    instances[instance].paused_until_ms = now_ms + ms;
}

/* What the server may have lost comes back to it from the journal. */
static void bring_up(struct instance *i)
{
    static const enum journal_kind kinds[] = {JOURNAL_ANSWER, JOURNAL_SHARED, JOURNAL_STATES};
    char run[16];
    struct buffer living = {0};

    for (unsigned n = 0; n < INSTANCES; n++) {
        if (instances[n].engine)
            buffer_printf(&living, "%s\n", names[n]);
    }
    snprintf(run, sizeof run, "run%u", server_run());
    engine_shared_peers(i->engine, buffer_bytes(&living), INSTANCES);
    buffer_release(&living);
    if (!engine_shared_up(i->engine, bytes_of_text(run), instance_now()))
        return;
    for (size_t k = 0; k < 3; k++) {
        for (unsigned at = 0; at < i->record_count; at++) {
            const struct record *r = &i->journal[at];

            if (r->kind == kinds[k])
                engine_shared_restore(i->engine, r->kind, r->id, buffer_bytes(&r->bytes), instance_now());
        }
    }
    engine_shared_restored(i->engine, instance_now());
}

void instance_connect(unsigned instance, bool up)
{
    struct instance *i = &instances[instance];

    if (i->is_up == up)
        return;
    trace("instance %s %s the server", names[instance], up ? "has" : "has lost");
    i->is_up = up;
    if (up) {
        bring_up(i);
    } else {
        server_lose(instance);
        i->answered = i->asked;
        engine_shared_down(i->engine, instance_now());
    }
}

void instance_presence(unsigned instance, unsigned tracker, bool online)
{
    char topic[64];
    struct engine_message m = {.payload = bytes_of_text(online ? "online" : "offline"), .retain = true};

    snprintf(topic, sizeof topic, "tracker/%d/status", (int)tracker_ids[tracker]);
    m.topic = bytes_of_text(topic);
    engine_message(instances[instance].engine, &m, instance_now());
}

/* --- turns --- */

static void commit(struct instance *i)
{
    for (unsigned n = 0; n < i->staged_count; n++) {
        const struct record *s = &i->staged[n];

        for (unsigned at = 0; at < i->record_count; at++) {
            if (i->journal[at].kind == s->kind && i->journal[at].id == s->id)
                drop_record(i, at);
        }
        if (s->is_deletion) {
            buffer_release(&i->staged[n].bytes);
        } else {
            CHECK(i->record_count < RECORDS_MAX);
            i->journal[i->record_count++] = *s;
        }
    }
    i->staged_count = 0;
    engine_journal_committed(i->engine);
    for (unsigned n = 0; n < i->outbox_count; n++)
        i->outbox[n].held = false;
}

/* What the broker is told that it was received: in order, as far as the server has answered for it. */
static void acknowledge(struct instance *i)
{
    while (i->inbox_count && i->inbox[0].handled && (i->inbox[0].asked <= i->answered || !i->is_up)) {
        world_promised(i->inbox[0].request);
        if (!i->is_up)
            world_excuse(i->inbox[0].request);
        letter_free(&i->inbox[0]);
        memmove(&i->inbox[0], &i->inbox[1], --i->inbox_count * sizeof i->inbox[0]);
    }
}

void instance_turn(unsigned instance)
{
    struct instance *i = &instances[instance];
    unsigned left = dice(20);

    for (unsigned n = 0; n < i->inbox_count && left; n++) {
        struct letter *l = &i->inbox[n];

        if (l->handled)
            continue;
        left--;
        point(l);
        world_handling(l->request);
        engine_message(i->engine, &l->message, instance_now());
        l->handled = true;
        l->asked = i->asked;
    }
    engine_tick(i->engine, instance_now());
    if (i->is_up && !engine_shared_totals(i->engine).is_merging)
        snprintf(i->run, sizeof i->run, "run%u", server_run());
    commit(i);
    acknowledge(i);
}

void instance_flush(unsigned instance)
{
    struct instance *i = &instances[instance];
    uint64_t mono_ms = instance_now().mono_ms;

    for (unsigned n = 0; n < i->outbox_count;) {
        struct entry e = i->outbox[n];

        if (e.held) {
            n++;
            continue;
        }
        memset(&i->outbox[n].topic, 0, sizeof i->outbox[n].topic);
        memset(&i->outbox[n].payload, 0, sizeof i->outbox[n].payload);
        memset(&i->outbox[n].correlation, 0, sizeof i->outbox[n].correlation);
        drop_entry(i, n);
        if (e.until_ms == 0 || mono_ms < e.until_ms) {
            if (e.is_command) {
                world_command(instance, e.id, buffer_bytes(&e.topic), buffer_bytes(&e.payload));
                engine_command_sent(i->engine, e.id, instance_now());
            } else {
                world_reply(instance, buffer_bytes(&e.correlation), buffer_bytes(&e.payload));
                engine_reply_delivered(i->engine, e.id);
            }
        }
        buffer_release(&e.topic);
        buffer_release(&e.payload);
        buffer_release(&e.correlation);
    }
    {
        struct buffer topic = {0};
        struct buffer payload = {0};
        int32_t tracker_id;

        while (engine_next_state(i->engine, mono_ms, &tracker_id, &topic, &payload)) {
            engine_state_delivered(i->engine, tracker_id);
            buffer_clear(&topic);
            buffer_clear(&payload);
        }
        buffer_release(&topic);
        buffer_release(&payload);
    }
}

bool instances_are_quiet(void)
{
    for (unsigned n = 0; n < INSTANCES; n++) {
        const struct instance *i = &instances[n];

        if (i->engine && (i->inbox_count || i->outbox_count || server_waiting(n) || engine_totals(i->engine).pending))
            return false;
    }
    return server_left(false) == 0;
}
