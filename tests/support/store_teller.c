#include "support/store_teller.h"

#include <criterion/criterion.h>

struct teller teller;

static void tell(const char *what, uint64_t id)
{
    buffer_printf(&teller.told, "%s%s %llu", teller.told.len ? "; " : "", what, (unsigned long long)id);
}

static void on_submitted(void *ctx, struct pending *p, enum submit_verdict verdict, enum code code,
                         enum outcome outcome)
{
    static const char *const names[] = {"new", "pending", "answered"};

    cr_assert_eq(ctx, &teller);
    tell(names[verdict], p->id);
    if (verdict == SUBMIT_ANSWERED || code != CODE_SUCCESS)
        buffer_printf(&teller.told, " (%d %s)", code, outcome_name(outcome));
    if (verdict == SUBMIT_NEW && code == CODE_SUCCESS)
        teller.held[p->id] = p;
    else
        pending_free(p);
}

static void on_turn(void *ctx, struct pending *p)
{
    cr_assert_eq(ctx, &teller);
    cr_assert_eq(p->tracker->lane->in_flight, p);
    tell("turn", p->id);
    if (teller.ends_in_its_turn)
        teller_end(p->id, CODE_OFFLINE, OUTCOME_NOT_SENT, 0);
}

static void on_completed(void *ctx, struct pending *p)
{
    cr_assert_eq(ctx, &teller);
    tell("done", p->id);
    teller.held[p->id] = NULL;
    pending_free(p);
}

static void on_expired(void *ctx, uint64_t id)
{
    cr_assert_eq(ctx, &teller);
    tell("forgot", id);
}

void teller_open(void)
{
    const struct store_client client = {&teller, on_submitted, on_turn, on_completed, on_expired};

    store_init(&teller.store, &client, &teller.trackers, &teller.timers);
    teller.store.limits = (struct store_limits){.pending_max = 50,
                                                .tracker_queue_max = 10,
                                                .pending_bytes_max = 1000000,
                                                .dedup_max = 90,
                                                .refused_max = 5,
                                                .dedup_window_ms = TELLER_WINDOW_MS};
}

void teller_close(void)
{
    store_release(&teller.store);
    trackers_release(&teller.trackers);
    timers_release(&teller.timers);
    buffer_release(&teller.told);
}

struct pending *teller_asked(const struct ask *ask)
{
    struct pending *p = pending_new(bytes_of_text("reply"), (struct bytes){0});

    p->id = ask->id;
    p->tracker_id = ask->tracker_id;
    p->key.bytes[0] = (uint8_t)(ask->key ? ask->key : 100 + ask->id);
    p->correlated = !ask->uncorrelated;
    p->dup = ask->dup;
    p->code = ask->refused;
    p->outcome = ask->outcome;
    p->state = ask->state;
    teller.held[p->id] = p;
    return p;
}

void teller_end(uint64_t id, enum code code, enum outcome outcome, uint32_t quarantine_ms)
{
    struct pending *p = teller.held[id];

    p->code = code;
    p->outcome = outcome;
    store_complete(&teller.store, p, quarantine_ms, teller.now_ms);
}

void teller_ack(uint64_t id)
{
    teller_end(id, CODE_SUCCESS, OUTCOME_SUCCESS, 0);
}

void teller_pass(uint64_t ms)
{
    struct timer *timer;

    teller.now_ms += ms;
    while ((timer = timers_expire(&teller.timers, teller.now_ms))) {
        cr_assert_eq(timer->kind, STORE_TIMER_QUARANTINE);
        store_quarantine_over(&teller.store, (struct lane *)timer);
    }
    store_expire(&teller.store, teller.now_ms);
}

void teller_expect(const char *expected, int line)
{
    cr_expect(bytes_equal_text(buffer_bytes(&teller.told), expected), "line %d: it told '%.*s', not '%s'", line,
              (int)teller.told.len, (const char *)teller.told.data, expected);
    buffer_clear(&teller.told);
}
