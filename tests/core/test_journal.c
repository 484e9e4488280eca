/* The journal on a disk in memory. */
#include "core/journal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "support/book.h"

enum { SMALL = 128 * 1024 };

static void open_small(void)
{
    book_open(SMALL, false);
}

TestSuite(journal, .init = open_small, .fini = book_close, .timeout = 60);

Test(journal, keeps_what_was_committed)
{
    book_put(JOURNAL_REQUEST, 5, "five");
    book_put(JOURNAL_ANSWER, 5, "answer");
    book_put(JOURNAL_STATES, 265489, "states");
    book_commit();
    book_put(JOURNAL_REQUEST, 6, "six");
    journal_delete(book.journal, JOURNAL_ANSWER, 5);
    book_put(JOURNAL_STATES, 265489, "newer");
    book_commit();
    for (int i = 0; i < 2; i++) {
        book_expect(JOURNAL_REQUEST, "0/5=five 0/6=six");
        book_expect(JOURNAL_ANSWER, "");
        book_expect(JOURNAL_STATES, "2/265489=newer");
        cr_assert_eq(book_reopen(), 0);
    }
}

Test(journal, drops_what_was_not_committed)
{
    book_put(JOURNAL_REQUEST, 1, "kept");
    book_commit();
    book_put(JOURNAL_REQUEST, 1, "changed");
    book_put(JOURNAL_REQUEST, 2, "new");
    journal_delete(book.journal, JOURNAL_REQUEST, 1);
    cr_assert_eq(book_reopen(), 0);
    book_expect(JOURNAL_REQUEST, "0/1=kept");
}

Test(journal, hands_records_out_by_ascending_number)
{
    static const uint64_t ids[] = {300, 2, UINT64_MAX, 0, 256, 1, UINT64_C(1) << 53, 255, UINT64_C(1) << 32};

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        book_put(JOURNAL_REQUEST, ids[i], "x");
    book_commit();
    book_expect(JOURNAL_REQUEST, "0/0=x 0/1=x 0/2=x 0/255=x 0/256=x 0/300=x 0/4294967296=x 0/9007199254740992=x "
                                 "0/18446744073709551615=x");
}

struct record_sizes {
    size_t of[4];
    size_t count;
};

static int note_size(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    struct record_sizes *sizes = ctx;

    cr_assert_eq(kind, JOURNAL_ANSWER);
    sizes->of[id % 4] = record.len;
    sizes->count++;
    return 0;
}

Test(journal, a_record_is_any_bytes_of_any_length_up_to_its_largest)
{
    size_t largest = journal_record_max(book.journal);
    uint8_t *large = malloc(largest);
    struct record_sizes sizes = {0};

    memset(large, 'y', largest);
    journal_put(book.journal, JOURNAL_ANSWER, 1, bytes_of("a\0b", 3));
    journal_put(book.journal, JOURNAL_ANSWER, 2, bytes_of(large, largest));
    journal_put(book.journal, JOURNAL_ANSWER, 3, bytes_of(large, 0));
    book_commit();
    cr_assert_eq(book_reopen(), 0);
    cr_assert_eq(journal_each(book.journal, JOURNAL_ANSWER, note_size, &sizes), 0);
    cr_expect_eq(sizes.of[1], 3);
    cr_expect_eq(sizes.of[2], largest);
    cr_expect_eq(sizes.of[3], 0);
    cr_expect_eq(sizes.count, 3);
    free(large);
}

Test(journal, a_commit_of_nothing_writes_nothing_and_a_delete_of_nothing_is_fine)
{
    unsigned writes = book.disk.writes;

    book_commit();
    cr_expect_eq(book.disk.writes, writes);
    journal_delete(book.journal, JOURNAL_REQUEST, 17);
    cr_expect(journal_may_wait(book.journal));
    book_commit();
    book_put(JOURNAL_REQUEST, 1, "x");
    cr_expect_not(journal_may_wait(book.journal));
    book_commit();
    cr_expect(journal_may_wait(book.journal));
    journal_free(NULL);
}

Test(journal, a_commit_is_one_write)
{
    unsigned writes = book.disk.writes;

    for (uint64_t id = 1; id <= 30; id++)
        book_put(JOURNAL_REQUEST, id, "record");
    book_commit();
    cr_expect_eq(book.disk.writes, writes + 1);
}

static int change(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    char *copy = bytes_dup(record);

    (void)ctx;
    journal_delete(book.journal, kind, id);
    book_put(JOURNAL_ANSWER, id, "moved");
    cr_expect_eq(journal_commit(book.journal), 0);
    cr_expect(bytes_equal_text(record, copy), "what was handed out has changed");
    free(copy);
    return 0;
}

