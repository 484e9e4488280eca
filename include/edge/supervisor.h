/* Tells the supervisor that started the process (systemd, with Type=notify) how it is, by the protocol of sd_notify(3):
 * one datagram a message, to the Unix socket that NOTIFY_SOCKET names. Without that variable nobody is told anything.
 *
 * The protocol is a promise of systemd's to programs that do not link its library: for these few lines that would map
 * six more libraries into a process that holds secrets.
 *
 * Nothing here waits: what a supervisor does not take at once is said to be so, and can be told again. */
#ifndef EDGE_SUPERVISOR_H
#define EDGE_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct supervisor {
    int fd;
    struct sockaddr_un address;
    socklen_t address_len; /* 0: there is none, and fd means nothing */
    uint64_t watchdog_ms;  /* it ends a process that it does not hear of for so long; 0: it does not */
    uint64_t alive_at_ms;  /* monotonic: when it is to hear of this one next */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. 0, or a negative errno where the address is none that can be
 * told anything: then there is no supervisor. */
int supervisor_open(struct supervisor *v);
void supervisor_close(struct supervisor *v);

/* The watchdog is to wait for longer where it would take a slow turn of the loop for a dead one. To be told together
 * with SUPERVISOR_READY, before which it does not count. */
void supervisor_allow_ms(struct supervisor *v, uint64_t turn_longest_ms);

enum supervisor_state { SUPERVISOR_STARTING, SUPERVISOR_READY, SUPERVISOR_RELOADING, SUPERVISOR_STOPPING };

/* 0 also where there is no supervisor; a negative errno where it was not told. stop_in_ms: for SUPERVISOR_STOPPING, how
 * long that may take. SUPERVISOR_STARTING is what a supervisor takes for granted. */
int supervisor_tell(struct supervisor *v, enum supervisor_state state, uint64_t stop_in_ms);

/* One line for people. Control characters become spaces: some of it may be a stranger's, and a line end would begin
 * another message. */
int supervisor_tell_status(struct supervisor *v, const char *text);

/* To be called once a turn of the loop: tells that it turns, when half of the watchdog's time has passed. */
void supervisor_alive(struct supervisor *v, uint64_t now_ms);

/* At most wait_ms, so that supervisor_alive comes in time. */
int supervisor_wait_ms(const struct supervisor *v, uint64_t now_ms, int wait_ms);

#endif
