#include "edge/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

enum { MEGABYTE = 1024 * 1024, NAME_MAX_LEN = 4096 };
static const off_t JOURNAL_FILE_MAX = (off_t)16384 * MEGABYTE; /* the largest journal.size_mb */

struct journal_file {
    int lock_fd;
    int fd;
    struct journal *journal;
};

static const char *open_error(const char *path, const char *what, const char *why)
{
    static char text[NAME_MAX_LEN + 512];

    snprintf(text, sizeof text, "%s: %s: %s", path, what, why);
    return text;
}

/* --- the disk --- */

static int read_file(void *ctx, uint64_t at, void *to, size_t len)
{
    const struct journal_file *f = ctx;

    while (len) {
        ssize_t n = pread(f->fd, to, len, (off_t)at);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -ENODATA; /* somebody has cut it off */
        if (n > 0) {
            to = (uint8_t *)to + n;
            at += (uint64_t)n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static int write_file(void *ctx, uint64_t at, const void *from, size_t len)
{
    const struct journal_file *f = ctx;

    while (len) {
        ssize_t n = pwrite(f->fd, from, len, (off_t)at);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            from = (const uint8_t *)from + n;
            at += (uint64_t)n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static int sync_file(void *ctx)
{
    const struct journal_file *f = ctx;

    return fdatasync(f->fd) < 0 ? -errno : 0;
}

/* --- the folder --- */

/* Two processes on one journal would each send what the other has sent. */
static const char *lock_folder(struct journal_file *f, const char *path)
{
    char name[NAME_MAX_LEN];

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return open_error(path, "cannot make the folder", strerror(errno));
    if (snprintf(name, sizeof name, "%s/outputd.lock", path) >= (int)sizeof name)
        return open_error(path, "cannot open", "the name is too long");
    f->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (f->lock_fd < 0)
        return open_error(name, "cannot open", strerror(errno));
    if (flock(f->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return open_error(path, "cannot lock", "another outputd uses this journal");
    return NULL;
}

static void make_journal(struct journal_file *f, uint64_t size, bool sync)
{
    const struct journal_disk disk = {f, read_file, write_file, sync ? sync_file : NULL};

    f->journal = journal_new(&disk, size);
}

/* Under another name until it is whole. */
static const char *make_file(struct journal_file *f, int folder_fd, const char *path, uint32_t size_mb)
{
    const char *what = "cannot make the journal";
    int r;

    f->fd = openat(folder_fd, "journal.new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (f->fd < 0)
        return open_error(path, what, strerror(errno));
    r = posix_fallocate(f->fd, 0, (off_t)size_mb * MEGABYTE);
    if (r != 0) {
        unlinkat(folder_fd, "journal.new", 0); /* the space is missed by others, too */
        return open_error(path, "cannot take the disk space of journal.size_mb", strerror(r));
    }
    make_journal(f, (uint64_t)size_mb * MEGABYTE, true);
    if (journal_format(f->journal) < 0)
        return open_error(path, what, journal_error(f->journal));
    if (renameat(folder_fd, "journal.new", folder_fd, "journal") < 0 || fsync(folder_fd) < 0)
        return open_error(path, what, strerror(errno));
    journal_free(f->journal);
    f->journal = NULL;
    return NULL;
}

static const char *open_file(struct journal_file *f, int folder_fd, const char *path, uint32_t size_mb)
{
    if (faccessat(folder_fd, "data.mdb", F_OK, 0) == 0)
        return open_error(path, "cannot open the journal",
                          "data.mdb is the journal of an older version: end its requests with that one, and remove it");
    f->fd = openat(folder_fd, "journal", O_RDWR | O_CLOEXEC);
    if (f->fd >= 0)
        return NULL;
    if (errno != ENOENT)
        return open_error(path, "cannot open the journal", strerror(errno));
    return make_file(f, folder_fd, path, size_mb);
}

static const char *load(struct journal_file *f, const char *path, bool sync)
{
    const char *what = "cannot open the journal";
    struct stat st;

    if (fstat(f->fd, &st) < 0)
        return open_error(path, what, strerror(errno));
    if (st.st_size < JOURNAL_SIZE_MIN)
        return open_error(path, what, "not a journal, or cut off");
    if (st.st_size > JOURNAL_FILE_MAX)
        return open_error(path, what, "longer than any journal");
    make_journal(f, (uint64_t)st.st_size, sync);
    return journal_load(f->journal) < 0 ? open_error(path, what, journal_error(f->journal)) : NULL;
}

struct journal_file *journal_file_open(const char *path, uint32_t size_mb, bool sync, const char **error)
{
    struct journal_file *f = calloc(1, sizeof *f);
    int folder_fd = -1;

    CHECK(f);
    f->lock_fd = f->fd = -1;
    *error = lock_folder(f, path);
    if (!*error) {
        folder_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        *error = folder_fd < 0 ? open_error(path, "cannot open", strerror(errno)) : NULL;
    }
    if (!*error)
        *error = open_file(f, folder_fd, path, size_mb);
    if (!*error)
        *error = load(f, path, sync);
    if (folder_fd >= 0)
        close(folder_fd);
    if (!*error)
        return f;
    journal_file_close(f);
    return NULL;
}

void journal_file_close(struct journal_file *f)
{
    if (!f)
        return;
    journal_free(f->journal);
    if (f->fd >= 0)
        close(f->fd);
    if (f->lock_fd >= 0)
        close(f->lock_fd);
    free(f);
}

struct journal *journal_file_journal(struct journal_file *f)
{
    return f->journal;
}

/* Where that fails the next one will do. */
void journal_file_touch(const struct journal_file *f, int64_t wall_ms)
{
    const struct timespec at = {.tv_sec = wall_ms / 1000, .tv_nsec = wall_ms % 1000 * 1000000};
    const struct timespec times[2] = {at, at};

    (void)futimens(f->lock_fd, times);
}

int64_t journal_file_touched_ms(const struct journal_file *f)
{
    struct stat st;

    if (fstat(f->lock_fd, &st) < 0)
        return 0;
    return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}
