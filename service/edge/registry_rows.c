#include "edge/registry_rows.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "edge/registry_check.h"

/* --- columns --- */

enum user_column { USER_ID, USER_BLOCKED };

enum session_column {
    SESSION_HASH_SHA256,
    SESSION_USER_ID,
    SESSION_MASTER,
    SESSION_RIGHTS,
    SESSION_TRACKERS,
    SESSION_EXPIRES_AT,
};

enum tracker_column {
    TRACKER_ID,
    TRACKER_USER_ID,
    TRACKER_MODEL,
    TRACKER_DEVICE_ID,
    TRACKER_OUTPUTS,
    TRACKER_BLOCKED,
    TRACKER_CLONE,
    TRACKER_RESERVED_OUTPUTS,
    TRACKER_VARS,
};

static const struct registry_column user_columns[] = {
    [USER_ID] = {"id", true},
    [USER_BLOCKED] = {"blocked", false},
    {NULL, false},
};

static const struct registry_column session_columns[] = {
    [SESSION_HASH_SHA256] = {"hash_sha256", true},
    [SESSION_USER_ID] = {"user_id", true},
    [SESSION_MASTER] = {"master", false},
    [SESSION_RIGHTS] = {"rights", false},
    [SESSION_TRACKERS] = {"trackers", false},
    [SESSION_EXPIRES_AT] = {"expires_at", false},
    {NULL, false},
};

static const struct registry_column tracker_columns[] = {
    [TRACKER_ID] = {"id", true},
    [TRACKER_USER_ID] = {"user_id", true},
    [TRACKER_MODEL] = {"model", true},
    [TRACKER_DEVICE_ID] = {"device_id", false},
    [TRACKER_OUTPUTS] = {"outputs", false},
    [TRACKER_BLOCKED] = {"blocked", false},
    [TRACKER_CLONE] = {"clone", false},
    [TRACKER_RESERVED_OUTPUTS] = {"reserved_outputs", false},
    [TRACKER_VARS] = {"vars", false},
    {NULL, false},
};

static const struct registry_column *const columns[REGISTRY_TABLES] = {
    [REGISTRY_USERS] = user_columns,
    [REGISTRY_SESSIONS] = session_columns,
    [REGISTRY_TRACKERS] = tracker_columns,
};

const struct registry_column *registry_columns(enum registry_table table)
{
    return columns[table];
}

/* --- values --- */

static bool read_int(const char *text, int32_t min, int32_t max, int32_t *value)
{
    enum { DIGITS_MAX = 10 };
    size_t len = text ? strspn(text, "0123456789") : 0;
    int64_t number;

    if (len == 0 || len > DIGITS_MAX || text[len])
        return false;
    number = strtoll(text, NULL, 10);
    *value = (int32_t)number;
    return number >= min && number <= max;
}

