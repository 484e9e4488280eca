#include "edge/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

/* LMDB writes new pages for a deletion too, and frees the old ones a turn later: without room kept for that, a journal
 * that is full would stay so. */
enum { MEGABYTE = 1024 * 1024, DELETING_MB = 1 };

struct journal {
    MDB_env *env;
    MDB_dbi dbis[JOURNAL_KIND_COUNT];
    MDB_txn *txn;  /* open while something is staged */
    bool has_puts; /* staged */
    int failed;    /* LMDB's code for the first thing of this turn that went wrong */
    size_t size;   /* of what may be put, bytes */
    size_t room;   /* what is left of that in this turn */
    int lock_fd;
    char error[256];
};

static const char *const names[JOURNAL_KIND_COUNT] = {"requests", "answers", "states", "session"};

/* --- opening --- */

static const char *open_error(const char *path, const char *what, const char *why)
{
    static char text[4608];

    snprintf(text, sizeof text, "%s: %s: %s", path, what, why);
    return text;
}

/* Two processes on one journal would each send what the other has sent. */
static const char *lock_folder(struct journal *j, const char *path)
{
    char file[4096];

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return open_error(path, "cannot make the folder", strerror(errno));
    if (snprintf(file, sizeof file, "%s/outputd.lock", path) >= (int)sizeof file)
        return open_error(path, "cannot open", "the name is too long");
    j->lock_fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (j->lock_fd < 0)
        return open_error(file, "cannot open", strerror(errno));
    if (flock(j->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return open_error(path, "cannot lock", "another outputd uses this journal");
    return NULL;
}

static int open_tables(struct journal *j)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(j->env, NULL, 0, &txn);

    if (rc)
        return rc;
    for (size_t i = 0; i < JOURNAL_KIND_COUNT && !rc; i++)
        rc = mdb_dbi_open(txn, names[i], MDB_CREATE | MDB_INTEGERKEY, &j->dbis[i]);
    if (!rc)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

static const char *open_env(struct journal *j, const char *path, uint32_t size_mb)
{
    int rc = mdb_env_create(&j->env);

    j->size = (size_t)size_mb * MEGABYTE;
    if (!rc)
        rc = mdb_env_set_maxdbs(j->env, JOURNAL_KIND_COUNT);
    if (!rc)
        rc = mdb_env_set_mapsize(j->env, ((size_t)size_mb + DELETING_MB) * MEGABYTE);
    if (!rc)
        rc = mdb_env_open(j->env, path, MDB_NOSYNC | MDB_NOLOCK | MDB_NOTLS, 0600);
    if (!rc)
        rc = open_tables(j);
    return rc ? open_error(path, "cannot open the journal", mdb_strerror(rc)) : NULL;
}

struct journal *journal_open(const char *path, uint32_t size_mb, const char **error)
{
    struct journal *j = calloc(1, sizeof *j);

    CHECK(j);
    j->lock_fd = -1;
    *error = lock_folder(j, path);
    if (!*error)
        *error = open_env(j, path, size_mb);
    if (!*error)
        return j;
    journal_close(j);
    return NULL;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    if (j->txn)
        mdb_txn_abort(j->txn);
    if (j->env)
        mdb_env_close(j->env);
    if (j->lock_fd >= 0)
        close(j->lock_fd);
    free(j);
}

void journal_touch(struct journal *j, int64_t wall_ms)
{
    const struct timespec at = {.tv_sec = wall_ms / 1000, .tv_nsec = wall_ms % 1000 * 1000000};
    const struct timespec times[2] = {at, at};

    if (futimens(j->lock_fd, times) < 0)
        snprintf(j->error, sizeof j->error, "outputd.lock: %s", strerror(errno));
}

int64_t journal_touched_ms(const struct journal *j)
{
    struct stat st;

    if (fstat(j->lock_fd, &st) < 0)
        return 0;
    return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

/* --- writing --- */

/* LMDB keeps the numbers of free pages in a table of its own: how many, then which. */
static int sum_free_pages(MDB_cursor *cursor, size_t *pages)
{
    MDB_val key;
    MDB_val list;
    int rc;

    while ((rc = mdb_cursor_get(cursor, &key, &list, MDB_NEXT)) == 0) {
        size_t count;

        memcpy(&count, list.mv_data, sizeof count);
        *pages += count;
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int count_free_pages(struct journal *j, size_t *pages)
{
    MDB_cursor *cursor;
    MDB_txn *txn;
    int rc = mdb_txn_begin(j->env, NULL, MDB_RDONLY, &txn);

    if (rc)
        return rc;
    rc = mdb_cursor_open(txn, 0, &cursor);
    if (!rc) {
        rc = sum_free_pages(cursor, pages);
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return rc;
}

static int measure_room(struct journal *j)
{
    MDB_envinfo info;
    MDB_stat stat;
    size_t free_pages = 0;
    size_t used;
    int rc = 0;

    mdb_env_info(j->env, &info);
    mdb_env_stat(j->env, &stat);
    used = (info.me_last_pgno + 1) * stat.ms_psize;
    if (used > j->size / 4 * 3) { /* before that there is no need to look */
        rc = count_free_pages(j, &free_pages);
        used -= free_pages * stat.ms_psize;
    }
    j->room = used < j->size ? j->size - used : 0;
    return rc;
}

static bool begin(struct journal *j)
{
    if (!j->failed && !j->txn) {
        j->failed = measure_room(j);
        if (!j->failed)
            j->failed = mdb_txn_begin(j->env, NULL, 0, &j->txn);
    }
    return !j->failed;
}

static bool takes(struct journal *j, size_t len)
{
    if (len > j->room)
        j->failed = MDB_MAP_FULL;
    else
        j->room -= len;
    return !j->failed;
}

static MDB_val key_of(const size_t *number)
{
    return (MDB_val){.mv_size = sizeof *number, .mv_data = (void *)number};
}

void journal_put(struct journal *j, enum journal_kind kind, uint64_t id, struct bytes record)
{
    size_t number = id;
    MDB_val key = key_of(&number);
    MDB_val value = {.mv_size = record.len, .mv_data = (void *)record.data};

    j->has_puts = true;
    if (begin(j) && takes(j, record.len))
        j->failed = mdb_put(j->txn, j->dbis[kind], &key, &value, 0);
}

void journal_delete(struct journal *j, enum journal_kind kind, uint64_t id)
{
    size_t number = id;
    MDB_val key = key_of(&number);
    int rc;

    if (!begin(j))
        return;
    rc = mdb_del(j->txn, j->dbis[kind], &key, NULL);
    if (rc != MDB_NOTFOUND)
        j->failed = rc;
}

int journal_commit(struct journal *j)
{
    int rc = j->failed;

    if (j->txn && rc)
        mdb_txn_abort(j->txn);
    else if (j->txn)
        rc = mdb_txn_commit(j->txn);
    j->txn = NULL;
    j->failed = 0;
    j->has_puts = false;
    if (!rc)
        return 0;
    snprintf(j->error, sizeof j->error, "%s", mdb_strerror(rc));
    return -EIO;
}

bool journal_may_wait(const struct journal *j)
{
    return !j->has_puts && !j->failed;
}

const char *journal_error(const struct journal *j)
{
    return j->error;
}

int journal_probe(struct journal *j)
{
    static const uint8_t filling[512];

    journal_put(j, JOURNAL_ANSWER, 0, bytes_of(filling, sizeof filling));
    if (journal_commit(j) < 0)
        return -EIO;
    journal_delete(j, JOURNAL_ANSWER, 0);
    return journal_commit(j);
}

/* --- reading --- */

struct listed {
    uint64_t id;
    size_t at;
    size_t len;
};

/* Copies all records of a kind, so that they can be handed on while others are written. */
static int list_records(MDB_cursor *cursor, struct buffer *list, struct buffer *records)
{
    MDB_val key;
    MDB_val value;
    int rc;

    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct listed one = {.at = records->len, .len = value.mv_size};
        size_t number;

        if (key.mv_size != sizeof number)
            return MDB_CORRUPTED;
        memcpy(&number, key.mv_data, sizeof number);
        one.id = number;
        buffer_put(list, bytes_of(&one, sizeof one));
        buffer_put(records, bytes_of(value.mv_data, value.mv_size));
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int read_records(struct journal *j, enum journal_kind kind, struct buffer *list, struct buffer *records)
{
    MDB_cursor *cursor;
    MDB_txn *txn;
    int rc;

    CHECK(!j->txn);
    rc = mdb_txn_begin(j->env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return rc;
    rc = mdb_cursor_open(txn, j->dbis[kind], &cursor);
    if (!rc) {
        rc = list_records(cursor, list, records);
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return rc;
}

int journal_each(struct journal *j, enum journal_kind kind,
                 int (*each)(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record), void *ctx)
{
    struct buffer list = {0};
    struct buffer records = {0};
    int rc = read_records(j, kind, &list, &records);
    int r = 0;

    if (rc) {
        snprintf(j->error, sizeof j->error, "%s", mdb_strerror(rc));
        r = -EIO;
    }
    for (size_t at = 0; r == 0 && at < list.len; at += sizeof(struct listed)) {
        struct listed one;

        memcpy(&one, list.data + at, sizeof one);
        r = each(ctx, kind, one.id, bytes_of(records.data + one.at, one.len));
    }
    buffer_release(&list);
    buffer_release(&records);
    return r;
}
