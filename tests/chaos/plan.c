#include "chaos/plan.h"

#include <stdlib.h>

#include "base/check.h"
#include "witness/dice.h"

const char *const fault_names[FAULT_KINDS] = {
    [FAULT_KILL] = "kill -9 of the service",
    [FAULT_FREEZE] = "SIGSTOP of the service",
    [FAULT_FREEZE_KILL] = "SIGSTOP, then kill -9 of the service",
    [FAULT_RELOAD] = "SIGHUP",
    [FAULT_RESTART] = "SIGTERM, drain and start",
    [FAULT_DISK_FULL] = "disk full",
    [FAULT_DISK_FULL_KILL] = "disk full, then kill -9",
    [FAULT_FILE_LIMIT] = "journal may not grow (EFBIG)",
    [FAULT_FILE_LIMIT_KILL] = "journal may not grow, then kill -9",
    [FAULT_BROKER_KILL] = "kill -9 of the broker, files kept",
    [FAULT_BROKER_LOSE] = "kill -9 of the broker, files lost",
    [FAULT_BROKER_FREEZE] = "SIGSTOP of the broker",
    [FAULT_CUT_SERVICE] = "cut of the service's connection",
    [FAULT_CUT_CLIENT] = "cut of one client's connection",
    [FAULT_CUT_CLIENTS] = "cut of all clients' connections",
    [FAULT_STALL] = "service's connection forwards nothing",
};

/* How many milliseconds a fault stays. */
static const struct {
    unsigned least, most;
} durations[FAULT_KINDS] = {
    [FAULT_KILL] = {0, 600},          [FAULT_FREEZE] = {300, 4000},          [FAULT_FREEZE_KILL] = {250, 1500},
    [FAULT_RESTART] = {0, 600},       [FAULT_DISK_FULL] = {1000, 4000},      [FAULT_DISK_FULL_KILL] = {1000, 3000},
    [FAULT_FILE_LIMIT] = {500, 4000}, [FAULT_FILE_LIMIT_KILL] = {500, 3000}, [FAULT_BROKER_KILL] = {0, 1500},
    [FAULT_BROKER_LOSE] = {0, 1500},  [FAULT_BROKER_FREEZE] = {300, 4000},   [FAULT_STALL] = {300, 5000},
};

static const enum lane lanes[FAULT_KINDS] = {
    [FAULT_BROKER_KILL] = LANE_BROKER, [FAULT_BROKER_LOSE] = LANE_BROKER, [FAULT_BROKER_FREEZE] = LANE_BROKER,
    [FAULT_CUT_SERVICE] = LANE_BROKER, [FAULT_CUT_CLIENT] = LANE_BROKER,  [FAULT_CUT_CLIENTS] = LANE_BROKER,
    [FAULT_STALL] = LANE_BROKER,
};

static bool waits_for_a_moment(enum fault_kind kind)
{
    return kind == FAULT_KILL || kind == FAULT_FREEZE || kind == FAULT_FREEZE_KILL || kind == FAULT_BROKER_KILL ||
           kind == FAULT_CUT_SERVICE;
}

/* Often at once: between an acknowledgement and the journal there may be some ten microseconds. */
static unsigned throw_delay(struct dice *dice)
{
    static const unsigned most_us[] = {0, 0, 100, 400, 1500};

    return dice_between(dice, 0, most_us[dice_between(dice, 0, 4)]);
}

/* Two thirds of them wait for a moment in which something is at stake, and come within a turn of it; the others come at
 * any time. Some kills follow the one before at once, into a service that is just starting. */
static struct fault throw_fault(enum fault_kind kind, struct dice *dice)
{
    struct fault f = {.kind = kind, .moment = MOMENTS};
    bool at_moment = dice_percent(dice, 67);
    unsigned moment = dice_between(dice, 0, MOMENTS - 1);
    bool at_once = dice_percent(dice, 15);
    unsigned pause_ms = dice_between(dice, 300, lanes[kind] == LANE_BROKER ? 5500 : 1800);

    if (waits_for_a_moment(kind) && at_moment)
        f.moment = (enum moment)moment;
    f.pause_ms = at_once ? pause_ms / 15 : pause_ms;
    f.delay_us = throw_delay(dice);
    f.duration_ms = dice_between(dice, durations[kind].least, durations[kind].most);
    f.with_reset = dice_percent(dice, 50);
    f.which = dice_between(dice, 0, 63);
    return f;
}

static void add(struct plan *p, enum fault_kind kind, unsigned count, struct dice *dice)
{
    enum lane lane = lanes[kind];

    p->faults[lane] = realloc(p->faults[lane], (p->count[lane] + count) * sizeof(struct fault));
    CHECK(p->faults[lane] || p->count[lane] + count == 0);
    for (unsigned i = 0; i < count; i++)
        p->faults[lane][p->count[lane]++] = throw_fault(kind, dice);
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

static unsigned some(unsigned kills, unsigned part)
{
    return (kills + part - 1) / part;
}

void plan_make(struct plan *p, uint64_t seed, unsigned service_kills, unsigned broker_kills, bool has_disk)
{
    struct dice dice = {seed};

    *p = (struct plan){0};
    add(p, FAULT_KILL, service_kills, &dice);
    add(p, FAULT_FREEZE, some(service_kills, 20), &dice);
    add(p, FAULT_FREEZE_KILL, some(service_kills, 20), &dice);
    add(p, FAULT_RELOAD, some(service_kills, 20), &dice);
    add(p, FAULT_RESTART, some(service_kills, 20), &dice);
    add(p, FAULT_FILE_LIMIT, some(service_kills, 40), &dice);
    add(p, FAULT_FILE_LIMIT_KILL, some(service_kills, 40), &dice);
    add(p, FAULT_DISK_FULL, has_disk ? some(service_kills, 40) : 0, &dice);
    add(p, FAULT_DISK_FULL_KILL, has_disk ? some(service_kills, 40) : 0, &dice);
    add(p, FAULT_BROKER_KILL, broker_kills - broker_kills / 2, &dice);
    add(p, FAULT_BROKER_LOSE, broker_kills / 2, &dice);
    add(p, FAULT_BROKER_FREEZE, some(broker_kills, 5), &dice);
    add(p, FAULT_CUT_SERVICE, some(broker_kills, 2), &dice);
    add(p, FAULT_CUT_CLIENT, some(broker_kills, 4), &dice);
    add(p, FAULT_CUT_CLIENTS, some(broker_kills, 10), &dice);
    add(p, FAULT_STALL, some(broker_kills, 5), &dice);
    for (enum lane lane = 0; lane < LANES; lane++)
        shuffle(p->faults[lane], p->count[lane], &dice);
}

void plan_release(struct plan *p)
{
    for (enum lane lane = 0; lane < LANES; lane++)
        free(p->faults[lane]);
}
