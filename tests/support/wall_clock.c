#include "support/wall_clock.h"

#include <stdio.h>

#include "support/preload.h"

void wall_clock_start(struct outputd *o)
{
    preload_start(o, "clock_shift", "CLOCK_SHIFT", "clock_shift");
}

void wall_clock_set(const struct outputd *o, int ahead_s)
{
    char text[16];

    snprintf(text, sizeof text, "%d", ahead_s);
    outputd_write(o, "clock_shift", text);
}
