#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "shared_state.h"

unsigned shared_bucket(int32_t tracker_id)
{
    return (uint32_t)tracker_id % SHARED_BUCKETS;
}

/* --- life --- */

struct ask *ask_new(struct engine *e, enum shared_script script, int32_t tracker_id, uint64_t id, struct pending *p)
{
    struct ask *ask = calloc(1, sizeof *ask);

    CHECK(ask);
    ask->timer.kind = TIMER_ASK;
    ask->script = script;
    ask->number = ++e->shared->last_number;
    ask->tracker_id = tracker_id;
    ask->bucket = shared_bucket(tracker_id);
    ask->id = id;
    ask->p = p;
    TAILQ_INSERT_TAIL(&e->shared->asks, ask, link);
    e->shared->ask_count++;
    e->shared->submit_count += script == SHARED_SUBMIT;
    return ask;
}

void ask_end(struct engine *e, struct ask *ask)
{
    TAILQ_REMOVE(&e->shared->asks, ask, link);
    e->shared->ask_count--;
    e->shared->submit_count -= ask->script == SHARED_SUBMIT;
    timers_cancel(&e->timers, &ask->timer);
    if (ask->p)
        shared_let_go(e, ask->p);
    heard_free(ask->heard);
    free(ask);
}

void asks_release(struct engine *e)
{
    struct ask *ask;

    while ((ask = TAILQ_FIRST(&e->shared->asks)))
        ask_end(e, ask);
}

/* --- a message that is kept --- */

static struct bytes keep(uint8_t **at, struct bytes from)
{
    struct bytes kept = {from.data ? *at : NULL, from.len};

    if (from.data && from.len)
        memcpy(*at, from.data, from.len);
    *at += from.len;
    return kept;
}

struct heard *heard_new(const struct engine_message *message, const struct owner *owner, bool shared)
{
    struct heard *h = malloc(sizeof *h + message->topic.len + message->payload.len + message->correlation.len);
    uint8_t *at = (uint8_t *)(h + 1);

    CHECK(h);
    *h = (struct heard){.message = *message, .owner = *owner, .shared = shared};
    h->owner.next = NULL;
    h->message.topic = keep(&at, message->topic);
    h->message.payload = keep(&at, message->payload);
    h->message.correlation = keep(&at, message->correlation);
    h->message.response_topic = h->message.content_type = h->message.hash = (struct bytes){0};
    return h;
}

void heard_free(struct heard *h)
{
    free(h);
}

/* --- arguments --- */

struct args {
    struct bytes items[SHARED_ARGS_MAX];
    size_t count;
    char room[SHARED_ARGS_MAX][24];
};

static void put(struct args *a, struct bytes item)
{
    CHECK(a->count < SHARED_ARGS_MAX);
    a->items[a->count++] = item;
}

static void put_text(struct args *a, const char *text)
{
    put(a, bytes_of_text(text));
}

static void put_number(struct args *a, uint64_t number)
{
    char *room = a->room[a->count];
    int len = snprintf(room, sizeof a->room[0], "%llu", (unsigned long long)number);

    put(a, bytes_of(room, (size_t)len));
}

static bool may_start(const struct engine *e)
{
    return e->registry && e->presence_known && !e->draining && !e->handing_over;
}

/* 'FROM:STATES', what its success does to the states. */
static void make_effect(const struct command *command, struct buffer *out)
{
    buffer_clear(out);
    if (command->action == ACTION_SET) {
        buffer_printf(out, "%d:%d", (int)command->output, command->enable);
        return;
    }
    buffer_put_text(out, "1:");
    for (unsigned i = 0; i < command->output_count; i++)
        buffer_put_u8(out, command->outputs >> i & 1 ? '1' : '0');
}

static void put_request(struct engine *e, const struct pending *p, struct args *a)
{
    struct shared *s = e->shared;

    buffer_clear(&s->record);
    pending_to_record(p, e->now, &s->record);
    make_effect(&p->command, &s->effect);
    put_number(a, p->id);
    put_number(a, (uint64_t)p->tracker_id);
    put(a, bytes_of(p->key.bytes, REQUEST_KEY_SIZE));
    put(a, buffer_bytes(&s->record));
    put(a, buffer_bytes(&s->effect));
}

