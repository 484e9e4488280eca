/* The journal's ring: batches around its end, laps, cleaning, and what no journal has written. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

#include "journal_state.h"
#include "support/book.h"

enum { SMALL = 128 * 1024, LIVE = 60, FILLER = LIVE };

static size_t lens[LIVE + 1]; /* as committed */
static uint8_t *saved;        /* the disk */

static void open_small(void)
{
    book_open(SMALL, false);
    saved = malloc(SMALL);
}

static void close_small(void)
{
    book_close();
    free(saved);
}

TestSuite(journal_ring, .init = open_small, .fini = close_small, .timeout = 60);

static void save_disk(void)
{
    memcpy(saved, book.disk.bytes, SMALL);
}

static void restore_disk(void)
{
    memcpy(book.disk.bytes, saved, SMALL);
}

static void put(size_t id, size_t len)
{
    book_put_size(id, len);
    lens[id] = len;
}

/* The next batch begins there. */
static void go_to(uint64_t position)
{
    enum { LEAST = sizeof(struct batch_head) + sizeof(struct entry_head), STEP = 2000 };

    while (book.journal->head < position) {
        uint64_t left = position - book.journal->head;

        cr_assert_geq(left, LEAST);
        put(FILLER, left >= 2 * STEP ? STEP - LEAST : (size_t)left - LEAST);
        book_commit();
    }
    cr_assert_eq(book.journal->head, position);
}

/* --- around the end --- */

enum { TURN_SIZE = sizeof(struct batch_head) + 2 * (sizeof(struct entry_head) + 24) };

static void put_turn(size_t len)
{
    put(1, len);
    put(2, len);
}

Test(journal_ring, a_batch_may_go_around_the_end_at_any_of_its_bytes)
{
    for (uint64_t before = 0; before <= TURN_SIZE; before += ALIGNMENT) {
        book_close();
        book_open(SMALL, false);
        put_turn(20);
        book_commit();
        go_to(book.journal->ring - before);
        put_turn(19);
        book_commit();
        cr_assert_eq(book.journal->head, book.journal->ring - before + TURN_SIZE);
        cr_assert(book_holds(lens, FILLER + 1), "%llu before the end", (unsigned long long)before);
        cr_assert_eq(book_reopen(), 0);
        cr_assert(book_holds(lens, FILLER + 1), "%llu before the end", (unsigned long long)before);
    }
}

Test(journal_ring, one_that_was_cut_off_there_never_was)
{
    size_t earlier[LIVE + 1];

    for (uint64_t before = ALIGNMENT; before < TURN_SIZE; before += ALIGNMENT) {
        book_close();
        book_open(SMALL, false);
        put_turn(20);
        go_to(book.journal->ring - before);
        save_disk();
        memcpy(earlier, lens, sizeof lens);
        for (int64_t cut = 0; cut < TURN_SIZE; cut += 3) {
            put_turn(23);
            book.disk.bytes_to_end = cut;
            book_commit();
            cr_assert_eq(book_reopen(), 0, "%s", journal_error(book.journal));
            cr_assert(book_holds(earlier, FILLER + 1), "%llu before the end, cut at %lld", (unsigned long long)before,
                      (long long)cut);
            restore_disk();
            cr_assert_eq(book_reopen(), 0);
        }
    }
}

/* What is read at once is 64 KiB. */
Test(journal_ring, records_may_be_larger_than_what_is_read_at_once)
{
    enum { LARGE = 4 * 1024 * 1024, ROUNDS = 400, IDS = 12 };

    book_close();
    book_open(LARGE, false);
    for (size_t round = 0; round < ROUNDS; round++) {
        put(round % IDS, 20000 + round * 7919 % 180000);
        book_commit();
        if (round % 20 == 0) {
            cr_assert_eq(book_reopen(), 0, "%s", journal_error(book.journal));
            cr_assert(book_holds(lens, IDS), "round %zu", round);
        }
    }
    cr_assert_gt(book.journal->head, 8 * book.journal->ring, "not many laps");
}

/* --- laps and cleaning --- */

/* Turns in which the same records change in turn: most that is cleaned does not count any more, some does. */
static void turn(size_t number)
{
    put(number % 9 ? number % 10 : number / 9 % LIVE, 100 + number * 31 % 400);
    if (number % 3)
        put(number % 7, 40 + number % 90);
    book_commit();
}

