/* What a run is worth, printed. */
#ifndef CHAOS_REPORT_H
#define CHAOS_REPORT_H

#include "chaos/faults.h"
#include "chaos/fleet.h"
#include "witness/requesters.h"

struct run_summary {
    const struct ledger *ledger;
    const struct faults *faults;
    const struct requesters *requesters;
    const struct stage *stage;
};

/* Prints the report, and the history of every bad request to stdout (the first few) and into the folder (all). True:
 * nothing is wrong. The last line says "N passed, N failed, N skipped". */
bool report_print(const struct run_summary *run);

#endif
