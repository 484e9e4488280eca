#include <stdlib.h>

#include "base/check.h"
#include "shared_state.h"

enum {
    SWEEP_EVERY_MS = 1000, /* at the latest: others may have put something there */
    AGAIN_MS = 1000,       /* what the server has refused */
    REPEATED_AGAIN_MS = 100,
    ROOM_FOR_ENDINGS = 4, /* new requests may take one part less than this of the questions */
};

/* --- life --- */

void engine_share(struct engine *e, const struct shared_options *options)
{
    struct shared *s = calloc(1, sizeof *s);

    CHECK(s);
    s->options = *options;
    TAILQ_INIT(&s->asks);
    e->shared = s;
    e->next_id |= LOCAL_ID;
}

void shared_free(struct engine *e)
{
    struct shared *s = e->shared;

    asks_release(e);
    map_release(&s->owed);
    map_release(&s->published);
    map_release(&s->mine);
    mirror_release(s);
    buffer_release(&s->record);
    buffer_release(&s->effect);
    free(s);
    e->shared = NULL;
}

/* --- numbers --- */

enum { IDS_IN_A_BLOCK = 1 << 22 };

void shared_want_ids(struct engine *e, bool in_any_case)
{
    struct shared *s = e->shared;

    if (s->ids_asked || s->next_first_id || (!in_any_case && s->last_id - s->next_id > IDS_IN_A_BLOCK / 2))
        return;
    s->ids_asked = true;
    ask_put(e, ask_new(e, SHARED_IDS, 0, 0, NULL));
}

static bool has_ids(const struct shared *s)
{
    return s->next_id < s->last_id || (s->next_first_id && !s->is_merging);
}

static uint64_t take_id(struct engine *e)
{
    struct shared *s = e->shared;

    if (s->next_id >= s->last_id) {
        s->next_id = s->next_first_id;
        s->last_id = s->next_id + IDS_IN_A_BLOCK;
        s->next_first_id = 0;
    }
    shared_want_ids(e, false);
    return s->next_id++;
}

/* The server read its clock before this. A closer bound replaces one that is farther, and a new one an old one. */
static void clock_heard(struct engine *e, uint64_t server_ms)
{
    enum { GOOD_FOR_MS = 10000 };
    struct shared *s = e->shared;
    bool is_first = s->clock_at_ms == 0;
    uint64_t difference = server_ms - e->now.mono_ms;

    if (s->clock_at_ms && difference < s->clock_ms && e->now.mono_ms - s->clock_at_ms < GOOD_FOR_MS)
        return;
    s->clock_ms = difference;
    s->clock_at_ms = e->now.mono_ms;
    if (is_first)
        asks_put_all(e); /* what had to wait for it */
}

/* FIRST NOW */
static void ids_heard(struct engine *e, const struct bytes *ids)
{
    struct shared *s = e->shared;

    s->ids_asked = false;
    s->next_first_id = number_in(ids[0]);
    s->highest_id = s->next_first_id > s->highest_id ? s->next_first_id : s->highest_id;
    clock_heard(e, number_in(ids[1]));
}

/* --- the server --- */

bool engine_shared_up(struct engine *e, struct bytes run, struct instant now)
{
    bool is_other;

    e->now = now;
    e->shared->is_up = true;
    e->shared->clock_at_ms = 0; /* it may be another server's */
    e->shared->ids_asked = false;
    e->shared->next_first_id = 0;
    shared_want_ids(e, true);
    is_other = merge_begin(e, run);
    asks_put_all(e);
    return is_other;
}

void engine_shared_down(struct engine *e, struct instant now)
{
    struct ask *ask;
    struct ask *next;

    e->now = now;
    e->shared->is_up = false;
    for (ask = TAILQ_FIRST(&e->shared->asks); ask; ask = next) {
        next = TAILQ_NEXT(ask, link);
        ask->is_out = false;
        if (ask->script == SHARED_SWEEP)
            e->shared->sweep_ms[ask->bucket] = 0;
        if (ask->script == SHARED_SWEEP || ask->script == SHARED_IDS)
            ask_end(e, ask);
    }
    e->shared->next_sweep_ms = 0;
}

static bool is_ready(const struct shared *s)
{
    return s->is_up && !s->is_merging && s->clock_at_ms && has_ids(s);
}

bool shared_is_open(const struct engine *e)
{
    const struct shared *s = e->shared;

    return is_ready(s) && s->ask_count < s->options.asks_max - s->options.asks_max / ROOM_FOR_ENDINGS &&
           s->pending < e->config->store.pending_max;
}

