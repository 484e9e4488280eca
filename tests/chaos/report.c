#include "chaos/report.h"

#include <inttypes.h>

#include "base/check.h"
#include "chaos/verdict.h"

enum { HISTORIES_SHOWN = 5 };

static const char *const class_names[FAULT_CLASSES] = {"", "LOST", "REPEATED", "CONTRADICTION"};

struct sums {
    unsigned classes[FAULT_CLASSES];
    unsigned answers[ANSWERS];
    unsigned accepted; /* a PUBACK or a reply was seen */
    unsigned replied;
    unsigned heard_again;
    unsigned judged_anew;
    unsigned unheard;
    unsigned commanded;
    unsigned reached;
    unsigned reached_again;
    unsigned lost_by_broker;       /* of those that nobody repeats: before the service acknowledged it */
    unsigned reply_lost_by_broker; /* after the broker took the reply */
    unsigned unrecorded;           /* refused while the journal could not be written */
    unsigned unrecorded_lost;      /* of these: never heard, nor taken by the broker */
};

static void add(struct sums *sums, const struct request *r)
{
    sums->accepted += r->taken || r->heard;
    sums->replied += r->heard > 0;
    sums->heard_again += r->heard > 1 ? r->heard - 1u : 0;
    sums->judged_anew += verdict_judged_anew(r);
    sums->unheard += verdict_is_unheard(r);
    sums->commanded += r->commands > 0;
    sums->reached += r->reached > 0;
    sums->reached_again += r->reached_again;
    sums->lost_by_broker += r->once && r->heard == 0 && !r->pubacked && !r->unrecorded && !r->reply_taken;
    sums->unrecorded += r->unrecorded;
    sums->unrecorded_lost += r->unrecorded && r->once && r->heard == 0 && !r->reply_taken;
    sums->reply_lost_by_broker += r->once && r->heard == 0 && r->reply_taken;
    if (r->verdict_count)
        sums->answers[r->verdicts[r->verdict_count - 1].answer]++;
}

static FILE *open_histories(const struct stage *stage)
{
    char path[300];
    FILE *file;

    snprintf(path, sizeof path, "%s/histories.txt", stage->folder);
    file = fopen(path, "w");
    CHECK(file);
    return file;
}

static uint64_t end_of(const struct ledger *l, const struct note *n)
{
    return n->end_ms ? n->end_ms : l->now_ms;
}

/* For whoever reads the logs. */
static void write_faults(const struct run_summary *run)
{
    const struct ledger *l = run->ledger;
    char path[300];
    FILE *file;

    snprintf(path, sizeof path, "%s/faults.txt", run->stage->folder);
    file = fopen(path, "w");
    CHECK(file);
    for (size_t i = 0; i < l->note_count; i++)
        fprintf(file, "%9.3f %9.3f  %s\n", (double)(l->notes[i].at_ms - l->start_ms) / 1000.0,
                (double)(end_of(l, &l->notes[i]) - l->start_ms) / 1000.0, l->notes[i].text);
    fclose(file);
}

static void print_bad(const struct run_summary *run, uint32_t number, struct finding finding, FILE *out)
{
    fprintf(out, "%s: %s: ", class_names[finding.class], finding.why);
    ledger_print(run->ledger, number, out);
}

static void judge_all(const struct run_summary *run, struct sums *sums)
{
    FILE *histories = open_histories(run->stage);
    unsigned shown = 0;

    for (uint32_t number = 1; number < run->ledger->count; number++) {
        const struct request *r = &run->ledger->requests[number];
        struct finding finding = verdict_of(r);

        add(sums, r);
        sums->classes[finding.class]++;
        if (!finding.class)
            continue;
        print_bad(run, number, finding, histories);
        if (shown++ < HISTORIES_SHOWN)
            print_bad(run, number, finding, stdout);
    }
    fclose(histories);
    if (shown > HISTORIES_SHOWN)
        printf("and %u more: all are in %s/histories.txt\n", shown - HISTORIES_SHOWN, run->stage->folder);
}

static void print_faults(const struct faults *f)
{
    unsigned all = 0;

    for (enum fault_kind kind = 0; kind < FAULT_KINDS; kind++) {
        if (f->done[kind])
            printf("  %4u  %s\n", f->done[kind], fault_names[kind]);
        all += f->done[kind];
    }
    printf("  %4u  faults, %u of them at the moment that they waited for\n", all, f->at_moment);
}

static void print_sums(const struct run_summary *run, const struct sums *s)
{
    unsigned count = run->ledger->count - 1;

    printf("requests       %u, of which %u accepted (a PUBACK or a reply); %" PRIu64 " repetitions by requesters\n",
           count, s->accepted, run->requesters->again);
    printf("replies        to %u: %u success, %u rejected, %u unknown, %u not_sent; %u heard again\n", s->replied,
           s->answers[ANSWER_SUCCESS], s->answers[ANSWER_REJECTED], s->answers[ANSWER_UNKNOWN],
           s->answers[ANSWER_NOT_SENT], s->heard_again);
    printf("commands       for %u; %u reached their tracker, %u handed over again by the broker\n", s->commanded,
           s->reached, s->reached_again);
    printf("judged anew    %u, refused by a check and then repeated; of %u more the refusal was lost on its way\n",
           s->judged_anew, s->unheard);
    printf("the broker's   %u requests that it lost or had nobody for, %u replies that it lost\n", s->lost_by_broker,
           s->reply_lost_by_broker);
    printf("no journal     %u acknowledged while it could not be written: code 8, of which %u were lost by a kill\n",
           s->unrecorded, s->unrecorded_lost);
}

/* Was there when it began, or began meanwhile. */
static bool is_of_silence(const struct ledger *l, const struct note *n)
{
    return n->at_ms < l->silence_until_ms && end_of(l, n) + 1 >= l->silence_from_ms;
}

static void print_silence(const struct ledger *l)
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

/* Counts one that is a fault where it is not zero. */
static void count_one(const char *what, uint64_t count, unsigned *passed, unsigned *failed)
{
    printf("%-14s %" PRIu64 "\n", what, count);
    *passed += count == 0;
    *failed += count != 0;
}

bool report_print(const struct run_summary *run)
{
    const struct faults *f = run->faults;
    struct sums sums = {0};
    unsigned passed = 0;
    unsigned failed = 0;

    judge_all(run, &sums);
    write_faults(run);
    print_faults(f);
    print_sums(run, &sums);
    print_silence(run->ledger);
    printf("service        ended by itself %u times, gave up on a full disk %u times, stopped badly %u times\n",
           f->crashes, f->gave_up, f->bad_stops);
    count_one("lost", sums.classes[FAULT_LOST], &passed, &failed);
    count_one("repeated", sums.classes[FAULT_REPEATED], &passed, &failed);
    count_one("contradictory", sums.classes[FAULT_CONTRADICTION], &passed, &failed);
    count_one("nobody's", run->ledger->unreadable, &passed, &failed);
    count_one("crashes", f->crashes + f->bad_stops, &passed, &failed);
    if (sums.answers[ANSWER_SUCCESS] == 0)
        failed++; /* nothing was tried */
    printf("%u passed, %u failed, %u skipped\n", passed, failed, run->stage->has_disk ? 0 : 1);
    return failed == 0;
}
