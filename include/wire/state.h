/* The last acked states of a tracker's outputs, as the service publishes them. */
#ifndef WIRE_STATE_H
#define WIRE_STATE_H

#include "base/buffer.h"

struct output_states {
    uint64_t known;        /* bit n: output n + 1 was acked at some time */
    uint64_t on;           /* bit n: and is on; 0 where not known */
    int64_t updated_at_ms; /* wall clock */
};

/* Appends {"outputs": [true, null, false], "updated_at": "2026-11-22T20:36:00.123Z"} with `count` elements. */
void state_encode(const struct output_states *states, unsigned count, struct buffer *out);

#endif
