#include "core/store.h"

#include <stdlib.h>

#include "base/check.h"

void store_init(struct store *s, const struct store_client *client, struct trackers *trackers, struct timers *timers)
{
    *s = (struct store){.client = *client, .trackers = trackers, .timers = timers};
    seen_init(&s->seen);
}

static void free_lane(struct store *s, struct lane *lane)
{
    lane->tracker->lane = NULL;
    pool_give(&s->lanes, lane, sizeof *lane);
}

static void release_lane(struct store *s, struct lane *lane)
{
    while (lane->head) {
        struct pending *p = lane->head;

        lane->head = p->next;
        pending_free(p);
    }
    if (lane->in_flight)
        pending_free(lane->in_flight);
    free_lane(s, lane);
}

void store_release(struct store *s)
{
    struct tracker *tracker;
    size_t at = 0;

    while ((tracker = trackers_next(s->trackers, &at))) {
        if (tracker->lane)
            release_lane(s, tracker->lane);
    }
    seen_release(&s->seen);
    pool_release(&s->lanes);
}

/* --- lanes --- */

static struct lane *lane_get(struct store *s, struct tracker *tracker)
{
    if (!tracker->lane) {
        tracker->lane = pool_take(&s->lanes, sizeof *tracker->lane);
        *tracker->lane = (struct lane){.tracker = tracker, .quarantine.kind = STORE_TIMER_QUARANTINE};
    }
    return tracker->lane;
}

static void lane_free_if_idle(struct store *s, struct lane *lane)
{
    struct tracker *tracker = lane->tracker;

    if (lane->in_flight || lane->head || lane->quarantine.place || lane->pumping)
        return;
    free_lane(s, lane);
    trackers_forget_if_idle(s->trackers, tracker);
}

static bool lane_may_start(const struct store *s, const struct lane *lane)
{
    return !s->held && !lane->in_flight && lane->quarantine.place == 0;
}

/* Gives turns as long as one ends in the very moment of its start. A turn may come back here: once is enough. */
static void lane_pump(struct store *s, struct lane *lane)
{
    if (lane->pumping)
        return;
    lane->pumping = true;
    while (lane->head && lane_may_start(s, lane)) {
        struct pending *p = lane->head;

        lane->head = p->next;
        if (!lane->head)
            lane->tail = NULL;
        lane->queued--;
        s->queued--;
        lane->in_flight = p;
        s->client.turn(s->client.ctx, p);
    }
    lane->pumping = false;
    lane_free_if_idle(s, lane);
}

static void lane_append(struct store *s, struct lane *lane, struct pending *p)
{
    p->tracker = lane->tracker;
    p->next = NULL;
    if (lane->tail)
        lane->tail->next = p;
    else
        lane->head = p;
    lane->tail = p;
    lane->queued++;
    s->queued++;
}

static void lane_unlink(struct store *s, struct lane *lane, struct pending *p)
{
    struct pending *before = NULL;
    struct pending *at = lane->head;

    if (lane->in_flight == p) {
        lane->in_flight = NULL;
        return;
    }
    while (at != p) {
        CHECK(at);
        before = at;
        at = at->next;
    }
    if (before)
        before->next = p->next;
    else
        lane->head = p->next;
    if (lane->tail == p)
        lane->tail = before;
    lane->queued--;
    s->queued--;
}

void store_hold(struct store *s, bool held)
{
    struct tracker *tracker;
    struct tracker **all;
    size_t count = 0;
    size_t at = 0;

    s->held = held;
    if (held || s->queued == 0)
        return;
    /* Turns may change the table of trackers, so the lanes are listed first. */
    all = malloc(s->queued * sizeof(struct tracker *));
    CHECK(all);
    while ((tracker = trackers_next(s->trackers, &at))) {
        if (tracker->lane && tracker->lane->head)
            all[count++] = tracker;
    }
    for (size_t i = 0; i < count; i++)
        lane_pump(s, all[i]->lane);
    free(all);
}

void store_quarantine_over(struct store *s, struct lane *lane)
{
    lane_pump(s, lane);
}

/* --- submit --- */

/* The earlier request that this one is a duplicate of, or NULL. */
static const struct seen *find_same(const struct store *s, const struct pending *p)
{
    const struct seen *seen = seen_find(&s->seen, &p->key);

    if (!seen || (!p->correlated && !p->dup))
        return NULL;
    return seen->state == SEEN_REFUSED && !p->dup ? NULL : seen; /* a refusal is judged anew, a redelivery is not */
}

static bool has_room(const struct store *s, const struct pending *p)
{
    const struct lane *lane = p->tracker ? p->tracker->lane : NULL;
    bool waits = s->held || (lane && (lane->head || !lane_may_start(s, lane)));

    if (waits && lane && lane->queued >= s->limits.tracker_queue_max)
        return false;
    return s->pending < s->limits.pending_max && s->pending_bytes + pending_bytes(p) <= s->limits.pending_bytes_max &&
           s->seen.by_key.count - s->seen.refused_count < s->limits.dedup_max;
}

