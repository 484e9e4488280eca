#include "witness/tally.h"

#include <inttypes.h>

#include "base/check.h"

enum { HISTORIES_SHOWN = 5 };

static const char *const class_names[FAULT_CLASSES] = {"",        "LOST", "REPEATED", "CONTRADICTION", "OUT OF ORDER",
                                                       "CROWDED", "STALE"};

static void add(struct tally *t, const struct request *r)
{
    t->accepted += r->taken || r->heard;
    t->replied += r->heard > 0;
    t->heard_again += r->heard > 1 ? r->heard - 1u : 0;
    t->judged_anew += verdict_judged_anew(r);
    t->unheard += verdict_is_unheard(r);
    t->commanded += r->commands > 0;
    t->reached += r->reached > 0;
    t->reached_again += r->reached_again;
    t->lost_by_broker += r->once && r->heard == 0 && !r->pubacked && !r->unrecorded && !r->reply_taken;
    t->unrecorded += r->unrecorded;
    t->unrecorded_lost += r->unrecorded && r->once && r->heard == 0 && !r->reply_taken;
    t->reply_lost_by_broker += r->once && r->heard == 0 && r->reply_taken;
    if (r->verdict_count)
        t->answers[r->verdicts[r->verdict_count - 1].answer]++;
}

static FILE *open_file(const char *folder, const char *name)
{
    char path[300];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "w");
    CHECK(file);
    return file;
}

static void print_bad(const struct ledger *l, uint32_t number, struct finding finding, FILE *out)
{
    fprintf(out, "%s: %s: ", class_names[finding.class], finding.why);
    ledger_print(l, number, out);
    if (finding.other) {
        fputs("and the other one is ", out);
        ledger_print(l, finding.other, out);
    }
}

void tally_judge(struct tally *t, const struct ledger *l, const char *folder,
                 struct finding (*judge)(void *ctx, uint32_t number), void *ctx)
{
    FILE *histories = open_file(folder, "histories.txt");
    unsigned shown = 0;

    for (uint32_t number = 1; number < l->count; number++) {
        const struct request *r = &l->requests[number];
        struct finding finding = judge(ctx, number);

        add(t, r);
        t->classes[finding.class]++;
        if (!finding.class)
            continue;
        print_bad(l, number, finding, histories);
        if (shown++ < HISTORIES_SHOWN)
            print_bad(l, number, finding, stdout);
    }
    fclose(histories);
    if (shown > HISTORIES_SHOWN)
        printf("and %u more: all are in %s/histories.txt\n", shown - HISTORIES_SHOWN, folder);
}

void tally_print(const struct tally *t, const struct ledger *l, uint64_t repetitions)
{
    printf("requests       %u, of which %u accepted (a PUBACK or a reply); %" PRIu64 " repetitions by requesters\n",
           l->count - 1, t->accepted, repetitions);
    printf("replies        to %u: %u success, %u rejected, %u unknown, %u not_sent; %u heard again\n", t->replied,
           t->answers[ANSWER_SUCCESS], t->answers[ANSWER_REJECTED], t->answers[ANSWER_UNKNOWN],
           t->answers[ANSWER_NOT_SENT], t->heard_again);
    printf("commands       for %u; %u reached their tracker, %u handed over again by the broker\n", t->commanded,
           t->reached, t->reached_again);
    printf("judged anew    %u, refused by a check and then repeated; of %u more the refusal was lost on its way\n",
           t->judged_anew, t->unheard);
}

/* --- faults --- */

static uint64_t end_of(const struct ledger *l, const struct note *n)
{
    return n->end_ms ? n->end_ms : l->now_ms;
}

void tally_write_faults(const struct ledger *l, const char *folder)
{
    FILE *file = open_file(folder, "faults.txt");

    for (size_t i = 0; i < l->note_count; i++)
        fprintf(file, "%9.3f %9.3f  %s\n", (double)(l->notes[i].at_ms - l->start_ms) / 1000.0,
                (double)(end_of(l, &l->notes[i]) - l->start_ms) / 1000.0, l->notes[i].text);
    fclose(file);
}

/* Was there when it began, or began meanwhile. */
static bool is_of_silence(const struct ledger *l, const struct note *n)
{
    return n->at_ms < l->silence_until_ms && end_of(l, n) + 1 >= l->silence_from_ms;
}

void tally_print_silence(const struct ledger *l)
{
    enum { CAUSES_SHOWN = 6 };
    unsigned causes = 0;

    printf("silence        %.1f s at the longest:", (double)(l->silence_until_ms - l->silence_from_ms) / 1000.0);
    for (size_t i = 0; i < l->note_count; i++) {
        const struct note *n = &l->notes[i];

        if (is_of_silence(l, n) && causes++ < CAUSES_SHOWN)
            printf("%s %s (%.1f s)", causes > 1 ? "," : "", n->text, (double)(end_of(l, n) - n->at_ms) / 1000.0);
    }
    if (causes > CAUSES_SHOWN)
        printf(", and %u more", causes - CAUSES_SHOWN);
    putchar('\n');
}

void tally_count(struct tally *t, const char *what, uint64_t count)
{
    printf("%-14s %" PRIu64 "\n", what, count);
    t->passed += count == 0;
    t->failed += count != 0;
}

bool tally_end(struct tally *t, unsigned skipped)
{
    if (t->answers[ANSWER_SUCCESS] == 0)
        t->failed++; /* nothing was tried */
    printf("%u passed, %u failed, %u skipped\n", t->passed, t->failed, skipped);
    return t->failed == 0;
}
