#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/check.h"
#include "sim.h"

struct sim sim;

/* --- what the service asks the machine for, in place of the real thing (ld --wrap) --- */

struct instant __wrap_clock_now(void);
ssize_t __wrap_getrandom(void *to, size_t len, unsigned flags);

struct instant __wrap_clock_now(void)
{
    return (struct instant){
        .boot = sim.boot,
        .mono_ms = sim.now_ms + sim.mono_base_ms,
        .wall_ms = SIM_WALL_MS_S * INT64_C(1000) + (int64_t)sim.now_ms + sim.wall_ms,
    };
}

ssize_t __wrap_getrandom(void *to, size_t len, unsigned flags)
{
    (void)flags;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)to)[i] = (uint8_t)dice(256);
    return (ssize_t)len;
}

void journal_file_touch(const struct journal_file *f, int64_t wall_ms)
{
    (void)f;
    if (!sim.dead)
        sim.touched_wall_ms = wall_ms;
}

int64_t journal_file_touched_ms(const struct journal_file *f)
{
    (void)f;
    return sim.touched_wall_ms;
}

struct journal_file *journal_file_open(const char *path, uint32_t size_mb, bool sync, const char **error)
{
    (void)path, (void)size_mb, (void)sync, (void)error;
    return NULL;
}

void journal_file_close(struct journal_file *f)
{
    (void)f;
}

struct journal *journal_file_journal(struct journal_file *f)
{
    (void)f;
    return sim.service->journal;
}

void report_event(void *ctx, const struct engine_event *event)
{
    (void)ctx;
    if (!sim.dead)
        oracle_event(event);
}

void report_counters(struct service *s)
{
    (void)s;
}

void report_stats(struct service *s)
{
    (void)s;
}

void print_mistakes(const struct mistakes *m)
{
    (void)m;
}

void files_remember(struct service *s)
{
    (void)s;
}

void files_reload(struct service *s)
{
    (void)s;
}

int files_fd(const struct service *s)
{
    (void)s;
    return -1;
}

bool files_are_reloading(const struct service *s)
{
    (void)s;
    return false;
}

void files_close(struct service *s)
{
    (void)s;
}

/* Of a registry from a database, which there is none of here. */
void files_take_rules(struct service *s, struct rules *rules)
{
    (void)s;
    (void)rules;
}

void files_take_reload(struct service *s, struct rules *rules)
{
    (void)s;
    (void)rules;
}

/* The files have changed. */
void files_watch(struct service *s)
{
    if (!sim.reload || sim.dead)
        return;
    sim.reload = false;
    sim.config.engine_config = sim.next_config;
    engine_reload(s->engine, &sim.config.engine_config, world_registry(dice(3) == 0), world_profiles());
    link_update_filters(s);
}

/* --- the end of the process, at any of its effects --- */

void sim_effect(void)
{
    if (sim.dead || sim.crash_in == 0 || --sim.crash_in > 0)
        return;
    sim.dead = sim.disk.dead = true;
    trace("service: killed");
}

static int read_disk(void *ctx, uint64_t at, void *to, size_t len)
{
    (void)ctx;
    return sim.disk.disk.read(&sim.disk, at, to, len);
}

/* It may also end in the middle of a write. */
static int write_disk(void *ctx, uint64_t at, const void *from, size_t len)
{
    int r;

    (void)ctx;
    if (sim.crash_in == 1 && !sim.dead && !sim.disk.fails)
        sim.disk.bytes_to_end = dice((uint32_t)len + 1);
    r = sim.disk.disk.write(&sim.disk, at, from, len);
    trace("disk: %zu bytes at %llu%s", len, (unsigned long long)at,
          sim.dead        ? ", in vain"
          : sim.disk.dead ? ", cut off"
          : r < 0         ? ", which fails"
                          : "");
    if (sim.disk.dead)
        sim.dead = true;
    sim_effect();
    return r;
}

static int sync_disk(void *ctx)
{
    int r = sim.disk.disk.sync(&sim.disk);

    (void)ctx;
    sim_effect();
    return r;
}

/* --- life --- */

