/* A service whose registry comes from a PostgreSQL of its own, with a broker, trackers and a requester. */
#ifndef SUPPORT_SERVED_H
#define SUPPORT_SERVED_H

#include <stdint.h>

#include "support/broker.h"
#include "support/database.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"

enum { SERVED_TRACKER = 265489 }; /* is online, and may be switched */

struct served {
    struct broker *broker;
    struct database *database;
    struct outputd *service; /* not started yet */
    struct field *field;
    struct desk *desk;
    uint16_t http_port;
};

extern struct served served;

/* For .init and .fini. */
void served_set_up(void);
void served_clear(void);

void served_start(void); /* the service, and waits until it is ready */

/* Until a set for this tracker is answered so. */
void served_expect_becomes(int tracker_id, int code);

/* Until /metrics has this in it. */
void served_expect_metric(const char *line);

/* Until /readyz says so: its status, and a text that is in it. */
void served_expect_readiness(int status, const char *text);

#endif
