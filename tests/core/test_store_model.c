#include "core/store.h"

#include <criterion/criterion.h>

#include "support/lots.h"

/* The store against a model of it that is made of plain lists, over many random steps. After each one the store's own
 * structures are walked as well. */

enum { TRACKERS = 5, KEYS = 40, PENDING_MAX = 30, QUEUE_MAX = 6, DEDUP_MAX = 36, REFUSED_MAX = 6, WINDOW_MS = 60 };

/* What the model knows of a key. */
struct memory {
    bool there;
    enum seen_state state;
    uint64_t id;
    enum code code;
    enum outcome outcome;
    uint64_t expires_ms;
    uint64_t order;
};

/* What the model knows of a tracker: all that is pending, in its order. */
struct line {
    struct pending *waiting[PENDING_MAX + 1];
    unsigned count;
    struct pending *in_flight;
    uint64_t quarantine_until_ms; /* 0: none */
};

static struct {
    struct store store;
    struct trackers trackers;
    struct timers timers;
    struct memory keys[KEYS];
    struct line lines[TRACKERS];
    bool held;
    uint64_t now_ms;
    uint64_t next_id;
    uint64_t next_order;
    struct lots lots;
    /* of the submission that is being made */
    enum submit_verdict verdict;
    enum code code;
    enum outcome outcome;
    bool accepted;
    /* how often things happened */
    unsigned turns, completed, duplicates, refusals, full, forgotten, quarantines;
} m;

static struct line *line_of(const struct pending *p)
{
    return &m.lines[p->tracker_id - 1];
}

static struct memory *memory_of(const struct pending *p)
{
    return &m.keys[p->key.bytes[0]];
}

static bool line_may_start(const struct line *line)
{
    return !m.held && !line->in_flight && line->quarantine_until_ms == 0 && line->count > 0;
}

static void line_remove(struct line *line, const struct pending *p)
{
    unsigned at = 0;

    while (line->waiting[at] != p)
        cr_assert_lt(++at, line->count);
    line->count--;
    memmove(&line->waiting[at], &line->waiting[at + 1], (line->count - at) * sizeof line->waiting[0]);
}

static unsigned count_in(enum seen_state state)
{
    unsigned count = 0;

    for (int i = 0; i < KEYS; i++)
        count += m.keys[i].there && m.keys[i].state == state;
    return count;
}

static void forget_oldest_refusal(void)
{
    struct memory *oldest = NULL;

    for (int i = 0; i < KEYS; i++) {
        struct memory *key = &m.keys[i];

        if (key->there && key->state == SEEN_REFUSED && (!oldest || key->order < oldest->order))
            oldest = key;
    }
    oldest->there = false;
}

static void remember(const struct pending *p, enum seen_state state)
{
    *memory_of(p) = (struct memory){true, state, p->id, p->code, p->outcome, m.now_ms + WINDOW_MS, m.next_order++};
    while (count_in(SEEN_REFUSED) > REFUSED_MAX)
        forget_oldest_refusal();
}

/* --- what the store says, and whether it may --- */

static void on_submitted(void *ctx, struct pending *p, enum submit_verdict verdict, enum code code,
                         enum outcome outcome)
{
    (void)ctx;
    m.verdict = verdict;
    m.code = code;
    m.outcome = outcome;
    m.accepted = verdict == SUBMIT_NEW && code == CODE_SUCCESS;
    if (m.accepted)
        line_of(p)->waiting[line_of(p)->count++] = p;
}

static void complete(struct pending *p, uint32_t quarantine_ms)
{
    struct line *line = line_of(p);
    struct memory *key = memory_of(p);

    p->code = lots_below(&m.lots, 2) ? CODE_SUCCESS : CODE_OFFLINE;
    p->outcome = p->code ? OUTCOME_UNKNOWN : OUTCOME_SUCCESS;
    if (line->in_flight == p)
        line->in_flight = NULL;
    else
        line_remove(line, p);
    if (quarantine_ms)
        line->quarantine_until_ms = m.now_ms + quarantine_ms;
    if (key->there && key->id == p->id)
        remember(p, SEEN_ANSWERED);
    m.quarantines += quarantine_ms > 0;
    store_complete(&m.store, p, quarantine_ms, m.now_ms);
}

static void on_turn(void *ctx, struct pending *p)
{
    struct line *line = line_of(p);

    (void)ctx;
    m.turns++;
    cr_assert(line_may_start(line), "it is nobody's turn");
    cr_assert_eq(line->waiting[0], p, "it is the turn of another one");
    line_remove(line, p);
    line->in_flight = p;
    if (lots_below(&m.lots, 4) == 0)
        complete(p, 0);
}

