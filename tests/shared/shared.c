/* shared: simulates until STEPS are taken or SECONDS are over, in episodes of a world of their own each. SEED= and
 * STEPS=1 replay one of them, TRACE=1 prints what happens. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "shared.h"

enum { EPISODE_STEPS = 1500, HEAL_MS = 120000 };

uint64_t now_ms;
unsigned step_number;
static uint64_t random_state;
static uint64_t episode_seed;
static uint64_t taken; /* steps of the episodes before */
static bool is_traced;
static bool forgets; /* this episode: the server loses everything now and then; else instances die for good */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t dice(uint32_t sides)
{
    return (uint32_t)(next_random(&random_state) >> 32) % sides;
}

void trace(const char *format, ...)
{
    va_list args;

    if (!is_traced)
        return;
    printf("%4u %8" PRIu64 " ms   ", step_number, now_ms);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

void broken(const char *invariant, const char *format, ...)
{
    va_list args;

    printf("BROKEN after step %u, at %" PRIu64 " ms: %s: ", step_number, now_ms, invariant);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n%" PRIu64 " steps in all\n", taken);
    printf("FAILED: to see it again, SEED=%#" PRIx64 " STEPS=1 TRACE=1\n", episode_seed);
    exit(EXIT_FAILURE);
}

/* --- steps --- */

static bool can_act(unsigned instance)
{
    return instance_is_alive(instance) && !instance_is_paused(instance);
}

static void answer_some(unsigned instance, unsigned most)
{
    while (most-- > 0 && server_answer_one(instance))
        ;
}

static void run_some(unsigned instance, unsigned most)
{
    while (most-- > 0 && server_run_one(instance))
        ;
}

static unsigned alive(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < INSTANCES; i++)
        count += instance_is_alive(i);
    return count;
}

static void act(unsigned instance)
{
    switch (dice(4)) {
    case 0:
        run_some(instance, 1 + dice(6));
        return;
    case 1:
        if (can_act(instance))
            answer_some(instance, 1 + dice(6));
        return;
    case 2:
        if (can_act(instance))
            instance_turn(instance);
        return;
    default:
        if (can_act(instance))
            instance_flush(instance);
    }
}

/* Two failures at once, of which one is for good, would be one too many. */
static void lose_everything(void)
{
    if (dice(4))
        return;
    trace("the server loses everything");
    for (unsigned i = 0; i < INSTANCES; i++)
        instance_connect(i, false);
    server_forget();
    world_forgotten();
}

static void fault(void)
{
    unsigned instance = dice(INSTANCES);

    if (!instance_is_alive(instance))
        return;
    switch (dice(8)) {
    case 0:
    case 1:
    case 2:
        instance_crash(instance, false);
        return;
    case 3:
        if (forgets)
            lose_everything();
        else if (alive() > 1 && dice(6) == 0)
            instance_crash(instance, true);
        return;
    case 4:
        instance_pause(instance, 100 + dice(forgets ? 2000 : 12000));
        return;
    default:
        if (can_act(instance))
            instance_connect(instance, !instance_is_up(instance));
    }
}

static void wait(uint64_t ms)
{
    for (uint64_t end_ms = now_ms + ms; now_ms < end_ms;) {
        now_ms += 1 + dice(20);
        for (unsigned i = 0; i < INSTANCES; i++) {
            run_some(i, 50);
            if (!can_act(i))
                continue;
            answer_some(i, 50);
            instance_turn(i);
            instance_flush(i);
        }
    }
}

static void step(void)
{
    uint32_t what = dice(100);

    if (what < 14)
        world_request(false);
    else if (what < 16)
        world_request(true);
    else if (what < 28)
        world_ack();
    else if (what < 78)
        act(dice(INSTANCES));
    else if (what < 84)
        now_ms += 1 + dice(50);
    else if (what < 94)
        wait(1 + dice(100));
    else if (what < 96)
        world_presence();
    else if (what < 97)
        wait(dice(4000));
    else
        fault();
    for (unsigned i = 0; i < INSTANCES; i++) { /* nobody is without the server for ever */
        if (can_act(i) && !instance_is_up(i) && dice(20) == 0)
            instance_connect(i, true);
    }
}

static void heal(void)
{
    trace("nothing bad happens from here on");
    for (unsigned i = 0; i < INSTANCES; i++) {
        if (instance_is_alive(i))
            instance_pause(i, 0);
        if (instance_is_alive(i))
            instance_connect(i, true);
    }
    for (uint64_t end_ms = now_ms + HEAL_MS; now_ms < end_ms && !instances_are_quiet();)
        wait(200);
    if (!instances_are_quiet())
        broken("everything ends", "%u things are left at the server", server_left(true));
    world_at_end();
}

static void play(uint64_t seed)
{
    episode_seed = random_state = seed;
    now_ms = 0;
    step_number = 0;
    server_reset();
    world_reset();
    forgets = dice(2);
    instances_open();
    for (step_number = 1; step_number <= EPISODE_STEPS; step_number++)
        step();
    heal();
    instances_close();
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

int main(void)
{
    uint64_t seed = from_environment("SEED", (uint64_t)clock_now().wall_ms * 2654435761u);
    uint64_t steps = from_environment("STEPS", 0);
    uint64_t end_ms = clock_now().mono_ms + from_environment("SECONDS", 10) * 1000;
    unsigned episodes = 0;
    const struct world_totals *t = &world_totals;

    is_traced = getenv("TRACE") != NULL;
    log_set_level(LOG_ERROR);
    printf("SEED=%#" PRIx64 "\n", seed);
    fflush(stdout);
    server_open();
    do {
        play(seed);
        next_random(&seed);
        taken += EPISODE_STEPS;
        episodes++;
    } while (steps ? taken < steps : clock_now().mono_ms < end_ms);
    server_close();
    printf("%" PRIu64 " steps, %u episodes: %" PRIu64 " requests, %" PRIu64 " accepted, %" PRIu64 " commands, %" PRIu64
           " replies: %" PRIu64 " success, %" PRIu64 " not_sent, %" PRIu64 " rejected, %" PRIu64 " unknown\n",
           taken, episodes, t->requests, t->accepted, t->commands, t->replies, t->outcomes[OUTCOME_SUCCESS],
           t->outcomes[OUTCOME_NOT_SENT], t->outcomes[OUTCOME_REJECTED], t->outcomes[OUTCOME_UNKNOWN]);
    printf("%u passed, 0 failed, 0 skipped\n", episodes);
    return EXIT_SUCCESS;
}
