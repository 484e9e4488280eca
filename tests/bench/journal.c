/* What the journal costs, next to two others that it might have been: LMDB, and an append-only file in a mapped
 * segment. Each keeps the same records for the same life of requests: a turn of the loop brings N requests and ends the
 * N of the turn before it, in one commit.
 *
 *     journal FOLDER [SECONDS]    prints µs and writes to the file a request, medians of rounds in turns */
#include <fcntl.h>
#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/buffer.h"
#include "base/check.h"
#include "edge/journal_file.h"

enum { REQUEST_BYTES = 230, ANSWER_BYTES = 54, STATES_BYTES = 26, WINDOW = 2000, ROUNDS = 5, MEGABYTES = 64 };

/* What a journal of this bench can do. */
struct kind {
    const char *name;
    void (*open)(const char *path);
    void (*put)(enum journal_kind kind, uint64_t id, struct bytes record);
    void (*take)(enum journal_kind kind, uint64_t id);
    void (*commit)(void);
    void (*close)(void);
};

/* --- ours --- */

static struct journal_file *file;

static void open_file(const char *path, bool sync)
{
    const char *error;

    file = journal_file_open(path, MEGABYTES, sync, &error);
    if (!file) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
}

static void open_ours(const char *path)
{
    open_file(path, false);
}

static void open_synced(const char *path)
{
    open_file(path, true);
}

static void put_ours(enum journal_kind kind, uint64_t id, struct bytes record)
{
    journal_put(journal_file_journal(file), kind, id, record);
}

static void take_ours(enum journal_kind kind, uint64_t id)
{
    journal_delete(journal_file_journal(file), kind, id);
}

static void commit_ours(void)
{
    CHECK(journal_commit(journal_file_journal(file)) == 0);
}

static void close_ours(void)
{
    journal_file_close(file);
}

/* --- LMDB, as it survives the end of a process: not synced --- */

static MDB_env *env;
static MDB_dbi dbis[JOURNAL_KIND_COUNT];
static MDB_txn *txn;

static void open_lmdb_with(const char *path, unsigned flags)
{
    static const char *const names[] = {"requests", "answers", "states", "session"};

    mkdir(path, 0700);
    CHECK(mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, JOURNAL_KIND_COUNT) == 0);
    CHECK(mdb_env_set_mapsize(env, (size_t)MEGABYTES << 20) == 0);
    CHECK(mdb_env_open(env, path, MDB_NOSYNC | MDB_NOLOCK | MDB_NOTLS | flags, 0600) == 0);
    CHECK(mdb_txn_begin(env, NULL, 0, &txn) == 0);
    for (size_t i = 0; i < JOURNAL_KIND_COUNT; i++)
        CHECK(mdb_dbi_open(txn, names[i], MDB_CREATE | MDB_INTEGERKEY, &dbis[i]) == 0);
    CHECK(mdb_txn_commit(txn) == 0);
    CHECK(mdb_txn_begin(env, NULL, 0, &txn) == 0);
}

static void open_lmdb(const char *path)
{
    open_lmdb_with(path, 0);
}

static void open_lmdb_mapped(const char *path)
{
    open_lmdb_with(path, MDB_WRITEMAP);
}

static void put_lmdb(enum journal_kind kind, uint64_t id, struct bytes record)
{
    MDB_val key = {sizeof id, &id};
    MDB_val value = {record.len, (void *)(uintptr_t)record.data};

    CHECK(mdb_put(txn, dbis[kind], &key, &value, 0) == 0);
}

static void take_lmdb(enum journal_kind kind, uint64_t id)
{
    MDB_val key = {sizeof id, &id};

    CHECK(mdb_del(txn, dbis[kind], &key, NULL) == 0);
}

static void commit_lmdb(void)
{
    CHECK(mdb_txn_commit(txn) == 0);
    CHECK(mdb_txn_begin(env, NULL, 0, &txn) == 0);
}

static void close_lmdb(void)
{
    mdb_txn_abort(txn);
    mdb_env_close(env);
}

/* --- a mapped file, appended to around its end: nothing is found again, nothing is cleaned, so it is the least that
 * such a journal could cost --- */

static uint8_t *map;
static size_t map_at;
static struct buffer batch;

static void open_mapped(const char *path)
{
    char name[512];
    int fd;

    mkdir(path, 0700);
    snprintf(name, sizeof name, "%s/mapped", path);
    fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && posix_fallocate(fd, 0, (off_t)MEGABYTES << 20) == 0);
    map = mmap(NULL, (size_t)MEGABYTES << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED);
    close(fd);
    map_at = 0;
}

static void put_mapped(enum journal_kind kind, uint64_t id, struct bytes record)
{
    const uint64_t head[2] = {id, (uint64_t)kind << 32 | record.len};

    buffer_put(&batch, bytes_of(head, sizeof head));
    buffer_put(&batch, record);
}

