/* Between the two files of the random walk: what is known of every request and tracker, and the promises. */
#ifndef TEST_ENGINE_WALK_H
#define TEST_ENGINE_WALK_H

#include <criterion/criterion.h>

#include "base/map.h"
#include "support/engine_stage.h"

enum { WALKERS = 7, TOUCHED_MAX = 8 * 1024 };

extern const int32_t walkers[WALKERS];

enum wish_state { WISH_NONE, WISH_PENDING, WISH_ENDED };

/* What is known of a request, and what of that outlives a crash. */
struct face {
    enum wish_state state;
    uint64_t id; /* that the engine gave it when it accepted it */
    enum code code;
    enum outcome outcome;
    bool staged;
};

struct wish {
    struct stage_request request;
    char correlation[16];
    unsigned walker;
    uint64_t born_ms;
    uint64_t deadline_ms;
    uint64_t accepted; /* in which order */
    struct face now;
    struct face safe;
    bool sent;
    bool replied; /* some reply has left */
};

/* A tracker: the last command that has reached it. */
struct walker {
    struct wish *last;
    struct stage_command command; /* its ack topic and so on; owned */
    uint64_t accepted;            /* of the last one */
    uint64_t quiet_until_ms;      /* first-in-first-out: the quarantine */
    uint64_t safe_quiet_until_ms;
    bool online;
    bool mute;
};

struct walk {
    uint64_t random;
    unsigned step;
    unsigned happened[16]; /* by event */
    bool crashes;          /* else the journal fails at times */
    bool reading;          /* presence is being read back */
    struct wish *wishes;
    size_t count;
    size_t first_unsafe;         /* of the broker, wishes from here on come again after a crash */
    struct wish *current;        /* that is being requested */
    const struct walker *teller; /* that acks in this moment */
    bool tells_success;
    struct wish *touched[TOUCHED_MAX];
    size_t touched_count;
    size_t pending;
    uint64_t accepted;
    unsigned outcomes[OUTCOME_UNKNOWN + 1];
    struct map by_id;    /* accepted ones */
    struct map refusals; /* by reply id */
    struct map staged;   /* struct stage_command, by id */
    struct walker walkers[WALKERS];
};

extern struct walk walk;

#define HOLDS(cond_) cr_assert(cond_, "step %u: not so: %s", walk.step, #cond_)

/* Looks at everything that the engine wants from here on. */
void watch_promises(void);

/* What is known is in the journal now, or is forgotten down to what was. */
void keep_promises(void);
void forget_promises(void);

void free_command(struct stage_command *command); /* what it owns */

#endif
