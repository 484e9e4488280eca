/* The last events, for the console's pages: the loop puts them in, the HTTP thread reads them. Its size is fixed, and
 * putting never waits for a reader: who reads too slowly misses the oldest, and learns how many. Nothing is formatted
 * here.
 *
 *     loop                              HTTP thread
 *     console_ring_put            →     console_ring_read
 *     console_ring_wakes          ←     console_ring_sleep
 */
#ifndef EDGE_CONSOLE_RING_H
#define EDGE_CONSOLE_RING_H

#include "core/engine.h"

/* A copy of what pages may see of an event of the engine: no hash, no user, no topic, no payload. */
struct console_event {
    uint64_t number; /* the ring's: counts up from 1 */
    enum engine_event_kind kind;
    int64_t at_ms; /* wall clock */
    int32_t tracker_id;
    enum code code;
    enum outcome outcome;
    bool online;
    bool has_command;
    struct command command; /* its id is the request's */
    uint64_t queue_ms;
    uint64_t device_ms;
    uint64_t total_ms;
    uint8_t outputs; /* with a success: how many the tracker has, and their states now */
    struct output_states states;
};

struct console_ring;

/* life: tells the numbers of this ring from those of another one. */
struct console_ring *console_ring_new(size_t events_max, uint64_t life);
void console_ring_free(struct console_ring *r); /* takes NULL */
uint64_t console_ring_life(const struct console_ring *r);

/* --- the loop's --- */

/* Takes a copy, and gives it its number. */
void console_ring_put(struct console_ring *r, const struct console_event *event);

/* True once when there is something new for a reader that sleeps. */
bool console_ring_wakes(struct console_ring *r);

/* --- the HTTP thread's --- */

/* The number of the last one that was put; 0: none. */
uint64_t console_ring_last(const struct console_ring *r);

/* The number of the first of the last `count` that are there. */
uint64_t console_ring_first(const struct console_ring *r, size_t count);

/* Copies up to `max` events from number *next on, which moves behind them; *missed: how many before them were there no
 * longer. */
size_t console_ring_read(struct console_ring *r, uint64_t *next, struct console_event *out, size_t max,
                         uint64_t *missed);

/* The reader wants to be woken when there is more than `seen`. False: there is already. */
bool console_ring_sleep(struct console_ring *r, uint64_t seen);

#endif
