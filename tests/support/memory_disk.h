/* A disk in memory for the journal, with its faults: reads and writes that fail, writes that are cut off where the
 * process ends, and a machine that loses what was not synced. */
#ifndef SUPPORT_MEMORY_DISK_H
#define SUPPORT_MEMORY_DISK_H

#include "core/journal.h"

struct memory_disk {
    struct journal_disk disk;
    uint8_t *bytes;
    uint8_t *synced; /* what a power failure leaves; NULL: is not looked at */
    uint64_t size;
    bool fails;           /* every write, with ENOSPC */
    bool sync_fails;      /* with EIO, though all of it was written */
    uint64_t bad_below;   /* writes that begin before this fail, with EIO */
    int64_t reads_to_bad; /* so many more reads work, then they fail, with EIO; -1: all work */
    bool dead;            /* the process has ended: writes are said to work and do nothing */
    int64_t bytes_to_end; /* so many more bytes are written, then the process ends; -1: it does not */
    unsigned writes;
    unsigned syncs;
    uint64_t dirty_from; /* written and not synced lies in here */
    uint64_t dirty_to;
};

/* sync: the journal is to sync it. */
void memory_disk_init(struct memory_disk *d, uint64_t size, bool sync);
void memory_disk_release(struct memory_disk *d);

/* The process starts again: faults are over. */
void memory_disk_restart(struct memory_disk *d);

/* The machine has lost its power: of every sector that was written and not synced nobody knows which state is left;
 * `random` decides. */
void memory_disk_lose_power(struct memory_disk *d, uint64_t random);

#endif