/* A redelivery may be of a request that the server knows: it waits for the server. */
bool shared_takes(const struct engine *e, const struct pending *p)
{
    const struct shared *s = e->shared;

    return (s->is_up || p->dup) && (p->dup || p->code == CODE_SUCCESS || p->code == CODE_QUEUE_ERROR || p->user_id) &&
           has_ids(s) && s->ask_count < s->options.asks_max;
}

struct shared_totals engine_shared_totals(const struct engine *e)
{
    const struct shared *s = e->shared;

    return s ? (struct shared_totals){s->is_up,     is_ready(s),     s->is_merging, s->peers,
                                      s->ask_count, s->submit_count, s->pending}
             : (struct shared_totals){0};
}

void shared_let_go(struct engine *e, struct pending *p)
{
    timers_cancel(&e->timers, &p->deadline);
    engine_forget(e, p);
}

/* --- sweeps --- */

/* Who knows no families could not tell how long an ack may still come. */
static bool may_sweep(const struct engine *e)
{
    return e->registry && e->shared->is_up && !e->shared->is_merging && e->presence_known && !e->draining &&
           !e->handing_over;
}

static void plan_sweep(struct shared *s, unsigned bucket, uint64_t at_ms)
{
    if (s->sweep_ms[bucket] > at_ms)
        s->sweep_ms[bucket] = at_ms;
    if (s->next_sweep_ms > at_ms)
        s->next_sweep_ms = at_ms;
}

static void find_next_sweep(struct shared *s)
{
    s->next_sweep_ms = UINT64_MAX;
    for (size_t i = 0; i < SHARED_BUCKETS; i++) {
        if (s->sweep_ms[i] < s->next_sweep_ms)
            s->next_sweep_ms = s->sweep_ms[i];
    }
}

void shared_tick(struct engine *e)
{
    struct shared *s = e->shared;

    mirror_tick(e);
    if (!may_sweep(e) || s->next_sweep_ms > e->now.mono_ms)
        return;
    for (unsigned i = 0; i < SHARED_BUCKETS; i++) {
        struct ask *ask;

        if (s->sweep_ms[i] > e->now.mono_ms)
            continue;
        s->sweep_ms[i] = UINT64_MAX;
        ask = ask_new(e, SHARED_SWEEP, 0, 0, NULL);
        ask->bucket = i;
        ask_put(e, ask);
    }
    find_next_sweep(s);
}

int64_t shared_wait_ms(const struct engine *e)
{
    const struct shared *s = e->shared;

    if (!may_sweep(e) || s->next_sweep_ms == UINT64_MAX)
        return -1;
    return s->next_sweep_ms > e->now.mono_ms ? (int64_t)(s->next_sweep_ms - e->now.mono_ms) : 0;
}

/* --- questions --- */

void shared_fire(struct engine *e, struct ask *ask)
{
    ask_put(e, ask);
}

static void give_id(struct engine *e, struct pending *p)
{
    uint64_t id = htobe64(take_id(e));

    p->id = p->command.id = e->answering_id = be64toh(id);
    if (p->is_local)
        memcpy((void *)(uintptr_t)p->route.correlation.data, &id, sizeof id);
}

/* The journal has it before the server is asked, for a process that ends without having heard the answer. */
void shared_submit(struct engine *e, struct pending *p)
{
    struct ask *ask;

    if (p->id & LOCAL_ID)
        give_id(e, p);
    p->asked = true;
    engine_journal_request(e, p);
    ask = ask_new(e, SHARED_SUBMIT, p->tracker_id, p->id, p);
    ask_put(e, ask);
    plan_sweep(e->shared, ask->bucket, p->deadline_ms);
}

static struct ask *new_finish(struct engine *e, struct pending *p, enum code code, enum outcome outcome)
{
    struct ask *ask = ask_new(e, SHARED_FINISH, p->tracker_id, p->id, p);

    p->asked = true;
    ask->code = code;
    ask->outcome = outcome;
    ask->quarantine_ms = engine_quarantine_ms(e, p, outcome);
    return ask;
}

void shared_finish(struct engine *e, struct pending *p, enum code code, enum outcome outcome, bool by_ack)
{
    struct ask *ask = new_finish(e, p, code, outcome);

    ask->by_ack = by_ack;
    if (by_ack)
        ask->heard = heard_new(&(struct engine_message){.topic = e->ack_topic, .payload = e->ack},
                               &(struct owner){.tracker_id = p->tracker_id}, false);
    ask_put(e, ask);
}