static void take_mapped(enum journal_kind kind, uint64_t id)
{
    put_mapped(kind, id, (struct bytes){0});
}

static void commit_mapped(void)
{
    uint64_t hash = XXH3_64bits(batch.data, batch.len);

    if (map_at + batch.len + sizeof hash > (size_t)MEGABYTES << 20)
        map_at = 0;
    memcpy(map + map_at + sizeof hash, batch.data, batch.len);
    memcpy(map + map_at, &hash, sizeof hash);
    map_at += batch.len + sizeof hash;
    buffer_clear(&batch);
}

static void close_mapped(void)
{
    munmap(map, (size_t)MEGABYTES << 20);
}

/* --- the life of requests --- */

static const struct kind kinds[] = {
    {"journal", open_ours, put_ours, take_ours, commit_ours, close_ours},
    {"mapped file", open_mapped, put_mapped, take_mapped, commit_mapped, close_mapped},
    {"LMDB", open_lmdb, put_lmdb, take_lmdb, commit_lmdb, close_lmdb},
    {"LMDB, mapped", open_lmdb_mapped, put_lmdb, take_lmdb, commit_lmdb, close_lmdb},
    {"journal, synced", open_synced, put_ours, take_ours, commit_ours, close_ours},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

static double seconds_now(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* One turn: `n` requests arrive and are commanded, those of the turn before are settled, those of two before delivered,
 * and what was answered WINDOW requests ago is forgotten. */
static void turn(const struct kind *kind, uint64_t first, unsigned n)
{
    static const uint8_t bytes[REQUEST_BYTES] = {2};

    for (uint64_t id = first; id < first + n; id++) {
        kind->put(JOURNAL_REQUEST, id, bytes_of(bytes, REQUEST_BYTES));
        kind->put(JOURNAL_REQUEST, id, bytes_of(bytes, REQUEST_BYTES));
        if (id > n) {
            kind->put(JOURNAL_STATES, 1 + id % 1000, bytes_of(bytes, STATES_BYTES));
            kind->put(JOURNAL_ANSWER, id - n, bytes_of(bytes, ANSWER_BYTES));
            kind->put(JOURNAL_REQUEST, id - n, bytes_of(bytes, REQUEST_BYTES));
        }
        if (id > 2 * n)
            kind->take(JOURNAL_REQUEST, id - 2 * n);
        if (id > n + WINDOW)
            kind->take(JOURNAL_ANSWER, id - n - WINDOW);
    }
    kind->commit();
}

struct cost {
    double cpu_us;
    double wall_us;
};

static struct cost measure(const struct kind *kind, const char *folder, unsigned n, double seconds)
{
    char path[480];
    struct cost cost;
    double begin;
    double cpu;
    uint64_t id = 1;
    uint64_t from;

    snprintf(path, sizeof path, "%s/journal-%d", folder, (int)getpid());
    kind->open(path);
    while (id < 4 * WINDOW) {
        turn(kind, id, n);
        id += n;
    }
    from = id;
    begin = seconds_now(CLOCK_MONOTONIC);
    cpu = seconds_now(CLOCK_PROCESS_CPUTIME_ID);
    while (seconds_now(CLOCK_MONOTONIC) - begin < seconds) {
        turn(kind, id, n);
        id += n;
    }
    cost.cpu_us = (seconds_now(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e6 / (double)(id - from);
    cost.wall_us = (seconds_now(CLOCK_MONOTONIC) - begin) * 1e6 / (double)(id - from);
    kind->close();
    snprintf(path, sizeof path, "rm -rf '%s/journal-%d'", folder, (int)getpid());
    CHECK(system(path) == 0);
    return cost;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

static void compare(const char *folder, unsigned n, double seconds)
{
    double cpu[KINDS][ROUNDS];
    double wall[KINDS][ROUNDS];

    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < KINDS; i++) {
            struct cost cost = measure(&kinds[i], folder, n, seconds);

            cpu[i][round] = cost.cpu_us;
            wall[i][round] = cost.wall_us;
        }
    }
    for (int i = 0; i < KINDS; i++)
        printf("%8u  %-16s %8.2f %8.2f\n", n, kinds[i].name, median(cpu[i]), median(wall[i]));
}

int main(int argc, char **argv)
{
    static const unsigned sizes[] = {1, 8, 32};
    double seconds = argc > 2 ? atof(argv[2]) : 0.3;

    if (argc < 2) {
        fputs("usage: journal FOLDER [SECONDS]\n", stderr);
        return 2;
    }
    printf("requests                     µs a request\n"
           "a turn    journal                CPU   passed\n");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        compare(argv[1], sizes[i], seconds);
    buffer_release(&batch);
    return 0;
}
