#include "support/redis_desk.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"

static const struct redis_script scripts[] = {
    [DESK_ECHO] = {"echo", "return ARGV[1]"},
    [DESK_COUNT] = {"count", "return redis.call('INCRBY', KEYS[1], ARGV[1])"},
    [DESK_RAISE] = {"raise", "return redis.error_reply(ARGV[1])"},
    [DESK_NEST] = {"nest", "return {1, {'two', {3, false, {}}}, 'four'}"},
    [DESK_LARGE] = {"large", "return string.rep('x', tonumber(ARGV[1]))"},
    [DESK_SPIN] = {"spin", "local n = 0 for i = 1, tonumber(ARGV[1]) do n = n + i end return 'done'"},
};

/* --- what is written down --- */

static void write_value(struct buffer *to, const struct redis_value *value)
{
    if (value->kind == REDIS_NIL)
        buffer_put_text(to, "nil");
    else if (value->kind == REDIS_INT)
        buffer_put_number(to, value->number);
    else if (value->kind != REDIS_ARRAY)
        buffer_put(to, value->bytes);
    else
        buffer_put_u8(to, '[');
    for (size_t i = 0; i < value->count; i++) {
        buffer_put_text(to, i > 0 ? "," : "");
        write_value(to, &value->items[i]);
    }
    if (value->kind == REDIS_ARRAY)
        buffer_put_u8(to, ']');
}

static void note_value(struct desk_answer *a, const struct redis_value *value)
{
    struct buffer text = {0};
    a->kind = value->kind;
    a->number = value->number;
    a->len = value->kind == REDIS_ARRAY ? value->count : value->bytes.len;
    write_value(&text, value);
    snprintf(a->text, sizeof(a->text), "%.*s", (int)(text.len < DESK_TEXT_SIZE ? text.len : DESK_TEXT_SIZE),
             text.data ? (const char *)text.data : "");
    buffer_release(&text);
}

static void on_up(void *ctx, const char *run_id)
{
    struct redis_desk *d = ctx;
    d->ups++;
    snprintf(d->run_id, sizeof(d->run_id), "%s", run_id);
}

static void on_down(void *ctx, const char *why)
{
    struct redis_desk *d = ctx;
    d->downs++;
    snprintf(d->why, sizeof(d->why), "%s", why);
}

static void on_answered(void *ctx, void *call, const struct redis_value *value)
{
    struct redis_desk *d = ctx;
    if (d->answered == DESK_ANSWERS_MAX)
        abort();
    struct desk_answer *a = &d->answers[d->answered++];
    *a = (struct desk_answer){.call = (size_t)call - 1, .is_lost = !value};
    if (value)
        note_value(a, value);
    if (d->calls_again && (!value || value->kind == REDIS_ERROR))
        d->again = redis_desk_call(d, DESK_ECHO, "again");
}

/* --- the client --- */

void redis_desk_init(struct redis_desk *d, const char *url)
{
    memset(d, 0, sizeof(*d));
    d->options = (struct redis_options){
        .url = url,
        .connect_timeout_ms = 5000,
        .reply_timeout_ms = 5000,
        .calls_max = 15000,
        .unsent_bytes_max = 64 << 20,
        .reply_bytes_max = 8 << 20,
    };
}

void redis_desk_open(struct redis_desk *d)
{
    struct redis_handlers handlers = {d, on_up, on_down, on_answered};
    d->redis = redis_new(&d->options, scripts, sizeof(scripts) / sizeof(scripts[0]), &handlers);
    if (!d->redis)
        abort();
}

void redis_desk_close(struct redis_desk *d)
{
    redis_free(d->redis);
    d->redis = NULL;
}

struct instant redis_desk_now(const struct redis_desk *d)
{
    struct instant now = clock_now();
    now.mono_ms += d->ahead_ms;
    return now;
}

void redis_desk_turn(struct redis_desk *d, int wait_ms)
{
    redis_turn(d->redis, redis_desk_now(d));
    redis_flush(d->redis, redis_desk_now(d));
    int64_t most_ms = redis_wait_ms(d->redis, redis_desk_now(d));
    struct pollfd wait = {.fd = redis_fd(d->redis), .events = redis_events(d->redis)};
    poll(&wait, 1, most_ms >= 0 && most_ms < wait_ms ? (int)most_ms : wait_ms);
}

int redis_desk_call(struct redis_desk *d, enum desk_script script, const char *argument)
{
    bool has_key = script == DESK_COUNT;
    const struct bytes args[] = {bytes_of_text("key"), bytes_of_text(argument)};
    void *number = (void *)(d->asked + 1); /* NULL might be mistaken for none */
    int r = redis_call(d->redis, script, has_key, has_key ? args : args + 1, has_key ? 2 : 1, number);
    d->asked += r == 0;
    return r;
}

void redis_desk_come_up(struct redis_desk *d)
{
    redis_desk_open(d);
    cr_assert(DESK_UNTIL(d, d->ups == 1), "%s", redis_error(d->redis));
}

const struct desk_answer *redis_desk_ask(struct redis_desk *d, enum desk_script script, const char *argument)
{
    size_t before = d->answered;
    cr_assert_eq(redis_desk_call(d, script, argument), 0);
    cr_assert(DESK_UNTIL(d, d->answered > before), "%s", redis_error(d->redis));
    return &d->answers[before];
}
