#include "edge/journal_file.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.h"

enum { SIZE_MB = 8 };

TestSuite(journal_file, .init = scratch_open, .fini = scratch_close, .timeout = 60);

static const char *folder;

static struct journal_file *open_journal(void)
{
    const char *error = NULL;
    struct journal_file *f;

    folder = folder ? folder : scratch_path("journal");
    f = journal_file_open(folder, SIZE_MB, false, &error);
    cr_assert_not_null(f, "%s", error);
    return f;
}

static void put_text(struct journal_file *f, uint64_t id, const char *text)
{
    journal_put(journal_file_journal(f), JOURNAL_REQUEST, id, bytes_of_text(text));
}

static int commit(struct journal_file *f)
{
    return journal_commit(journal_file_journal(f));
}

static void expect_count(struct journal_file *f, size_t expected)
{
    cr_expect_eq(journal_totals(journal_file_journal(f)).records, expected);
}

Test(journal_file, keeps_what_was_committed)
{
    struct journal_file *f = open_journal();

    put_text(f, 1, "one");
    cr_assert_eq(commit(f), 0);
    put_text(f, 2, "two");
    journal_file_close(f);
    f = open_journal();
    expect_count(f, 1);
    journal_file_close(f);
    journal_file_close(NULL);
}

/* Killed, not closed. */
Test(journal_file, outlives_a_kill)
{
    pid_t child;
    int status;

    journal_file_close(open_journal());
    child = fork();
    if (child == 0) {
        struct journal_file *f = open_journal();

        for (uint64_t id = 1; id <= 100; id++) {
            put_text(f, id, "x");
            if (id % 10 == 0 && id < 100)
                commit(f);
        }
        kill(getpid(), SIGKILL);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status));
    struct journal_file *f = open_journal();
    expect_count(f, 90);
    journal_file_close(f);
}

Test(journal_file, takes_its_disk_space_at_once_and_is_for_its_user_alone)
{
    struct stat st;

    journal_file_close(open_journal());
    cr_assert_eq(stat(scratch_path("journal/journal"), &st), 0);
    cr_expect_eq(st.st_size, SIZE_MB * 1024 * 1024);
    cr_expect_geq(st.st_blocks * 512, st.st_size);
    cr_expect_eq(st.st_mode & 07777, 0600);
    cr_assert_eq(stat(scratch_path("journal/outputd.lock"), &st), 0);
    cr_expect_eq(st.st_mode & 07777, 0600);
    cr_assert_eq(stat(folder, &st), 0);
    cr_expect_eq(st.st_mode & 07777, 0700);
    cr_expect_lt(access(scratch_path("journal/journal.new"), F_OK), 0);
}

Test(journal_file, keeps_the_size_that_it_was_made_with)
{
    const char *error;
    struct journal_file *f = open_journal();

    put_text(f, 1, "one");
    commit(f);
    journal_file_close(f);
    f = journal_file_open(folder, 2 * SIZE_MB, true, &error);
    cr_assert_not_null(f, "%s", error);
    expect_count(f, 1);
    cr_expect_lt(journal_totals(journal_file_journal(f)).ring_bytes, SIZE_MB * 1024 * 1024);
    journal_file_close(f);
}

Test(journal_file, one_that_was_not_made_to_its_end_is_made_anew)
{
    cr_assert_eq(mkdir(scratch_path("journal"), 0700), 0);
    scratch_write("journal/journal.new", "the beginning of");
    journal_file_close(open_journal());
}

/* A limit on the size of files: the process is not ended by SIGXFSZ where that is ignored, and writes fail. */
Test(journal_file, a_write_that_fails_is_told_and_made_up_for)
{
    struct rlimit before;
    struct rlimit none = {0};
    struct journal_file *f = open_journal();

    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    none.rlim_max = before.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    put_text(f, 1, "one");
    cr_expect_lt(commit(f), 0);
    cr_expect_str_eq(journal_error(journal_file_journal(f)), "the journal cannot be written: File too large");
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    cr_expect_eq(commit(f), 0);
    journal_file_close(f);
    f = open_journal();
    expect_count(f, 1);
    journal_file_close(f);
}

/* --- opening --- */

