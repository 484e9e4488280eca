/* Does what the plan says, and prints a line of each fault as it begins. */
#ifndef CLUSTER_FAULTS_H
#define CLUSTER_FAULTS_H

#include "cluster/plan.h"
#include "cluster/stage.h"
#include "cluster/watch.h"

/* One row of the plan, and where in it we are. */
struct run {
    size_t next;
    bool is_armed; /* waits for its moment, until at_ms at the latest */
    bool is_active;
    uint64_t at_ms; /* when the fault begins, or ends */
    unsigned which; /* the instance that it holds up */
    size_t note;
};

struct faults {
    const struct plan *plan;
    struct stage *stage;
    struct ledger *ledger;
    struct watch *watch;
    struct run runs[ROWS];
    uint64_t gone_ms; /* when an instance was killed for good, the last time; 0: never */
    uint64_t lost_ms; /* when Redis came back with nothing */
    uint64_t back_ms; /* when it came back after so long that instances had gone on alone */
    unsigned done[FAULT_KINDS];
    unsigned at_moment; /* those that came at the moment they waited for */
    unsigned crashes;   /* an instance ended by itself */
};

void faults_init(struct faults *f, const struct plan *plan, struct stage *stage, struct watch *watch);

/* Once a turn. */
void faults_turn(struct faults *f);

/* What a tap sees passing; ctx is faults. The ledger's `service` says whose tap. */
void faults_moment(void *ctx, enum moment moment);

/* All of them were done, or instances end by themselves. */
bool faults_are_over(const struct faults *f);

#endif
