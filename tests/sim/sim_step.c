#include "sim.h"

const char *const step_names[STEP_KIND_COUNT] = {
    [STEP_REQUEST] = "request",   [STEP_AGAIN] = "again", [STEP_ACK] = "ack",   [STEP_NOISE] = "noise",
    [STEP_PRESENCE] = "presence", [STEP_WIRE] = "wire",   [STEP_TURN] = "turn", [STEP_WAIT] = "wait",
    [STEP_PAUSE] = "pause",       [STEP_SWAP] = "swap",   [STEP_CUT] = "cut",   [STEP_BROKER] = "broker",
    [STEP_CRASH] = "crash",       [STEP_POWER] = "power", [STEP_DISK] = "disk", [STEP_CLOCK] = "clock",
    [STEP_RELOAD] = "reload",     [STEP_DRAIN] = "drain",
};

static uint64_t random_of_step;
static unsigned request_count;

void dice_seed(uint64_t seed)
{
    random_of_step = seed;
    request_count = sim.step == 0 ? 0 : request_count;
}

/* splitmix64 */
uint64_t dice_next(uint64_t *random)
{
    uint64_t z = *random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint32_t dice(uint32_t sides)
{
    return (uint32_t)((dice_next(&random_of_step) >> 32) * sides >> 32);
}

/* --- what happens --- */

static void request(void)
{
    if (request_count < REQUESTS_MAX)
        world_request(request_count++, true);
}

static void again(void)
{
    unsigned back = 1 + dice(12);

    if (back <= request_count && (!oracle_has_reply(request_count - back) || dice(6) == 0))
        world_request(request_count - back, false);
}

static void ack(void)
{
    world_ack(dice(TRACKERS));
}

static void presence(void)
{
    unsigned tracker = dice(TRACKERS);

    world_tracker_online(tracker, !world_tracker_is_online(tracker) || dice(3) == 0);
}

static void carry(void)
{
    broker_carry(1 + dice(20));
}

static void wait(void)
{
    service_wait(1 + dice(dice(8) ? 200 : 3000));
}

/* What is on its way arrives meanwhile. */
static void stand_still(void)
{
    broker_carry(200);
    sim.now_ms += dice(dice(4) ? 300 : 5000);
    broker_expire_session();
}

static void restart_broker(void)
{
    bool keeps = dice(2);

    broker_restart(keeps, keeps || dice(2));
}

static void crash(void)
{
    sim.crash_in = 1 + dice(40);
}

static void lose_power(void)
{
    service_restart(true);
}

static void spoil_disk(void)
{
    if (sim.disk.fails || sim.disk.sync_fails)
        sim.disk.fails = sim.disk.sync_fails = false;
    else if (sim.sync && dice(2))
        sim.disk.sync_fails = true;
    else
        sim.disk.fails = true;
}

static void step_clock(void)
{
    static const int64_t steps_ms[] = {3600000, -3600000, 700, -700, 30000, -30000};

    sim.wall_ms += steps_ms[dice(6)];
}

static void reload(void)
{
    struct config drawn = sim.config;

    world_config();
    sim.next_config = sim.config.engine_config;
    sim.config = drawn;
    sim.reload = true;
}

static void drain(void)
{
    life_drain(sim.service);
}

static const struct {
    unsigned share;
    void (*happens)(void);
} kinds[STEP_KIND_COUNT] = {
    [STEP_REQUEST] = {160, request},
    [STEP_AGAIN] = {40, again},
    [STEP_ACK] = {320, ack},
    [STEP_NOISE] = {15, world_noise},
    [STEP_PRESENCE] = {40, presence},
    [STEP_WIRE] = {200, carry},
    [STEP_TURN] = {300, service_turn_all},
    [STEP_WAIT] = {120, wait},
    [STEP_PAUSE] = {20, stand_still},
    [STEP_SWAP] = {20, broker_swap},
    [STEP_CUT] = {8, broker_cut},
    [STEP_BROKER] = {3, restart_broker},
    [STEP_CRASH] = {8, crash},
    [STEP_POWER] = {1, lose_power},
    [STEP_DISK] = {4, spoil_disk},
    [STEP_CLOCK] = {2, step_clock},
    [STEP_RELOAD] = {3, reload},
    [STEP_DRAIN] = {1, drain},
};

struct step step_draw(uint64_t *random)
{
    unsigned total = 0;
    unsigned at;
    unsigned kind = 0;

    for (size_t i = 0; i < STEP_KIND_COUNT; i++)
        total += kinds[i].share;
    at = (unsigned)(dice_next(random) % total);
    while (at >= kinds[kind].share)
        at -= kinds[kind++].share;
    return (struct step){(enum step_kind)kind, dice_next(random)};
}

void step_run(struct step step)
{
    dice_seed(step.random);
    kinds[step.kind].happens();
    oracle_after_step();
}
