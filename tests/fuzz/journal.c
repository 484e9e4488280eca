/* Fuzzes the journal on a disk of 64 KiB: a life of puts, deletes, commits, failures and ends of the process against a
 * plain table; and disks that no journal has written, with hashes that are right all the same. libFuzzer calls it;
 * run.sh starts it. */
#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "core/journal_state.h"
#include "draw.h"
#include "support/memory_disk.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum {
    SIZE = JOURNAL_SIZE_MIN,
    IDS = 48,
    STEPS_MAX = 200,
    TURNS_MAX = 600,
    ONE_BATCH = 3000, /* what is staged and not more is one batch */
    RECORD_SIZES = 2600,
};

struct model {
    uint32_t value[JOURNAL_KIND_COUNT][IDS]; /* 0: no record; else what it is made of */
};

static struct {
    struct memory_disk disk;
    struct journal *journal;
    struct model committed;
    struct model now;
    size_t staged;   /* bytes since the last commit that worked */
    bool trusted;    /* nobody else has written to the disk */
    uint32_t number; /* of the last value */
    unsigned sum;
    unsigned turns; /* that are left for live_on */
} life;

/* --- records --- */

static struct bytes record_of(uint32_t value)
{
    static uint8_t bytes[RECORD_SIZES + sizeof value];
    size_t len = sizeof value + value % RECORD_SIZES;

    memset(bytes, (int)(value * 7), len);
    memcpy(bytes, &value, sizeof value);
    return bytes_of(bytes, len);
}

static int read_record(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    struct model *found = ctx;
    uint32_t value = 0;

    for (size_t i = 0; i < record.len; i++) /* a sanitizer sees a read beyond it */
        life.sum += record.data[i];
    if (!life.trusted)
        return 0;
    CHECK(id < IDS && record.len >= sizeof value);
    memcpy(&value, record.data, sizeof value);
    CHECK(bytes_equal(record, record_of(value)));
    CHECK(found->value[kind][id] == 0);
    found->value[kind][id] = value;
    return 0;
}

static void read_all(struct model *found)
{
    *found = (struct model){0};
    for (int kind = 0; kind < JOURNAL_KIND_COUNT; kind++) {
        int r = journal_each(life.journal, (enum journal_kind)kind, read_record, found);

        CHECK(r == 0 || (!life.trusted && r == -EIO));
    }
}

/* What is staged may be several batches, of which each counts by itself. in_commit: the process has ended in the middle
 * of one; else what could not be committed must not be there. */
static void check_after_end(const struct model *found, bool in_commit)
{
    bool is_committed = memcmp(found, &life.committed, sizeof *found) == 0;
    bool is_now = memcmp(found, &life.now, sizeof *found) == 0;

    CHECK(life.staged > ONE_BATCH || is_committed || (in_commit && is_now));
}

/* --- the life of it --- */

static void put(enum journal_kind kind, uint32_t id, uint32_t size)
{
    uint32_t value = ++life.number * RECORD_SIZES + size % RECORD_SIZES;
    struct bytes record = record_of(value);

    journal_put(life.journal, kind, id, record);
    life.now.value[kind][id] = value;
    life.staged += journal_entry_size(record.len);
}

static void delete (enum journal_kind kind, uint32_t id)
{
    journal_delete(life.journal, kind, id);
    life.now.value[kind][id] = 0;
    life.staged += journal_entry_size(0);
}

static bool disk_fails(void)
{
    return life.disk.fails || life.disk.sync_fails || life.disk.bad_below || life.disk.reads_to_bad >= 0;
}

static void check_totals(void)
{
    struct journal_totals totals = journal_totals(life.journal);

    CHECK(totals.used_bytes <= totals.ring_bytes);
    CHECK(!life.trusted || totals.live_bytes <= totals.used_bytes);
}

static void commit(void)
{
    int r = journal_commit(life.journal);

    check_totals();
    CHECK(r == 0 || r == -EIO || (!life.trusted && r == -EBADMSG));
    CHECK(r == 0 || disk_fails() || !life.trusted || strstr(journal_error(life.journal), "full"));
    if (r < 0)
        return;
    life.committed = life.now;
    life.staged = 0;
}

