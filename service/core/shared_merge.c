#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "shared_state.h"

/* The server may lose what it was told: it is restarted without a log, or a replica takes over that had not heard the
 * last of it. So the journal of each instance keeps what that instance did, for as long as it counts, and brings it
 * back to a server that is not the one that it was. */

enum { MIRROR_SIZE_MIN = 64, PART_OF_ASKS = 4, MERGE_AGAIN_MS = 200 };

/* --- what the journal keeps --- */

static void mirror_put(struct mirror *m, uint64_t id, int32_t tracker_id, uint64_t until_ms)
{
    if (m->count == m->size) {
        size_t size = m->size ? m->size * 2 : MIRROR_SIZE_MIN;
        struct mirrored *ring = malloc(size * sizeof *ring);

        CHECK(ring);
        for (size_t i = 0; i < m->count; i++)
            ring[i] = m->ring[(m->first + i) & (m->size - 1)];
        free(m->ring);
        *m = (struct mirror){.ring = ring, .size = size, .count = m->count};
    }
    m->ring[(m->first + m->count++) & (m->size - 1)] = (struct mirrored){id, until_ms, tracker_id};
}

static bool mirror_take(struct mirror *m, uint64_t now_ms, struct mirrored *taken)
{
    if (m->count == 0 || m->ring[m->first].until_ms > now_ms)
        return false;
    *taken = m->ring[m->first];
    m->first = (m->first + 1) & (m->size - 1);
    if (--m->count == 0) {
        free(m->ring);
        *m = (struct mirror){0};
    }
    return true;
}

void mirror_release(struct shared *s)
{
    free(s->requests.ring);
    free(s->answers.ring);
    buffer_release(&s->peer_names);
}

/* Others may end it: once its deadline is over, and a reply that was lost has been taken over. */
static uint64_t of_no_use_ms(const struct engine *e, uint64_t from_ms)
{
    return from_ms + 2 * (uint64_t)e->shared->options.lease_ms;
}

void mirror_note_request(struct engine *e, const struct pending *p)
{
    uint64_t from_ms = p->state == PENDING_SETTLED || p->deadline_ms < e->now.mono_ms ? e->now.mono_ms : p->deadline_ms;

    mirror_put(&e->shared->requests, p->id, p->tracker_id, of_no_use_ms(e, from_ms));
    if (p->state != PENDING_SETTLED)
        map_put(&e->shared->mine, p->id, (void *)(intptr_t)p->tracker_id);
}

void mirror_note_answer(struct engine *e, uint64_t id, uint64_t until_ms)
{
    mirror_put(&e->shared->answers, id, 0, until_ms);
}

static void forget_request(struct engine *e, uint64_t id)
{
    map_remove(&e->shared->mine, id);
    map_remove(&e->shared->owed, id);
    e->effects.journal_delete(e->effects.ctx, JOURNAL_SHARED, id);
}

void mirror_told(struct engine *e, const struct ask *ask, bool is_held)
{
    if (is_held)
        mirror_put(&e->shared->requests, ask->id, ask->tracker_id, of_no_use_ms(e, e->now.mono_ms));
    else
        forget_request(e, ask->id);
}

/* Others end what this one had, and send its replies. Where they may not have been able to, because the server was away
 * or nobody was connected to the broker, it is asked what is still there. */
void mirror_tick(struct engine *e)
{
    struct shared *s = e->shared;
    bool is_working = s->is_up && !s->is_merging;
    struct mirrored over;

    if (!is_working || !e->presence_known)
        s->unsure_until_ms = of_no_use_ms(e, e->now.mono_ms);
    if (!is_working)
        return;
    while (s->ask_count < s->options.asks_max / PART_OF_ASKS && mirror_take(&s->requests, e->now.mono_ms, &over)) {
        if (over.until_ms < s->unsure_until_ms)
            ask_put(e, ask_new(e, SHARED_HELD, over.tracker_id, over.id, NULL));
        else
            forget_request(e, over.id);
    }
    while (mirror_take(&s->answers, e->now.mono_ms, &over))
        e->effects.journal_delete(e->effects.ctx, JOURNAL_ANSWER, over.id);
}

/* --- records --- */

static uint64_t left_of(uint64_t ms, uint64_t elapsed_ms)
{
    return ms > elapsed_ms ? ms - elapsed_ms : 0;
}

/* An answer, as far as it counts: its deadline is when it may be forgotten. NULL: it is no such record. */
static struct pending *answer_from(struct engine *e, uint64_t id, struct bytes record, uint32_t *quarantine_ms)
{
    struct pending *p = pending_new((struct bytes){0}, (struct bytes){0});
    struct engine_answer answer;
    uint64_t elapsed_ms;

    if (engine_read_answer(record, &answer) < 0) {
        pending_free(p);
        return NULL;
    }
    elapsed_ms = clock_elapsed_ms(answer.written, e->now);
    *quarantine_ms = (uint32_t)left_of(answer.quarantine_ms, elapsed_ms);
    p->id = id;
    p->key = answer.key;
    p->code = answer.code;
    p->outcome = answer.outcome;
    p->tracker_id = answer.tracker_id;
    p->deadline_ms = e->now.mono_ms + left_of(e->config->store.dedup_window_ms, elapsed_ms);
    return p;
}