/* Of those whose acks tell their command nobody needs to know. All else is in the server's hands. */
void shared_sent(struct engine *e, struct pending *p)
{
    if (profile_match(p->profile) != MATCH_ID)
        ask_put(e, ask_new(e, SHARED_SENT, p->tracker_id, p->id, NULL));
    map_remove(&e->by_id, p->id);
    shared_let_go(e, p);
}

size_t shared_busy(const struct engine *e)
{
    size_t sweeps = 0;
    const struct ask *ask;

    TAILQ_FOREACH(ask, &e->shared->asks, link)
    sweeps += ask->script == SHARED_SWEEP;
    return e->shared->ask_count - sweeps + (e->draining ? e->shared->mine.count : 0);
}

/* --- drain --- */

static void finish_mine(struct engine *e, bool if_queued)
{
    struct shared *s = e->shared;
    size_t at = 0;

    while (at < s->mine.size) {
        const struct map_slot slot = s->mine.slots[at++];
        struct ask *ask;

        if (!slot.value)
            continue;
        ask = ask_new(e, SHARED_FINISH, (int32_t)(intptr_t)slot.value, slot.key, NULL);
        ask->code = CODE_QUEUE_ERROR;
        ask->if_queued = if_queued;
        ask->by_deadline = !if_queued;
        ask_put(e, ask);
    }
}

/* Others go on with what is pending. The last one ends it. */
void shared_drain(struct engine *e)
{
    if (e->shared->peers > 1)
        map_release(&e->shared->mine);
    else
        finish_mine(e, true);
}

void shared_drain_ends(struct engine *e)
{
    finish_mine(e, false);
}

bool shared_delivered(struct engine *e, uint64_t id)
{
    void *tracker = map_remove(&e->shared->owed, id);
    struct ask *ask;

    if (!tracker)
        return false;
    ask = ask_new(e, SHARED_DELIVERED, (int32_t)(intptr_t)tracker, id, NULL);
    ask_put(e, ask);
    return true;
}

void shared_went_offline(struct engine *e, int32_t tracker_id)
{
    ask_put(e, ask_new(e, SHARED_QUEUE, tracker_id, 0, NULL));
}

/* --- turns --- */

struct pending *shared_from_record(struct engine *e, struct bytes record)
{
    struct pending *p = pending_from_record(record, e->now, UINT32_MAX);

    if (!p) {
        e->counters.records_unreadable++;
        return NULL;
    }
    p->deadline.kind = TIMER_DEADLINE;
    p->is_shared = true;
    p->committed = false;
    return p;
}

/* id, milliseconds left when it was asked, request, states. */
static void take_turn(struct engine *e, const struct ask *ask, struct pending *p, const struct bytes *turn)
{
    struct tracker *tracker;

    if (!p)
        p = shared_from_record(e, turn[2]);
    if (!p)
        return;
    if (map_find(&e->by_id, p->id)) { /* it is being commanded */
        shared_let_go(e, p);
        return;
    }
    tracker = trackers_get(&e->trackers, p->tracker_id);
    tracker->states = states_from_text(turn[3], 0);
    p->tracker = tracker;
    p->asked = false;
    p->is_shared = true;
    p->state = PENDING_QUEUED;
    p->deadline_ms = ask->asked_ms + number_in(turn[1]);
    map_put(&e->by_id, p->id, p);
    timers_set(&e->timers, &p->deadline, p->deadline_ms);
    engine_turn(e, p);
}

/* --- answers to SUBMIT --- */

/* Its reply is this instance's to send, for as long as the server gives it to nobody else. */
static void own_reply(struct engine *e, const struct ask *ask, struct pending *p)
{
    p->is_shared = true;
    p->reply_until_ms = ask->asked_ms + e->shared->options.lease_ms;
    map_put(&e->shared->owed, p->id, (void *)(intptr_t)p->tracker_id);
}

/* Where the server would not take it nobody else knows of it. */
static void submit_failed(struct engine *e, struct pending *p)
{
    p->asked = false;
    engine_refuse(e, p, CODE_QUEUE_ERROR);
}

