#include "registry_state.h"

#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/array.h"
#include "base/check.h"
#include "base/mix.h"
#include "core/topic.h"

/* --- building --- */

struct registry *registry_new(void)
{
    struct registry *r = calloc(1, sizeof *r);

    CHECK(r);
    buffer_put_u8(&r->texts, '\0');
    r->settings = array_grown(NULL, 0, sizeof *r->settings);
    r->settings[r->settings_count++] = (struct settings){0};
    return r;
}

void registry_free(struct registry *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->session_count; i++)
        free(r->sessions[i].trackers);
    for (size_t i = 0; i < r->model_count; i++)
        free(r->models[i]);
    free(r->users);
    free(r->sessions);
    free(r->trackers);
    free(r->settings);
    free(r->models);
    index_release(&r->users_by_id);
    index_release(&r->sessions_by_hash);
    index_release(&r->trackers_by_id);
    index_release(&r->trackers_by_device);
    index_release(&r->settings_by_content);
    buffer_release(&r->texts);
    free(r);
}

/* Not to be foreseen by whoever chooses the text, or two could be made that are taken for one. */
static uint64_t key_of_text(const void *text, size_t len, uint64_t salt)
{
    return XXH3_64bits_withSeed(text, len, mix(salt));
}

static uint64_t key_of_hash(const struct digest *digest)
{
    uint64_t key;

    memcpy(&key, digest->bytes, sizeof key);
    return key;
}

uint64_t registry_user_key(const void *ctx, uint32_t number)
{
    return (uint64_t)((const struct registry *)ctx)->users[number - 1].id;
}

uint64_t registry_session_key(const void *ctx, uint32_t number)
{
    return key_of_hash(&((const struct registry *)ctx)->sessions[number - 1].hash_sha256);
}

uint64_t registry_tracker_key(const void *ctx, uint32_t number)
{
    return (uint64_t)((const struct registry *)ctx)->trackers[number - 1].id;
}

uint64_t registry_device_key(const void *ctx, uint32_t number)
{
    const struct registry *r = ctx;
    const char *device_id = registry_text_at(r, r->trackers[number - 1].device_id);

    return key_of_text(device_id, strlen(device_id), 0);
}

int registry_add_user(struct registry *r, const struct registry_user *user)
{
    if (registry_find_user(r, user->id))
        return -EEXIST;
    r->users = array_grown(r->users, r->user_count, sizeof *r->users);
    r->users[r->user_count++] = *user;
    index_put(&r->users_by_id, (uint32_t)r->user_count, registry_user_key, r);
    return 0;
}

static int by_number(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a;
    int32_t right = *(const int32_t *)b;

    return (left > right) - (left < right);
}

int32_t *registry_sorted(const int32_t *numbers, size_t count)
{
    int32_t *copy = count ? malloc(count * sizeof *copy) : NULL;

    if (!count)
        return NULL;
    CHECK(copy);
    memcpy(copy, numbers, count * sizeof *copy);
    qsort(copy, count, sizeof *copy, by_number);
    return copy;
}

int registry_add_session(struct registry *r, const struct registry_session *session)
{
    if (!registry_find_user(r, session->user_id))
        return -ENOENT;
    if (index_find(&r->sessions_by_hash, key_of_hash(&session->hash_sha256), registry_session_key, r))
        return -EEXIST;
    r->sessions = array_grown(r->sessions, r->session_count, sizeof *r->sessions);
    r->sessions[r->session_count] = *session;
    r->sessions[r->session_count++].trackers = registry_sorted(session->trackers, session->tracker_count);
    index_put(&r->sessions_by_hash, (uint32_t)r->session_count, registry_session_key, r);
    return 0;
}

static int model_index(struct registry *r, const char *model, uint16_t *index)
{
    for (size_t i = r->model_count; i-- > 0;) { /* neighbours in a file are often of one model */
        if (strcmp(r->models[i], model) == 0) {
            *index = (uint16_t)i;
            return 0;
        }
    }
    if (r->model_count == UINT16_MAX)
        return -ENOSPC;
    r->models = array_grown(r->models, r->model_count, sizeof *r->models);
    r->models[r->model_count] = strdup(model);
    CHECK(r->models[r->model_count]);
    *index = (uint16_t)r->model_count++;
    return 0;
}

