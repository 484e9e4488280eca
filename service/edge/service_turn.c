#include "service_state.h"

#include <errno.h>
#include <poll.h>

#include "base/check.h"

enum {
    IDLE_MS = 1000,         /* at the latest then the connection is looked at: that sends the keep-alive */
    STATE_LATEST_MS = 3000, /* under load a state is published this much after its ack */
    OUTBOX_KEEP_FREE = 40,  /* percent: beyond that new requests get code 8 */
    JOURNAL_TRY_MS = 1000,
    DELETIONS_WAIT_MS = 100, /* for a turn that puts something too */
    BROKER_STALLS_MS = 1000,
    ALIVE_EVERY_MS = 1000,
    AUDIT_SHARE = 4, /* lines on their way to its topic: at most this part of the receive maximum */
};

/* --- effects --- */

static void stage_put(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    journal_put(((struct service *)ctx)->journal, kind, id, record);
}

static void stage_delete(void *ctx, enum journal_kind kind, uint64_t id)
{
    journal_delete(((struct service *)ctx)->journal, kind, id);
}

static void stage_command(void *ctx, const struct engine_command *command)
{
    const struct service *s = ctx;

    outbox_put_command(s->outbox, command);
    if (s->audit)
        audit_command(s->audit, command);
}

static void stage_cancel(void *ctx, uint64_t id)
{
    const struct service *s = ctx;

    outbox_cancel(s->outbox, id);
    if (s->audit)
        audit_cancel(s->audit, id);
}

static void stage_reply(void *ctx, const struct engine_reply *reply)
{
    outbox_put_reply(((struct service *)ctx)->outbox, reply);
}

/* --- what the outbox tells --- */

static void command_sent(void *ctx, uint64_t id)
{
    struct service *s = ctx;

    engine_command_sent(s->engine, id, s->now);
}

static void command_refused(void *ctx, uint64_t id, const char *why)
{
    struct service *s = ctx;

    log_write(LOG_ERROR, "command not taken", LOG_INT("id", id), LOG_TEXT("why", why));
    engine_command_refused(s->engine, id, s->now);
}

static void reply_delivered(void *ctx, uint64_t id, const char *why)
{
    struct service *s = ctx;

    if (why) {
        log_write(LOG_ERROR, "reply not taken", LOG_INT("id", id), LOG_TEXT("why", why));
        engine_counters(s->engine)->publishes_refused++;
    }
    engine_reply_delivered(s->engine, id);
}

static void state_delivered(void *ctx, int32_t tracker_id)
{
    engine_state_delivered(((struct service *)ctx)->engine, tracker_id);
}

static void local_reply(void *ctx, uint64_t id, enum code code, struct bytes payload)
{
    http_reply(ctx, id, code, payload);
}

void turn_make_engine(struct service *s, uint64_t first_id)
{
    const struct engine_effects effects = {
        s, stage_put, stage_delete, stage_command, stage_cancel, stage_reply, report_event, shared_ask_server,
    };
    const struct outbox_events events = {s,          command_sent, command_refused, reply_delivered, state_delivered,
                                         local_reply};

    s->outbox = outbox_new(&events);
    s->engine = engine_new(&s->first->engine_config, &effects, first_id);
}

/* --- one turn --- */

static void journal_works(struct service *s)
{
    if (s->journal_down)
        log_write(LOG_INFO, "journal written again", LOG_TEXT("path", s->first->journal_path));
    s->journal_down = false;
    engine_journal_committed(s->engine);
    outbox_release(s->outbox);
}

static void journal_fails(struct service *s)
{
    if (!s->journal_down)
        log_write(LOG_ERROR, "the journal cannot be written: new requests get code 8",
                  LOG_TEXT("path", s->first->journal_path), LOG_TEXT("why", journal_error(s->journal)));
    s->journal_down = true;
    engine_journal_failed(s->engine, s->now);
}

static int commit_timed(struct service *s)
{
    bool writes = !journal_may_wait(s->journal);
    uint64_t began_us = writes ? clock_mono_us() : 0;
    int r = journal_commit(s->journal);

    if (writes)
        histogram_observe(&s->metrics.commit, clock_mono_us() - began_us);
    return r;
}

static void commit(struct service *s)
{
    uint64_t wait_ms = s->journal_down ? JOURNAL_TRY_MS : journal_may_wait(s->journal) ? DELETIONS_WAIT_MS : 0;

    if (s->now.mono_ms - s->committed_ms < wait_ms)
        return;
    s->committed_ms = s->now.mono_ms;
    if (commit_timed(s) == 0)
        journal_works(s);
    else
        journal_fails(s);
}

