#include "engine_state.h"

#include <stdlib.h>

#include "base/check.h"
#include "shared_state.h"

/* --- acks --- */

void engine_ignore_ack(struct ack_context *ctx, uint64_t *counter, const char *why)
{
    const struct engine_event event = {
        .kind = EVENT_ACK_IGNORED, .tracker_id = ctx->tracker_id, .why = why, .topic = ctx->message->topic};

    ++*counter;
    engine_emit(ctx->e, &event);
}

/* An ack that is of nothing in flight: which kind of nothing? id 0: it names no command. */
static void ignore_stray(struct ack_context *ctx, uint64_t id)
{
    struct counters *counters = &ctx->e->counters;
    const struct tracker *tracker = trackers_find(&ctx->e->trackers, ctx->tracker_id);
    bool of_last = tracker && tracker->last_command_id && (id == 0 || id == tracker->last_command_id) &&
                   !(tracker->lane && tracker->lane->in_flight && id == 0);

    if (of_last && tracker->last_was_acked)
        engine_ignore_ack(ctx, &counters->acks_duplicate, "duplicate");
    else if (of_last)
        engine_ignore_ack(ctx, &counters->acks_late, "late");
    else
        engine_ignore_ack(ctx, &counters->acks_unknown, "unknown");
}

/* The command id that the Correlation Data holds, 0 where it holds none. */
static uint64_t correlated_id(const struct engine_message *message)
{
    struct reader r = {.left = message->correlation};

    return message->correlation.len == 8 ? reader_be(&r, 8) : 0;
}

static bool is_of(const struct pending *p, const struct ack_reading *reading, uint64_t id, bool shared)
{
    switch (profile_match(p->profile)) {
    case MATCH_ID:
        return id == p->id;
    case MATCH_ECHO: /* a refusal may repeat nothing */
        return reading->key.data ? bytes_equal(reading->key, p->echo) : reading->kind != ACK_SUCCESS && !shared;
    case MATCH_STATE: /* a success may be told in several messages */
        return reading->kind != ACK_SUCCESS || ack_confirms(&p->command, p->confirmed);
    case MATCH_FIFO:
        return true;
    }
    return false;
}

void engine_ack_ending(enum ack_kind kind, enum code *code, enum outcome *outcome)
{
    static const struct {
        enum code code;
        enum outcome outcome;
    } endings[] = {
        [ACK_SUCCESS] = {CODE_SUCCESS, OUTCOME_SUCCESS},
        [ACK_REFUSED] = {CODE_WRONG_STATUS, OUTCOME_REJECTED},
        [ACK_UNSUPPORTED] = {CODE_NOT_SUPPORTED, OUTCOME_REJECTED},
    };

    *code = endings[kind].code;
    *outcome = endings[kind].outcome;
}

static void complete(struct engine *e, struct pending *p, enum ack_kind kind)
{
    enum code code;
    enum outcome outcome;

    engine_ack_ending(kind, &code, &outcome);
    e->counters.acks_matched++;
    p->tracker->last_was_acked = true;
    engine_settle(e, p, code, outcome);
}

/* Devices that ack with their state report it unasked, too. */
static bool is_report(const struct ack_context *ctx, const struct ack_reading *reading)
{
    return reading->confirmed && (!ctx->in_flight || profile_match(ctx->in_flight->profile) == MATCH_STATE);
}

uint64_t engine_ack_id(const struct engine_message *message, const struct ack_reading *reading)
{
    return reading->has_id ? reading->id : correlated_id(message);
}

void engine_stray_ack(struct engine *e, const struct engine_message *message, int32_t tracker_id, uint64_t id)
{
    struct ack_context ctx = {.e = e, .message = message, .tracker_id = tracker_id};

    ignore_stray(&ctx, id);
}

void engine_take_reading(void *arg, const struct ack_reading *reading)
{
    struct ack_context *ctx = arg;
    struct counters *counters = &ctx->e->counters;
    struct pending *p = ctx->in_flight;
    uint64_t id = engine_ack_id(ctx->message, reading);

    if (p && p->state == PENDING_SENT) /* what was so before the command left is none of its doing */
        p->confirmed |= reading->confirmed;
    if (reading->kind == ACK_MALFORMED) {
        engine_ignore_ack(ctx, &counters->acks_malformed, "malformed");
    } else if (reading->kind == ACK_UNRELATED) {
        engine_ignore_ack(ctx, &counters->acks_unrelated, "unrelated");
    } else if (p && p->state == PENDING_SENT && is_of(p, reading, id, ctx->shared)) {
        ctx->in_flight = NULL; /* one ack ends one command; what follows in the message is of nothing */
        complete(ctx->e, p, reading->kind);
    } else if (!ctx->shared && !is_report(ctx, reading)) {
        ignore_stray(ctx, id);
    }
}