static int stop_at_two(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    (void)kind, (void)record;
    ++*(int *)ctx;
    return id == 2 ? -ECANCELED : 0;
}

Test(journal, may_be_written_while_it_is_read_and_stops_where_it_is_told_to)
{
    int calls = 0;

    for (uint64_t id = 1; id <= 3; id++)
        book_put(JOURNAL_REQUEST, id, "record");
    book_commit();
    cr_expect_eq(journal_each(book.journal, JOURNAL_REQUEST, stop_at_two, &calls), -ECANCELED);
    cr_expect_eq(calls, 2);
    cr_expect_eq(journal_each(book.journal, JOURNAL_REQUEST, change, NULL), 0);
    book_expect(JOURNAL_REQUEST, "");
    book_expect(JOURNAL_ANSWER, "1/1=moved 1/2=moved 1/3=moved");
}

/* --- the end of the process --- */

/* A batch counts as a whole or not at all, wherever the writing of it was cut off. */
Test(journal, a_batch_that_was_cut_off_never_was)
{
    enum { HEAD = 24, WHOLE = HEAD + 24 + 24 + 16 - 2 }; /* its last two bytes are zero, and were so before */

    for (int64_t cut = 0; cut < 200; cut++) {
        uint64_t torn;

        book_put(JOURNAL_REQUEST, 1, "before");
        book_put(JOURNAL_REQUEST, 3, "kept");
        book_commit();
        book.disk.bytes_to_end = cut;
        book_put(JOURNAL_REQUEST, 1, "after");
        book_put(JOURNAL_REQUEST, 2, "new");
        journal_delete(book.journal, JOURNAL_REQUEST, 3);
        book_commit();
        cr_assert_eq(book_reopen(), 0, "cut after %lld bytes: %s", (long long)cut, journal_error(book.journal));
        torn = journal_torn_bytes(book.journal);
        if (cut < WHOLE)
            book_expect(JOURNAL_REQUEST, "0/1=before 0/3=kept");
        else
            book_expect(JOURNAL_REQUEST, "0/1=after 0/2=new");
        cr_assert_eq(torn, cut < HEAD || cut >= WHOLE ? 0 : HEAD + 24 + 24 + 16, "cut %lld: torn %llu", (long long)cut,
                     (unsigned long long)torn);
    }
}

/* --- a disk that fails --- */

Test(journal, what_could_not_be_written_is_written_by_the_next_commit_that_can)
{
    book_put(JOURNAL_REQUEST, 1, "one");
    book_commit();
    book.disk.fails = true;
    book_put(JOURNAL_REQUEST, 2, "two");
    journal_delete(book.journal, JOURNAL_REQUEST, 1);
    cr_expect_eq(journal_commit(book.journal), -EIO);
    cr_expect_str_eq(journal_error(book.journal), "the journal cannot be written: No space left on device");
    cr_expect_not(journal_may_wait(book.journal));
    book_expect(JOURNAL_REQUEST, "0/1=one");
    book_put(JOURNAL_REQUEST, 3, "three");
    journal_delete(book.journal, JOURNAL_REQUEST, 2); /* never to be seen */
    cr_expect_eq(journal_commit(book.journal), -EIO);
    book.disk.fails = false;
    book_commit();
    book_expect(JOURNAL_REQUEST, "0/3=three");
    cr_assert_eq(book_reopen(), 0);
    book_expect(JOURNAL_REQUEST, "0/3=three");
}

Test(journal, what_could_not_be_written_is_dropped_by_the_end_of_the_process)
{
    book_put(JOURNAL_REQUEST, 1, "one");
    book_commit();
    book.disk.fails = true;
    book_put(JOURNAL_REQUEST, 2, "two");
    cr_expect_eq(journal_commit(book.journal), -EIO);
    cr_assert_eq(book_reopen(), 0);
    book_expect(JOURNAL_REQUEST, "0/1=one");
}

/* As many records as there is room for, ten a commit; how many commits were taken. */
static uint64_t fill(uint64_t first)
{
    static const uint8_t record[100];

    for (uint64_t turn = 0; turn < 10000; turn++) {
        for (uint64_t i = 0; i < 10; i++)
            journal_put(book.journal, JOURNAL_REQUEST, first + turn * 10 + i, bytes_of(record, sizeof record));
        if (journal_commit(book.journal) == -EIO)
            return turn;
        cr_assert(journal_totals(book.journal).live_bytes <= SMALL / 2);
    }
    cr_assert_fail("it never gets full");
    return 0;
}