static void submit_args(struct engine *e, const struct ask *ask, struct args *a)
{
    const struct shared *s = e->shared;
    const struct pending *p = ask->p;

    put_request(e, p, a);
    put_number(a, p->code);
    put_number(a, p->deadline_ms + s->clock_ms);
    put_number(a, p->correlated);
    put_number(a, p->dup);
    put_number(a, e->config->store.tracker_queue_max);
    put_number(a, e->config->store.dedup_window_ms);
    put_number(a, s->options.lease_ms);
    put_text(a, s->options.instance);
    put_number(a, may_start(e));
    put_number(a, p->arrived.mono_ms + s->clock_ms);
}

static void finish_args(const struct engine *e, const struct ask *ask, struct args *a)
{
    const struct shared *s = e->shared;

    put_number(a, ask->id);
    put_number(a, (uint64_t)ask->tracker_id);
    put_number(a, ask->code);
    if (ask->by_deadline)
        put_text(a, "t");
    else if (ask->if_queued)
        put_text(a, "q");
    else
        put_number(a, ask->outcome);
    put_number(a, ask->quarantine_ms);
    put_number(a, e->config->store.dedup_window_ms);
    put_number(a, s->options.lease_ms);
    put_text(a, s->options.instance);
    put_number(a, may_start(e));
    put_number(a, ask->number);
    put_number(a, ask->by_ack);
    put_number(a, (uint64_t)e->now.wall_ms);
}

static void note_args(const struct ask *ask, struct args *a)
{
    put_number(a, ask->id);
    put_number(a, ask->had);
    put(a, buffer_bytes(&ask->p->partial));
    put_number(a, ask->p->confirmed);
}

static void sweep_args(const struct engine *e, struct args *a)
{
    enum { AT_A_TIME = 32 };

    put_number(a, AT_A_TIME);
    put_number(a, e->shared->options.lease_ms);
    put_text(a, e->shared->options.instance);
}

static void begin_args(const struct engine *e, struct args *a)
{
    put_text(a, e->shared->run);
    put(a, buffer_bytes(&e->shared->peer_names));
    put_number(a, 2 * (uint64_t)e->shared->options.lease_ms);
}

/* Of a command that is not waiting here it must be assumed that it has left. */
static const char *state_for(const struct engine *e, const struct pending *p)
{
    if (p->state == PENDING_QUEUED)
        return "q";
    if (p->state == PENDING_SETTLED)
        return "e";
    return map_find(&e->by_id, p->id) ? "c" : "s";
}

static void restore_args(struct engine *e, const struct ask *ask, struct args *a)
{
    const struct shared *s = e->shared;
    const struct pending *p = ask->p;

    put_request(e, p, a);
    put_text(a, state_for(e, p));
    put_number(a, p->deadline_ms + s->clock_ms);
    put_number(a, p->code);
    put_number(a, p->outcome);
    put_text(a, s->options.instance);
    put_number(a, (uint64_t)p->arrived.wall_ms);
    put_number(a, e->config->store.dedup_window_ms);
    put_number(a, s->options.lease_ms);
}

static void answer_args(const struct engine *e, const struct ask *ask, struct args *a)
{
    const struct pending *p = ask->p;

    put_number(a, ask->id);
    put_number(a, (uint64_t)p->tracker_id);
    put(a, bytes_of(p->key.bytes, REQUEST_KEY_SIZE));
    put_number(a, p->code);
    put_number(a, p->outcome);
    put_number(a, p->deadline_ms > e->now.mono_ms ? p->deadline_ms - e->now.mono_ms : 1);
    put_number(a, ask->quarantine_ms);
}

static void known_args(struct engine *e, const struct ask *ask, struct args *a)
{
    const struct tracker *tracker = trackers_find(&e->trackers, ask->tracker_id);
    struct buffer *text = &e->shared->effect;

    buffer_clear(text);
    for (uint64_t i = 0; tracker && tracker->states.known >> i && i < REGISTRY_OUTPUTS_MAX; i++)
        buffer_put_u8(text, !(tracker->states.known >> i & 1) ? '-' : tracker->states.on >> i & 1 ? '1' : '0');
    put_number(a, (uint64_t)ask->tracker_id);
    put(a, buffer_bytes(text));
    put_number(a, tracker ? (uint64_t)tracker->states.updated_at_ms : 0);
}

