#include "engine_state.h"
#include "shared_state.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"

/* --- life --- */

static void answer_expired(void *ctx, uint64_t id)
{
    struct engine *e = ctx;

    e->effects.journal_delete(e->effects.ctx, JOURNAL_ANSWER, id);
}

struct engine *engine_new(const struct engine_config *config, const struct engine_effects *effects, uint64_t first_id)
{
    struct engine *e = calloc(1, sizeof *e);
    struct store_client client = {e, engine_submitted, engine_turn, engine_completed, answer_expired};

    CHECK(e);
    e->effects = *effects;
    e->next_id = first_id;
    e->drain.kind = TIMER_DRAIN;
    store_init(&e->store, &client, &e->trackers, &e->timers);
    store_hold(&e->store, true);
    engine_reload(e, config, NULL, profiles_new(config->prefix));
    return e;
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    if (e->shared)
        shared_free(e);
    store_release(&e->store);
    trackers_release(&e->trackers);
    state_queue_release(&e->states_due);
    timers_release(&e->timers);
    rates_release(&e->rates);
    map_release(&e->by_id);
    router_release(&e->router);
    registry_free(e->registry);
    profiles_free(e->profiles);
    buffer_release(&e->record);
    buffer_release(&e->command_topic);
    buffer_release(&e->payload);
    free(e->model_profiles);
    free(e);
}

void engine_take(struct engine *e, const struct engine_config *config, struct rules *rules)
{
    struct rules before = {e->registry, e->profiles, e->model_profiles, e->router};

    e->config = config;
    e->store.limits = config->store;
    e->registry = rules->registry;
    e->profiles = rules->profiles;
    e->model_profiles = rules->model_profiles;
    e->router = rules->router;
    if (before.registry == e->registry)
        before.registry = NULL;
    if (before.profiles == e->profiles)
        before.profiles = NULL;
    *rules = before;
}

void engine_reload(struct engine *e, const struct engine_config *config, struct registry *registry,
                   struct profiles *profiles)
{
    struct rules rules;

    rules_make(&rules, registry ? registry : e->registry, profiles ? profiles : e->profiles, config->prefix);
    engine_take(e, config, &rules);
    rules_release(&rules);
}

struct profiles *engine_profiles(const struct engine *e)
{
    return e->profiles;
}

/* --- journal --- */

static void link_unsaved(struct engine *e, struct pending *p)
{
    if (p->prev_fresh)
        return;
    p->next_fresh = e->unsaved;
    p->prev_fresh = &e->unsaved;
    if (p->next_fresh)
        p->next_fresh->prev_fresh = &p->next_fresh;
    e->unsaved = p;
}

static void unlink_unsaved(struct pending *p)
{
    if (!p->prev_fresh)
        return;
    *p->prev_fresh = p->next_fresh;
    if (p->next_fresh)
        p->next_fresh->prev_fresh = p->prev_fresh;
    p->prev_fresh = NULL;
    p->next_fresh = NULL;
}

static bool has_no_record(const struct engine *e, const struct pending *p)
{
    return e->journal_down && !p->committed;
}

void engine_journal_request(struct engine *e, struct pending *p)
{
    if (has_no_record(e, p))
        return;
    buffer_clear(&e->record);
    pending_to_record(p, e->now, &e->record);
    e->effects.journal_put(e->effects.ctx, p->is_shared ? JOURNAL_SHARED : JOURNAL_REQUEST, p->id,
                           buffer_bytes(&e->record));
    if (p->is_shared)
        mirror_note_request(e, p);
    else
        link_unsaved(e, p);
}

void engine_forget(struct engine *e, struct pending *p)
{
    (void)e;
    unlink_unsaved(p);
    pending_free(p);
}

void engine_journal_committed(struct engine *e)
{
    while (e->unsaved) {
        e->unsaved->committed = true;
        unlink_unsaved(e->unsaved);
    }
    e->journal_down = false;
}

/* What the journal has never heard of is given up, and its staged records with it. Of the rest it holds an earlier
 * state: another outcome might come of that after a crash, so none is told before the journal can be written again. */
void engine_journal_failed(struct engine *e, struct instant now)
{
    e->now = now;
    e->journal_down = true;
    e->counters.journal_failures++;
    while (e->unsaved) {
        struct pending *p = e->unsaved;

        unlink_unsaved(p);
        if (p->committed || p->asked) /* what the server of shared state was asked cannot be taken back */
            continue;
        e->effects.journal_delete(e->effects.ctx, JOURNAL_REQUEST, p->id);
        engine_settle(e, p, CODE_QUEUE_ERROR, OUTCOME_NOT_SENT);
    }
}

/* --- endings --- */

void engine_emit(struct engine *e, const struct engine_event *event)
{
    e->effects.event(e->effects.ctx, event);
}

struct engine_event engine_event_of(const struct pending *p, enum engine_event_kind kind)
{
    return (struct engine_event){
        .kind = kind,
        .id = p->id,
        .tracker_id = p->tracker_id,
        .user_id = p->user_id,
        .action = p->command.action,
        .profile = p->profile ? profile_name(p->profile) : NULL,
        .code = p->code,
        .outcome = p->outcome,
        .pending = p,
    };
}

