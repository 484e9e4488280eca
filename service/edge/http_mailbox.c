#include "edge/http_mailbox.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"

struct http_mailbox {
    pthread_mutex_t lock; /* of all that follows */
    struct http_ask_list asks;
    struct http_ask_list answers;
    size_t asks_max;
    atomic_size_t ask_count; /* changed under the lock, and looked at without it */
    bool is_closed;
    int asks_fd; /* readable while there are asks: both change under the lock */
    int answers_fd;
};

struct http_mailbox *http_mailbox_new(size_t asks_max)
{
    struct http_mailbox *m = calloc(1, sizeof *m);

    CHECK(m && pthread_mutex_init(&m->lock, NULL) == 0);
    STAILQ_INIT(&m->asks);
    STAILQ_INIT(&m->answers);
    m->asks_max = asks_max;
    m->asks_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    m->answers_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(m->asks_fd >= 0 && m->answers_fd >= 0);
    return m;
}

static void free_list(struct http_ask_list *list)
{
    struct http_ask *ask;

    while ((ask = STAILQ_FIRST(list))) {
        STAILQ_REMOVE_HEAD(list, link);
        http_ask_free(ask);
    }
}

void http_mailbox_free(struct http_mailbox *m)
{
    if (!m)
        return;
    free_list(&m->asks);
    free_list(&m->answers);
    close(m->asks_fd);
    close(m->answers_fd);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static void lock(struct http_mailbox *m)
{
    CHECK(pthread_mutex_lock(&m->lock) == 0);
}

static void unlock(struct http_mailbox *m)
{
    CHECK(pthread_mutex_unlock(&m->lock) == 0);
}

/* The first of a list, whose descriptor is readable no longer when it was the last. */
static struct http_ask *take_first(struct http_ask_list *list, int fd)
{
    struct http_ask *ask = STAILQ_FIRST(list);
    eventfd_t count;

    if (ask)
        STAILQ_REMOVE_HEAD(list, link);
    if (STAILQ_EMPTY(list))
        eventfd_read(fd, &count);
    return ask;
}

/* --- the HTTP thread's --- */

static bool put(struct http_mailbox *m, struct http_ask *ask, enum http_ask_state state)
{
    bool fits;

    lock(m);
    fits = !m->is_closed && m->ask_count < m->asks_max;
    if (fits) {
        ask->state = state;
        STAILQ_INSERT_TAIL(&m->asks, ask, link);
        m->ask_count++;
        eventfd_write(m->asks_fd, 1);
    }
    unlock(m);
    return fits;
}

bool http_mailbox_put(struct http_mailbox *m, struct http_ask *ask)
{
    return put(m, ask, HTTP_ASK_PUT);
}

void http_mailbox_tell(struct http_mailbox *m, struct http_ask *ask)
{
    if (!put(m, ask, HTTP_ASK_GIVEN_UP))
        http_ask_free(ask);
}

struct http_ask *http_mailbox_answered(struct http_mailbox *m)
{
    struct http_ask *ask;

    lock(m);
    ask = take_first(&m->answers, m->answers_fd);
    unlock(m);
    return ask;
}

bool http_mailbox_withdraw(struct http_mailbox *m, struct http_ask *ask)
{
    bool waits;
    eventfd_t count;

    lock(m);
    waits = ask->state == HTTP_ASK_PUT;
    if (waits) {
        ask->state = HTTP_ASK_NEW;
        STAILQ_REMOVE(&m->asks, ask, http_ask, link);
        m->ask_count--;
        if (STAILQ_EMPTY(&m->asks))
            eventfd_read(m->asks_fd, &count);
    }
    unlock(m);
    return waits;
}

void http_mailbox_give_up(struct http_mailbox *m, struct http_ask *ask)
{
    bool is_the_loops;

    if (http_mailbox_withdraw(m, ask)) {
        http_ask_free(ask);
        return;
    }
    lock(m);
    is_the_loops = ask->state == HTTP_ASK_TAKEN;
    if (is_the_loops)
        ask->state = HTTP_ASK_GIVEN_UP;
    else
        STAILQ_REMOVE(&m->answers, ask, http_ask, link);
    unlock(m);
    if (!is_the_loops)
        http_ask_free(ask);
}

int http_mailbox_answers_fd(const struct http_mailbox *m)
{
    return m->answers_fd;
}

/* --- the loop's --- */

int http_mailbox_asks_fd(const struct http_mailbox *m)
{
    return m->asks_fd;
}

struct http_ask *http_mailbox_take(struct http_mailbox *m)
{
    struct http_ask *ask;

    if (m->ask_count == 0)
        return NULL; /* as in almost every turn of the loop */
    lock(m);
    ask = take_first(&m->asks, m->asks_fd);
    if (ask) {
        if (ask->state == HTTP_ASK_PUT)
            ask->state = HTTP_ASK_TAKEN;
        m->ask_count--;
    }
    unlock(m);
    return ask;
}

void http_mailbox_answer(struct http_mailbox *m, struct http_ask *ask)
{
    bool is_wanted;

    lock(m);
    is_wanted = ask->state == HTTP_ASK_TAKEN;
    if (is_wanted) {
        ask->state = HTTP_ASK_ANSWERED;
        STAILQ_INSERT_TAIL(&m->answers, ask, link);
        eventfd_write(m->answers_fd, 1);
    }
    unlock(m);
    if (!is_wanted)
        http_ask_free(ask);
}

void http_mailbox_close(struct http_mailbox *m)
{
    lock(m);
    m->is_closed = true;
    unlock(m);
}

void http_mailbox_nudge(struct http_mailbox *m)
{
    eventfd_write(m->answers_fd, 1);
}
