/* A journal that the service cannot start with: one line on stderr says why, and the exit status is 1. And one that was
 * not written to its end, with which it can. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum { TRACKER = 265489, SLOT_DISTANCE = 4096, RING_AT = 2 * SLOT_DISTANCE, SIZE = 8 * 1024 * 1024 };

static struct broker *broker;
static struct outputd *service;

/* Only what is wrong goes to stderr. */
static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    outputd_set(service, "journal.size_mb", "8");
    outputd_set_text(service, "log.level", "error");
}

static void clear_stage(void)
{
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_journal_start, .init = set_stage, .fini = clear_stage, .timeout = 60);

static const char *path_of(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", service->directory, name);
    return path;
}

static void expect_start_fails(const char *why)
{
    outputd_start(service);
    cr_assert_eq(outputd_wait_end(service), 1);
    cr_assert_eq(outputd_log_count(service, why), 1, "%s: see %s/log", why, service->directory);
    cr_assert_eq(outputd_log_count(service, path_of("journal")), 1);
    cr_assert_eq(outputd_log_count(service, ""), 1, "more than one line in %s/log", service->directory);
}

/* --- folders --- */

/* The service gives up root's right to write everywhere. */
Test(service_journal_start, in_a_folder_that_it_may_not_write)
{
    cr_assert_eq(mkdir(path_of("journal"), 0500), 0);
    expect_start_fails("/journal/outputd.lock: cannot open: Permission denied");
}

/* Mounting takes root; it is seen by this test alone, and is gone with it. */
static bool mount_memory(unsigned long flags, const char *options)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return false;
    cr_assert(access(path_of("journal"), F_OK) == 0 || mkdir(path_of("journal"), 0700) == 0);
    return mount("none", path_of("journal"), "tmpfs", flags, options) == 0;
}

static void unmount(void)
{
    cr_assert_eq(umount(path_of("journal")), 0);
}

Test(service_journal_start, on_a_disk_that_cannot_be_written)
{
    if (!mount_memory(MS_RDONLY, ""))
        return;
    expect_start_fails("/journal/outputd.lock: cannot open: Read-only file system");
    unmount();
}

Test(service_journal_start, on_a_disk_without_room_for_it)
{
    if (!mount_memory(0, "size=4m"))
        return;
    expect_start_fails("/journal: cannot take the disk space of journal.size_mb: No space left on device");
    cr_expect_lt(access(path_of("journal/journal"), F_OK), 0);
    cr_expect_lt(access(path_of("journal/journal.new"), F_OK), 0);
    unmount();
}

Test(service_journal_start, where_a_file_is_in_its_place)
{
    outputd_write(service, "journal", "a file");
    expect_start_fails("/journal/outputd.lock: cannot open: Not a directory");
}

Test(service_journal_start, with_the_journal_of_an_older_version)
{
    cr_assert_eq(mkdir(path_of("journal"), 0700), 0);
    outputd_write(service, "journal/data.mdb", "LMDB");
    expect_start_fails(
        "/journal: cannot open the journal: data.mdb is the journal of an older version: end its requests "
        "with that one, and remove it");
}

Test(service_journal_start, while_another_one_uses_it)
{
    struct outputd *first = outputd_new(broker_url(broker));

    outputd_set(first, "journal.size_mb", "8");
    outputd_set_text(first, "journal.path", path_of("journal"));
    outputd_start(first);
    outputd_wait_ready(first);
    expect_start_fails("/journal: cannot lock: another outputd uses this journal");
    cr_assert_not(outputd_has_ended(first));
    outputd_free(first);
    outputd_start(service);
    outputd_wait_ready(service);
}

/* --- what is in it --- */

static uint8_t *bytes;

static void read_journal(void)
{
    int fd = open(path_of("journal/journal"), O_RDONLY | O_CLOEXEC);

    bytes = malloc(SIZE);
    cr_assert(bytes && fd >= 0);
    cr_assert_eq(read(fd, bytes, SIZE), SIZE);
    close(fd);
}

static void write_journal(void)
{
    int fd = open(path_of("journal/journal"), O_WRONLY | O_CLOEXEC);

    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, bytes, SIZE), SIZE);
    close(fd);
    free(bytes);
}

/* Its log so far says nothing of what comes. */
static void forget_log(void)
{
    cr_assert(access(path_of("log"), F_OK) < 0 || unlink(path_of("log")) == 0);
}

/* Killed, so that the last turns are as the work left them. */
static void work(int requests)
{
    struct field *field = field_start(broker_url(broker));
    struct desk *desk = desk_start(broker_url(broker));
    char correlation[32];

    field_online(field, TRACKER);
    outputd_start(service);
    outputd_wait_ready(service);
    for (int i = 0; i < requests; i++) {
        snprintf(correlation, sizeof correlation, "%d", i);
        desk_set(desk, correlation, TRACKER, 1, true);
        desk_expect_success(desk, correlation);
    }
    outputd_kill(service);
    desk_free(desk);
    field_free(field);
    forget_log();
    read_journal();
}

/* The ring was empty: nothing but zeros is behind the last batch. */
static size_t last_byte(void)
{
    size_t at = SIZE - 1;

    while (at > RING_AT && bytes[at] == 0)
        at--;
    return at;
}

Test(service_journal_start, with_one_that_is_damaged)
{
    work(50);
    bytes[(RING_AT + last_byte()) / 2] ^= 1;
    write_journal();
    expect_start_fails("/journal: cannot open the journal: the journal is damaged: a batch is broken, and whole ones "
                       "follow it");
}

Test(service_journal_start, with_one_whose_beginning_is_damaged)
{
    work(1);
    memset(bytes, 0xff, RING_AT);
    write_journal();
    expect_start_fails("/journal: cannot open the journal: not a journal, or its beginning is damaged");
}

Test(service_journal_start, with_one_of_another_version)
{
    work(1);
    bytes[8]++;
    bytes[SLOT_DISTANCE + 8]++;
    write_journal();
    expect_start_fails("/journal: cannot open the journal: a journal of another version of outputd: end its requests "
                       "with that one first");
}

Test(service_journal_start, with_one_that_was_cut_off)
{
    work(1);
    write_journal();
    cr_assert_eq(truncate(path_of("journal/journal"), SIZE / 2), 0);
    expect_start_fails("/journal: cannot open the journal: the journal is not as long as it says that it is");
}

/* As a machine leaves it that has lost its power while it was written. */
Test(service_journal_start, with_a_last_turn_that_was_not_written_to_its_end_it_starts_and_says_so)
{
    static const char torn[] = "the last turn was not written to its end, and never counted";
    struct desk *desk;

    work(50);
    bytes[last_byte()] = 0;
    write_journal();
    outputd_set_text(service, "log.level", "warning");
    outputd_start(service);
    outputd_wait_ready(service);
    cr_assert_eq(outputd_log_count(service, torn), 1);
    cr_assert_eq(outputd_log_count(service, "warning the last turn"), 1);
    desk = desk_start(broker_url(broker));
    desk_fence(desk);
    desk_free(desk);
    outputd_stop(service);
    outputd_start(service);
    outputd_wait_ready(service);
    cr_assert_eq(outputd_log_count(service, torn), 1, "it is over");
}