static void publish_states(struct service *s, bool idle)
{
    uint64_t since_ms = s->now.mono_ms - (idle || s->now.mono_ms < STATE_LATEST_MS ? 0 : STATE_LATEST_MS);
    uint8_t topic_room[256];
    uint8_t payload_room[512];
    int32_t tracker_id;
    struct buffer topic = buffer_in(topic_room, sizeof topic_room);
    struct buffer payload = buffer_in(payload_room, sizeof payload_room);

    /* Replies go first: a state waits until nothing else does. */
    while (outbox_count(s->outbox) < mqtt_receive_maximum(s->mqtt) / 2u + 1 &&
           engine_next_state(s->engine, since_ms, &tracker_id, &topic, &payload)) {
        outbox_put_state(s->outbox, tracker_id, buffer_bytes(&topic), buffer_bytes(&payload));
        buffer_clear(&topic);
        buffer_clear(&payload);
    }
    buffer_release(&topic);
    buffer_release(&payload);
}

/* They may take a share of what the broker takes at a time; the rest is for commands and replies. */
static void publish_audit(struct service *s)
{
    struct bytes line;

    if (!s->audit)
        return;
    while (outbox_audit_count(s->outbox) < mqtt_receive_maximum(s->mqtt) / AUDIT_SHARE + 1u &&
           audit_next(s->audit, &line))
        outbox_put_audit(s->outbox, audit_topic(s->audit), line);
}

/* In advance of a journal that can take nothing any more. */
static bool journal_is_full(struct service *s)
{
    bool full = !journal_has_room(s->journal);

    if (full && !s->journal_full)
        log_write(LOG_ERROR, "the journal is full: new requests get code 8", LOG_TEXT("see", "journal.size_mb"));
    s->journal_full = full;
    return full;
}

/* Full, and the broker sends requests and takes no replies. Dropped without their PUBACKs, they stay with it. Not at
 * once: after a restart of either there may be much to resend, and nothing gets less before the first PUBACK is in. */
static void guard_room(struct service *s)
{
    size_t count = outbox_count(s->outbox);
    size_t bytes = outbox_bytes(s->outbox);
    size_t count_max = s->first->broker.outbox_max;
    size_t bytes_max = s->first->broker.outbox_bytes_max;

    engine_set_full(s->engine, journal_is_full(s) || (s->audit && audit_blocks(s->audit)) ||
                                   count > count_max / 100 * (100 - OUTBOX_KEEP_FREE) ||
                                   bytes > bytes_max / 100 * (100 - OUTBOX_KEEP_FREE));
    if ((count <= count_max && bytes <= bytes_max) || !mqtt_is_connected(s->mqtt) ||
        s->now.mono_ms - s->connected_ms < BROKER_STALLS_MS || s->now.mono_ms - s->acked_ms < BROKER_STALLS_MS)
        return;
    engine_counters(s->engine)->outbox_overflows++;
    log_write(LOG_ERROR, "outbox full: the connection is dropped", LOG_INT("entries", count), LOG_INT("bytes", bytes));
    mqtt_abort(s->mqtt);
    link_lost(s);
}

static void publish(struct service *s, bool idle)
{
    int r;

    s->has_to_send = false;
    if (!mqtt_is_connected(s->mqtt))
        return;
    r = outbox_flush(s->outbox, s->mqtt, s->now.mono_ms);
    if (r == 0) {
        if (!s->journal_down) /* which has the earlier ones */
            publish_states(s, idle);
        publish_audit(s);
        r = outbox_flush(s->outbox, s->mqtt, s->now.mono_ms);
    }
    if (r == -ENOTCONN)
        link_lost(s);
    s->has_to_send = r == -EAGAIN && outbox_unacknowledged(s->outbox) < mqtt_receive_maximum(s->mqtt);
}

static bool has_drained(const struct service *s)
{
    bool states_left;
    bool lines_left;

    states_left = engine_has_states(s->engine) && mqtt_is_connected(s->mqtt); /* else the next start publishes them */
    lines_left = s->audit && audit_has_next(s->audit) && mqtt_is_connected(s->mqtt);
    return engine_totals(s->engine).pending == 0 && outbox_count(s->outbox) == 0 && !states_left && !lines_left;
}

static void check_stop(struct service *s)
{
    if (!life_is_stopping(s))
        return;
    /* What is handed over is in the journal, but of a command that waits in the outbox nobody could tell any more
     * whether it left. */
    s->stop = (s->handing_over ? outbox_commands(s->outbox) == 0 && !s->journal_down : has_drained(s)) ||
              s->now.mono_ms >= s->stop_at_ms;
    if (s->stop && !s->handing_over && shared_has_peers(s) && has_drained(s))
        shared_leave(s);
}

