#include "witness/ledger.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/check.h"

enum { SETS_A_TRACKER = 2 * SPEECH_OUTPUTS };

void ledger_init(struct ledger *l, uint64_t now_ms)
{
    *l = (struct ledger){.start_ms = now_ms, .now_ms = now_ms, .count = 1, .history_count = 1};
}

void ledger_release(struct ledger *l)
{
    free(l->requests);
    free(l->history);
    free(l->notes);
    map_release(&l->commands);
    map_release(&l->sets);
}

/* Room for one more. */
static void *grow(void *items, size_t count, size_t *size, size_t item_size)
{
    if (count < *size)
        return items;
    *size = *size ? 2 * *size : 1024;
    items = realloc(items, *size * item_size);
    CHECK(items);
    return items;
}

/* --- requests --- */

static uint64_t set_key(int32_t tracker_id, uint8_t output, bool enable)
{
    return (uint64_t)tracker_id << 16 | (uint64_t)output << 1 | enable;
}

/* What this tracker was not asked for yet. False: there is nothing left. */
static bool choose_set(const struct ledger *l, int32_t tracker_id, struct switching *s)
{
    for (int i = 0; i < SETS_A_TRACKER; i++) {
        *s = (struct switching){.output = (uint8_t)(1 + i / 2), .enable = i % 2 == 0};
        if (!map_find(&l->sets, set_key(tracker_id, s->output, s->enable)))
            return true;
    }
    return false;
}

uint32_t ledger_new(struct ledger *l, int32_t tracker_id, bool want_set, bool can_set_all)
{
    size_t size = l->size;
    uint32_t number = l->count;
    struct switching s = {0};
    bool is_set = want_set && choose_set(l, tracker_id, &s);

    if (!is_set && !can_set_all)
        return 0;
    if (!is_set)
        s = (struct switching){.all = true, .states = speech_states_of(number)};
    l->requests = grow(l->requests, l->count, &size, sizeof *l->requests);
    l->size = (uint32_t)size;
    l->requests[number] = (struct request){.tracker_id = tracker_id, .switching = s};
    l->count++;
    if (is_set)
        map_put(&l->sets, set_key(tracker_id, s.output, s.enable), (void *)(uintptr_t)number);
    return number;
}

struct request *ledger_at(struct ledger *l, uint32_t number)
{
    return number > 0 && number < l->count ? &l->requests[number] : NULL;
}

uint32_t ledger_of_switching(struct ledger *l, int32_t tracker_id, const struct switching *s)
{
    uint32_t number = 0;
    const struct request *r;

    if (!s->all)
        return (uint32_t)(uintptr_t)map_find(&l->sets, set_key(tracker_id, s->output, s->enable));
    if (!speech_number_of(s->states, &number))
        return 0;
    r = ledger_at(l, number);
    return r && r->tracker_id == tracker_id && r->switching.all ? number : 0;
}

uint32_t ledger_of_command(const struct ledger *l, uint64_t command_id)
{
    return (uint32_t)(uintptr_t)map_find(&l->commands, command_id);
}

/* --- what happens to them --- */

uint64_t ledger_pack(struct verdict verdict)
{
    return (uint64_t)verdict.code << 8 | verdict.answer;
}

static struct verdict unpack(uint64_t value)
{
    return (struct verdict){(uint16_t)(value >> 8), (enum answer)(value & 0xFF)};
}

static void note_reached(struct request *r, uint64_t command_id)
{
    if (r->reached && r->reached_id == command_id) {
        r->reached_again++;
        return;
    }
    r->reached++;
    r->reached_id = command_id;
}

static void note_published(struct request *r, struct verdict verdict)
{
    if (verdict.answer != ANSWER_NOT_SENT || r->refused_first || r->refused_after)
        return;
    if (r->commands)
        r->refused_after = true;
    else
        r->refused_first = true;
}

static void note_silence(struct ledger *l)
{
    if (l->has_load && l->last_heard_ms && l->now_ms - l->last_heard_ms > l->silence_until_ms - l->silence_from_ms) {
        l->silence_from_ms = l->last_heard_ms;
        l->silence_until_ms = l->now_ms;
    }
    l->last_heard_ms = l->now_ms;
}

void ledger_broker_dies(struct ledger *l)
{
    enum { UNREAD_MS = 50 }; /* a PUBACK that passed so shortly before may lie in its socket still */

    l->broker_is_dead = true;
    for (uint32_t i = 1; i < l->count; i++) {
        struct request *r = &l->requests[i];

        r->pubacked &= l->now_ms - r->pubacked_ms > UNREAD_MS;
    }
}

void ledger_broker_lives(struct ledger *l)
{
    l->broker_is_dead = false;
}

void ledger_journal_fails(struct ledger *l)
{
    l->journal_fails_until_ms = UINT64_MAX;
}

void ledger_journal_works(struct ledger *l)
{
    enum { TRIED_AGAIN_MS = 1200 };

    l->journal_fails_until_ms = l->now_ms + TRIED_AGAIN_MS;
}

void ledger_set_load(struct ledger *l, bool has_load)
{
    note_silence(l);
    l->has_load = has_load;
}

static void note_heard(struct ledger *l, struct request *r, struct verdict verdict)
{
    note_silence(l);
    r->heard++;
    for (unsigned i = 0; i < r->verdict_count; i++) {
        if (ledger_pack(r->verdicts[i]) == ledger_pack(verdict))
            return;
    }
    if (r->verdict_count < VERDICTS_MAX)
        r->verdicts[r->verdict_count++] = verdict;
}

