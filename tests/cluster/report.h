/* What a run is worth, printed. */
#ifndef CLUSTER_REPORT_H
#define CLUSTER_REPORT_H

#include "cluster/faults.h"
#include "witness/requesters.h"

struct run_summary {
    struct ledger *ledger;
    struct watch *watch;
    const struct faults *faults;
    const struct requesters *requesters;
    const struct stage *stage;
    unsigned skipped; /* kinds of faults that were left out */
};

/* Prints the report, and the history of every bad request to stdout (the first few) and into the folder (all). True:
 * nothing is wrong. The last line says "N passed, N failed, N skipped". */
bool report_print(const struct run_summary *run);

#endif
