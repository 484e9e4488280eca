/* Families for simulations, beside those that are built in: "fifo" sets one output or all of them, and its acks say
 * only OK or ERR; "echoing" sets one, and its acks repeat what was commanded, after ok or no. */
#ifndef SUPPORT_FAMILIES_H
#define SUPPORT_FAMILIES_H

#include "core/profile.h"

enum { FAMILIES_OUTPUTS = 3 };

/* The ack timeout (0: the engine's) and the quarantine are fifo's. */
struct profiles *families_profiles(uint32_t ack_timeout_ms, uint32_t quarantine_ms);

#endif