/* The profile that reads this tracker's acks: that of its command in flight, else that of its model. NULL: none does.
 */
static struct profile *reader_of(const struct engine *e, const struct ack_context *ctx)
{
    const struct registry_tracker *tracker;

    if (ctx->in_flight)
        return ctx->in_flight->profile;
    tracker = e->registry ? registry_find_tracker(e->registry, ctx->tracker_id) : NULL;
    return tracker ? e->model_profiles[tracker->model] : NULL;
}

/* True when the topic is the one on which this tracker acks. */
static bool topic_is_own(const struct engine *e, const struct profile *profile, const struct owner *owner,
                         struct bytes topic, enum profile_topic which)
{
    const struct registry_tracker *tracker = e->registry ? registry_find_tracker(e->registry, owner->tracker_id) : NULL;
    const struct command command = {.output = (int32_t)owner->output};
    struct template_input input = {.tracker_id = owner->tracker_id};
    uint8_t room[TOPIC_ROOM];
    struct buffer own = buffer_in(room, sizeof room);
    bool same;

    if (tracker)
        input = registry_input(e->registry, tracker);
    input.command = &command;
    same = template_render(profile_topic(profile, which), &input, &own) == 0 && bytes_equal(buffer_bytes(&own), topic);
    buffer_release(&own);
    return same;
}

struct ack_context engine_ack_context(struct engine *e, const struct engine_message *message, const struct owner *owner,
                                      bool shared)
{
    struct ack_context ctx = {.e = e, .message = message, .tracker_id = owner->tracker_id, .shared = shared};
    const struct tracker *tracker;

    tracker = trackers_find(&e->trackers, owner->tracker_id);
    if (tracker && tracker->lane)
        ctx.in_flight = tracker->lane->in_flight;
    return ctx;
}

/* What is left behind the last whole message waits for the rest, as long as the command does. */
static void keep_rest(struct ack_context *ctx, struct bytes rest)
{
    if (!ctx->in_flight || rest.len == 0)
        return;
    if (rest.len > ctx->e->config->ack_partial_bytes_max)
        engine_ignore_ack(ctx, &ctx->e->counters.acks_malformed, "unfinished and too long");
    else
        buffer_put(&ctx->in_flight->partial, rest);
}

/* The command that it ends takes its partial message with it, and may have been the last to use a profile that was
 * replaced meanwhile. */
static void read_acks(struct profile *profile, struct ack_context *ctx, unsigned output)
{
    struct ack_expectation expected = {.output = output};
    struct command command;
    struct buffer joined = {0};
    struct bytes payload = ctx->message->payload;
    size_t used;

    profile_ref(profile);
    if (ctx->in_flight) {
        command = ctx->in_flight->command;
        expected.command = &command;
        joined = ctx->in_flight->partial;
        ctx->in_flight->partial = (struct buffer){0};
    }
    if (joined.len && !profile_begins_message(profile, payload)) {
        buffer_put(&joined, payload);
        payload = buffer_bytes(&joined);
    }
    ctx->e->ack_topic = ctx->message->topic;
    ctx->e->ack = payload;
    used = profile_read_acks(profile, &expected, payload, false, engine_take_reading, ctx);
    keep_rest(ctx, bytes_of(payload.data + used, payload.len - used));
    buffer_release(&joined);
    profile_unref(profile);
}

struct profile *engine_ack_profile(struct ack_context *ctx, const struct owner *owner)
{
    struct engine *e = ctx->e;
    const struct engine_message *message = ctx->message;
    struct profile *profile = reader_of(e, ctx);

    if (message->retain)
        engine_ignore_ack(ctx, &e->counters.acks_retained, "retained");
    else if (message->payload.len > e->config->ack_bytes_max)
        engine_ignore_ack(ctx, &e->counters.acks_malformed, "too large");
    else if (ctx->shared && profile && profile_match(profile) != MATCH_ECHO)
        engine_ignore_ack(ctx, &e->counters.acks_unknown, "trackers that repeat nothing share this topic");
    else if (!profile || !topic_is_own(e, profile, owner, message->topic, TOPIC_ACK))
        engine_ignore_ack(ctx, &e->counters.acks_unknown, "no tracker acks there");
    else
        return profile;
    return NULL;
}

void engine_take_ack(struct ack_context *ctx, const struct owner *owner)
{
    struct profile *profile = engine_ack_profile(ctx, owner);

    if (profile)
        read_acks(profile, ctx, owner->output);
}

