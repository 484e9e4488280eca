#include "edge/registry_postgres.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/thread.h"
#include "edge/backoff.h"
#include "registry_post.h"
#include "registry_reading.h"

enum {
    GATHER_MS = 100,   /* changes that come together are read together */
    IDLE_FOR = 10,     /* between two readings lies so many times what the first one took … */
    IDLE_MAX_MS = 500, /* … or this */
    CHECK_EVERY_MS = 10000,
    SPARE_MS = 60000,      /* without changes */
    TELL_AGAIN_MS = 60000, /* that it fails as before */
    STOP_WITHIN_S = 3,
};

struct registry_postgres {
    struct registry_postgres_options o;
    struct registry_post *post;
    pthread_t thread;

    /* The thread's. */
    struct postgres db;
    struct profiles *profiles;
    struct registry *latest; /* delivered; NULL: none yet */
    struct registry *spare;  /* the one before, whose memory the next one takes; NULL: none */
    struct registry_status status;
    struct registry_changes changes;
    bool whole_wanted;
    uint64_t changed_ms;    /* since when there are changes */
    uint64_t idle_until_ms; /* changes are not read before */
    uint64_t read_ms;       /* when everything was read, and how long that took */
    uint64_t whole_took_ms;
    uint64_t spoke_ms; /* when the server was last heard */
    uint32_t backoff_ms;
    char told[sizeof((struct postgres *)0)->error]; /* the last failure in the log */
    uint64_t told_ms;
};

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* --- what the loop hands in and out --- */

static void let_go(const struct registry_postgres *t, struct rules *rules)
{
    if (rules->registry == t->latest)
        rules->registry = NULL;
    rules_release(rules);
}

/* The next copy goes where the last one was. */
static void let_go_returned(struct registry_postgres *t)
{
    struct rules rules;

    while (registry_post_returned(t->post, &rules)) {
        if (rules.registry && rules.registry != t->latest) {
            registry_free(t->spare);
            t->spare = rules.registry;
            rules.registry = NULL;
        }
        let_go(t, &rules);
    }
}

static void let_go_spare(struct registry_postgres *t)
{
    registry_free(t->spare);
    t->spare = NULL;
}

static void deliver(struct registry_postgres *t, struct registry *registry, struct registry_delivery *delivery,
                    uint64_t began_us)
{
    struct rules before;

    rules_make(&delivery->rules, registry, t->profiles, t->o.topic_prefix);
    delivery->took_us = clock_mono_us() - began_us;
    let_go_returned(t);
    t->latest = registry;
    registry_post_deliver(t->post, delivery, &before);
    let_go(t, &before);
}

/* New profiles: at once with the registry that there is, for no database is needed for that; then everything is read
 * again, checked against them. */
static void serve_loop(struct registry_postgres *t)
{
    struct profiles *wanted = registry_post_wanted(t->post);
    struct registry_delivery delivery = {0};

    let_go_returned(t);
    if (!wanted)
        return;
    t->profiles = wanted;
    t->whole_wanted = true;
    deliver(t, t->latest, &delivery, clock_mono_us());
}

static bool is_interrupted(void *ctx)
{
    return registry_post_is_interrupted(((struct registry_postgres *)ctx)->post);
}

static void tell_current(struct registry_postgres *t)
{
    t->spoke_ms = clock_mono_ms();
    t->status.is_connected = true;
    t->status.current_ms = t->spoke_ms;
    registry_post_tell(t->post, &t->status);
}

/* --- reading --- */

static void tell_refused(void *ctx, const char *why)
{
    registry_post_note(((struct registry_postgres *)ctx)->post, LOG_WARNING, "registry row refused", why);
}

static struct registry_reading reading_of(struct registry_postgres *t)
{
    return (struct registry_reading){
        .db = &t->db, .queries = t->o.queries, .profiles = t->profiles, .refused = tell_refused, .ctx = t};
}