static void format(void)
{
    journal_free(life.journal);
    memory_disk_restart(&life.disk);
    memset(life.disk.bytes, 0, SIZE);
    memset(life.disk.synced, 0, SIZE);
    life.journal = journal_new(&life.disk.disk, SIZE);
    CHECK(journal_format(life.journal) == 0 && journal_load(life.journal) == 0);
    life.committed = life.now = (struct model){0};
    life.staged = 0;
    life.trusted = true;
}

struct wanted {
    struct bytes record;
    bool found;
};

static int look_for(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    struct wanted *wanted = ctx;

    (void)kind;
    wanted->found |= id == 0 && bytes_equal(record, wanted->record);
    return 0;
}

/* Whatever was loaded: what is committed to it is there. */
static void check_use(void)
{
    struct wanted wanted = {.record = bytes_of("outputd", 7)};

    check_totals();
    journal_put(life.journal, JOURNAL_SESSION, 0, wanted.record);
    if (journal_commit(life.journal) < 0)
        return;
    CHECK(journal_each(life.journal, JOURNAL_SESSION, look_for, &wanted) < 0 || wanted.found);
}

/* The process has ended, and starts again. */
static void restart(bool in_commit)
{
    struct model found;
    int r;

    journal_free(life.journal);
    memory_disk_restart(&life.disk);
    life.journal = journal_new(&life.disk.disk, SIZE);
    r = journal_load(life.journal);
    CHECK(r == 0 || (!life.trusted && (r == -EBADMSG || r == -EIO)));
    if (r < 0) {
        CHECK(*journal_error(life.journal));
        format();
        return;
    }
    read_all(&found);
    if (life.trusted)
        check_after_end(&found, in_commit);
    life.committed = life.now = found;
    life.staged = 0;
    if (!life.trusted)
        check_use();
}

static void check_in_life(void)
{
    struct model found;

    if (disk_fails() || life.disk.dead || life.staged > 0)
        return;
    read_all(&found);
    CHECK(!life.trusted || memcmp(&found, &life.committed, sizeof found) == 0);
}

/* Laps: a few records that change, turn by turn. */
static void live_on(unsigned turns)
{
    for (unsigned i = 0; i < turns && life.turns > 0; i++, life.turns--) {
        put(JOURNAL_REQUEST, i % 7, 200 + i * 31 % 900);
        if (i % 11 == 0)
            put(JOURNAL_ANSWER, i / 11 % IDS, 300);
        commit();
    }
}

/* --- somebody else writes to the disk --- */

/* Where: absolute, in a slot, at the tail, at the head. */
static size_t draw_place(struct reader *step)
{
    const struct journal *j = life.journal;
    size_t letter = draw_letter(step, "asSth");
    size_t offset = (size_t)reader_be(step, letter == 0 ? 2 : 1);
    const size_t bases[] = {0, 0, SLOT_DISTANCE, RING_AT + j->tail % j->ring, RING_AT + j->head % j->ring};

    return (bases[letter] + offset) % SIZE;
}

static void write_bytes(struct reader *step)
{
    size_t at = draw_place(step);
    size_t len = step->left.len < SIZE - at ? step->left.len : SIZE - at;

    if (len)
        memcpy(life.disk.bytes + at, step->left.data, len);
}

static void flip(struct reader *step)
{
    size_t at = draw_place(step);

    life.disk.bytes[at] ^= (uint8_t)(1u << draw_number(step) % 8);
}