/* Several trackers may share a topic: then it is of those that wait for one, where they repeat what tells them apart.
 */
void engine_ack(struct engine *e, const struct engine_message *message)
{
    struct owner first;
    bool shared;

    if (!router_find(&e->router.acks, e->registry, message->topic, &first))
        return;
    shared = first.next != NULL;
    for (const struct owner *owner = &first; owner; owner = owner->next) {
        struct ack_context ctx = engine_ack_context(e, message, owner, shared);

        if (e->shared)
            shared_ack(e, message, owner, shared);
        else if (!shared || ctx.in_flight)
            engine_take_ack(&ctx, owner);
    }
}

/* --- presence --- */

/* Queued requests end at once; a command in flight goes on waiting for its ack. An ending may take the lane, and the
 * tracker, with it: they are looked up each time. */
static void went_offline(struct engine *e, int32_t tracker_id)
{
    const struct tracker *tracker = trackers_find(&e->trackers, tracker_id);

    if (e->shared && e->presence_known)
        shared_went_offline(e, tracker_id);
    while (tracker && tracker->lane && tracker->lane->head) {
        engine_settle(e, tracker->lane->head, CODE_OFFLINE, OUTCOME_NOT_SENT);
        tracker = trackers_find(&e->trackers, tracker_id);
    }
}

static void set_presence(struct engine *e, int32_t tracker_id, bool online)
{
    struct tracker *tracker = trackers_find(&e->trackers, tracker_id);
    const struct engine_event event = {.kind = EVENT_PRESENCE, .tracker_id = tracker_id, .online = online};

    if (!tracker && !online)
        return; /* unknown is offline */
    if (!tracker && e->trackers.by_id.count >= e->config->trackers_max) {
        e->counters.presence_overflow++;
        return;
    }
    tracker = trackers_get(&e->trackers, tracker_id);
    tracker->presence_epoch = e->presence_epoch;
    if (tracker->online == online)
        return;
    e->counters.presence_changes++;
    engine_emit(e, &event);
    trackers_set_online(&e->trackers, tracker, online);
    if (!online)
        went_offline(e, tracker_id);
    tracker = trackers_find(&e->trackers, tracker_id);
    if (tracker)
        trackers_forget_if_idle(&e->trackers, tracker);
}

static const struct profile *profile_of(const struct engine *e, int32_t tracker_id)
{
    const struct registry_tracker *tracker = e->registry ? registry_find_tracker(e->registry, tracker_id) : NULL;

    return tracker ? e->model_profiles[tracker->model] : NULL;
}

static void take_presence(struct engine *e, const struct engine_message *message, const struct owner *owner)
{
    const struct profile *profile = profile_of(e, owner->tracker_id);
    enum presence presence = PRESENCE_UNREADABLE;

    if (profile && !topic_is_own(e, profile, owner, message->topic, TOPIC_PRESENCE))
        return;
    if (message->payload.len <= e->config->ack_bytes_max)
        presence = profile ? profile_read_presence(profile, message->payload) : presence_decode(message->payload);
    if (presence == PRESENCE_UNREADABLE)
        e->counters.presence_unreadable++;
    else
        set_presence(e, owner->tracker_id, presence == PRESENCE_ONLINE);
}

void engine_presence(struct engine *e, const struct engine_message *message)
{
    struct owner first;

    if (!router_find(&e->router.presences, e->registry, message->topic, &first) || first.tracker_id == 0)
        return;
    for (const struct owner *owner = &first; owner; owner = owner->next)
        take_presence(e, message, owner);
}

void engine_presence_reading(struct engine *e)
{
    e->presence_epoch++;
    e->presence_known = false;
    store_hold(&e->store, true);
}

/* Those that passed while the broker may have kept an ack fire at the next tick. */
static void resume_deadlines(struct engine *e)
{
    struct pending *p;
    size_t at = 0;

    while ((p = map_next(&e->by_id, &at)))
        timers_set(&e->timers, &p->deadline, p->deadline_ms);
}

void engine_presence_read(struct engine *e, struct instant now)
{
    bool first = !e->presence_was_known;
    int32_t *gone = malloc((e->trackers.online + 1) * sizeof *gone);
    const struct tracker *tracker;
    size_t count = 0;
    size_t at = 0;

    CHECK(gone);
    e->now = now;
    e->presence_known = e->presence_was_known = true;
    while ((tracker = trackers_next(&e->trackers, &at))) {
        if (tracker->online && tracker->presence_epoch != e->presence_epoch)
            gone[count++] = tracker->id;
    }
    for (size_t i = 0; i < count; i++)
        set_presence(e, gone[i], false);
    free(gone);
    if (first)
        resume_deadlines(e);
    if (!e->draining && !e->handing_over)
        store_hold(&e->store, false);
}

