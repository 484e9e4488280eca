/* Chaos against the real thing: build/outputd, mosquitto and build/trackersim under a steady load, killed, stopped, cut
 * off and starved of disk, and every request accounted for at the end. Environment: SERVICE_KILLS, BROKER_KILLS, RATE
 * (requests a second), SEED. The same seed gives the same plan; the load's timing is the machine's. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "witness/option.h"
#include "witness/poller.h"
#include "chaos/report.h"

enum { START_MS = 2000, TAIL_MS = 3000, LEAST_END_MS = 8000, END_PATIENCE_MS = 90000, PROGRESS_MS = 30000 };

struct chaos {
    uint64_t seed;
    unsigned service_kills;
    unsigned broker_kills;
    unsigned rate;
    struct plan plan;
    struct stage stage;
    struct ledger ledger;
    struct faults faults;
    struct tap tap;
    struct proxy *service_proxy;
    struct proxy *client_proxy;
    struct fleet fleet;
    struct requesters requesters;
    uint64_t progress_ms;
};

static void init(struct chaos *c)
{
    c->seed = option_seed();
    c->service_kills = (unsigned)option("SERVICE_KILLS", 200);
    c->broker_kills = (unsigned)option("BROKER_KILLS", 50);
    c->rate = (unsigned)option("RATE", 100);
    printf("chaos: SEED=%" PRIu64 " SERVICE_KILLS=%u BROKER_KILLS=%u RATE=%u\n", c->seed, c->service_kills,
           c->broker_kills, c->rate);
    stage_init(&c->stage);
    ledger_init(&c->ledger, clock_now().mono_ms);
    plan_make(&c->plan, c->seed, c->service_kills, c->broker_kills, c->stage.has_disk);
    tap_init(&c->tap, &c->ledger, faults_moment, &c->faults);
    c->service_proxy = proxy_new(c->stage.service_port, c->stage.broker_port, &c->tap.watcher);
    c->client_proxy = proxy_new(c->stage.client_port, c->stage.broker_port, NULL);
    stage_start_broker(&c->stage);
    stage_start_service(&c->stage);
    fleet_init(&c->fleet, &c->ledger, c->stage.client_port, c->seed, c->stage.folder);
    requesters_init(
        &c->requesters, &c->ledger,
        &(struct requesters_options){
            .port = c->stage.client_port, .seed = c->seed, .rate = c->rate, .choose = fleet_choose, .ctx = &c->fleet});
}

static void turn(struct chaos *c)
{
    enum { LONGEST_MS = 2 };

    c->ledger.now_ms = clock_now().mono_ms;
    stage_turn(&c->stage);
    proxy_turn(c->service_proxy);
    proxy_turn(c->client_proxy);
    fleet_turn(&c->fleet, c->ledger.now_ms);
    requesters_turn(&c->requesters, c->ledger.now_ms);
    poller_wait(LONGEST_MS);
}

static void turns_for(struct chaos *c, uint64_t ms)
{
    uint64_t end_ms = clock_now().mono_ms + ms;

    while (clock_now().mono_ms < end_ms)
        turn(c);
}

static void show_progress(struct chaos *c)
{
    if (c->ledger.now_ms < c->progress_ms)
        return;
    c->progress_ms = c->ledger.now_ms + PROGRESS_MS;
    printf("chaos: %" PRIu64 " s, faults %zu of %zu and %zu of %zu, %u requests\n",
           (c->ledger.now_ms - c->ledger.start_ms) / 1000, c->faults.runs[0].next, c->plan.count[0],
           c->faults.runs[1].next, c->plan.count[1], c->ledger.count - 1);
    fflush(stdout);
}

static void run_plan(struct chaos *c)
{
    faults_init(&c->faults, &c->plan, &c->stage, &c->ledger);
    c->faults.service_proxy = c->service_proxy;
    c->faults.client_proxy = c->client_proxy;
    ledger_set_load(&c->ledger, true);
    requesters_begin(&c->requesters, c->ledger.now_ms);
    while (!faults_are_over(&c->faults)) {
        turn(c);
        faults_turn(&c->faults);
        show_progress(c);
    }
    turns_for(c, TAIL_MS);
    requesters_end(&c->requesters);
    ledger_set_load(&c->ledger, false);
}

/* At least as long as a command may take, for what is still on its way to the service. */
static void wait_for_replies(struct chaos *c)
{
    uint64_t from_ms = c->ledger.now_ms;

    do {
        turns_for(c, 500);
        faults_turn(&c->faults);
        if (c->faults.crashes > 0 && !c->stage.service)
            break;
    } while (c->ledger.now_ms - from_ms < LEAST_END_MS ||
             (requesters_count_owed(&c->requesters) && c->ledger.now_ms - from_ms < END_PATIENCE_MS));
}

static bool finish(struct chaos *c)
{
    struct run_summary summary = {&c->ledger, &c->faults, &c->requesters, &c->stage};
    bool good;

    requesters_release(&c->requesters);
    fleet_end(&c->fleet);
    printf("chaos: over after %" PRIu64 " s; the journal %s\n", (c->ledger.now_ms - c->ledger.start_ms) / 1000,
           c->stage.has_disk ? "had a file system of its own, which was filled"
                             : "could not have a file system of its own (no mounts here), so no full disk was tried");
    good = report_print(&summary);
    if (!good)
        fprintf(stderr, "chaos: SEED=%" PRIu64 ", logs are in %s\n", c->seed, c->stage.folder);
    stage_release(&c->stage, !good);
    proxy_free(c->service_proxy);
    proxy_free(c->client_proxy);
    plan_release(&c->plan);
    ledger_release(&c->ledger);
    return good;
}

int main(void)
{
    static struct chaos c;

    signal(SIGPIPE, SIG_IGN);
    mosquitto_lib_init();
    init(&c);
    turns_for(&c, START_MS);
    run_plan(&c);
    wait_for_replies(&c);
    return finish(&c) ? EXIT_SUCCESS : EXIT_FAILURE;
}
