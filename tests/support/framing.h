/* The framer under test, looked at from copies of its input that end where their memory does, so that a read beyond is
 * seen. framing_stream.h, framing_reading.h and framing_finding.h say what is expected of it, each in its own words. */
#ifndef SUPPORT_FRAMING_H
#define SUPPORT_FRAMING_H

#include "core/framer.h"

extern const struct framer *framing;

/* The init function of a test suite. */
void framing_use(const char *name);

/* framing->find(); what must hold for every input is asserted. */
struct frame_found framing_find(struct bytes input, struct buffer *line);

#endif
