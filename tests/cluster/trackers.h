/* The trackers, all of them played here: four families, told apart by how their acks find their command. Of each the
 * first few are busy: they are asked by several at a time. The others are asked again once there is a reply, so that
 * the order is known in which their commands must reach them. */
#ifndef CLUSTER_TRACKERS_H
#define CLUSTER_TRACKERS_H

#include "witness/client.h"
#include "witness/dice.h"
#include "witness/ledger.h"

enum family { FAMILY_JSON, FAMILY_MSGPACK, FAMILY_ECHO, FAMILY_FIFO, FAMILIES };

enum { TRACKERS_MAX = 256, ACKS_MAX = 4096, OFFLINE_FIRST = 9000, OFFLINE_COUNT = 5 };

struct tracker {
    int32_t id;
    enum family family;
    bool is_busy;
    uint32_t asked; /* the last request for it */
};

/* An ack that is on its way. */
struct played_ack {
    uint64_t at_ms;
    uint64_t command_id;
    uint32_t number; /* 0: it was acked before, and this is once more */
    uint16_t tracker;
    bool refuses;
};

struct trackers {
    struct ledger *ledger;
    struct dice dice;
    struct client client;
    struct client_handlers handlers;
    const char *filter;
    struct tracker each[TRACKERS_MAX];
    unsigned count;
    unsigned burst; /* so many more requests for this busy one */
    unsigned burst_of;
    struct played_ack acks[ACKS_MAX];
    unsigned ack_count;
};

void trackers_init(struct trackers *t, struct ledger *l, uint64_t seed, uint16_t port);
void trackers_release(struct trackers *t);

/* Once a turn, before poller_wait. */
void trackers_turn(struct trackers *t, uint64_t now_ms);

/* A new request for one of them, for requesters. */
uint32_t trackers_choose(void *ctx, struct dice *dice);

/* Its place among `each`; count: not there. */
unsigned trackers_find(const struct trackers *t, int32_t id);

/* registry.sql, for the tables of the shipped schema, and the profiles of the text families. quarantine_ms: how long an
 * ack of FAMILY_FIFO may be on its way. */
void trackers_write_files(const struct trackers *t, const char *folder, unsigned quarantine_ms);

#endif