static void note_alive(struct service *s)
{
    if (!mqtt_is_connected(s->mqtt) || s->now.wall_ms - s->alive_wall_ms < ALIVE_EVERY_MS)
        return;
    s->alive_wall_ms = s->now.wall_ms;
    journal_file_touch(s->journal_file, s->now.wall_ms);
}

static void hold(struct service *s, bool held)
{
    mqtt_cork(s->mqtt, held);
    heir_hold(s, held);
}

/* A write to a broker that is gone arrives nowhere, though it may look as if it had left. */
static void let_go(struct service *s)
{
    struct pollfd link = {.fd = mqtt_fd(s->mqtt), .events = POLLRDHUP};

    hold(s, false);
    if (s->shared && s->link_up && (poll(&link, 1, 0) == 0 || !(link.revents & (POLLRDHUP | POLLHUP | POLLERR))))
        outbox_left(s->outbox);
}

/* What may be done though what is held may not leave yet. */
static void turn_within(struct service *s)
{
    http_turn(s);
    engine_tick(s->engine, s->now);
    files_watch(s);
    registry_turn(s);
    note_alive(s);
    commit(s);
    if (s->audit)
        audit_flush(s->audit, !s->journal_down, s->now);
    guard_room(s);
    report_stats(s); /* before what would fill the receive maximum again */
    outbox_deliver_local(s->outbox);
}

/* Where state is shared: what the answers have brought leaves before more is received, because that is held again. */
static void publish_answered(struct service *s)
{
    commit(s);
    publish(s, true);
    if (!s->has_backlog) { /* else paho has acknowledged what nobody has seen */
        let_go(s);
        hold(s, true);
    }
    heir_turn(s);
}

/* This process was stopped for so long that another one may have taken its session over: what lies in the socket that
 * one may have answered. The broker hands it over again, marked so, if it is still this one's. */
static void leave_if_late(struct service *s, uint64_t before_ms)
{
    if (!s->shared || s->now.mono_ms - before_ms < s->first->state.lease_ms || !mqtt_is_connected(s->mqtt))
        return;
    log_write(LOG_WARNING, "nothing was done for longer than a lease: the connection is opened anew",
              LOG_INT("ms", s->now.mono_ms - before_ms));
    mqtt_abort(s->mqtt);
    link_lost(s);
}

/* Nothing reaches the broker, PUBACKs included, before the journal has what it speaks of, and where state is shared the
 * server. True: there is more to do at once. */
bool turn_run(struct service *s, void (*first)(struct service *s))
{
    bool received = false;
    bool more = false;
    bool is_open;
    uint64_t before_ms = s->now.mono_ms;

    s->now = clock_now();
    leave_if_late(s, before_ms);
    hold(s, true); /* first: a reload and a drain subscribe and unsubscribe */
    if (first)
        first(s);
    is_open = shared_turn(s);
    if (is_open && s->shared)
        publish_answered(s);
    if (is_open && !shared_is_awaited(s)) {
        link_tick(s);
        received = link_receive(s, &more);
    }
    turn_within(s);
    if (shared_is_held(s) || shared_hold(s) || (s->shared && s->has_backlog)) {
        shared_flush(s);
        console_turn(s);
        check_stop(s);
        return false;
    }
    publish(s, !received);
    let_go(s);
    console_turn(s);
    check_stop(s);
    return more;
}

int turn_wait_ms(const struct service *s)
{
    int64_t waits[] = {engine_wait_ms(s->engine, s->now),
                       shared_is_held(s) || shared_is_awaited(s) ? -1 : link_wait_ms(s), shared_wait_for_ms(s),
                       shared_is_held(s) ? -1 : heir_wait_ms(s), IDLE_MS};
    int64_t shortest = IDLE_MS;

    if (!s->journal_down && !journal_may_wait(s->journal))
        return 0; /* the broker refused something in the moment in which it was sent: that ended a request */
    if (s->has_to_send && mqtt_events(s->mqtt) == POLLIN)
        return 0; /* all that was taken in this turn has left, and there is room again */
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        if (waits[i] >= 0 && waits[i] < shortest)
            shortest = waits[i];
    }
    if (engine_has_states(s->engine) && mqtt_is_connected(s->mqtt) && !s->journal_down && shortest > 1)
        shortest = 1; /* they wait for a turn without messages */
    return (int)shortest;
}
