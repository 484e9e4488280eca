/* What the run is played on: mosquitto, Redis, PostgreSQL and several instances of the service, each behind a proxy of
 * its own that is read along, in the folder build/cluster. */
#ifndef CLUSTER_STAGE_H
#define CLUSTER_STAGE_H

#include <sys/types.h>

#include "witness/ledger.h"
#include "witness/tap.h"

enum { INSTANCES = 3, ACK_TIMEOUT_MS = 3000, LEASE_MS = 2000, LONGEST_FREEZE_MS = 12000 };

/* A place for an instance. One that is gone for good is followed by one with another name. */
struct instance {
    unsigned life; /* which one it is, from 1 */
    char name[24];
    pid_t pid; /* 0: it does not run */
    bool is_frozen;
    uint16_t port; /* of its proxy */
    struct proxy *proxy;
    struct tap tap;
};

struct stage {
    struct ledger *ledger;
    char folder[256];
    char program[300];
    uint16_t broker_port;
    int broker_log;
    pid_t broker; /* 0: it does not run */
    struct redis_server *redis;
    struct database *database;
    struct instance instances[INSTANCES];
};

/* moment: what the taps see passing; tap->service says by whom. */
void stage_init(struct stage *s, struct ledger *l);
void stage_release(struct stage *s, bool keep);

/* registry.sql of the folder, before any instance is started. */
void stage_fill_database(const struct stage *s);

/* Once a turn, before poller_wait. */
void stage_turn(struct stage *s);

/* Starts it with the name that it had. */
void stage_start_instance(struct stage *s, unsigned which);
/* The next one here will be another one, with a journal and a session at the broker of its own. */
void stage_rename_instance(struct stage *s, unsigned which);
void stage_kill_instance(struct stage *s, unsigned which);
void stage_freeze_instance(struct stage *s, unsigned which, bool freeze);
/* It has ended by itself: true, and its status as waitpid tells it. */
bool stage_instance_ended(struct stage *s, unsigned which, int *status);

void stage_start_broker(struct stage *s);
void stage_end_broker(const struct stage *s); /* SIGTERM */
bool stage_broker_ended(struct stage *s);

#endif
