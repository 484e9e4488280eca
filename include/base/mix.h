/* Spreads the keys of hash tables with a secret of the process, so that nobody can choose keys that collide. */
#ifndef BASE_MIX_H
#define BASE_MIX_H

#include <stdint.h>

/* Drawn before main, and never written again. */
extern uint64_t mix_secret;

/* The finalizer of splitmix64. */
static inline uint64_t mix(uint64_t key)
{
    key ^= mix_secret;
    key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
    key = (key ^ (key >> 27)) * 0x94d049bb133111ebu;
    return key ^ (key >> 31);
}

#endif
