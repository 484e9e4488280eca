#include "base/mix.h"

#include <sys/random.h>

#include "base/check.h"

static uint64_t secret(void)
{
    static uint64_t value;

    while (value == 0)
        CHECK(getrandom(&value, sizeof value, 0) == (ssize_t)sizeof value);
    return value;
}

/* The finalizer of splitmix64. */
uint64_t mix(uint64_t x)
{
    x ^= secret();
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}
