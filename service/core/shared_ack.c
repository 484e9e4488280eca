#include "base/check.h"
#include "shared_state.h"

/* Acks where state is shared: what is in flight is asked for first. */

enum { LOOK_AGAIN_MS = 20 };

/* The generic profiles' acks name their command, and are whole: what is in flight need not be known to read them. */
static void finish_by_id(void *arg, const struct ack_reading *reading)
{
    struct ack_context *ctx = arg;
    struct engine *e = ctx->e;
    uint64_t id = engine_ack_id(ctx->message, reading);
    struct ask *ask;

    if (reading->kind == ACK_MALFORMED || reading->kind == ACK_UNRELATED || id == 0) {
        engine_take_reading(arg, reading);
        return;
    }
    ask = ask_new(e, SHARED_FINISH, ctx->tracker_id, id, NULL);
    engine_ack_ending(reading->kind, &ask->code, &ask->outcome);
    ask->by_ack = true;
    ask->heard = heard_new(ctx->message, &(struct owner){.tracker_id = ctx->tracker_id}, false);
    ask_put(e, ask);
}

void shared_ack(struct engine *e, const struct engine_message *message, const struct owner *owner, bool shared)
{
    struct ack_context ctx = engine_ack_context(e, message, owner, shared);
    const struct profile *profile = engine_ack_profile(&ctx, owner);
    struct ask *ask;

    if (!profile)
        return; /* and that was counted */
    if (e->shared->ask_count >= e->shared->options.asks_max) {
        engine_ignore_ack(&ctx, &e->counters.acks_late, "too many questions wait for the server of shared state");
        return;
    }
    if (profile_match(profile) == MATCH_ID && !shared) {
        profile_read_acks(profile, &(struct ack_expectation){.output = owner->output}, message->payload, true,
                          finish_by_id, &ctx);
        return;
    }
    ask = ask_new(e, SHARED_FLIGHT, owner->tracker_id, 0, NULL);
    ask->heard = heard_new(message, owner, shared);
    ask_put(e, ask);
}

/* --- what is in flight --- */

/* ID LEFT REQUEST SENT PARTIAL CONFIRMED OWNER STATES */
static struct pending *flight_from(struct engine *e, const struct ask *ask, const struct bytes *flight)
{
    struct pending *p = shared_from_record(e, flight[2]);
    struct tracker *tracker;

    if (!p)
        return NULL;
    tracker = trackers_get(&e->trackers, p->tracker_id);
    tracker->states = states_from_text(flight[7], 0);
    p->state = PENDING_SENT;
    p->tracker = tracker;
    p->deadline_ms = ask->asked_ms + number_in(flight[1]);
    p->profile = profile_ref(engine_profile_for(e, p));
    engine_recover_echo(e, p);
    buffer_put(&p->partial, flight[4]);
    p->confirmed = number_in(flight[5]);
    return p;
}

/* Whether it left is this instance's own knowledge: it has not. */
static bool waits_here(const struct engine *e, uint64_t id)
{
    const struct pending *p = map_find(&e->by_id, id);

    return p && p->state == PENDING_STAGED;
}

/* An ack that names its command proves that it has left. Where nothing does, and another instance has the turn and has
 * not said that it left, the ack may be a stray one, and what it would end may still leave. */
static bool is_in_doubt(const struct pending *p, const struct bytes *flight)
{
    return !bytes_equal_text(flight[3], "1") && profile_match(p->profile) != MATCH_ID;
}

/* An ack that the broker hands over again may have ended an earlier command at another instance. */
static bool names_nothing(const struct pending *p)
{
    return profile_match(p->profile) == MATCH_FIFO || profile_match(p->profile) == MATCH_STATE;
}

/* What the ack has said so far is noted for the next part of it. */
static void note(struct engine *e, struct ask *flight, struct pending *p, size_t had)
{
    struct ask *ask = ask_new(e, SHARED_NOTE, p->tracker_id, p->id, p);

    ask->had = had;
    ask->heard = flight->heard;
    flight->heard = NULL;
    p->asked = true;
    ask_put(e, ask);
}

static void read_for(struct engine *e, struct ask *ask, struct pending *p, size_t had)
{
    const struct heard *h = ask->heard;
    struct ack_context ctx = engine_ack_context(e, &h->message, &h->owner, h->shared);
    uint64_t confirmed = p ? p->confirmed : 0;

    ctx.in_flight = p;
    engine_take_ack(&ctx, &h->owner);
    if (!p || p->asked) /* it has ended */
        return;
    p->tracker = NULL;
    if (p->confirmed != confirmed || p->partial.len != had)
        note(e, ask, p, had);
    else
        shared_let_go(e, p);
}

/* The ack waits until its instance has said that it left, or cannot send it any more: then it was not for it. */
static void wait_or_ignore(struct engine *e, struct ask *ask, struct pending *p)
{
    bool is_over = p->deadline_ms <= e->now.mono_ms;

    shared_let_go(e, p);
    if (!is_over) {
        ask_later(e, ask, LOOK_AGAIN_MS);
        return;
    }
    engine_stray_ack(e, &ask->heard->message, ask->tracker_id, 0);
    ask_end(e, ask);
}

static void flight_heard(struct engine *e, struct ask *ask, const struct bytes *flight)
{
    struct pending *p = flight_from(e, ask, flight);

    if (p && waits_here(e, p->id)) {
        p->state = PENDING_STAGED;
    } else if (p && ask->heard->message.dup && names_nothing(p)) {
        shared_let_go(e, p);
        engine_stray_ack(e, &ask->heard->message, ask->tracker_id, 0);
        ask_end(e, ask);
        return;
    } else if (p && is_in_doubt(p, flight)) {
        wait_or_ignore(e, ask, p);
        return;
    }
    read_for(e, ask, p, flight[4].len);
    ask_end(e, ask);
}

static void nothing_in_flight(struct engine *e, struct ask *ask, const struct bytes *last)
{
    struct tracker *tracker = trackers_get(&e->trackers, ask->tracker_id);

    tracker->last_command_id = number_in(last[0]);
    tracker->last_was_acked = number_in(last[1]) == 1;
    read_for(e, ask, NULL, 0);
    trackers_forget_if_idle(&e->trackers, tracker);
    ask_end(e, ask);
}

void shared_flight_answer(struct engine *e, struct ask *ask, const struct bytes *items, size_t count)
{
    if (ask->script == SHARED_NOTE && bytes_equal_text(items[0], "A")) { /* again, with what came meanwhile */
        struct ask *again = ask_new(e, SHARED_FLIGHT, ask->tracker_id, 0, NULL);

        again->heard = ask->heard;
        ask->heard = NULL;
        ask_put(e, again);
        ask_end(e, ask);
    } else if (ask->script == SHARED_FLIGHT && bytes_equal_text(items[0], "F") && count == 9) {
        flight_heard(e, ask, items + 1);
    } else if (ask->script == SHARED_FLIGHT && bytes_equal_text(items[0], "N") && count == 3) {
        nothing_in_flight(e, ask, items + 1);
    } else {
        ask_end(e, ask);
    }
}