static void remember(struct store *s, const struct pending *p, enum seen_state state, uint64_t now_ms)
{
    uint64_t replaced_id;

    seen_put(&s->seen, p, state, now_ms + s->limits.dedup_window_ms, &replaced_id);
    if (replaced_id)
        s->client.answer_expired(s->client.ctx, replaced_id);
    seen_limit_refused(&s->seen, s->limits.refused_max);
}

static struct lane *enter_lane(struct store *s, struct pending *p)
{
    struct lane *lane = lane_get(s, p->tracker ? p->tracker : trackers_get(s->trackers, p->tracker_id));

    s->pending++;
    s->pending_bytes += pending_bytes(p);
    lane_append(s, lane, p);
    return lane;
}

/* For its redeliveries; what is pending or answered under the same key counts more. */
static void remember_refusal(struct store *s, const struct pending *p, uint64_t now_ms)
{
    const struct seen *earlier = seen_find(&s->seen, &p->key);

    if (!earlier || earlier->state == SEEN_REFUSED)
        remember(s, p, SEEN_REFUSED, now_ms);
}

void store_submit(struct store *s, struct pending *p, uint64_t now_ms)
{
    const struct store_client *client = &s->client;
    const struct seen *same = find_same(s, p);
    struct lane *lane;

    if (same && same->state == SEEN_PENDING) {
        client->submitted(client->ctx, p, SUBMIT_PENDING, CODE_SUCCESS, OUTCOME_SUCCESS);
        return;
    }
    if (same) {
        client->submitted(client->ctx, p, SUBMIT_ANSWERED, same->code, same->outcome);
        return;
    }
    if (!p->tracker)
        p->tracker = trackers_find(s->trackers, p->tracker_id);
    if (p->code == CODE_SUCCESS && !has_room(s, p))
        p->code = CODE_QUEUE_ERROR;
    if (p->code != CODE_SUCCESS) {
        remember_refusal(s, p, now_ms);
        client->submitted(client->ctx, p, SUBMIT_NEW, p->code, p->outcome);
        return;
    }
    remember(s, p, SEEN_PENDING, now_ms);
    lane = enter_lane(s, p);
    client->submitted(client->ctx, p, SUBMIT_NEW, CODE_SUCCESS, OUTCOME_SUCCESS);
    lane_pump(s, lane);
}

bool store_was_refused(const struct store *s, const struct pending *p)
{
    const struct seen *seen = find_same(s, p);

    return seen && seen->state == SEEN_REFUSED;
}

bool store_gives_turn(const struct store *s, const struct pending *p)
{
    const struct lane *lane = p->tracker->lane;

    return lane->head == p && lane_may_start(s, lane) && !lane->pumping;
}

uint64_t store_same_id(const struct store *s, const struct pending *p)
{
    return find_same(s, p)->id;
}

/* --- complete --- */

void store_complete(struct store *s, struct pending *p, uint32_t quarantine_ms, uint64_t now_ms)
{
    struct lane *lane = p->tracker->lane;
    uint64_t id = p->id;
    bool remembered;

    lane_unlink(s, lane, p);
    s->pending--;
    s->pending_bytes -= pending_bytes(p);
    if (quarantine_ms)
        timers_set(s->timers, &lane->quarantine, now_ms + quarantine_ms);
    remembered = seen_answer(&s->seen, p, now_ms + s->limits.dedup_window_ms);
    s->client.completed(s->client.ctx, p);
    if (!remembered)
        s->client.answer_expired(s->client.ctx, id); /* a twin without correlation has taken its place */
    lane_pump(s, lane);
}

void store_expire(struct store *s, uint64_t now_ms)
{
    uint64_t id;

    while ((id = seen_expire(&s->seen, now_ms)))
        s->client.answer_expired(s->client.ctx, id);
}

int64_t store_wait_ms(const struct store *s, uint64_t now_ms)
{
    return seen_wait_ms(&s->seen, now_ms);
}

/* --- recovery --- */

void store_recover(struct store *s, struct pending *p)
{
    struct lane *lane;

    remember(s, p, SEEN_PENDING, 0);
    lane = enter_lane(s, p);
    if (p->state != PENDING_SENT)
        return;
    CHECK(!lane->in_flight);
    lane_unlink(s, lane, p);
    lane->in_flight = p;
}

void store_recover_refusal(struct store *s, const struct pending *p, uint64_t now_ms)
{
    remember_refusal(s, p, now_ms);
}

void store_recover_answer(struct store *s, const struct pending *p, uint64_t expires_ms)
{
    uint64_t replaced_id;

    seen_put(&s->seen, p, SEEN_ANSWERED, expires_ms, &replaced_id);
    if (replaced_id)
        s->client.answer_expired(s->client.ctx, replaced_id);
}

void store_recover_quarantine(struct store *s, int32_t tracker_id, uint64_t until_ms)
{
    timers_set(s->timers, &lane_get(s, trackers_get(s->trackers, tracker_id))->quarantine, until_ms);
}
