/* A TCP proxy in front of the broker: it cuts connections, with FIN or RST, and stops forwarding for a while. What
 * passes can be watched. */
#ifndef WITNESS_PROXY_H
#define WITNESS_PROXY_H

#include <stdint.h>

#include "base/buffer.h"

enum side { SIDE_CLIENT, SIDE_BROKER };

/* Watches one connection. All are called with what `opened` returned. */
struct proxy_watcher {
    void *ctx;
    void *(*opened)(void *ctx);
    void (*passing)(void *connection, enum side from, struct bytes bytes); /* read, and not yet written */
    void (*passed)(void *connection);                                      /* as far as the other side takes it */
    void (*closed)(void *connection);
};

struct proxy;

/* Listens on `port` of 127.0.0.1 for connections to `broker_port`. watcher: NULL for none, else borrowed. */
struct proxy *proxy_new(uint16_t port, uint16_t broker_port, const struct proxy_watcher *watcher);
void proxy_free(struct proxy *p);

/* Once a turn, before poller_wait. */
void proxy_turn(struct proxy *p);

/* Cuts all connections (which < 0) or one of them; the number of those that there were. */
int proxy_cut(struct proxy *p, int which, bool with_reset);

void proxy_stall(struct proxy *p, bool stall);

#endif
