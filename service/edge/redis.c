#include "edge/redis.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "edge/backoff.h"
#include "redis_library.h"
#include "redis_state.h"

enum {
    RETRY_MIN_MS = 100,
    RETRY_MAX_MS = 5000,
    STABLE_MS = 5000, /* a connection that lasted so long says nothing against the next one */
    IDLE_MS = 5000,   /* without a word, then it is asked whether it is there */
    READS_A_TURN = 8,
    OUT_KEPT = 256 * 1024, /* memory that is kept for the next turn */
};

/* 50 µs … 1 s: from the same machine to a server that has other things to do. */
static const uint64_t reply_bounds_us[] = {50,    100,   250,   500,    1000,   2500,   5000,
                                           10000, 25000, 50000, 100000, 250000, 500000, 1000000};

/* --- life --- */

const char *redis_missing(void)
{
    return redis_library_load();
}

struct redis *redis_new(const struct redis_options *options, const struct redis_script *scripts, size_t script_count,
                        const struct redis_handlers *handlers)
{
    const char *missing = redis_library_load();
    struct redis *r;

    if (missing) {
        log_write(LOG_ERROR, "Redis needs a library that is not there", LOG_TEXT("why", missing));
        return NULL;
    }
    r = calloc(1, sizeof *r);
    CHECK(r);
    CHECK(!redis_address_parse(&r->address, options->url));
    r->options = *options;
    r->handlers = *handlers;
    r->scripts = scripts;
    r->script_count = script_count;
    r->shas = calloc(script_count + 1, sizeof *r->shas);
    r->slots = calloc((size_t)options->calls_max + 1, sizeof *r->slots);
    CHECK(r->shas && r->slots);
    r->fd = -1;
    r->backoff_ms = RETRY_MIN_MS;
    r->stats.reply.bounds_us = reply_bounds_us;
    r->stats.reply.bound_count = sizeof reply_bounds_us / sizeof *reply_bounds_us;
    return r;
}

static void close_connection(struct redis *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    redis_replies_free(r->replies);
    r->replies = NULL;
    buffer_release(&r->out);
    r->out_at = 0;
    r->out_end = 0;
    r->unsent = 0;
    r->send_error = 0;
    r->has_more = false;
}

void redis_free(struct redis *r)
{
    if (!r)
        return;
    close_connection(r);
    redis_address_end(&r->address);
    free(r->shas);
    free(r->slots);
    free(r);
}

/* --- the ring of calls --- */

static size_t ring_size(const struct redis *r)
{
    return (size_t)r->options.calls_max + 1;
}

static struct redis_slot *slot_at(const struct redis *r, size_t at)
{
    size_t place = r->first + at;

    return &r->slots[place < ring_size(r) ? place : place - ring_size(r)];
}

static void push_slot(struct redis *r, void *call)
{
    *slot_at(r, r->count++) = (struct redis_slot){.call = call};
    r->unsent++;
}

static struct redis_slot pop_slot(struct redis *r)
{
    struct redis_slot slot = *slot_at(r, 0);

    r->first = r->first + 1 < ring_size(r) ? r->first + 1 : 0;
    r->count--;
    if (r->unsent > r->count)
        r->unsent = r->count;
    return slot;
}

/* The service's own question has itself as its call. */
static bool is_ping(const struct redis *r, const void *call)
{
    return call == r;
}

/* --- closing --- */

static void plan_attempt(struct redis *r, struct instant now, bool was_up)
{
    uint32_t pause_ms;

    if (was_up && now.mono_ms - r->up_ms >= STABLE_MS)
        r->backoff_ms = RETRY_MIN_MS;
    pause_ms = backoff_pause_ms(&r->backoff_ms, RETRY_MAX_MS);
    r->phase = REDIS_RESTING;
    r->retry_at_ms = now.mono_ms + (pause_ms < RETRY_MAX_MS ? pause_ms : RETRY_MAX_MS);
}

