#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/map.h"
#include "engine_state.h"
#include "journal_state.h"
#include "sim.h"

/* What the requesters, the trackers and the broker know, and what the service must therefore never do. */

enum { IDS_MAX = 16384, BURST = 600, NO_TRACKER = -1 };

/* A request as the service has accepted it; one that was forgotten with a crash may be accepted again, by another id.
 */
struct accepted {
    uint64_t id;
    int request;
    unsigned tracker;
    uint64_t deadline_ms; /* true time */
    uint64_t settled_at_ms;
    uint64_t boot;
    int64_t wall_ms;         /* how the wall clock was then */
    int64_t settled_wall_ms; /* and when it ended */
    bool staged;
    bool left;
    bool reached; /* the broker */
    bool settled;
    bool gone;      /* nothing in the journal: it never was */
    bool forgotten; /* its answer: the window is over, or seems so to a machine that was started anew with another clock
                     */
    bool ended_not_sent;
    bool told_not_sent; /* the requester, by a reply */
    bool told_success;  /* by the tracker */
    bool told_refused;
};

struct asked {
    unsigned tracker;
    bool promised;
    bool excused; /* answered while the journal could not be written: a crash may lose that */
    bool replied;
    bool has_final; /* a reply of a command that may have left */
    bool is_two;    /* its answer was forgotten, and it was accepted again */
    enum outcome final;
    int last;    /* its newest struct accepted, -1: none */
    int command; /* the one that was commanded, -1: none */
};

static struct {
    struct accepted ids[IDS_MAX];
    int id_count;
    struct map by_id;
    struct asked requests[REQUESTS_MAX];
    unsigned request_count;
    int last_command[TRACKERS]; /* that has left, -1: none */
    int handling;
    uint32_t expiry_s;
    uint64_t last_id;
    struct store_limits most; /* of all limits that there were */
} known;

struct oracle_totals oracle_totals;

void oracle_reset(void)
{
    map_release(&known.by_id);
    known.id_count = 0;
    known.request_count = 0;
    known.handling = -1;
    known.last_id = 0; /* a start counts from the wall clock, and beyond what the journal has */
    memset(&known.most, 0, sizeof known.most);
    for (unsigned i = 0; i < TRACKERS; i++)
        known.last_command[i] = -1;
}

static struct accepted *find(uint64_t id)
{
    struct accepted *a = map_find(&known.by_id, id);

    if (!a)
        oracle_fail("nothing is done that nobody asked for", "id %llu was never accepted", (unsigned long long)id);
    return a;
}

void oracle_requested(unsigned request, unsigned tracker)
{
    CHECK(request == known.request_count && request < REQUESTS_MAX);
    known.requests[known.request_count++] = (struct asked){.tracker = tracker, .last = -1, .command = -1};
    oracle_totals.requests++;
}

void oracle_handling(int request, uint32_t expiry_s)
{
    known.handling = request;
    known.expiry_s = expiry_s;
}

void oracle_promised(unsigned request)
{
    known.requests[request].promised = true;
}

bool oracle_has_reply(unsigned request)
{
    return known.requests[request].replied;
}

/* --- what the service says of itself --- */

static void accepted(const struct engine_event *event)
{
    struct asked *asked = known.handling >= 0 ? &known.requests[known.handling] : NULL;
    struct accepted *before = asked && asked->last >= 0 ? &known.ids[asked->last] : NULL;
    struct accepted *a = &known.ids[known.id_count];
    uint64_t left_ms;

    if (!asked)
        oracle_fail("nothing is done that nobody asked for", "noise was accepted as a request");
    if (event->id <= known.last_id)
        oracle_fail("ids go up", "%llu after %llu", (unsigned long long)event->id, (unsigned long long)known.last_id);
    if (before && !before->gone && !before->forgotten &&
        (!before->settled || sim.now_ms - before->settled_at_ms < sim.config.engine_config.store.dedup_window_ms))
        oracle_fail("the same request is one request", "request %d is accepted as %llu and %llu", known.handling,
                    (unsigned long long)before->id, (unsigned long long)event->id);
    if (before && before->settled && (before->forgotten || !before->gone)) { /* its window is over: another one */
        asked->command = -1;
        asked->is_two = true;
    }
    CHECK(known.id_count < IDS_MAX);
    left_ms = tracker_timeout_ms(asked->tracker);
    if (known.expiry_s && known.expiry_s * 1000u < left_ms)
        left_ms = known.expiry_s * 1000u;
    *a = (struct accepted){.id = event->id,
                           .request = known.handling,
                           .tracker = asked->tracker,
                           .deadline_ms = sim.now_ms + left_ms,
                           .wall_ms = sim.wall_ms,
                           .boot = sim.boot};
    map_put(&known.by_id, event->id, a);
    asked->last = known.id_count++;
    known.last_id = event->id;
    oracle_totals.accepted++;
}

