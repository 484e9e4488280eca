#include "cluster/watch.h"

#include <stdlib.h>

#include "base/check.h"

/* --- findings --- */

static struct watched *at(struct watch *w, uint32_t number)
{
    if (number >= w->size) {
        size_t size = 2 * (size_t)number + 1024;

        w->requests = realloc(w->requests, size * sizeof *w->requests);
        CHECK(w->requests);
        memset(w->requests + w->size, 0, (size - w->size) * sizeof *w->requests);
        w->size = size;
    }
    return &w->requests[number];
}

static void found(struct watched *r, enum fault_class class, const char *why, uint32_t other)
{
    if (!r->finding.class)
        r->finding = (struct finding){class, why, other};
}

/* --- leaving --- */

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The service counts from when it reads the request, which is when the last of what held it up was over. A margin for a
 * machine that is busy. */
static bool is_late(const struct watch *w, const struct watched *r)
{
    enum { MARGIN_MS = 2000 };
    uint64_t from_ms = later(r->arrived_ms, w->common_from_ms);

    if (!r->instance)
        return false;
    if (r->read_ms >= r->arrived_ms)
        return w->ledger->now_ms > r->read_ms + ACK_TIMEOUT_MS + MARGIN_MS;
    from_ms = later(from_ms, w->works_from_ms[r->instance - 1]);
    return from_ms < UINT64_MAX && w->ledger->now_ms > from_ms + ACK_TIMEOUT_MS + MARGIN_MS;
}

/* The reply may leave through one instance and the command through another, and this program is slow at times. What was
 * refused may be asked again. */
static void leaves(struct watch *w, struct watched *r)
{
    enum { PASSING_MS = 500 };

    if (r->over_ms && w->ledger->now_ms - r->over_ms > PASSING_MS)
        found(r, FAULT_STALE, "commanded after its reply", 0);
    if (is_late(w, r))
        found(r, FAULT_STALE, "commanded after its deadline", 0);
}

/* --- reaching --- */

/* Whatever the service knows of: it was published before the deadline began, the tracker has not acked it, and nobody
 * was told that it is over. Clocks of three instances and of Redis agree to some milliseconds. */
static bool is_in_flight(struct watch *w, uint32_t number)
{
    enum { CLOCKS_MS = 50 };
    const struct watched *r = at(w, number);
    const struct request *request = ledger_at(w->ledger, number);

    return request && !r->is_answered && !r->heard_ms &&
           w->ledger->now_ms + CLOCKS_MS < request->first_ms + ACK_TIMEOUT_MS;
}

static void reaches(struct watch *w, uint32_t number)
{
    const struct request *request = ledger_at(w->ledger, number);
    unsigned place = trackers_find(w->trackers, request->tracker_id);
    struct watched *r = at(w, number);
    struct watched_tracker *t;

    if (place == w->trackers->count)
        return;
    t = &w->each[place];
    if (r->left_ms && r->left_ms < at(w, t->newest)->left_ms) { /* overtaken on its way, on another connection */
        t->last = number;
        return;
    }
    if (r->over_ms && r->over_ms < t->newest_first_ms)
        found(r, FAULT_DISORDER, "reached its tracker after one that was asked for when this one had its reply",
              t->newest);
    if (r->accepted_ms && r->accepted_ms < t->newest_first_ms && request->attempts == 1)
        found(r, FAULT_DISORDER, "reached its tracker after one that was asked for when this one was accepted",
              t->newest);
    if (t->last != number && is_in_flight(w, t->last))
        found(r, FAULT_CROWDED, "reached its tracker while another one was in flight", t->last);
    t->last = number;
    if (request->first_ms > t->newest_first_ms) {
        t->newest = number;
        t->newest_first_ms = request->first_ms;
    }
}

/* --- marks --- */

static void hears(struct watch *w, uint32_t number, uint64_t value)
{
    enum answer answer = (enum answer)(value & 0xFF);
    const struct request *request = ledger_at(w->ledger, number);
    struct watched *r = at(w, number);

    if (!r->heard_ms)
        r->heard_ms = w->ledger->now_ms;
    r->last_heard_ms = w->ledger->now_ms;
    if (!r->over_ms && answer != ANSWER_NOT_SENT)
        r->over_ms = w->ledger->now_ms;
    if ((answer == ANSWER_SUCCESS || answer == ANSWER_REJECTED) && !(request->answered & 1u << answer))
        found(r, FAULT_CONTRADICTION, "heard of an ack before the tracker had sent it", 0);
}

enum { PUBACK_LEAVES_MS = 50 }; /* so long it may lie in a socket */

static void marked(void *ctx, uint32_t number, enum mark mark, uint64_t value)
{
    struct watch *w = ctx;
    struct watched *r = at(w, number);
    const struct request *request = ledger_at(w->ledger, number);

    if (mark == MARK_DELIVERED || mark == MARK_REDELIVERED) {
        r->came_again |= r->accepted_ms && w->ledger->now_ms - r->accepted_ms > PUBACK_LEAVES_MS;
        r->arrived_ms = w->ledger->now_ms;
        r->instance = (uint8_t)w->ledger->service;
    } else if (mark == MARK_PUBACKED) {
        r->accepted_ms = r->accepted_ms ? r->accepted_ms : w->ledger->now_ms;
        r->read_ms = w->ledger->now_ms;
    } else if (mark == MARK_COMMAND) {
        r->left_ms = r->left_ms ? r->left_ms : w->ledger->now_ms;
        leaves(w, r);
    } else if (mark == MARK_REACHED && !(request->reached && request->reached_id == value)) {
        reaches(w, number);
    } else if (mark == MARK_ANSWERED) {
        r->is_answered = true;
    } else if (mark == MARK_HEARD) {
        hears(w, number, value);
    }
}

