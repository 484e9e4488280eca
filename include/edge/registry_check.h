/* What a tracker must be told for its profile, wherever the registry comes from. */
#ifndef EDGE_REGISTRY_CHECK_H
#define EDGE_REGISTRY_CHECK_H

#include "core/profile.h"
#include "core/registry.h"

/* Fills in the number of outputs where its vars say it. False, and `why` gets what is wrong. */
bool registry_check(const struct profiles *profiles, struct registry_entry *tracker, const char *model,
                    struct buffer *why);

#endif
