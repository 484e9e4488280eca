#include "chaos/faults.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"

enum { MOMENT_PATIENCE_MS = 1500, STOP_PATIENCE_MS = 60000, START_AGAIN_MS = 300, CRASHES_MAX = 20 };

static const struct fault *fault_of(const struct faults *f, enum lane lane)
{
    return &f->plan->faults[lane][f->runs[lane].next];
}

void faults_init(struct faults *f, const struct plan *plan, struct stage *stage, struct ledger *ledger)
{
    *f = (struct faults){.plan = plan, .stage = stage, .ledger = ledger};
    for (enum lane lane = 0; lane < LANES; lane++) {
        if (plan->count[lane])
            f->runs[lane].at_ms = ledger->now_ms + fault_of(f, lane)->pause_ms;
    }
}

/* --- begin and end of each kind --- */

static void signal_service(struct faults *f, int number)
{
    if (f->stage->service)
        kill(f->stage->service, number);
}

static void begin(struct faults *f, const struct fault *fault)
{
    switch (fault->kind) {
    case FAULT_KILL:
        stage_kill_service(f->stage);
        break;
    case FAULT_FREEZE:
    case FAULT_FREEZE_KILL:
        signal_service(f, SIGSTOP);
        break;
    case FAULT_RELOAD:
        signal_service(f, SIGHUP);
        break;
    case FAULT_RESTART:
        signal_service(f, SIGTERM);
        break;
    case FAULT_DISK_FULL:
    case FAULT_DISK_FULL_KILL:
        stage_fill_disk(f->stage, true);
        break;
    case FAULT_FILE_LIMIT:
    case FAULT_FILE_LIMIT_KILL:
        stage_limit_files(f->stage, true);
        ledger_journal_fails(f->ledger);
        break;
    case FAULT_BROKER_KILL:
        stage_kill_broker(f->stage);
        ledger_broker_dies(f->ledger);
        break;
    case FAULT_BROKER_LOSE:
        stage_kill_broker(f->stage);
        ledger_broker_dies(f->ledger);
        stage_lose_broker_files(f->stage);
        break;
    case FAULT_BROKER_FREEZE:
        kill(f->stage->broker, SIGSTOP);
        break;
    case FAULT_CUT_SERVICE:
        proxy_cut(f->service_proxy, -1, fault->with_reset);
        break;
    case FAULT_CUT_CLIENT:
        proxy_cut(f->client_proxy, (int)fault->which % 9, fault->with_reset);
        break;
    case FAULT_CUT_CLIENTS:
        proxy_cut(f->client_proxy, -1, fault->with_reset);
        break;
    case FAULT_STALL:
        proxy_stall(f->service_proxy, true);
        break;
    case FAULT_KINDS:
        break;
    }
}

/* SIGTERM: it has so long to end by itself. */
static bool has_stopped(struct faults *f)
{
    int status = 0;

    if (f->stage->service && !stage_service_ended(f->stage, &status) &&
        f->ledger->now_ms < f->runs[LANE_SERVICE].at_ms + STOP_PATIENCE_MS)
        return false;
    f->bad_stops += f->stage->service || !WIFEXITED(status) || WEXITSTATUS(status);
    return true;
}

static void start_anew(struct faults *f)
{
    stage_kill_service(f->stage);
    stage_start_service(f->stage);
}

/* False: it needs more time. */
static bool end(struct faults *f, const struct fault *fault)
{
    switch (fault->kind) {
    case FAULT_RESTART:
        if (!has_stopped(f))
            return false;
        start_anew(f);
        break;
    case FAULT_KILL:
    case FAULT_FREEZE_KILL:
        start_anew(f);
        break;
    case FAULT_FILE_LIMIT_KILL:
        start_anew(f);
        ledger_journal_works(f->ledger);
        break;
    case FAULT_DISK_FULL_KILL:
        stage_kill_service(f->stage);
        stage_fill_disk(f->stage, false);
        stage_start_service(f->stage);
        break;
    case FAULT_FREEZE:
        signal_service(f, SIGCONT);
        break;
    case FAULT_DISK_FULL:
        stage_fill_disk(f->stage, false);
        break;
    case FAULT_FILE_LIMIT:
        stage_limit_files(f->stage, false);
        ledger_journal_works(f->ledger);
        break;
    case FAULT_BROKER_KILL:
    case FAULT_BROKER_LOSE:
        stage_start_broker(f->stage);
        ledger_broker_lives(f->ledger);
        break;
    case FAULT_BROKER_FREEZE:
        kill(f->stage->broker, SIGCONT);
        break;
    case FAULT_STALL:
        proxy_stall(f->service_proxy, false);
        break;
    default:
        break;
    }
    return true;
}