/* --- states --- */

void engine_mark_dirty(struct engine *e, struct tracker *tracker)
{
    if (tracker->state_dirty)
        return;
    tracker->state_dirty = true;
    state_queue_put(&e->states_due, tracker->number, e->now.mono_ms);
}

static void journal_states(struct engine *e, const struct tracker *tracker)
{
    struct buffer *record = &e->record;

    buffer_clear(record);
    buffer_put_u8(record, RECORD_VERSION);
    buffer_put_be(record, tracker->states.known, 8);
    buffer_put_be(record, tracker->states.on, 8);
    buffer_put_be(record, (uint64_t)tracker->states.updated_at_ms, 8);
    buffer_put_u8(record, tracker->outputs);
    e->effects.journal_put(e->effects.ctx, JOURNAL_STATES, (uint64_t)tracker->id, buffer_bytes(record));
}

void engine_note_states(struct engine *e, const struct pending *p)
{
    /* Its lane is still there: the store frees it only after this. */
    struct tracker *tracker = p->tracker;
    const struct command *command = &p->command;
    uint64_t which;
    uint64_t on;

    if (e->shared) { /* they are as the server has them */
        journal_states(e, tracker);
        engine_mark_dirty(e, tracker);
        return;
    }
    if (command->action == ACTION_SET) {
        which = UINT64_C(1) << (command->output - 1);
        on = command->enable ? which : 0;
    } else {
        which = command->output_count == 64 ? UINT64_MAX : (UINT64_C(1) << command->output_count) - 1;
        on = command->outputs & which;
    }
    tracker->states.known |= which;
    tracker->states.on = (tracker->states.on & ~which) | on;
    tracker->states.updated_at_ms = e->now.wall_ms;
    if (tracker->outputs == 0)
        tracker->outputs = (uint8_t)(command->action == ACTION_SET_ALL ? command->output_count : command->output);
    journal_states(e, tracker);
    engine_mark_dirty(e, tracker);
}

/* States acked in this time before the last one that the journal holds may not have been published before the end. */
enum { STATE_UNPUBLISHED_MS = 10000 };

static void mark_dirty_since(struct engine *e, int64_t since_ms)
{
    struct tracker *tracker;
    size_t at = 0;

    while ((tracker = trackers_next(&e->trackers, &at))) {
        if (!tracker->states.known || tracker->states.updated_at_ms < since_ms)
            continue;
        if (e->shared)
            shared_states_published(e, tracker->id); /* as the server has them, if that is another version */
        else
            engine_mark_dirty(e, tracker);
    }
}

void engine_recovered(struct engine *e, struct instant now)
{
    e->now = now;
    mark_dirty_since(e, e->newest_state_ms - STATE_UNPUBLISHED_MS);
}

void engine_republish_states(struct engine *e, struct instant now)
{
    e->now = now;
    mark_dirty_since(e, INT64_MIN);
}

bool engine_has_states(const struct engine *e)
{
    return state_queue_first(&e->states_due) != NULL;
}

static bool render_state_topic(const struct engine *e, const struct tracker *tracker, struct buffer *topic)
{
    const struct registry_tracker *registered = e->registry ? registry_find_tracker(e->registry, tracker->id) : NULL;
    const struct profile *profile = registered ? e->model_profiles[registered->model] : NULL;
    struct template_input input;

    if (!profile)
        return false; /* it left the registry meanwhile */
    input = registry_input(e->registry, registered);
    return template_render(profile_topic(profile, TOPIC_STATE), &input, topic) == 0;
}

bool engine_next_state(struct engine *e, uint64_t since_ms, int32_t *tracker_id, struct buffer *topic,
                       struct buffer *payload)
{
    const struct state_due *due;

    while ((due = state_queue_first(&e->states_due)) && due->since_ms <= since_ms) {
        struct tracker *tracker = trackers_at(&e->trackers, due->tracker);

        state_queue_drop(&e->states_due);
        tracker->state_dirty = false;
        if (render_state_topic(e, tracker, topic)) {
            state_encode(&tracker->states, tracker->outputs, payload);
            e->counters.states_published++;
            *tracker_id = tracker->id;
            return true;
        }
    }
    return false;
}

void engine_state_delivered(struct engine *e, int32_t tracker_id)
{
    if (e->shared)
        shared_states_published(e, tracker_id);
}