/* Of cleaning, too: its copies, and the slots. */
Test(journal_ring, wherever_the_writing_is_cut_off_all_is_there_that_was_committed)
{
    enum { TURNS = 150, CUTS = 600 };
    size_t number = 0;
    size_t start[LIVE + 1];
    size_t before[LIVE + 1];

    while (book.journal->saved_tail < 2 * book.journal->ring)
        turn(number++);
    cr_assert_gt(journal_totals(book.journal).copied_bytes, 0, "nothing was copied");
    save_disk();
    memcpy(start, lens, sizeof lens);
    for (int64_t cut = 0; cut < CUTS; cut++) {
        memcpy(lens, start, sizeof lens);
        memcpy(before, start, sizeof lens);
        book.disk.bytes_to_end = cut * 37;
        for (size_t i = 0; i < TURNS && !book.disk.dead; i++) {
            memcpy(before, lens, sizeof lens);
            turn(number + i);
        }
        cr_assert(book.disk.dead);
        cr_assert_eq(book_reopen(), 0, "cut at %lld: %s", (long long)cut, journal_error(book.journal));
        cr_assert(book_holds(before, FILLER) || book_holds(lens, FILLER), "cut at %lld", (long long)cut);
        restore_disk();
        cr_assert_eq(book_reopen(), 0);
    }
}

/* The other slot is behind: what it points to may be gone already. Less than all is never loaded. */
Test(journal_ring, with_its_newest_slot_lost_it_has_all_or_is_refused)
{
    unsigned loaded = 0;

    for (size_t number = 0; number < 3000; number++) {
        unsigned newest = (book.journal->slot + 1) % SLOT_COUNT;

        turn(number);
        if (number % 10)
            continue;
        save_disk();
        book.disk.bytes[newest * SLOT_DISTANCE + 24] ^= 1;
        if (book_reopen() == 0) {
            cr_assert(book_holds(lens, FILLER), "turn %zu", number);
            loaded++;
        }
        restore_disk();
        cr_assert_eq(book_reopen(), 0);
        cr_assert(book_holds(lens, FILLER), "turn %zu", number);
    }
    cr_assert_gt(loaded, 0);
}

Test(journal_ring, with_its_older_slot_lost_it_has_all)
{
    for (size_t number = 0; number < 3000; number++) {
        turn(number);
        if (number % 10)
            continue;
        book.disk.bytes[book.journal->slot * SLOT_DISTANCE + 24] ^= 1;
        cr_assert_eq(book_reopen(), 0, "%s", journal_error(book.journal));
        cr_assert(book_holds(lens, FILLER), "turn %zu", number);
    }
    cr_assert_gt(book.journal->head, 5 * book.journal->ring, "not many laps");
}

/* --- what a stranger's bytes look like --- */

/* Whoever knows the layout puts whole batches into the bytes of a request, for the place where they will lie a lap
 * later. The seed of the hashes is not known to them. */
Test(journal_ring, a_batch_that_somebody_has_put_into_a_record_is_none)
{
    struct batch_head forged = {.position = 0, .magic = BATCH_MAGIC};
    uint64_t lies_at;

    go_to(64000);
    lies_at = book.journal->head + sizeof(struct batch_head) + sizeof(struct entry_head);
    forged.position = lies_at + book.journal->ring;
    forged.hash = XXH3_64bits(&forged.position, sizeof forged - sizeof forged.hash);
    journal_put(book.journal, JOURNAL_ANSWER, 1, bytes_of(&forged, sizeof forged));
    book_commit();
    journal_delete(book.journal, JOURNAL_ANSWER, 1);
    go_to(book.journal->ring + 32000); /* half a lap before it would be its turn */
    cr_assert_gt(book.journal->saved_tail, lies_at);
    cr_assert_eq(memcmp(book.disk.bytes + BOOK_RING_AT + lies_at, &forged, sizeof forged), 0, "it is gone");
    cr_assert_eq(book_reopen(), 0, "%s", journal_error(book.journal));
    go_to(lies_at + book.journal->ring);
    cr_assert_eq(book_reopen(), 0);
    cr_assert_eq(book.journal->head, lies_at + book.journal->ring, "it was taken for a batch");
    cr_assert(book_holds(lens, FILLER + 1));
}

Test(journal_ring, the_seed_of_each_journal_is_its_own)
{
    uint64_t seed = book.journal->seed;

    cr_assert_neq(seed, 0);
    cr_assert_eq(book_reopen(), 0);
    cr_assert_eq(book.journal->seed, seed);
    cr_assert_eq(journal_format(book.journal), 0);
    cr_assert_neq(book.journal->seed, seed);
}

/* --- batches and slots with the right hash that nothing here has written --- */

