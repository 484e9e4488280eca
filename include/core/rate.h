/* Token buckets, one a user. */
#ifndef CORE_RATE_H
#define CORE_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"

/* All zero is a valid empty one. */
struct rates {
    struct map buckets;
};

/* Takes one token of the user's bucket, which fills by per_second up to `burst`. False: it is empty. Every user is
 * known to the registry, which bounds how many buckets there are. */
bool rates_take(struct rates *rates, int32_t user_id, double per_second, double burst, uint64_t now_ms);

/* Puts one token back. */
void rates_refund(struct rates *rates, int32_t user_id);

void rates_release(struct rates *rates);

#endif