/* NULL is false. */
static bool read_bool(const char *text, bool *value)
{
    *value = text && (strcmp(text, "t") == 0 || strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
    return !text || *value || strcmp(text, "f") == 0 || strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

/* 64 hex digits. */
static bool read_hash(const char *text, struct digest *hash)
{
    return text && bytes_from_hex(bytes_of_text(text), hash->bytes, DIGEST_SIZE);
}

static bool is_of_utc(const char *zone)
{
    static const char *const zones[] = {"", "Z", "+00", "+00:00"};

    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        if (strcmp(zone, zones[i]) == 0)
            return true;
    }
    return false;
}

/* A date, or a time of UTC, with a blank or a T in it: 2027-01-01 00:00:00+00. NULL and infinity: never. */
static bool read_time(const char *text, int64_t *wall_ms)
{
    enum { DATE_LEN = 10, TIME_MAX = 32 };
    char rfc3339[DATE_LEN + TIME_MAX + sizeof "TZ"];
    const char *time = "00:00:00";
    size_t time_len;

    *wall_ms = INT64_MAX;
    if (!text || strcmp(text, "infinity") == 0)
        return true;
    if (strlen(text) < DATE_LEN)
        return false;
    if (text[DATE_LEN])
        time = text + DATE_LEN + 1;
    time_len = strcspn(time, "+Z");
    if (time_len > TIME_MAX || !is_of_utc(time + time_len))
        return false;
    snprintf(rfc3339, sizeof rfc3339, "%.*sT%.*sZ", DATE_LEN, text, (int)time_len, time);
    return clock_parse(rfc3339, wall_ms) == 0;
}

/* --- lists --- */

/* Appends an element of an array as PostgreSQL writes it, with a NUL behind it; returns where it ends, or NULL. */
static const char *read_element(const char *at, struct buffer *items)
{
    bool quoted = *at == '"';
    const char *begin = at;

    for (at += quoted; *at && (quoted ? *at != '"' : *at != ',' && *at != '}'); at++) {
        if (*at == '\\' && !*++at)
            return NULL;
        buffer_put_u8(items, (uint8_t)*at);
    }
    buffer_put_u8(items, '\0');
    if (quoted)
        return *at == '"' ? at + 1 : NULL;
    return at == begin || *begin == '{' || (at - begin == 4 && memcmp(begin, "NULL", 4) == 0) ? NULL : at;
}

static bool read_array(const char *text, struct buffer *items, size_t *count)
{
    const char *at = text + 1;

    if (strcmp(text, "{}") == 0)
        return true;
    do {
        at = read_element(at, items);
        ++*count;
    } while (at && *at == ',' && *++at);
    return at && strcmp(at, "}") == 0;
}

static bool put_plain(const json_t *value, struct buffer *out)
{
    if (json_is_string(value))
        buffer_put_text(out, json_string_value(value));
    else if (json_is_integer(value))
        buffer_put_number(out, json_integer_value(value));
    else if (json_is_boolean(value))
        buffer_put_text(out, json_is_true(value) ? "true" : "false");
    else
        return false;
    return true;
}

static bool read_json_array(const char *text, struct buffer *items, size_t *count)
{
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    bool good = json_is_array(root);
    size_t i;
    json_t *item;

    json_array_foreach(root, i, item)
    {
        good &= put_plain(item, items);
        buffer_put_u8(items, '\0');
    }
    *count = json_array_size(root);
    json_decref(root);
    return good;
}

/* Elements with a NUL behind each, from an array or a JSON array. */
static bool read_list(const char *text, struct buffer *items, size_t *count)
{
    *count = 0;
    return *text == '{' ? read_array(text, items, count) : read_json_array(text, items, count);
}

/* To be given to free(). False: it is no list of numbers within these bounds. */
static bool read_ints(const char *text, int32_t max, int32_t **ints, size_t *count)
{
    struct buffer items = {0};
    bool good = read_list(text, &items, count);
    const char *item = (const char *)items.data;

    *ints = good && *count ? malloc(*count * sizeof **ints) : NULL;
    for (size_t i = 0; good && *ints && i < *count; i++) {
        good = read_int(item, 1, max, &(*ints)[i]);
        item += strlen(item) + 1;
    }
    buffer_release(&items);
    return good && (*ints || !*count);
}

static bool list_holds(const struct buffer *items, size_t count, const char *text)
{
    const char *item = (const char *)items->data;

    for (; count; count--) {
        if (strcmp(item, text) == 0)
            return true;
        item += strlen(item) + 1;
    }
    return false;
}

/* --- vars --- */

/* A list becomes a text with commas. */
static bool put_var(const json_t *value, struct buffer *out)
{
    size_t i;
    json_t *item;

    if (!json_is_array(value))
        return put_plain(value, out);
    json_array_foreach(value, i, item)
    {
        if (i)
            buffer_put_u8(out, ',');
        if (!put_plain(item, out))
            return false;
    }
    return true;
}

static bool text_is_safe(const char *text)
{
    return registry_text_is_safe(bytes_of_text(text));
}

/* name NUL value NUL … NUL. What is null is not there. */
static bool read_vars(const char *text, struct buffer *vars)
{
    json_t *root = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : json_object();
    bool good = json_is_object(root);
    const char *name;
    json_t *value;

    json_object_foreach(root, name, value)
    {
        size_t at;

        if (json_is_null(value))
            continue;
        buffer_put(vars, bytes_of(name, strlen(name) + 1));
        at = vars->len;
        good &= *name && text_is_safe(name) && put_var(value, vars);
        buffer_put_u8(vars, '\0');
        good &= text_is_safe((const char *)vars->data + at);
    }
    buffer_put_u8(vars, '\0');
    json_decref(root);
    return good;
}

/* --- rows --- */

static const char *const nouns[REGISTRY_TABLES] = {"user", "session", "tracker"};

static bool refuse(struct registry_rows *r, const char *what)
{
    buffer_put_text(&r->why, what);
    return false;
}

static bool refuse_by(struct registry_rows *r, enum registry_table table, int error, int32_t user_id)
{
    if (error == -EEXIST)
        buffer_printf(&r->why, "this %s is there twice", nouns[table]);
    else if (error == -ENOENT)
        buffer_printf(&r->why, "there is no user %d", user_id);
    else
        buffer_put_text(&r->why, strerror(-error));
    return false;
}

static bool take_user(struct registry_rows *r, const char *const *values)
{
    struct registry_user user;
    int e;

    if (!read_int(values[USER_ID], 1, INT32_MAX, &user.id))
        return refuse(r, "id must be a whole number from 1 to 2147483647");
    if (!read_bool(values[USER_BLOCKED], &user.blocked))
        return refuse(r, "blocked must be true or false");
    e = (r->replaces ? registry_put_user : registry_add_user)(r->registry, &user);
    return e == 0 || refuse_by(r, REGISTRY_USERS, e, 0);
}

static const char *read_session(const char *const *values, struct registry_session *session)
{
    struct buffer rights = {0};
    size_t count = 0;

    if (!read_hash(values[SESSION_HASH_SHA256], &session->hash_sha256))
        return "hash_sha256 must be 64 hex digits: what `outputctl digest` prints";
    if (!read_int(values[SESSION_USER_ID], 1, INT32_MAX, &session->user_id))
        return "user_id must be a whole number from 1 to 2147483647";
    if (!read_bool(values[SESSION_MASTER], &session->master))
        return "master must be true or false";
    if (!read_time(values[SESSION_EXPIRES_AT], &session->expires_at_ms))
        return "expires_at must be a time of UTC";
    session->all_trackers = !values[SESSION_TRACKERS];
    if (values[SESSION_TRACKERS] &&
        !read_ints(values[SESSION_TRACKERS], INT32_MAX, &session->trackers, &session->tracker_count))
        return "trackers must be an array of ids";
    if (values[SESSION_RIGHTS] && !read_list(values[SESSION_RIGHTS], &rights, &count)) {
        buffer_release(&rights);
        return "rights must be an array of texts";
    }
    session->may_set_output = list_holds(&rights, count, "tracker_set_output");
    buffer_release(&rights);
    return NULL;
}

static bool take_session(struct registry_rows *r, const char *const *values)
{
    struct registry_session session = {0};
    const char *wrong = read_session(values, &session);
    int e = 0;

    if (!wrong)
        e = (r->replaces ? registry_put_session : registry_add_session)(r->registry, &session);
    free(session.trackers);
    if (wrong)
        return refuse(r, wrong);
    return e == 0 || refuse_by(r, REGISTRY_SESSIONS, e, session.user_id);
}

static bool read_reserved(const char *text, struct registry_entry *tracker)
{
    int32_t *outputs = NULL;
    size_t count = 0;
    bool good = !text || read_ints(text, REGISTRY_OUTPUTS_MAX, &outputs, &count);

    tracker->has_reserved = text != NULL;
    for (size_t i = 0; good && i < count; i++)
        tracker->reserved |= UINT64_C(1) << (outputs[i] - 1);
    free(outputs);
    return good;
}

static const char *read_tracker(const char *const *values, struct registry_entry *tracker, struct buffer *vars)
{
    int32_t outputs = 0;

    if (!read_int(values[TRACKER_ID], 1, INT32_MAX, &tracker->id))
        return "id must be a whole number from 1 to 2147483647";
    if (!read_int(values[TRACKER_USER_ID], 1, INT32_MAX, &tracker->user_id))
        return "user_id must be a whole number from 1 to 2147483647";
    if (!values[TRACKER_MODEL] || !text_is_safe(values[TRACKER_MODEL]))
        return "model must be a text without +, # and control characters";
    tracker->device_id = values[TRACKER_DEVICE_ID] ? values[TRACKER_DEVICE_ID] : "";
    if (!text_is_safe(tracker->device_id))
        return "device_id must be a text without +, # and control characters";
    if (values[TRACKER_OUTPUTS] && !read_int(values[TRACKER_OUTPUTS], 1, REGISTRY_OUTPUTS_MAX, &outputs))
        return "outputs must be a whole number from 1 to 64";
    tracker->outputs = (uint8_t)outputs;
    if (!read_bool(values[TRACKER_BLOCKED], &tracker->blocked) || !read_bool(values[TRACKER_CLONE], &tracker->clone))
        return "blocked and clone must be true or false";
    if (!read_reserved(values[TRACKER_RESERVED_OUTPUTS], tracker))
        return "reserved_outputs must be an array of numbers from 1 to 64";
    if (!read_vars(values[TRACKER_VARS], vars))
        return "vars must be a JSON object of texts without +, # and control characters, numbers, true, false "
               "and lists of them";
    return NULL;
}

static bool take_tracker(struct registry_rows *r, const char *const *values)
{
    const char *model = values[TRACKER_MODEL];
    struct registry_entry tracker = {0};
    struct buffer vars = {0};
    const char *wrong = read_tracker(values, &tracker, &vars);
    bool good;
    int e = 0;

    tracker.vars = (const char *)vars.data;
    good = wrong ? refuse(r, wrong) : registry_check(r->profiles, &tracker, model, &r->why);
    if (good)
        e = (r->replaces ? registry_put_tracker : registry_add_tracker)(r->registry, &tracker, model);
    buffer_release(&vars);
    return good && (e == 0 || refuse_by(r, REGISTRY_TRACKERS, e, tracker.user_id));
}

static bool (*const takers[REGISTRY_TABLES])(struct registry_rows *r, const char *const *values) = {
    [REGISTRY_USERS] = take_user,
    [REGISTRY_SESSIONS] = take_session,
    [REGISTRY_TRACKERS] = take_tracker,
};

/* "tracker 17: " goes in front. Of a session its user: its hash is told nobody. */
static void name_subject(struct registry_rows *r, enum registry_table table, const char *const *values)
{
    const char *id = values[table == REGISTRY_SESSIONS ? SESSION_USER_ID : 0];
    struct buffer what = r->why;

    r->why = (struct buffer){0};
    buffer_printf(&r->why, "%s%s %.20s: ", nouns[table], table == REGISTRY_SESSIONS ? " of user" : "",
                  id && *id ? id : "without an id");
    buffer_put(&r->why, buffer_bytes(&what));
    buffer_put_u8(&r->why, '\0');
    buffer_release(&what);
}

bool registry_take_row(struct registry_rows *r, enum registry_table table, const char *const *values)
{
    buffer_clear(&r->why);
    if (takers[table](r, values))
        return true;
    name_subject(r, table, values);
    return false;
}

/* --- keys --- */

struct digest registry_id_key(int32_t id)
{
    struct digest key = {.bytes = {(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id}};

    return key;
}

int32_t registry_key_id(const struct digest *key)
{
    const uint8_t *b = key->bytes;

    return (int32_t)((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]);
}

bool registry_read_key(enum registry_table table, const char *text, struct digest *key)
{
    int32_t id;

    if (table == REGISTRY_SESSIONS)
        return read_hash(text, key);
    if (!read_int(text, 1, INT32_MAX, &id))
        return false;
    *key = registry_id_key(id);
    return true;
}