/* Makes what lies there a batch with the right hash, at the head or where it lies. */
static void forge_batch(struct reader *step)
{
    static uint8_t bytes[SIZE];
    struct batch_head *head = (struct batch_head *)(void *)bytes;
    const struct journal *j = life.journal;
    bool at_head = draw_number(step) % 2;
    size_t len = (size_t)reader_be(step, 2) % (SIZE - RING_AT) / ALIGNMENT * ALIGNMENT;
    uint64_t at = at_head ? j->head % j->ring : (uint64_t)(draw_place(step) % j->ring) / ALIGNMENT * ALIGNMENT;

    len = len > j->ring - sizeof *head ? j->ring - sizeof *head : len;
    for (size_t i = 0; i < sizeof *head + len; i++)
        bytes[i] = life.disk.bytes[RING_AT + (at + i) % j->ring];
    head->magic = BATCH_MAGIC;
    head->position = at_head ? j->head : j->tail + (at + j->ring - j->tail % j->ring) % j->ring;
    head->len = (uint32_t)len;
    for (size_t i = 0; i < step->left.len && i < len; i++)
        bytes[sizeof *head + i] = step->left.data[i];
    head->hash = journal_hash_batch(j, head);
    for (size_t i = 0; i < sizeof *head + len; i++)
        life.disk.bytes[RING_AT + (at + i) % j->ring] = bytes[i];
}

/* A slot that points anywhere, with the right hash. Positions do not come near to the end of 64 bits. */
static void forge_slot(struct reader *step)
{
    struct slot slot;
    size_t at = draw_number(step) % SLOT_COUNT * SLOT_DISTANCE;

    memcpy(&slot, life.disk.bytes + at, sizeof slot);
    slot.tail = (slot.tail + (uint64_t)(int64_t)(int16_t)reader_be(step, 2)) & ((UINT64_C(1) << 48) - 1);
    slot.hash = journal_hash_slot(&slot);
    memcpy(life.disk.bytes + at, &slot, sizeof slot);
}

static void write_as_somebody_else(char how, struct reader *step)
{
    life.trusted = false;
    if (how == 'w')
        write_bytes(step);
    else if (how == 'b')
        flip(step);
    else if (how == 'B')
        forge_batch(step);
    else
        forge_slot(step);
}

/* --- one input --- */

static void fault(struct reader *step)
{
    struct memory_disk *d = &life.disk;

    switch (draw_letter(step, "wsbrn")) {
    case 0:
        d->fails = true;
        break;
    case 1:
        d->sync_fails = d->disk.sync != NULL;
        break;
    case 2:
        d->bad_below = RING_AT;
        break;
    case 3:
        d->reads_to_bad = draw_number(step);
        break;
    case 4:
        memory_disk_restart(d);
        break;
    }
}

static void end(struct reader *step)
{
    life.disk.bytes_to_end = (int64_t)reader_be(step, 2);
    if (draw_number(step) % 2)
        put(JOURNAL_STATES, 1, 500);
    (void)journal_commit(life.journal);
    if (draw_number(step) % 2 && life.disk.disk.sync)
        memory_disk_lose_power(&life.disk, reader_be(step, 8));
    restart(true);
}

static void play(struct reader *step)
{
    static const char letters[] = "pxcfermvwbBs";
    char letter = letters[draw_letter(step, letters)];
    enum journal_kind kind = (enum journal_kind)(draw_number(step) % JOURNAL_KIND_COUNT);

    switch (letter) {
    case 'p':
        put(kind, draw_number(step) % IDS, (uint32_t)reader_be(step, 2));
        break;
    case 'x':
        delete (kind, draw_number(step) % IDS);
        break;
    case 'c':
        commit();
        break;
    case 'f':
        fault(step);
        break;
    case 'e':
        end(step);
        break;
    case 'r':
        restart(false);
        break;
    case 'm':
        live_on(draw_number(step));
        break;
    case 'v':
        check_in_life();
        break;
    default:
        write_as_somebody_else(letter, step);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    memory_disk_init(&life.disk, SIZE, true);
    return 0;
}

/* The first byte says whether the disk is synced. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bytes input = bytes_of(data, len);
    struct buffer line = {0};
    int (*sync)(void *ctx) = life.disk.disk.sync;

    if (len && data[0] % 2)
        life.disk.disk.sync = NULL;
    life.number = 0;
    life.turns = TURNS_MAX;
    format();
    for (int i = 0; i < STEPS_MAX && draw_step(&input, &line); i++) {
        struct reader step = {.left = buffer_bytes(&line)};

        play(&step);
    }
    restart(false);
    buffer_release(&line);
    journal_free(life.journal);
    life.journal = NULL;
    life.disk.disk.sync = sync;
    return 0;
}
