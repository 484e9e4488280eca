/* The only file that reads a clock. Everything else is handed the time.
 *
 * Durations are counted on the monotonic clock; wall-clock time is for timestamps that people and files see. The two
 * are never subtracted from one another. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* One reading of both clocks. */
struct instant {
    uint64_t mono_ms; /* milliseconds since some start, never stepping */
    int64_t wall_ms;  /* milliseconds since 1970-01-01T00:00:00Z */
    uint64_t boot;    /* which start of the machine mono_ms counts from; 0: not known */
};

struct instant clock_now(void);

/* Milliseconds from one reading to a later one, perhaps of another process: by the monotonic clock where both are of
 * the same start of the machine, else by the wall clock, and 0 where that was set back. */
uint64_t clock_elapsed_ms(struct instant from, struct instant to);

/* Microseconds on the monotonic clock, for timings. */
uint64_t clock_mono_us(void);

/* Milliseconds on the monotonic clock, for threads beside the loop, whose clock_now is: it remembers what it has read.
 */
uint64_t clock_mono_ms(void);

/* Waits; a signal may end it early. */
void clock_sleep_us(uint32_t us);

enum { CLOCK_TEXT_SIZE = 25 }; /* "2026-11-22T20:36:00.123Z" and its NUL */

/* RFC 3339, UTC, with milliseconds. */
void clock_format(int64_t wall_ms, char out[CLOCK_TEXT_SIZE]);

/* Reads "2027-01-01T00:00:00Z" (fractions of a second are allowed and dropped). 0, or -EINVAL. */
int clock_parse(const char *text, int64_t *wall_ms);

#endif
