/* A journal on a disk in memory, for tests that start it again and again. */
#ifndef SUPPORT_BOOK_H
#define SUPPORT_BOOK_H

#include "support/memory_disk.h"

/* Where the ring begins on the disk, as core/journal.h says it: behind two slots. */
enum { BOOK_RING_AT = 2 * 4096 };

struct book {
    struct memory_disk disk;
    struct journal *journal;
};

/* The one of a test. */
extern struct book book;

/* An empty journal of this size, loaded. */
void book_open(uint64_t size, bool sync);
void book_close(void);

/* The process ends and starts again, with a disk that works. What journal_load says. */
int book_reopen(void);

void book_put(enum journal_kind kind, uint64_t id, const char *text);
void book_put_size(uint64_t id, size_t len); /* a JOURNAL_REQUEST of so many bytes that depend on id and len */
void book_commit(void);                      /* has to work */

/* JOURNAL_REQUEST is records of book_put_size: number i of lens[i] bytes, 0: there is none; and all are whole. */
bool book_holds(const size_t *lens, size_t count);

/* All records of the kind are these: "KIND/ID=TEXT KIND/ID=TEXT…". */
void book_expect(enum journal_kind kind, const char *expected);
size_t book_count(void); /* records in all */

#endif
