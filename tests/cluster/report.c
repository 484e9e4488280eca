#include "cluster/report.h"

#include "witness/tally.h"

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

bool report_print(const struct run_summary *run)
{
    const unsigned *classes;
    struct tally tally = {0};

    tally_judge(&tally, run->ledger, run->stage->folder, watch_judge, run->watch);
    tally_write_faults(run->ledger, run->stage->folder);
    print_faults(run->faults);
    tally_print(&tally, run->ledger, run->requesters->again);
    printf("told apart     %u that were refused while Redis or the database was away, and got another reply when they "
           "were asked again\n",
           run->watch->apart);
    tally_print_silence(run->ledger);
    classes = tally.classes;
    tally_count(&tally, "lost", classes[FAULT_LOST]);
    tally_count(&tally, "repeated", classes[FAULT_REPEATED]);
    tally_count(&tally, "contradictory", classes[FAULT_CONTRADICTION]);
    tally_count(&tally, "out of order", classes[FAULT_DISORDER]);
    tally_count(&tally, "two in flight", classes[FAULT_CROWDED]);
    tally_count(&tally, "stale", classes[FAULT_STALE]);
    tally_count(&tally, "nobody's", run->ledger->unreadable);
    tally_count(&tally, "crashes", run->faults->crashes);
    return tally_end(&tally, run->skipped);
}