static void start(bool power_failure)
{
    struct service *s = calloc(1, sizeof *s);

    CHECK(s);
    sim.service = s;
    trace("service: starts%s", power_failure ? " after a power failure" : "");
    s->signal_fd = -1;
    s->now = clock_now();
    s->started_ms = s->now.mono_ms;
    s->first = s->current = &sim.config;
    s->alive_wall_ms = sim.touched_wall_ms;
    turn_make_engine(s, life_first_id(s));
    engine_reload(s->engine, &sim.config.engine_config, world_registry(false), world_profiles());
    s->journal = journal_new(&sim.wrapped, SIM_DISK_SIZE);
    if (journal_load(s->journal) < 0)
        oracle_fail("the journal can be read after a crash", "%s", journal_error(s->journal));
    if (life_recover(s) < 0)
        oracle_fail("the journal can be read after a crash", "a record is refused");
    link_init(s);
    oracle_after_restart();
}

static void stop(void)
{
    struct service *s = sim.service;

    mqtt_free(s->mqtt);
    journal_free(s->journal);
    engine_free(s->engine);
    outbox_free(s->outbox);
    buffer_release(&s->filters);
    buffer_release(&s->gone);
    free(s);
    sim.service = NULL;
}

void service_restart(bool power_failure)
{
    power_failure &= sim.sync;
    sim.dead = true;
    stop();
    broker_lose_corked();
    broker_cut();
    if (power_failure) {
        memory_disk_lose_power(&sim.disk, ((uint64_t)dice(1u << 31) << 32) | dice(1u << 31));
        sim.mono_base_ms = 5000 - sim.now_ms; /* modulo 2^64: its clock starts anew */
        sim.boot++;
    }
    memory_disk_restart(&sim.disk);
    sim.dead = false;
    sim.crash_in = 0;
    sim.reload = false;
    oracle_totals.restarts++;
    start(power_failure);
}

void service_turn_once(void)
{
    turn_run(sim.service, NULL);
    if (sim.dead)
        service_restart(dice(4) == 0);
    if (sim.service->stop) { /* drained */
        if (mqtt_is_connected(sim.service->mqtt))
            mqtt_disconnect(sim.service->mqtt);
        journal_commit(sim.service->journal);
        service_restart(false);
    }
}

void service_turn_all(void)
{
    unsigned left = 50;

    while (turn_run(sim.service, NULL) && !sim.dead && left-- > 0)
        ;
    if (sim.dead || sim.service->stop)
        service_turn_once();
}

/* In the service's own steps, as poll would wake it; at most so often that a step stays a step. */
void service_wait(uint64_t ms)
{
    uint64_t end_ms = sim.now_ms + ms;

    for (unsigned turns = 0; turns < 40 && sim.now_ms < end_ms; turns++) {
        int wait_ms = turn_wait_ms(sim.service);
        uint64_t left_ms = end_ms - sim.now_ms;

        broker_carry(20);
        if (broker_held_inbound() == 0)
            sim.now_ms += wait_ms < 1 ? 1 : (uint64_t)wait_ms < left_ms ? (uint64_t)wait_ms : left_ms;
        service_turn_once();
    }
}

void sim_open(void)
{
    memset(&sim, 0, sizeof sim);
    sim.mono_base_ms = 100000;
    sim.boot = 1;
    sim.sync = dice(3) == 0;
    memory_disk_init(&sim.disk, SIM_DISK_SIZE, sim.sync);
    sim.wrapped = (struct journal_disk){NULL, read_disk, write_disk, sim.sync ? sync_disk : NULL};
    world_reset();
    broker_reset();
    oracle_reset();
    world_config();
    sim.touched_wall_ms = clock_now().wall_ms;
    struct journal *j = journal_new(&sim.wrapped, SIM_DISK_SIZE);

    CHECK(journal_format(j) == 0);
    journal_free(j);
    start(false);
    for (unsigned i = 0; i < TRACKERS; i++)
        world_tracker_online(i, dice(8) > 0);
}

void sim_close(void)
{
    sim.dead = true;
    stop();
    broker_reset();
    memory_disk_release(&sim.disk);
}
