/* A supervisor of a test: takes what a service that was started by it says of itself (sd_notify(3)). Takes its turns by
 * support/pump.h. */
#ifndef SUPPORT_SUPERVISION_H
#define SUPPORT_SUPERVISION_H

#include <stdint.h>

#include "support/outputd.h"

enum { SUPERVISION_MESSAGES_MAX = 256, SUPERVISION_MESSAGE_MAX = 1024 };

struct supervision {
    int fd;
    char address[64]; /* may be changed before supervision_start */
    int count;
    char messages[SUPERVISION_MESSAGES_MAX][SUPERVISION_MESSAGE_MAX];
};

/* Its socket lies in the service's folder, as "notify". */
struct supervision *supervision_new(const struct outputd *o);
void supervision_free(struct supervision *v); /* takes NULL */

/* outputd_start with NOTIFY_SOCKET, and with WATCHDOG_USEC where that is not 0. Nobody else gets them: mosquitto, too,
 * tells a supervisor that it is ready. */
void supervision_start(const struct supervision *v, struct outputd *o, uint64_t watchdog_us);

/* The number of the first message from number `from` on that has this text, or -1. */
int supervision_find(const struct supervision *v, int from, const char *text);

/* Waits for it; fails the test when that takes longer than patience_ms. */
int supervision_wait_for(struct supervision *v, int from, const char *text, int patience_ms);
int supervision_wait(struct supervision *v, int from, const char *text);

/* What stands behind NAME= in a message: a number; fails the test where there is none. */
uint64_t supervision_number(const struct supervision *v, int message, const char *name);

#endif
