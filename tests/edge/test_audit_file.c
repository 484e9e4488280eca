#include "edge/audit_file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

static struct audit_file file;
static struct audit_chain chain;
static struct buffer lines;
static size_t cut_bytes;

static void start(void)
{
    scratch_open();
    file.fd = -1;
}

static void stop(void)
{
    audit_file_close(&file);
    buffer_release(&lines);
    scratch_close();
}

TestSuite(audit_file, .init = start, .fini = stop, .timeout = 20);

static const char *path(void)
{
    return scratch_path("audit.jsonl");
}

static void open_trail(void)
{
    const char *error = audit_file_open(&file, path(), &chain, &cut_bytes);

    cr_assert_null(error, "%s", error);
}

static void seal(int count)
{
    for (int i = 0; i < count; i++)
        audit_chain_seal(&chain, bytes_of_text("\"event\":\"start\"}"), &lines);
}

static void append(int count)
{
    seal(count);
    cr_assert_eq(audit_file_write(&file, &lines), 0);
    cr_assert_eq(lines.len, 0);
}

static size_t size_of(const char *name)
{
    struct stat is;

    cr_assert_eq(stat(name, &is), 0, "%s", name);
    return (size_t)is.st_size;
}

static void add_text(const char *text)
{
    FILE *out = fopen(path(), "ae");

    cr_assert(out);
    fputs(text, out);
    fclose(out);
}

Test(audit_file, goes_on_where_it_ended)
{
    struct audit_chain before;

    open_trail();
    cr_assert_eq(chain.seq, 0);
    append(3);
    before = chain;
    audit_file_close(&file);
    open_trail();
    cr_assert_eq(chain.seq, 3);
    cr_assert_str_eq(chain.head, before.head);
    cr_assert_eq(cut_bytes, 0);
}

Test(audit_file, is_for_its_owner_to_write_and_for_its_group_to_read)
{
    struct stat is;

    umask(077);
    open_trail();
    cr_assert_eq(stat(path(), &is), 0);
    cr_assert_eq(is.st_mode & 0777, 0640);
}

Test(audit_file, a_line_that_a_crash_left_unfinished_is_cut_off)
{
    static const char torn[] = "{\"seq\":3,\"prev\":\"00";
    size_t whole;

    open_trail();
    append(2);
    whole = size_of(path());
    audit_file_close(&file);
    add_text(torn);
    open_trail();
    cr_assert_eq(cut_bytes, strlen(torn));
    cr_assert_eq(size_of(path()), whole);
    cr_assert_eq(chain.seq, 2);
}

Test(audit_file, of_a_first_line_that_is_unfinished_nothing_stays)
{
    add_text("{\"seq\":1,\"pr");
    open_trail();
    cr_assert_eq(chain.seq, 0);
    cr_assert_eq(size_of(path()), 0);
}

static void expect_refused(const char *why)
{
    struct audit_file other;
    const char *error = audit_file_open(&other, path(), &chain, &cut_bytes);

    cr_assert(error && strstr(error, why), "%s", error);
    cr_assert_eq(strncmp(error, path(), strlen(path())), 0);
    audit_file_close(&other);
}

Test(audit_file, another_file_is_not_written_to)
{
    add_text("root:x:0:0\n");
    expect_refused("does not end with a line of an audit trail");
    cr_assert_eq(size_of(path()), 11);
}

Test(audit_file, another_file_without_a_line_feed_is_not_cut)
{
    add_text("secret");
    expect_refused("does not end with a line of an audit trail");
    cr_assert_eq(size_of(path()), 6);
}

Test(audit_file, has_one_writer)
{
    open_trail();
    expect_refused("another process writes it");
}

Test(audit_file, a_folder_is_none_and_neither_is_what_cannot_be_made)
{
    struct audit_file other;

    cr_assert(strstr(audit_file_open(&other, scratch_path(""), &chain, &cut_bytes), "directory"));
    audit_file_close(&other);
    cr_assert(strstr(audit_file_open(&other, scratch_path("no/such"), &chain, &cut_bytes), "No such file"));
    audit_file_close(&other);
}

/* --- a disk that is full --- */

static void limit_files(rlim_t size)
{
    const struct rlimit limit = {.rlim_cur = size, .rlim_max = RLIM_INFINITY};

    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static size_t count_feeds(const char *name)
{
    FILE *in = fopen(name, "re");
    size_t count = 0;
    int last = '\n';
    int c;

    cr_assert(in);
    for (; (c = fgetc(in)) != EOF; last = c)
        count += c == '\n';
    fclose(in);
    cr_assert_eq(last, '\n', "it ends inside a line");
    return count;
}

Test(audit_file, half_a_line_is_taken_back_and_all_of_it_written_later)
{
    struct audit_chain before;

    open_trail();
    append(1);
    seal(4);
    limit_files((rlim_t)(size_of(path()) + lines.len / 2 + 3));
    cr_assert_eq(audit_file_write(&file, &lines), -EFBIG);
    cr_assert_eq(count_feeds(path()), 3);
    cr_assert_eq(lines.data[0], '{');
    cr_assert_eq(audit_file_write(&file, &lines), -EFBIG);
    cr_assert_eq(count_feeds(path()), 3);
    limit_files(RLIM_INFINITY);
    cr_assert_eq(audit_file_write(&file, &lines), 0);
    cr_assert_eq(count_feeds(path()), 5);
    before = chain;
    audit_file_close(&file);
    open_trail();
    cr_assert_str_eq(chain.head, before.head);
}

/* --- rotation --- */

Test(audit_file, goes_on_in_a_new_file_once_the_old_one_is_renamed)
{
    const char *error = NULL;
    struct audit_chain before;

    open_trail();
    append(2);
    cr_assert_eq(audit_file_reopen(&file, &error), 0, "nothing has happened to it");
    cr_assert_eq(rename(path(), scratch_path("audit.jsonl.1")), 0);
    cr_assert_eq(audit_file_reopen(&file, &error), 1, "%s", error);
    append(1);
    before = chain;
    cr_assert_eq(count_feeds(scratch_path("audit.jsonl.1")), 2);
    cr_assert_eq(count_feeds(path()), 1);
    audit_file_close(&file);
    open_trail();
    cr_assert_eq(chain.seq, 3);
    cr_assert_str_eq(chain.head, before.head);
}

Test(audit_file, stays_in_the_old_one_where_the_new_one_is_not_good)
{
    const char *error = NULL;

    open_trail();
    append(1);
    cr_assert_eq(rename(path(), scratch_path("audit.jsonl.1")), 0);
    add_text("somebody else's\n");
    cr_assert_eq(audit_file_reopen(&file, &error), -EEXIST);
    cr_assert(strstr(error, "is not empty"), "%s", error);
    append(1);
    cr_assert_eq(count_feeds(scratch_path("audit.jsonl.1")), 2);
    cr_assert_eq(count_feeds(path()), 1);
}
