#include "edge/backoff.h"

#include <sys/random.h>

static uint32_t random_below(uint32_t limit)
{
    uint32_t value = 0;

    if (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value)
        return limit / 2;
    return limit ? value % limit : 0;
}

uint32_t backoff_pause_ms(uint32_t *backoff_ms, uint32_t max_ms)
{
    uint32_t pause_ms = *backoff_ms / 2 + random_below(*backoff_ms);

    *backoff_ms = *backoff_ms > max_ms / 2 ? max_ms : 2 * *backoff_ms;
    return pause_ms;
}
