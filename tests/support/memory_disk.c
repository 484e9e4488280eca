#include "support/memory_disk.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"

enum { SECTOR = 512 };

static int read_memory(void *ctx, uint64_t at, void *to, size_t len)
{
    struct memory_disk *d = ctx;

    CHECK(at + len <= d->size);
    if (d->reads_to_bad == 0)
        return -EIO;
    d->reads_to_bad -= d->reads_to_bad > 0;
    memcpy(to, d->bytes + at, len);
    return 0;
}

static int write_memory(void *ctx, uint64_t at, const void *from, size_t len)
{
    struct memory_disk *d = ctx;

    CHECK(at + len <= d->size);
    d->writes++;
    if (d->fails)
        return -ENOSPC;
    if (at < d->bad_below)
        return -EIO;
    if (d->dead)
        return 0;
    if (d->bytes_to_end >= 0 && (int64_t)len >= d->bytes_to_end) {
        d->dead = true;
        len = (size_t)d->bytes_to_end;
    }
    if (d->bytes_to_end >= 0)
        d->bytes_to_end -= (int64_t)len;
    memcpy(d->bytes + at, from, len);
    d->dirty_from = at < d->dirty_from ? at : d->dirty_from;
    d->dirty_to = at + len > d->dirty_to ? at + len : d->dirty_to;
    return 0;
}

static int sync_memory(void *ctx)
{
    struct memory_disk *d = ctx;

    d->syncs++;
    if (!d->dead && d->synced && d->dirty_from < d->dirty_to) {
        memcpy(d->synced + d->dirty_from, d->bytes + d->dirty_from, d->dirty_to - d->dirty_from);
        d->dirty_from = d->size;
        d->dirty_to = 0;
    }
    return d->sync_fails ? -EIO : 0;
}

void memory_disk_init(struct memory_disk *d, uint64_t size, bool sync)
{
    *d = (struct memory_disk){.size = size, .bytes_to_end = -1, .reads_to_bad = -1, .dirty_from = size};
    d->disk = (struct journal_disk){d, read_memory, write_memory, sync ? sync_memory : NULL};
    d->bytes = calloc(1, size);
    d->synced = sync ? calloc(1, size) : NULL;
    CHECK(d->bytes && (d->synced || !sync));
}

void memory_disk_release(struct memory_disk *d)
{
    free(d->bytes);
    free(d->synced);
    d->bytes = d->synced = NULL;
}

void memory_disk_restart(struct memory_disk *d)
{
    d->fails = d->sync_fails = d->dead = false;
    d->bytes_to_end = d->reads_to_bad = -1;
    d->bad_below = 0;
}

void memory_disk_lose_power(struct memory_disk *d, uint64_t random)
{
    for (uint64_t at = 0; at < d->size; at += SECTOR) {
        uint64_t len = d->size - at < SECTOR ? d->size - at : SECTOR;

        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        if (random >> 63 && memcmp(d->bytes + at, d->synced + at, len) != 0)
            memcpy(d->bytes + at, d->synced + at, len);
    }
    memcpy(d->synced, d->bytes, d->size);
}
