#include "witness/poller.h"

#include <poll.h>

#include "base/check.h"

enum { WAITERS_MAX = 256 };

static struct pollfd fds[WAITERS_MAX];
static struct {
    poller_fn *ready;
    void *ctx;
} waiters[WAITERS_MAX];
static unsigned count;

void poller_add(int fd, short events, poller_fn *ready, void *ctx)
{
    CHECK(count < WAITERS_MAX);
    fds[count] = (struct pollfd){.fd = fd, .events = events};
    waiters[count].ready = ready;
    waiters[count].ctx = ctx;
    count++;
}

void poller_wait(int timeout_ms)
{
    unsigned waiting = count;

    count = 0;
    if (poll(fds, waiting, timeout_ms) <= 0)
        return;
    for (unsigned i = 0; i < waiting; i++) {
        if (fds[i].revents)
            waiters[i].ready(waiters[i].ctx, fds[i].revents);
    }
}
