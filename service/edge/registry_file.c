#include "edge/registry_file.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "edge/registry_check.h"

struct reading {
    struct conf_file *file;
    const struct profiles *profiles;
    struct registry *registry;
    bool good; /* the entry that is being read */
};

static void mistake_of(struct reading *r, const struct conf_node *node, int error, const char *what, uint32_t user_id)
{
    if (error == -EEXIST)
        conf_mistake(r->file, node, "%s is there twice", what);
    else if (error == -ENOENT)
        conf_mistake(r->file, node, "there is no user %u", user_id);
    else
        conf_mistake(r->file, node, "%s: %s", what, strerror(-error));
    r->good = false;
}

/* --- users --- */

struct raw_user {
    uint32_t id;
    bool blocked;
};

static const struct conf_key user_keys[] = {
    {"id", CONF_UINT, offsetof(struct raw_user, id), true, 1, INT32_MAX},
    {"blocked", CONF_BOOL, offsetof(struct raw_user, blocked), false, 0, 0},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static void add_user(struct reading *r, const struct conf_node *node, const void *out)
{
    const struct raw_user *raw = out;
    const struct registry_user user = {.id = (int32_t)raw->id, .blocked = raw->blocked};
    int e = registry_add_user(r->registry, &user);

    if (e < 0)
        mistake_of(r, node, e, "this user", raw->id);
}

/* --- sessions --- */

struct raw_session {
    const char *hash_sha256;
    uint32_t user_id;
    bool master;
    struct conf_texts rights;
    struct conf_ints trackers;
    const char *expires_at;
};

static const struct conf_key session_keys[] = {
    {"hash_sha256", CONF_TEXT, offsetof(struct raw_session, hash_sha256), true, 0, 0},
    {"user_id", CONF_UINT, offsetof(struct raw_session, user_id), true, 1, INT32_MAX},
    {"master", CONF_BOOL, offsetof(struct raw_session, master), false, 0, 0},
    {"rights", CONF_TEXTS, offsetof(struct raw_session, rights), false, 0, 0},
    {"trackers", CONF_INTS, offsetof(struct raw_session, trackers), false, 1, INT32_MAX},
    {"expires_at", CONF_TEXT, offsetof(struct raw_session, expires_at), false, 0, 0},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static void check_session(struct reading *r, const struct conf_node *node, const struct raw_session *raw,
                          struct registry_session *session)
{
    session->expires_at_ms = INT64_MAX;
    if (!bytes_from_hex(bytes_of_text(raw->hash_sha256), session->hash_sha256.bytes, DIGEST_SIZE)) {
        conf_mistake(r->file, node, "hash_sha256 must be 64 hex digits: what `outputctl digest` prints");
        r->good = false;
    }
    if (raw->expires_at && clock_parse(raw->expires_at, &session->expires_at_ms) < 0) {
        conf_mistake(r->file, node, "expires_at must be a time such as \"2027-01-01T00:00:00Z\"");
        r->good = false;
    }
    for (size_t i = 0; i < raw->rights.count; i++)
        session->may_set_output |= strcmp(raw->rights.items[i], "tracker_set_output") == 0;
}

static void add_session(struct reading *r, const struct conf_node *node, const void *out)
{
    const struct raw_session *raw = out;
    struct registry_session session = {
        .user_id = (int32_t)raw->user_id,
        .master = raw->master,
        .all_trackers = !raw->trackers.items,
        .trackers = raw->trackers.items,
        .tracker_count = raw->trackers.count,
    };
    int e;

    check_session(r, node, raw, &session);
    e = r->good ? registry_add_session(r->registry, &session) : 0;
    if (e < 0)
        mistake_of(r, node, e, "this hash", raw->user_id);
}

/* --- trackers --- */

struct raw_tracker {
    uint32_t id;
    uint32_t user_id;
    const char *model;
    const char *device_id;
    uint32_t outputs;
    bool blocked;
    bool clone;
    struct conf_ints reserved_outputs;
    const struct conf_node *vars;
};

static const struct conf_key tracker_keys[] = {
    {"id", CONF_UINT, offsetof(struct raw_tracker, id), true, 1, INT32_MAX},
    {"user_id", CONF_UINT, offsetof(struct raw_tracker, user_id), true, 1, INT32_MAX},
    {"model", CONF_TEXT, offsetof(struct raw_tracker, model), true, 0, 0},
    {"device_id", CONF_TEXT, offsetof(struct raw_tracker, device_id), false, 0, 0},
    {"outputs", CONF_UINT, offsetof(struct raw_tracker, outputs), false, 1, REGISTRY_OUTPUTS_MAX},
    {"blocked", CONF_BOOL, offsetof(struct raw_tracker, blocked), false, 0, 0},
    {"clone", CONF_BOOL, offsetof(struct raw_tracker, clone), false, 0, 0},
    {"reserved_outputs", CONF_INTS, offsetof(struct raw_tracker, reserved_outputs), false, 1, REGISTRY_OUTPUTS_MAX},
    {"vars", CONF_GROUP, offsetof(struct raw_tracker, vars), false, 0, 0},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

/* Part of a topic or a command one day: what may not stand in either is refused here. */
static bool text_is_safe(struct reading *r, const struct conf_node *node, const char *what, const char *text)
{
    if (text && registry_text_is_safe(bytes_of_text(text)))
        return true;
    conf_mistake(r->file, node, "%s must be a text without +, # and control characters", what);
    r->good = false;
    return false;
}

/* name NUL value NUL … NUL */
static void read_vars(struct reading *r, const struct conf_node *vars, struct buffer *out)
{
    for (size_t i = 0; i < conf_count(vars); i++) {
        const struct conf_node *var = conf_at(vars, i);
        struct buffer value = {0};

        bool is_plain = conf_put_plain(var, &value);

        buffer_put_u8(&value, '\0');
        if (text_is_safe(r, var, conf_name(var), is_plain ? (const char *)value.data : NULL)) {
            buffer_put(out, bytes_of(conf_name(var), strlen(conf_name(var)) + 1));
            buffer_put(out, buffer_bytes(&value));
        }
        buffer_release(&value);
    }
    buffer_put_u8(out, '\0');
}

static void check_against_profile(struct reading *r, const struct conf_node *node, struct registry_entry *tracker,
                                  const char *model)
{
    struct buffer why = {0};

    if (!registry_check(r->profiles, tracker, model, &why)) {
        conf_mistake(r->file, node, "%.*s", (int)why.len, (const char *)why.data);
        r->good = false;
    }
    buffer_release(&why);
}

static void add_tracker(struct reading *r, const struct conf_node *node, const void *out)
{
    const struct raw_tracker *raw = out;
    struct buffer vars = {0};
    struct registry_entry tracker = {
        .id = (int32_t)raw->id,
        .user_id = (int32_t)raw->user_id,
        .outputs = (uint8_t)raw->outputs,
        .blocked = raw->blocked,
        .clone = raw->clone,
        .has_reserved = raw->reserved_outputs.items != NULL,
        .device_id = raw->device_id ? raw->device_id : "",
    };
    int e = 0;

    for (size_t i = 0; raw->reserved_outputs.items && i < raw->reserved_outputs.count; i++)
        tracker.reserved |= UINT64_C(1) << (raw->reserved_outputs.items[i] - 1);
    text_is_safe(r, node, "device_id", tracker.device_id);
    text_is_safe(r, node, "model", raw->model);
    read_vars(r, raw->vars, &vars);
    tracker.vars = (const char *)vars.data;
    check_against_profile(r, node, &tracker, raw->model);
    if (r->good)
        e = registry_add_tracker(r->registry, &tracker, raw->model);
    if (e < 0)
        mistake_of(r, node, e, "this tracker", raw->user_id);
    buffer_release(&vars);
}

/* --- the file --- */

struct raw_file {
    const struct conf_node *users;
    const struct conf_node *sessions;
    const struct conf_node *trackers;
};

static const struct conf_key file_keys[] = {
    {"users", CONF_LIST, offsetof(struct raw_file, users), true, 0, 0},
    {"sessions", CONF_LIST, offsetof(struct raw_file, sessions), true, 0, 0},
    {"trackers", CONF_LIST, offsetof(struct raw_file, trackers), true, 0, 0},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

/* The entry that is being read. */
union raw {
    struct raw_user user;
    struct raw_session session;
    struct raw_tracker tracker;
};

struct list_reading {
    struct reading *r;
    union raw raw;
    void (*add)(struct reading *r, const struct conf_node *node, const void *raw);
    void (*release)(union raw *raw); /* NULL: nothing to be released */
};

static void release_session(union raw *raw)
{
    free(raw->session.rights.items);
    free(raw->session.trackers.items);
}

static void release_tracker(union raw *raw)
{
    free(raw->tracker.reserved_outputs.items);
}

static void take_entry(void *ctx, const struct conf_node *node, bool good)
{
    struct list_reading *l = ctx;

    l->r->good = good;
    if (good)
        l->add(l->r, node, &l->raw);
    if (l->release)
        l->release(&l->raw);
}

static void read_list(struct list_reading *l, const struct conf_node *list, const struct conf_key *keys)
{
    const struct conf_groups groups = {keys, &l->raw, sizeof l->raw, take_entry, l};

    conf_each(l->r->file, list, &groups);
}

struct registry *registry_file_read(const char *path, const struct profiles *profiles, struct mistakes *mistakes)
{
    unsigned before = mistakes->count;
    struct reading r = {.file = conf_open_long(path, mistakes), .profiles = profiles, .good = true};
    struct raw_file raw = {0};

    if (!r.file)
        return NULL;
    r.registry = registry_new();
    if (conf_read(r.file, conf_root(r.file), file_keys, &raw)) {
        read_list(&(struct list_reading){.r = &r, .add = add_user}, raw.users, user_keys);
        read_list(&(struct list_reading){.r = &r, .add = add_session, .release = release_session}, raw.sessions,
                  session_keys);
        read_list(&(struct list_reading){.r = &r, .add = add_tracker, .release = release_tracker}, raw.trackers,
                  tracker_keys);
    }
    conf_close(r.file);
    if (mistakes->count == before)
        return r.registry;
    registry_free(r.registry);
    return NULL;
}
