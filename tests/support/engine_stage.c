/* The stage's clock, journal and outbox, and the life of the engine on it. */
#include "support/engine_stage.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#include "base/map.h"
#include "engine_stage_inside.h"

struct record {
    uint64_t id;
    size_t len;
    uint8_t bytes[];
};

/* What is staged for the journal, in order. */
struct change {
    enum journal_kind kind;
    uint64_t id;
    struct record *record; /* NULL: deleted */
};

/* What waits to leave. */
struct entry {
    bool is_command;
    uint64_t id;
    uint64_t deadline_ms;
    bool waits;     /* for the journal, also while that cannot be written */
    bool committed; /* it may leave */
    bool sent;      /* replies: given to the broker, to be acknowledged */
    enum code code;
    enum outcome outcome;
};

/* The end of a request, as the first reply that left said it. */
struct ending {
    enum code code;
    enum outcome outcome;
};

static struct {
    struct map journal[JOURNAL_KIND_COUNT];
    struct change *changes;
    size_t change_count;
    size_t change_size;
    struct entry *entries;
    size_t entry_count;
    size_t entry_size;
    struct map sent;    /* ids of commands that have left; survives crashes */
    struct map endings; /* by request id; survives crashes */
    struct map online;  /* what the broker retains of presence */
    uint64_t first_id;
    bool breaks;
    bool down;
} inside;

struct stage *stage;

/* --- journal --- */

static void add_change(enum journal_kind kind, uint64_t id, struct record *record)
{
    if (inside.change_count == inside.change_size) {
        inside.change_size = inside.change_size ? inside.change_size * 2 : 64;
        inside.changes = realloc(inside.changes, inside.change_size * sizeof *inside.changes);
        cr_assert(inside.changes);
    }
    inside.changes[inside.change_count++] = (struct change){kind, id, record};
}

static void journal_put(void *ctx, enum journal_kind kind, uint64_t id, struct bytes bytes)
{
    struct record *record = malloc(sizeof *record + bytes.len);

    (void)ctx;
    cr_assert(record && id);
    *record = (struct record){.id = id, .len = bytes.len};
    memcpy(record->bytes, bytes.data, bytes.len);
    add_change(kind, id, record);
}

static void journal_delete(void *ctx, enum journal_kind kind, uint64_t id)
{
    (void)ctx;
    add_change(kind, id, NULL);
}

static bool is_staged(uint64_t id)
{
    for (size_t i = inside.change_count; i-- > 0;) {
        if (inside.changes[i].kind == JOURNAL_REQUEST && inside.changes[i].id == id)
            return inside.changes[i].record != NULL;
    }
    return stage_journal_has(JOURNAL_REQUEST, id);
}

static void apply(const struct change *change)
{
    struct map *journal = &inside.journal[change->kind];

    free(change->record ? map_put(journal, change->id, change->record) : map_remove(journal, change->id));
}

static void drop_changes(void)
{
    for (size_t i = 0; i < inside.change_count; i++)
        free(inside.changes[i].record);
    inside.change_count = 0;
}

static void write_journal(void)
{
    for (size_t i = 0; i < inside.change_count; i++)
        apply(&inside.changes[i]);
    inside.change_count = 0;
    engine_journal_committed(stage->engine);
}

/* What could not be written stays staged. */
void stage_commit(void)
{
    inside.down = inside.breaks;
    if (inside.breaks)
        engine_journal_failed(stage->engine, stage->now);
    else
        write_journal();
    for (size_t i = 0; i < inside.entry_count; i++)
        inside.entries[i].committed |= !inside.breaks || !inside.entries[i].waits;
}

bool stage_journal_is_down(void)
{
    return inside.down;
}

void stage_journal_breaks(void)
{
    inside.breaks = true;
}

void stage_journal_works(void)
{
    inside.breaks = false;
}

void stage_journal_forge(uint64_t id, int32_t tracker)
{
    struct record *record = map_find(&inside.journal[JOURNAL_REQUEST], id);
    struct pending *p = pending_from_record(bytes_of(record->bytes, record->len), stage->now, 10000);
    struct buffer forged = {0};

    cr_assert(p);
    p->tracker_id = tracker;
    pending_to_record(p, stage->now, &forged);
    cr_assert_eq(forged.len, record->len);
    memcpy(record->bytes, forged.data, forged.len);
    buffer_release(&forged);
    pending_free(p);
}

size_t stage_journal_count(enum journal_kind kind)
{
    return inside.journal[kind].count;
}