/* False: it will be asked again. */
static bool submitted(struct engine *e, struct ask *ask, const struct bytes *items, size_t count)
{
    struct pending *p = ask->p;
    uint8_t verdict = items[0].len ? items[0].data[0] : 0;

    ask->p = NULL;
    p->asked = false;
    e->effects.journal_delete(e->effects.ctx, JOURNAL_REQUEST, p->id);
    if (verdict == 'T' && count == 5) {
        engine_accepted(e, p);
        take_turn(e, ask, p, items + 1);
    } else if (verdict == 'Q') {
        engine_accepted(e, p);
        p->is_shared = true;
        engine_journal_request(e, p);
        shared_let_go(e, p);
    } else if (verdict == 'R' && count == 2) {
        own_reply(e, ask, p);
        engine_refuse(e, p, (enum code)number_in(items[1]));
    } else if (verdict == 'P' && p->is_local) { /* whoever asked here waits for the same reply */
        ask->p = p;
        p->asked = true;
        ask_later(e, ask, REPEATED_AGAIN_MS);
        return false;
    } else if (verdict == 'P' && count == 2) {
        engine_duplicate(e, p, "pending");
        shared_let_go(e, p);
    } else if (verdict == 'A' && count == 3) {
        engine_submitted(e, p, SUBMIT_ANSWERED, (enum code)number_in(items[1]), (enum outcome)number_in(items[2]));
    } else {
        engine_duplicate(e, p, "answered");
        shared_let_go(e, p);
    }
    return true;
}

/* --- answers to FINISH --- */

/* CODE OUTCOME REQUEST STATES SINCE VERSION WAITED TOOK */
static void ended(struct engine *e, struct ask *ask, const struct bytes *ending)
{
    struct pending *p = ask->p ? ask->p : shared_from_record(e, ending[2]);

    ask->p = NULL;
    if (!p)
        return;
    p->asked = false;
    p->code = (enum code)number_in(ending[0]);
    p->outcome = (enum outcome)number_in(ending[1]);
    if (!p->profile)
        p->profile = profile_ref(engine_profile_for(e, p));
    p->started_ms = p->sent_ms = e->now.mono_ms - number_in(ending[7]);
    p->arrived.mono_ms = p->started_ms - number_in(ending[6]);
    p->tracker = trackers_get(&e->trackers, p->tracker_id);
    if (p->outcome == OUTCOME_SUCCESS) {
        p->tracker->states = states_from_text(ending[3], number_in(ending[4]));
        map_put(&e->shared->published, (uint64_t)p->tracker_id, (void *)(uintptr_t)number_in(ending[5]));
    }
    map_remove(&e->shared->mine, p->id);
    own_reply(e, ask, p);
    if (ask->heard) {
        e->ack_topic = ask->heard->message.topic;
        e->ack = ask->heard->message.payload;
    }
    engine_completed(e, p);
    e->ack_topic = e->ack = (struct bytes){0};
}

/* LAST ACKED: somebody else was first, or there is no such request. */
static void not_ended(struct engine *e, const struct ask *ask, const struct bytes *last)
{
    struct tracker *tracker;

    if (!ask->by_ack)
        return;
    tracker = trackers_get(&e->trackers, ask->tracker_id);
    tracker->last_command_id = number_in(last[0]);
    tracker->last_was_acked = number_in(last[1]) == 1;
    engine_stray_ack(e, &ask->heard->message, ask->tracker_id, ask->id);
    trackers_forget_if_idle(&e->trackers, tracker);
}

static void finished(struct engine *e, struct ask *ask, const struct bytes *items, size_t count)
{
    if (bytes_equal_text(items[0], "E") && count >= 9)
        ended(e, ask, items + 1);
    else if (bytes_equal_text(items[0], "N") && count == 3)
        not_ended(e, ask, items + 1);
    if (bytes_equal_text(items[0], "E") && count == 13)
        take_turn(e, ask, NULL, items + 9);
}

/* --- answers to SWEEP and QUEUE --- */

static void finish_overdue(struct engine *e, struct pending *p)
{
    struct ask *ask;

    p->profile = profile_ref(engine_profile_for(e, p));
    ask = new_finish(e, p, CODE_OFFLINE, OUTCOME_UNKNOWN);
    ask->by_deadline = true;
    ask_put(e, ask);
}

static void finish_queued(struct engine *e, struct pending *p)
{
    struct ask *ask = new_finish(e, p, CODE_OFFLINE, OUTCOME_NOT_SENT);

    ask->if_queued = true;
    ask_put(e, ask);
}

