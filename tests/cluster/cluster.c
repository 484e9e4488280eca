/* Several instances of build/outputd that share their state in Redis, with mosquitto, PostgreSQL and simulated
 * trackers, under a steady load: instances are killed, for a while and for good, and stopped, Redis and the broker are
 * restarted, and every request is accounted for at the end. Environment: SEED, RATE (requests a second), and how many
 * faults of each kind: KILLS, KILLS_FOR_GOOD, FREEZES, REDIS_KILLS, REDIS_LOSSES, REDIS_FREEZES, DATABASE_KILLS,
 * DATABASE_RESTARTS, BROKER_RESTARTS. The same seed gives the same plan; the load's timing, and which instance has the
 * moment that a fault waits for, is the machine's. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "cluster/report.h"
#include "witness/option.h"
#include "witness/poller.h"

enum {
    START_MS = 2500,
    TAIL_MS = 3000,
    LEAST_END_MS = 8000,
    END_PATIENCE_MS = 60000,
    /* So long an ack may be on its way: in the hands of an instance that is stopped or gone. */
    QUARANTINE_MS = LONGEST_FREEZE_MS + 4 * LEASE_MS,
};

struct cluster {
    struct plan_options options;
    struct plan plan;
    struct stage stage;
    struct ledger ledger;
    struct watch watch;
    struct faults faults;
    struct trackers trackers;
    struct requesters requesters;
};

static const struct {
    const char *name;
    unsigned otherwise;
} counts[FAULT_KINDS] = {
    [FAULT_KILL] = {"KILLS", 40},
    [FAULT_KILL_FOR_GOOD] = {"KILLS_FOR_GOOD", 5},
    [FAULT_FREEZE] = {"FREEZES", 16},
    [FAULT_REDIS_KILL] = {"REDIS_KILLS", 4},
    [FAULT_REDIS_LOSE] = {"REDIS_LOSSES", 3},
    [FAULT_REDIS_FREEZE] = {"REDIS_FREEZES", 3},
    [FAULT_DATABASE_KILL] = {"DATABASE_KILLS", 2},
    [FAULT_DATABASE_RESTART] = {"DATABASE_RESTARTS", 2},
    [FAULT_BROKER_RESTART] = {"BROKER_RESTARTS", 3},
};

static void read_options(struct cluster *c)
{
    c->options.seed = option_seed();
    printf("cluster: SEED=%" PRIu64, c->options.seed);
    for (enum fault_kind kind = 0; kind < FAULT_KINDS; kind++) {
        c->options.counts[kind] = (unsigned)option(counts[kind].name, counts[kind].otherwise);
        printf(" %s=%u", counts[kind].name, c->options.counts[kind]);
    }
    printf(" RATE=%u\n", (unsigned)option("RATE", 100));
}

static void init(struct cluster *c)
{
    read_options(c);
    ledger_init(&c->ledger, clock_now().mono_ms);
    plan_make(&c->plan, &c->options);
    stage_init(&c->stage, &c->ledger);
    trackers_init(&c->trackers, &c->ledger, c->options.seed, c->stage.broker_port);
    trackers_write_files(&c->trackers, c->stage.folder, QUARANTINE_MS);
    stage_fill_database(&c->stage);
    watch_init(&c->watch, &c->ledger, &c->trackers);
    faults_init(&c->faults, &c->plan, &c->stage, &c->watch);
    for (unsigned i = 0; i < INSTANCES; i++) {
        tap_init(&c->stage.instances[i].tap, &c->ledger, faults_moment, &c->faults);
        c->stage.instances[i].tap.service = i + 1;
        stage_start_instance(&c->stage, i);
    }
    requesters_init(&c->requesters, &c->ledger,
                    &(struct requesters_options){.port = c->stage.broker_port,
                                                 .seed = c->options.seed,
                                                 .rate = (unsigned)option("RATE", 100),
                                                 .choose = trackers_choose,
                                                 .ctx = &c->trackers,
                                                 .knows_nobody = true});
}

static void turn(struct cluster *c)
{
    enum { LONGEST_MS = 2 };

    c->ledger.now_ms = clock_now().mono_ms;
    stage_turn(&c->stage);
    trackers_turn(&c->trackers, c->ledger.now_ms);
    requesters_turn(&c->requesters, c->ledger.now_ms);
    poller_wait(LONGEST_MS);
}

static void turns_for(struct cluster *c, uint64_t ms)
{
    uint64_t end_ms = clock_now().mono_ms + ms;

    while (clock_now().mono_ms < end_ms)
        turn(c);
}

static void run_plan(struct cluster *c)
{
    faults_init(&c->faults, &c->plan, &c->stage, &c->watch);
    ledger_set_load(&c->ledger, true);
    requesters_begin(&c->requesters, c->ledger.now_ms);
    while (!faults_are_over(&c->faults)) {
        turn(c);
        faults_turn(&c->faults);
    }
    turns_for(c, TAIL_MS);
    requesters_end(&c->requesters);
    ledger_set_load(&c->ledger, false);
}

/* At least as long as a command may take, for what is still on its way. */
static void wait_for_replies(struct cluster *c)
{
    uint64_t from_ms = c->ledger.now_ms;

    do {
        turns_for(c, 500);
        faults_turn(&c->faults);
    } while (c->ledger.now_ms - from_ms < LEAST_END_MS ||
             (requesters_count_owed(&c->requesters) && c->ledger.now_ms - from_ms < END_PATIENCE_MS));
}

static unsigned count_left_out(const struct cluster *c)
{
    unsigned count = 0;

    for (enum fault_kind kind = 0; kind < FAULT_KINDS; kind++) {
        if (c->options.counts[kind])
            continue;
        count++;
        printf("left out: %s\n", fault_names[kind]);
    }
    return count;
}

static bool finish(struct cluster *c)
{
    struct run_summary summary = {.ledger = &c->ledger,
                                  .watch = &c->watch,
                                  .faults = &c->faults,
                                  .requesters = &c->requesters,
                                  .stage = &c->stage};
    bool good;

    requesters_release(&c->requesters);
    trackers_release(&c->trackers);
    printf("cluster: over after %" PRIu64 " s\n", (c->ledger.now_ms - c->ledger.start_ms) / 1000);
    summary.skipped = count_left_out(c);
    good = report_print(&summary);
    if (!good)
        fprintf(stderr, "cluster: SEED=%" PRIu64 ", logs are in %s\n", c->options.seed, c->stage.folder);
    stage_release(&c->stage, !good || option("KEEP", 0));
    plan_release(&c->plan);
    watch_release(&c->watch);
    ledger_release(&c->ledger);
    return good;
}

int main(void)
{
    static struct cluster c;

    signal(SIGPIPE, SIG_IGN);
    mosquitto_lib_init();
    init(&c);
    turns_for(&c, START_MS);
    run_plan(&c);
    wait_for_replies(&c);
    return finish(&c) ? EXIT_SUCCESS : EXIT_FAILURE;
}
