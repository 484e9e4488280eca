/* What a run is told by its environment. */
#ifndef WITNESS_OPTION_H
#define WITNESS_OPTION_H

#include <stdint.h>

uint64_t option(const char *name, uint64_t otherwise);

/* SEED, or a random one. */
uint64_t option_seed(void);

#endif
