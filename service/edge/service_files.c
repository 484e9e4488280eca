#include "service_state.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "edge/errand.h"
#include "edge/profile_file.h"
#include "edge/registry_file.h"

enum { WATCH_EVERY_MS = 500 };

void print_mistakes(const struct mistakes *m)
{
    if (m->text.len)
        fwrite(m->text.data, 1, m->text.len, stderr);
    fflush(stderr);
}

/* One log line for each. */
static void log_mistakes(const struct mistakes *m)
{
    struct bytes rest = buffer_bytes(&m->text);

    while (rest.len) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = end ? (size_t)(end - rest.data) : rest.len;

        log_write(LOG_ERROR, "mistake", LOG_BYTES("at", bytes_of(rest.data, len)));
        rest.data += len + 1;
        rest.len -= len + 1;
    }
}

static struct stat registry_as_it_is(const struct service *s)
{
    struct stat now = {0};

    if (stat(s->current->registry_path, &now) < 0)
        now = (struct stat){0};
    return now;
}

void files_remember(struct service *s)
{
    s->registry_stat = registry_as_it_is(s);
}

static bool registry_changed(const struct service *s)
{
    struct stat now;

    if (s->registry)
        return false; /* it comes from a database */
    if (stat(s->current->registry_path, &now) < 0)
        return false; /* being replaced: look again */
    return now.st_ino != s->registry_stat.st_ino || now.st_size != s->registry_stat.st_size ||
           now.st_mtim.tv_sec != s->registry_stat.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != s->registry_stat.st_mtim.tv_nsec;
}

/* --- a reload --- */

/* Made by the loop, then the thread's until it has read everything; then the loop takes the rules, and the thread lets
 * go what was there before. */
struct reload {
    struct errand errand;
    bool is_whole; /* a signal asked: configuration and profiles, too */
    bool is_asked; /* the database's thread makes the rules, of the profiles */
    bool is_taken; /* what is in it is to be let go */
    const char *config_path;
    const struct config *first;
    const struct config *current;
    struct profiles *running;
    struct stat read_as; /* the registry's file, before it was read: a change meanwhile is seen the next time */
    struct mistakes mistakes;
    atomic_bool given_up;

    struct config *config; /* where it is whole */
    struct rules rules;    /* after a mistake empty */
};

static void read_whole(struct reload *r)
{
    struct profiles *profiles = NULL;
    struct registry *registry = NULL;

    r->config = config_read(r->config_path, &r->mistakes);
    if (r->config)
        profiles = profile_folder_read(r->config->profiles_path, r->first->topic_prefix, &r->mistakes);
    if (r->config && r->first->state_is_shared)
        profile_folder_check_sharing(profiles, r->config->profiles_path, &r->mistakes);
    if (r->config && !r->first->registry_is_postgres)
        registry = registry_file_read(r->config->registry_path, profiles, &r->mistakes);
    if (r->mistakes.count == 0) {
        if (r->first->registry_is_postgres)
            r->rules.profiles = profiles;
        else
            rules_make(&r->rules, registry, profiles, r->first->topic_prefix);
        return;
    }
    registry_free(registry);
    profiles_free(profiles);
    config_free(r->config);
    r->config = NULL;
}

/* It is checked against the profiles in the files, and served by those that run. */
static void read_registry(struct reload *r)
{
    struct mistakes of_profiles = {0}; /* nobody has asked */
    struct profiles *profiles = profile_folder_read(r->current->profiles_path, r->first->topic_prefix, &of_profiles);
    struct registry *registry = registry_file_read(r->current->registry_path, profiles, &r->mistakes);

    mistakes_release(&of_profiles);
    profiles_free(profiles);
    if (registry)
        rules_make(&r->rules, registry, r->running, r->first->topic_prefix);
}

static void read_files(void *ctx)
{
    struct reload *r = ctx;

    if (r->is_whole)
        read_whole(r);
    else
        read_registry(r);
}

