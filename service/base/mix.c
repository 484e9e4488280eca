#include "base/mix.h"

#include <sys/random.h>

#include "base/check.h"

uint64_t mix_secret;

__attribute__((constructor)) static void draw_secret(void)
{
    CHECK(getrandom(&mix_secret, sizeof mix_secret, 0) == (ssize_t)sizeof mix_secret);
}
