#include "registry_post.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"

/* More than the loop will ever have left lying. */
enum { RETURNED_MAX = 8, NOTES_MAX = 32 };

struct registry_post {
    pthread_mutex_t lock; /* of all that follows */
    atomic_bool has_news; /* looked at without it, too */
    int fd;               /* readable while there is news */
    int wake_fd;

    bool has_delivery;
    struct registry_delivery delivery;
    const struct registry *in_service;
    struct rules returned[RETURNED_MAX];
    size_t returned_count;
    struct profiles *wanted;
    bool is_stopping;
    struct registry_status status;
    struct registry_note notes[NOTES_MAX];
    size_t note_count;
    size_t notes_lost;
};

struct registry_post *registry_post_new(void)
{
    struct registry_post *p = calloc(1, sizeof *p);

    CHECK(p && pthread_mutex_init(&p->lock, NULL) == 0);
    p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(p->fd >= 0 && p->wake_fd >= 0);
    return p;
}

static void let_go(const struct registry_post *p, struct rules *rules)
{
    rules->profiles = NULL; /* the loop's */
    if (rules->registry == p->in_service)
        rules->registry = NULL;
    rules_release(rules);
}

void registry_post_free(struct registry_post *p)
{
    if (!p)
        return;
    if (p->has_delivery)
        let_go(p, &p->delivery.rules);
    for (size_t i = 0; i < p->returned_count; i++)
        let_go(p, &p->returned[i]);
    close(p->fd);
    close(p->wake_fd);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static void lock(struct registry_post *p)
{
    CHECK(pthread_mutex_lock(&p->lock) == 0);
}

static void unlock(struct registry_post *p)
{
    CHECK(pthread_mutex_unlock(&p->lock) == 0);
}

/* --- the loop's --- */

int registry_post_fd(const struct registry_post *p)
{
    return p->fd;
}

bool registry_post_has_news(struct registry_post *p)
{
    return atomic_load_explicit(&p->has_news, memory_order_relaxed);
}

struct registry_status registry_post_look(struct registry_post *p)
{
    struct registry_status status;
    eventfd_t count;

    lock(p);
    eventfd_read(p->fd, &count);
    p->has_news = false;
    status = p->status;
    unlock(p);
    return status;
}

bool registry_post_take(struct registry_post *p, struct registry_delivery *delivery)
{
    bool is_there;

    lock(p);
    is_there = p->has_delivery;
    if (is_there) {
        *delivery = p->delivery;
        p->has_delivery = false;
        p->in_service = delivery->rules.registry;
    }
    unlock(p);
    return is_there;
}

bool registry_post_note_take(struct registry_post *p, struct registry_note *note)
{
    bool is_there;

    lock(p);
    is_there = p->note_count > 0;
    if (is_there) {
        *note = p->notes[0];
        memmove(p->notes, p->notes + 1, --p->note_count * sizeof *p->notes);
    } else if (p->notes_lost) {
        is_there = true;
        *note = (struct registry_note){.level = LOG_WARNING, .event = "registry: lines left out of the log"};
        snprintf(note->text, sizeof note->text, "%zu", p->notes_lost);
        p->notes_lost = 0;
    }
    unlock(p);
    return is_there;
}

static void tell_loop(struct registry_post *p)
{
    p->has_news = true;
    eventfd_write(p->fd, 1);
}

static void wake(struct registry_post *p)
{
    eventfd_write(p->wake_fd, 1);
}

void registry_post_return(struct registry_post *p, struct rules *rules)
{
    CHECK(!rules->profiles);
    lock(p);
    CHECK(p->returned_count < RETURNED_MAX); /* one for each delivery, and the thread looks before it makes another */
    p->returned[p->returned_count++] = *rules;
    wake(p);
    unlock(p);
    *rules = (struct rules){0};
}

void registry_post_want(struct registry_post *p, struct profiles *profiles)
{
    lock(p);
    CHECK(!p->wanted);
    p->wanted = profiles;
    wake(p);
    unlock(p);
}

void registry_post_stop(struct registry_post *p)
{
    lock(p);
    p->is_stopping = true;
    wake(p);
    unlock(p);
}

/* --- the thread's --- */

int registry_post_wake_fd(const struct registry_post *p)
{
    return p->wake_fd;
}

bool registry_post_is_interrupted(struct registry_post *p)
{
    eventfd_t count;
    bool is_interrupted;

    lock(p);
    eventfd_read(p->wake_fd, &count);
    is_interrupted = p->is_stopping || p->wanted;
    unlock(p);
    return is_interrupted;
}

bool registry_post_is_stopping(struct registry_post *p)
{
    bool is_stopping;

    lock(p);
    is_stopping = p->is_stopping;
    unlock(p);
    return is_stopping;
}

struct profiles *registry_post_wanted(struct registry_post *p)
{
    struct profiles *profiles;

    lock(p);
    profiles = p->wanted;
    p->wanted = NULL;
    unlock(p);
    return profiles;
}

bool registry_post_returned(struct registry_post *p, struct rules *rules)
{
    bool is_there;

    lock(p);
    is_there = p->returned_count > 0;
    if (is_there)
        *rules = p->returned[--p->returned_count];
    unlock(p);
    return is_there;
}

void registry_post_deliver(struct registry_post *p, const struct registry_delivery *delivery, struct rules *before)
{
    struct registry_delivery next = *delivery;

    lock(p);
    *before = (struct rules){0};
    if (p->has_delivery) {
        *before = p->delivery.rules;
        before->profiles = NULL;
        if (before->registry == p->in_service || before->registry == next.rules.registry)
            before->registry = NULL;
        next.is_whole |= p->delivery.is_whole;
        next.changed += p->delivery.changed;
    }
    p->delivery = next;
    p->has_delivery = true;
    tell_loop(p);
    unlock(p);
}

void registry_post_tell(struct registry_post *p, const struct registry_status *status)
{
    lock(p);
    p->status = *status;
    tell_loop(p);
    unlock(p);
}

void registry_post_note(struct registry_post *p, enum log_level level, const char *event, const char *text)
{
    lock(p);
    if (p->note_count == NOTES_MAX) {
        p->notes_lost++;
    } else {
        struct registry_note *note = &p->notes[p->note_count++];

        note->level = level;
        note->event = event;
        snprintf(note->text, sizeof note->text, "%s", text);
        tell_loop(p);
    }
    unlock(p);
}