static bool read_whole(struct registry_postgres *t)
{
    struct registry_reading reading = reading_of(t);
    struct registry_delivery delivery = {.is_whole = true};
    uint64_t began_us = clock_mono_us();
    struct registry *registry;

    registry_changes_clear(&t->changes); /* whatever they are, it is read */
    let_go_spare(t);
    registry = registry_read_whole(&reading);
    if (!registry)
        return false;
    t->whole_wanted = false;
    t->status.refused += reading.refused_count;
    deliver(t, registry, &delivery, began_us);
    t->read_ms = clock_mono_ms();
    t->idle_until_ms = t->read_ms + GATHER_MS;
    t->whole_took_ms = delivery.took_us / 1000;
    t->backoff_ms = t->o.reconnect_min_ms;
    t->told[0] = '\0';
    tell_current(t);
    return true;
}

static bool read_changes(struct registry_postgres *t)
{
    struct registry_reading reading = reading_of(t);
    struct registry_delivery delivery = {0};
    uint64_t began_us = clock_mono_us();
    struct registry *registry;

    registry_changes_sort(&t->changes);
    delivery.changed = t->changes.count;
    registry = registry_read_changes(&reading, t->latest, &t->changes, t->spare);
    t->spare = NULL;
    registry_changes_clear(&t->changes);
    if (!registry)
        return false;
    t->status.refused += reading.refused_count;
    deliver(t, registry, &delivery, began_us);
    t->idle_until_ms = clock_mono_ms() + earlier(delivery.took_us / 1000 * IDLE_FOR, IDLE_MAX_MS);
    tell_current(t);
    return true;
}

/* --- a connection's life --- */

static void note_notifications(struct registry_postgres *t)
{
    PGnotify *notify;
    const char *payload;

    while ((payload = postgres_notification(&t->db, &notify))) {
        if (t->changes.count == 0 && !t->changes.all)
            t->changed_ms = clock_mono_ms();
        registry_changes_note(&t->changes, payload);
        pq.freemem(notify);
    }
}

/* When changes are to be read. Between two times that everything is read lies as much time as that takes. */
static uint64_t changes_due_ms(const struct registry_postgres *t)
{
    uint64_t due_ms = later(t->changed_ms + GATHER_MS, t->idle_until_ms);

    return t->changes.all ? later(due_ms, t->read_ms + t->whole_took_ms) : due_ms;
}

static bool has_changes(const struct registry_postgres *t)
{
    return t->changes.count > 0 || t->changes.all;
}

static bool check(struct registry_postgres *t)
{
    if (clock_mono_ms() > t->idle_until_ms + SPARE_MS)
        let_go_spare(t);
    if (!postgres_execute(&t->db, "SELECT 1"))
        return false;
    tell_current(t);
    return true;
}

/* What is due now; false: it failed. */
static bool turn(struct registry_postgres *t)
{
    uint64_t refresh_ms = t->o.refresh_s ? t->read_ms + t->o.refresh_s * UINT64_C(1000) : UINT64_MAX;
    uint64_t changes_ms = has_changes(t) ? changes_due_ms(t) : UINT64_MAX;
    uint64_t check_ms = t->spoke_ms + CHECK_EVERY_MS;
    uint64_t now = clock_mono_ms();

    if (t->whole_wanted || now >= refresh_ms || (now >= changes_ms && t->changes.all))
        return read_whole(t);
    if (now >= changes_ms)
        return read_changes(t);
    if (now >= check_ms)
        return check(t);
    return postgres_wait(&t->db, earlier(earlier(refresh_ms, changes_ms), check_ms));
}

static bool listen_to_changes(struct registry_postgres *t)
{
    char sql[96];

    snprintf(sql, sizeof sql, "LISTEN \"%s\"", t->o.channel);
    return postgres_execute(&t->db, "SET timezone TO 'UTC'") && postgres_execute(&t->db, "SET datestyle TO 'ISO'") &&
           postgres_execute(&t->db, sql);
}