/* KIND ID CODE REQUEST OUTCOME, or T and a turn. */
static void take_due(struct engine *e, const struct ask *ask, const struct bytes *due)
{
    uint8_t kind = due[0].len ? due[0].data[0] : 0;
    struct pending *p;

    if (kind == 'T') {
        take_turn(e, ask, NULL, due + 1);
        return;
    }
    if (kind == 'V') {
        ask_put(e, ask_new(e, SHARED_STATES, (int32_t)number_in(due[1]), 0, NULL));
        return;
    }
    p = shared_from_record(e, due[3]);
    if (!p)
        return;
    if (kind == 'D') {
        finish_overdue(e, p);
        return;
    }
    p->code = (enum code)number_in(due[2]);
    p->outcome = (enum outcome)number_in(due[4]);
    own_reply(e, ask, p);
    if (kind == 'R') { /* whose it was may be gone */
        p->profile = profile_ref(engine_profile_for(e, p));
        engine_journal_answer(e, p);
    }
    engine_finish(e, p, false);
}

static void swept(struct engine *e, const struct ask *ask, const struct bytes *items, size_t count)
{
    struct shared *s = e->shared;
    uint64_t wait_ms = bytes_equal_text(items[1], "-1") ? SWEEP_EVERY_MS : number_in(items[1]);
    uint32_t pending = (uint32_t)number_in(items[2]);

    clock_heard(e, number_in(items[3]));
    s->pending += pending;
    s->pending -= s->due[ask->bucket];
    s->due[ask->bucket] = pending;
    plan_sweep(s, ask->bucket, e->now.mono_ms + (wait_ms < SWEEP_EVERY_MS ? wait_ms : SWEEP_EVERY_MS));
    for (size_t i = 4; i + 5 <= count; i += 5)
        take_due(e, ask, items + i);
}

static void queue_heard(struct engine *e, const struct bytes *items, size_t count)
{
    for (size_t i = 1; i + 2 <= count; i += 2) {
        struct pending *p = shared_from_record(e, items[i + 1]);

        if (p)
            finish_queued(e, p);
    }
}

/* --- states --- */

void shared_states_published(struct engine *e, int32_t tracker_id)
{
    struct ask *ask = ask_new(e, SHARED_STATES, tracker_id, 0, NULL);

    ask->states_version = (uint64_t)(uintptr_t)map_remove(&e->shared->published, (uint64_t)tracker_id);
    ask->has_version = ask->states_version > 0;
    ask_put(e, ask);
}

/* They have changed since they were published: again. */
static void states_heard(struct engine *e, const struct ask *ask, const struct bytes *items)
{
    uint64_t version = number_in(items[3]);
    struct tracker *tracker;

    if (version == 0 || (ask->has_version && version == ask->states_version))
        return;
    tracker = trackers_get(&e->trackers, ask->tracker_id);
    tracker->states = states_from_text(items[1], number_in(items[2]));
    map_put(&e->shared->published, (uint64_t)ask->tracker_id, (void *)(uintptr_t)version);
    engine_mark_dirty(e, tracker);
}

/* --- answers --- */

/* It would not run the script: it has no memory, or may not write. */
static void refused(struct engine *e, struct ask *ask)
{
    struct pending *p = ask->p;

    e->counters.shared_refusals++;
    if (ask->script == SHARED_SUBMIT) {
        ask->p = NULL;
        submit_failed(e, p);
        ask_end(e, ask);
    } else if (ask->script == SHARED_SWEEP) {
        plan_sweep(e->shared, ask->bucket, e->now.mono_ms + SWEEP_EVERY_MS);
        ask_end(e, ask);
    } else {
        ask_later(e, ask, AGAIN_MS);
    }
}

void engine_shared_answer(struct engine *e, struct ask *ask, const struct bytes *items, size_t count,
                          struct instant now)
{
    e->now = now;
    if (count == 0) {
        refused(e, ask);
        return;
    }
    if (ask->script == SHARED_SUBMIT) {
        if (!submitted(e, ask, items, count))
            return;
    } else if (ask->script == SHARED_FINISH)
        finished(e, ask, items, count);
    else if (ask->script == SHARED_SWEEP && count >= 4)
        swept(e, ask, items, count);
    else if (ask->script == SHARED_HELD && count == 2)
        mirror_told(e, ask, bytes_equal_text(items[1], "1"));
    else if (ask->script == SHARED_QUEUE)
        queue_heard(e, items, count);
    else if (ask->script == SHARED_IDS && count == 3)
        ids_heard(e, items + 1);
    else if (ask->script == SHARED_STATES && count == 4)
        states_heard(e, ask, items);
    else if (ask->script == SHARED_FLIGHT || ask->script == SHARED_NOTE) {
        shared_flight_answer(e, ask, items, count);
        return; /* which has ended it, or asks it again */
    } else if (ask->script == SHARED_DONE) {
        merge_done(e, ask, items, count);
        return;
    }
    ask_end(e, ask);
}