static void count_outcome(struct engine *e, enum outcome outcome)
{
    uint64_t *const counters[] = {
        [OUTCOME_SUCCESS] = &e->counters.outcome_success,
        [OUTCOME_NOT_SENT] = &e->counters.outcome_not_sent,
        [OUTCOME_REJECTED] = &e->counters.outcome_rejected,
        [OUTCOME_UNKNOWN] = &e->counters.outcome_unknown,
    };

    ++*counters[outcome];
}

/* A device that acks without saying what, or saying it so that it repeats soon, may still ack a command that was given
 * up on. */
static uint32_t quarantine_of(const struct engine *e, const struct profile *profile)
{
    uint32_t own = profile_quarantine_ms(profile);

    return own || profile_match(profile) != MATCH_FIFO ? own : e->config->quarantine_ms;
}

/* Of whatever family the tracker is. */
static uint32_t longest_quarantine_ms(const struct engine *e)
{
    uint32_t longest = 0;

    for (size_t i = 0; i < profiles_count(e->profiles); i++) {
        uint32_t own = quarantine_of(e, profiles_at(e->profiles, i));

        longest = own > longest ? own : longest;
    }
    return longest;
}

uint32_t engine_quarantine_ms(const struct engine *e, const struct pending *p, enum outcome outcome)
{
    if (outcome != OUTCOME_UNKNOWN || !p->profile)
        return 0;
    return e->registry ? quarantine_of(e, p->profile) : longest_quarantine_ms(e);
}

static void emit_settled(struct engine *e, const struct pending *p)
{
    struct engine_event event = engine_event_of(p, EVENT_REQUEST_SETTLED);
    uint64_t turn_ms = p->started_ms ? p->started_ms : e->now.mono_ms;

    event.queue_ms = turn_ms - p->arrived.mono_ms;
    event.device_ms = p->sent_ms ? e->now.mono_ms - p->sent_ms : 0;
    event.total_ms = e->now.mono_ms - p->arrived.mono_ms;
    if (p->outcome == OUTCOME_SUCCESS || p->outcome == OUTCOME_REJECTED) { /* nothing but an ack brings these about */
        event.ack_topic = e->ack_topic;
        event.ack = e->ack;
    }
    engine_emit(e, &event);
}

void engine_settle(struct engine *e, struct pending *p, enum code code, enum outcome outcome)
{
    CHECK(p->state != PENDING_SETTLED);
    if (p->state == PENDING_STAGED) {
        e->effects.cancel(e->effects.ctx, p->id);
        e->counters.commands_cancelled++;
    }
    p->state = PENDING_SETTLED;
    p->code = code;
    p->outcome = outcome;
    timers_cancel(&e->timers, &p->deadline);
    map_remove(&e->by_id, p->id);
    if (e->shared) {
        shared_finish(e, p, code, outcome, code == CODE_SUCCESS || outcome == OUTCOME_REJECTED);
        return;
    }
    store_complete(&e->store, p, engine_quarantine_ms(e, p, outcome), e->now.mono_ms);
}

void engine_journal_answer(struct engine *e, const struct pending *p)
{
    struct buffer *record = &e->record;

    if (has_no_record(e, p))
        return;
    buffer_clear(record);
    buffer_put_u8(record, RECORD_VERSION);
    record_put_instant(record, e->now);
    buffer_put(record, bytes_of(p->key.bytes, REQUEST_KEY_SIZE));
    buffer_put_be(record, p->code, 4);
    buffer_put_u8(record, (uint8_t)p->outcome);
    buffer_put_be(record, (uint32_t)p->tracker_id, 4);
    buffer_put_be(record, engine_quarantine_ms(e, p, p->outcome), 4);
    e->effects.journal_put(e->effects.ctx, JOURNAL_ANSWER, p->id, buffer_bytes(record));
    if (e->shared)
        mirror_note_answer(e, p->id, e->now.mono_ms + e->config->store.dedup_window_ms);
}

void engine_completed(void *ctx, struct pending *p)
{
    struct engine *e = ctx;

    if (p->outcome == OUTCOME_SUCCESS)
        engine_note_states(e, p);
    count_outcome(e, p->outcome);
    emit_settled(e, p);
    engine_journal_answer(e, p);
    engine_finish(e, p, false);
}

void engine_finish(struct engine *e, struct pending *p, bool repeats)
{
    struct engine_reply reply = {
        .id = p->id,
        .waits = !p->is_shared && (p->committed || repeats),
        .code = p->code,
        .topic = p->route.topic,
        .correlation = p->route.correlation,
        .content_type = encoding_content_type(p->route.encoding),
        .until_ms = p->reply_until_ms,
        .is_alone = e->shared && !p->is_shared && !p->is_local,
    };

    if (e->shared && bytes_equal_text(reply.topic, e->config->reply_local))
        reply.topic = bytes_of("", 0); /* whoever asked is here */
    p->state = PENDING_SETTLED;
    engine_journal_request(e, p);
    buffer_clear(&e->payload);
    pending_encode_reply(p, &e->payload);
    reply.payload = buffer_bytes(&e->payload);
    e->effects.reply(e->effects.ctx, &reply);
    e->counters.replies++;
    engine_forget(e, p);
}

