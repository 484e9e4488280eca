#include "core/seen.h"

static uint64_t map_key(const struct request_key *key)
{
    uint64_t n;

    memcpy(&n, key->bytes, sizeof n);
    return n;
}

void seen_init(struct seen_table *t)
{
    *t = (struct seen_table){0};
    TAILQ_INIT(&t->answered);
    TAILQ_INIT(&t->refused);
}

void seen_release(struct seen_table *t)
{
    struct seen *seen;
    size_t at = 0;

    while ((seen = map_next(&t->by_key, &at)))
        pool_give(&t->pool, seen, sizeof *seen);
    map_release(&t->by_key);
    pool_release(&t->pool);
}

struct seen *seen_find(const struct seen_table *t, const struct request_key *key)
{
    struct seen *seen = map_find(&t->by_key, map_key(key));

    return seen && memcmp(&seen->key, key, sizeof *key) == 0 ? seen : NULL;
}

static void unlink_seen(struct seen_table *t, struct seen *seen)
{
    if (seen->state == SEEN_ANSWERED)
        TAILQ_REMOVE(&t->answered, seen, link);
    if (seen->state == SEEN_REFUSED) {
        TAILQ_REMOVE(&t->refused, seen, link);
        t->refused_count--;
    }
}

static void remove_seen(struct seen_table *t, struct seen *seen)
{
    unlink_seen(t, seen);
    map_remove(&t->by_key, map_key(&seen->key));
    pool_give(&t->pool, seen, sizeof *seen);
}

static void link_seen(struct seen_table *t, struct seen *seen, enum seen_state state, uint64_t expires_ms)
{
    seen->state = state;
    seen->expires_ms = expires_ms;
    if (state == SEEN_ANSWERED)
        TAILQ_INSERT_TAIL(&t->answered, seen, link);
    if (state == SEEN_REFUSED) {
        TAILQ_INSERT_TAIL(&t->refused, seen, link);
        t->refused_count++;
    }
}

struct seen *seen_put(struct seen_table *t, const struct pending *p, enum seen_state state, uint64_t expires_ms,
                      uint64_t *replaced_id)
{
    struct seen *seen = pool_take(&t->pool, sizeof *seen);
    struct seen *before = map_put(&t->by_key, map_key(&p->key), seen);

    *replaced_id = 0;
    if (before) {
        *replaced_id = before->state == SEEN_ANSWERED ? before->id : 0;
        unlink_seen(t, before);
        pool_give(&t->pool, before, sizeof *before);
    }
    *seen = (struct seen){.key = p->key, .code = p->code, .outcome = p->outcome, .id = p->id};
    link_seen(t, seen, state, expires_ms);
    return seen;
}

struct seen *seen_answer(struct seen_table *t, const struct pending *p, uint64_t expires_ms)
{
    struct seen *seen = seen_find(t, &p->key);

    if (!seen || seen->id != p->id)
        return NULL;
    seen->code = p->code;
    seen->outcome = p->outcome;
    unlink_seen(t, seen);
    link_seen(t, seen, SEEN_ANSWERED, expires_ms);
    return seen;
}

void seen_limit_refused(struct seen_table *t, size_t limit)
{
    while (t->refused_count > limit)
        remove_seen(t, TAILQ_FIRST(&t->refused));
}

uint64_t seen_expire(struct seen_table *t, uint64_t now_ms)
{
    struct seen *seen;
    uint64_t id;

    while ((seen = TAILQ_FIRST(&t->refused)) && seen->expires_ms <= now_ms)
        remove_seen(t, seen);
    seen = TAILQ_FIRST(&t->answered);
    if (!seen || seen->expires_ms > now_ms)
        return 0;
    id = seen->id;
    remove_seen(t, seen);
    return id;
}

static int64_t wait_of(const struct seen *first, uint64_t now_ms, int64_t other)
{
    int64_t wait = first ? first->expires_ms > now_ms ? (int64_t)(first->expires_ms - now_ms) : 0 : -1;

    return wait < 0 ? other : other < 0 || wait < other ? wait : other;
}

int64_t seen_wait_ms(const struct seen_table *t, uint64_t now_ms)
{
    return wait_of(TAILQ_FIRST(&t->answered), now_ms, wait_of(TAILQ_FIRST(&t->refused), now_ms, -1));
}