Test(journal, when_it_is_full_it_says_so_and_room_is_made_by_deleting)
{
    uint64_t turns;
    uint64_t had_room_for = 0;

    for (uint64_t id = 1000000; journal_has_room(book.journal); id++, had_room_for++) {
        book_put(JOURNAL_ANSWER, id, "0123456789012345678901234567890123456789");
        book_commit();
    }
    for (uint64_t i = 0; i < had_room_for; i++)
        journal_delete(book.journal, JOURNAL_ANSWER, 1000000 + i);
    book_commit();
    turns = fill(0);
    cr_assert_gt(turns, 20, "a quarter of it");
    cr_expect_not(journal_has_room(book.journal));
    cr_expect_str_eq(journal_error(book.journal), "the journal is full (journal.size_mb)");
    cr_expect_eq(journal_totals(book.journal).records, turns * 10, "a commit that failed has left something");
    for (uint64_t i = 0; i < 10; i++)
        journal_delete(book.journal, JOURNAL_REQUEST, turns * 10 + i); /* what is staged */
    book_commit();
    for (uint64_t i = 0; i < turns * 10; i++) {
        journal_delete(book.journal, JOURNAL_REQUEST, i);
        if (i % 10 == 9)
            book_commit();
    }
    cr_expect_eq(journal_totals(book.journal).records, 0);
    cr_expect_eq(journal_totals(book.journal).live_bytes, 0);
    cr_expect(journal_has_room(book.journal));
    cr_expect_eq(fill(100000), turns);
}

Test(journal, more_than_a_batch_takes_is_several)
{
    char text[64];

    for (uint64_t id = 1; id <= 300; id++) {
        snprintf(text, sizeof text, "a record of some length: number %llu", (unsigned long long)id);
        book_put(JOURNAL_REQUEST, id, text);
    }
    book_commit();
    cr_assert_eq(book_reopen(), 0);
    cr_expect_eq(journal_totals(book.journal).records, 300);
}

/* --- loading --- */

static void expect_refused(const char *why)
{
    cr_expect_eq(book_reopen(), -EBADMSG);
    cr_expect_str_eq(journal_error(book.journal), why);
}

Test(journal, what_is_no_journal_is_refused)
{
    static const char refusal[] = "not a journal, or its beginning is damaged";

    memset(book.disk.bytes, 'x', 8192);
    expect_refused(refusal);
    memset(book.disk.bytes, 0, book.disk.size);
    expect_refused(refusal);
}

Test(journal, one_of_another_version_is_refused_and_says_so)
{
    book.disk.bytes[8] = book.disk.bytes[4096 + 8] = JOURNAL_VERSION + 1;
    expect_refused("a journal of another version of outputd: end its requests with that one first");
}

Test(journal, one_of_another_length_is_refused)
{
    book.disk.size -= 4096;
    expect_refused("the journal is not as long as it says that it is");
}

Test(journal, one_whole_slot_is_enough)
{
    book_put(JOURNAL_REQUEST, 1, "kept");
    book_commit();
    memset(book.disk.bytes, 0xff, 40);
    cr_assert_eq(book_reopen(), 0);
    book_expect(JOURNAL_REQUEST, "0/1=kept");
}

/* Every byte of every batch but the last, whose damage cannot be told from a write that was cut off. */
Test(journal, damage_is_refused_wherever_it_is)
{
    uint64_t last;
    uint64_t end;

    for (uint64_t id = 1; id <= 4; id++) {
        book_put(JOURNAL_REQUEST, id, "a record");
        book_put(JOURNAL_ANSWER, id, "another one");
        book_commit();
    }
    last = journal_totals(book.journal).used_bytes;
    book_put(JOURNAL_REQUEST, 5, "the last");
    book_commit();
    end = journal_totals(book.journal).used_bytes;
    for (uint64_t at = 0; at < last; at++) {
        book.disk.bytes[BOOK_RING_AT + at] ^= 0x10;
        cr_assert_eq(book_reopen(), -EBADMSG, "byte %llu", (unsigned long long)at);
        cr_assert_str_eq(journal_error(book.journal),
                         "the journal is damaged: a batch is broken, and whole ones follow it");
        book.disk.bytes[BOOK_RING_AT + at] ^= 0x10;
    }
    for (uint64_t at = last; at < end; at++) {
        book.disk.bytes[BOOK_RING_AT + at] ^= 0x10;
        cr_assert_eq(book_reopen(), 0, "byte %llu", (unsigned long long)at);
        cr_assert_eq(journal_totals(book.journal).records, 8);
        book.disk.bytes[BOOK_RING_AT + at] ^= 0x10;
    }
}