static void on_completed(void *ctx, struct pending *p)
{
    (void)ctx;
    m.completed++;
    pending_free(p);
}

/* What the model still knows of must be an answer whose window is over; the others were replaced. */
static void on_expired(void *ctx, uint64_t id)
{
    (void)ctx;
    m.forgotten++;
    for (int i = 0; i < KEYS; i++) {
        struct memory *key = &m.keys[i];

        if (!key->there || key->id != id)
            continue;
        cr_assert_eq(key->state, SEEN_ANSWERED);
        cr_assert_leq(key->expires_ms, m.now_ms);
        key->there = false;
    }
}

/* --- steps --- */

struct expectation {
    enum submit_verdict verdict;
    enum code code;
    enum outcome outcome;
};

static bool model_has_room(const struct pending *p)
{
    const struct line *line = line_of(p);
    bool starts = !m.held && !line->in_flight && line->quarantine_until_ms == 0 && line->count == 0;
    unsigned pending = 0;

    for (int i = 0; i < TRACKERS; i++)
        pending += m.lines[i].count + (m.lines[i].in_flight != NULL);
    return pending < PENDING_MAX && (starts || line->count < QUEUE_MAX) &&
           count_in(SEEN_PENDING) + count_in(SEEN_ANSWERED) < DEDUP_MAX;
}

static struct expectation expect_of(const struct pending *p)
{
    const struct memory *key = memory_of(p);
    bool same = key->there && (p->dup || (p->correlated && key->state != SEEN_REFUSED));

    if (same && key->state == SEEN_PENDING)
        return (struct expectation){SUBMIT_PENDING, CODE_SUCCESS, OUTCOME_SUCCESS};
    if (same)
        return (struct expectation){SUBMIT_ANSWERED, key->code, key->outcome};
    if (p->code != CODE_SUCCESS)
        return (struct expectation){SUBMIT_NEW, p->code, p->outcome};
    if (!model_has_room(p))
        return (struct expectation){SUBMIT_NEW, CODE_QUEUE_ERROR, OUTCOME_NOT_SENT};
    return (struct expectation){SUBMIT_NEW, CODE_SUCCESS, OUTCOME_SUCCESS};
}

static struct pending *draw_request(void)
{
    struct pending *p = pending_new(bytes_of_text("reply"), (struct bytes){0});

    p->id = ++m.next_id;
    p->tracker_id = (int32_t)lots_below(&m.lots, TRACKERS) + 1;
    p->key.bytes[0] = (uint8_t)lots_below(&m.lots, KEYS);
    p->correlated = lots_below(&m.lots, 4) > 0;
    p->dup = lots_below(&m.lots, 4) == 0;
    p->code = lots_below(&m.lots, 5) ? CODE_SUCCESS : CODE_DEVICE_BLOCKED;
    p->outcome = OUTCOME_NOT_SENT;
    return p;
}

static void step_submit(void)
{
    struct pending *p = draw_request();
    struct expectation expected = expect_of(p);
    struct memory before = *memory_of(p);
    bool refused = expected.verdict == SUBMIT_NEW && expected.code != CODE_SUCCESS;

    m.duplicates += expected.verdict != SUBMIT_NEW;
    m.refusals += refused;
    m.full += refused && p->code == CODE_SUCCESS;
    if (expected.verdict == SUBMIT_NEW && !refused)
        remember(p, SEEN_PENDING); /* now: its turn may come within the submission */
    store_submit(&m.store, p, m.now_ms);
    cr_assert(m.verdict == expected.verdict && m.code == expected.code, "%d %d, not %d %d", m.verdict, m.code,
              expected.verdict, expected.code);
    if (expected.verdict != SUBMIT_PENDING && expected.code != CODE_SUCCESS)
        cr_assert_eq(m.outcome, expected.outcome);
    if (refused && (!before.there || before.state == SEEN_REFUSED))
        remember(p, SEEN_REFUSED);
    if (!m.accepted)
        pending_free(p);
}

static void step_complete(void)
{
    struct line *line = &m.lines[lots_below(&m.lots, TRACKERS)];
    unsigned which = lots_below(&m.lots, QUEUE_MAX);

    if (line->in_flight && which >= line->count)
        complete(line->in_flight, lots_below(&m.lots, 4) ? 0 : 1 + lots_below(&m.lots, 20));
    else if (which < line->count)
        complete(line->waiting[which], 0);
}