static void make_args(struct engine *e, const struct ask *ask, struct args *a)
{
    switch (ask->script) {
    case SHARED_SUBMIT:
        submit_args(e, ask, a);
        return;
    case SHARED_FINISH:
        finish_args(e, ask, a);
        return;
    case SHARED_SENT:
        put_number(a, ask->id);
        put_text(a, e->shared->options.instance);
        return;
    case SHARED_NOTE:
        note_args(ask, a);
        return;
    case SHARED_DELIVERED:
    case SHARED_HELD:
        put_number(a, ask->id);
        return;
    case SHARED_SWEEP:
        sweep_args(e, a);
        return;
    case SHARED_FLIGHT:
    case SHARED_QUEUE:
        put_number(a, (uint64_t)ask->tracker_id);
        return;
    case SHARED_STATES:
        put_number(a, (uint64_t)ask->tracker_id);
        if (ask->has_version)
            put_number(a, ask->states_version);
        else
            put_text(a, "");
        return;
    case SHARED_BEGIN:
        begin_args(e, a);
        return;
    case SHARED_RESTORE:
        restore_args(e, ask, a);
        return;
    case SHARED_ANSWER:
        answer_args(e, ask, a);
        return;
    case SHARED_KNOWN:
        known_args(e, ask, a);
        return;
    case SHARED_DONE:
        put_text(a, e->shared->options.instance);
        return;
    case SHARED_IDS:
        put_number(a, e->shared->highest_id);
        return;
    case SHARED_ALIVE:
    case SHARED_HEIR:
    case SHARED_LEAVE:
    case SHARED_NAMES:
    case SHARED_SCRIPT_COUNT:
        break;
    }
}

/* --- asking --- */

/* For the server's clock, or until all instances have brought to it what it may have lost. */
static bool must_wait(const struct shared *s, const struct ask *ask)
{
    bool of_merge = ask->script >= SHARED_BEGIN && ask->script <= SHARED_DONE;

    if (ask->script == SHARED_IDS || ask->script == SHARED_BEGIN)
        return false;
    return of_merge ? !s->clock_at_ms : s->is_merging || !s->clock_at_ms;
}

void ask_put(struct engine *e, struct ask *ask)
{
    struct args a = {.count = 0};
    char bucket[96];
    struct shared_call call = {.script = ask->script, .ask = ask};
    int len;

    if (!e->shared->is_up || ask->is_out || must_wait(e->shared, ask))
        return;
    ask->is_out = true;
    ask->asked_ms = e->now.mono_ms;
    make_args(e, ask, &a);
    len = snprintf(bucket, sizeof bucket, "%s:{%u}", e->shared->options.prefix, ask->bucket);
    call.bucket = bytes_of(bucket, (size_t)len);
    call.args = a.items;
    call.count = a.count;
    e->effects.ask(e->effects.ctx, &call);
}

void ask_later(struct engine *e, struct ask *ask, uint32_t in_ms)
{
    ask->is_out = false;
    timers_set(&e->timers, &ask->timer, e->now.mono_ms + in_ms);
}

void asks_put_all(struct engine *e)
{
    struct ask *ask = TAILQ_FIRST(&e->shared->asks);

    for (; ask; ask = TAILQ_NEXT(ask, link)) {
        if (ask->timer.place == 0)
            ask_put(e, ask);
    }
}

/* --- answers --- */

uint64_t number_in(struct bytes text)
{
    uint64_t number = 0;

    for (size_t i = 0; i < text.len && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    return number;
}

struct output_states states_from_text(struct bytes text, uint64_t since_ms)
{
    struct output_states states = {.updated_at_ms = (int64_t)since_ms};

    for (size_t i = 0; i < text.len && i < REGISTRY_OUTPUTS_MAX; i++) {
        states.known |= (uint64_t)(text.data[i] != '-') << i;
        states.on |= (uint64_t)(text.data[i] == '1') << i;
    }
    return states;
}
