#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

#include "base/check.h"
#include "journal_state.h"

/* --- batches --- */

int journal_read_ring(struct journal *j, uint64_t position, void *to, size_t len)
{
    uint64_t at = position % j->ring;
    size_t first = len < j->ring - at ? len : (size_t)(j->ring - at);
    int r = j->disk.read(j->disk.ctx, RING_AT + at, to, first);

    if (r == 0 && first < len)
        r = j->disk.read(j->disk.ctx, RING_AT, (uint8_t *)to + first, len - first);
    return r < 0 ? journal_fail(j, r, "the journal cannot be read") : 0;
}

uint64_t journal_hash_batch(const struct journal *j, const struct batch_head *head)
{
    return XXH3_64bits_withSeed(&head->position, sizeof *head - sizeof head->hash + head->len, j->seed);
}

enum { WINDOW = 64 * 1024 };

/* This part of the ring, borrowed until the next call. It is read in larger pieces than asked for, but not beyond the
 * head, where it will be written. NULL: *r is -EIO, or 0 where there is not so much. */
static const uint8_t *look(struct journal *j, uint64_t position, size_t len, int *r)
{
    uint64_t end = j->loaded ? j->head : position + j->ring;
    size_t want = len > WINDOW ? len : WINDOW;

    *r = 0;
    if (position >= j->window_at && position + len <= j->window_at + j->window.len)
        return j->window.data + (position - j->window_at);
    want = want > end - position ? (size_t)(end - position) : want;
    if (len > want)
        return NULL;
    buffer_clear(&j->window);
    *r = journal_read_ring(j, position, buffer_room(&j->window, want), want);
    if (*r < 0)
        return NULL;
    j->window.len = want;
    j->window_at = position;
    return j->window.data;
}

static bool is_head_of(const struct batch_head *head, const struct journal *j, uint64_t position)
{
    return head->magic == BATCH_MAGIC && head->position == position && head->len % ALIGNMENT == 0 &&
           head->len <= j->ring - sizeof *head;
}

const struct batch_head *journal_batch_at(struct journal *j, uint64_t position, int *r)
{
    const struct batch_head *head;
    size_t len;

    head = (const struct batch_head *)(const void *)look(j, position, sizeof *head, r);
    if (!head || !is_head_of(head, j, position))
        return NULL;
    len = head->len;
    head = (const struct batch_head *)(const void *)look(j, position, sizeof *head + len, r);
    return head && head->hash == journal_hash_batch(j, head) ? head : NULL;
}

bool journal_next_entry(const struct batch_head *head, size_t *at, struct entry_head *entry, int *r)
{
    size_t left = head->len - *at;

    *r = 0;
    if (left == 0)
        return false;
    *r = -EBADMSG;
    if (left < sizeof *entry)
        return false;
    memcpy(entry, (const uint8_t *)(head + 1) + *at, sizeof *entry);
    if (entry->kind >= JOURNAL_KIND_COUNT || entry->what > ENTRY_DELETE || journal_entry_size(entry->len) > left)
        return false;
    *at += journal_entry_size(entry->len);
    *r = 0;
    return true;
}

static void forget(struct journal *j, const void *place)
{
    uint64_t size = journal_place_size(place);

    j->live -= size;
    journal_segment(j, journal_place_at(place))->live -= size;
}

static void apply_put(struct journal *j, const struct entry_head *entry, uint64_t position, uint64_t size)
{
    const void *was = map_put(&j->index[entry->kind], entry->id, journal_place(j, position, size));

    if (was)
        forget(j, was);
    j->live += size;
    journal_segment(j, position)->live += size;
}

static void apply_delete(struct journal *j, const struct entry_head *entry)
{
    const void *was = map_remove(&j->index[entry->kind], entry->id);

    if (was)
        forget(j, was);
}

int journal_apply(struct journal *j, const struct batch_head *head)
{
    struct segment *begins_in = journal_segment(j, head->position);
    uint64_t first = head->position + sizeof *head;
    struct entry_head entry;
    size_t at = 0;
    size_t before = 0;
    int r;

    begins_in->last = head->position;
    begins_in->end = first + head->len;
    for (; journal_next_entry(head, &at, &entry, &r); before = at) {
        if (entry.what == ENTRY_PUT)
            apply_put(j, &entry, first + before, at - before);
        else
            apply_delete(j, &entry);
    }
    return r;
}

/* --- slots --- */

uint64_t journal_hash_slot(const struct slot *slot)
{
    return XXH3_64bits(slot, sizeof *slot - sizeof slot->hash);
}

int journal_save_tail(struct journal *j)
{
    struct slot slot = {
        .magic = SLOT_MAGIC, .version = JOURNAL_VERSION, .ring = j->ring, .tail = j->tail, .seed = j->seed};
    int r;

    slot.hash = journal_hash_slot(&slot);
    r = j->disk.write(j->disk.ctx, (uint64_t)j->slot * SLOT_DISTANCE, &slot, sizeof slot);
    if (r == 0)
        r = journal_sync(j);
    if (r < 0)
        return journal_fail(j, r, "the journal cannot be written");
    j->slot = (j->slot + 1) % SLOT_COUNT;
    j->saved_tail = j->tail;
    return 0;
}

int journal_format(struct journal *j)
{
    int r;

    CHECK(getrandom(&j->seed, sizeof j->seed, 0) == (ssize_t)sizeof j->seed);
    r = journal_save_tail(j);
    return r < 0 ? r : journal_save_tail(j);
}