/* Where the copy is. */
static uint32_t put_text(struct registry *r, const char *text, size_t size)
{
    size_t at = r->texts.len;

    if (size <= 1)
        return 0;
    buffer_put(&r->texts, bytes_of(text, size));
    return (uint32_t)at;
}

size_t registry_vars_size(const char *vars)
{
    const char *at = vars;

    while (*at) {
        at += strlen(at) + 1; /* the name */
        at += strlen(at) + 1; /* its value, which may be empty */
    }
    return (size_t)(at - vars) + 1;
}

static uint64_t settings_key(const void *ctx, uint32_t number)
{
    const struct registry *r = ctx;
    const struct settings *s = &r->settings[number];
    const char *vars = registry_text_at(r, s->vars);

    return key_of_text(vars, registry_vars_size(vars), 1 + s->has_reserved) ^ mix(s->reserved);
}

static bool settings_equal(const struct registry *r, const struct settings *a, const struct settings *b)
{
    size_t size = registry_vars_size(registry_text_at(r, a->vars));

    return a->has_reserved == b->has_reserved && a->reserved == b->reserved &&
           size == registry_vars_size(registry_text_at(r, b->vars)) &&
           memcmp(registry_text_at(r, a->vars), registry_text_at(r, b->vars), size) == 0;
}

/* Puts them at the end of the list, and takes them away again where the same are there already. */
static uint32_t settings_number(struct registry *r, const struct registry_entry *entry)
{
    const char *vars = entry->vars ? entry->vars : "";
    size_t texts_len = r->texts.len;
    uint32_t number = (uint32_t)r->settings_count;
    uint32_t found;

    if (!*vars && !entry->has_reserved)
        return 0;
    r->settings = array_grown(r->settings, r->settings_count, sizeof *r->settings);
    r->settings[number] = (struct settings){
        .vars = put_text(r, vars, registry_vars_size(vars)),
        .has_reserved = entry->has_reserved,
        .reserved = entry->has_reserved ? entry->reserved : 0,
    };
    found = index_find(&r->settings_by_content, settings_key(r, number), settings_key, r);
    if (found && settings_equal(r, &r->settings[found], &r->settings[number])) {
        r->texts.len = texts_len;
        return found;
    }
    r->settings_count++;
    if (!found)
        index_put(&r->settings_by_content, number, settings_key, r);
    return number;
}

void registry_index_device(struct registry *r, uint32_t number)
{
    if (index_find(&r->trackers_by_device, registry_device_key(r, number), registry_device_key, r))
        r->devices_shared++;
    else
        index_put(&r->trackers_by_device, number, registry_device_key, r);
}

int registry_make_tracker(struct registry *r, const struct registry_entry *entry, const char *model,
                          const struct registry_tracker *before, struct registry_tracker *tracker)
{
    size_t id_size = strlen(entry->device_id) + 1;
    int e;

    *tracker = (struct registry_tracker){
        .id = entry->id,
        .user_id = entry->user_id,
        .outputs = entry->outputs,
        .blocked = entry->blocked,
        .clone = entry->clone,
    };
    if (!registry_find_user(r, entry->user_id))
        return -ENOENT;
    if (r->texts.len + id_size + registry_vars_size(entry->vars ? entry->vars : "") > UINT32_MAX)
        return -ENOSPC;
    e = model_index(r, model, &tracker->model);
    if (e < 0)
        return e;
    tracker->device_id = before && strcmp(registry_device_id(r, before), entry->device_id) == 0
                             ? before->device_id
                             : put_text(r, entry->device_id, id_size);
    tracker->settings = settings_number(r, entry);
    return 0;
}

