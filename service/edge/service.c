#include "edge/service.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/version.h"
#include "edge/privileges.h"
#include "edge/secrets.h"
#include "service_state.h"

enum {
    DRAIN_GRACE_MS = 2000, /* for the last replies to be acknowledged */
    HAND_OVER_MS = 2000,   /* for the last commands to leave */
    MUCH = 8,              /* messages in a millisecond */
    COUNT_FOR_MS = 10,
    PAUSE_US = 1000,
};

/* --- start --- */

static int recover_record(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    struct service *s = ctx;

    return engine_recover(s->engine, kind, id, record, s->now);
}

int life_recover(struct service *s)
{
    static const enum journal_kind order[] = {JOURNAL_SESSION, JOURNAL_ANSWER, JOURNAL_STATES, JOURNAL_REQUEST,
                                              JOURNAL_SHARED};
    struct engine_totals totals;

    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        int r =
            journal_each(s->journal, order[i], order[i] == JOURNAL_SESSION ? link_recover_filters : recover_record, s);

        if (r < 0) {
            fprintf(stderr, "%s: cannot read the journal: %s\n", s->first->journal_path,
                    r == -EBADMSG ? "a record is damaged, or of another version" : journal_error(s->journal));
            return r;
        }
    }
    engine_recovered(s->engine, s->now);
    totals = engine_totals(s->engine);
    log_write(LOG_INFO, "journal read", LOG_INT("pending", totals.pending), LOG_INT("remembered", totals.remembered),
              LOG_INT("replies", outbox_count(s->outbox)));
    return 0;
}

/* Ids go on upwards after a restart, also one that lost its journal: they start from the clock. Within a second they
 * start anywhere, so that two instances rarely give the same one. */
uint64_t life_first_id(const struct service *s)
{
    enum { BEGIN_S = 1704067200, SHIFT = 22 }; /* 2024-01-01; enough until 2092 */
    uint64_t seconds = (uint64_t)(s->now.wall_ms / 1000 - BEGIN_S) & ((UINT64_C(1) << 31) - 1);
    uint32_t spread = 0;

    CHECK(getrandom(&spread, sizeof spread, 0) == (ssize_t)sizeof spread);
    return seconds << SHIFT | spread >> (32 - SHIFT + 1);
}