static void tell_connected(struct registry_postgres *t)
{
    char text[256];

    snprintf(text, sizeof text, "%.100s on %.100s", pq.db(t->db.conn), pq.host(t->db.conn));
    registry_post_note(t->post, LOG_INFO, "registry database connected", text);
}

/* Until it is lost, or the loop interrupts it. */
static void live(struct registry_postgres *t)
{
    bool good = postgres_open(&t->db) && listen_to_changes(t);

    t->whole_wanted = true; /* whatever was told meanwhile was told nobody */
    if (good)
        tell_connected(t);
    while (good && !registry_post_is_stopping(t->post)) {
        serve_loop(t);
        good = turn(t);
        if (good)
            note_notifications(t);
    }
    postgres_close(&t->db);
}

/* --- and the next --- */

static void tell_failure(struct registry_postgres *t)
{
    t->status.is_connected = false;
    t->status.has_failed = true;
    registry_post_tell(t->post, &t->status);
    if (strcmp(t->told, t->db.error) == 0 && clock_mono_ms() - t->told_ms < TELL_AGAIN_MS)
        return;
    snprintf(t->told, sizeof t->told, "%s", t->db.error);
    t->told_ms = clock_mono_ms();
    registry_post_note(t->post, LOG_ERROR, "registry database failed", t->db.error);
}

static void pause_before_next(struct registry_postgres *t)
{
    uint64_t until_ms = clock_mono_ms() + backoff_pause_ms(&t->backoff_ms, t->o.reconnect_max_ms);

    while (clock_mono_ms() < until_ms && !registry_post_is_stopping(t->post)) {
        serve_loop(t);
        postgres_pause(&t->db, until_ms);
    }
}

static void *run(void *ctx)
{
    struct registry_postgres *t = ctx;

    while (!registry_post_is_stopping(t->post)) {
        serve_loop(t);
        live(t);
        if (t->db.was_interrupted || registry_post_is_stopping(t->post))
            continue;
        tell_failure(t);
        pause_before_next(t);
    }
    registry_changes_clear(&t->changes);
    let_go_returned(t);
    let_go_spare(t);
    return NULL;
}

/* --- what the loop calls --- */

const char *registry_postgres_check(const struct registry_postgres_options *options)
{
    static char text[256];
    const char *error = postgres_library_load();

    if (!error)
        return postgres_check_conninfo(options->conninfo);
    snprintf(text, sizeof text, "cannot be used without libpq: %s", error);
    return text;
}

struct registry_postgres *registry_postgres_start(const struct registry_postgres_options *options,
                                                  struct profiles *profiles)
{
    struct registry_postgres *t = calloc(1, sizeof *t);

    CHECK(t);
    t->o = *options;
    t->post = registry_post_new();
    t->profiles = profiles;
    t->changes.max = options->changes_max;
    t->backoff_ms = options->reconnect_min_ms;
    t->db = (struct postgres){.conninfo = options->conninfo,
                              .wake_fd = registry_post_wake_fd(t->post),
                              .is_interrupted = is_interrupted,
                              .ctx = t,
                              .timeout_ms = options->timeout_s * 1000};
    if (thread_start(&t->thread, run, t) == 0)
        return t;
    registry_post_free(t->post);
    free(t);
    return NULL;
}

struct registry_post *registry_postgres_post(const struct registry_postgres *t)
{
    return t->post;
}

/* A name server that does not answer holds up whoever asks it: then the thread is left behind with what it has, for
 * this is the end of the process. */
void registry_postgres_stop(struct registry_postgres *t)
{
    struct timespec until;

    if (!t)
        return;
    registry_post_stop(t->post);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_WITHIN_S;
    if (pthread_timedjoin_np(t->thread, NULL, &until) != 0)
        return;
    registry_post_free(t->post);
    free(t);
}