static void settled(const struct engine_event *event)
{
    struct accepted *a = find(event->id);

    if (a->settled)
        oracle_fail("exactly one outcome", "id %llu is settled twice", (unsigned long long)a->id);
    if (event->outcome == OUTCOME_NOT_SENT && a->left)
        oracle_fail("a reply says what is so", "id %llu is not_sent, and its command has left",
                    (unsigned long long)a->id);
    a->settled = true;
    a->ended_not_sent = event->outcome == OUTCOME_NOT_SENT;
    a->settled_at_ms = sim.now_ms;
    a->settled_wall_ms = sim.wall_ms;
    known.requests[a->request].excused |= sim.service->journal_down || sim.disk.fails || sim.disk.sync_fails;
}

static void trace_event(const struct engine_event *event)
{
    static const char *const names[] = {
        [EVENT_REQUEST_ACCEPTED] = "accepted",     [EVENT_REQUEST_REFUSED] = "refused",
        [EVENT_REQUEST_DUPLICATE] = "repeated",    [EVENT_REPLY_TOPIC_REFUSED] = "dropped for its reply topic",
        [EVENT_COMMAND_STAGED] = "command staged", [EVENT_COMMAND_SENT] = "command sent",
        [EVENT_REQUEST_SETTLED] = "settled",       [EVENT_REPLY_RECOVERED] = "reply recovered",
        [EVENT_ACK_IGNORED] = "ack ignored",       [EVENT_PRESENCE] = "presence",
    };

    trace("service: %s, id %llu, tracker %d, request %d, code %d, %s", names[event->kind],
          (unsigned long long)event->id, (int)event->tracker_id, known.handling, (int)event->code,
          outcome_name(event->outcome));
}

void oracle_event(const struct engine_event *event)
{
    trace_event(event);
    if (event->kind == EVENT_REQUEST_ACCEPTED)
        accepted(event);
    else if (event->kind == EVENT_REQUEST_SETTLED)
        settled(event);
    else if (event->kind == EVENT_COMMAND_STAGED)
        find(event->id)->staged = true;
    else if (event->kind == EVENT_REQUEST_REFUSED && known.handling >= 0)
        known.requests[known.handling].excused |= sim.service->journal_down || sim.disk.fails || sim.disk.sync_fails;
}

/* --- commands --- */

void oracle_command_leaves(uint64_t id)
{
    struct accepted *a = find(id);
    struct asked *asked = &known.requests[a->request];
    int last = known.last_command[a->tracker];
    unsigned long long number = id;

    if (asked->command >= 0)
        oracle_fail("at most one command a request", "request %d: %llu after %llu", a->request, number,
                    (unsigned long long)known.ids[asked->command].id);
    if (a->settled || a->told_not_sent)
        oracle_fail("a reply says what is so", "%llu is commanded after it was settled", number);
    if (sim.now_ms >= a->deadline_ms)
        oracle_fail("nothing is sent past its deadline", "%llu, %llu ms after it", number,
                    (unsigned long long)(sim.now_ms - a->deadline_ms));
    if (last > (int)(a - known.ids))
        oracle_fail("the order of each tracker", "%llu after %llu", number, (unsigned long long)known.ids[last].id);
    if (last >= 0 && !known.ids[last].settled)
        oracle_fail("one command in flight a tracker", "%llu while %llu is", number,
                    (unsigned long long)known.ids[last].id);
    if (!map_find(&sim.service->journal->index[JOURNAL_REQUEST], id))
        oracle_fail("nothing leaves before its record is written", "command %llu", number);
    a->left = true;
    asked->command = (int)(a - known.ids);
    known.last_command[a->tracker] = asked->command;
    oracle_totals.commands++;
}

void oracle_command_reached(uint64_t id)
{
    trace("broker: command %llu", (unsigned long long)id);
    find(id)->reached = true;
}

void oracle_acked(uint64_t id, bool success)
{
    if (success)
        find(id)->told_success = true;
    else
        find(id)->told_refused = true;
}

/* --- replies --- */

