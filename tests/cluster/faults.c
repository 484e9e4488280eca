#include "cluster/faults.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "support/database.h"
#include "support/redis_server.h"

enum { MOMENT_PATIENCE_MS = 1500, CRASHES_MAX = 10 };

static const struct fault *fault_of(const struct faults *f, enum row row)
{
    return &f->plan->faults[row][f->runs[row].next];
}

void faults_init(struct faults *f, const struct plan *plan, struct stage *stage, struct watch *watch)
{
    *f = (struct faults){.plan = plan, .stage = stage, .ledger = stage->ledger, .watch = watch};
    for (enum row row = 0; row < ROWS; row++) {
        if (plan->count[row])
            f->runs[row].at_ms = f->ledger->now_ms + fault_of(f, row)->pause_ms;
    }
}

/* --- instances --- */

static bool is_of_instance(enum row row)
{
    return row == ROW_INSTANCES || row == ROW_OTHER_INSTANCES;
}

/* It runs, and nothing else holds it up. */
static bool is_free(const struct faults *f, unsigned which)
{
    const struct instance *i = &f->stage->instances[which];

    for (enum row row = 0; row < ROWS; row++) {
        if (is_of_instance(row) && f->runs[row].is_active && f->runs[row].which == which)
            return false;
    }
    return i->pid && !i->is_frozen;
}

static unsigned choose_instance(const struct faults *f, unsigned thrown)
{
    unsigned free[INSTANCES];
    unsigned count = 0;

    for (unsigned i = 0; i < INSTANCES; i++) {
        if (is_free(f, i))
            free[count++] = i;
    }
    return count ? free[thrown % count] : INSTANCES;
}

enum {
    SHORT_MS = LEASE_MS / 2,
    REDIS_TIMEOUT_MS = 2000,                        /* state.timeout_ms: longer than that instances are on their own */
    MERGED_MS = 4 * LEASE_MS,                       /* since Redis is there: all have brought what they have */
    ENDED_MS = 2 * (ACK_TIMEOUT_MS + 2 * LEASE_MS), /* since an instance is gone: what it alone knew is over */
};

static bool leaves_them_alone(const struct fault *of_redis)
{
    return of_redis->kind == FAULT_REDIS_LOSE || of_redis->duration_ms > REDIS_TIMEOUT_MS / 2;
}

/* What Redis had, or could not be told, is in the journals of the instances: of those that can bring it within two
 * leases. Only a loss of both at once is a loss, and that is not what is tried here. */
static bool must_wait(const struct faults *f, enum row row)
{
    const struct fault *fault = fault_of(f, row);
    uint64_t now_ms = f->ledger->now_ms;

    if (fault->kind == FAULT_REDIS_LOSE) {
        if (f->gone_ms && now_ms - f->gone_ms < ENDED_MS)
            return true;
        for (unsigned i = 0; i < INSTANCES; i++) {
            if (!is_free(f, i))
                return true;
        }
    }
    if (fault->kind == FAULT_KILL_FOR_GOOD &&
        ((f->runs[ROW_REDIS].is_active && leaves_them_alone(fault_of(f, ROW_REDIS))) ||
         (f->back_ms && now_ms - f->back_ms < MERGED_MS)))
        return true;
    if (!is_of_instance(row) || (fault->kind != FAULT_KILL_FOR_GOOD && fault->duration_ms <= SHORT_MS))
        return false;
    return (f->runs[ROW_REDIS].is_active && fault_of(f, ROW_REDIS)->kind == FAULT_REDIS_LOSE) ||
           (f->lost_ms && now_ms - f->lost_ms < MERGED_MS);
}

/* --- begin and end of each kind --- */

static void lose_redis(const struct stage *s)
{
    char command[200];

    snprintf(command, sizeof command, "rm -rf %s/appendonlydir %s/appendonly.aof %s/dump.rdb",
             redis_server_directory(s->redis), redis_server_directory(s->redis), redis_server_directory(s->redis));
    CHECK(system(command) == 0);
}

static void begin(struct faults *f, const struct fault *fault, unsigned which)
{
    struct stage *s = f->stage;

    switch (fault->kind) {
    case FAULT_KILL:
    case FAULT_KILL_FOR_GOOD:
        stage_kill_instance(s, which);
        break;
    case FAULT_FREEZE:
        stage_freeze_instance(s, which, true);
        break;
    case FAULT_REDIS_KILL:
        redis_server_kill(s->redis);
        break;
    case FAULT_REDIS_LOSE:
        redis_server_kill(s->redis);
        lose_redis(s);
        break;
    case FAULT_REDIS_FREEZE:
        redis_server_freeze(s->redis);
        break;
    case FAULT_DATABASE_KILL:
        database_kill(s->database);
        break;
    case FAULT_DATABASE_RESTART:
        database_halt(s->database);
        break;
    case FAULT_BROKER_RESTART:
        stage_end_broker(s);
        break;
    case FAULT_KINDS:
        break;
    }
}

