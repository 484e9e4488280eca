#include "edge/service.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/check.h"
#include "service_state.h"

enum {
    IDLE_MS = 1000,         /* at the latest then the connection is looked at: that sends the keep-alive */
    STATE_LATEST_MS = 3000, /* under load a state is published this much after its ack */
    OUTBOX_KEEP_FREE = 40,  /* percent: beyond that new requests get code 8 */
    JOURNAL_TRY_MS = 1000,
    DELETIONS_WAIT_MS = 100, /* for a turn that puts something too */
    ALIVE_EVERY_MS = 1000,
    SOCKET_FULL_MS = 5,    /* not waited for with POLLOUT: the kernel says writable long before there is room enough */
    DRAIN_GRACE_MS = 2000, /* for the last replies to be acknowledged */
};

/* --- effects --- */

static void stage_put(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    struct service *s = ctx;

    if (!s->journal_down)
        journal_put(s->journal, kind, id, record);
}

/* Also while nothing can be put: a full journal gets room in no other way. */
static void stage_delete(void *ctx, enum journal_kind kind, uint64_t id)
{
    journal_delete(((struct service *)ctx)->journal, kind, id);
}

static void stage_command(void *ctx, const struct engine_command *command)
{
    outbox_put_command(((struct service *)ctx)->outbox, command);
}

static void stage_cancel(void *ctx, uint64_t id)
{
    outbox_cancel(((struct service *)ctx)->outbox, id);
}

static void stage_reply(void *ctx, const struct engine_reply *reply)
{
    outbox_put_reply(((struct service *)ctx)->outbox, reply);
}

/* --- what the outbox tells --- */

static void command_sent(void *ctx, uint64_t id)
{
    struct service *s = ctx;

    engine_command_sent(s->engine, id, s->now);
}

static void command_refused(void *ctx, uint64_t id, const char *why)
{
    struct service *s = ctx;

    log_write(LOG_ERROR, "command not taken", LOG_INT("id", id), LOG_TEXT("why", why));
    engine_command_refused(s->engine, id, s->now);
}

static void reply_delivered(void *ctx, uint64_t id, const char *why)
{
    struct service *s = ctx;

    if (why) {
        log_write(LOG_ERROR, "reply not taken", LOG_INT("id", id), LOG_TEXT("why", why));
        engine_counters(s->engine)->publishes_refused++;
    }
    engine_reply_delivered(s->engine, id);
}

/* --- start --- */

static int recover_record(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    struct service *s = ctx;

    return engine_recover(s->engine, kind, id, record, s->now);
}

