#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "core/profile.h"

struct profiles {
    struct profile **list;
    size_t count;
};

static void add_builtin(struct profiles *all, const char *prefix, const char *name, const char *model,
                        enum profile_kind kind)
{
    const struct profile_description description = {
        .name = name,
        .models = &model,
        .model_count = 1,
        .kind = kind,
        .base = {.set = true, .set_all = true},
        .match = MATCH_ID,
    };
    const char *key;
    const char *error;
    struct profile *p = profile_new(&description, prefix, &key, &error);

    CHECK(p);
    CHECK(profiles_add(all, p, &error) == 0);
}

struct profiles *profiles_new(const char *prefix)
{
    struct profiles *all = calloc(1, sizeof *all);

    CHECK(all);
    add_builtin(all, prefix, "json", "generic_json", PROFILE_GENERIC_JSON);
    add_builtin(all, prefix, "msgpack", "generic_msgpack", PROFILE_GENERIC_MSGPACK);
    return all;
}

void profiles_free(struct profiles *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < all->count; i++)
        profile_unref(all->list[i]);
    free(all->list);
    free(all);
}

int profiles_add(struct profiles *all, struct profile *p, const char **model)
{
    *model = NULL;
    for (size_t i = 0; i < profile_model_count(p); i++) {
        if (profiles_by_model(all, profile_model(p, i)))
            *model = profile_model(p, i);
    }
    if (*model || profiles_by_name(all, profile_name(p)))
        return -EEXIST;
    all->list = realloc(all->list, (all->count + 1) * sizeof(struct profile *));
    CHECK(all->list);
    all->list[all->count++] = p;
    return 0;
}

size_t profiles_count(const struct profiles *all)
{
    return all->count;
}

struct profile *profiles_at(const struct profiles *all, size_t index)
{
    return all->list[index];
}

struct profile *profiles_by_name(const struct profiles *all, const char *name)
{
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(profile_name(all->list[i]), name) == 0)
            return all->list[i];
    }
    return NULL;
}

struct profile *profiles_by_model(const struct profiles *all, const char *model)
{
    for (size_t i = 0; i < all->count; i++) {
        for (size_t n = 0; n < profile_model_count(all->list[i]); n++) {
            if (strcmp(profile_model(all->list[i], n), model) == 0)
                return all->list[i];
        }
    }
    return NULL;
}
