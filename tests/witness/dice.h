/* The same seed throws the same. */
#ifndef WITNESS_DICE_H
#define WITNESS_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

/* splitmix64 */
static inline uint64_t dice_throw(struct dice *d)
{
    uint64_t z = d->state += 0x9E3779B97F4A7C15u;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* from `least` to `most` */
static inline unsigned dice_between(struct dice *d, unsigned least, unsigned most)
{
    return least + (unsigned)(dice_throw(d) % (most - least + 1));
}

static inline bool dice_percent(struct dice *d, unsigned percent)
{
    return dice_throw(d) % 100 < percent;
}

#endif