/* Attempts that fail for the same reason are one line. */
static void note_error(struct redis *r, const char *why, bool was_up)
{
    bool is_new = strcmp(r->error, why) != 0;

    snprintf(r->error, sizeof r->error, "%s", why);
    if (was_up)
        log_write(LOG_WARNING, "Redis is lost", LOG_TEXT("url", r->options.url), LOG_TEXT("why", r->error));
    else if (is_new)
        log_write(LOG_WARNING, "Redis cannot be used", LOG_TEXT("url", r->options.url), LOG_TEXT("why", r->error));
}

static void lose_calls(struct redis *r)
{
    while (r->count > 0) {
        struct redis_slot slot = pop_slot(r);

        if (is_ping(r, slot.call))
            continue;
        r->stats.lost++;
        r->handlers.answered(r->handlers.ctx, slot.call, NULL);
    }
}

static void drop(struct redis *r, struct instant now, const char *why)
{
    bool was_up = r->phase >= REDIS_UP;

    note_error(r, why, was_up);
    close_connection(r);
    plan_attempt(r, now, was_up);
    lose_calls(r);
    if (was_up)
        r->handlers.down(r->handlers.ctx, r->error);
}

/* --- sending --- */

static size_t waiting_bytes(const struct redis *r)
{
    return r->out.len - r->out_at;
}

static size_t flushed_bytes(const struct redis *r)
{
    return r->out_end - r->out_at;
}

/* What has left is taken out once it is half of the buffer. */
static void trim(struct redis *r)
{
    if (r->out_at == r->out.len && r->out.size > OUT_KEPT) {
        buffer_release(&r->out);
    } else if (r->out_at > 0 && r->out_at >= r->out.len / 2) {
        memmove(r->out.data, r->out.data + r->out_at, waiting_bytes(r));
        r->out.len -= r->out_at;
    } else {
        return;
    }
    r->out_end -= r->out_at;
    r->out_at = 0;
}

static void push(struct redis *r)
{
    ssize_t n;

    if (r->fd < 0 || flushed_bytes(r) == 0 || r->send_error)
        return;
    n = send(r->fd, r->out.data + r->out_at, flushed_bytes(r), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0)
        r->out_at += (size_t)n;
    else if (errno != EAGAIN && errno != EINTR)
        r->send_error = errno;
    trim(r);
}

/* One reading of the clock for all calls of a turn. */
static void stamp(struct redis *r, struct instant now)
{
    uint64_t us = r->unsent ? clock_mono_us() : 0;

    for (; r->unsent > 0; r->unsent--) {
        struct redis_slot *slot = slot_at(r, r->count - r->unsent);

        slot->sent_ms = now.mono_ms;
        slot->sent_us = us;
    }
}

void redis_flush(struct redis *r, struct instant now)
{
    stamp(r, now);
    r->out_end = r->out.len;
    push(r);
}

int redis_call(struct redis *r, size_t script, size_t key_count, const struct bytes *args, size_t count, void *call)
{
    char keys[24];

    CHECK(script < r->script_count && key_count <= count);
    if (r->phase != REDIS_UP)
        return -ENOTCONN;
    if (r->count >= r->options.calls_max || waiting_bytes(r) >= r->options.unsent_bytes_max)
        return -EAGAIN;
    redis_put_count(&r->out, count + 3);
    buffer_put(&r->out, bytes_of_text("$7\r\nEVALSHA\r\n"));
    redis_put_part(&r->out, bytes_of(r->shas[script], REDIS_SHA_LEN));
    redis_put_part(&r->out, bytes_of(keys, (size_t)snprintf(keys, sizeof keys, "%zu", key_count)));
    for (size_t i = 0; i < count; i++)
        redis_put_part(&r->out, args[i]);
    push_slot(r, call);
    r->stats.calls++;
    return 0;
}

static void ping_when_idle(struct redis *r, struct instant now)
{
    if (r->phase != REDIS_UP || r->count > 0 || now.mono_ms - r->heard_ms < IDLE_MS)
        return;
    redis_put_count(&r->out, 1);
    redis_put_part(&r->out, bytes_of_text("PING"));
    push_slot(r, r);
    redis_flush(r, now);
}

/* --- replies --- */

