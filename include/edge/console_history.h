/* How requests ended in the last five minutes, in steps of five seconds, and how long those took that were acked: what
 * the console draws when it is opened. Noting one is a few additions; the loop's alone. */
#ifndef EDGE_CONSOLE_HISTORY_H
#define EDGE_CONSOLE_HISTORY_H

#include "core/engine.h"

enum {
    HISTORY_STEP_MS = 5000,
    HISTORY_STEPS = 60,
    HISTORY_OUTCOMES = 4,
    HISTORY_BOUNDS = 15,
};

struct history_step {
    uint64_t number; /* which of all steps since the clock's start it holds */
    uint32_t outcomes[HISTORY_OUTCOMES];
    uint32_t latency[HISTORY_BOUNDS + 1]; /* the last: beyond all bounds */
};

/* All zero is a valid empty one. */
struct console_history {
    struct history_step steps[HISTORY_STEPS];
};

void console_history_event(struct console_history *h, const struct engine_event *event, uint64_t mono_ms);

/* Appends {"step_ms": …, "success": [60 counts, the oldest first], …, "bounds_ms": […], "latency": […]}. */
void console_history_write(const struct console_history *h, uint64_t mono_ms, struct buffer *out);

#endif
