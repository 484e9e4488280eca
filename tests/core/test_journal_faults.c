/* The journal on a disk that fails. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "journal_state.h"
#include "support/book.h"

enum { SMALL = 128 * 1024, IDS = 120, TURNS_MAX = 5000 };

static size_t lens[IDS]; /* as committed */
static size_t number;    /* of turns */
static uint8_t *saved;

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

TestSuite(journal_faults, .init = open_small, .fini = close_small, .timeout = 60);

static const char unreadable[] = "the journal cannot be read: Input/output error";
static const char went_bad[] = "the journal is damaged where it was whole before";

/* One record changes: most that is cleaned does not count any more, some does. */
static int turn(void)
{
    size_t id = number % 5 ? number % 10 : number / 5 % IDS;
    size_t len = 300 + number * 31 % 200;
    int r;

    number++;
    book_put_size(id, len);
    r = journal_commit(book.journal);
    if (r == 0)
        lens[id] = len;
    return r;
}

/* Until the oldest batches are being cleaned. */
static void fill(void)
{
    for (size_t id = 0; id < IDS; id++)
        book_put_size(id, lens[id] = 400 + id);
    book_commit();
    for (unsigned i = 0; i < TURNS_MAX && book.journal->saved_tail < book.journal->ring; i++)
        cr_assert_eq(turn(), 0);
    cr_assert_geq(book.journal->saved_tail, book.journal->ring);
}

/* Turns go well until one does not. */
static void turn_until_it_fails(void)
{
    for (unsigned i = 0; i < TURNS_MAX; i++) {
        if (turn() < 0)
            return;
    }
    cr_assert_fail("it never fails");
}

/* --- the slots --- */

/* Where the tail cannot be saved nothing behind it may be overwritten, however often it is tried, and also where all
 * of the oldest batches counts and would have to be copied. */
static void fail_slots_after(unsigned turns)
{
    enum { HOT = 10 };

    for (size_t id = HOT; id < IDS; id++) {
        book_put_size(id, lens[id] = 400 + id);
        book_commit();
    }
    for (unsigned i = 0; i < turns; i++) {
        book_put_size(i % HOT, lens[i % HOT] = 300 + i % 100);
        book_commit();
    }
    book.disk.bad_below = BOOK_RING_AT;
    for (unsigned i = 0; i < 2 * TURNS_MAX / 10; i++) {
        book_put_size(i % HOT, 300 + i % 100);
        if (journal_commit(book.journal) == 0)
            lens[i % HOT] = 300 + i % 100;
        else
            cr_assert_str_eq(journal_error(book.journal), "the journal cannot be written: Input/output error");
    }
    cr_assert_neq(journal_commit(book.journal), 0);
}

Test(journal_faults, with_slots_that_cannot_be_written_nothing_is_overwritten_that_is_needed)
{
    for (unsigned turns = 0; turns < 600; turns += 10) {
        book_close();
        book_open(SMALL, false);
        memset(lens, 0, sizeof lens);
        fail_slots_after(turns);
        cr_assert_eq(book_reopen(), 0, "after %u turns: %s", turns, journal_error(book.journal));
        cr_assert(book_holds(lens, IDS), "after %u turns", turns);
    }
}

Test(journal_faults, with_slots_that_can_be_written_again_it_goes_on)
{
    fill();
    book.disk.bad_below = BOOK_RING_AT;
    turn_until_it_fails();
    book.disk.bad_below = 0;
    book_put_size(1, lens[1] = 77);
    for (unsigned i = 0; i < TURNS_MAX; i++)
        cr_assert_eq(turn(), 0);
    memset(lens, 0, sizeof lens);
    for (size_t id = 0; id < IDS; id++)
        book_put_size(id, lens[id] = 50 + id);
    book_commit();
    cr_assert_eq(book_reopen(), 0);
    cr_assert(book_holds(lens, IDS));
}

Test(journal_faults, a_journal_that_cannot_be_made_says_so)
{
    book.disk.bad_below = BOOK_RING_AT;
    cr_expect_eq(journal_format(book.journal), -EIO);
    cr_expect_str_eq(journal_error(book.journal), "the journal cannot be written: Input/output error");
}

/* --- reading --- */

Test(journal_faults, what_cannot_be_read_is_not_loaded)
{
    int64_t reads = 0;

    fill();
    for (; reads < 100; reads++) {
        journal_free(book.journal);
        book.journal = journal_new(&book.disk.disk, book.disk.size);
        book.disk.reads_to_bad = reads;
        if (journal_load(book.journal) == 0)
            break;
        cr_assert_str_eq(journal_error(book.journal), unreadable, "%s", journal_error(book.journal));
    }
    cr_assert_gt(reads, 3, "two slots and a piece of the ring");
    cr_assert_lt(reads, 100);
    book.disk.reads_to_bad = -1;
    cr_assert(book_holds(lens, IDS));
}