bool stage_journal_has(enum journal_kind kind, uint64_t id)
{
    return map_find(&inside.journal[kind], id) != NULL;
}

/* --- outbox --- */

static void add_entry(const struct entry *entry)
{
    if (inside.entry_count == inside.entry_size) {
        inside.entry_size = inside.entry_size ? inside.entry_size * 2 : 64;
        inside.entries = realloc(inside.entries, inside.entry_size * sizeof *inside.entries);
        cr_assert(inside.entries);
    }
    inside.entries[inside.entry_count++] = *entry;
}

static void remove_entry(size_t i)
{
    inside.entry_count--;
    memmove(&inside.entries[i], &inside.entries[i + 1], (inside.entry_count - i) * sizeof *inside.entries);
}

static void command(void *ctx, const struct engine_command *wanted)
{
    (void)ctx;
    cr_assert(is_staged(wanted->id), "command %llu is staged without its record", (unsigned long long)wanted->id);
    cr_assert(!map_find(&inside.sent, wanted->id), "command %llu is staged again", (unsigned long long)wanted->id);
    add_entry(&(struct entry){.is_command = true, .id = wanted->id, .deadline_ms = wanted->deadline_ms, .waits = true});
    hear_command(wanted);
}

static void cancel(void *ctx, uint64_t id)
{
    (void)ctx;
    for (size_t i = 0; i < inside.entry_count; i++) {
        if (inside.entries[i].is_command && inside.entries[i].id == id) {
            remove_entry(i);
            break;
        }
    }
    hear_cancel(id);
}

static void reply(void *ctx, const struct engine_reply *wanted)
{
    const struct stage_reply *heard;

    (void)ctx;
    cr_assert(inside.down || is_staged(wanted->id), "reply %llu is staged without its record",
              (unsigned long long)wanted->id);
    heard = hear_reply(wanted);
    add_entry(
        &(struct entry){.id = wanted->id, .waits = wanted->waits, .code = heard->code, .outcome = heard->outcome});
}

static void event(void *ctx, const struct engine_event *event)
{
    (void)ctx;
    if (event->kind == EVENT_ACK_IGNORED)
        stage->ignored_why = event->why;
    if (stage->watch.event)
        stage->watch.event(event);
}

/* Of one request every reply that leaves is the same. */
static void check_ending(const struct entry *entry)
{
    struct ending *ending = map_find(&inside.endings, entry->id);

    if (!ending) {
        ending = malloc(sizeof *ending);
        cr_assert(ending);
        *ending = (struct ending){entry->code, entry->outcome};
        map_put(&inside.endings, entry->id, ending);
    }
    cr_assert(ending->code == entry->code && ending->outcome == entry->outcome,
              "request %llu ends with %d/%s after %d/%s", (unsigned long long)entry->id, entry->code,
              outcome_name(entry->outcome), ending->code, outcome_name(ending->outcome));
}

static void tell_left(const struct entry *entry)
{
    if (!entry->is_command)
        check_ending(entry);
    if (stage->watch.left)
        stage->watch.left(entry->id, entry->is_command);
}

static void send_command(const struct entry *entry)
{
    unsigned long long id = entry->id;

    cr_assert(stage_journal_has(JOURNAL_REQUEST, id), "command %llu leaves before its record is in the journal", id);
    cr_assert(!map_put(&inside.sent, id, stage), "command %llu leaves twice", id);
    engine_command_sent(stage->engine, id, stage->now);
    tell_left(entry);
}

void stage_send(void)
{
    for (size_t i = 0; i < inside.entry_count;) {
        struct entry entry = inside.entries[i];

        if (!entry.committed || !entry.is_command) {
            inside.entries[i++].sent = entry.committed;
            if (entry.committed && !entry.sent)
                tell_left(&entry);
            continue;
        }
        remove_entry(i);
        if (stage->now.mono_ms < entry.deadline_ms) /* else the outbox drops it: its request has ended */
            send_command(&entry);
    }
}

void stage_deliver(void)
{
    for (size_t i = 0; i < inside.entry_count;) {
        struct entry entry = inside.entries[i];

        if (!entry.sent) {
            i++;
            continue;
        }
        remove_entry(i);
        engine_reply_delivered(stage->engine, entry.id);
    }
}

void stage_turn(void)
{
    engine_tick(stage->engine, stage->now);
    stage_commit();
    stage_send();
}