bool redis_is_error(const struct redis_value *value, const char *word)
{
    size_t len = strlen(word);

    return value->kind == REDIS_ERROR && value->bytes.len >= len && memcmp(value->bytes.data, word, len) == 0 &&
           (value->bytes.len == len || value->bytes.data[len] == ' ');
}

/* Nothing was executed, and nothing will be on this connection. */
static bool ends_connection(const struct redis_value *value)
{
    return redis_is_error(value, "NOSCRIPT") || redis_is_error(value, "READONLY") || redis_is_error(value, "LOADING");
}

static void leave(struct redis *r, struct bytes why)
{
    int len = why.len < REDIS_ERROR_SIZE ? (int)why.len : REDIS_ERROR_SIZE;

    if (r->phase != REDIS_UP)
        return;
    r->phase = REDIS_LEAVING;
    snprintf(r->leaving, sizeof r->leaving, "%.*s", len, (const char *)why.data);
}

static const char *answer(struct redis *r, uint64_t now_us, const struct redis_value *value)
{
    struct redis_slot slot;

    if (r->count == r->unsent)
        return "it answers what was not asked";
    slot = pop_slot(r);
    if (value->kind == REDIS_ERROR && ends_connection(value))
        leave(r, value->bytes);
    if (is_ping(r, slot.call))
        return NULL;
    r->stats.errors += value->kind == REDIS_ERROR;
    histogram_observe(&r->stats.reply, now_us - slot.sent_us);
    r->handlers.answered(r->handlers.ctx, slot.call, value);
    return NULL;
}

static void come_up(struct redis *r, struct instant now)
{
    r->phase = REDIS_UP;
    r->up_ms = now.mono_ms;
    r->stats.connects++;
    r->error[0] = '\0';
    log_write(LOG_INFO, "Redis is there", LOG_TEXT("url", r->options.url), LOG_TEXT("run_id", r->run_id));
    r->handlers.up(r->handlers.ctx, r->run_id);
}

static const char *greeted(struct redis *r, struct instant now, const struct redis_value *value)
{
    bool done = false;
    const char *why = redis_greeted(r, value, &done);

    if (!why && done)
        come_up(r, now);
    return why;
}

/* NULL, or why the connection is to be closed; so do all that follow. */
static const char *take_replies(struct redis *r, struct instant now)
{
    uint64_t now_us = clock_mono_us();
    const struct redis_value *value;
    const char *why;

    while ((value = redis_replies_next(r->replies, &why))) {
        why = r->phase == REDIS_GREETING ? greeted(r, now, value) : answer(r, now_us, value);
        if (why)
            break;
    }
    return why;
}

static const char *receive(struct redis *r, struct instant now)
{
    const char *why = NULL;

    r->has_more = true;
    for (int i = 0; i < READS_A_TURN && r->has_more && !why; i++) {
        ssize_t n = recv(r->fd, r->in, sizeof r->in, MSG_DONTWAIT);

        r->has_more = n == (ssize_t)sizeof r->in;
        if (n == 0)
            return "it has closed the connection";
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? NULL : strerror(errno);
        r->heard_ms = now.mono_ms;
        redis_replies_feed(r->replies, bytes_of(r->in, (size_t)n));
        why = take_replies(r, now);
    }
    return why;
}

/* --- connecting --- */

