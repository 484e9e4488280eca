#include "core/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "journal_state.h"

_Static_assert(sizeof(void *) == 8, "the index keeps place and size in one pointer");
_Static_assert(sizeof(struct batch_head) % ALIGNMENT == 0 && sizeof(struct entry_head) % ALIGNMENT == 0, "alignment");

#define JOURNAL_FULL "the journal is full (journal.size_mb)"

/* Parts of the ring. */
static uint64_t live_max(const struct journal *j)
{
    return j->ring / 2;
}

/* Beyond that nothing new is begun: what is pending then still finds its way to an answer. */
static uint64_t live_enough(const struct journal *j)
{
    return j->ring / 8 * 3;
}

/* A batch is never larger either, so that there is always room to copy one. */
static uint64_t batch_max(const struct journal *j)
{
    return j->ring / 16;
}

size_t journal_record_max(const struct journal *j)
{
    return (size_t)batch_max(j) - sizeof(struct batch_head) - sizeof(struct entry_head) - ALIGNMENT;
}

/* With more than this in use, room is made. */
static uint64_t clean_from(const struct journal *j)
{
    return j->ring / 8 * 5;
}

/* Kept free for copies. */
static uint64_t margin(const struct journal *j)
{
    return j->ring / 8;
}

struct journal *journal_new(const struct journal_disk *disk, uint64_t size)
{
    struct journal *j = calloc(1, sizeof *j);

    CHECK(j);
    CHECK(size >= JOURNAL_SIZE_MIN && size < (uint64_t)ALIGNMENT << 32);
    j->disk = *disk;
    j->ring = (size - RING_AT) / ALIGNMENT * ALIGNMENT;
    return j;
}

void journal_free(struct journal *j)
{
    if (!j)
        return;
    for (size_t i = 0; i < JOURNAL_KIND_COUNT; i++)
        map_release(&j->index[i]);
    buffer_release(&j->staged);
    buffer_release(&j->copies);
    buffer_release(&j->window);
    free(j);
}

const char *journal_error(const struct journal *j)
{
    return j->error;
}

