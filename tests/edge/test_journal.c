#include "edge/journal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "scratch.h"

TestSuite(journal, .init = scratch_open, .fini = scratch_close, .timeout = 60);

static const char *folder;

static struct journal *open_journal(uint32_t size_mb)
{
    const char *error = NULL;
    struct journal *j;

    folder = folder ? folder : scratch_path("journal");
    j = journal_open(folder, size_mb, &error);
    cr_assert_not_null(j, "%s", error);
    return j;
}

static void put_text(struct journal *j, enum journal_kind kind, uint64_t id, const char *text)
{
    journal_put(j, kind, id, bytes_of_text(text));
}

static int list(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    struct buffer *out = ctx;

    buffer_printf(out, "%s%d/%llu=%.*s", out->len ? " " : "", (int)kind, (unsigned long long)id, (int)record.len,
                  (const char *)record.data);
    return 0;
}

static void expect_records(struct journal *j, enum journal_kind kind, const char *expected)
{
    struct buffer out = {0};

    cr_expect_eq(journal_each(j, kind, list, &out), 0);
    buffer_put_u8(&out, '\0');
    cr_expect_str_eq((const char *)out.data, expected);
    buffer_release(&out);
}

Test(journal, keeps_what_was_committed_across_a_reopening)
{
    struct journal *j = open_journal(1);

    put_text(j, JOURNAL_REQUEST, 5, "five");
    put_text(j, JOURNAL_ANSWER, 5, "answer");
    put_text(j, JOURNAL_STATES, 265489, "states");
    cr_assert_eq(journal_commit(j), 0);
    put_text(j, JOURNAL_REQUEST, 6, "six");
    journal_delete(j, JOURNAL_ANSWER, 5);
    put_text(j, JOURNAL_STATES, 265489, "newer");
    cr_assert_eq(journal_commit(j), 0);
    journal_close(j);
    j = open_journal(1);
    expect_records(j, JOURNAL_REQUEST, "0/5=five 0/6=six");
    expect_records(j, JOURNAL_ANSWER, "");
    expect_records(j, JOURNAL_STATES, "2/265489=newer");
    journal_close(j);
}

Test(journal, drops_what_was_not_committed)
{
    struct journal *j = open_journal(1);

    put_text(j, JOURNAL_REQUEST, 1, "kept");
    cr_assert_eq(journal_commit(j), 0);
    put_text(j, JOURNAL_REQUEST, 1, "changed");
    put_text(j, JOURNAL_REQUEST, 2, "new");
    journal_delete(j, JOURNAL_REQUEST, 1);
    journal_close(j);
    j = open_journal(1);
    expect_records(j, JOURNAL_REQUEST, "0/1=kept");
    journal_close(j);
}

/* Killed, not closed: what was committed is in the file all the same, and what was not is not. */
Test(journal, outlives_a_kill)
{
    pid_t child;
    int status;
    struct journal *j = open_journal(1);

    journal_close(j);
    child = fork();
    if (child == 0) {
        const char *error;

        j = journal_open(folder, 1, &error);
        for (uint64_t id = 1; id <= 100; id++) {
            put_text(j, JOURNAL_REQUEST, id, "x");
            if (id % 10 == 0 && id < 100)
                journal_commit(j);
        }
        kill(getpid(), SIGKILL);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status));
    j = open_journal(1);
    for (uint64_t id = 1; id <= 90; id++)
        journal_delete(j, JOURNAL_REQUEST, id);
    put_text(j, JOURNAL_REQUEST, 1000, "last");
    cr_assert_eq(journal_commit(j), 0);
    expect_records(j, JOURNAL_REQUEST, "0/1000=last");
    journal_close(j);
}

Test(journal, hands_records_out_by_ascending_number)
{
    static const uint64_t ids[] = {300, 2, UINT64_MAX, 0, 256, 1, UINT64_C(1) << 53, 255, UINT64_C(1) << 32};
    struct journal *j = open_journal(1);

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        put_text(j, JOURNAL_REQUEST, ids[i], "x");
    cr_assert_eq(journal_commit(j), 0);
    expect_records(j, JOURNAL_REQUEST,
                   "0/0=x 0/1=x 0/2=x 0/255=x 0/256=x 0/300=x 0/4294967296=x 0/9007199254740992=x "
                   "0/18446744073709551615=x");
    journal_close(j);
}