/* --- lanes --- */

static void begin_lane(struct faults *f, enum lane lane)
{
    struct run *run = &f->runs[lane];
    const struct fault *fault = fault_of(f, lane);

    begin(f, fault);
    run->is_armed = false;
    run->is_active = true;
    run->at_ms = f->ledger->now_ms + fault->duration_ms;
    run->note = ledger_note(f->ledger, "%s", fault_names[fault->kind]);
    f->done[fault->kind]++;
}

static void end_lane(struct faults *f, enum lane lane)
{
    struct run *run = &f->runs[lane];

    ledger_note_end(f->ledger, run->note);
    run->is_active = false;
    run->next++;
    if (run->next < f->plan->count[lane])
        run->at_ms = f->ledger->now_ms + fault_of(f, lane)->pause_ms;
}

/* The service does not run while another one ends it: its own fault waits. */
static bool is_possible(const struct faults *f, enum lane lane)
{
    return lane == LANE_SERVICE ? f->stage->service != 0 : f->stage->broker != 0;
}

static void turn_lane(struct faults *f, enum lane lane)
{
    struct run *run = &f->runs[lane];

    if (run->next >= f->plan->count[lane] || f->ledger->now_ms < run->at_ms)
        return;
    if (run->is_active) {
        if (end(f, fault_of(f, lane)))
            end_lane(f, lane);
    } else if (is_possible(f, lane)) {
        if (!run->is_armed && fault_of(f, lane)->moment != MOMENTS) {
            run->is_armed = true;
            run->at_ms = f->ledger->now_ms + MOMENT_PATIENCE_MS;
        } else {
            begin_lane(f, lane);
        }
    }
}

/* A sleep would be fifty microseconds late. */
static void spin(unsigned delay_us)
{
    uint64_t end_us = clock_mono_us() + delay_us;

    while (delay_us && clock_mono_us() < end_us)
        ;
}

void faults_moment(void *ctx, enum moment moment)
{
    struct faults *f = ctx;

    for (enum lane lane = 0; lane < LANES; lane++) {
        if (!f->runs[lane].is_armed || fault_of(f, lane)->moment != moment || !is_possible(f, lane))
            continue;
        spin(fault_of(f, lane)->delay_us);
        f->at_moment++;
        begin_lane(f, lane);
    }
}

bool faults_are_over(const struct faults *f)
{
    if (f->crashes >= CRASHES_MAX)
        return true;
    return f->runs[LANE_SERVICE].next >= f->plan->count[LANE_SERVICE] &&
           f->runs[LANE_BROKER].next >= f->plan->count[LANE_BROKER];
}

/* --- a service that ends by itself --- */

static bool is_stopping(const struct faults *f)
{
    const struct run *run = &f->runs[LANE_SERVICE];

    return run->is_active && fault_of(f, LANE_SERVICE)->kind == FAULT_RESTART;
}

static bool disk_explains(const struct faults *f, int status)
{
    const struct run *run = &f->runs[LANE_SERVICE];
    enum fault_kind kind = run->is_active ? fault_of(f, LANE_SERVICE)->kind : FAULT_KINDS;

    return (kind == FAULT_DISK_FULL || kind == FAULT_DISK_FULL_KILL) && WIFEXITED(status);
}

static void look_after_service(struct faults *f)
{
    int status;

    if (is_stopping(f))
        return;
    if (stage_service_ended(f->stage, &status)) {
        bool explained = disk_explains(f, status);

        f->crashes += !explained;
        f->gave_up += explained;
        ledger_note_end(f->ledger, ledger_note(f->ledger, "the service ended by itself, status 0x%x", status));
        f->start_at_ms = f->ledger->now_ms + START_AGAIN_MS;
    }
    if (!f->stage->service && f->start_at_ms && f->ledger->now_ms >= f->start_at_ms) {
        f->start_at_ms = 0;
        stage_start_service(f->stage);
    }
}

void faults_turn(struct faults *f)
{
    look_after_service(f);
    for (enum lane lane = 0; lane < LANES; lane++)
        turn_lane(f, lane);
}
