/* The inside of a registry, for what builds it and reads it (registry.c) and what changes a copy (registry_change.c).
 */
#ifndef CORE_REGISTRY_STATE_H
#define CORE_REGISTRY_STATE_H

#include "base/index.h"
#include "core/registry.h"

/* Vars and reserved outputs: those of equal ones are kept once. */
struct settings {
    uint64_t reserved;
    uint32_t vars; /* where they are among the texts */
    bool has_reserved;
};

/* Each kind of thing is in one array, and is found by an index of numbers into it, from 1. */
struct registry {
    struct registry_user *users;
    struct registry_session *sessions;
    struct registry_tracker *trackers;
    struct settings *settings; /* number 0: no vars, and reserved is what the profile says */
    char **models;
    size_t user_count;
    size_t session_count;
    size_t tracker_count;
    size_t settings_count;
    size_t model_count;
    struct index users_by_id;
    struct index sessions_by_hash;
    struct index trackers_by_id;
    struct index trackers_by_device;
    struct index settings_by_content;
    size_t devices_shared; /* trackers whose device_id finds another one, which was there before them */
    size_t wasted;         /* of the texts and settings, about: what nothing leads to any more */
    struct buffer texts;   /* NUL-terminated device_ids and lists of vars; an empty one is at 0 */
};

static inline const char *registry_text_at(const struct registry *r, uint32_t at)
{
    return (const char *)r->texts.data + at;
}

/* Of the indexes. */
uint64_t registry_user_key(const void *ctx, uint32_t number);
uint64_t registry_session_key(const void *ctx, uint32_t number);
uint64_t registry_tracker_key(const void *ctx, uint32_t number);
uint64_t registry_device_key(const void *ctx, uint32_t number);

/* The size of a list of vars, its last NUL included. */
size_t registry_vars_size(const char *vars);

/* A sorted copy; NULL of none. */
int32_t *registry_sorted(const int32_t *numbers, size_t count);

/* As it will be kept, its texts and settings put in; not among the trackers yet. before: whose device_id it may have,
 * or NULL. 0, or the errors of registry_add_tracker but -EEXIST. */
int registry_make_tracker(struct registry *r, const struct registry_entry *entry, const char *model,
                          const struct registry_tracker *before, struct registry_tracker *tracker);

/* Makes it found by its device_id, unless another one is. */
void registry_index_device(struct registry *r, uint32_t number);

#endif
