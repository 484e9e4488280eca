#include "cluster/plan.h"

#include <stdlib.h>

#include "base/check.h"
#include "witness/dice.h"

const char *const fault_names[FAULT_KINDS] = {
    [FAULT_KILL] = "kill -9 of an instance",           [FAULT_KILL_FOR_GOOD] = "kill -9 of an instance for good",
    [FAULT_FREEZE] = "SIGSTOP of an instance",         [FAULT_REDIS_KILL] = "kill -9 of Redis, its log kept",
    [FAULT_REDIS_LOSE] = "kill -9 of Redis, all lost", [FAULT_REDIS_FREEZE] = "SIGSTOP of Redis",
    [FAULT_DATABASE_KILL] = "kill -9 of PostgreSQL",   [FAULT_DATABASE_RESTART] = "restart of PostgreSQL",
    [FAULT_BROKER_RESTART] = "restart of the broker",
};

/* How many milliseconds a fault stays, and how many pass before the next one of its row. Every other one is a short
 * one: at most a sixth of the longest. */
static const struct {
    unsigned least, most, pause_least, pause_most;
} times[FAULT_KINDS] = {
    [FAULT_KILL] = {0, 4000, 100, 2500},
    [FAULT_KILL_FOR_GOOD] = {500, 8000, 100, 2500},
    [FAULT_FREEZE] = {100, 12000, 100, 2500},
    [FAULT_REDIS_KILL] = {0, 4000, 2000, 12000},
    [FAULT_REDIS_LOSE] = {0, 3000, 2000, 12000},
    [FAULT_REDIS_FREEZE] = {100, 5000, 2000, 12000},
    [FAULT_DATABASE_KILL] = {0, 8000, 5000, 20000},
    [FAULT_DATABASE_RESTART] = {0, 8000, 5000, 20000},
    [FAULT_BROKER_RESTART] = {0, 5000, 10000, 30000},
};

/* Of those that are not done to instances. */
static const enum row rows[FAULT_KINDS] = {
    [FAULT_REDIS_KILL] = ROW_REDIS,       [FAULT_REDIS_LOSE] = ROW_REDIS,          [FAULT_REDIS_FREEZE] = ROW_REDIS,
    [FAULT_DATABASE_KILL] = ROW_DATABASE, [FAULT_DATABASE_RESTART] = ROW_DATABASE, [FAULT_BROKER_RESTART] = ROW_BROKER,
};

static struct fault throw_fault(enum fault_kind kind, struct dice *dice)
{
    static const unsigned delays_us[] = {0, 0, 100, 400, 1500};
    struct fault f = {.kind = kind, .moment = MOMENTS};
    bool is_short = dice_percent(dice, 50);
    unsigned most = is_short ? times[kind].least + (times[kind].most - times[kind].least) / 6 : times[kind].most;
    bool at_moment = dice_percent(dice, 67);
    unsigned moment = dice_between(dice, 0, MOMENTS - 1);

    if ((kind == FAULT_KILL || kind == FAULT_KILL_FOR_GOOD || kind == FAULT_FREEZE) && at_moment)
        f.moment = (enum moment)moment;
    f.pause_ms = dice_between(dice, times[kind].pause_least, times[kind].pause_most);
    f.delay_us = dice_between(dice, 0, delays_us[dice_between(dice, 0, 4)]);
    f.duration_ms = dice_between(dice, times[kind].least, most);
    f.which = dice_between(dice, 0, 59);
    return f;
}

static void add(struct plan *p, enum row row, enum fault_kind kind, unsigned count, struct dice *dice)
{
    p->faults[row] = realloc(p->faults[row], (p->count[row] + count + 1) * sizeof(struct fault));
    CHECK(p->faults[row]);
    for (unsigned i = 0; i < count; i++)
        p->faults[row][p->count[row]++] = throw_fault(kind, dice);
}

static void shuffle(struct fault *faults, size_t count, struct dice *dice)
{
    for (size_t i = count; i > 1; i--) {
        size_t other = dice_throw(dice) % i;
        struct fault swapped = faults[i - 1];

        faults[i - 1] = faults[other];
        faults[other] = swapped;
    }
}

void plan_make(struct plan *p, const struct plan_options *options)
{
    struct dice dice = {options->seed};

    *p = (struct plan){0};
    for (enum fault_kind kind = 0; kind < FAULT_KINDS; kind++) {
        unsigned count = options->counts[kind];

        if (kind <= FAULT_FREEZE) {
            add(p, ROW_INSTANCES, kind, count - count / 2, &dice);
            add(p, ROW_OTHER_INSTANCES, kind, count / 2, &dice);
        } else {
            add(p, rows[kind], kind, count, &dice);
        }
    }
    for (enum row row = 0; row < ROWS; row++)
        shuffle(p->faults[row], p->count[row], &dice);
}

void plan_release(struct plan *p)
{
    for (enum row row = 0; row < ROWS; row++)
        free(p->faults[row]);
}
