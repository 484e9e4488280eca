#include "service_state.h"

#include <stdio.h>

#include "base/check.h"
#include "edge/profile_file.h"
#include "edge/registry_file.h"

enum { WATCH_EVERY_MS = 500 };

void print_mistakes(const struct mistakes *m)
{
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

    if (stat(s->current->registry_path, &now) < 0)
        return false; /* being replaced: look again */
    return now.st_ino != s->registry_stat.st_ino || now.st_size != s->registry_stat.st_size ||
           now.st_mtim.tv_sec != s->registry_stat.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != s->registry_stat.st_mtim.tv_nsec;
}

static void refuse_reload(struct service *s, struct mistakes *mistakes)
{
    engine_counters(s->engine)->reloads_failed++;
    log_mistakes(mistakes);
    log_write(LOG_ERROR, "reload refused", LOG_TEXT("kept", "the running state"));
    mistakes_release(mistakes);
}

/* What changed in the files that only a restart brings in. */
static void warn_of_restart(const struct service *s)
{
    const struct config *a = s->first;
    const struct config *b = s->current;

    if (strcmp(a->instance, b->instance) != 0 || strcmp(a->broker.url.items[0], b->broker.url.items[0]) != 0 ||
        strcmp(a->topic_prefix, b->topic_prefix) != 0 || strcmp(a->journal_path, b->journal_path) != 0 ||
        a->journal_sync != b->journal_sync || strcmp(a->broker.share_group, b->broker.share_group) != 0)
        log_write(LOG_WARNING, "restart needed", LOG_TEXT("for", "instance, broker, topics and journal"));
}

/* The topics that the service lives on stay as they were. */
static void keep_topics(struct service *s)
{
    struct engine_config *config = &s->current->engine_config;

    config->prefix = s->first->topic_prefix;
    config->reply_default = s->first->reply_default;
    config->own_topics = s->first->own_topics;
}

static void take_world(struct service *s, struct world *w)
{
    struct config *before = s->current;

    s->current = w->config;
    keep_topics(s);
    engine_reload(s->engine, &s->current->engine_config, w->registry, w->profiles);
    if (before != s->first)
        config_free(before);
    log_set_level(s->current->log_level);
    log_set_json(s->current->log_json);
    warn_of_restart(s);
    link_update_filters(s);
    engine_counters(s->engine)->reloads++;
}

void files_reload(struct service *s)
{
    struct mistakes mistakes = {0};
    struct stat read_as = registry_as_it_is(s); /* before it is read: a change meanwhile is seen the next time */
    struct world w = {.config = config_read(s->config_path, &mistakes)};

    if (w.config) {
        w.profiles = profile_folder_read(w.config->profiles_path, s->first->topic_prefix, &mistakes);
        w.registry = registry_file_read(w.config->registry_path, w.profiles, &mistakes);
    }
    if (mistakes.count) {
        world_release(&w);
        refuse_reload(s, &mistakes);
        return;
    }
    CHECK(w.config);
    log_write(LOG_INFO, "reloaded", LOG_INT("users", registry_user_count(w.registry)),
              LOG_INT("sessions", registry_session_count(w.registry)),
              LOG_INT("trackers", registry_tracker_count(w.registry)), LOG_INT("profiles", profiles_count(w.profiles)));
    take_world(s, &w);
    s->registry_stat = read_as;
}

/* Other trackers may need other subscriptions; where they do not, nothing is to be held up. */
static void take_registry(struct service *s, struct registry *registry)
{
    struct buffer before = {0};
    struct buffer after = {0};
    size_t count;

    engine_filters(s->engine, &before, &count);
    engine_reload(s->engine, &s->current->engine_config, registry, NULL);
    engine_filters(s->engine, &after, &count);
    if (!bytes_equal(buffer_bytes(&before), buffer_bytes(&after)))
        link_update_filters(s);
    buffer_release(&before);
    buffer_release(&after);
}

static void reload_registry(struct service *s)
{
    struct mistakes mistakes = {0};
    struct profiles *profiles;
    struct registry *registry;

    files_remember(s); /* first: a change during the reading is seen the next time */
    profiles = profile_folder_read(s->current->profiles_path, s->first->topic_prefix, &mistakes);
    mistakes_release(&mistakes); /* of profiles nobody has asked */
    registry = registry_file_read(s->current->registry_path, profiles, &mistakes);
    profiles_free(profiles);
    if (!registry) {
        refuse_reload(s, &mistakes);
        return;
    }
    take_registry(s, registry);
    engine_counters(s->engine)->reloads++;
    log_write(LOG_INFO, "registry reloaded", LOG_INT("users", registry_user_count(registry)),
              LOG_INT("sessions", registry_session_count(registry)),
              LOG_INT("trackers", registry_tracker_count(registry)));
}

void files_watch(struct service *s)
{
    if (s->now.mono_ms - s->registry_checked_ms < WATCH_EVERY_MS)
        return;
    s->registry_checked_ms = s->now.mono_ms;
    if (registry_changed(s))
        reload_registry(s);
}
