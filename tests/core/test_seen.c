#include "core/seen.h"

#include <criterion/criterion.h>

#include "support/lots.h"

static struct seen_table table;

static void set_up(void)
{
    seen_init(&table);
}

static void tear_down(void)
{
    seen_release(&table);
}

TestSuite(seen, .init = set_up, .fini = tear_down, .timeout = 60);

/* A request as the table looks at it. */
static struct pending request(unsigned key, uint64_t id)
{
    struct pending p = {.id = id, .code = CODE_OFFLINE, .outcome = OUTCOME_UNKNOWN};

    p.key.bytes[0] = (uint8_t)key;
    return p;
}

static struct seen *put(unsigned key, uint64_t id, enum seen_state state, uint64_t expires_ms, uint64_t *replaced_id)
{
    struct pending p = request(key, id);

    return seen_put(&table, &p, state, expires_ms, replaced_id);
}

static struct seen *find(unsigned key)
{
    struct pending p = request(key, 0);

    return seen_find(&table, &p.key);
}

Test(seen, request_is_found_by_its_key)
{
    uint64_t replaced_id;

    cr_assert_null(find(1));
    put(1, 17, SEEN_REFUSED, 100, &replaced_id);
    cr_assert_not_null(find(1));
    cr_expect_eq(find(1)->id, 17);
    cr_expect_eq(find(1)->state, SEEN_REFUSED);
    cr_expect_eq(find(1)->code, CODE_OFFLINE);
    cr_expect_eq(find(1)->outcome, OUTCOME_UNKNOWN);
    cr_expect_null(find(2));
}

Test(seen, keys_that_differ_in_their_last_byte_only_are_told_apart)
{
    struct pending a = request(1, 17);
    struct pending b = a;
    uint64_t replaced_id;

    b.key.bytes[REQUEST_KEY_SIZE - 1] = 1;
    b.id = 18;
    seen_put(&table, &a, SEEN_PENDING, 0, &replaced_id);
    cr_expect_null(seen_find(&table, &b.key));
    cr_expect_null(seen_answer(&table, &b, 100));
    seen_put(&table, &b, SEEN_PENDING, 0, &replaced_id);
    cr_expect_not_null(seen_find(&table, &b.key));
    cr_expect_null(seen_find(&table, &a.key), "one of the two is remembered, never the wrong one");
    cr_expect_null(seen_answer(&table, &a, 100));
}

Test(seen, answer_is_kept_until_its_time_is_over)
{
    struct pending p = request(1, 17);
    uint64_t replaced_id;

    seen_put(&table, &p, SEEN_PENDING, 0, &replaced_id);
    cr_expect_eq(seen_wait_ms(&table, 50), -1, "what is pending does not expire");
    cr_expect_eq(seen_expire(&table, UINT64_MAX), 0);
    p.code = CODE_SUCCESS;
    p.outcome = OUTCOME_SUCCESS;
    cr_assert_not_null(seen_answer(&table, &p, 100));
    cr_expect_eq(find(1)->state, SEEN_ANSWERED);
    cr_expect_eq(find(1)->code, CODE_SUCCESS);
    cr_expect_eq(find(1)->outcome, OUTCOME_SUCCESS);
    cr_expect_eq(seen_wait_ms(&table, 40), 60);
    cr_expect_eq(seen_expire(&table, 99), 0);
    cr_expect_eq(seen_wait_ms(&table, 100), 0);
    cr_expect_eq(seen_wait_ms(&table, 200), 0);
    cr_expect_eq(seen_expire(&table, 100), 17);
    cr_expect_null(find(1));
    cr_expect_eq(seen_expire(&table, 100), 0);
}

Test(seen, answers_expire_one_by_one_in_their_order)
{
    uint64_t replaced_id;

    for (unsigned i = 1; i <= 5; i++)
        put(i, 10 + i, SEEN_ANSWERED, 100 * i, &replaced_id);
    cr_expect_eq(seen_expire(&table, 300), 11);
    cr_expect_eq(seen_expire(&table, 300), 12);
    cr_expect_eq(seen_expire(&table, 300), 13);
    cr_expect_eq(seen_expire(&table, 300), 0);
    cr_expect_eq(seen_wait_ms(&table, 300), 100);
}

