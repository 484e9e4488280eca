#include "core/registry.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/map.h"
#include "core/topic.h"

/* One allocation a tracker for its texts; users, sessions and trackers live behind pointers that the maps hold. */
struct list {
    void **items;
    size_t count;
    size_t size;
};

struct registry {
    struct map users;
    struct map sessions; /* by the first 8 bytes of the digest */
    struct map trackers;
    struct map devices; /* by the first 8 bytes of the digest of the device_id */
    struct list user_list;
    struct list session_list;
    struct list tracker_list;
    char **models;
    size_t model_count;
};

struct registry *registry_new(void)
{
    struct registry *r = calloc(1, sizeof *r);

    CHECK(r);
    return r;
}

static void list_add(struct list *list, void *item)
{
    if (list->count == list->size) {
        list->size = list->size ? list->size * 2 : 16;
        list->items = realloc(list->items, list->size * sizeof *list->items);
        CHECK(list->items);
    }
    list->items[list->count++] = item;
}

static void list_release(struct list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
}

void registry_free(struct registry *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->session_list.count; i++)
        free(((struct registry_session *)r->session_list.items[i])->trackers);
    list_release(&r->user_list);
    list_release(&r->session_list);
    list_release(&r->tracker_list);
    map_release(&r->users);
    map_release(&r->sessions);
    map_release(&r->trackers);
    map_release(&r->devices);
    for (size_t i = 0; i < r->model_count; i++)
        free(r->models[i]);
    free(r->models);
    free(r);
}

static void *copy_of(const void *from, size_t len)
{
    void *copy = malloc(len ? len : 1);

    CHECK(copy);
    if (len)
        memcpy(copy, from, len);
    return copy;
}

int registry_add_user(struct registry *r, const struct registry_user *user)
{
    struct registry_user *copy;

    if (registry_find_user(r, user->id))
        return -EEXIST;
    copy = copy_of(user, sizeof *user);
    map_put(&r->users, (uint64_t)user->id, copy);
    list_add(&r->user_list, copy);
    return 0;
}

static uint64_t key_of(const struct digest *digest)
{
    uint64_t key;

    memcpy(&key, digest->bytes, sizeof key);
    return key;
}

static int by_number(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a;
    int32_t right = *(const int32_t *)b;

    return (left > right) - (left < right);
}

int registry_add_session(struct registry *r, const struct registry_session *session)
{
    struct registry_session *copy;

    if (!registry_find_user(r, session->user_id))
        return -ENOENT;
    if (map_find(&r->sessions, key_of(&session->hash_sha256)))
        return -EEXIST;
    copy = copy_of(session, sizeof *session);
    copy->trackers = copy_of(session->trackers, session->tracker_count * sizeof *session->trackers);
    if (copy->tracker_count > 1)
        qsort(copy->trackers, copy->tracker_count, sizeof *copy->trackers, by_number);
    map_put(&r->sessions, key_of(&session->hash_sha256), copy);
    list_add(&r->session_list, copy);
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
    r->models = realloc(r->models, (r->model_count + 1) * sizeof *r->models);
    CHECK(r->models);
    r->models[r->model_count] = strdup(model);
    CHECK(r->models[r->model_count]);
    *index = (uint16_t)r->model_count++;
    return 0;
}

static size_t vars_size(const char *vars)
{
    const char *at = vars;

    while (*at) {
        at += strlen(at) + 1; /* the name */
        at += strlen(at) + 1; /* its value, which may be empty */
    }
    return (size_t)(at - vars) + 1;
}

/* The tracker and its texts in one piece of memory. */
static struct registry_tracker *tracker_copy(const struct registry_tracker *tracker)
{
    const char *vars = tracker->vars ? tracker->vars : "";
    size_t id_size = strlen(tracker->device_id) + 1;
    struct registry_tracker *copy = malloc(sizeof *copy + id_size + vars_size(vars));
    char *texts = (char *)(copy + 1);

    CHECK(copy);
    *copy = *tracker;
    copy->device_id = memcpy(texts, tracker->device_id, id_size);
    copy->vars = memcpy(texts + id_size, vars, vars_size(vars));
    return copy;
}

static uint64_t device_key(struct bytes device_id)
{
    struct digest digest = digest_of(device_id);

    return key_of(&digest);
}

int registry_add_tracker(struct registry *r, const struct registry_tracker *tracker, const char *model)
{
    struct registry_tracker *copy;
    uint64_t key;
    int e;

    if (!registry_find_user(r, tracker->user_id))
        return -ENOENT;
    if (registry_find_tracker(r, tracker->id))
        return -EEXIST;
    copy = tracker_copy(tracker);
    e = model_index(r, model, &copy->model);
    if (e < 0) {
        free(copy);
        return e;
    }
    map_put(&r->trackers, (uint64_t)tracker->id, copy);
    list_add(&r->tracker_list, copy);
    key = device_key(bytes_of_text(tracker->device_id));
    if (!map_find(&r->devices, key))
        map_put(&r->devices, key, copy);
    return 0;
}

const struct registry_user *registry_find_user(const struct registry *r, int32_t id)
{
    return map_find(&r->users, (uint64_t)id);
}

const struct registry_session *registry_find_session(const struct registry *r, const struct digest *hash_sha256)
{
    const struct registry_session *found = map_find(&r->sessions, key_of(hash_sha256));

    return found && memcmp(&found->hash_sha256, hash_sha256, sizeof *hash_sha256) == 0 ? found : NULL;
}

const struct registry_tracker *registry_find_tracker(const struct registry *r, int32_t id)
{
    return map_find(&r->trackers, (uint64_t)id);
}

struct template_input registry_input(const struct registry_tracker *tracker)
{
    return (struct template_input){
        .tracker_id = tracker->id,
        .device_id = bytes_of_text(tracker->device_id),
        .vars = tracker->vars,
        .outputs = tracker->outputs,
    };
}

const struct registry_tracker *registry_find_device(const struct registry *r, struct bytes device_id)
{
    const struct registry_tracker *found = map_find(&r->devices, device_key(device_id));

    return found && bytes_equal_text(device_id, found->device_id) ? found : NULL;
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
    return r->user_list.count;
}

size_t registry_session_count(const struct registry *r)
{
    return r->session_list.count;
}

size_t registry_tracker_count(const struct registry *r)
{
    return r->tracker_list.count;
}

const struct registry_tracker *registry_tracker_at(const struct registry *r, size_t index)
{
    return r->tracker_list.items[index];
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
