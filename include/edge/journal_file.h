/* The disk of the journal: a file in a folder that belongs to one process. */
#ifndef EDGE_JOURNAL_FILE_H
#define EDGE_JOURNAL_FILE_H

#include "core/journal.h"

struct journal_file;

/* Opens or makes the folder and the journal in it, which keeps the size that it was made with, and loads it. The disk
 * space is taken at once, so that it cannot be missing later. sync: each commit waits until it is on the disk; else it
 * survives the end of the process, not of the machine. NULL, and *error says why, in static memory. */
struct journal_file *journal_file_open(const char *path, uint32_t size_mb, bool sync, const char **error);
void journal_file_close(struct journal_file *f); /* takes NULL; what is staged and not committed is dropped */

struct journal *journal_file_journal(struct journal_file *f);

/* When the service was last known to be connected, in milliseconds of wall clock: kept as the time of the lock file, so
 * that it costs no record. Of a new journal: when it was made. */
void journal_file_touch(const struct journal_file *f, int64_t wall_ms);
int64_t journal_file_touched_ms(const struct journal_file *f);

#endif