int registry_add_tracker(struct registry *r, const struct registry_entry *entry, const char *model)
{
    struct registry_tracker tracker;
    int e;

    if (registry_find_tracker(r, entry->id) && registry_find_user(r, entry->user_id))
        return -EEXIST;
    e = registry_make_tracker(r, entry, model, NULL, &tracker);
    if (e < 0)
        return e;
    r->trackers = array_grown(r->trackers, r->tracker_count, sizeof *r->trackers);
    r->trackers[r->tracker_count++] = tracker;
    index_put(&r->trackers_by_id, (uint32_t)r->tracker_count, registry_tracker_key, r);
    registry_index_device(r, (uint32_t)r->tracker_count);
    return 0;
}

/* --- reading --- */

const struct registry_user *registry_find_user(const struct registry *r, int32_t id)
{
    uint32_t number = index_find(&r->users_by_id, (uint64_t)id, registry_user_key, r);

    return number ? &r->users[number - 1] : NULL;
}

const struct registry_session *registry_find_session(const struct registry *r, const struct digest *hash_sha256)
{
    uint32_t number = index_find(&r->sessions_by_hash, key_of_hash(hash_sha256), registry_session_key, r);
    const struct registry_session *found = number ? &r->sessions[number - 1] : NULL;

    return found && memcmp(&found->hash_sha256, hash_sha256, sizeof *hash_sha256) == 0 ? found : NULL;
}

const struct registry_tracker *registry_find_tracker(const struct registry *r, int32_t id)
{
    uint32_t number = index_find(&r->trackers_by_id, (uint64_t)id, registry_tracker_key, r);

    return number ? &r->trackers[number - 1] : NULL;
}

const struct registry_tracker *registry_find_device(const struct registry *r, struct bytes device_id)
{
    uint64_t key = key_of_text(device_id.data, device_id.len, 0);
    uint32_t number = index_find(&r->trackers_by_device, key, registry_device_key, r);
    const struct registry_tracker *found = number ? &r->trackers[number - 1] : NULL;

    return found && bytes_equal_text(device_id, registry_device_id(r, found)) ? found : NULL;
}

const char *registry_device_id(const struct registry *r, const struct registry_tracker *tracker)
{
    return registry_text_at(r, tracker->device_id);
}

const char *registry_vars(const struct registry *r, const struct registry_tracker *tracker)
{
    return registry_text_at(r, r->settings[tracker->settings].vars);
}

bool registry_reserved(const struct registry *r, const struct registry_tracker *tracker, uint64_t *reserved)
{
    const struct settings *s = &r->settings[tracker->settings];

    if (s->has_reserved)
        *reserved = s->reserved;
    return s->has_reserved;
}

struct template_input registry_input(const struct registry *r, const struct registry_tracker *tracker)
{
    return (struct template_input){
        .tracker_id = tracker->id,
        .device_id = bytes_of_text(registry_device_id(r, tracker)),
        .vars = registry_vars(r, tracker),
        .outputs = tracker->outputs,
    };
}

bool registry_session_sees(const struct registry_session *session, const struct registry_tracker *tracker)
{
    if (tracker->user_id != session->user_id)
        return false;
    if (session->master || session->all_trackers)
        return true;
    return session->tracker_count &&
           bsearch(&tracker->id, session->trackers, session->tracker_count, sizeof *session->trackers, by_number);
}

size_t registry_user_count(const struct registry *r)
{
    return r ? r->user_count : 0;
}

size_t registry_session_count(const struct registry *r)
{
    return r ? r->session_count : 0;
}

size_t registry_tracker_count(const struct registry *r)
{
    return r ? r->tracker_count : 0;
}

const struct registry_tracker *registry_tracker_at(const struct registry *r, size_t index)
{
    return &r->trackers[index];
}

size_t registry_tracker_index(const struct registry *r, const struct registry_tracker *tracker)
{
    return (size_t)(tracker - r->trackers);
}

size_t registry_model_count(const struct registry *r)
{
    return r->model_count;
}

const char *registry_model(const struct registry *r, size_t index)
{
    return r->models[index];
}

bool registry_text_is_safe(struct bytes text)
{
    return topic_text_is_safe(text);
}