int mirror_recover(struct engine *e, enum journal_kind kind, uint64_t id, struct bytes record)
{
    uint32_t quarantine_ms;
    struct pending *p = kind == JOURNAL_ANSWER ? answer_from(e, id, record, &quarantine_ms)
                                               : pending_from_record(record, e->now, UINT32_MAX);

    if (!p)
        return -EBADMSG;
    e->shared->highest_id = id > e->shared->highest_id ? id : e->shared->highest_id;
    if (kind == JOURNAL_ANSWER)
        mirror_put(&e->shared->answers, id, 0, p->deadline_ms);
    else
        mirror_put(&e->shared->requests, id, p->tracker_id,
                   of_no_use_ms(e, p->arrived.mono_ms + engine_longest_timeout_ms(e)));
    pending_free(p);
    return 0;
}

/* --- merging --- */

static bool is_same_run(const struct shared *s, struct bytes run)
{
    return bytes_equal_text(run, s->run);
}

void engine_shared_knew(struct engine *e, struct bytes run)
{
    snprintf(e->shared->run, sizeof e->shared->run, "%.*s", (int)run.len, (const char *)run.data);
}

void engine_shared_peers(struct engine *e, struct bytes names, unsigned count)
{
    buffer_clear(&e->shared->peer_names);
    buffer_put(&e->shared->peer_names, names);
    e->shared->peers = count;
}

static void ask_all(struct engine *e, enum shared_script script)
{
    for (unsigned i = 0; i < SHARED_BUCKETS; i++) {
        struct ask *ask = ask_new(e, script, 0, 0, NULL);

        ask->bucket = i;
        ask_put(e, ask);
    }
}

/* What was begun with an earlier connection is begun again. */
static void drop_merge(struct engine *e)
{
    struct ask *ask;
    struct ask *next;

    for (ask = TAILQ_FIRST(&e->shared->asks); ask; ask = next) {
        next = TAILQ_NEXT(ask, link);
        if (ask->script >= SHARED_BEGIN && ask->script <= SHARED_DONE)
            ask_end(e, ask);
    }
}

bool merge_begin(struct engine *e, struct bytes run)
{
    struct shared *s = e->shared;
    bool is_other = s->run[0] && !is_same_run(s, run);

    drop_merge(e);
    if (!is_other && !s->is_merging) {
        if (!s->run[0]) /* others may wait for it */
            ask_all(e, SHARED_DONE);
        engine_shared_knew(e, run);
        return false;
    }
    engine_shared_knew(e, run);
    s->is_merging = true;
    s->done = 0;
    ask_all(e, SHARED_BEGIN);
    return true;
}

static void restore_request(struct engine *e, struct bytes record)
{
    struct pending *p = shared_from_record(e, record);
    struct ask *ask;

    if (!p)
        return;
    ask = ask_new(e, SHARED_RESTORE, p->tracker_id, p->id, p);
    p->asked = true;
    ask_put(e, ask);
}

static void restore_answer(struct engine *e, uint64_t id, struct bytes record)
{
    uint32_t quarantine_ms;
    struct pending *p = answer_from(e, id, record, &quarantine_ms);
    struct ask *ask;

    if (p && p->deadline_ms > e->now.mono_ms) {
        p->asked = true;
        ask = ask_new(e, SHARED_ANSWER, p->tracker_id, id, p);
        ask->quarantine_ms = quarantine_ms;
        ask_put(e, ask);
    } else if (p) {
        pending_free(p);
    }
}

static void restore_states(struct engine *e, uint64_t id)
{
    const struct tracker *tracker = trackers_find(&e->trackers, (int32_t)id);

    if (tracker && tracker->states.known)
        ask_put(e, ask_new(e, SHARED_KNOWN, tracker->id, 0, NULL));
}

bool engine_shared_restore(struct engine *e, enum journal_kind kind, uint64_t id, struct bytes record,
                           struct instant now)
{
    e->now = now;
    if (kind == JOURNAL_SHARED)
        restore_request(e, record);
    else if (kind == JOURNAL_ANSWER)
        restore_answer(e, id, record);
    else if (kind == JOURNAL_STATES)
        restore_states(e, id);
    return e->shared->ask_count < e->shared->options.asks_max / PART_OF_ASKS;
}

void engine_shared_restored(struct engine *e, struct instant now)
{
    e->now = now;
    ask_all(e, SHARED_DONE);
}

void merge_done(struct engine *e, struct ask *ask, const struct bytes *items, size_t count)
{
    struct shared *s = e->shared;

    if (!s->is_merging) {
        ask_end(e, ask);
        return;
    }
    if (count == 2 && bytes_equal_text(items[1], "0")) { /* others have more to bring */
        ask_later(e, ask, MERGE_AGAIN_MS);
        return;
    }
    ask_end(e, ask);
    if (++s->done < SHARED_BUCKETS)
        return;
    s->is_merging = false;
    s->next_first_id = 0; /* given before it knew all that had been given */
    shared_want_ids(e, true);
    asks_put_all(e);
}
