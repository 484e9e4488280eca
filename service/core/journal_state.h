/* The journal's inside, shared by its files: journal.c (staging, committing, making room) and journal_load.c (what is
 * on the disk).
 *
 * The disk: two slots that say where reading starts, one of them always whole, and the ring. A position counts the
 * bytes of all batches ever written; where it lies in the ring is its remainder. */
#ifndef CORE_JOURNAL_STATE_H
#define CORE_JOURNAL_STATE_H

#include "base/buffer.h"
#include "base/map.h"
#include "core/journal.h"

enum {
    SLOT_COUNT = 2,
    SLOT_DISTANCE = 4096, /* no sector holds both */
    RING_AT = SLOT_COUNT * SLOT_DISTANCE,
    ALIGNMENT = 8,
};

/* Numbers are of the machine's byte order, as the magic tells: a journal stays on its machine. */
static const uint64_t SLOT_MAGIC = UINT64_C(0x6c616e72756f4a4f);
static const uint32_t BATCH_MAGIC = UINT32_C(0x68637442);

struct slot {
    uint64_t magic;
    uint64_t version;
    uint64_t ring; /* bytes */
    uint64_t tail; /* position of the first batch to be read */
    uint64_t seed; /* of the hashes of batches. Records hold bytes of strangers, who must not know how to make one */
    uint64_t hash; /* of what is before it */
};

struct batch_head {
    uint64_t hash; /* of all that follows, up to the end of the batch */
    uint64_t position;
    uint32_t len; /* of the entries behind it */
    uint32_t magic;
};

/* What was whole when it was loaded, or written, is not any more. */
#define JOURNAL_WENT_BAD "the journal is damaged where it was whole before"

enum entry_what { ENTRY_PUT, ENTRY_DELETE };

/* Followed by the record, filled up to ALIGNMENT. */
struct entry_head {
    uint64_t id;
    uint32_t len; /* of the record */
    uint8_t kind;
    uint8_t what;
    uint16_t zero;
};

/* A part of the ring: what of it still counts, so that what does not is passed over without a look at the disk. */
struct segment {
    uint64_t live; /* bytes of the entries that begin here and count */
    uint64_t last; /* position of the batch that was the last to begin here */
    uint64_t end;  /* its end */
};

enum { SEGMENT_COUNT = 256 };

struct journal {
    struct journal_disk disk;
    uint64_t ring;                        /* bytes */
    uint64_t seed;                        /* as in the slots */
    uint64_t head;                        /* position of the next batch */
    uint64_t tail;                        /* position of the oldest batch that may hold something that counts */
    uint64_t saved_tail;                  /* the tail that the disk knows: nothing behind it is overwritten */
    unsigned slot;                        /* the one to be written next */
    struct map index[JOURNAL_KIND_COUNT]; /* by id: where the record is, see journal_place */
    uint64_t live;                        /* bytes of the entries that count */
    struct segment segments[SEGMENT_COUNT];
    uint64_t torn;
    bool loaded;
    struct buffer staged; /* a batch_head to be filled in, and entries */
    bool has_puts;        /* staged */
    bool carried;         /* a commit of what is staged has failed */
    struct buffer copies; /* a batch of what still counts of old ones */
    struct buffer window; /* the part of the ring that was read last */
    uint64_t window_at;   /* its position */
    uint64_t written;
    uint64_t copied;
    char error[256];
};

int journal_fail(struct journal *j, int r, const char *what);

/* The disk, by position: a run may go around the end of the ring. */
int journal_read_ring(struct journal *j, uint64_t position, void *to, size_t len);
int journal_write_ring(struct journal *j, uint64_t position, const void *from, size_t len);

/* Room for entry and record, in bytes. */
static inline uint64_t journal_entry_size(uint64_t record_len)
{
    return sizeof(struct entry_head) + (record_len + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* A place in the ring and the size of the entry there, as the index keeps it. */
static inline void *journal_place(const struct journal *j, uint64_t position, uint64_t size)
{
    return (void *)(uintptr_t)(position % j->ring / ALIGNMENT << 32 | size / ALIGNMENT);
}

static inline uint64_t journal_segment_size(const struct journal *j)
{
    return j->ring / SEGMENT_COUNT + 1;
}

static inline struct segment *journal_segment(struct journal *j, uint64_t position)
{
    return &j->segments[position % j->ring / journal_segment_size(j)];
}

static inline uint64_t journal_place_size(const void *place)
{
    return ((uintptr_t)place & UINT32_MAX) * ALIGNMENT;
}

static inline uint64_t journal_place_at(const void *place)
{
    return ((uintptr_t)place >> 32) * ALIGNMENT;
}

uint64_t journal_hash_batch(const struct journal *j, const struct batch_head *head);
uint64_t journal_hash_slot(const struct slot *slot);

static inline int journal_sync(const struct journal *j)
{
    return j->disk.sync ? j->disk.sync(j->disk.ctx) : 0;
}

/* Tells the disk that nothing before the tail is needed any more. */
int journal_save_tail(struct journal *j);

/* The whole batch at this position, borrowed until the next call. NULL where there is none: *r is 0, or -EIO. */
const struct batch_head *journal_batch_at(struct journal *j, uint64_t position, int *r);

/* Goes through the entries behind a head. False at the end; entry and *at are moved on. Entries of a batch whose hash
 * is right are checked all the same: -EBADMSG in *r. */
bool journal_next_entry(const struct batch_head *head, size_t *at, struct entry_head *entry, int *r);

/* Takes a batch that was written, or read, into the index. */
int journal_apply(struct journal *j, const struct batch_head *head);

#endif
