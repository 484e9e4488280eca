#include "edge/world.h"

#include "edge/profile_file.h"
#include "edge/redis.h"
#include "edge/registry_file.h"

/* What holds for all profiles together, and for what state is kept in. */
static void check_sharing(const struct world *w, const char *config_path, struct mistakes *mistakes)
{
    const char *error = w->config->state_is_shared ? redis_missing() : NULL;

    if (error)
        mistakes_add(mistakes, config_path, 0, "state.source cannot be redis without its library: %s", error);
    if (w->config->state_is_shared)
        profile_folder_check_sharing(w->profiles, w->config->profiles_path, mistakes);
}

static void read_registry(struct world *w, const char *config_path, struct mistakes *mistakes)
{
    const char *error;

    if (!w->config->registry_is_postgres) {
        w->registry = registry_file_read(w->config->registry_path, w->profiles, mistakes);
        return;
    }
    error = registry_postgres_check(&w->config->registry_options);
    if (error)
        mistakes_add(mistakes, config_path, 0, "registry.conninfo %s", error);
}

bool world_read(const char *config_path, struct world *w, struct mistakes *mistakes)
{
    unsigned before = mistakes->count;

    *w = (struct world){.config = config_read(config_path, mistakes)};
    if (w->config) {
        w->profiles = profile_folder_read(w->config->profiles_path, w->config->topic_prefix, mistakes);
        read_registry(w, config_path, mistakes);
        check_sharing(w, config_path, mistakes);
    }
    if (mistakes->count == before)
        return true;
    world_release(w);
    return false;
}

void world_release(struct world *w)
{
    registry_free(w->registry);
    profiles_free(w->profiles);
    config_free(w->config);
    *w = (struct world){0};
}
