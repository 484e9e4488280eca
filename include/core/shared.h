/* What several instances must agree on, kept by a server that all of them ask: lanes, the requests of the last while,
 * pending commands with their reply routes and deadlines, output states. Each question is one script
 * (service/core/lua), which the server runs as a whole, and which may be asked again when its answer was lost.
 *
 * With it the engine keeps nothing of a request but what it is about to do: to judge and render it, to send its command
 * until its deadline, to send its reply until its lease is over. Whoever hears the ack ends it; what nobody has ended
 * when its deadline is over, and replies that were not delivered in time, any instance takes over.
 *
 * The engine asks through engine_effects.ask, and is told the answers by engine_shared_answer, in any order. Questions
 * without an answer are asked again, in their order, when the server is there again. */
#ifndef CORE_SHARED_H
#define CORE_SHARED_H

#include "core/engine.h"

enum shared_script {
    SHARED_SUBMIT,
    SHARED_FINISH,
    SHARED_FLIGHT,
    SHARED_SENT,
    SHARED_NOTE,
    SHARED_DELIVERED,
    SHARED_SWEEP,
    SHARED_QUEUE,
    SHARED_STATES,
    SHARED_HELD,
    SHARED_IDS,
    SHARED_BEGIN,
    SHARED_RESTORE,
    SHARED_ANSWER,
    SHARED_KNOWN,
    SHARED_DONE,
    SHARED_ALIVE, /* from here on not the engine's questions */
    SHARED_HEIR,
    SHARED_LEAVE,
    SHARED_NAMES,
    SHARED_SCRIPT_COUNT,
};

struct shared_script_text {
    const char *name;
    const char *text; /* Lua */
};

/* By enum shared_script. */
extern const struct shared_script_text shared_scripts[SHARED_SCRIPT_COUNT];

/* Trackers are spread over so many buckets, each of which is one hash slot. A change of it is another prefix. */
enum { SHARED_BUCKETS = 256, SHARED_ARGS_MAX = 16 };

struct shared_options {
    const char *instance; /* its name, which no other one has */
    const char *prefix;   /* of every key */
    uint32_t lease_ms;    /* for so long a reply is this instance's to send */
    uint32_t asks_max;    /* questions without an answer; beyond that new requests get code 8 */
};

/* What one question is about; the engine's own. */
struct ask;

/* Borrowed for the call. */
struct shared_call {
    enum shared_script script;
    struct bytes bucket; /* KEYS[1] */
    const struct bytes *args;
    size_t count;
    struct ask *ask; /* comes back with the answer */
};

/* From now on state is shared. Options are borrowed. Before anything is recovered. */
void engine_share(struct engine *e, const struct shared_options *options);

/* The server can be asked / cannot any more: what it was asked is asked again later, and new requests get code 8.
 *
 * `run` names this start of this server; what is kept of it for engine_shared_knew is kept once nothing is merging.
 * Where another one was known before (engine_shared_knew), what this one may have lost is to be brought to it: all that
 * the journal has of the kinds answers, states and shared, then engine_shared_restored. True: so it is. */
bool engine_shared_up(struct engine *e, struct bytes run, struct instant now);
void engine_shared_knew(struct engine *e, struct bytes run);
/* False: enough for now; again when engine_shared_totals has fewer `asked`. */
bool engine_shared_restore(struct engine *e, enum journal_kind kind, uint64_t id, struct bytes record,
                           struct instant now);
void engine_shared_restored(struct engine *e, struct instant now);

/* The instances: the names of all that may come back with something, a line each, and how many of them live; this one
 * too. */
void engine_shared_peers(struct engine *e, struct bytes names, unsigned count);
void engine_shared_down(struct engine *e, struct instant now);

/* The strings of the answer. None at all: the server has refused to run the script. */
void engine_shared_answer(struct engine *e, struct ask *ask, const struct bytes *items, size_t count,
                          struct instant now);

struct shared_totals {
    bool is_up;
    bool is_ready;    /* new requests may come */
    bool is_merging;  /* what it may have lost is not all there yet */
    unsigned peers;   /* instances, this one too; 0: not known */
    size_t asked;     /* questions without an answer */
    size_t submitted; /* of these, whether a request may be taken on */
    size_t pending;   /* requests of all instances, as last heard */
};

struct shared_totals engine_shared_totals(const struct engine *e); /* all zero where state is not shared */

/* Which bucket is this tracker's? */
unsigned shared_bucket(int32_t tracker_id);

#endif