/* False: it needs more time. */
static bool end(struct faults *f, const struct fault *fault, unsigned which)
{
    struct stage *s = f->stage;

    switch (fault->kind) {
    case FAULT_KILL_FOR_GOOD:
        stage_rename_instance(s, which);
        stage_start_instance(s, which);
        break;
    case FAULT_KILL:
        stage_start_instance(s, which);
        break;
    case FAULT_FREEZE:
        stage_freeze_instance(s, which, false);
        break;
    case FAULT_REDIS_KILL:
    case FAULT_REDIS_LOSE:
        redis_server_resume(s->redis);
        break;
    case FAULT_REDIS_FREEZE:
        redis_server_thaw(s->redis);
        break;
    case FAULT_DATABASE_KILL:
    case FAULT_DATABASE_RESTART:
        database_resume(s->database);
        break;
    case FAULT_BROKER_RESTART:
        if (!stage_broker_ended(s))
            return false;
        stage_start_broker(s);
        break;
    case FAULT_KINDS:
        break;
    }
    return true;
}

/* --- rows --- */

static void hold(struct faults *f, enum row row, bool held)
{
    watch_hold(f->watch, is_of_instance(row) ? f->runs[row].which : INSTANCES, held);
    if (row == ROW_REDIS || row == ROW_DATABASE)
        watch_away(f->watch, row == ROW_REDIS ? AWAY_REDIS : AWAY_DATABASE, !held);
}

static void begin_row(struct faults *f, enum row row, unsigned which)
{
    struct run *run = &f->runs[row];
    const struct fault *fault = fault_of(f, row);
    const char *name = is_of_instance(row) ? f->stage->instances[which].name : "";

    begin(f, fault, which);
    run->is_armed = false;
    run->is_active = true;
    run->which = which;
    run->at_ms = f->ledger->now_ms + fault->duration_ms;
    run->note = ledger_note(f->ledger, "%s%s%s", fault_names[fault->kind], *name ? ": " : "", name);
    hold(f, row, true);
    printf("%9.3f  %s%s%s, %u ms\n", (double)(f->ledger->now_ms - f->ledger->start_ms) / 1000.0,
           fault_names[fault->kind], *name ? ": " : "", name, fault->duration_ms);
    fflush(stdout);
    f->done[fault->kind]++;
    if (fault->kind == FAULT_KILL_FOR_GOOD)
        f->gone_ms = f->ledger->now_ms;
}

static void end_row(struct faults *f, enum row row)
{
    struct run *run = &f->runs[row];

    ledger_note_end(f->ledger, run->note);
    if (fault_of(f, row)->kind == FAULT_REDIS_LOSE)
        f->lost_ms = f->ledger->now_ms;
    if (row == ROW_REDIS && leaves_them_alone(fault_of(f, row)))
        f->back_ms = f->ledger->now_ms;
    run->is_active = false;
    run->next++;
    hold(f, row, false);
    if (run->next < f->plan->count[row])
        run->at_ms = f->ledger->now_ms + fault_of(f, row)->pause_ms;
}

static void turn_row(struct faults *f, enum row row)
{
    struct run *run = &f->runs[row];
    unsigned which;

    if (run->next >= f->plan->count[row] || f->ledger->now_ms < run->at_ms)
        return;
    if (run->is_active) {
        if (end(f, fault_of(f, row), run->which))
            end_row(f, row);
        return;
    }
    if (must_wait(f, row))
        return;
    if (!run->is_armed && fault_of(f, row)->moment != MOMENTS) {
        run->is_armed = true;
        run->at_ms = f->ledger->now_ms + MOMENT_PATIENCE_MS;
        return;
    }
    which = is_of_instance(row) ? choose_instance(f, fault_of(f, row)->which) : 0;
    if (which < INSTANCES)
        begin_row(f, row, which);
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
    unsigned which = f->ledger->service - 1;

    for (enum row row = 0; row < ROWS; row++) {
        if (!f->runs[row].is_armed || fault_of(f, row)->moment != moment || !is_free(f, which) || must_wait(f, row))
            continue;
        spin(fault_of(f, row)->delay_us);
        f->at_moment++;
        begin_row(f, row, which);
    }
}

bool faults_are_over(const struct faults *f)
{
    if (f->crashes >= CRASHES_MAX)
        return true;
    for (enum row row = 0; row < ROWS; row++) {
        if (f->runs[row].next < f->plan->count[row])
            return false;
    }
    return true;
}

/* --- an instance that ends by itself --- */

static void look_after(struct faults *f, unsigned which)
{
    int status;

    if (!stage_instance_ended(f->stage, which, &status))
        return;
    f->crashes++;
    ledger_note_end(f->ledger,
                    ledger_note(f->ledger, "%s ended by itself, status 0x%x", f->stage->instances[which].name, status));
    printf("%9.3f  %s ended by itself, status 0x%x\n", (double)(f->ledger->now_ms - f->ledger->start_ms) / 1000.0,
           f->stage->instances[which].name, (unsigned)status);
    stage_start_instance(f->stage, which);
}

void faults_turn(struct faults *f)
{
    for (unsigned i = 0; i < INSTANCES; i++)
        look_after(f, i);
    for (enum row row = 0; row < ROWS; row++)
        turn_row(f, row);
}
