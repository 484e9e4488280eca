#include "redis_state.h"

#include <ctype.h>
#include <stdio.h>

/* In this order; the first two only where they are needed. */
enum step { STEP_AUTH, STEP_SELECT, STEP_SCRIPT, STEP_INFO };

static bool has_db(const struct redis *r)
{
    return r->address.db != 0;
}

static bool has_password(const struct redis *r)
{
    return r->options.password;
}

/* What reply number `at` is for; *script is its place in the list. */
static enum step step_at(const struct redis *r, size_t at, size_t *script)
{
    size_t before = (size_t)has_password(r) + (size_t)has_db(r);

    *script = at - before;
    if (at < before)
        return at == 0 && has_password(r) ? STEP_AUTH : STEP_SELECT;
    return *script < r->script_count ? STEP_SCRIPT : STEP_INFO;
}

/* --- asking --- */

void redis_put_count(struct buffer *to, size_t count)
{
    buffer_put_u8(to, '*');
    buffer_put_number(to, (int64_t)count);
    buffer_put_text(to, "\r\n");
}

void redis_put_part(struct buffer *to, struct bytes part)
{
    buffer_room(to, part.len + 32);
    buffer_put_u8(to, '$');
    buffer_put_number(to, (int64_t)part.len);
    buffer_put(to, bytes_of("\r\n", 2));
    buffer_put(to, part);
    buffer_put(to, bytes_of("\r\n", 2));
}

static void put_command(struct buffer *to, const char *const *parts, size_t count)
{
    redis_put_count(to, count);
    for (size_t i = 0; i < count; i++)
        redis_put_part(to, bytes_of_text(parts[i]));
}

#define PUT_COMMAND(to_, ...) \
    put_command(to_, (const char *[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

void redis_greet(struct redis *r)
{
    char db[16];

    snprintf(db, sizeof db, "%u", r->address.db);
    r->greeted = 0;
    if (has_password(r) && r->options.username)
        PUT_COMMAND(&r->out, "AUTH", r->options.username, r->options.password);
    else if (has_password(r))
        PUT_COMMAND(&r->out, "AUTH", r->options.password);
    if (has_db(r))
        PUT_COMMAND(&r->out, "SELECT", db);
    for (size_t i = 0; i < r->script_count; i++)
        PUT_COMMAND(&r->out, "SCRIPT", "LOAD", r->scripts[i].text);
    PUT_COMMAND(&r->out, "INFO");
}

/* --- what is answered --- */

/* What stands behind "NAME:" at the beginning of a line. Empty: nothing. */
static struct bytes info_field(struct bytes info, const char *name)
{
    size_t name_len = strlen(name);
    const uint8_t *end = info.data + info.len;

    for (const uint8_t *line = info.data; line < end; line++) {
        const uint8_t *feed = memchr(line, '\n', (size_t)(end - line));
        size_t len = (size_t)((feed ? feed : end) - line);

        if (len > 0 && line[len - 1] == '\r')
            len--;
        if (len > name_len && line[name_len] == ':' && memcmp(line, name, name_len) == 0)
            return bytes_of(line + name_len + 1, len - name_len - 1);
        if (!feed)
            break;
        line = feed;
    }
    return (struct bytes){0};
}

/* What a crash of the server, or its want of memory, would take from the service. */
static void warn_of_loss(struct bytes info)
{
    struct bytes policy = info_field(info, "maxmemory_policy");
    bool has_limit = !bytes_equal_text(info_field(info, "maxmemory"), "0");

    if (bytes_equal_text(info_field(info, "aof_enabled"), "0"))
        log_write(LOG_WARNING, "Redis keeps no log of what it is told: a crash loses state",
                  LOG_TEXT("remedy", "appendonly yes"));
    if (has_limit && policy.len && !bytes_equal_text(policy, "noeviction"))
        log_write(LOG_WARNING, "Redis throws state away when its memory is full",
                  LOG_BYTES("maxmemory-policy", policy));
}

static const char *take_info(struct redis *r, const struct redis_value *value)
{
    struct bytes run_id = info_field(value->bytes, "run_id");

    if (value->kind != REDIS_BYTES || run_id.len == 0 || run_id.len >= sizeof r->run_id)
        return "is no Redis: it does not say its run_id";
    if (bytes_equal_text(info_field(value->bytes, "role"), "slave"))
        return "is a replica";
    if (bytes_equal_text(info_field(value->bytes, "cluster_enabled"), "1"))
        return "is a node of a cluster";
    memcpy(r->run_id, run_id.data, run_id.len);
    r->run_id[run_id.len] = '\0';
    warn_of_loss(value->bytes);
    return NULL;
}

static const char *take_sha(struct redis *r, size_t script, const struct redis_value *value)
{
    if (value->kind != REDIS_BYTES || value->bytes.len != REDIS_SHA_LEN)
        return "is no Redis: it does not name a script";
    memcpy(r->shas[script], value->bytes.data, REDIS_SHA_LEN);
    return NULL;
}

static const char *refused(struct redis *r, const char *what, struct bytes why)
{
    int len = why.len < REDIS_ERROR_SIZE ? (int)why.len : REDIS_ERROR_SIZE;

    snprintf(r->leaving, sizeof r->leaving, "%s: %.*s", what, len, (const char *)why.data);
    return r->leaving;
}

const char *redis_greeted(struct redis *r, const struct redis_value *value, bool *done)
{
    static const char *const names[] = {"AUTH", "SELECT", "SCRIPT LOAD", "INFO"};
    size_t script;
    enum step step = step_at(r, r->greeted++, &script);

    *done = step == STEP_INFO;
    if (value->kind == REDIS_ERROR)
        return refused(r, step == STEP_SCRIPT ? r->scripts[script].name : names[step], value->bytes);
    if (step == STEP_SCRIPT)
        return take_sha(r, script, value);
    return step == STEP_INFO ? take_info(r, value) : NULL;
}