Test(seen, refusals_expire_silently)
{
    uint64_t replaced_id;

    put(1, 11, SEEN_REFUSED, 100, &replaced_id);
    put(2, 12, SEEN_REFUSED, 100, &replaced_id);
    put(3, 13, SEEN_REFUSED, 101, &replaced_id);
    put(4, 14, SEEN_ANSWERED, 500, &replaced_id);
    cr_expect_eq(seen_wait_ms(&table, 0), 100);
    cr_expect_eq(seen_expire(&table, 100), 0);
    cr_expect_null(find(1));
    cr_expect_null(find(2));
    cr_expect_not_null(find(3));
    cr_expect_eq(table.refused_count, 1);
    cr_expect_eq(seen_expire(&table, 500), 14);
    cr_expect_eq(table.by_key.count, 0);
}

Test(seen, wait_is_until_the_first_of_both_kinds)
{
    uint64_t replaced_id;

    cr_expect_eq(seen_wait_ms(&table, 0), -1);
    put(1, 11, SEEN_ANSWERED, 300, &replaced_id);
    cr_expect_eq(seen_wait_ms(&table, 0), 300);
    put(2, 12, SEEN_REFUSED, 400, &replaced_id);
    cr_expect_eq(seen_wait_ms(&table, 0), 300);
    put(1, 13, SEEN_ANSWERED, 900, &replaced_id);
    cr_expect_eq(seen_wait_ms(&table, 0), 400);
}

Test(seen, replacing_an_answer_tells_whose_it_was)
{
    struct pending late = request(1, 12);
    uint64_t replaced_id = 99;

    put(1, 11, SEEN_REFUSED, 100, &replaced_id);
    cr_expect_eq(replaced_id, 0);
    put(1, 12, SEEN_PENDING, 0, &replaced_id);
    cr_expect_eq(replaced_id, 0, "it took the place of a refusal");
    cr_expect_eq(table.refused_count, 0);
    put(1, 13, SEEN_ANSWERED, 100, &replaced_id);
    cr_expect_eq(replaced_id, 0, "it took the place of a pending one");
    cr_expect_null(seen_answer(&table, &late, 100), "whose answer is not remembered");
    put(1, 14, SEEN_PENDING, 0, &replaced_id);
    cr_expect_eq(replaced_id, 13);
    cr_expect_eq(table.by_key.count, 1);
    cr_expect_eq(seen_expire(&table, UINT64_MAX), 0, "the answer that was replaced is gone");
}

Test(seen, too_many_refusals_go_oldest_first)
{
    uint64_t replaced_id;

    put(9, 19, SEEN_ANSWERED, 100, &replaced_id);
    for (unsigned i = 1; i <= 5; i++)
        put(i, 10 + i, SEEN_REFUSED, 100, &replaced_id);
    put(1, 21, SEEN_REFUSED, 100, &replaced_id); /* now the youngest */
    seen_limit_refused(&table, 2);
    cr_expect_eq(table.refused_count, 2);
    cr_expect_not_null(find(1));
    cr_expect_null(find(2));
    cr_expect_null(find(4));
    cr_expect_not_null(find(5));
    cr_expect_not_null(find(9), "answers are not refusals");
    seen_limit_refused(&table, 0);
    cr_expect_eq(table.by_key.count, 1);
}

/* --- against a model --- */

enum { KEYS = 24, WINDOW_MS = 50 };

struct remembered {
    bool there;
    enum seen_state state;
    uint64_t id;
    uint64_t expires_ms;
    uint64_t order; /* among answers or refusals */
};

struct model {
    struct remembered keys[KEYS];
    uint64_t now_ms;
    uint64_t next_order;
    uint64_t next_id;
    size_t expired;
};

/* The key of this state that was put first, or -1. */
static int model_first(const struct model *m, enum seen_state state)
{
    int first = -1;

    for (int i = 0; i < KEYS; i++) {
        if (m->keys[i].there && m->keys[i].state == state && (first < 0 || m->keys[i].order < m->keys[first].order))
            first = i;
    }
    return first;
}

