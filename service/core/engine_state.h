/* The engine's inside, shared by its files: engine.c (life, time, endings), engine_request.c (requests until they are
 * accepted), engine_turn.c (a request's turn at its tracker), engine_tracker.c (acks, presence, states) and
 * engine_recover.c. */
#ifndef CORE_ENGINE_STATE_H
#define CORE_ENGINE_STATE_H

#include "core/engine.h"
#include "core/judge.h"
#include "core/router.h"
#include "core/state_queue.h"
#include "wire/presence.h"

enum { TIMER_DEADLINE = 1, TIMER_DRAIN = 2, TIMER_ASK = 3 };

/* Where state is shared: of what this instance answers alone. Never that of a command. */
#define LOCAL_ID (UINT64_C(1) << 62)

enum { TOPIC_ROOM = 256, ECHO_ROOM = 256 }; /* on the stack: longer ones are allocated */

struct engine {
    const struct engine_config *config;
    struct engine_effects effects;
    struct registry *registry;
    struct profiles *profiles;
    struct profile **model_profiles; /* by index of the registry's models */
    struct router router;
    struct trackers trackers;
    struct timers timers;
    struct store store;
    struct shared *shared; /* NULL: state is in the store */
    struct rates rates;
    struct map by_id;        /* struct pending, while in a lane */
    struct pending *unsaved; /* whose last record is staged but not committed */
    struct state_queue states_due;
    struct timer drain;
    const struct judgement *judged; /* of the request that is being submitted, good for a turn at once; else NULL */
    uint64_t judged_id;
    uint64_t answering_id; /* whose reply will answer the request that was taken last */
    struct buffer record;  /* these three are of whoever fills them, until the next one does */
    struct buffer command_topic;
    struct buffer payload;
    struct bytes ack_topic; /* of the ack that is being read */
    struct bytes ack;
    struct counters counters;
    uint64_t next_id;
    uint32_t presence_epoch;
    struct instant now;      /* of the event that is being handled */
    int64_t newest_state_ms; /* of the states that were recovered; wall clock */
    bool presence_known;     /* false: being read back, and requests wait for it */
    bool presence_was_known; /* at some time since the start */
    bool draining;
    bool handing_over;
    bool journal_down;
    bool full; /* outbox or journal */
};

/* One outcome for a request that is in a lane. */
void engine_settle(struct engine *e, struct pending *p, enum code code, enum outcome outcome);

/* Journals, answers and frees a request that is in no lane (any more). What it is answered rests on the journal where
 * that has a record of it, or it repeats an earlier answer: then the reply waits. */
void engine_finish(struct engine *e, struct pending *p, bool repeats);

/* Stages its record. While nothing can be written there is none of a request that the journal does not know. */
void engine_journal_request(struct engine *e, struct pending *p);
void engine_journal_answer(struct engine *e, const struct pending *p);

/* Its life here is over: out of all lists, and freed. */
void engine_forget(struct engine *e, struct pending *p);

/* For so long after this ending nothing may start at its tracker. */
uint32_t engine_quarantine_ms(const struct engine *e, const struct pending *p, enum outcome outcome);

/* No request waits longer than this, whatever the clocks did meanwhile. */
uint64_t engine_longest_timeout_ms(const struct engine *e);

/* A judgement about this request as things stand now. */
struct judgement engine_judgement(struct engine *e, const struct pending *p);

/* A record of JOURNAL_ANSWER. */
struct engine_answer {
    struct instant written;
    struct request_key key;
    enum code code;
    enum outcome outcome;
    int32_t tracker_id;
    uint32_t quarantine_ms;
};

/* 0, or -EBADMSG. */
int engine_read_answer(struct bytes record, struct engine_answer *answer);

/* The store's answers. */
void engine_submitted(void *ctx, struct pending *p, enum submit_verdict verdict, enum code code, enum outcome outcome);
void engine_turn(void *ctx, struct pending *p);
void engine_completed(void *ctx, struct pending *p);

/* The same in their parts. */
void engine_accepted(struct engine *e, const struct pending *p);
void engine_refuse(struct engine *e, struct pending *p, enum code code);
void engine_duplicate(struct engine *e, const struct pending *p, const char *why);

/* The profile of a command in flight; where the model is gone, any that reads acks by id does no harm. */
struct profile *engine_profile_for(const struct engine *e, const struct pending *p);
/* What its ack will repeat, and how many outputs its tracker has: as at the turn of its command. */
void engine_recover_echo(struct engine *e, struct pending *p);

/* A request on its way to being accepted, refused or dropped. */
struct incoming {
    const struct engine_message *message;
    struct bytes action; /* from its topic */
    struct request request;
    enum encoding encoding;
    bool readable; /* the payload is an object of the encoding: `request` holds what it says */
    struct bytes reply_topic;
};

/* engine_request in its two halves: what the payload says, and what is made of that. */
void engine_read_request(const struct engine *e, struct bytes action, const struct engine_message *message,
                         struct incoming *in);
void engine_take_request(struct engine *e, struct incoming *in);
void engine_request(struct engine *e, struct bytes action, const struct engine_message *message);

/* Whose ack it is, and what for. */
struct ack_context {
    struct engine *e;
    const struct engine_message *message;
    int32_t tracker_id;
    struct pending *in_flight; /* NULL: none, or its acks come elsewhere */
    bool shared;               /* other trackers have this topic, too: what is not ours may be theirs */
};

/* engine_ack behind its reading: `arg` is a struct ack_context. */
struct ack_context engine_ack_context(struct engine *e, const struct engine_message *message, const struct owner *owner,
                                      bool shared);
void engine_take_reading(void *arg, const struct ack_reading *reading);
/* The profile that reads it. NULL: nothing does, which is counted. */
struct profile *engine_ack_profile(struct ack_context *ctx, const struct owner *owner);
void engine_take_ack(struct ack_context *ctx, const struct owner *owner);
/* The command that a reading names, or the Correlation Data; 0: neither does. */
uint64_t engine_ack_id(const struct engine_message *message, const struct ack_reading *reading);
void engine_ack_ending(enum ack_kind kind, enum code *code, enum outcome *outcome);
void engine_ignore_ack(struct ack_context *ctx, uint64_t *counter, const char *why);
/* An ack of nothing in flight: counted by what kind of nothing it is. */
void engine_stray_ack(struct engine *e, const struct engine_message *message, int32_t tracker_id, uint64_t id);
void engine_ack(struct engine *e, const struct engine_message *message);
void engine_presence(struct engine *e, const struct engine_message *message);

/* The states of a tracker after a success; journals them and marks them for publishing. */
void engine_note_states(struct engine *e, const struct pending *p);
void engine_mark_dirty(struct engine *e, struct tracker *tracker);

void engine_emit(struct engine *e, const struct engine_event *event);
struct engine_event engine_event_of(const struct pending *p, enum engine_event_kind kind);

#endif