static int open_signals(void)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaddset(&set, numbers[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* False: asked for, and not to be had. */
static bool open_audit(struct service *s)
{
    const struct audit_options *options = &s->first->audit_options;
    const char *error;

    if (!options->path && !options->topic)
        return true;
    s->audit = audit_open(options, engine_counters(s->engine), s->now, &error);
    if (!s->audit)
        fprintf(stderr, "%s\n", error);
    return s->audit != NULL;
}

static int open_service(struct service *s)
{
    struct mistakes mistakes = {0};
    const char *error;
    struct world w;

    if (!world_read(s->config_path, &w, &mistakes)) {
        print_mistakes(&mistakes);
        mistakes_release(&mistakes);
        return -EINVAL;
    }
    s->first = s->current = w.config;
    log_set_level(s->first->log_level);
    log_set_json(s->first->log_json);
    log_write(LOG_INFO, "starting", LOG_TEXT("version", outputd_version), LOG_TEXT("instance", s->first->instance),
              LOG_INT("users", registry_user_count(w.registry)),
              LOG_INT("trackers", registry_tracker_count(w.registry)), LOG_INT("profiles", profiles_count(w.profiles)));
    privileges_report();
    secrets_warn(s->first, s->config_path);
    turn_make_engine(s, life_first_id(s));
    if (shared_open(s) < 0)
        return -EINVAL;
    engine_reload(s->engine, &s->first->engine_config, w.registry, w.profiles);
    files_remember(s);
    s->journal_file =
        journal_file_open(s->first->journal_path, s->first->journal_size_mb, s->first->journal_sync, &error);
    if (!s->journal_file) {
        fprintf(stderr, "%s\n", error);
        return -EIO;
    }
    s->journal = journal_file_journal(s->journal_file);
    if (journal_torn_bytes(s->journal) > 0)
        log_write(LOG_WARNING, "the last turn was not written to its end, and never counted",
                  LOG_INT("bytes", journal_torn_bytes(s->journal)));
    s->alive_wall_ms = journal_file_touched_ms(s->journal_file);
    if (!open_audit(s) || !registry_open(s))
        return -EIO;
    return life_recover(s);
}

static void close_service(struct service *s)
{
    http_stop(s);
    metrics_release(&s->metrics);
    supervisor_close(&s->supervised.supervisor);
    registry_close(s); /* before what it reads of */
    files_close(s);
    heir_free(s);
    mqtt_free(s->mqtt);
    audit_close(s->audit, !s->journal_down, s->now);
    journal_file_close(s->journal_file);
    shared_close(s);
    engine_free(s->engine);
    outbox_free(s->outbox);
    buffer_release(&s->filters);
    buffer_release(&s->gone);
    if (s->current != s->first)
        config_free(s->current);
    config_free(s->first);
    if (s->signal_fd >= 0)
        close(s->signal_fd);
    log_flush();
}

/* --- signals --- */

bool life_is_stopping(const struct service *s)
{
    return engine_is_draining(s->engine) || s->handing_over;
}

void life_drain(struct service *s)
{
    if (life_is_stopping(s)) {
        s->stop_at_ms = s->now.mono_ms; /* asked twice: at once */
        return;
    }
    log_write(LOG_INFO, "draining", LOG_INT("pending", engine_totals(s->engine).pending));
    s->stop_at_ms = s->now.mono_ms + s->current->engine.drain_ms + DRAIN_GRACE_MS;
    engine_drain(s->engine, s->now);
    link_stop_requests(s);
    if (s->audit)
        audit_stop(s->audit, s->now);
}

/* Nobody is told anything: the broker keeps requests and acks in the session, the journal has what is pending, and the
 * next process goes on with both. */
static void hand_over(struct service *s)
{
    if (life_is_stopping(s))
        return;
    log_write(LOG_INFO, "handing over", LOG_INT("pending", engine_totals(s->engine).pending));
    s->handing_over = true;
    s->stop_at_ms = s->now.mono_ms + HAND_OVER_MS;
    engine_hand_over(s->engine);
    if (s->audit)
        audit_stop(s->audit, s->now);
}

static void reload(struct service *s)
{
    files_reload(s);
    if (s->audit)
        audit_reopen(s->audit, s->now);
}

static void take_signals(struct service *s)
{
    struct signalfd_siginfo info;

    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            reload(s);
        else if (info.ssi_signo == SIGUSR1)
            report_counters(s);
        else if (info.ssi_signo == SIGUSR2)
            hand_over(s);
        else
            life_drain(s);
    }
}

/* --- the loop --- */

/* True: there are signals. */
static bool wait_for_work(struct service *s)
{
    struct pollfd fds[] = {
        {.fd = s->signal_fd, .events = POLLIN},
        {.fd = shared_is_held(s) || shared_is_awaited(s) ? -1 : mqtt_fd(s->mqtt), .events = mqtt_events(s->mqtt)},
        {.fd = shared_fd(s), .events = shared_events(s)},
        {.fd = shared_is_held(s) || shared_is_awaited(s) ? -1 : heir_fd(s), .events = POLLIN},
        {.fd = files_fd(s), .events = POLLIN},
        {.fd = http_fd(s), .events = POLLIN},
        {.fd = registry_fd(s), .events = POLLIN},
    };

    bool is_any = poll(fds, sizeof fds / sizeof *fds, supervised_wait_ms(s)) > 0;

    shared_polled(s, is_any ? fds[2].revents : 0);
    return is_any && fds[0].revents;
}

/* Where much comes, more will: taken together it costs each side fewer reads, writes and wakes. Half the CPU time of a
 * request, and a tenth of the broker's; where less than MUCH comes in a millisecond nobody waits. */
static void let_more_come(struct service *s)
{
    uint64_t passed_ms = s->now.mono_ms - s->counted_since_ms;

    s->counted += s->received;
    if (passed_ms >= COUNT_FOR_MS) {
        s->is_busy = s->counted >= passed_ms * MUCH;
        s->counted = 0;
        s->counted_since_ms = s->now.mono_ms;
    }
    if (s->is_busy && s->received > 0)
        clock_sleep_us(PAUSE_US);
}

static void note_turn(struct service *s, uint64_t took_us)
{
    if (took_us > s->turn_longest_us)
        s->turn_longest_us = took_us;
    metrics_note_turn(s, took_us);
}

static void run(struct service *s)
{
    bool signalled = true;

    while (!s->stop) {
        uint64_t began_us = clock_mono_us();
        bool more = turn_run(s, signalled ? take_signals : NULL);

        supervised_tick(s);
        if (!more)
            log_flush();
        note_turn(s, clock_mono_us() - began_us);
        let_more_come(s);
        signalled = more || (!s->stop && wait_for_work(s)); /* without a wait they are looked for */
    }
    if (mqtt_is_connected(s->mqtt))
        mqtt_disconnect(s->mqtt);
    s->journal_down = journal_commit(s->journal) < 0;
    log_write(LOG_INFO, "stopped", LOG_INT("pending", engine_totals(s->engine).pending),
              LOG_INT("replies_left", outbox_count(s->outbox)));
}

/* Large blocks are mapped by themselves, so that all of a registry that was replaced goes back to the system; left to
 * itself the C library puts the next one where the last one was, and around it. */
static void set_up_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 8 << 20);
}

int service_run(const char *config_path)
{
    struct service s = {.config_path = config_path, .now = clock_now()};
    int r;

    set_up_memory();
    s.started_ms = s.registry_loaded_ms = s.now.mono_ms;
    metrics_init(&s.metrics);
    s.signal_fd = open_signals();
    CHECK(s.signal_fd >= 0);
    r = open_service(&s);
    if (r == 0)
        r = http_start(&s);
    if (r == 0) {
        link_init(&s);
        supervised_open(&s);
        run(&s);
    }
    close_service(&s);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int service_check(const char *config_path)
{
    struct mistakes mistakes = {0};
    struct world w;
    bool good = world_read(config_path, &w, &mistakes);

    print_mistakes(&mistakes);
    mistakes_release(&mistakes);
    world_release(&w);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
