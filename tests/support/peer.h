/* A peer that is no good broker: a process that serves one connection after the other with a function of the test. */
#ifndef SUPPORT_PEER_H
#define SUPPORT_PEER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct peer {
    pid_t pid;
    int reports; /* to read what the function writes to its second descriptor */
    char url[64];
};

typedef void peer_serve(int fd, int reports);

/* The broker that a peer stands before; to be set before peer_start. */
extern uint16_t peer_real_port;

struct peer peer_start(peer_serve *serve);
void peer_stop(struct peer *peer);

/* Reports the protocol level of the CONNECT, '4' or '5'; refuses 5 with these bytes and hands anything else to the real
 * broker. */
void peer_refuse_5(int fd, int reports, const void *answer, size_t len);

/* A peer_serve that refuses 5 by closing the connection. */
void peer_close_on_5(int fd, int reports);

#endif