static void start_reload(struct service *s, bool is_whole)
{
    struct reload *r = calloc(1, sizeof *r);

    CHECK(r);
    *r = (struct reload){
        .errand = ERRAND_NONE,
        .is_whole = is_whole,
        .config_path = s->config_path,
        .first = s->first,
        .current = s->current,
        .running = engine_profiles(s->engine),
        .read_as = registry_as_it_is(s),
    };
    r->mistakes.given_up = &r->given_up;
    s->reload = r;
    s->reload_wanted &= !is_whole;
    if (!is_whole)
        s->registry_stat = r->read_as;
    errand_start(&r->errand, read_files, r);
}

/* --- taking it --- */

static void refuse_reload(struct service *s, struct mistakes *mistakes)
{
    engine_counters(s->engine)->reloads_failed++;
    log_mistakes(mistakes);
    log_write(LOG_ERROR, "reload refused", LOG_TEXT("kept", "the running state"));
}

static bool is_other(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") != 0;
}

static bool audit_is_other(const struct audit_options *a, const struct audit_options *b)
{
    return is_other(a->path, b->path) || is_other(a->topic, b->topic) || a->required != b->required ||
           a->bytes_max != b->bytes_max || a->buffer_bytes_max != b->buffer_bytes_max ||
           a->refused_max_per_s != b->refused_max_per_s;
}

static bool registry_is_other(const struct config_registry *a, const struct config_registry *b)
{
    return is_other(a->source, b->source) || is_other(a->conninfo, b->conninfo) || is_other(a->channel, b->channel) ||
           is_other(a->users_query, b->users_query) || is_other(a->sessions_query, b->sessions_query) ||
           is_other(a->trackers_query, b->trackers_query);
}

/* What changed in the files that only a restart brings in. */
static void warn_of_restart(const struct service *s)
{
    const struct config *a = s->first;
    const struct config *b = s->current;

    if (strcmp(a->instance, b->instance) != 0 || strcmp(a->broker.url.items[0], b->broker.url.items[0]) != 0 ||
        strcmp(a->topic_prefix, b->topic_prefix) != 0 || strcmp(a->journal_path, b->journal_path) != 0 ||
        a->journal_sync != b->journal_sync || a->http.api != b->http.api || a->http.console != b->http.console ||
        strcmp(a->http.listen, b->http.listen) != 0 || strcmp(a->broker.share_group, b->broker.share_group) != 0 ||
        is_other(a->state.source, b->state.source) || is_other(a->state.url, b->state.url) ||
        is_other(a->state.prefix, b->state.prefix) || a->state.lease_ms != b->state.lease_ms ||
        audit_is_other(&a->audit_options, &b->audit_options) || registry_is_other(&a->registry, &b->registry))
        log_write(LOG_WARNING, "restart needed",
                  LOG_TEXT("for", "instance, broker, topics, registry, journal, audit, http and state"));
}

/* The topics that the service lives on stay as they were. */
static void keep_topics(struct service *s)
{
    struct engine_config *config = &s->current->engine_config;

    config->prefix = s->first->topic_prefix;
    config->reply_default = s->first->reply_default;
    config->own_topics = s->first->own_topics;
    config->own_topic_count = s->first->engine_config.own_topic_count;
    config->reply_local = s->first->reply_topic;
}

static void log_taken(const char *event, const struct rules *rules)
{
    const struct registry *registry = rules->registry; /* NULL: its database was never there */

    log_write(LOG_INFO, event, LOG_INT("users", registry_user_count(registry)),
              LOG_INT("sessions", registry_session_count(registry)),
              LOG_INT("trackers", registry_tracker_count(registry)),
              LOG_INT("profiles", profiles_count(rules->profiles)));
}