/* Only the end of it is read where a batch is torn: also for what may follow. */
Test(journal_faults, what_cannot_be_read_behind_a_torn_batch_is_not_loaded)
{
    enum { LARGE = 512 * 1024 }; /* more than is read at once */
    bool loaded = false;

    book_close();
    book_open(LARGE, false);
    fill();
    book.disk.bytes_to_end = 60;
    cr_assert_eq(turn(), 0);
    for (int64_t reads = 0; reads < 100 && !loaded; reads++) {
        journal_free(book.journal);
        memory_disk_restart(&book.disk);
        book.journal = journal_new(&book.disk.disk, book.disk.size);
        book.disk.reads_to_bad = reads;
        loaded = journal_load(book.journal) == 0;
        cr_assert(loaded || strcmp(journal_error(book.journal), unreadable) == 0, "%s", journal_error(book.journal));
    }
    cr_assert(loaded);
    cr_assert_gt(journal_torn_bytes(book.journal), 0);
}

static int count(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    (void)kind, (void)id, (void)record;
    ++*(size_t *)ctx;
    return 0;
}

Test(journal_faults, records_that_cannot_be_read_are_not_handed_out)
{
    size_t handed = 0;

    fill();
    book.disk.reads_to_bad = 5;
    cr_expect_eq(journal_each(book.journal, JOURNAL_REQUEST, count, &handed), -EIO);
    cr_expect_str_eq(journal_error(book.journal), unreadable);
    cr_expect_eq(handed, 0);
    book.disk.reads_to_bad = -1;
    cr_expect(book_holds(lens, IDS));
}

/* What is old cannot be copied any more: it works as long as there is room. */
Test(journal_faults, with_a_disk_that_cannot_be_read_it_works_until_room_has_to_be_made)
{
    fill();
    cr_assert_eq(book_reopen(), 0);
    book.disk.reads_to_bad = 0;
    cr_assert_eq(turn(), 0);
    turn_until_it_fails();
    cr_expect_str_eq(journal_error(book.journal), unreadable);
    book.disk.reads_to_bad = -1;
    cr_assert_eq(turn(), 0);
    memset(lens, 0, sizeof lens);
    for (size_t id = 0; id < IDS; id++)
        book_put_size(id, lens[id] = 30 + id);
    book_commit();
    cr_assert_eq(book_reopen(), 0);
    cr_expect(book_holds(lens, IDS));
}

/* --- bytes that change while it runs --- */

/* The record of the oldest batch counts, and the next turns do not change it: so it has to be copied. */
static bool oldest_counts(void)
{
    uint64_t at = (book.journal->saved_tail + sizeof(struct batch_head)) % book.journal->ring;

    for (size_t id = 10; id < IDS; id++) {
        const void *place = map_find(&book.journal->index[JOURNAL_REQUEST], id);

        if (place && journal_place_at(place) == at && id != number / 5 % IDS && id != (number + 5) / 5 % IDS)
            return true;
    }
    return false;
}

static void fill_until_oldest_counts(void)
{
    fill();
    for (unsigned i = 0; i < TURNS_MAX && !oldest_counts(); i++)
        cr_assert_eq(turn(), 0);
    cr_assert(oldest_counts());
    memcpy(saved, book.disk.bytes, SMALL);
}

/* Every byte of the oldest batch. */
Test(journal_faults, a_batch_that_changes_later_is_found_when_it_is_cleaned)
{
    uint64_t tail;

    fill_until_oldest_counts();
    for (uint64_t at = 0; at < 200; at++) {
        memcpy(book.disk.bytes, saved, SMALL);
        cr_assert_eq(book_reopen(), 0);
        tail = book.journal->tail;
        book.disk.bytes[BOOK_RING_AT + (tail + at) % book.journal->ring] ^= 0x80;
        turn_until_it_fails();
        cr_assert_str_eq(journal_error(book.journal), went_bad, "byte %llu", (unsigned long long)at);
        cr_assert_geq(book.journal->tail, tail);
        cr_assert_lt(book.journal->tail, tail + 200);
    }
}