/* Bursts leave at once, and a machine that is gone is noticed where nothing is sent. */
static void tune(int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static const char *open_socket(struct redis *r)
{
    const char *why = NULL;
    const struct redis_socket_address *to = redis_address_next(&r->address, &why);

    if (!to)
        return why;
    r->phase = REDIS_CONNECTING;
    r->fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (r->fd < 0)
        return strerror(errno);
    if (to->address.ss_family != AF_UNIX)
        tune(r->fd);
    if (connect(r->fd, (const struct sockaddr *)&to->address, to->len) < 0 && errno != EINPROGRESS)
        return strerror(errno);
    return NULL;
}

static const char *begin(struct redis *r, struct instant now)
{
    r->begun_ms = now.mono_ms;
    r->phase = REDIS_LOOKING_UP;
    if (r->address.known.len)
        return open_socket(r);
    redis_address_look_up(&r->address);
    return NULL;
}

static const char *begin_when_rested(struct redis *r, struct instant now)
{
    return now.mono_ms >= r->retry_at_ms ? begin(r, now) : NULL;
}

static const char *go_on_when_looked_up(struct redis *r, struct instant now)
{
    if (!redis_address_is_looked_up(&r->address))
        return NULL;
    r->begun_ms = now.mono_ms;
    return open_socket(r);
}

static const char *greet_when_connected(struct redis *r, struct instant now)
{
    struct pollfd wait = {.fd = r->fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof error;

    if (poll(&wait, 1, 0) <= 0)
        return NULL;
    if (getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error)
        return strerror(error ? error : errno);
    r->phase = REDIS_GREETING;
    r->replies = redis_replies_new(r->options.reply_bytes_max);
    r->heard_ms = now.mono_ms;
    redis_greet(r);
    redis_flush(r, now);
    return NULL;
}

/* --- turns --- */

static uint64_t call_due_ms(const struct redis *r)
{
    return slot_at(r, 0)->sent_ms + r->options.reply_timeout_ms;
}

static bool is_overdue(const struct redis *r, struct instant now)
{
    if (r->phase == REDIS_CONNECTING || r->phase == REDIS_GREETING)
        return now.mono_ms >= r->begun_ms + r->options.connect_timeout_ms;
    return r->count > r->unsent && !r->has_more && now.mono_ms >= call_due_ms(r);
}

static const char *converse(struct redis *r, struct instant now)
{
    const char *why = r->is_quiet ? NULL : receive(r, now);

    r->is_quiet = false;
    if (why)
        return why;
    if (r->send_error)
        return strerror(r->send_error);
    if (r->phase == REDIS_LEAVING && r->count == 0)
        return r->leaving;
    push(r);
    ping_when_idle(r, now);
    return NULL;
}

static const char *advance(struct redis *r, struct instant now)
{
    switch (r->phase) {
    case REDIS_RESTING:
        return begin_when_rested(r, now);
    case REDIS_LOOKING_UP:
        return go_on_when_looked_up(r, now);
    case REDIS_CONNECTING:
        return greet_when_connected(r, now);
    default:
        return converse(r, now);
    }
}

void redis_is_quiet(struct redis *r)
{
    r->is_quiet = r->phase >= REDIS_UP && !r->has_more;
}

void redis_turn(struct redis *r, struct instant now)
{
    const char *why = advance(r, now);

    if (!why && is_overdue(r, now)) {
        why = r->phase == REDIS_CONNECTING ? "no connection in time" : "no answer in time";
        r->stats.timeouts++;
    }
    if (why)
        drop(r, now, why);
}

int redis_fd(const struct redis *r)
{
    return r->phase == REDIS_LOOKING_UP ? r->address.lookup.done : r->fd;
}

short redis_events(const struct redis *r)
{
    if (r->phase == REDIS_CONNECTING)
        return POLLOUT;
    return flushed_bytes(r) > 0 ? POLLIN | POLLOUT : POLLIN;
}

static uint64_t due_ms(const struct redis *r)
{
    switch (r->phase) {
    case REDIS_RESTING:
        return r->retry_at_ms;
    case REDIS_LOOKING_UP:
        return UINT64_MAX;
    case REDIS_CONNECTING:
    case REDIS_GREETING:
        return r->begun_ms + r->options.connect_timeout_ms;
    default:
        return r->count > r->unsent ? call_due_ms(r) : r->heard_ms + IDLE_MS;
    }
}

int64_t redis_wait_ms(const struct redis *r, struct instant now)
{
    uint64_t due = due_ms(r);

    if (r->has_more || r->send_error)
        return 0;
    if (due == UINT64_MAX)
        return -1;
    return due > now.mono_ms ? (int64_t)(due - now.mono_ms) : 0;
}

bool redis_is_up(const struct redis *r)
{
    return r->phase == REDIS_UP;
}

const char *redis_error(const struct redis *r)
{
    return r->error;
}

size_t redis_outstanding(const struct redis *r)
{
    return r->count - (r->count > 0 && is_ping(r, slot_at(r, 0)->call));
}

const struct redis_stats *redis_stats(const struct redis *r)
{
    return &r->stats;
}