static enum outcome outcome_of(struct bytes payload)
{
    static const enum outcome errors[] = {OUTCOME_NOT_SENT, OUTCOME_REJECTED, OUTCOME_UNKNOWN};
    char text[PAYLOAD_MAX + 1];

    snprintf(text, sizeof text, "%.*s", (int)payload.len, (const char *)payload.data);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (strstr(text, outcome_name(errors[i])))
            return errors[i];
    }
    if (!strstr(text, "\"success\":true") && !strstr(text, "\"success\": true"))
        oracle_fail("a reply is a reply", "%s", text);
    return OUTCOME_SUCCESS;
}

/* Acks without a name may be charged to a command that was staged before a crash, and never left: nobody knows. */
static void check_claim(unsigned request, const struct asked *asked, enum outcome outcome)
{
    const struct accepted *a = asked->command >= 0 ? &known.ids[asked->command] : NULL;
    const struct accepted *last = asked->last >= 0 ? &known.ids[asked->last] : NULL;
    bool named = tracker_names_commands(asked->tracker);

    if (outcome != OUTCOME_NOT_SENT && !a && !(last && last->staged) && (outcome != OUTCOME_REJECTED))
        oracle_fail("a reply says what is so", "request %u is %s, and was never commanded", request,
                    outcome_name(outcome));
    if (outcome == OUTCOME_SUCCESS && named && (!a || !a->reached || !a->told_success))
        oracle_fail("a reply says what is so", "request %u is a success, and nobody has acked it", request);
    if (outcome == OUTCOME_REJECTED && a && named && !a->told_refused)
        oracle_fail("a reply says what is so", "request %u is rejected, and nobody has refused it", request);
}

void oracle_replied(unsigned request, struct bytes payload)
{
    enum outcome outcome = outcome_of(payload);
    struct asked *asked = &known.requests[request];

    CHECK(request < known.request_count);
    trace("broker: request %u is replied %s", request, outcome_name(outcome));
    oracle_totals.replies++;
    oracle_totals.outcomes[outcome]++;
    if (!asked->is_two)
        check_claim(request, asked, outcome);
    asked->replied = true;
    if (asked->is_two)
        return; /* whose of the two the reply is cannot be told from here */
    if (asked->last >= 0 && outcome == OUTCOME_NOT_SENT)
        known.ids[asked->last].told_not_sent = known.ids[asked->last].ended_not_sent;
    if (outcome == OUTCOME_NOT_SENT)
        return; /* which may be a refusal that was judged anew later */
    if (asked->has_final && asked->final != outcome)
        oracle_fail("exactly one outcome", "request %u is %s, and was %s", request, outcome_name(outcome),
                    outcome_name(asked->final));
    asked->has_final = true;
    asked->final = outcome;
}

unsigned oracle_unanswered(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < known.request_count; i++)
        count += known.requests[i].promised && !known.requests[i].replied && !known.requests[i].excused;
    return count;
}

/* --- memory and journal --- */

struct comparison {
    size_t unsettled;
};

static int compare_record(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    struct comparison *c = ctx;
    struct pending *p = pending_from_record(record, sim.service->now, 3600000);
    const struct pending *in_memory = map_find(&sim.service->engine->by_id, id);
    bool waits;

    (void)kind;
    CHECK(p);
    waits = p->state != PENDING_SETTLED;
    c->unsettled += waits;
    if (waits && (!in_memory || in_memory->tracker_id != p->tracker_id ||
                  (in_memory->state == PENDING_QUEUED) != (p->state == PENDING_QUEUED) ||
                  memcmp(&in_memory->key, &p->key, sizeof p->key) != 0))
        oracle_fail("the journal is what is in memory", "%llu is in the journal as state %d, and not so in memory",
                    (unsigned long long)id, (int)p->state);
    if (!waits && in_memory)
        oracle_fail("the journal is what is in memory", "%llu has ended in the journal alone", (unsigned long long)id);
    pending_free(p);
    return 0;
}

static void compare_memory(void)
{
    struct comparison c = {0};

    CHECK(journal_each(sim.service->journal, JOURNAL_REQUEST, compare_record, &c) == 0);
    if (c.unsettled != sim.service->engine->by_id.count)
        oracle_fail("the journal is what is in memory", "%zu pending in the journal, %zu in memory", c.unsettled,
                    sim.service->engine->by_id.count);
    oracle_totals.checks_of_memory++;
}

