#include "chaos/report.h"

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

static struct finding judge(void *ctx, uint32_t number)
{
    const struct ledger *l = ctx;

    return verdict_of(&l->requests[number]);
}

bool report_print(const struct run_summary *run)
{
    const struct faults *f = run->faults;
    struct tally tally = {0};

    tally_judge(&tally, run->ledger, run->stage->folder, judge, (void *)(uintptr_t)run->ledger);
    tally_write_faults(run->ledger, run->stage->folder);
    print_faults(f);
    tally_print(&tally, run->ledger, run->requesters->again);
    printf("the broker's   %u requests that it lost or had nobody for, %u replies that it lost\n", tally.lost_by_broker,
           tally.reply_lost_by_broker);
    printf("no journal     %u acknowledged while it could not be written: code 8, of which %u were lost by a kill\n",
           tally.unrecorded, tally.unrecorded_lost);
    tally_print_silence(run->ledger);
    printf("service        ended by itself %u times, gave up on a full disk %u times, stopped badly %u times\n",
           f->crashes, f->gave_up, f->bad_stops);
    tally_count(&tally, "lost", tally.classes[FAULT_LOST]);
    tally_count(&tally, "repeated", tally.classes[FAULT_REPEATED]);
    tally_count(&tally, "contradictory", tally.classes[FAULT_CONTRADICTION]);
    tally_count(&tally, "nobody's", run->ledger->unreadable);
    tally_count(&tally, "crashes", f->crashes + f->bad_stops);
    return tally_end(&tally, run->stage->has_disk ? 0 : 1);
}