/* --- faults --- */

void watch_hold(struct watch *w, unsigned which, bool held)
{
    uint64_t *from_ms = which < INSTANCES ? &w->works_from_ms[which] : &w->common_from_ms;

    *from_ms = held ? UINT64_MAX : w->ledger->now_ms;
}

void watch_away(struct watch *w, enum away_what what, bool is_there)
{
    for (size_t i = w->away_count; is_there && i > 0; i--) {
        if (w->away[i - 1].what != what)
            continue;
        w->away[i - 1].until_ms = w->ledger->now_ms;
        return;
    }
    if (w->away_count == w->away_size) {
        w->away_size = 2 * w->away_size + 16;
        w->away = realloc(w->away, w->away_size * sizeof *w->away);
        CHECK(w->away);
    }
    w->away[w->away_count++] = (struct away){what, w->ledger->now_ms, UINT64_MAX};
}

/* --- judging --- */

/* From its first publication to its last reply. An instance may find out late that it is there again: the database,
 * when it was stopped meanwhile. */
static bool was_away(const struct watch *w, enum away_what what, const struct request *r)
{
    const struct watched *watched = &w->requests[r - w->ledger->requests];
    unsigned found_out_ms = what == AWAY_REDIS ? 3000 : LONGEST_FREEZE_MS + 3000;

    for (size_t i = 0; i < w->away_count; i++) {
        const struct away *a = &w->away[i];

        if (a->what == what && a->from_ms <= watched->last_heard_ms &&
            (a->until_ms == UINT64_MAX || r->first_ms <= a->until_ms + found_out_ms))
            return true;
    }
    return false;
}

/* Two publications by its requester. The second is seen with DUP only where it was handed to a connection that was
 * dead. */
static bool was_asked_again(const struct watch *w, const struct request *r)
{
    return r->fresh > 1 || (r->attempts > 1 && w->requests[r - w->ledger->requests].came_again);
}

/* Code 8, or 213 because it came to be judged only after its deadline, and another reply, to different publications of
 * it by its requester, where Redis was away: whoever refused the one could not know of the other. Likewise code 14 of
 * one that was started while there was no database. */
static bool is_apart(const struct watch *w, const struct request *r)
{
    enum { QUEUE_ERROR = 8, NO_DATABASE = 14, OFFLINE = 213 };
    bool refused = false;
    unsigned others = 0;

    for (unsigned i = 0; i < r->verdict_count; i++) {
        const struct verdict *v = &r->verdicts[i];
        bool is_refusal = v->answer == ANSWER_NOT_SENT &&
                          (((v->code == QUEUE_ERROR || v->code == OFFLINE) && was_away(w, AWAY_REDIS, r)) ||
                           (v->code == NO_DATABASE && was_away(w, AWAY_DATABASE, r)));

        refused |= is_refusal;
        others += !is_refusal;
    }
    return refused && others <= 1 && was_asked_again(w, r);
}

/* It went to an instance that did not know that the tracker is offline, or that was gone when it had the turn: then
 * nobody knows that nothing was sent. Or to one that knew nothing of anybody. */
static bool is_refused_otherwise(const struct watch *w, const struct request *r)
{
    enum { OFFLINE = 213, NO_DATABASE = 14, WRONG_HASH = 4 };
    bool good = r->wish != WISH_WELL && !r->commands && !r->reached;

    for (unsigned i = 0; i < r->verdict_count; i++) {
        const struct verdict *v = &r->verdicts[i];

        good &= v->code == NO_DATABASE || (r->wish == WISH_OFFLINE && v->code == OFFLINE) ||
                (r->wish == WISH_WRONG_HASH && v->code == WRONG_HASH);
    }
    return good && (r->verdict_count == 1 || was_asked_again(w, r));
}

struct finding watch_judge(void *ctx, uint32_t number)
{
    struct watch *w = ctx;
    const struct request *r = ledger_at(w->ledger, number);
    struct finding finding = verdict_of(r);

    if (finding.class == FAULT_CONTRADICTION && is_apart(w, r)) {
        w->apart++;
        finding = (struct finding){0};
    }
    if (finding.class == FAULT_CONTRADICTION && is_refused_otherwise(w, r))
        finding = (struct finding){0};
    if (!finding.class)
        finding = at(w, number)->finding;
    if (!finding.class && r->taken && r->heard == 0)
        finding = (struct finding){FAULT_LOST, "no reply, although the broker had it", 0};
    return finding;
}

/* --- life --- */

void watch_init(struct watch *w, struct ledger *l, const struct trackers *trackers)
{
    *w = (struct watch){.ledger = l, .trackers = trackers};
    l->watcher = (struct ledger_watcher){w, marked};
}

void watch_release(struct watch *w)
{
    free(w->requests);
    free(w->away);
}
