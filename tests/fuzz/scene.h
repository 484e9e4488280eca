/* What the fuzzers of the engine stand on: a small world, a journal and an outbox that are counters, and what must be
 * so whatever comes in. A breach aborts.
 *
 *  - a command has its record in the same turn, leaves once, not past its deadline, and never for an output that is
 *    reserved; its payload is what its profile says
 *  - every request that is taken on is settled once and answered once, with the outcome that it was settled with; one
 *    that is refused is answered once; a reply goes to a topic that is nobody's, and can be decoded
 *  - no more is kept than the limits say, and in the end nothing */
#ifndef FUZZ_SCENE_H
#define FUZZ_SCENE_H

#include "core/engine.h"

enum {
    TRACKER_JSON = 1,  /* 3 outputs */
    TRACKER_MSGPACK,   /* 3 outputs */
    TRACKER_PIECES,    /* acks from a + to a $, perhaps in pieces, that repeat the command */
    TRACKER_REPORTING, /* lines that report states are the acks; presence of its own */
    TRACKER_FIFO,      /* acks say only yes or no */
    TRACKER_GATE,      /* these two share the topic of acks, and that of presence */
    TRACKER_GATE_2,
    TRACKER_RESERVED, /* json, the first output is reserved */
    TRACKER_BLOCKED,
    TRACKER_FOREIGN, /* of another user */
    SCENE_TRACKERS,
};

enum { SCENE_COMMANDS_MAX = 16 };

/* In flight: handed out by the engine and not ended. */
struct scene_command {
    uint64_t id;
    int32_t tracker_id;
    uint64_t deadline_ms;
    bool sent;
};

struct scene {
    struct engine *engine;
    struct instant now;
    struct scene_command commands[SCENE_COMMANDS_MAX];
    size_t command_count;
    uint8_t rounds; /* of scene_command_all */
    bool journal_breaks;
    bool is_own; /* it knows the world of the scene, and so which topics are nobody's */
    /* Where set, sees what goes to the journal. */
    void (*journal)(enum journal_kind kind, uint64_t id, struct bytes record);
};

extern struct scene scene;
extern struct engine_config scene_config;

/* A new engine, which knows its registry and profiles. */
void scene_open(uint64_t first_id);
void scene_open_empty(uint64_t first_id); /* that was told of neither */

/* All deadlines, quarantines and windows pass; then there is nothing left. */
void scene_close(void);

/* The registry and the profiles are read again. */
void scene_reload(void);

/* The clock is looked at, the journal written, and what may leave leaves. */
void scene_turn(uint64_t advance_ms);

/* engine_recover; what it takes on it will have to answer. */
int scene_recover(enum journal_kind kind, uint64_t id, struct bytes record);

const struct scene_command *scene_command_of(int32_t tracker_id); /* NULL: none is in flight */

void scene_publish(const struct engine_message *message);

/* A good request: JSON, or MessagePack. Tracker, output, state, session and request_id are drawn from the step. */
void scene_put_request(struct reader *step, enum encoding encoding, enum action action, struct buffer *out);

/* A set of an output of every tracker that can be commanded, each time with other request_ids, and a turn: their
 * commands are in flight, or wait. */
void scene_command_all(void);

/* Where it acks, and where it says its presence. Appended. */
void scene_put_ack_topic(int32_t tracker_id, struct buffer *out);
void scene_put_presence_topic(int32_t tracker_id, struct buffer *out);

/* Says of every tracker that it is online, and that all presence was read. */
void scene_all_online(void);

#endif