Test(journal_file, belongs_to_one_process)
{
    struct journal_file *j = open_journal();
    const char *error = NULL;
    pid_t child = fork();
    int status;

    if (child == 0) {
        struct journal_file *second = journal_file_open(folder, SIZE_MB, false, &error);

        _exit(!second && strstr(error, folder) && strstr(error, "another outputd uses this journal") ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    journal_file_close(j);
    journal_file_close(open_journal());
}

Test(journal_file, is_free_again_when_its_process_has_died)
{
    pid_t child;
    int status;

    journal_file_close(open_journal());
    child = fork();
    if (child == 0) {
        const char *error;

        _exit(journal_file_open(folder, SIZE_MB, false, &error) ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(WEXITSTATUS(status), 0);
    journal_file_close(open_journal());
}

static void expect_no_journal(const char *path, const char *expected)
{
    const char *error = NULL;

    cr_expect_null(journal_file_open(path, SIZE_MB, false, &error));
    cr_assert_not_null(error);
    cr_expect_not_null(strstr(error, path), "%s", error);
    cr_expect_not_null(strstr(error, expected), "%s", error);
}

Test(journal_file, says_why_a_folder_cannot_be_used)
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

Test(journal_file, a_folder_that_cannot_be_written_is_refused)
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

static void expect_refused(const char *expected)
{
    const char *error = NULL;

    cr_expect_null(journal_file_open(folder, SIZE_MB, false, &error));
    cr_assert_not_null(error);
    cr_expect_not_null(strstr(error, "cannot open the journal"), "%s", error);
    cr_expect_not_null(strstr(error, expected), "%s", error);
}

Test(journal_file, a_file_that_is_no_journal_is_refused)
{
    journal_file_close(open_journal());
    scratch_write("journal/journal", "this is no journal, and longer than nothing at all");
    expect_refused("not a journal, or cut off");
    cr_assert_eq(truncate(scratch_path("journal/journal"), SIZE_MB * 1024 * 1024), 0);
    expect_refused("not a journal, or its beginning is damaged");
    cr_assert_eq(truncate(scratch_path("journal/journal"), (off_t)1 << 40), 0);
    expect_refused("longer than any journal");
}

Test(journal_file, one_that_was_cut_off_is_refused)
{
    journal_file_close(open_journal());
    cr_assert_eq(truncate(scratch_path("journal/journal"), SIZE_MB * 1024 * 1024 / 2), 0);
    expect_refused("not as long as it says that it is");
}

Test(journal_file, one_of_an_older_version_is_refused)
{
    journal_file_close(open_journal());
    scratch_write("journal/data.mdb", "LMDB");
    expect_refused("data.mdb is the journal of an older version");
}

Test(journal_file, what_is_no_file_is_refused)
{
    journal_file_close(open_journal());
    cr_assert_eq(unlink(scratch_path("journal/journal")), 0);
    cr_assert_eq(mkfifo(scratch_path("journal/journal"), 0600), 0);
    expect_refused("not a journal");
    cr_assert_eq(unlink(scratch_path("journal/journal")), 0);
    cr_assert_eq(mkdir(scratch_path("journal/journal"), 0700), 0);
    expect_refused("Is a directory");
}

/* Needs root for the mount; where there is none, RLIMIT_FSIZE stands for the disk that is full. */
Test(journal_file, a_disk_without_room_for_it_is_refused_and_left_as_it_was)
{
    const char *path = scratch_path("small");
    const char *error = NULL;
    struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = RLIM_INFINITY};
    bool mounted;

    cr_assert_eq(mkdir(path, 0700), 0);
    mounted = mount("none", path, "tmpfs", 0, "size=4m") == 0;
    if (!mounted) {
        signal(SIGXFSZ, SIG_IGN);
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    }
    cr_expect_null(journal_file_open(path, SIZE_MB, false, &error));
    cr_expect_not_null(strstr(error, mounted ? "journal.size_mb: No space left on device" : "File too large"), "%s",
                       error);
    cr_expect_lt(access(scratch_path("small/journal.new"), F_OK), 0);
    cr_expect_lt(access(scratch_path("small/journal"), F_OK), 0);
    if (mounted)
        cr_assert_eq(umount(path), 0);
}

Test(journal_file, remembers_when_it_was_touched)
{
    struct journal_file *j = open_journal();

    journal_file_touch(j, 1795379760123);
    cr_expect_eq(journal_file_touched_ms(j), 1795379760123);
    journal_file_close(j);
    j = open_journal();
    cr_expect_eq(journal_file_touched_ms(j), 1795379760123);
    journal_file_close(j);
}
