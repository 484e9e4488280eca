/* The next registry: a copy of the last one, and what has changed since. */
#include "registry_state.h"

#include <errno.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/check.h"
#include "base/duplicate.h"

/* --- a copy --- */

enum { WASTED_MIN = 65536, TEXTS_ROOM = 4096 };

static void copy_models(struct registry *copy, const struct registry *r)
{
    for (size_t i = 0; i < copy->model_count; i++)
        free(copy->models[i]);
    copy->models = array_copy(copy->models, r->models, r->model_count, sizeof *r->models);
    for (size_t i = 0; i < r->model_count; i++) {
        copy->models[i] = strdup(r->models[i]);
        CHECK(copy->models[i]);
    }
}

static void copy_sessions(struct registry *copy, const struct registry *r)
{
    for (size_t i = 0; i < copy->session_count; i++)
        free(copy->sessions[i].trackers);
    copy->sessions = array_copy(copy->sessions, r->sessions, r->session_count, sizeof *r->sessions);
    for (size_t i = 0; i < r->session_count; i++)
        copy->sessions[i].trackers =
            array_copy(NULL, r->sessions[i].trackers, r->sessions[i].tracker_count, sizeof(int32_t));
}

static void copy_texts(struct buffer *copy, const struct buffer *texts)
{
    copy->size = texts->len + TEXTS_ROOM;
    copy->data = duplicate(copy->data, texts->data, texts->len, copy->size);
    copy->len = texts->len;
}

static void copy_indexes(struct registry *copy, const struct registry *r)
{
    index_copy(&copy->users_by_id, &r->users_by_id);
    index_copy(&copy->sessions_by_hash, &r->sessions_by_hash);
    index_copy(&copy->trackers_by_id, &r->trackers_by_id);
    index_copy(&copy->trackers_by_device, &r->trackers_by_device);
    index_copy(&copy->settings_by_content, &r->settings_by_content);
}

static void copy_counts(struct registry *copy, const struct registry *r)
{
    copy->user_count = r->user_count;
    copy->session_count = r->session_count;
    copy->tracker_count = r->tracker_count;
    copy->settings_count = r->settings_count;
    copy->model_count = r->model_count;
    copy->devices_shared = r->devices_shared;
    copy->wasted = r->wasted;
}

static struct registry *copy_whole(const struct registry *r, struct registry *old)
{
    struct registry *copy = old ? old : calloc(1, sizeof *copy);

    CHECK(copy);
    copy_models(copy, r);
    copy_sessions(copy, r);
    copy->users = array_copy(copy->users, r->users, r->user_count, sizeof *r->users);
    copy->trackers = array_copy(copy->trackers, r->trackers, r->tracker_count, sizeof *r->trackers);
    copy->settings = array_copy(copy->settings, r->settings, r->settings_count, sizeof *r->settings);
    copy_indexes(copy, r);
    copy_texts(&copy->texts, &r->texts);
    copy_counts(copy, r);
    return copy;
}

static struct registry_entry entry_of(const struct registry *r, const struct registry_tracker *tracker)
{
    struct registry_entry entry = {
        .id = tracker->id,
        .user_id = tracker->user_id,
        .outputs = tracker->outputs,
        .blocked = tracker->blocked,
        .clone = tracker->clone,
        .device_id = registry_device_id(r, tracker),
        .vars = registry_vars(r, tracker),
    };

    entry.has_reserved = registry_reserved(r, tracker, &entry.reserved);
    return entry;
}

/* Without what nothing leads to: slower by far, and seldom. */
static struct registry *copy_used(const struct registry *r)
{
    struct registry *copy = registry_new();

    for (size_t i = 0; i < r->user_count; i++)
        CHECK(registry_add_user(copy, &r->users[i]) == 0);
    for (size_t i = 0; i < r->session_count; i++)
        CHECK(registry_add_session(copy, &r->sessions[i]) == 0);
    for (size_t i = 0; i < r->tracker_count; i++) {
        struct registry_entry entry = entry_of(r, &r->trackers[i]);

        CHECK(registry_add_tracker(copy, &entry, r->models[r->trackers[i].model]) == 0);
    }
    return copy;
}

struct registry *registry_copy(const struct registry *r, struct registry *old)
{
    if (r->wasted <= WASTED_MIN || r->wasted <= r->texts.len / 2)
        return copy_whole(r, old);
    registry_free(old);
    return copy_used(r);
}

/* --- taking out --- */

/* One of the arrays, with the index that has all of its things. */
struct things {
    void *items;
    size_t item_size;
    size_t *count;
    struct index *by_key;
    index_key_fn *key_of;
};

/* The last one takes the place of the one that is taken out, so that there are no gaps. */
static void take_out(struct registry *r, const struct things *t, uint32_t number)
{
    uint32_t last = (uint32_t)*t->count;
    char *items = t->items;

    index_remove(t->by_key, number, t->key_of, r);
    if (number != last) {
        index_remove(t->by_key, last, t->key_of, r);
        memcpy(items + (number - 1) * t->item_size, items + (last - 1) * t->item_size, t->item_size);
        index_put(t->by_key, number, t->key_of, r);
    }
    --*t->count;
}

/* --- users --- */

int registry_put_user(struct registry *r, const struct registry_user *user)
{
    uint32_t number = index_find(&r->users_by_id, (uint64_t)user->id, registry_user_key, r);

    if (!number)
        return registry_add_user(r, user);
    r->users[number - 1] = *user;
    return 0;
}

