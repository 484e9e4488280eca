/* The inside of what core/shared.h says, shared by its files: shared.c (life, sweeps, answers), shared_ask.c (questions
 * and their arguments), shared_ack.c (acks). */
#ifndef CORE_SHARED_STATE_H
#define CORE_SHARED_STATE_H

#include <sys/queue.h>

#include "core/shared.h"
#include "engine_state.h"

/* A question from when it comes up until its answer was dealt with. Members that do not fit the script are zero. */
struct ask {
    struct timer timer; /* first; set: it is asked (again) when it fires */
    TAILQ_ENTRY(ask) link;
    enum shared_script script;
    bool is_out; /* the server was asked */
    uint64_t number;
    uint64_t asked_ms; /* monotonic; before the server could hear of it */
    unsigned bucket;
    int32_t tracker_id;
    uint64_t id;
    struct pending *p; /* the question's; NULL where FINISH was asked without */

    /* FINISH */
    enum code code;
    enum outcome outcome;
    bool by_deadline; /* the outcome depends on how far it got */
    bool if_queued;   /* else it does not end */
    bool by_ack;
    uint32_t quarantine_ms; /* ANSWER, too: what is left of it */

    struct heard *heard;     /* FLIGHT, NOTE: the ack; FINISH: what ended it */
    size_t had;              /* NOTE: bytes of a partial ack before */
    uint64_t states_version; /* STATES: that was published */
    bool has_version;
};

TAILQ_HEAD(ask_list, ask);

/* A message that outlives its call. */
struct heard {
    struct engine_message message;
    struct owner owner;
    bool shared;
};

/* Records of the journal that nobody will say are over: by the time when they should be, nearly in order. */
struct mirror {
    struct mirrored {
        uint64_t id;
        uint64_t until_ms;
        int32_t tracker_id;
    } * ring;
    size_t size; /* a power of two, or 0 */
    size_t first;
    size_t count;
};

struct shared {
    struct shared_options options;
    bool is_up;
    struct ask_list asks; /* in their order; also those whose timer is set */
    size_t ask_count;
    size_t submit_count; /* of these, SUBMIT */
    uint64_t last_number;
    uint64_t next_id; /* of requests: in blocks that the server gives out, so that no two instances give the same */
    uint64_t last_id; /* of the block */
    uint64_t next_first_id; /* of the next block; 0: not there yet */
    uint64_t highest_id;    /* that this instance ever had */
    bool ids_asked;
    uint64_t clock_ms;                 /* the server's, less this machine's monotonic one: at most what it is */
    uint64_t clock_at_ms;              /* when that was found; 0: never */
    struct map owed;                   /* request id → its tracker's id: replies that were given out */
    struct map published;              /* tracker id → version of its states that is on its way */
    uint64_t sweep_ms[SHARED_BUCKETS]; /* when each bucket is to be looked at; UINT64_MAX: it is being looked at */
    uint64_t next_sweep_ms;            /* the earliest of them */
    uint32_t due[SHARED_BUCKETS];      /* how much is pending, as last heard */
    size_t pending;                    /* the sum */
    struct buffer record;
    struct buffer effect;
    char run[64];             /* of the server; empty: none was known */
    bool is_merging;          /* what the server may have lost is being brought to it */
    unsigned done;            /* buckets that may work again */
    struct buffer peer_names; /* a line each */
    unsigned peers;           /* those of them who live, this one too; 0: not known */
    uint64_t unsure_until_ms; /* before that nobody may have been able to end what should be over */
    struct mirror requests;   /* JOURNAL_SHARED */
    struct mirror answers;    /* JOURNAL_ANSWER */
    struct map mine; /* request id → its tracker's id: accepted or commanded here, and not known to have ended */
};

/* A question about this request, of which it takes over what is there. */
struct ask *ask_new(struct engine *e, enum shared_script script, int32_t tracker_id, uint64_t id, struct pending *p);
/* Asks it, now or when the server is there. */
void ask_put(struct engine *e, struct ask *ask);
void ask_later(struct engine *e, struct ask *ask, uint32_t in_ms);
/* It has been answered. What it still holds goes with it. */
void ask_end(struct engine *e, struct ask *ask);
void asks_put_all(struct engine *e);
void asks_release(struct engine *e);

struct heard *heard_new(const struct engine_message *message, const struct owner *owner, bool shared);
void heard_free(struct heard *h); /* takes NULL */

/* '1', '0' or '-' for each output. */
struct output_states states_from_text(struct bytes text, uint64_t since_ms);

uint64_t number_in(struct bytes text);

/* The request that the server keeps, or NULL: it is not of this version, and was counted. */
struct pending *shared_from_record(struct engine *e, struct bytes record);

/* shared_merge.c: what the journal keeps in case the server loses it, and how it comes back. */
void mirror_note_request(struct engine *e, const struct pending *p);
void mirror_note_answer(struct engine *e, uint64_t id, uint64_t until_ms);
void mirror_tick(struct engine *e);
void mirror_told(struct engine *e, const struct ask *ask, bool is_held);
void mirror_release(struct shared *s);
int mirror_recover(struct engine *e, enum journal_kind kind, uint64_t id, struct bytes record);
/* Asks for numbers where it has few; in any case: the answer also says what time it is there. */
void shared_want_ids(struct engine *e, bool in_any_case);
/* True: what this one may have lost is to be brought to it. */
bool merge_begin(struct engine *e, struct bytes run);
void merge_done(struct engine *e, struct ask *ask, const struct bytes *items, size_t count);

/* What engine files call where state is shared. */
void shared_free(struct engine *e);
void shared_submit(struct engine *e, struct pending *p);
void shared_finish(struct engine *e, struct pending *p, enum code code, enum outcome outcome, bool by_ack);
void shared_sent(struct engine *e, struct pending *p);
bool shared_delivered(struct engine *e, uint64_t id); /* false: it is not of those */
void shared_went_offline(struct engine *e, int32_t tracker_id);
void shared_ack(struct engine *e, const struct engine_message *message, const struct owner *owner, bool shared);
void shared_flight_answer(struct engine *e, struct ask *ask, const struct bytes *items, size_t count);
void shared_states_published(struct engine *e, int32_t tracker_id);
void shared_tick(struct engine *e);
int64_t shared_wait_ms(const struct engine *e);
void shared_fire(struct engine *e, struct ask *ask);
void shared_drain(struct engine *e);
void shared_drain_ends(struct engine *e);
size_t shared_busy(const struct engine *e); /* questions that somebody waits for */
/* Is the server to be asked about it? */
bool shared_takes(const struct engine *e, const struct pending *p);
bool shared_is_open(const struct engine *e); /* new requests may come */
/* Drops a request that is none of this instance's business any more. */
void shared_let_go(struct engine *e, struct pending *p);

#endif
