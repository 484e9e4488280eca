/* The payload of a request, as its requester writes it. */
#ifndef OUTPUTCTL_REQUEST_PAYLOAD_H
#define OUTPUTCTL_REQUEST_PAYLOAD_H

#include "base/buffer.h"
#include "wire/command.h"

struct request_payload {
    const char *hash;
    int32_t tracker_id;
    struct command what;        /* its id is not used */
    const char *request_id;     /* NULL: none */
    const char *response_topic; /* NULL: none */
};

void request_payload_encode(enum encoding encoding, const struct request_payload *request, struct buffer *out);

/* "output 1 on" or "outputs 1,1,0". */
void request_payload_put_words(const struct command *what, struct buffer *out);

#endif
