#include "engine_state.h"
#include "shared_state.h"

#include <errno.h>

#include "wire/command.h"

/* Records come back through the same store and the same endings as live requests. */

/* Of another one there would be no reply to make. */
static bool ending_is_known(enum code code, enum outcome outcome)
{
    return outcome <= OUTCOME_UNKNOWN &&
           (code == CODE_SUCCESS ? outcome == OUTCOME_SUCCESS : code_description(code) && outcome != OUTCOME_SUCCESS);
}

int engine_read_answer(struct bytes record, struct engine_answer *answer)
{
    struct reader r = {.left = record};
    struct bytes key;

    if (reader_be(&r, 1) != RECORD_VERSION)
        return -EBADMSG;
    answer->written = record_take_instant(&r);
    key = reader_take(&r, REQUEST_KEY_SIZE);
    answer->code = (enum code)reader_be(&r, 4);
    answer->outcome = (enum outcome)reader_be(&r, 1);
    answer->tracker_id = (int32_t)reader_be(&r, 4);
    answer->quarantine_ms = (uint32_t)reader_be(&r, 4);
    if (!reader_is_done(&r) || !ending_is_known(answer->code, answer->outcome))
        return -EBADMSG;
    memcpy(answer->key.bytes, key.data, REQUEST_KEY_SIZE);
    return 0;
}

static int recover_answer(struct engine *e, uint64_t id, struct bytes record)
{
    struct pending answer = {.id = id};
    struct engine_answer read;
    uint64_t age_ms;

    if (engine_read_answer(record, &read) < 0)
        return -EBADMSG;
    answer.key = read.key;
    answer.code = read.code;
    answer.outcome = read.outcome;
    age_ms = clock_elapsed_ms(read.written, e->now);
    if (age_ms >= e->config->store.dedup_window_ms) {
        e->effects.journal_delete(e->effects.ctx, JOURNAL_ANSWER, id);
        return 0;
    }
    store_recover_answer(&e->store, &answer, e->now.mono_ms + e->config->store.dedup_window_ms - age_ms);
    if (read.quarantine_ms > age_ms)
        store_recover_quarantine(&e->store, read.tracker_id, e->now.mono_ms + read.quarantine_ms - age_ms);
    return 0;
}

static int recover_states(struct engine *e, uint64_t id, struct bytes record)
{
    struct reader r = {.left = record};
    struct output_states states;
    struct tracker *tracker;
    uint8_t outputs;

    if (reader_be(&r, 1) != RECORD_VERSION)
        return -EBADMSG;
    states.known = reader_be(&r, 8);
    states.on = reader_be(&r, 8);
    states.updated_at_ms = (int64_t)reader_be(&r, 8);
    outputs = (uint8_t)reader_be(&r, 1);
    if (!reader_is_done(&r) || id == 0 || id > INT32_MAX || outputs > REGISTRY_OUTPUTS_MAX)
        return -EBADMSG;
    tracker = trackers_get(&e->trackers, (int32_t)id);
    tracker->states = states;
    tracker->outputs = outputs;
    if (states.updated_at_ms > e->newest_state_ms)
        e->newest_state_ms = states.updated_at_ms;
    return 0;
}

struct profile *engine_profile_for(const struct engine *e, const struct pending *p)
{
    const struct registry_tracker *tracker = e->registry ? registry_find_tracker(e->registry, p->tracker_id) : NULL;
    struct profile *profile = tracker ? e->model_profiles[tracker->model] : NULL;

    return profile ? profile : profiles_by_name(e->profiles, "json");
}

void engine_recover_echo(struct engine *e, struct pending *p)
{
    const struct registry_tracker *registered = e->registry ? registry_find_tracker(e->registry, p->tracker_id) : NULL;
    struct template_input input;
    struct tracker *tracker = trackers_get(&e->trackers, p->tracker_id);
    uint8_t room[ECHO_ROOM];
    struct buffer echo = buffer_in(room, sizeof room);

    if (!registered)
        return;
    input = registry_input(e->registry, registered);
    input.outputs = registered->outputs ? registered->outputs : (uint8_t)profile_outputs(p->profile, &input);
    input.states = &tracker->states;
    input.command = &p->command;
    tracker->outputs = input.outputs ? input.outputs : tracker->outputs;
    profile_render_echo(p->profile, &input, &echo);
    pending_set_echo(p, buffer_bytes(&echo));
    buffer_release(&echo);
}

