/* What is wrong with a request, once the run is over. */
#ifndef WITNESS_VERDICT_H
#define WITNESS_VERDICT_H

#include "witness/ledger.h"

enum fault_class {
    FAULT_NONE,
    FAULT_LOST,
    FAULT_REPEATED,
    FAULT_CONTRADICTION,
    /* of several instances */
    FAULT_DISORDER, /* reached its tracker after one that was asked for later */
    FAULT_CROWDED,  /* reached its tracker while another one was in flight there */
    FAULT_STALE,    /* left after its deadline, or after its reply */
    FAULT_CLASSES
};

struct finding {
    enum fault_class class;
    const char *why;
    uint32_t other; /* the request that it has to do with; 0: none */
};

struct finding verdict_of(const struct request *r);

/* It was refused before anything was sent, delivered again, and judged anew: its requester may then hear both. */
bool verdict_judged_anew(const struct request *r);

/* A not_sent left the service for a request that was commanded, too, and was lost on its way: nobody was told a lie. */
bool verdict_is_unheard(const struct request *r);

#endif
