/* The engine under load, alone: no broker, no sockets; the journal is the real one, on a disk in memory.
 *
 * LOAD_TRACKERS trackers of one model, one user without a rate limit. A turn is LOAD_TURN requests, each for the next
 * tracker, then the acks of the commands of the turn before, then a commit; what waited for the commit leaves, and
 * replies are delivered in the turn after. The clock moves a millisecond a turn, so that answers are forgotten again
 * after LOAD_WINDOW_MS: from then on as much ends as begins. */
#ifndef SUPPORT_ENGINE_LOAD_H
#define SUPPORT_ENGINE_LOAD_H

#include "core/engine.h"

enum {
    LOAD_TRACKERS = 1000,
    LOAD_TURN = 32,
    LOAD_WINDOW_MS = 100,
    LOAD_WARM_UP = 2 * LOAD_WINDOW_MS * LOAD_TURN, /* requests until it is steady */
};

enum load_device {
    LOAD_JSON,    /* requests, replies, commands and acks in JSON */
    LOAD_MSGPACK, /* in MessagePack */
    LOAD_TEXT,    /* requests and replies in JSON, a device of text: a template, and regular expressions for its acks */
};

struct load_options {
    enum load_device device;
    bool decoded;    /* requests and acks come as what reading their payloads makes of them */
    bool no_journal; /* its effects do nothing */
};

struct engine_load;

struct engine_load *engine_load_new(const struct load_options *options);
void engine_load_free(struct engine_load *l);

/* So many more requests, in whole turns. */
void engine_load_run(struct engine_load *l, unsigned requests);

/* What must be so after any number of whole turns: every command was acked, and every request answered with success. */
bool engine_load_is_sound(const struct engine_load *l);

/* What the load is made of, to be measured apart. Borrowed. */
struct bytes engine_load_request(const struct engine_load *l);
struct engine *engine_load_engine(const struct engine_load *l);

/* Appends the ack of command `id`. */
void engine_load_ack(enum load_device device, uint64_t id, struct buffer *out);

#endif
