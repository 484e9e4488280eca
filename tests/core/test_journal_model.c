/* The journal against a plain table: a long random life of puts, deletes, commits, failures and ends of the process. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "core/journal.h"
#include "support/memory_disk.h"

enum { SIZE = 256 * 1024, IDS = 240, STEPS = 60000, RECORD_MAX = 200 };

struct model {
    uint32_t value[JOURNAL_KIND_COUNT][IDS]; /* 0: no record; else what it is made of */
};

static struct memory_disk disk;
static struct journal *journal;
static struct model now;       /* as staged */
static struct model committed; /* the last that journal_commit said is safe */
static uint64_t rng;
static uint64_t seed;
static unsigned step;

static uint32_t dice(uint32_t sides)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (uint32_t)(rng >> 32) % sides;
}

#define HOLDS(cond_) cr_assert(cond_, "seed %llu, step %u: not so: %s", (unsigned long long)seed, step, #cond_)

/* The bytes of a value: any length, nothing alike. */
static struct bytes record_of(uint32_t value)
{
    static uint8_t bytes[RECORD_MAX];
    size_t len = value % RECORD_MAX;

    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(value >> (i % 4 * 8)) ^ (uint8_t)i;
    return bytes_of(bytes, len);
}

struct comparison {
    const struct model *expected;
    size_t seen;
    bool same;
};

static int compare_one(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    struct comparison *c = ctx;
    uint32_t value = id < IDS ? c->expected->value[kind][id] : 0;

    c->seen++;
    c->same &= value != 0 && bytes_equal(record, record_of(value));
    return 0;
}

static bool is_as(const struct model *expected)
{
    struct comparison c = {.expected = expected, .same = true};
    size_t records = 0;

    for (int kind = 0; kind < JOURNAL_KIND_COUNT; kind++) {
        if (journal_each(journal, (enum journal_kind)kind, compare_one, &c) != 0)
            return false;
        for (size_t id = 0; id < IDS; id++)
            records += expected->value[kind][id] != 0;
    }
    return c.same && c.seen == records && journal_totals(journal).records == records;
}

static void change(void)
{
    enum journal_kind kind = (enum journal_kind)dice(JOURNAL_KIND_COUNT);
    uint32_t id = dice(IDS);

    if (dice(3) == 0) {
        journal_delete(journal, kind, id);
        now.value[kind][id] = 0;
        return;
    }
    now.value[kind][id] = 1 + dice(1u << 30);
    journal_put(journal, kind, id, record_of(now.value[kind][id]));
}

static void commit(void)
{
    disk.fails = dice(20) == 0;
    disk.sync_fails = disk.disk.sync && dice(20) == 0;
    if (journal_commit(journal) == 0)
        committed = now;
    else
        HOLDS(disk.fails || disk.sync_fails);
    disk.fails = disk.sync_fails = false;
}

static void start_again(void)
{
    journal_free(journal);
    memory_disk_restart(&disk);
    journal = journal_new(&disk.disk, disk.size);
    cr_assert_eq(journal_load(journal), 0, "seed %llu, step %u: %s", (unsigned long long)seed, step,
                 journal_error(journal));
}

/* In the middle of a commit, at any byte that it writes. */
static void end_process(void)
{
    bool power = disk.disk.sync && dice(2);

    for (uint32_t i = dice(20); i > 0; i--)
        change();
    if (dice(3)) {
        disk.bytes_to_end = dice(4000);
        journal_commit(journal);
    }
    if (power)
        memory_disk_lose_power(&disk, rng);
    start_again();
    HOLDS(is_as(&committed) || is_as(&now));
    if (is_as(&now))
        committed = now;
    now = committed;
}

static void live_through(uint64_t seed_, bool sync)
{
    struct journal_totals totals;

    seed = seed_;
    rng = seed * UINT64_C(0x9E3779B97F4A7C15);
    memory_disk_init(&disk, SIZE, sync);
    journal = journal_new(&disk.disk, SIZE);
    cr_assert_eq(journal_format(journal), 0);
    start_again();
    for (step = 0; step < STEPS; step++) {
        change();
        if (dice(8) == 0)
            commit();
        if (dice(1000) == 0)
            end_process();
        totals = journal_totals(journal);
        HOLDS(totals.used_bytes <= totals.ring_bytes);
    }
    while (journal_commit(journal) != 0)
        step++;
    HOLDS(is_as(&now));
    start_again();
    HOLDS(is_as(&now));
    journal_free(journal);
    memory_disk_release(&disk);
}

TestSuite(journal_model, .timeout = 120);

#define LIFE(seed_, how_, sync_)                     \
    Test(journal_model, how_##_life_of_seed_##seed_) \
    {                                                \
        live_through(seed_, sync_);                  \
    }

LIFE(1, a, false)
LIFE(2, a, false)
LIFE(3, a, false)
LIFE(4, a_synced, true)
LIFE(5, a_synced, true)

/* --- as many records as a large fleet has --- */

enum { MANY = 200000, MANY_SIZE = 48 << 20 };

/* From one end of the range to the other, ascending. */
static uint64_t far_apart(uint64_t n)
{
    return n < 2 ? n : n * (UINT64_MAX / (MANY - 1));
}

static int expect_every_third_gone(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    uint64_t *n = ctx;

    (void)kind;
    *n += *n % 3 == 0;
    cr_assert_eq(id, far_apart(*n), "number %ju", (uintmax_t)*n);
    cr_assert(bytes_equal(record, bytes_of(n, sizeof *n)), "number %ju", (uintmax_t)*n);
    ++*n;
    return 0;
}

Test(journal_model, many_numbers_far_apart_are_told_apart_and_come_in_order)
{
    uint64_t next = 0;

    memory_disk_init(&disk, MANY_SIZE, false);
    journal = journal_new(&disk.disk, MANY_SIZE);
    cr_assert_eq(journal_format(journal), 0);
    start_again();
    for (uint64_t n = MANY; n-- > 0;) {
        journal_put(journal, JOURNAL_STATES, far_apart(n), bytes_of(&n, sizeof n));
        if (n % 1000 == 0)
            cr_assert_eq(journal_commit(journal), 0);
    }
    for (uint64_t n = 0; n < MANY; n += 3)
        journal_delete(journal, JOURNAL_STATES, far_apart(n));
    cr_assert_eq(journal_commit(journal), 0);
    start_again();
    cr_assert_eq(journal_each(journal, JOURNAL_STATES, expect_every_third_gone, &next), 0);
    cr_assert_eq(next, (uint64_t)MANY);
    journal_free(journal);
    memory_disk_release(&disk);
}
