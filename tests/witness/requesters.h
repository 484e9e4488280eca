/* Those who ask: a few connections, at a steady rate in all. Half of the requests are repeated by their requester, with
 * the same Correlation Data and payload, until they are answered; the other half are published once, so that nothing
 * hides it when the service loses one that it has acknowledged. */
#ifndef WITNESS_REQUESTERS_H
#define WITNESS_REQUESTERS_H

#include "witness/client.h"
#include "witness/dice.h"
#include "witness/ledger.h"

enum { REQUESTERS = 6, TOKENS = 65536 };

struct requester {
    struct client client;
    struct client_handlers handlers;
    struct requesters *all;
    char reply_topic[32];
    const char *filter;
    uint32_t by_token[TOKENS]; /* the request that a PUBACK is of */
};

struct requesters_options {
    uint16_t port; /* of the broker */
    uint64_t seed;
    unsigned rate; /* requests a second */
    /* A new request in the ledger, whose wish it sets where that is not WISH_WELL; 0: not now. */
    uint32_t (*choose)(void *ctx, struct dice *dice);
    void *ctx;
    /* The broker always has the one or the other: a subscriber, or the word that there is none. Then a request that had
     * nobody is published again, also one that is published once. */
    bool knows_nobody;
};

struct requesters {
    struct ledger *ledger;
    struct requesters_options options;
    struct dice dice;
    uint64_t from_ms;
    uint64_t made;
    bool is_working;
    uint32_t oldest_open;
    unsigned open; /* of those that are repeated: not answered yet */
    uint64_t looked_ms;
    uint64_t again; /* requests that were repeated */
    struct requester each[REQUESTERS];
};

void requesters_init(struct requesters *r, struct ledger *l, const struct requesters_options *options);
void requesters_release(struct requesters *r);

/* Once a turn, before poller_wait. New requests are made between _begin and _end, repetitions after that, too. */
void requesters_turn(struct requesters *r, uint64_t now_ms);
void requesters_begin(struct requesters *r, uint64_t now_ms);
void requesters_end(struct requesters *r);

/* How many still wait for a reply that must come: those that are repeated, and of the others those that the service has
 * acknowledged (knows_nobody: the broker). */
size_t requesters_count_owed(const struct requesters *r);

#endif
