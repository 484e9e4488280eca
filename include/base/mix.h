/* Spreads the keys of hash tables with a secret of the process, so that nobody can choose keys that collide. */
#ifndef BASE_MIX_H
#define BASE_MIX_H

#include <stdint.h>

uint64_t mix(uint64_t key);

#endif