static void apply(struct ledger *l, uint32_t number, enum mark mark, uint64_t value)
{
    struct request *r = &l->requests[number];

    r->taken |= mark == MARK_TAKEN;
    r->fresh = (uint16_t)(r->fresh + (mark == MARK_DELIVERED));
    if (mark == MARK_PUBACKED && l->now_ms < l->journal_fails_until_ms) {
        r->unrecorded = true;
    } else if (mark == MARK_PUBACKED && !l->broker_is_dead) {
        r->pubacked = true;
        r->pubacked_ms = l->now_ms;
    }
    r->reply_taken |= mark == MARK_REPLY_TAKEN;
    if (mark == MARK_COMMAND) {
        r->commands++;
        map_put(&l->commands, value, (void *)(uintptr_t)number);
    }
    if (mark == MARK_REPLY)
        note_published(r, unpack(value));
    if (mark == MARK_REACHED)
        note_reached(r, value);
    if (mark == MARK_ANSWERED)
        r->answered |= 1u << value;
    if (mark == MARK_HEARD)
        note_heard(l, r, unpack(value));
}

void ledger_mark(struct ledger *l, uint32_t number, enum mark mark, uint64_t value)
{
    if (!ledger_at(l, number)) {
        l->unreadable++;
        return;
    }
    l->history = grow(l->history, l->history_count, &l->history_size, sizeof *l->history);
    l->history[l->history_count] = (struct history){(uint32_t)(l->now_ms - l->start_ms), (uint8_t)mark,
                                                    (uint8_t)l->service, value, l->requests[number].newest};
    l->requests[number].newest = l->history_count++;
    if (l->watcher.marked)
        l->watcher.marked(l->watcher.ctx, number, mark, value);
    apply(l, number, mark, value);
}

/* --- faults --- */

size_t ledger_note(struct ledger *l, const char *format, ...)
{
    struct note *note;
    va_list arguments;

    l->notes = grow(l->notes, l->note_count, &l->note_size, sizeof *l->notes);
    note = &l->notes[l->note_count];
    *note = (struct note){.at_ms = l->now_ms};
    va_start(arguments, format);
    vsnprintf(note->text, sizeof note->text, format, arguments);
    va_end(arguments);
    return l->note_count++;
}

void ledger_note_end(struct ledger *l, size_t note)
{
    l->notes[note].end_ms = l->now_ms;
}

/* --- printing --- */

static const char *const mark_names[MARKS] = {
    [MARK_SENT] = "requester publishes it",
    [MARK_TAKEN] = "requester has its PUBACK",
    [MARK_NOBODY] = "requester has its PUBACK: nobody has subscribed",
    [MARK_DELIVERED] = "broker hands it to the service",
    [MARK_REDELIVERED] = "broker hands it to the service, DUP",
    [MARK_PUBACKED] = "service sends PUBACK",
    [MARK_COMMAND] = "service publishes command",
    [MARK_REPLY] = "service publishes reply",
    [MARK_REPLY_TAKEN] = "broker sends PUBACK of the reply",
    [MARK_REACHED] = "tracker gets command",
    [MARK_ANSWERED] = "tracker answers",
    [MARK_HEARD] = "requester gets reply",
};

static void print_one(const struct history *h, FILE *out)
{
    struct verdict verdict = unpack(h->value);

    fprintf(out, "  %9.3f  %s", h->at_ms / 1000.0, mark_names[h->mark]);
    if (h->service && h->mark >= MARK_DELIVERED && h->mark <= MARK_REPLY_TAKEN)
        fprintf(out, " (instance %u)", h->service);
    if (h->mark == MARK_COMMAND || h->mark == MARK_REACHED)
        fprintf(out, " %" PRIu64, h->value);
    else if (h->mark == MARK_REPLY || h->mark == MARK_HEARD)
        fprintf(out, " %u %s", verdict.code, answer_names[verdict.answer]);
    else if (h->mark == MARK_ANSWERED)
        fprintf(out, " %s", answer_names[h->value]);
    putc('\n', out);
}

/* Faults that were there in this stretch of time. */
static void print_notes(const struct ledger *l, size_t *next, uint64_t until_ms, FILE *out)
{
    for (; *next < l->note_count && l->notes[*next].at_ms <= until_ms; ++*next)
        fprintf(out, "  %9.3f  -- %s\n", (double)(l->notes[*next].at_ms - l->start_ms) / 1000.0, l->notes[*next].text);
}

/* The chain goes backwards: the oldest of its newest ones first. */
static void print_history(const struct ledger *l, const struct request *r, FILE *out)
{
    enum { MARKS_SHOWN = 200 };
    size_t chain[MARKS_SHOWN];
    unsigned count = 0;
    size_t next = 0;

    for (size_t at = r->newest; at && count < MARKS_SHOWN; at = l->history[at].before)
        chain[count++] = at;
    while (next < l->note_count && l->notes[next].at_ms < r->first_ms)
        next++;
    while (count > 0) {
        const struct history *h = &l->history[chain[--count]];

        print_notes(l, &next, l->start_ms + h->at_ms, out);
        print_one(h, out);
    }
}

void ledger_print(const struct ledger *l, uint32_t number, FILE *out)
{
    const struct request *r = &l->requests[number];

    fprintf(out, "request %u, tracker %d, %s, %s%s\n", number, r->tracker_id, r->switching.all ? "set_all" : "set",
            r->msgpack ? "msgpack" : "json", r->once ? ", never repeated by its requester" : "");
    print_history(l, r, out);
}
