#include "witness/option.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/check.h"

uint64_t option(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static uint64_t random_seed(void)
{
    uint32_t seed = 0;

    CHECK(getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed);
    return seed;
}

uint64_t option_seed(void)
{
    return option("SEED", random_seed());
}
