/* A reply's payload. */
#ifndef WIRE_REPLY_H
#define WIRE_REPLY_H

#include "base/buffer.h"
#include "wire/code.h"
#include "wire/request.h"

struct reply {
    enum code code;
    enum outcome outcome;
    unsigned bad; /* with CODE_INVALID_PARAMETERS: bit n is a bad enum parameter */
    const struct request_id *id;
};

/* Appends the reply to `out`. */
void reply_encode(enum encoding encoding, const struct reply *reply, struct buffer *out);

#endif
