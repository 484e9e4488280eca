/* Lots drawn from a seed: the same ones in every run. */
#ifndef SUPPORT_LOTS_H
#define SUPPORT_LOTS_H

#include <stddef.h>
#include <stdint.h>

struct lots {
    uint64_t state; /* the seed: anything but 0 */
};

/* xorshift64* */
static inline uint64_t lots_draw(struct lots *lots)
{
    lots->state ^= lots->state >> 12;
    lots->state ^= lots->state << 25;
    lots->state ^= lots->state >> 27;
    return (lots->state * UINT64_C(0x2545F4914F6CDD1D)) >> 1;
}

/* 0 … limit - 1 */
static inline unsigned lots_below(struct lots *lots, unsigned limit)
{
    return (unsigned)(lots_draw(lots) % limit);
}

static inline void lots_fill(struct lots *lots, void *to, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)to)[i] = (uint8_t)lots_draw(lots);
}

#endif