void stage_advance(uint64_t ms)
{
    stage->now.mono_ms += ms;
    stage->now.wall_ms += (int64_t)ms;
    engine_tick(stage->engine, stage->now);
}

bool stage_was_sent(uint64_t id)
{
    return map_find(&inside.sent, id) != NULL;
}

/* --- life --- */

static const char *const own_topics[] = {"outputd/outputd-1/fence", "outputd/outputd-1/stats"};

static const struct engine_config first_config = {
    .store = {.pending_max = 1000,
              .tracker_queue_max = 16,
              .pending_bytes_max = 16 << 20,
              .dedup_max = 10000,
              .refused_max = 1000,
              .dedup_window_ms = 60000},
    .ack_timeout_ms = 10000,
    .quarantine_ms = 5000,
    .drain_ms = 5000,
    .trackers_max = 1000,
    .request_bytes_max = 16384,
    .ack_bytes_max = 4096,
    .user_burst = 100,
    .prefix = "",
    .reply_default = "api/tracker/output/{action}/response",
    .own_topics = own_topics,
    .own_topic_count = 2,
};

static void start_engine(void)
{
    static const struct engine_effects effects = {NULL,   journal_put, journal_delete, command,
                                                  cancel, reply,       event,          NULL};

    stage->engine = engine_new(&stage->config, &effects, inside.first_id);
    inside.first_id += 1 << 24; /* ids go on upwards from one start to the next */
    stage_reload();
}

void stage_reload(void)
{
    engine_reload(stage->engine, &stage->config, stage_registry(), stage_profiles());
}

void stage_open_cold(void)
{
    stage = calloc(1, sizeof *stage);
    cr_assert(stage);
    stage->config = first_config;
    stage->now = (struct instant){.mono_ms = 1000000, .wall_ms = STAGE_WALL_MS_S * INT64_C(1000)};
    stage_fill_world(stage);
    memset(&inside, 0, sizeof inside);
    inside.first_id = 1;
    start_engine();
}

void stage_open(void)
{
    stage_open_cold();
    for (int32_t id = TRACKER_JSON; id < TRACKER_END; id++)
        stage_online(id);
    stage_presence_read();
    stage_turn();
}

static void free_map(struct map *map)
{
    size_t at = 0;
    void *value;

    while ((value = map_next(map, &at)))
        free(value);
    map_release(map);
}

void stage_close(void)
{
    if (!stage)
        return;
    engine_free(stage->engine);
    drop_changes();
    for (int kind = 0; kind < JOURNAL_KIND_COUNT; kind++)
        free_map(&inside.journal[kind]);
    free_map(&inside.endings);
    map_release(&inside.sent);
    map_release(&inside.online);
    free(inside.changes);
    free(inside.entries);
    forget_heard();
    free(stage);
    stage = NULL;
}

static int by_id(const void *a, const void *b)
{
    const struct record *const *left = a;
    const struct record *const *right = b;

    return ((*left)->id > (*right)->id) - ((*left)->id < (*right)->id);
}

static void recover(enum journal_kind kind)
{
    size_t count = 0;
    size_t at = 0;
    struct record **all = calloc(inside.journal[kind].count + 1, sizeof(struct record *));

    cr_assert(all);
    while ((all[count] = map_next(&inside.journal[kind], &at)))
        count++;
    qsort(all, count, sizeof *all, by_id);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(engine_recover(stage->engine, kind, all[i]->id, bytes_of(all[i]->bytes, all[i]->len), stage->now),
                     0);
    free(all);
}

void stage_crash_and_recover(void)
{
    engine_free(stage->engine);
    drop_changes();
    inside.entry_count = 0;
    inside.down = inside.breaks = false;
    start_engine();
    recover(JOURNAL_ANSWER);
    recover(JOURNAL_STATES);
    recover(JOURNAL_REQUEST);
    engine_recovered(stage->engine, stage->now);
}

/* --- presence --- */

void note_presence(int32_t tracker, bool online)
{
    if (online)
        map_put(&inside.online, (uint64_t)tracker, stage);
    else
        map_remove(&inside.online, (uint64_t)tracker);
}

void stage_presence_read(void)
{
    engine_presence_read(stage->engine, stage->now);
}

void stage_reconnect(void)
{
    engine_presence_reading(stage->engine);
    for (int32_t id = TRACKER_JSON; id < TRACKER_END; id++) {
        if (map_find(&inside.online, (uint64_t)id))
            stage_online(id);
    }
    stage_presence_read();
}
