/* The loop's side of a registry from a database. */
#include <poll.h>
#include <stdio.h>

#include "base/check.h"
#include "edge/registry_postgres.h"
#include "registry_post.h"
#include "service_state.h"

static void log_notes(struct registry_post *post)
{
    struct registry_note note;

    while (registry_post_note_take(post, &note))
        log_write(note.level, note.event, LOG_TEXT("what", note.text));
}

static void log_delivery(const struct registry_delivery *d)
{
    const struct registry *r = d->rules.registry;

    log_write(d->is_whole ? LOG_INFO : LOG_DEBUG, d->is_whole ? "registry read" : "registry changed",
              LOG_INT("users", registry_user_count(r)), LOG_INT("sessions", registry_session_count(r)),
              LOG_INT("trackers", registry_tracker_count(r)), LOG_INT("changed", d->changed),
              LOG_INT("took_ms", d->took_us / 1000));
}

/* Those of other profiles are what a reload has asked for. */
static void take(struct service *s, struct registry_delivery *d)
{
    struct registry_post *post = registry_postgres_post(s->registry);
    struct counters *counters = engine_counters(s->engine);

    if (d->rules.registry && (d->is_whole || d->changed))
        log_delivery(d);
    if (d->is_whole)
        counters->reloads++;
    counters->registry_changes += d->changed;
    if (d->is_whole || d->changed)
        s->registry_loaded_ms = s->now.mono_ms;
    if (d->rules.profiles == engine_profiles(s->engine))
        files_take_rules(s, &d->rules);
    else
        files_take_reload(s, &d->rules);
    registry_post_return(post, &d->rules);
}

void registry_turn(struct service *s)
{
    struct registry_post *post = s->registry ? registry_postgres_post(s->registry) : NULL;
    struct registry_delivery delivery;

    if (!post || !registry_post_has_news(post))
        return;
    s->registry_status = registry_post_look(post);
    log_notes(post);
    engine_counters(s->engine)->registry_rows_refused = s->registry_status.refused;
    if (registry_post_take(post, &delivery))
        take(s, &delivery);
}

/* What is in the journal is recovered by what the registry says; so it is waited for, unless its database is away. */
static void wait_for_first(struct service *s)
{
    uint64_t until_ms = s->now.mono_ms + s->first->registry.timeout_s * UINT64_C(1000);
    struct pollfd fds[] = {
        {.fd = registry_post_fd(registry_postgres_post(s->registry)), .events = POLLIN},
        {.fd = s->signal_fd, .events = POLLIN},
    };

    while (!engine_has_registry(s->engine) && !s->registry_status.has_failed && !fds[1].revents &&
           s->now.mono_ms < until_ms) {
        poll(fds, sizeof fds / sizeof *fds, (int)(until_ms - s->now.mono_ms));
        s->now = clock_now();
        registry_turn(s);
    }
}

bool registry_open(struct service *s)
{
    if (!s->first->registry_is_postgres)
        return true;
    s->registry = registry_postgres_start(&s->first->registry_options, engine_profiles(s->engine));
    if (!s->registry) {
        fputs("the registry's thread cannot be made\n", stderr);
        return false;
    }
    wait_for_first(s);
    return true;
}

int registry_fd(const struct service *s)
{
    return s->registry ? registry_post_fd(registry_postgres_post(s->registry)) : -1;
}

void registry_ask(struct service *s, struct profiles *profiles)
{
    registry_post_want(registry_postgres_post(s->registry), profiles);
}

void registry_close(struct service *s)
{
    if (s->registry)
        registry_postgres_stop(s->registry);
    s->registry = NULL;
}

uint64_t registry_age_ms(const struct service *s)
{
    uint64_t known_ms = s->registry_loaded_ms;

    if (s->registry && s->registry_status.current_ms > known_ms)
        known_ms = s->registry_status.current_ms;
    return s->now.mono_ms > known_ms ? s->now.mono_ms - known_ms : 0;
}

const char *registry_is_missing(const struct service *s)
{
    if (!s->registry)
        return "the registry has not been loaded";
    return s->registry_status.has_failed ? "the registry has not been loaded: its database cannot be read"
                                         : "the registry has not been loaded: it is being read";
}

void registry_put_readiness(const struct service *s, struct buffer *out)
{
    if (s->registry && !s->registry_status.is_connected)
        buffer_printf(out, "; the registry is %llu s old: its database cannot be read",
                      (unsigned long long)registry_age_ms(s) / 1000);
}
