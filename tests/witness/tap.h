/* Reads along on the service's connection: what it was handed, what it acknowledged, what it published. */
#ifndef WITNESS_TAP_H
#define WITNESS_TAP_H

#include "witness/ledger.h"
#include "witness/proxy.h"

/* What a fault may wait for. */
enum moment { MOMENT_REQUEST, MOMENT_PUBACK, MOMENT_COMMAND, MOMENT_ACK, MOMENT_REPLY, MOMENTS };

struct tap {
    struct ledger *ledger;
    unsigned service; /* of several: whose connection it is, from 1 */
    struct proxy_watcher watcher;
    void *ctx;
    void (*moment)(void *ctx, enum moment moment); /* it is passed on */
    unsigned seen;                                 /* bits of enum moment, in what is just passing */
};

void tap_init(struct tap *t, struct ledger *l, void (*moment)(void *ctx, enum moment moment), void *ctx);

#endif