/* Up to the whole ring: far beyond what was written. */
Test(journal_faults, so_is_one_whose_length_changes)
{
    fill_until_oldest_counts();
    for (uint32_t len = 0; len < SMALL; len += 104) {
        struct batch_head head;

        memcpy(book.disk.bytes, saved, SMALL);
        cr_assert_eq(book_reopen(), 0);
        cr_assert_eq(journal_read_ring(book.journal, book.journal->tail, &head, sizeof head), 0);
        if (head.len == len)
            continue;
        head.len = len;
        cr_assert_eq(journal_write_ring(book.journal, book.journal->tail, &head, sizeof head), 0);
        turn_until_it_fails();
        cr_assert_str_eq(journal_error(book.journal), went_bad, "length %u", len);
    }
}

Test(journal_faults, a_record_that_changes_after_it_was_loaded_is_not_handed_out)
{
    size_t handed = 0;

    book_put(JOURNAL_ANSWER, 1, "a record");
    book_commit();
    for (size_t at = 0; at < 12; at++) { /* number and length */
        uint8_t *byte = book.disk.bytes + BOOK_RING_AT + sizeof(struct batch_head) + at;

        *byte ^= 0x80;
        cr_expect_eq(journal_each(book.journal, JOURNAL_ANSWER, count, &handed), -EIO, "byte %zu", at);
        cr_expect_str_eq(journal_error(book.journal), went_bad);
        *byte ^= 0x80;
    }
    cr_expect_eq(handed, 0);
    book_expect(JOURNAL_ANSWER, "1/1=a record");
}

/* --- all or nothing --- */

/* The engine gives up all that is new in a turn where its commit fails; none of it may count after a crash. */
Test(journal_faults, of_what_does_not_fit_nothing_is_written)
{
    size_t records;

    for (size_t id = 0; journal_has_room(book.journal); id++) {
        book_put_size(id, 1000);
        book_commit();
    }
    records = book_count();
    for (size_t id = 1000; id < 1040; id++) /* five batches of them, for two of which there would be room */
        book_put_size(id, 1000);
    cr_assert_eq(journal_commit(book.journal), -EIO);
    cr_expect_str_eq(journal_error(book.journal), "the journal is full (journal.size_mb)");
    cr_expect_eq(book_count(), records);
    cr_assert_eq(book_reopen(), 0);
    cr_expect_eq(book_count(), records);
}

Test(journal_faults, only_what_is_left_in_the_end_has_to_fit)
{
    for (size_t id = 0; journal_has_room(book.journal); id++) {
        book_put_size(id, 1000);
        book_commit();
    }
    for (size_t i = 0; i < 100; i++) {
        book_put_size(2000, 900 + i);
        book_put_size(2001 + i, 1000);
        journal_delete(book.journal, JOURNAL_REQUEST, 2001 + i);
    }
    book_commit();
    cr_assert_eq(book_reopen(), 0);
    for (size_t i = 0; i < 100; i++)
        cr_expect_null(map_find(&book.journal->index[JOURNAL_REQUEST], 2001 + i));
    cr_expect_eq(journal_place_size(map_find(&book.journal->index[JOURNAL_REQUEST], 2000)), journal_entry_size(999));
}

/* What fsync says is an error may have reached the disk; the requester was told that it has not. */
Test(journal_faults, what_could_not_be_synced_does_not_come_back_when_the_power_fails)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        book_close();
        book_open(SMALL, true);
        book_put(JOURNAL_REQUEST, 1, "synced");
        book_commit();
        book.disk.sync_fails = true;
        book_put(JOURNAL_REQUEST, 2, "given up");
        cr_assert_eq(journal_commit(book.journal), -EIO);
        memory_disk_lose_power(&book.disk, seed);
        cr_assert_eq(book_reopen(), 0);
        book_expect(JOURNAL_REQUEST, "0/1=synced");
    }
}

/* The process has ended between writing a batch and syncing it: the next one takes it for safe. */
Test(journal_faults, what_was_loaded_is_still_there_when_the_power_fails)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        book_close();
        book_open(SMALL, true);
        book_put(JOURNAL_REQUEST, 1, "written");
        book.disk.bytes_to_end = 48;
        (void)journal_commit(book.journal);
        cr_assert(book.disk.dead);
        cr_assert_eq(book_reopen(), 0);
        book_expect(JOURNAL_REQUEST, "0/1=written");
        memory_disk_lose_power(&book.disk, seed);
        cr_assert_eq(book_reopen(), 0);
        book_expect(JOURNAL_REQUEST, "0/1=written");
    }
}

Test(journal_faults, what_cannot_be_synced_is_not_loaded)
{
    book_close();
    book_open(SMALL, true);
    journal_free(book.journal);
    book.journal = journal_new(&book.disk.disk, book.disk.size);
    book.disk.sync_fails = true;
    cr_expect_eq(journal_load(book.journal), -EIO);
    cr_expect_str_eq(journal_error(book.journal), "the journal cannot be written: Input/output error");
}