static size_t model_count(const struct model *m, enum seen_state state)
{
    size_t count = 0;

    for (int i = 0; i < KEYS; i++)
        count += m->keys[i].there && m->keys[i].state == state;
    return count;
}

static void step_put(struct model *m, unsigned key, enum seen_state state)
{
    struct remembered *r = &m->keys[key];
    uint64_t expected = r->there && r->state == SEEN_ANSWERED ? r->id : 0;
    uint64_t replaced_id;

    *r = (struct remembered){true, state, ++m->next_id, m->now_ms + WINDOW_MS, m->next_order++};
    put(key, r->id, state, r->expires_ms, &replaced_id);
    cr_assert_eq(replaced_id, expected);
}

static void step_answer(struct model *m, unsigned key, bool by_another)
{
    struct remembered *r = &m->keys[key];
    struct pending p = request(key, by_another ? m->next_id + 1000 : r->id);
    bool taken = seen_answer(&table, &p, m->now_ms + WINDOW_MS) != NULL;

    cr_assert_eq(taken, r->there && !by_another);
    if (taken)
        *r = (struct remembered){true, SEEN_ANSWERED, r->id, m->now_ms + WINDOW_MS, m->next_order++};
}

static void step_limit(struct model *m, size_t limit)
{
    seen_limit_refused(&table, limit);
    while (model_count(m, SEEN_REFUSED) > limit)
        m->keys[model_first(m, SEEN_REFUSED)].there = false;
}

static void step_expire(struct model *m)
{
    int first;
    uint64_t id;

    do {
        id = seen_expire(&table, m->now_ms);
        while ((first = model_first(m, SEEN_REFUSED)) >= 0 && m->keys[first].expires_ms <= m->now_ms)
            m->keys[first].there = false;
        first = model_first(m, SEEN_ANSWERED);
        if (first >= 0 && m->keys[first].expires_ms > m->now_ms)
            first = -1;
        cr_assert_eq(id, first >= 0 ? m->keys[first].id : 0);
        if (first >= 0)
            m->keys[first].there = false;
        m->expired += first >= 0;
    } while (id);
}

static int64_t model_wait_ms(const struct model *m)
{
    int64_t wait_ms = -1;

    for (int i = 0; i < KEYS; i++) {
        const struct remembered *r = &m->keys[i];
        int64_t left_ms = (int64_t)r->expires_ms - (int64_t)m->now_ms;

        if (!r->there || r->state == SEEN_PENDING)
            continue;
        left_ms = left_ms < 0 ? 0 : left_ms;
        wait_ms = wait_ms < 0 || left_ms < wait_ms ? left_ms : wait_ms;
    }
    return wait_ms;
}

static void expect_same(const struct model *m)
{
    size_t count = 0;

    for (unsigned i = 0; i < KEYS; i++) {
        const struct seen *seen = find(i);
        const struct remembered *r = &m->keys[i];

        cr_assert_eq(seen != NULL, r->there);
        count += r->there;
        if (seen)
            cr_assert(seen->state == r->state && seen->id == r->id &&
                      (r->state == SEEN_PENDING || seen->expires_ms == r->expires_ms));
    }
    cr_assert_eq(table.by_key.count, count);
    cr_assert_eq(table.refused_count, model_count(m, SEEN_REFUSED));
    cr_assert_eq(seen_wait_ms(&table, m->now_ms), model_wait_ms(m));
}

Test(seen, agrees_with_a_model_over_random_operations)
{
    struct lots lots = {20261122};
    struct model m = {0};

    for (int step = 0; step < 100000; step++) {
        unsigned key = lots_below(&lots, KEYS);
        unsigned what = lots_below(&lots, 16);

        m.now_ms += lots_below(&lots, 4);
        if (what < 9)
            step_put(&m, key, (enum seen_state)(what % 3));
        else if (what < 13)
            step_answer(&m, key, what == 12);
        else if (what == 13)
            step_limit(&m, lots_below(&lots, KEYS / 2));
        else
            step_expire(&m);
        expect_same(&m);
    }
    cr_assert_gt(m.expired, 1000);
}