int journal_fail(struct journal *j, int r, const char *what)
{
    snprintf(j->error, sizeof j->error, "%s%s%s", what, r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
    return -EIO;
}

/* --- staging --- */

static void put_entry(struct buffer *batch, const struct entry_head *entry, struct bytes record)
{
    size_t size = journal_entry_size(record.len);
    uint8_t *at;

    if (batch->len == 0)
        buffer_put(batch, bytes_of(&(struct batch_head){0}, sizeof(struct batch_head)));
    at = buffer_room(batch, size);
    memset(at + size - ALIGNMENT, 0, ALIGNMENT); /* what lies behind the record */
    memcpy(at, entry, sizeof *entry);
    if (record.len)
        memcpy(at + sizeof *entry, record.data, record.len);
    batch->len += size;
}

void journal_put(struct journal *j, enum journal_kind kind, uint64_t id, struct bytes record)
{
    const struct entry_head entry = {.id = id, .len = (uint32_t)record.len, .kind = (uint8_t)kind, .what = ENTRY_PUT};

    CHECK(record.len <= journal_record_max(j));
    put_entry(&j->staged, &entry, record);
    j->has_puts = true;
}

void journal_delete(struct journal *j, enum journal_kind kind, uint64_t id)
{
    const struct entry_head entry = {.id = id, .kind = (uint8_t)kind, .what = ENTRY_DELETE};

    put_entry(&j->staged, &entry, (struct bytes){0});
}

bool journal_may_wait(const struct journal *j)
{
    return !j->has_puts && !j->carried;
}

bool journal_has_room(const struct journal *j)
{
    return j->live < live_enough(j);
}

/* --- writing --- */

static uint64_t free_bytes(const struct journal *j)
{
    return j->saved_tail + j->ring - j->head;
}

int journal_write_ring(struct journal *j, uint64_t position, const void *from, size_t len)
{
    uint64_t at = position % j->ring;
    size_t first = len < j->ring - at ? len : (size_t)(j->ring - at);
    int r = j->disk.write(j->disk.ctx, RING_AT + at, from, first);

    if (r == 0 && first < len)
        r = j->disk.write(j->disk.ctx, RING_AT, (const uint8_t *)from + first, len - first);
    return r;
}

/* A batch that failed must not count should the process end now, though all of it may have been written; nor should
 * the power fail, though the machine may have written it by itself. */
static void undo_batch(struct journal *j)
{
    static const struct batch_head none;

    (void)journal_write_ring(j, j->head, &none, sizeof none);
    (void)journal_sync(j);
}

/* Writes the first `len` bytes of entries, which lie behind a head in `batch`. Each batch is synced before the next one
 * is written: were two of them under way when the power fails, the second might be whole and the first not, which is
 * damage. */
static int write_batch(struct journal *j, uint8_t *batch, size_t len)
{
    struct batch_head *head = (struct batch_head *)(void *)batch;
    size_t size = sizeof *head + len;
    int r;

    if (size > free_bytes(j)) /* never so, unless what was loaded was not written by this */
        return journal_fail(j, 0, JOURNAL_FULL);
    *head = (struct batch_head){.position = j->head, .len = (uint32_t)len, .magic = BATCH_MAGIC};
    head->hash = journal_hash_batch(j, head);
    r = journal_write_ring(j, j->head, batch, size);
    if (r == 0)
        r = journal_sync(j);
    if (r < 0) {
        undo_batch(j);
        return journal_fail(j, r, "the journal cannot be written");
    }
    CHECK(journal_apply(j, head) == 0);
    j->head += size;
    j->written += size;
    return 0;
}

/* --- making room --- */

static bool still_counts(const struct journal *j, const struct entry_head *entry, uint64_t position)
{
    const void *place = entry->what == ENTRY_PUT ? map_find(&j->index[entry->kind], entry->id) : NULL;

    return place && journal_place_at(place) == position % j->ring;
}

/* Nothing counts of what begins in the segments that these bytes lie in. */
static bool is_dead(struct journal *j, uint64_t from, uint64_t to)
{
    const struct segment *last = journal_segment(j, to - 1);
    const struct segment *end = journal_segment(j, j->ring - 1) + 1;
    const struct segment *s = journal_segment(j, from);

    while (s->live == 0 && s != last)
        s = s + 1 < end ? s + 1 : j->segments;
    return s->live == 0;
}

/* Moves the tail over batches of which nothing counts any more. False: the oldest one has to be looked at. */
static bool pass_over(struct journal *j, uint64_t *cleaned)
{
    const struct segment *s = journal_segment(j, j->tail);
    uint64_t to;

    if (s->live || s->last < j->tail || s->last - j->tail >= journal_segment_size(j)) /* that one is of the next lap */
        return false;
    to = is_dead(j, s->last, s->end) ? s->end : s->last;
    if (to == j->tail)
        return false;
    *cleaned += to - j->tail;
    j->tail = to;
    return true;
}

/* Copies what still counts of the oldest batch, and moves the tail behind it. */
static int copy_one(struct journal *j, uint64_t *cleaned)
{
    int r;
    const struct batch_head *head = journal_batch_at(j, j->tail, &r);
    uint64_t behind;
    struct entry_head entry;
    size_t at = 0;
    size_t before = 0;

    if (!head)
        return r < 0 ? r : journal_fail(j, 0, JOURNAL_WENT_BAD);
    buffer_clear(&j->copies);
    behind = j->tail + sizeof *head + head->len;
    for (; journal_next_entry(head, &at, &entry, &r); before = at) {
        const uint8_t *record = (const uint8_t *)(head + 1) + before + sizeof entry;

        if (still_counts(j, &entry, j->tail + sizeof *head + before))
            put_entry(&j->copies, &entry, bytes_of(record, entry.len));
    }
    if (r == 0 && j->copies.len)
        r = write_batch(j, j->copies.data, j->copies.len - sizeof(struct batch_head));
    if (r < 0)
        return r;
    j->copied += j->copies.len;
    *cleaned += behind - j->tail;
    j->tail = behind;
    return 0;
}

/* So often that what is copied meanwhile fits into the margin. */
static int save_tail_in_time(struct journal *j)
{
    return j->tail - j->saved_tail >= batch_max(j) ? journal_save_tail(j) : 0;
}

/* Goes through this many bytes of old batches while that much of the ring is in use. Where the tail cannot be saved
 * nothing is copied any more. */
static int clean(struct journal *j, uint64_t bytes)
{
    uint64_t end = j->head;
    uint64_t cleaned = 0;
    int r = 0;

    while (r == 0 && j->tail < end && cleaned < bytes && j->head - j->tail > clean_from(j)) {
        r = save_tail_in_time(j);
        if (r == 0 && !pass_over(j, &cleaned))
            r = copy_one(j, &cleaned);
    }
    return r < 0 ? r : save_tail_in_time(j);
}

/* Only where so much is written at once that what each commit cleans was not enough. */
static int make_room(struct journal *j, uint64_t size)
{
    int r = 0;

    for (uint64_t gone_through = 0; r == 0 && free_bytes(j) < size + margin(j); gone_through += batch_max(j)) {
        if (gone_through > j->ring)
            return journal_fail(j, 0, JOURNAL_FULL);
        r = clean(j, batch_max(j));
        if (r == 0 && j->tail > j->saved_tail)
            r = journal_save_tail(j);
    }
    return r;
}

/* --- committing --- */

static const struct entry_head *entry_at(const struct buffer *batch, size_t at)
{
    return (const struct entry_head *)(const void *)(batch->data + at);
}

/* What was put and then put again or deleted, all of it uncommitted, need not be written, and must not: parts of what
 * has been carried along may be committed without the rest. */
static void keep_last_of_each(struct journal *j)
{
    struct map last[JOURNAL_KIND_COUNT] = {0};
    struct buffer kept = {0};
    size_t size;

    for (size_t at = sizeof(struct batch_head); at < j->staged.len; at += size) {
        const struct entry_head *entry = entry_at(&j->staged, at);

        size = journal_entry_size(entry->len);
        map_put(&last[entry->kind], entry->id, j->staged.data + at);
    }
    for (size_t at = sizeof(struct batch_head); at < j->staged.len; at += size) {
        const struct entry_head *entry = entry_at(&j->staged, at);

        size = journal_entry_size(entry->len);
        if (map_find(&last[entry->kind], entry->id) != entry)
            continue;
        if (entry->what == ENTRY_PUT || map_find(&j->index[entry->kind], entry->id))
            put_entry(&kept, entry, bytes_of(j->staged.data + at + sizeof *entry, entry->len));
    }
    for (size_t i = 0; i < JOURNAL_KIND_COUNT; i++)
        map_release(&last[i]);
    buffer_release(&j->staged);
    j->staged = kept;
}

/* All of what is staged, or nothing: whoever is told that it does not fit gives all of it up. */
static bool fits(const struct journal *j)
{
    int64_t grows = 0;
    size_t size;

    if (j->live + j->staged.len <= live_max(j))
        return true; /* it grows by no more than that */
    for (size_t at = sizeof(struct batch_head); at < j->staged.len; at += size) {
        const struct entry_head *entry = entry_at(&j->staged, at);
        const void *place = map_find(&j->index[entry->kind], entry->id);

        size = journal_entry_size(entry->len);
        grows += entry->what == ENTRY_PUT ? (int64_t)size : 0;
        grows -= place ? (int64_t)journal_place_size(place) : 0;
    }
    return grows <= 0 || j->live + (uint64_t)grows <= live_max(j);
}

/* The bytes of as many entries as one batch may take. */
static size_t next_chunk(const struct journal *j)
{
    size_t at = sizeof(struct batch_head);

    while (at < j->staged.len) {
        size_t size = journal_entry_size(entry_at(&j->staged, at)->len);

        if (at + size > batch_max(j))
            break; /* not the first: no record is so large */
        at += size;
    }
    return at - sizeof(struct batch_head);
}

static void drop_chunk(struct journal *j, size_t len)
{
    size_t rest = j->staged.len - sizeof(struct batch_head) - len;

    memmove(j->staged.data + sizeof(struct batch_head), j->staged.data + sizeof(struct batch_head) + len, rest);
    j->staged.len = rest ? sizeof(struct batch_head) + rest : 0;
}

static int commit_chunk(struct journal *j, uint64_t *written)
{
    size_t len = next_chunk(j);
    int r = make_room(j, sizeof(struct batch_head) + len);

    if (r == 0)
        r = write_batch(j, j->staged.data, len);
    if (r < 0)
        return r;
    *written += sizeof(struct batch_head) + len;
    drop_chunk(j, len);
    return 0;
}

int journal_commit(struct journal *j)
{
    uint64_t written = 0;
    int r = 0;

    if (j->carried || !fits(j)) {
        keep_last_of_each(j);
        r = fits(j) ? 0 : journal_fail(j, 0, JOURNAL_FULL);
    }
    while (r == 0 && j->staged.len)
        r = commit_chunk(j, &written);
    j->carried = r < 0;
    if (r < 0)
        return r;
    j->has_puts = false;
    (void)clean(j, 4 * written); /* where that fails the next commit tries again, and fails when it must */
    return 0;
}

struct journal_totals journal_totals(const struct journal *j)
{
    struct journal_totals totals = {
        .live_bytes = j->live,
        .used_bytes = j->head - j->saved_tail,
        .ring_bytes = j->ring,
        .written_bytes = j->written,
        .copied_bytes = j->copied,
    };

    for (size_t i = 0; i < JOURNAL_KIND_COUNT; i++)
        totals.records += j->index[i].count;
    return totals;
}
