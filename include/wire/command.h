/* The command and the ack of the two generic profiles, as maps in JSON or MessagePack. */
#ifndef WIRE_COMMAND_H
#define WIRE_COMMAND_H

#include "base/buffer.h"
#include "wire/request.h"

/* Unsigned, of at most 53 bits, so that every JSON reader keeps it exactly. */
#define COMMAND_ID_MAX ((UINT64_C(1) << 53) - 1)

/* What one tracker is to do. */
struct command {
    uint64_t id;
    enum action action;
    int32_t output;       /* set: from 1 */
    bool enable;          /* set */
    uint64_t outputs;     /* set_all: bit n is output n + 1 */
    uint8_t output_count; /* set_all */
};

/* Appends {"id": 17, "action": "set", "output": 1, "enable": true}, or the set_all form, to `out`. */
void command_encode(enum encoding encoding, const struct command *command, struct buffer *out);

/* {"id": 17, "success": false, "error": "vehicle is moving", "unsupported": true} */
struct ack {
    bool has_id;
    uint64_t id;
    bool success;
    bool unsupported;
};

/* 0, or -EBADMSG: not one well-formed object, no boolean `success`, or an `id` that is no command id. */
int ack_decode(enum encoding encoding, struct bytes payload, struct ack *ack);

#endif
