/* Who hears events. What one of them takes is bounded: a batch that is being told, and a place in the ring that all
 * share. Whoever falls behind its end is told how many events that were. */
#include <stdlib.h>

#include "base/check.h"
#include "edge/console_stream.h"
#include "http_server_state.h"

enum {
    BATCH = 128,  /* events that one is told at a time, */
    FEED_MS = 50, /* and how often: a page cannot show more */
    REPLAY = 256, /* of the last events, for one that is new */
    BLOCK = 8192, /* that libmicrohttpd asks for at a time */
    RETRY_MS = 1000,
};

static uint64_t beat_ms(const struct http_server *s)
{
    return s->options.timeout_ms / 2; /* a peer that is gone is noticed in that time */
}

/* --- what one is told --- */

static void feed(struct http_listener *l)
{
    struct console_ring *ring = l->server->options.events;
    struct console_event events[BATCH];
    uint64_t missed;
    size_t count = console_ring_read(ring, &l->next, events, BATCH, &missed);

    l->fed_ms = l->server->now_ms;
    if (missed > 0)
        console_stream_missed(missed, &l->out);
    for (size_t i = 0; i < count; i++)
        console_stream_event(&events[i], console_ring_life(ring), &l->out);
}

static bool is_behind(const struct http_listener *l)
{
    return l->next <= console_ring_last(l->server->options.events);
}

static void find_something(struct http_listener *l)
{
    uint64_t now_ms = l->server->now_ms;

    buffer_clear(&l->out);
    l->sent = 0;
    if (is_behind(l) && now_ms - l->fed_ms >= FEED_MS)
        feed(l);
    if (l->out.len == 0 && now_ms - l->told_ms >= beat_ms(l->server))
        console_stream_beat(&l->out);
    if (l->out.len > 0)
        l->told_ms = now_ms;
}

static ssize_t fall_asleep(struct http_listener *l)
{
    l->is_asleep = true;
    http_connection_works(l->server, http_connection_of(l->connection)); /* it is not its peer that is waited for */
    mhd.suspend_connection(l->connection);
    return 0;
}

static ssize_t tell(void *cls, uint64_t position, char *out, size_t max)
{
    struct http_listener *l = cls;
    size_t left;

    (void)position;
    if (atomic_load(&l->server->is_stopping))
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (l->sent == l->out.len)
        find_something(l);
    if (l->sent == l->out.len)
        return fall_asleep(l);
    left = l->out.len - l->sent;
    left = left < max ? left : max;
    memcpy(out, l->out.data + l->sent, left);
    l->sent += left;
    http_connection_waits(l->server, http_connection_of(l->connection)); /* it has taken what it was told before */
    return (ssize_t)left;
}

/* --- life --- */

static void end(void *cls)
{
    struct http_listener *l = cls;

    TAILQ_REMOVE(&l->server->listeners, l, link);
    l->server->listener_count--;
    buffer_release(&l->out);
    free(l);
}

/* The one header that browsers send by themselves when they come back, or what a page says in its place. */
static struct bytes last_heard(const struct http_ask *ask)
{
    static const char after[] = "after=";
    struct bytes query = buffer_bytes(&ask->query);
    size_t len = sizeof after - 1;

    if (ask->last_event_id.len > 0)
        return buffer_bytes(&ask->last_event_id);
    return query.len > len && memcmp(query.data, after, len) == 0 ? bytes_of(query.data + len, query.len - len)
                                                                  : (struct bytes){0};
}

static uint64_t begin_at(const struct http_server *s, const struct http_ask *ask)
{
    const struct console_ring *ring = s->options.events;
    uint64_t fresh = console_ring_first(ring, REPLAY);
    uint64_t next = console_stream_resume(last_heard(ask), console_ring_life(ring), fresh);

    return next <= console_ring_last(ring) + 1 ? next : fresh;
}

/* Some may be gone, and not have been told anything since. */
static void look_for_the_dead(struct http_server *s)
{
    struct http_listener *l;

    for (l = TAILQ_FIRST(&s->listeners); l; l = TAILQ_NEXT(l, link))
        l->told_ms = 0;
}

struct MHD_Response *http_listener_new(struct http_server *s, struct MHD_Connection *connection,
                                       const struct http_ask *ask)
{
    struct http_listener *l;
    struct MHD_Response *response;

    if (s->listener_count >= s->options.listeners_max) {
        look_for_the_dead(s);
        return NULL;
    }
    l = calloc(1, sizeof *l);
    CHECK(l);
    l->server = s;
    l->connection = connection;
    l->next = begin_at(s, ask);
    l->told_ms = s->now_ms;
    console_stream_hello(console_ring_life(s->options.events), RETRY_MS, beat_ms(s), &l->out);
    TAILQ_INSERT_TAIL(&s->listeners, l, link);
    s->listener_count++;
    response = mhd.create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, tell, l, end);
    CHECK(response);
    return response;
}

/* --- time --- */

static uint64_t due_ms(const struct http_listener *l)
{
    return is_behind(l) ? l->fed_ms + FEED_MS : l->told_ms + beat_ms(l->server);
}

void http_listeners_wake(struct http_server *s)
{
    bool all = atomic_load(&s->is_stopping);
    struct http_listener *l;

    for (l = TAILQ_FIRST(&s->listeners); l; l = TAILQ_NEXT(l, link)) {
        if (!l->is_asleep || (!all && due_ms(l) > s->now_ms))
            continue;
        l->is_asleep = false;
        http_connection_waits(s, http_connection_of(l->connection));
        mhd.resume_connection(l->connection);
    }
}

int64_t http_listeners_wait_ms(struct http_server *s)
{
    uint64_t last = s->options.events ? console_ring_last(s->options.events) : 0;
    uint64_t first_ms = UINT64_MAX;
    bool any_behind = false;
    const struct http_listener *l;

    if (TAILQ_EMPTY(&s->listeners))
        return -1;
    for (l = TAILQ_FIRST(&s->listeners); l; l = TAILQ_NEXT(l, link)) {
        if (!l->is_asleep)
            continue;
        any_behind = any_behind || is_behind(l);
        first_ms = due_ms(l) < first_ms ? due_ms(l) : first_ms;
    }
    if (!any_behind && !console_ring_sleep(s->options.events, last))
        return 0;
    if (first_ms == UINT64_MAX)
        return -1;
    return first_ms > s->now_ms ? (int64_t)(first_ms - s->now_ms) : 0;
}
