/* How long to wait before the next attempt to connect. */
#ifndef EDGE_BACKOFF_H
#define EDGE_BACKOFF_H

#include <stdint.h>

/* Half to one and a half of *backoff_ms, which is doubled, up to max_ms: many instances do not come back in step. */
uint32_t backoff_pause_ms(uint32_t *backoff_ms, uint32_t max_ms);

#endif