static void step_hold(void)
{
    m.held = lots_below(&m.lots, 4) == 0;
    store_hold(&m.store, m.held);
}

static void step_time(void)
{
    m.now_ms += lots_below(&m.lots, 10);
    while (timers_wait_ms(&m.timers, m.now_ms) == 0) {
        uint64_t due_ms = m.timers.heap[0].due_ms;
        struct lane *lane = (struct lane *)timers_expire(&m.timers, m.now_ms);
        struct line *line = &m.lines[lane->tracker->id - 1];

        cr_assert_eq(due_ms, line->quarantine_until_ms);
        line->quarantine_until_ms = 0;
        store_quarantine_over(&m.store, lane);
    }
    store_expire(&m.store, m.now_ms);
    for (int i = 0; i < KEYS; i++) {
        struct memory *key = &m.keys[i];
        bool over = key->there && key->state != SEEN_PENDING && key->expires_ms <= m.now_ms;

        cr_assert(!over || key->state == SEEN_REFUSED, "an answer is kept beyond its window");
        key->there &= !over;
    }
}

/* --- after each step --- */

static unsigned expect_same_lane(int32_t tracker_id)
{
    const struct line *line = &m.lines[tracker_id - 1];
    const struct tracker *tracker = trackers_find(&m.trackers, tracker_id);
    const struct lane *lane = tracker ? tracker->lane : NULL;
    unsigned count = 0;

    cr_assert_eq(lane != NULL, line->count > 0 || line->in_flight || line->quarantine_until_ms > 0);
    cr_assert_eq(lane != NULL, tracker != NULL);
    cr_assert_not(line_may_start(line), "somebody's turn was missed");
    if (!lane)
        return 0;
    cr_assert(lane->tracker == tracker && lane->in_flight == line->in_flight && !lane->pumping);
    cr_assert_eq(lane->quarantine.place != 0, line->quarantine_until_ms > 0);
    for (const struct pending *p = lane->head; p; p = p->next) {
        cr_assert_lt(count, line->count);
        cr_assert(p == line->waiting[count] && p->tracker == tracker && p->tracker_id == tracker_id);
        cr_assert(p->next || lane->tail == p);
        count++;
    }
    cr_assert(count == line->count && count == lane->queued && (lane->head || !lane->tail));
    return count + (lane->in_flight != NULL);
}

static void expect_same(void)
{
    unsigned pending = 0;
    unsigned in_flight = 0;

    for (int32_t id = 1; id <= TRACKERS; id++) {
        pending += expect_same_lane(id);
        in_flight += m.lines[id - 1].in_flight != NULL;
    }
    cr_assert_eq(m.store.pending, pending);
    cr_assert_eq(m.store.queued, pending - in_flight);
    cr_assert_eq(m.store.pending_bytes, pending * (sizeof(struct pending) + strlen("reply")));
    cr_assert_leq(pending, PENDING_MAX);
    cr_assert_eq(m.store.seen.refused_count, count_in(SEEN_REFUSED));
    cr_assert_eq(m.store.seen.by_key.count, count_in(SEEN_PENDING) + count_in(SEEN_ANSWERED) + count_in(SEEN_REFUSED));
    cr_assert_eq(m.completed, m.forgotten + count_in(SEEN_ANSWERED), "each answer is forgotten once");
    cr_assert(timers_are_sound(&m.timers));
}

Test(store_model, agrees_over_random_operations, .timeout = 120)
{
    const struct store_client client = {NULL, on_submitted, on_turn, on_completed, on_expired};

    store_init(&m.store, &client, &m.trackers, &m.timers);
    m.store.limits = (struct store_limits){PENDING_MAX, QUEUE_MAX, UINT64_MAX, DEDUP_MAX, REFUSED_MAX, WINDOW_MS};
    m.lots.state = 1795000000;
    m.now_ms = 1;
    for (int step = 0; step < 100000; step++) {
        unsigned what = lots_below(&m.lots, 16);

        if (what < 8)
            step_submit();
        else if (what < 12)
            step_complete();
        else if (what < 13)
            step_hold();
        else
            step_time();
        expect_same();
    }
    cr_assert(m.turns > 5000 && m.duplicates > 5000 && m.refusals > 5000 && m.full > 300 && m.forgotten > 1000 &&
                  m.quarantines > 500,
              "%u turns, %u duplicates, %u refusals, %u full, %u forgotten, %u quarantines", m.turns, m.duplicates,
              m.refusals, m.full, m.forgotten, m.quarantines);
    store_release(&m.store);
    trackers_release(&m.trackers);
    timers_release(&m.timers);
}
