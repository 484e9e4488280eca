/* A line between a client and a real broker that can keep back what the broker says, whatever the transport. It counts
 * what the client says meanwhile. A process of its own, dead at the latest when the test's is. */
#ifndef EDGE_SLOW_LINE_H
#define EDGE_SLOW_LINE_H

#include <stdint.h>

/* Only one at a time. */
void slow_line_start(uint16_t broker_port);
void slow_line_stop(void);

uint16_t slow_line_port(void);

/* From now on bytes of the client are counted anew. */
void slow_line_count(void);
int slow_line_counted(void);

/* From now on: the next bytes of the broker, and what follows them, wait for so long. */
void slow_line_hold(int ms);

/* Bytes of the client since slow_line_hold, at the moment when what was kept back was let go. -1: it was not yet. */
int slow_line_counted_at_release(void);

/* What was kept back is not let go: this process is killed (0: the line is cut) in its place. */
void slow_line_kill_instead(int pid);

#endif