/* No journal of ours holds two for one tracker; were it so, nobody would know how the earlier one has ended. */
static void end_earlier(struct engine *e, int32_t tracker_id)
{
    const struct tracker *tracker = trackers_find(&e->trackers, tracker_id);

    if (tracker && tracker->lane && tracker->lane->in_flight)
        engine_settle(e, tracker->lane->in_flight, CODE_OFFLINE, OUTCOME_UNKNOWN);
}

static void recover_in_flight(struct engine *e, struct pending *p)
{
    end_earlier(e, p->tracker_id);

    p->state = PENDING_SENT;
    p->started_ms = p->arrived.mono_ms;
    p->sent_ms = p->arrived.mono_ms;
    p->profile = profile_ref(engine_profile_for(e, p));
    engine_recover_echo(e, p);
    store_recover(&e->store, p);
    p->tracker->last_command_id = p->id;
    p->tracker->last_was_acked = false;
}

uint64_t engine_longest_timeout_ms(const struct engine *e)
{
    uint64_t longest = e->config->ack_timeout_ms;

    for (size_t i = 0; i < profiles_count(e->profiles); i++) {
        uint64_t own = profile_ack_timeout_ms(profiles_at(e->profiles, i));

        longest = own > longest ? own : longest;
    }
    return longest;
}

/* A redelivery of what a check refused gets the same reply: the broker may not have heard that it arrived. What was
 * answered after the checks is known already, by its answer. */
static void recover_refusal(struct engine *e, const struct pending *p)
{
    static const struct request_key none; /* refused before it had one: it would be refused again */

    if (p->code != CODE_SUCCESS && memcmp(&p->key, &none, sizeof none) != 0)
        store_recover_refusal(&e->store, p, e->now.mono_ms);
}

/* What could not have been written so, though all of its fields can be read. */
static bool is_sound(const struct pending *p)
{
    const struct command *command = &p->command;

    if (p->state == PENDING_SETTLED)
        return ending_is_known(p->code, p->outcome);
    if (p->tracker_id <= 0 || command->action == ACTION_UNKNOWN)
        return false;
    if (command->action == ACTION_SET)
        return command->output >= 1 && command->output <= REGISTRY_OUTPUTS_MAX;
    return command->output_count >= 1 && command->output_count <= REGISTRY_OUTPUTS_MAX;
}

/* Whether anybody has heard how it ended is not known. */
static void finish_again(struct engine *e, struct pending *p)
{
    const struct engine_event event = engine_event_of(p, EVENT_REPLY_RECOVERED);

    recover_refusal(e, p);
    engine_emit(e, &event);
    engine_finish(e, p, false);
}

static int recover_request(struct engine *e, uint64_t id, struct bytes record)
{
    struct pending *p = pending_from_record(record, e->now, engine_longest_timeout_ms(e));

    if (!p)
        return -EBADMSG;
    if (p->id != id || !is_sound(p)) {
        pending_free(p);
        return -EBADMSG;
    }
    p->deadline.kind = TIMER_DEADLINE;
    if (p->state == PENDING_SETTLED) {
        finish_again(e, p);
        return 0;
    }
    if (e->shared) { /* the server was asked, and nobody knows what it said */
        e->shared->highest_id = id > e->shared->highest_id ? id : e->shared->highest_id;
        shared_submit(e, p);
        return 0;
    }
    if (p->state == PENDING_QUEUED)
        store_recover(&e->store, p);
    else
        recover_in_flight(e, p);
    map_put(&e->by_id, p->id, p);
    timers_set(&e->timers, &p->deadline, p->deadline_ms);
    return 0;
}

/* Of a life that shared its state: the others have it. */
static int forget_shared(struct engine *e, uint64_t id, struct bytes record)
{
    struct pending *p = pending_from_record(record, e->now, 0);

    if (!p)
        return -EBADMSG;
    pending_free(p);
    e->effects.journal_delete(e->effects.ctx, JOURNAL_SHARED, id);
    return 0;
}

int engine_recover(struct engine *e, enum journal_kind kind, uint64_t id, struct bytes record, struct instant now)
{
    e->now = now;
    if (kind != JOURNAL_STATES && id >= e->next_id && (!e->shared || id & LOCAL_ID))
        e->next_id = id + 1;
    if (e->shared && (kind == JOURNAL_SHARED || kind == JOURNAL_ANSWER))
        return mirror_recover(e, kind, id, record);
    if (kind == JOURNAL_SHARED)
        return forget_shared(e, id, record);
    if (kind == JOURNAL_ANSWER)
        return recover_answer(e, id, record);
    return kind == JOURNAL_STATES ? recover_states(e, id, record) : recover_request(e, id, record);
}
