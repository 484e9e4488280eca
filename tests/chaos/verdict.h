/* What is wrong with a request, once the run is over. */
#ifndef CHAOS_VERDICT_H
#define CHAOS_VERDICT_H

#include "chaos/ledger.h"

enum fault_class { FAULT_NONE, FAULT_LOST, FAULT_REPEATED, FAULT_CONTRADICTION, FAULT_CLASSES };

struct finding {
    enum fault_class class;
    const char *why;
};

struct finding verdict_of(const struct request *r);

/* It was refused before anything was sent, delivered again, and judged anew: its requester may then hear both. */
bool verdict_judged_anew(const struct request *r);

/* A not_sent left the service for a request that was commanded, too, and was lost on its way: nobody was told a lie. */
bool verdict_is_unheard(const struct request *r);

#endif
