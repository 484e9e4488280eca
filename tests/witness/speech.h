/* What requesters, service and trackers say to one another in this run, written and read without the service's code.
 *
 * Every command tells which request it is of: a `set_all` has the request's number in its 40 outputs, and a `set` of
 * one tracker, output and state is asked for once in a run. So a command that was repeated under another id is still
 * known as that request's. */
#ifndef WITNESS_SPEECH_H
#define WITNESS_SPEECH_H

#include "base/buffer.h"

enum { SPEECH_OUTPUTS = 40 };

/* What is to be switched. */
struct switching {
    bool all;
    uint8_t output; /* of a set */
    bool enable;
    uint64_t states; /* of a set_all: bit n is output n + 1 */
};

enum answer { ANSWER_SUCCESS, ANSWER_NOT_SENT, ANSWER_REJECTED, ANSWER_UNKNOWN, ANSWERS };

/* What a reply says. */
struct verdict {
    uint16_t code; /* 0 with success */
    enum answer answer;
};

extern const char *const answer_names[ANSWERS];

uint64_t speech_states_of(uint32_t number);

/* False: these states are of no request. */
bool speech_number_of(uint64_t states, uint32_t *number);

void speech_put_request(struct buffer *out, bool msgpack, const char *hash, int32_t tracker_id,
                        const struct switching *switching);

/* A command in JSON, in MessagePack, or in the players' text: "SET {command_id} {output} {0 or 1}", and "ALL " with the
 * states as digits at its end. */
bool speech_read_command(struct bytes payload, struct switching *switching);

/* A reply in JSON or MessagePack. */
bool speech_read_reply(struct bytes payload, struct verdict *verdict);

#endif
