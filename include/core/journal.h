/* What must survive the end of the process: records by kind and number, on a disk that is handed in.
 *
 * journal_put and journal_delete stage; journal_commit appends what is staged as one batch, which counts as a whole or
 * not at all, with one write. What could not be written stays staged, and the next commit tries again.
 *
 * The disk is a ring of batches. Each carries a hash, and its position in all that was ever written, so that one of an
 * earlier lap is never taken for a new one. Where in the ring a record lies is kept in memory. With each commit a few
 * of the oldest batches are gone through: what still counts in them is copied to the head, and their place is free
 * again; those of which nothing counts are not even read. So a commit costs what it writes, however many records there
 * are, and half of the ring is never live.
 *
 * Calling sequence: journal_new; journal_format for an empty disk; journal_load, once; then the others. */
#ifndef CORE_JOURNAL_H
#define CORE_JOURNAL_H

#include "base/bytes.h"
#include "core/journal_kind.h"

/* A run of bytes that is there from the start. Functions return 0 or a negative errno. */
struct journal_disk {
    void *ctx;
    int (*read)(void *ctx, uint64_t at, void *to, size_t len);
    int (*write)(void *ctx, uint64_t at, const void *from, size_t len);
    int (*sync)(void *ctx); /* NULL: what is written has to survive the process, not the machine */
};

/* The layout on the disk. A change of it takes the next number; a journal of another number is refused. */
enum { JOURNAL_VERSION = 2, JOURNAL_SIZE_MIN = 64 * 1024 };

struct journal;

/* size: of the disk, bytes, JOURNAL_SIZE_MIN at least. */
struct journal *journal_new(const struct journal_disk *disk, uint64_t size);
void journal_free(struct journal *j); /* takes NULL; what is staged is dropped */

/* Makes an empty journal of the disk. 0 or -EIO. */
int journal_format(struct journal *j);

/* Finds what was committed. -EBADMSG: not a journal, of another version or size, or damaged elsewhere than at its very
 * end; -EIO. journal_error says what. What it finds is synced. */
int journal_load(struct journal *j);

/* Bytes of a last batch that was not written to its end, and which therefore never counted. */
uint64_t journal_torn_bytes(const struct journal *j);

/* The largest record that it takes; a sixteenth of the disk. */
size_t journal_record_max(const struct journal *j);

void journal_put(struct journal *j, enum journal_kind kind, uint64_t id, struct bytes record);
void journal_delete(struct journal *j, enum journal_kind kind, uint64_t id);

/* 0, also where nothing was staged; -EIO: nothing more of what is staged was written, and journal_error says why. Where
 * there is no room for all of it nothing is; where the disk fails in the middle of more than a batch takes, which is a
 * sixteenth of it, its beginning was. */
int journal_commit(struct journal *j);

/* True while nothing but deletions is staged: they may be committed later, together with something else. */
bool journal_may_wait(const struct journal *j);

/* False: what is there is so much that nothing new should be begun. What was begun before can still be ended. */
bool journal_has_room(const struct journal *j);

const char *journal_error(const struct journal *j);

/* Calls each() for all committed records of the kind, by ascending number. Stops where it returns a negative errno, and
 * returns that. Records may be staged and committed meanwhile. */
int journal_each(struct journal *j, enum journal_kind kind,
                 int (*each)(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record), void *ctx);

struct journal_totals {
    size_t records;
    uint64_t live_bytes; /* that records take */
    uint64_t used_bytes; /* of the ring: records, and what no longer counts but was not freed yet */
    uint64_t ring_bytes;
    uint64_t written_bytes; /* since journal_new: batches and copies */
    uint64_t copied_bytes;  /* of these: copies */
};

struct journal_totals journal_totals(const struct journal *j);

#endif
