#include "core/rules.h"

#include <stdlib.h>

#include "base/check.h"

static struct profile **profiles_of_models(const struct registry *registry, const struct profiles *profiles)
{
    size_t count = registry ? registry_model_count(registry) : 0;
    struct profile **list = calloc(count + 1, sizeof(struct profile *));

    CHECK(list);
    for (size_t i = 0; i < count; i++)
        list[i] = profiles_by_model(profiles, registry_model(registry, i));
    return list;
}

void rules_make(struct rules *rules, struct registry *registry, struct profiles *profiles, const char *prefix)
{
    rules->registry = registry;
    rules->profiles = profiles;
    rules->model_profiles = profiles_of_models(registry, profiles);
    router_init(&rules->router, profiles, registry, prefix);
}

void rules_release(struct rules *rules)
{
    router_release(&rules->router);
    free(rules->model_profiles);
    registry_free(rules->registry);
    profiles_free(rules->profiles);
    *rules = (struct rules){0};
}