Test(journal, a_record_is_any_bytes_of_any_length)
{
    struct journal *j = open_journal(4);
    static uint8_t large[20000];
    struct buffer out = {0};

    memset(large, 'y', sizeof large);
    journal_put(j, JOURNAL_ANSWER, 1, bytes_of("a\0b", 3));
    journal_put(j, JOURNAL_ANSWER, 2, bytes_of(large, sizeof large));
    cr_assert_eq(journal_commit(j), 0);
    cr_assert_eq(journal_each(j, JOURNAL_ANSWER, list, &out), 0);
    cr_expect_eq(out.len, strlen("1/1=a 1/2=") + sizeof large, "%%.*s ends at the NUL");
    buffer_release(&out);
    journal_close(j);
}

Test(journal, a_commit_of_nothing_and_a_delete_of_nothing_are_fine)
{
    struct journal *j = open_journal(1);

    cr_expect_eq(journal_commit(j), 0);
    journal_delete(j, JOURNAL_REQUEST, 17);
    cr_expect_eq(journal_commit(j), 0);
    cr_expect_eq(journal_probe(j), 0);
    expect_records(j, JOURNAL_ANSWER, "");
    journal_close(j);
    journal_close(NULL);
}

static int change(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    struct journal *j = ctx;
    char *copy = bytes_dup(record);

    journal_delete(j, kind, id);
    put_text(j, JOURNAL_ANSWER, id, "moved");
    cr_expect_eq(journal_commit(j), 0);
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
    struct journal *j = open_journal(1);
    int calls = 0;

    for (uint64_t id = 1; id <= 3; id++)
        put_text(j, JOURNAL_REQUEST, id, "record");
    cr_assert_eq(journal_commit(j), 0);
    cr_expect_eq(journal_each(j, JOURNAL_REQUEST, stop_at_two, &calls), -ECANCELED);
    cr_expect_eq(calls, 2);
    cr_expect_eq(journal_each(j, JOURNAL_REQUEST, change, j), 0);
    expect_records(j, JOURNAL_REQUEST, "");
    expect_records(j, JOURNAL_ANSWER, "1/1=moved 1/2=moved 1/3=moved");
    journal_close(j);
}

/* As many records as there is room for, ten a commit; how many commits were taken. */
static uint64_t fill(struct journal *j, uint64_t first)
{
    static const uint8_t record[400];

    for (uint64_t turn = 0; turn < 10000; turn++) {
        for (uint64_t i = 0; i < 10; i++)
            journal_put(j, JOURNAL_REQUEST, first + turn * 10 + i, bytes_of(record, sizeof record));
        if (journal_commit(j) == -EIO)
            return turn;
    }
    cr_assert_fail("it never gets full");
    return 0;
}

static int count(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    (void)kind, (void)id, (void)record;
    ++*(uint64_t *)ctx;
    return 0;
}

static uint64_t count_records(struct journal *j)
{
    uint64_t records = 0;

    cr_assert_eq(journal_each(j, JOURNAL_REQUEST, count, &records), 0);
    return records;
}

Test(journal, when_it_is_full_a_commit_fails_as_a_whole_and_room_is_made_by_deleting)
{
    struct journal *j = open_journal(1);
    uint64_t turns = fill(j, 0);
    uint64_t left;

    cr_assert_gt(turns, 50, "1 MB should hold more");
    cr_expect_str_neq(journal_error(j), "");
    cr_expect_eq(count_records(j), turns * 10, "a commit that failed has left something");
    for (uint64_t turn = 0; turn < turns; turn++) {
        for (uint64_t i = 0; i < 10; i++)
            journal_delete(j, JOURNAL_REQUEST, turn * 10 + i);
        cr_assert_eq(journal_commit(j), 0, "no room even for deleting, turn %llu", (unsigned long long)turn);
    }
    cr_expect_eq(count_records(j), 0);
    cr_expect_eq(journal_probe(j), 0);
    left = fill(j, 100000);
    cr_expect_gt(left, turns * 9 / 10, "%llu turns, once %llu", (unsigned long long)left, (unsigned long long)turns);
    journal_close(j);
}

