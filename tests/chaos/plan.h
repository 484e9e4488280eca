/* Which faults come, in which order: thrown from the seed. Two lanes run side by side, so that a fault of the one meets
 * those of the other: what is done to the service, and what is done to the broker and to connections. */
#ifndef CHAOS_PLAN_H
#define CHAOS_PLAN_H

#include "witness/tap.h"

enum fault_kind {
    /* the service */
    FAULT_KILL,
    FAULT_FREEZE,
    FAULT_FREEZE_KILL, /* stopped for a while, then killed: what a socket held back leaves meanwhile */
    FAULT_RELOAD,
    FAULT_RESTART,
    FAULT_DISK_FULL,
    FAULT_DISK_FULL_KILL,
    FAULT_FILE_LIMIT,
    FAULT_FILE_LIMIT_KILL,
    /* the broker, and connections */
    FAULT_BROKER_KILL,
    FAULT_BROKER_LOSE, /* killed, and what it had saved is gone */
    FAULT_BROKER_FREEZE,
    FAULT_CUT_SERVICE,
    FAULT_CUT_CLIENT,
    FAULT_CUT_CLIENTS,
    FAULT_STALL, /* nothing goes on between the service and the broker */
    FAULT_KINDS
};

enum lane { LANE_SERVICE, LANE_BROKER, LANES };

struct fault {
    enum fault_kind kind;
    enum moment moment;   /* waits for it; MOMENTS: for nothing */
    unsigned pause_ms;    /* after the one before */
    unsigned delay_us;    /* after its moment */
    unsigned duration_ms; /* how long it stays; of a kill, until the next start */
    bool with_reset;
    unsigned which; /* connection */
};

struct plan {
    struct fault *faults[LANES];
    size_t count[LANES];
};

extern const char *const fault_names[FAULT_KINDS];

void plan_make(struct plan *p, uint64_t seed, unsigned service_kills, unsigned broker_kills, bool has_disk);
void plan_release(struct plan *p);

#endif