/* A crash has undone what was not committed. */
static int note_record(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    struct pending *p = pending_from_record(record, sim.service->now, 3600000);
    struct accepted *a = map_find(&known.by_id, id);

    (void)kind;
    CHECK(p);
    if (a && p->state != PENDING_SETTLED) {
        a->settled = a->ended_not_sent = false;
        /* By a wall clock that was stepped since: nobody knows how long it has been, but no longer than this. */
        if (record.data[8] != (uint8_t)sim.boot && a->wall_ms != sim.wall_ms)
            a->deadline_ms = sim.now_ms + tracker_timeout_ms(a->tracker);
    }
    if (a)
        ((bool *)ctx)[a - known.ids] = true;
    pending_free(p);
    return 0;
}

static void forget_lost(const bool *recorded)
{
    const struct journal *j = sim.service->journal;

    known.last_id = 0; /* the ids of what never was may be given again */
    for (int i = 0; i < known.id_count; i++) {
        struct accepted *a = &known.ids[i];
        bool stepped = a->settled_wall_ms != sim.wall_ms;

        if (!a->settled && !recorded[i]) {
            if (a->left)
                oracle_fail("nothing leaves before its record is written", "%llu is not in the journal",
                            (unsigned long long)a->id);
            a->gone = a->settled = true;
        }
        if (recorded[i])
            known.last_id = a->id > known.last_id ? a->id : known.last_id;
        a->forgotten |= a->settled && (!map_find(&j->index[JOURNAL_ANSWER], a->id) || (a->boot != sim.boot && stepped));
    }
}

void oracle_after_restart(void)
{
    bool *recorded = calloc((size_t)known.id_count + 1, sizeof *recorded);

    CHECK(recorded);
    known.handling = -1;
    CHECK(journal_each(sim.service->journal, JOURNAL_REQUEST, note_record, recorded) == 0);
    forget_lost(recorded);
    free(recorded);
    for (struct pending *p = sim.service->engine->unsaved; p; p = p->next_fresh)
        CHECK(p->state == PENDING_SETTLED);
}

/* --- after each step --- */

static void check_limits(void)
{
    const struct store_limits *now = &sim.config.engine_config.store;
    struct engine_totals totals = engine_totals(sim.service->engine);
    struct journal_totals journal = journal_totals(sim.service->journal);
    struct store_limits *most = &known.most;

    most->pending_max = now->pending_max > most->pending_max ? now->pending_max : most->pending_max;
    most->dedup_max = now->dedup_max > most->dedup_max ? now->dedup_max : most->dedup_max;
    most->refused_max = now->refused_max > most->refused_max ? now->refused_max : most->refused_max;
    if (totals.pending > most->pending_max || totals.remembered > most->dedup_max + most->refused_max)
        oracle_fail("every table is bounded", "%zu pending, %zu remembered", totals.pending, totals.remembered);
    if (totals.trackers > TRACKERS || outbox_count(sim.service->outbox) > sim.config.broker.outbox_max + BURST)
        oracle_fail("every table is bounded", "%zu trackers, %zu in the outbox", totals.trackers,
                    outbox_count(sim.service->outbox));
    if (journal.live_bytes > journal.ring_bytes / 2 || journal.used_bytes > journal.ring_bytes)
        oracle_fail("every table is bounded", "the journal has %llu bytes", (unsigned long long)journal.live_bytes);
}

void oracle_after_step(void)
{
    enum { EVERY = 16 };

    check_limits();
    if (sim.step % EVERY == 0 && sim.service->journal->staged.len == 0)
        compare_memory();
}

static void check_states(void)
{
    struct buffer topic = {0};
    struct buffer payload = {0};

    if (engine_next_state(sim.service->engine, UINT64_MAX, &(int32_t){0}, &topic, &payload))
        oracle_fail("states are published", "one is left");
    buffer_release(&topic);
    buffer_release(&payload);
}

void oracle_at_end(void)
{
    struct engine_totals totals = engine_totals(sim.service->engine);

    for (unsigned i = 0; i < known.request_count; i++) {
        const struct asked *asked = &known.requests[i];

        if (asked->promised && !asked->replied && !asked->excused)
            oracle_fail("no request is lost", "request %u was acknowledged, and has no reply", i);
    }
    if (totals.pending || totals.remembered || outbox_count(sim.service->outbox))
        oracle_fail("everything ends", "%zu pending, %zu remembered, %zu in the outbox", totals.pending,
                    totals.remembered, outbox_count(sim.service->outbox));
    if (sim.service->journal->index[JOURNAL_REQUEST].count || sim.service->journal->index[JOURNAL_ANSWER].count)
        oracle_fail("everything ends", "the journal still has records");
    check_states();
}