bool registry_remove_user(struct registry *r, int32_t id)
{
    uint32_t number = index_find(&r->users_by_id, (uint64_t)id, registry_user_key, r);

    if (!number)
        return false;
    take_out(r, &(struct things){r->users, sizeof *r->users, &r->user_count, &r->users_by_id, registry_user_key},
             number);
    return true;
}

/* --- sessions --- */

static uint32_t session_number(const struct registry *r, const struct digest *hash_sha256)
{
    const struct registry_session *found = registry_find_session(r, hash_sha256);

    return found ? (uint32_t)(found - r->sessions) + 1 : 0;
}

int registry_put_session(struct registry *r, const struct registry_session *session)
{
    uint32_t number = session_number(r, &session->hash_sha256);

    if (!number)
        return registry_add_session(r, session);
    if (!registry_find_user(r, session->user_id))
        return -ENOENT;
    free(r->sessions[number - 1].trackers);
    r->sessions[number - 1] = *session;
    r->sessions[number - 1].trackers = registry_sorted(session->trackers, session->tracker_count);
    return 0;
}

static void take_session_out(struct registry *r, uint32_t number)
{
    free(r->sessions[number - 1].trackers);
    take_out(r,
             &(struct things){r->sessions, sizeof *r->sessions, &r->session_count, &r->sessions_by_hash,
                              registry_session_key},
             number);
}

bool registry_remove_session(struct registry *r, const struct digest *hash_sha256)
{
    uint32_t number = session_number(r, hash_sha256);

    if (number)
        take_session_out(r, number);
    return number != 0;
}

/* --- trackers --- */

static bool same_device(const struct registry *r, const struct registry_tracker *a, const struct registry_tracker *b)
{
    return a->device_id == b->device_id ||
           (a->device_id && b->device_id && strcmp(registry_device_id(r, a), registry_device_id(r, b)) == 0);
}

/* Another one with its device_id is found from now on. */
static void find_heir(struct registry *r, uint32_t number)
{
    for (uint32_t other = 1; other <= r->tracker_count; other++) {
        if (other != number && same_device(r, &r->trackers[other - 1], &r->trackers[number - 1])) {
            index_put(&r->trackers_by_device, other, registry_device_key, r);
            r->devices_shared--;
            return;
        }
    }
}

/* It is not found by its device_id any more. */
static void forget_device(struct registry *r, uint32_t number)
{
    uint32_t found = index_find(&r->trackers_by_device, registry_device_key(r, number), registry_device_key, r);

    if (found != number) {
        r->devices_shared--;
        return;
    }
    index_remove(&r->trackers_by_device, number, registry_device_key, r);
    if (r->devices_shared)
        find_heir(r, number);
}

static void note_waste(struct registry *r, const struct registry_tracker *tracker, bool keeps_device)
{
    if (!keeps_device && tracker->device_id)
        r->wasted += strlen(registry_device_id(r, tracker)) + 1;
    if (tracker->settings)
        r->wasted += sizeof(struct settings) + registry_vars_size(registry_vars(r, tracker));
}

int registry_put_tracker(struct registry *r, const struct registry_entry *entry, const char *model)
{
    const struct registry_tracker *found = registry_find_tracker(r, entry->id);
    uint32_t number = found ? (uint32_t)(found - r->trackers) + 1 : 0;
    struct registry_tracker tracker;
    bool keeps_device;
    int e;

    if (!number)
        return registry_add_tracker(r, entry, model);
    e = registry_make_tracker(r, entry, model, found, &tracker);
    if (e < 0)
        return e;
    keeps_device = tracker.device_id == r->trackers[number - 1].device_id;
    note_waste(r, &r->trackers[number - 1], keeps_device);
    if (!keeps_device)
        forget_device(r, number);
    r->trackers[number - 1] = tracker;
    if (!keeps_device)
        registry_index_device(r, number);
    return 0;
}

/* The last one may be found by its device_id: by its new number then. */
static void take_tracker_out(struct registry *r, uint32_t number)
{
    uint32_t last = (uint32_t)r->tracker_count;
    bool moves_device;

    note_waste(r, &r->trackers[number - 1], false);
    forget_device(r, number);
    moves_device = number != last &&
                   index_find(&r->trackers_by_device, registry_device_key(r, last), registry_device_key, r) == last;
    if (moves_device)
        index_remove(&r->trackers_by_device, last, registry_device_key, r);
    take_out(
        r,
        &(struct things){r->trackers, sizeof *r->trackers, &r->tracker_count, &r->trackers_by_id, registry_tracker_key},
        number);
    if (moves_device)
        index_put(&r->trackers_by_device, number, registry_device_key, r);
}

bool registry_remove_tracker(struct registry *r, int32_t id)
{
    const struct registry_tracker *found = registry_find_tracker(r, id);

    if (found)
        take_tracker_out(r, (uint32_t)(found - r->trackers) + 1);
    return found != NULL;
}

/* --- what users leave behind --- */

void registry_remove_orphans(struct registry *r)
{
    for (size_t i = r->session_count; i-- > 0;) {
        if (!registry_find_user(r, r->sessions[i].user_id))
            take_session_out(r, (uint32_t)i + 1);
    }
    for (size_t i = r->tracker_count; i-- > 0;) {
        if (!registry_find_user(r, r->trackers[i].user_id))
            take_tracker_out(r, (uint32_t)i + 1);
    }
}
