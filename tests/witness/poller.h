/* One poll for everybody: whoever waits for a file descriptor says so anew before every wait. */
#ifndef WITNESS_POLLER_H
#define WITNESS_POLLER_H

typedef void poller_fn(void *ctx, short revents);

/* For the next wait alone. `ready` may not free anything that another one of this wait needs. */
void poller_add(int fd, short events, poller_fn *ready, void *ctx);

void poller_wait(int timeout_ms);

#endif
