/* outputd with a wall clock that a test can set while it runs, by tests/preload/clock_shift.c. The monotonic clock, and
 * everybody else's, stays as it is. */
#ifndef SUPPORT_WALL_CLOCK_H
#define SUPPORT_WALL_CLOCK_H

#include "support/outputd.h"

/* outputd_start, with the wall clock as it was last set; at first it is right. */
void wall_clock_start(struct outputd *o);

/* So many seconds ahead of the right time from now on. */
void wall_clock_set(const struct outputd *o, int ahead_s);

#endif