static void take_whole(struct service *s, struct reload *r)
{
    struct config *before = s->current;

    log_taken("reloaded", &r->rules);
    s->current = r->config;
    keep_topics(s);
    engine_take(s->engine, &s->current->engine_config, &r->rules);
    if (before != s->first)
        config_free(before);
    log_set_level(s->current->log_level);
    log_set_json(s->current->log_json);
    warn_of_restart(s);
    link_update_filters(s);
    s->registry_stat = r->read_as;
}

/* Other trackers may need other subscriptions; where they do not, nothing is to be held up. */
void files_take_rules(struct service *s, struct rules *rules)
{
    struct buffer before = {0};
    struct buffer after = {0};
    size_t count;

    engine_filters(s->engine, &before, &count);
    engine_take(s->engine, &s->current->engine_config, rules);
    engine_filters(s->engine, &after, &count);
    if (!bytes_equal(buffer_bytes(&before), buffer_bytes(&after)))
        link_update_filters(s);
    buffer_release(&before);
    buffer_release(&after);
}

static void take_registry(struct service *s, struct reload *r)
{
    log_taken("registry reloaded", &r->rules);
    files_take_rules(s, &r->rules);
}

static void let_go(void *ctx)
{
    struct reload *r = ctx;

    rules_release(&r->rules);
}

static void take_reload(struct service *s)
{
    struct reload *r = s->reload;

    if (r->mistakes.count == 0 && s->registry) {
        r->is_asked = true;
        registry_ask(s, r->rules.profiles);
        return;
    }
    if (r->mistakes.count)
        refuse_reload(s, &r->mistakes);
    else if (r->is_whole)
        take_whole(s, r);
    else
        take_registry(s, r);
    if (r->mistakes.count == 0) {
        engine_counters(s->engine)->reloads++;
        s->registry_loaded_ms = s->now.mono_ms;
    }
    profiles_free(r->rules.profiles); /* commands in flight count them, on this thread */
    r->rules.profiles = NULL;
    r->is_taken = true;
    errand_start(&r->errand, let_go, r);
}

static void end_reload(struct service *s)
{
    errand_stop(&s->reload->errand);
    mistakes_release(&s->reload->mistakes);
    free(s->reload);
    s->reload = NULL;
}

void files_take_reload(struct service *s, struct rules *rules)
{
    struct reload *r = s->reload;

    CHECK(r);
    CHECK(r->is_asked && r->rules.profiles == rules->profiles);
    r->rules = *rules;
    take_whole(s, r);
    engine_counters(s->engine)->reloads++;
    *rules = r->rules;
    profiles_free(rules->profiles); /* commands in flight count them, on this thread */
    rules->profiles = NULL;
    end_reload(s);
}

/* --- what the loop calls --- */

void files_reload(struct service *s)
{
    s->reload_wanted = true;
}

static bool registry_is_due(struct service *s)
{
    if (s->now.mono_ms - s->registry_checked_ms < WATCH_EVERY_MS)
        return false;
    s->registry_checked_ms = s->now.mono_ms;
    return registry_changed(s);
}

void files_watch(struct service *s)
{
    if (s->reload && errand_is_done(&s->reload->errand)) {
        if (s->reload->is_taken)
            end_reload(s);
        else
            take_reload(s);
    }
    if (s->reload)
        return;
    if (s->reload_wanted)
        start_reload(s, true);
    else if (registry_is_due(s))
        start_reload(s, false);
}

int files_fd(const struct service *s)
{
    return s->reload ? s->reload->errand.done : -1;
}

bool files_are_reloading(const struct service *s)
{
    return s->reload_wanted || (s->reload && s->reload->is_whole && !s->reload->is_taken);
}

void files_close(struct service *s)
{
    struct reload *r = s->reload;

    if (!r)
        return;
    atomic_store(&r->given_up, true);
    errand_stop(&r->errand);
    if (!r->is_taken && !r->is_whole)
        r->rules.profiles = NULL; /* the engine's */
    if (!r->is_taken)
        config_free(r->config);
    rules_release(&r->rules);
    end_reload(s);
}
