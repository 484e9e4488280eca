#include "edge/audit_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

enum { FILE_MODE = 0640 };

static const char *wrong(const char *path, const char *what)
{
    static char text[4096 + 256];

    snprintf(text, sizeof text, "%s: %s", path, what);
    return text;
}

/* --- opening --- */

static int open_or_make(const char *path)
{
    int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK);

    if (fd >= 0 || errno != ENOENT)
        return fd;
    fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_CREAT | O_EXCL, FILE_MODE);
    if (fd >= 0 && fchmod(fd, FILE_MODE) < 0) { /* the umask lets nobody else read */
        close(fd);
        return -1;
    }
    return fd;
}

/* Two services that write one file would each break the other's chain. */
static const char *open_for_us(const char *path, int *fd, struct stat *is)
{
    const char *error = NULL;

    *fd = open_or_make(path);
    if (*fd < 0)
        return wrong(path, strerror(errno));
    if (fstat(*fd, is) < 0 || !S_ISREG(is->st_mode))
        error = wrong(path, "is no file");
    else if (flock(*fd, LOCK_EX | LOCK_NB) < 0)
        error = wrong(path, "another process writes it");
    if (error) {
        close(*fd);
        *fd = -1;
    }
    return error;
}

/* --- its end --- */

/* As much of the end as may be needed to find the last whole line. */
static bool read_end(const struct audit_file *f, off_t size, struct buffer *end)
{
    size_t want = size < (off_t)2 * AUDIT_LINE_MAX ? (size_t)size : (size_t)2 * AUDIT_LINE_MAX;
    off_t from = size - (off_t)want;

    while (end->len < want) {
        ssize_t n = pread(f->fd, buffer_room(end, want - end->len), want - end->len, from + (off_t)end->len);

        if (n <= 0)
            return false;
        end->len += (size_t)n;
    }
    return true;
}

/* The last line that is whole, and in *torn what follows it. */
static struct bytes last_line(struct bytes end, size_t *torn)
{
    const uint8_t *feed = end.len ? memrchr(end.data, '\n', end.len) : NULL;
    const uint8_t *before;
    size_t len;

    *torn = feed ? (size_t)(end.data + end.len - feed - 1) : end.len;
    if (!feed)
        return (struct bytes){0};
    len = (size_t)(feed - end.data);
    before = len ? memrchr(end.data, '\n', len) : NULL;
    return before ? bytes_of(before + 1, (size_t)(feed - before - 1)) : bytes_of(end.data, len);
}

/* Without any line there must be little enough to be the beginning of the first one. */
static const char *follow_end(struct audit_file *f, struct bytes end, off_t size, struct audit_chain *chain,
                              size_t *cut_bytes)
{
    struct audit_place place;
    struct bytes line = last_line(end, cut_bytes);
    bool is_ours = line.data ? audit_place_read(line, &place) : size < AUDIT_LINE_MAX && (!size || *end.data == '{');

    if (!is_ours)
        return wrong(f->path, "does not end with a line of an audit trail; move it away to begin a new one");
    if (*cut_bytes && ftruncate(f->fd, size - (off_t)*cut_bytes) < 0)
        return wrong(f->path, strerror(errno));
    if (line.data)
        audit_chain_follow(chain, place.seq, line);
    return NULL;
}

const char *audit_file_open(struct audit_file *f, const char *path, struct audit_chain *chain, size_t *cut_bytes)
{
    struct buffer end = {0};
    struct stat is;
    const char *error;

    *f = (struct audit_file){.fd = -1, .path = strdup(path)};
    CHECK(f->path);
    audit_chain_begin(chain);
    error = open_for_us(path, &f->fd, &is);
    if (error)
        return error;
    if (read_end(f, is.st_size, &end))
        error = follow_end(f, buffer_bytes(&end), is.st_size, chain, cut_bytes);
    else
        error = wrong(path, "cannot be read");
    buffer_release(&end);
    return error;
}

void audit_file_close(struct audit_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    *f = (struct audit_file){.fd = -1};
}

/* --- writing --- */

/* Nobody reads half a line: it is cut off again, and begun anew when there is room. Where even that fails it goes on in
 * the middle. */
static size_t cut_torn(struct audit_file *f, struct bytes written)
{
    const uint8_t *feed = memrchr(written.data, '\n', written.len);
    size_t torn = feed ? (size_t)(written.data + written.len - feed - 1) : written.len;
    struct stat is;

    if (torn && !f->torn && fstat(f->fd, &is) == 0 && ftruncate(f->fd, is.st_size - (off_t)torn) == 0)
        return written.len - torn;
    f->torn = torn > 0;
    return written.len;
}

int audit_file_write(struct audit_file *f, struct buffer *lines)
{
    size_t done = 0;
    int r = 0;

    while (done < lines->len && r == 0) {
        ssize_t n = write(f->fd, lines->data + done, lines->len - done);

        if (n > 0)
            done += (size_t)n;
        else
            r = n < 0 ? -errno : -EIO;
    }
    if (r == 0)
        f->torn = false;
    else if (done > 0)
        done = cut_torn(f, bytes_of(lines->data, done));
    memmove(lines->data, lines->data + done, lines->len - done);
    lines->len -= done;
    return r;
}

/* --- another file --- */

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

int audit_file_reopen(struct audit_file *f, const char **error)
{
    struct stat before;
    struct stat now;
    int fd;

    if (fstat(f->fd, &before) == 0 && stat(f->path, &now) == 0 && is_same(&before, &now))
        return 0;
    if (f->torn) {
        *error = wrong(f->path, "the last line of the file before is not whole yet");
        return -EAGAIN;
    }
    *error = open_for_us(f->path, &fd, &now);
    if (*error)
        return -EIO;
    if (now.st_size > 0) {
        *error = wrong(f->path, "is not empty: the trail goes on in the file before");
        close(fd);
        return -EEXIST;
    }
    close(f->fd);
    f->fd = fd;
    return 1;
}
