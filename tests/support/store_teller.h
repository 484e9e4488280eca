/* A store with a client that tells in words, in their order, what the store has answered: "new 1; turn 1; done 1".
 * Numbers are the ids of requests.
 *
 *   new 1                  it has its place             turn 1      it is its turn
 *   new 1 (8 not_sent)     it was refused               done 1      it has ended
 *   pending 2              it is the same as another    forgot 1    its answer need not be remembered any longer
 *   answered 2 (213 …)     … which has this answer */
#ifndef SUPPORT_STORE_TELLER_H
#define SUPPORT_STORE_TELLER_H

#include "core/store.h"

enum { TELLER_WINDOW_MS = 1000 };

struct teller {
    struct store store;
    struct trackers trackers;
    struct timers timers;
    struct pending *held[100]; /* by id, while in a lane */
    struct buffer told;
    bool ends_in_its_turn; /* every request, as offline */
    uint64_t now_ms;
};

extern struct teller teller;

void teller_open(void);
void teller_close(void);

struct ask {
    uint64_t id;
    int32_t tracker_id;
    unsigned key; /* what makes it the same as another one; 0: nothing does */
    bool uncorrelated;
    bool dup;
    enum code refused; /* by a check */
    enum outcome outcome;
    enum pending_state state;
};

struct pending *teller_asked(const struct ask *ask);

#define SUBMIT(id_, tracker_, ...)                                                                                    \
    store_submit(                                                                                                     \
        &teller.store,                                                                                                \
        teller_asked(&(struct ask){.id = (id_), .tracker_id = (tracker_), .outcome = OUTCOME_NOT_SENT, __VA_ARGS__}), \
        teller.now_ms)
#define RECOVER(id_, tracker_, ...) \
    store_recover(&teller.store, teller_asked(&(struct ask){.id = (id_), .tracker_id = (tracker_), __VA_ARGS__}))

void teller_end(uint64_t id, enum code code, enum outcome outcome, uint32_t quarantine_ms);
void teller_ack(uint64_t id);

/* Moves the clock; what is due fires. */
void teller_pass(uint64_t ms);

/* What it told since the last look. */
void teller_expect(const char *expected, int line);
#define EXPECT_TOLD(expected) teller_expect(expected, __LINE__)

#endif