static int recover(struct service *s)
{
    static const enum journal_kind order[] = {JOURNAL_SESSION, JOURNAL_ANSWER, JOURNAL_STATES, JOURNAL_REQUEST};
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
static uint64_t first_id(const struct service *s)
{
    enum { BEGIN_S = 1704067200, SHIFT = 22 }; /* 2024-01-01; enough until 2092 */
    uint64_t seconds = (uint64_t)(s->now.wall_ms / 1000 - BEGIN_S) & ((UINT64_C(1) << 31) - 1);
    uint64_t spread = digest_of(bytes_of_text(s->first->instance)).bytes[0];

    return seconds << SHIFT | spread << (SHIFT - 9);
}

static int open_signals(void)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaddset(&set, numbers[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void make_engine(struct service *s, struct world *w)
{
    const struct engine_effects effects = {
        s, stage_put, stage_delete, stage_command, stage_cancel, stage_reply, report_event,
    };
    const struct outbox_events events = {s, command_sent, command_refused, reply_delivered};

    s->outbox = outbox_new(&events);
    s->engine = engine_new(&s->first->engine_config, &effects, first_id(s));
    engine_reload(s->engine, &s->first->engine_config, w->registry, w->profiles);
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
    log_write(LOG_INFO, "starting", LOG_TEXT("version", OUTPUTD_VERSION), LOG_TEXT("instance", s->first->instance),
              LOG_INT("users", registry_user_count(w.registry)),
              LOG_INT("trackers", registry_tracker_count(w.registry)), LOG_INT("profiles", profiles_count(w.profiles)));
    make_engine(s, &w);
    files_remember(s);
    s->journal = journal_open(s->first->journal_path, s->first->journal_size_mb, &error);
    if (!s->journal) {
        fprintf(stderr, "%s\n", error);
        return -EIO;
    }
    s->alive_wall_ms = journal_touched_ms(s->journal);
    return recover(s);
}

static void close_service(struct service *s)
{
    mqtt_free(s->mqtt);
    journal_close(s->journal);
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

static void drain(struct service *s)
{
    if (engine_is_draining(s->engine)) {
        s->stop_at_ms = s->now.mono_ms; /* asked twice: at once */
        return;
    }
    log_write(LOG_INFO, "draining", LOG_INT("pending", engine_totals(s->engine).pending));
    s->stop_at_ms = s->now.mono_ms + s->current->engine.drain_ms + DRAIN_GRACE_MS;
    engine_drain(s->engine, s->now);
    link_stop_requests(s);
}

static void take_signals(struct service *s)
{
    struct signalfd_siginfo info;

    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            files_reload(s);
        else if (info.ssi_signo == SIGUSR1)
            report_counters(s);
        else
            drain(s);
    }
}

/* --- one turn --- */

static void commit(struct service *s)
{
    if (s->journal_down) {
        journal_commit(s->journal); /* deletions alone; where they fail they are made up for by the next start */
        if (s->now.mono_ms - s->journal_tried_ms < JOURNAL_TRY_MS)
            return;
        s->journal_tried_ms = s->now.mono_ms;
        if (journal_probe(s->journal) < 0)
            return;
        s->journal_down = false;
        log_write(LOG_INFO, "journal written again", LOG_TEXT("path", s->first->journal_path));
        engine_journal_committed(s->engine);
        return;
    }
    if (journal_may_wait(s->journal) && s->now.mono_ms - s->committed_ms < DELETIONS_WAIT_MS)
        return;
    s->committed_ms = s->now.mono_ms;
    if (journal_commit(s->journal) == 0) {
        engine_journal_committed(s->engine);
        return;
    }
    log_write(LOG_ERROR, "the journal cannot be written: new requests get code 8",
              LOG_TEXT("why", journal_error(s->journal)));
    s->journal_down = true;
    s->journal_tried_ms = s->now.mono_ms;
    engine_journal_failed(s->engine, s->now);
}

static void publish_states(struct service *s, bool idle)
{
    uint64_t since_ms = s->now.mono_ms - (idle || s->now.mono_ms < STATE_LATEST_MS ? 0 : STATE_LATEST_MS);
    struct buffer topic = {0};
    struct buffer payload = {0};

    /* Replies go first: a state waits until nothing else does. */
    while (outbox_count(s->outbox) < mqtt_receive_maximum(s->mqtt) / 2u + 1 &&
           engine_next_state(s->engine, since_ms, &topic, &payload)) {
        outbox_put_state(s->outbox, buffer_bytes(&topic), buffer_bytes(&payload));
        buffer_clear(&topic);
        buffer_clear(&payload);
    }
    buffer_release(&topic);
    buffer_release(&payload);
}

/* Full: the broker sends requests and takes no replies. Dropped without their PUBACKs, they stay with it. */
static void guard_outbox(struct service *s)
{
    size_t count = outbox_count(s->outbox);
    size_t bytes = outbox_bytes(s->outbox);
    size_t count_max = s->first->broker.outbox_max;
    size_t bytes_max = s->first->broker.outbox_bytes_max;

    engine_set_outbox_full(s->engine, count > count_max / 100 * (100 - OUTBOX_KEEP_FREE) ||
                                          bytes > bytes_max / 100 * (100 - OUTBOX_KEEP_FREE));
    if ((count <= count_max && bytes <= bytes_max) || !mqtt_is_connected(s->mqtt))
        return;
    engine_counters(s->engine)->outbox_overflows++;
    log_write(LOG_ERROR, "outbox full: the connection is dropped", LOG_INT("entries", count), LOG_INT("bytes", bytes));
    mqtt_abort(s->mqtt);
    link_lost(s);
}

static void publish(struct service *s, bool idle)
{
    int r;

    s->socket_full = false;
    if (!mqtt_is_connected(s->mqtt))
        return;
    r = outbox_flush(s->outbox, s->mqtt, s->now.mono_ms);
    if (r == 0) {
        publish_states(s, idle);
        r = outbox_flush(s->outbox, s->mqtt, s->now.mono_ms);
    }
    if (r == -ENOTCONN)
        link_lost(s);
    s->socket_full = r == -EAGAIN && outbox_unacknowledged(s->outbox) < mqtt_receive_maximum(s->mqtt);
}

static void check_stop(struct service *s)
{
    bool states_left;
    bool idle;

    if (!engine_is_draining(s->engine))
        return;
    states_left = engine_has_states(s->engine) && mqtt_is_connected(s->mqtt); /* else the next start publishes them */
    idle = engine_totals(s->engine).pending == 0 && outbox_count(s->outbox) == 0 && !states_left;
    s->stop = idle || s->now.mono_ms >= s->stop_at_ms;
}

static void note_alive(struct service *s)
{
    if (!mqtt_is_connected(s->mqtt) || s->now.wall_ms - s->alive_wall_ms < ALIVE_EVERY_MS)
        return;
    s->alive_wall_ms = s->now.wall_ms;
    journal_touch(s->journal, s->now.wall_ms);
}

/* Nothing reaches the broker, PUBACKs included, before the journal has what it speaks of. True: there is more to do at
 * once. */
static bool turn(struct service *s, bool signalled)
{
    bool received;
    bool more;

    s->now = clock_now();
    mqtt_cork(s->mqtt, true); /* first: a reload and a drain subscribe and unsubscribe */
    if (signalled)
        take_signals(s);
    link_tick(s);
    received = link_receive(s, &more);
    engine_tick(s->engine, s->now);
    files_watch(s);
    note_alive(s);
    commit(s);
    guard_outbox(s);
    publish(s, !received);
    report_stats(s);
    mqtt_cork(s->mqtt, false);
    check_stop(s);
    return more;
}

static int wait_ms(const struct service *s)
{
    int64_t waits[] = {engine_wait_ms(s->engine, s->now), link_wait_ms(s), IDLE_MS};
    int64_t shortest = IDLE_MS;

    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        if (waits[i] >= 0 && waits[i] < shortest)
            shortest = waits[i];
    }
    if (s->socket_full && shortest > SOCKET_FULL_MS)
        shortest = SOCKET_FULL_MS;
    if (engine_has_states(s->engine) && mqtt_is_connected(s->mqtt) && shortest > 1)
        shortest = 1; /* they wait for a turn without messages */
    return (int)shortest;
}

/* True: there are signals. */
static bool wait_for_work(const struct service *s)
{
    struct pollfd fds[] = {
        {.fd = s->signal_fd, .events = POLLIN},
        {.fd = mqtt_fd(s->mqtt), .events = POLLIN},
    };

    log_flush();
    return poll(fds, sizeof fds / sizeof *fds, wait_ms(s)) > 0 && fds[0].revents;
}

static void run(struct service *s)
{
    bool signalled = true;

    while (!s->stop) {
        bool more = turn(s, signalled);

        signalled = more || (!s->stop && wait_for_work(s)); /* without a wait they are looked for */
    }
    if (mqtt_is_connected(s->mqtt))
        mqtt_disconnect(s->mqtt);
    journal_commit(s->journal);
    log_write(LOG_INFO, "stopped", LOG_INT("pending", engine_totals(s->engine).pending),
              LOG_INT("replies_left", outbox_count(s->outbox)));
}

int service_run(const char *config_path)
{
    struct service s = {.config_path = config_path, .now = clock_now()};
    int r;

    s.started_ms = s.now.mono_ms;
    s.signal_fd = open_signals();
    CHECK(s.signal_fd >= 0);
    r = open_service(&s);
    if (r == 0) {
        link_init(&s);
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
