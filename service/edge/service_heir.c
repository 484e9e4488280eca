/* Where state is shared, the broker gives each instance a part of the requests and acks. What it keeps for one that has
 * died nobody gets: it waits in that one's session, and is lost with it. So another instance takes the session over, by
 * its client id, gives its subscriptions up, and takes what is in it as if it were its own. When nothing comes any more
 * the session is ended. */
#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "service_state.h"

enum { QUIET_MS = 1000, MESSAGES_A_TURN = 128 };

struct service_heir {
    char *dead;
    bool is_begun;
    struct mqtt_options options;
    struct mqtt_handlers handlers;
    struct mqtt *mqtt;
    uint64_t heard_ms; /* the last message, or the start */
    uint64_t count;
    bool is_over; /* the dead one lives, or the connection was lost */
};

static void on_message(void *ctx, const struct mqtt_message *message)
{
    struct service *s = ctx;

    s->heir->heard_ms = s->now.mono_ms;
    s->heir->count++;
    link_take_inherited(s, message);
}

static void on_acked(void *ctx, int token, int reason)
{
    (void)ctx, (void)token, (void)reason; /* nothing is published there */
}

bool heir_is_busy(const struct service *s)
{
    return s->heir != NULL;
}

void heir_free(struct service *s)
{
    struct service_heir *h = s->heir;

    if (!h)
        return;
    mqtt_free(h->mqtt);
    free(h->dead);
    free(h);
    s->heir = NULL;
}

/* All messages that were meant for it go to those who live from now on. */
static int give_up_subscriptions(const struct service *s, const struct service_heir *h)
{
    struct buffer names = {0};
    const char **list;
    const char *at;
    size_t count;
    int r;

    link_put_names_of(s, h->dead, &names, &count);
    list = calloc(count, sizeof *list);
    CHECK(list);
    at = (const char *)names.data;
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
        list[i] = at;
    r = mqtt_unsubscribe(h->mqtt, list, count);
    free(list);
    buffer_release(&names);
    return r == -ENOTCONN ? r : 0; /* one that it does not have is not missed */
}

void heir_begin(struct service *s, struct bytes dead)
{
    struct service_heir *h;

    if (s->heir)
        return;
    h = calloc(1, sizeof *h);
    CHECK(h);
    h->dead = bytes_dup(dead);
    CHECK(h->dead);
    s->heir = h;
}

static void begin(struct service *s)
{
    struct service_heir *h = s->heir;

    h->is_begun = true;
    h->handlers = (struct mqtt_handlers){s, on_message, on_acked};
    h->options = s->first->mqtt;
    h->options.client_id = h->dead;
    h->options.clean_start = false;
    h->options.receive_maximum = UINT16_MAX; /* what has expired there may take the place of what has not */
    h->heard_ms = s->now.mono_ms;
    h->mqtt = mqtt_new(&h->options, &h->handlers);
    CHECK(h->mqtt);
    log_write(LOG_WARNING, "an instance gives no sign of life: its session is taken over",
              LOG_TEXT("instance", h->dead));
    if (mqtt_connect(h->mqtt) < 0) {
        log_write(LOG_WARNING, "cannot take the session over", LOG_TEXT("instance", h->dead),
                  LOG_TEXT("why", mqtt_error(h->mqtt)));
        h->is_over = true;
        return;
    }
    mqtt_cork(h->mqtt, true);
    h->is_over = give_up_subscriptions(s, h) < 0;
    h->heard_ms = clock_now().mono_ms;
}

void heir_stop(struct service *s)
{
    if (s->heir)
        s->heir->is_over = true;
}

/* False: nothing came. */
bool heir_receive(struct service *s)
{
    struct service_heir *h = s->heir;
    bool more;
    int n;

    if (!h || !h->is_begun || h->is_over)
        return false;
    n = mqtt_receive(h->mqtt, MESSAGES_A_TURN, &more);
    h->is_over = n < 0;
    return n > 0;
}

void heir_hold(struct service *s, bool hold)
{
    if (s->heir && s->heir->is_begun)
        mqtt_cork(s->heir->mqtt, hold);
}

/* Begun anew, a session has nothing; ended without an expiry it is gone. */
static void end_session(struct service_heir *h)
{
    mqtt_disconnect(h->mqtt);
    h->options.clean_start = true;
    h->options.session_expiry_s = 0;
    if (mqtt_connect(h->mqtt) == 0)
        mqtt_disconnect(h->mqtt);
}

static void end(struct service *s, bool is_empty)
{
    struct service_heir *h = s->heir;

    if (is_empty)
        end_session(h);
    log_write(LOG_INFO, is_empty ? "the session is empty, and ended" : "the session was left as it is",
              LOG_TEXT("instance", h->dead), LOG_INT("messages", h->count));
    if (is_empty)
        shared_bury(s, bytes_of_text(h->dead));
    heir_free(s);
}

void heir_turn(struct service *s)
{
    struct service_heir *h = s->heir;

    if (!h)
        return;
    if (h->is_begun && !h->is_over && s->now.mono_ms - h->heard_ms < QUIET_MS)
        return;
    s->has_backlog = true; /* paho reads for the other connection, too, while it waits for an answer on one */
    if (h->is_begun)
        end(s, !h->is_over);
    else
        begin(s);
    s->now = clock_now();
}

int heir_fd(const struct service *s)
{
    return s->heir && s->heir->is_begun ? mqtt_fd(s->heir->mqtt) : -1;
}

int64_t heir_wait_ms(const struct service *s)
{
    uint64_t until_ms;

    if (!s->heir)
        return -1;
    if (!s->heir->is_begun || s->heir->is_over)
        return 0;
    until_ms = s->heir->heard_ms + QUIET_MS;
    return until_ms > s->now.mono_ms ? (int64_t)(until_ms - s->now.mono_ms) : 0;
}

const char *heir_of(const struct service *s)
{
    return s->heir ? s->heir->dead : NULL;
}
