#include "dice.h"

#include <sys/random.h>

#include "base/clock.h"

static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

struct dice dice_new(uint64_t seed, uint64_t stream)
{
    return (struct dice){.state = mix(seed) ^ mix(stream * 0xD1B54A32D192ED03u + 1)};
}

uint64_t dice_throw(struct dice *dice)
{
    dice->state += 0x9E3779B97F4A7C15u;
    return mix(dice->state);
}

double dice_chance(struct dice *dice)
{
    return (double)(dice_throw(dice) >> 11) / 9007199254740992.0; /* 2^53 */
}

uint64_t dice_up_to(struct dice *dice, uint64_t most)
{
    uint64_t thrown = dice_throw(dice);

    return most == UINT64_MAX ? thrown : thrown % (most + 1); /* the bias is nothing beside a network's jitter */
}

uint64_t dice_random_seed(void)
{
    uint64_t seed;

    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        seed = clock_mono_us();
    return seed % 1000000000; /* short enough to be typed again */
}
