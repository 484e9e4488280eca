/* What must survive the end of the process: records by kind and number, in LMDB.
 *
 * journal_put and journal_delete stage; journal_commit makes all of it durable against the end of the process at once,
 * or none of it. One commit a turn of the loop. It is not synced to the disk: a power failure may lose the last
 * seconds, never the order (LMDB with MDB_NOSYNC). */
#ifndef EDGE_JOURNAL_H
#define EDGE_JOURNAL_H

#include "core/engine.h"

struct journal;

/* Opens or makes the folder, for this process alone. NULL, and *error says why, in static memory. */
struct journal *journal_open(const char *path, uint32_t size_mb, const char **error);
void journal_close(struct journal *j); /* takes NULL; what is staged and not committed is dropped */

void journal_put(struct journal *j, enum journal_kind kind, uint64_t id, struct bytes record);
void journal_delete(struct journal *j, enum journal_kind kind, uint64_t id);

/* When the service was last known to be connected, in milliseconds of wall clock: kept as the time of the lock file, so
 * that it costs no record. Of a new journal: when it was made. */
void journal_touch(struct journal *j, int64_t wall_ms);
int64_t journal_touched_ms(const struct journal *j);

/* 0, also where nothing was staged; -EIO: nothing of what was staged is kept, and journal_error says why. */
int journal_commit(struct journal *j);

/* True while nothing but deletions is staged: they may be committed later, together with something else. */
bool journal_may_wait(const struct journal *j);
const char *journal_error(const struct journal *j);

/* Writes and takes back a record: 0 when the journal can be written. */
int journal_probe(struct journal *j);

/* Calls each() for all committed records of the kind, by ascending number. Stops where it returns a negative errno, and
 * returns that. Records may be put and deleted meanwhile. */
int journal_each(struct journal *j, enum journal_kind kind,
                 int (*each)(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record), void *ctx);

#endif
