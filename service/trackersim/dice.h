/* Chance that can be repeated: the same seed and stream give the same throws (splitmix64). Every tracker has streams of
 * its own, so that what happens to its n-th command does not depend on what the other trackers do. */
#ifndef TRACKERSIM_DICE_H
#define TRACKERSIM_DICE_H

#include <stdint.h>

struct dice {
    uint64_t state;
};

struct dice dice_new(uint64_t seed, uint64_t stream);
uint64_t dice_throw(struct dice *dice);

/* From 0 up to, not including, 1. */
double dice_chance(struct dice *dice);

/* From 0 to `most`, both included. */
uint64_t dice_up_to(struct dice *dice, uint64_t most);

/* A seed that nobody chose. */
uint64_t dice_random_seed(void);

#endif