void engine_reply_delivered(struct engine *e, uint64_t id)
{
    bool is_shared = e->shared && shared_delivered(e, id);

    e->counters.replies_delivered++;
    e->effects.journal_delete(e->effects.ctx, is_shared ? JOURNAL_SHARED : JOURNAL_REQUEST, id);
}

/* --- time --- */

/* Commanded before a restart, and its ack may have come since: the broker keeps it, and hands it over before presence
 * has been read back. engine_presence_read sets the timer again. */
static bool ack_may_be_kept(const struct engine *e, const struct pending *p)
{
    return p->state == PENDING_SENT && !e->presence_was_known;
}

static void deadline_passed(struct engine *e, struct pending *p)
{
    if (ack_may_be_kept(e, p))
        return;
    engine_settle(e, p, CODE_OFFLINE, p->state == PENDING_SENT ? OUTCOME_UNKNOWN : OUTCOME_NOT_SENT);
}

/* Ends every request that `which` says yes to. */
static void settle_all(struct engine *e, bool in_flight, enum code code)
{
    struct pending **all = malloc((e->by_id.count + 1) * sizeof(struct pending *));
    struct pending *p;
    size_t count = 0;
    size_t at = 0;

    CHECK(all);
    while ((p = map_next(&e->by_id, &at))) {
        if (in_flight || p->state != PENDING_SENT)
            all[count++] = p;
    }
    for (size_t i = 0; i < count; i++)
        engine_settle(e, all[i], code, all[i]->state == PENDING_SENT ? OUTCOME_UNKNOWN : OUTCOME_NOT_SENT);
    free(all);
}

static void fire(struct engine *e, struct timer *timer)
{
    if (timer->kind == TIMER_DEADLINE)
        deadline_passed(e, (struct pending *)timer);
    else if (timer->kind == TIMER_ASK)
        shared_fire(e, (struct ask *)timer);
    else if (timer->kind == STORE_TIMER_QUARANTINE)
        store_quarantine_over(&e->store, (struct lane *)timer);
    else {
        settle_all(e, true, CODE_QUEUE_ERROR);
        if (e->shared)
            shared_drain_ends(e);
    }
}

void engine_tick(struct engine *e, struct instant now)
{
    struct timer *timer;

    e->now = now;
    while ((timer = timers_expire(&e->timers, now.mono_ms)))
        fire(e, timer);
    store_expire(&e->store, now.mono_ms);
    if (e->shared)
        shared_tick(e);
}

int64_t engine_wait_ms(const struct engine *e, struct instant now)
{
    int64_t waits[] = {timers_wait_ms(&e->timers, now.mono_ms), store_wait_ms(&e->store, now.mono_ms),
                       e->shared ? shared_wait_ms(e) : -1};
    int64_t shortest = -1;

    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        if (waits[i] >= 0 && (shortest < 0 || waits[i] < shortest))
            shortest = waits[i];
    }
    return shortest;
}

void engine_drain(struct engine *e, struct instant now)
{
    e->now = now;
    e->draining = true;
    store_hold(&e->store, true);
    settle_all(e, false, CODE_QUEUE_ERROR);
    if (e->shared)
        shared_drain(e);
    timers_set(&e->timers, &e->drain, now.mono_ms + e->config->drain_ms);
}

void engine_hand_over(struct engine *e)
{
    e->handing_over = true;
    store_hold(&e->store, true);
}

bool engine_is_draining(const struct engine *e)
{
    return e->draining;
}

bool engine_has_registry(const struct engine *e)
{
    return e->registry != NULL;
}

/* --- messages --- */

void engine_message(struct engine *e, const struct engine_message *message, struct instant now)
{
    struct bytes action = router_request_action(&e->router, message->topic);

    e->now = now;
    if (action.data) {
        engine_request(e, action, message);
        return;
    }
    if (!message->inherited)
        engine_presence(e, message);
    engine_ack(e, message);
}

uint64_t engine_local_request(struct engine *e, struct bytes action, const struct engine_message *message,
                              struct instant now)
{
    CHECK(message->local);
    e->now = now;
    engine_request(e, action, message);
    return e->answering_id;
}

void engine_set_full(struct engine *e, bool full)
{
    e->full = full;
}

/* --- looking in --- */

struct counters *engine_counters(struct engine *e)
{
    return &e->counters;
}

struct engine_totals engine_totals(const struct engine *e)
{
    return (struct engine_totals){
        .pending = e->shared ? e->by_id.count + shared_busy(e) : e->store.pending,
        .queued = e->store.queued,
        .online = e->trackers.online,
        .trackers = e->trackers.by_id.count,
        .remembered = e->store.seen.by_key.count,
    };
}

size_t engine_filters(const struct engine *e, struct buffer *out, size_t *count)
{
    return router_put_filters(&e->router, e->shared != NULL, out, count);
}
