/* Does what the plan says. */
#ifndef CHAOS_FAULTS_H
#define CHAOS_FAULTS_H

#include "chaos/plan.h"
#include "chaos/stage.h"

/* One lane of the plan, and where in it we are. */
struct run {
    size_t next;
    bool is_armed; /* waits for its moment, until at_ms at the latest */
    bool is_active;
    uint64_t at_ms; /* when the fault begins, or ends */
    size_t note;
};

struct faults {
    const struct plan *plan;
    struct stage *stage;
    struct ledger *ledger;
    struct proxy *service_proxy;
    struct proxy *client_proxy;
    struct run runs[LANES];
    unsigned done[FAULT_KINDS];
    unsigned at_moment;   /* those that came at the moment they waited for */
    unsigned crashes;     /* the service ended by itself, and no full disk explains it */
    unsigned gave_up;     /* it did not start on a full disk */
    unsigned bad_stops;   /* SIGTERM, and it did not end in time with status 0 */
    uint64_t start_at_ms; /* of the service, where it has ended by itself */
};

void faults_init(struct faults *f, const struct plan *plan, struct stage *stage, struct ledger *ledger);

/* Once a turn. */
void faults_turn(struct faults *f);

/* What the tap sees passing. */
void faults_moment(void *ctx, enum moment moment);

/* All of them were done, or the service does not come up any more. */
bool faults_are_over(const struct faults *f);

#endif
