/* The trackers. Most are played by build/trackersim, whose log says what reached them; the text family by this program,
 * with a session at the broker that keeps their commands while they are away. */
#ifndef CHAOS_FLEET_H
#define CHAOS_FLEET_H

#include <sys/types.h>

#include "witness/client.h"
#include "witness/dice.h"
#include "witness/ledger.h"

enum {
    JSON_FIRST = 1000,
    JSON_COUNT = 200,
    MSGPACK_FIRST = 2000,
    MSGPACK_COUNT = 100,
    TEXT_FIRST = 3000,
    TEXT_COUNT = 100,
    OFFLINE_FIRST = 4000, /* in the registry, and never online */
    OFFLINE_COUNT = 10,
    SIMULATORS = 2
};

struct simulator {
    struct ledger *ledger;
    pid_t pid;
    int fd; /* its stdout */
    struct buffer line;
    FILE *log;
};

struct fleet {
    struct ledger *ledger;
    struct simulator simulators[SIMULATORS];
    /* the text family */
    struct client players;
    struct client_handlers handlers;
    struct dice dice;
    char topics[TEXT_COUNT][40];
    const char *filters[TEXT_COUNT];
};

/* Logs go into the folder. */
void fleet_init(struct fleet *f, struct ledger *l, uint16_t port, uint64_t seed, const char *folder);

/* Ends the simulators and reads what they still say. */
void fleet_end(struct fleet *f);

/* Once a turn, before poller_wait. */
void fleet_turn(struct fleet *f, uint64_t now_ms);

/* A new request for one of them, for requesters. */
uint32_t fleet_choose(void *ctx, struct dice *dice);

/* The registry and the profile of the text family. */
void fleet_write_registry(const char *folder);

#endif
