#include "edge/world.h"

#include "edge/profile_file.h"
#include "edge/registry_file.h"

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
