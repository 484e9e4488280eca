/* A random walk: requests, repeats, acks good and bad, presence, time, commits, a journal that fails, and crashes or
 * not. After every step the promises hold. The seed is in the test's name; the same seed is the same walk. */
#include "test_engine_walk.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 60000, REPEAT_MS = 40000, RECENT = 64 };

static uint32_t dice(uint32_t sides)
{
    walk.random ^= walk.random << 13;
    walk.random ^= walk.random >> 7;
    walk.random ^= walk.random << 17;
    return (uint32_t)(walk.random >> 32) % sides;
}

static void say(struct wish *w, bool dup)
{
    w->request.dup = dup;
    walk.current = w;
    stage_request(&w->request);
    walk.current = NULL;
}

static void request(void)
{
    struct wish *w = &walk.wishes[walk.count];

    w->walker = dice(WALKERS);
    snprintf(w->correlation, sizeof w->correlation, "w%zu", walk.count++);
    w->born_ms = stage->now.mono_ms;
    w->request = (struct stage_request){
        .tracker = walkers[w->walker],
        .output = (int32_t)(1 + dice(dice(20) ? 2 : 4)),
        .enable = dice(2),
        .correlation = w->correlation,
        .has_expiry = dice(4) == 0,
        .expiry_s = dice(12),
        .hash = dice(40) ? HASH_MASTER : HASH_SUB,
    };
    if (dice(4) == 0) {
        w->request.action = "set_all";
        w->request.outputs = dice(3) ? "1,0,1" : "0,1";
    }
    say(w, false);
}

static void repeat(void)
{
    size_t back = 1 + dice(RECENT);
    struct wish *w = back <= walk.count ? &walk.wishes[walk.count - back] : NULL;

    if (w && stage->now.mono_ms - w->born_ms < REPEAT_MS)
        say(w, dice(2));
}

static void ack_text(struct walker *t, bool success)
{
    char text[64];
    const char *what = t->command.what;

    if (t->last->request.tracker == TRACKER_FIFO)
        snprintf(text, sizeof text, "%s", success ? "OK" : "ERR");
    else if (t->last->request.tracker == TRACKER_ECHO)
        snprintf(text, sizeof text, "%s;%.*s\n", success ? "OK" : "NO", (int)strcspn(what, "\r"), what);
    else
        snprintf(text, sizeof text, "%s", success ? "now 101" : "what?");
    if (t->last->request.tracker == TRACKER_STATED && success)
        memcpy(text + 4, what + 4, 3);
    stage_tell(t->last->request.tracker, text);
}

/* Good, late or for the second time: whatever the last command is by now. */
static void ack(void)
{
    struct walker *t = &walk.walkers[dice(WALKERS)];
    bool success = dice(4) > 0;

    if (!t->last || t->mute)
        return;
    walk.teller = t;
    walk.tells_success = success;
    if (!t->command.content_type)
        ack_text(t, success);
    else if (success)
        stage_ack(&t->command);
    else
        stage_refuse(&t->command);
    walk.teller = NULL;
}

static void noise(void)
{
    static const char *const topics[] = {
        "tracker/101/output/ack", "tracker/104/output/ack", "tracker/105/output/ack", "dev/IMEI-114/ack",
        "tracker/101/status",     "api/tracker/output/set", "api/tracker/output/x",   "nowhere"};
    char bytes[24];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)dice(256);
    stage_publish(&(struct stage_publish){.topic = topics[dice(8)],
                                          .payload = dice(3) ? bytes : "{\"id\":0,\"success\":true}",
                                          .len = 1 + dice(sizeof bytes - 1),
                                          .correlation_id = dice(1000),
                                          .retain = dice(4) == 0});
}

static void presence(void)
{
    unsigned i = dice(WALKERS);

    walk.walkers[dice(WALKERS)].mute = dice(2);
    walk.walkers[i].online = !walk.walkers[i].online || dice(2);
    if (walk.walkers[i].online)
        stage_online(walkers[i]);
    else
        stage_offline(walkers[i]);
}

static void short_while(void)
{
    stage_advance(dice(600));
}

static void long_while(void)
{
    stage_advance(dice(6000));
}

static void commit(void)
{
    stage_commit();
    if (!stage_journal_is_down())
        keep_promises();
}

/* Also tells the broker what has arrived. */
static void commit_and_send(void)
{
    commit();
    stage_send();
    walk.first_unsafe = walk.count;
}