static void expect_damaged(const struct entry_head *entry, size_t len)
{
    uint8_t batch[sizeof(struct batch_head) + 64] = {0};
    struct batch_head *head = (struct batch_head *)(void *)batch;

    *head = (struct batch_head){.position = book.journal->head, .len = (uint32_t)len, .magic = BATCH_MAGIC};
    memcpy(head + 1, entry, sizeof *entry);
    head->hash = journal_hash_batch(book.journal, head);
    save_disk();
    cr_assert_eq(journal_write_ring(book.journal, head->position, batch, sizeof *head + len), 0);
    cr_expect_eq(book_reopen(), -EBADMSG);
    cr_expect_str_eq(journal_error(book.journal),
                     "the journal is damaged: a batch is broken, and whole ones follow it");
    restore_disk();
    cr_assert_eq(book_reopen(), 0);
}

Test(journal_ring, entries_that_cannot_be_are_refused)
{
    put(1, 100);
    book_commit();
    expect_damaged(&(struct entry_head){.id = 1}, 8);
    expect_damaged(&(struct entry_head){.id = 1}, 24);
    expect_damaged(&(struct entry_head){.id = 1, .kind = JOURNAL_KIND_COUNT}, 16);
    expect_damaged(&(struct entry_head){.id = 1, .what = ENTRY_DELETE + 1}, 16);
    expect_damaged(&(struct entry_head){.id = 1, .len = 1}, 16);
    expect_damaged(&(struct entry_head){.id = 1, .len = UINT32_MAX}, 64);
    cr_expect(book_holds(lens, FILLER));
}

/* One record, whose last bytes are the batch that lies at the tail. */
Test(journal_ring, a_batch_over_its_own_tail_is_refused)
{
    struct batch_head *head = malloc(SMALL);
    size_t len = (size_t)book.journal->ring - sizeof *head;
    struct entry_head entry = {.id = 2, .len = (uint32_t)(len - sizeof entry)};

    cr_assert(head);
    put(1, 100);
    book_commit();
    cr_assert_eq(journal_read_ring(book.journal, book.journal->head, head, (size_t)book.journal->ring), 0);
    *head = (struct batch_head){.position = book.journal->head, .len = (uint32_t)len, .magic = BATCH_MAGIC};
    memcpy(head + 1, &entry, sizeof entry);
    head->hash = journal_hash_batch(book.journal, head);
    cr_assert_eq(journal_write_ring(book.journal, head->position, head, sizeof *head + sizeof entry), 0);
    free(head);
    cr_expect_eq(book_reopen(), -EBADMSG);
}

static void write_record_batch(uint64_t position, uint64_t id, size_t size)
{
    struct batch_head *head = calloc(1, size);
    struct entry_head entry = {.id = id, .len = (uint32_t)(size - sizeof *head - sizeof entry)};

    cr_assert(head);
    *head = (struct batch_head){.position = position, .len = (uint32_t)(size - sizeof *head), .magic = BATCH_MAGIC};
    memcpy(head + 1, &entry, sizeof entry);
    head->hash = journal_hash_batch(book.journal, head);
    cr_assert_eq(journal_write_ring(book.journal, position, head, size), 0);
    free(head);
}

/* There is no room to copy anything: it says so, and leaves it as it is. */
Test(journal_ring, one_that_is_full_to_its_last_byte_is_never_overwritten)
{
    enum { SIZE = 960 };
    uint64_t ring = book.journal->ring;

    cr_assert_eq(ring % SIZE, 0);
    for (uint64_t at = 0; at < ring; at += SIZE)
        write_record_batch(at, at / SIZE, SIZE);
    cr_assert_eq(book_reopen(), 0);
    cr_assert_eq(journal_totals(book.journal).used_bytes, ring);
    for (int64_t cut = 0; cut < 4 * SIZE; cut += 40) {
        journal_delete(book.journal, JOURNAL_REQUEST, 5);
        cr_assert_eq(journal_commit(book.journal), -EIO);
        cr_assert_str_eq(journal_error(book.journal), "the journal is full (journal.size_mb)");
        book.disk.bytes_to_end = cut;
        (void)journal_commit(book.journal);
        cr_assert_eq(book_reopen(), 0, "cut at %lld: %s", (long long)cut, journal_error(book.journal));
        cr_assert_eq(book_count(), ring / SIZE);
    }
}

Test(journal_ring, a_slot_that_points_between_two_places_is_none)
{
    struct slot slot;

    put(1, 100);
    book_commit();
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        memcpy(&slot, book.disk.bytes + i * SLOT_DISTANCE, sizeof slot);
        slot.tail++;
        slot.hash = journal_hash_slot(&slot);
        memcpy(book.disk.bytes + i * SLOT_DISTANCE, &slot, sizeof slot);
        cr_assert_eq(book_reopen(), i == 0 ? 0 : -EBADMSG);
        if (i == 0)
            cr_assert(book_holds(lens, FILLER));
    }
    cr_expect_str_eq(journal_error(book.journal), "not a journal, or its beginning is damaged");
}