Test(journal, after_a_failure_the_next_commit_counts_for_itself)
{
    struct journal *j = open_journal(1);
    static const uint8_t huge[2000000];

    put_text(j, JOURNAL_REQUEST, 1, "lost with the huge one");
    journal_put(j, JOURNAL_REQUEST, 2, bytes_of(huge, sizeof huge));
    put_text(j, JOURNAL_REQUEST, 3, "lost too");
    cr_assert_eq(journal_commit(j), -EIO);
    cr_assert_eq(journal_commit(j), 0);
    put_text(j, JOURNAL_REQUEST, 4, "kept");
    cr_assert_eq(journal_commit(j), 0);
    expect_records(j, JOURNAL_REQUEST, "0/4=kept");
    journal_close(j);
}

/* --- opening --- */

Test(journal, belongs_to_one_process)
{
    struct journal *j = open_journal(1);
    const char *error = NULL;
    pid_t child = fork();
    int status;

    if (child == 0) {
        struct journal *second = journal_open(folder, 1, &error);

        _exit(!second && strstr(error, folder) && strstr(error, "another outputd uses this journal") ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    journal_close(j);
    journal_close(open_journal(1));
}

Test(journal, is_free_again_when_its_process_has_died)
{
    pid_t child;
    int status;

    journal_close(open_journal(1));
    child = fork();
    if (child == 0) {
        const char *error;

        _exit(journal_open(folder, 1, &error) ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(WEXITSTATUS(status), 0);
    journal_close(open_journal(1));
}

static void expect_no_journal(const char *path, const char *expected)
{
    const char *error = NULL;

    cr_expect_null(journal_open(path, 1, &error));
    cr_assert_not_null(error);
    cr_expect_not_null(strstr(error, path), "%s", error);
    cr_expect_not_null(strstr(error, expected), "%s", error);
}

Test(journal, says_why_a_folder_cannot_be_used)
{
    struct buffer name = {0};

    expect_no_journal(scratch_path("no/such/parent"), "cannot make the folder: No such file or directory");
    expect_no_journal(scratch_write("file", "x"), "Not a directory");
    buffer_printf(&name, "%s", scratch_path(""));
    for (int i = 0; i < 2200; i++)
        buffer_put_text(&name, "/.");
    buffer_put_u8(&name, '\0');
    expect_no_journal((const char *)name.data, "too long");
    buffer_release(&name);
}

Test(journal, a_folder_that_cannot_be_written_is_refused)
{
    const char *path = scratch_path("locked");

    cr_assert_eq(mkdir(path, 0555), 0);
    if (geteuid() == 0) /* root may write everywhere */
        cr_assert_eq(seteuid(65534), 0);
    cr_assert_eq(chdir("/"), 0);
    expect_no_journal(path, "Permission denied");
    if (getuid() == 0)
        cr_assert_eq(seteuid(0), 0);
}

Test(journal, a_file_that_is_no_journal_is_refused)
{
    const char *error = NULL;

    journal_close(open_journal(1));
    scratch_write("journal/data.mdb", "this is no database, and longer than nothing at all");
    cr_expect_null(journal_open(folder, 1, &error));
    cr_expect_not_null(strstr(error, "cannot open the journal"), "%s", error);
}

Test(journal, remembers_when_it_was_touched)
{
    struct journal *j = open_journal(1);

    journal_touch(j, 1795379760123);
    cr_expect_eq(journal_touched_ms(j), 1795379760123);
    journal_close(j);
    j = open_journal(1);
    cr_expect_eq(journal_touched_ms(j), 1795379760123);
    journal_close(j);
}