static int refuse_slots(struct journal *j, const struct slot slots[SLOT_COUNT])
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        if (slots[i].magic == SLOT_MAGIC && slots[i].version != JOURNAL_VERSION) {
            journal_fail(j, 0, "a journal of another version of outputd: end its requests with that one first");
            return -EBADMSG;
        }
    }
    journal_fail(j, 0, "not a journal, or its beginning is damaged");
    return -EBADMSG;
}

static bool is_whole(const struct slot *slot)
{
    return slot->magic == SLOT_MAGIC && slot->version == JOURNAL_VERSION && slot->hash == journal_hash_slot(slot) &&
           slot->tail % ALIGNMENT == 0;
}

/* The newest slot that is whole. While one is written the other one is. */
static int read_slots(struct journal *j)
{
    struct slot slots[SLOT_COUNT];
    const struct slot *best = NULL;

    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        const struct slot *slot = &slots[i];
        int r = j->disk.read(j->disk.ctx, (uint64_t)i * SLOT_DISTANCE, &slots[i], sizeof slots[i]);

        if (r < 0)
            return journal_fail(j, r, "the journal cannot be read");
        if (is_whole(slot) && (!best || slot->tail > best->tail)) {
            best = slot;
            j->slot = (i + 1) % SLOT_COUNT;
        }
    }
    if (!best)
        return refuse_slots(j, slots);
    if (best->ring != j->ring) {
        journal_fail(j, 0, "the journal is not as long as it says that it is");
        return -EBADMSG;
    }
    j->tail = j->saved_tail = best->tail;
    j->seed = best->seed;
    return 0;
}

/* --- loading --- */

/* Is there a batch of this lap behind one that is not whole? Then that one is damage. Batches begin anywhere. */
static bool something_follows(struct journal *j, uint64_t end, int *r)
{
    uint64_t last = j->tail + j->ring - sizeof(struct batch_head);

    for (uint64_t position = end + ALIGNMENT; position <= last && *r == 0; position += ALIGNMENT) {
        const uint8_t *bytes = look(j, position, sizeof(struct batch_head), r);
        struct batch_head head;

        if (!bytes)
            return false;
        memcpy(&head, bytes, sizeof head);
        if (is_head_of(&head, j, position) && journal_batch_at(j, position, r))
            return true;
    }
    return false;
}

/* How far a batch goes that begins here and is not whole. */
static uint64_t torn_bytes(struct journal *j, uint64_t end, int *r)
{
    const struct batch_head *head = (const struct batch_head *)(const void *)look(j, end, sizeof *head, r);

    return head && is_head_of(head, j, end) ? sizeof *head + head->len : 0;
}

static int load_batches(struct journal *j)
{
    const struct batch_head *head;
    uint64_t end = j->tail + j->ring;
    int r = 0;

    j->head = j->tail;
    while (j->head < end && (head = journal_batch_at(j, j->head, &r))) {
        r = sizeof *head + head->len <= end - j->head ? journal_apply(j, head) : -EBADMSG;
        if (r < 0)
            break;
        j->head += sizeof *head + head->len;
    }
    if (r == 0)
        j->torn = torn_bytes(j, j->head, &r);
    if (r == 0 && something_follows(j, j->head, &r))
        r = -EBADMSG;
    return r;
}

int journal_load(struct journal *j)
{
    int r = read_slots(j);

    if (r < 0)
        return r;
    r = load_batches(j);
    if (r == -EBADMSG)
        journal_fail(j, 0, "the journal is damaged: a batch is broken, and whole ones follow it");
    j->window.len = 0;
    if (r < 0)
        return r;
    r = journal_sync(j); /* the process before may have ended between writing and that */
    if (r < 0)
        return journal_fail(j, r, "the journal cannot be written");
    j->loaded = true;
    return 0;
}

uint64_t journal_torn_bytes(const struct journal *j)
{
    return j->torn;
}

/* --- handing out --- */

struct listed {
    uint64_t id;
    const void *place;
};

static int by_id(const void *a, const void *b)
{
    uint64_t x = ((const struct listed *)a)->id;
    uint64_t y = ((const struct listed *)b)->id;

    return (x > y) - (x < y);
}

/* Copies all records of a kind, so that others may be written while these are handed on. */
static int copy_records(struct journal *j, struct listed *list, size_t count, struct buffer *records)
{
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++) {
        size_t size = (size_t)journal_place_size(list[i].place);

        r = journal_read_ring(j, journal_place_at(list[i].place), buffer_room(records, size), size);
        records->len += size;
    }
    return r;
}

static struct listed *list_records(const struct map *index, size_t *count)
{
    struct listed *list = calloc(index->count + 1, sizeof *list);

    CHECK(list);
    *count = 0;
    for (size_t slot = 0; slot < index->size; slot++) {
        if (index->slots[slot].value)
            list[(*count)++] = (struct listed){index->slots[slot].key, index->slots[slot].value};
    }
    qsort(list, *count, sizeof *list, by_id);
    return list;
}

int journal_each(struct journal *j, enum journal_kind kind,
                 int (*each)(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record), void *ctx)
{
    struct buffer records = {0};
    size_t count;
    struct listed *list = list_records(&j->index[kind], &count);
    int r = copy_records(j, list, count, &records);
    const uint8_t *at = records.data;

    CHECK(at || count == 0 || r < 0);
    for (size_t i = 0; i < count && r == 0; i++) {
        struct entry_head entry;

        memcpy(&entry, at, sizeof entry);
        if (entry.id != list[i].id || journal_entry_size(entry.len) != journal_place_size(list[i].place))
            r = journal_fail(j, 0, JOURNAL_WENT_BAD);
        else
            r = each(ctx, kind, entry.id, bytes_of(at + sizeof entry, entry.len));
        at += journal_place_size(list[i].place);
    }
    free(list);
    buffer_release(&records);
    return r;
}