static void reload(void)
{
    stage_tracker(TRACKER_JSON_2)->tracker.blocked = dice(4) == 0;
    stage_session(HASH_SUB)->session.may_set_output = dice(2);
    stage->without_profile = dice(4) ? NULL : "echo";
    stage_reload();
}

static void reconnect(void)
{
    walk.reading = dice(3) == 0;
    if (walk.reading)
        engine_presence_reading(stage->engine);
    else
        stage_reconnect();
}

static void crash(void)
{
    forget_promises();
    walk.reading = true;
    stage_crash_and_recover();
    for (size_t i = walk.first_unsafe; i < walk.count; i++)
        say(&walk.wishes[i], true);
}

static void trouble(void)
{
    if (walk.crashes && dice(2))
        crash();
    else if (dice(3) == 0)
        stage_journal_breaks();
    else
        stage_journal_works();
}

static const struct {
    unsigned share;
    void (*happens)(void);
} events[] = {
    {350, request},         {80, repeat},        {240, ack},      {30, noise},
    {40, presence},         {60, short_while},   {9, long_while}, {20, commit},
    {100, commit_and_send}, {60, stage_deliver}, {3, reload},     {8, reconnect},
    {4, trouble},
};

enum { EVENTS = sizeof events / sizeof *events };

static void step(void)
{
    unsigned total = 0;
    unsigned at;
    size_t i = 0;

    for (size_t n = 0; n < EVENTS; n++)
        total += events[n].share;
    for (at = dice(total); at >= events[i].share; i++)
        at -= events[i].share;
    events[i].happens();
    walk.happened[i]++;
    HOLDS(engine_totals(stage->engine).pending == walk.pending);
    HOLDS(engine_totals(stage->engine).queued <= walk.pending);
}

/* --- one walk --- */

static void begin(uint64_t seed, bool crashes)
{
    walk.random = seed * UINT64_C(0x9E3779B97F4A7C15);
    walk.crashes = crashes;
    walk.wishes = calloc(STEPS, sizeof *walk.wishes);
    HOLDS(walk.wishes);
    stage->config.store.tracker_queue_max = 4;
    stage->config.store.pending_max = 20;
    stage->config.user_rate = 100;
    stage_reload();
    watch_promises();
}

/* Time goes by, and everything that was taken on has its reply. */
static void end(void)
{
    stage_journal_works();
    walk.reading = false;
    stage_reconnect();
    for (int i = 0; i < 3; i++) {
        stage_advance(30000);
        commit_and_send();
        stage_deliver();
    }
    commit();
    HOLDS(engine_totals(stage->engine).pending == 0);
    HOLDS(engine_totals(stage->engine).remembered == 0);
    for (size_t i = 0; i < walk.count; i++)
        cr_assert(walk.wishes[i].replied, "request %zu has no reply", i);
    if (walk.crashes)
        cr_assert_eq(stage_journal_count(JOURNAL_REQUEST) + stage_journal_count(JOURNAL_ANSWER), 0u);
    for (size_t i = 0; i < EVENTS; i++)
        cr_assert_gt(walk.happened[i], 50u, "event %zu hardly ever happened", i);
    for (int outcome = 0; outcome <= OUTCOME_UNKNOWN; outcome++)
        cr_assert_gt(walk.outcomes[outcome], 200u, "a walk with too little %s", outcome_name((enum outcome)outcome));
    for (size_t i = 0; i < WALKERS; i++)
        free_command(&walk.walkers[i].command);
    forget_promises();
    map_release(&walk.by_id);
    map_release(&walk.refusals);
    free(walk.wishes);
}

static void walk_along(uint64_t seed, bool crashes)
{
    begin(seed, crashes);
    for (walk.step = 0; walk.step < STEPS; walk.step++)
        step();
    end();
}

TestSuite(engine_walk, .init = stage_open, .fini = stage_close, .timeout = 120);

#define WALK(seed_, how_, crashes_)                        \
    Test(engine_walk, promises_hold_##how_##_seed_##seed_) \
    {                                                      \
        walk_along(seed_, crashes_);                       \
    }

WALK(1, over_crashes, true)
WALK(2, over_crashes, true)
WALK(3, over_crashes, true)
WALK(4, over_journal_failures, false)
WALK(5, over_journal_failures, false)
