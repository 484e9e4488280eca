/* What a line of the audit trail says, without its place in the chain: see edge/audit_chain.h. All of these append an
 * object's members and its closing brace. topics/schemas/audit.json says what each member means. */
#ifndef EDGE_AUDIT_LINE_H
#define EDGE_AUDIT_LINE_H

#include "core/engine.h"

struct audit_writer {
    const char *instance;
    uint32_t bytes_max;      /* of each text or run of bytes that strangers choose; the rest is cut off */
    int64_t started_wall_ms; /* of this life of the service */
};

/* A command that was given to the outbox, as far as bytes_max lets it be kept. */
struct audit_command {
    struct bytes topic;
    struct bytes payload;
    size_t payload_len; /* of all of it */
};

/* The end of a request: EVENT_REQUEST_SETTLED, …_REFUSED, EVENT_REPLY_TOPIC_REFUSED, EVENT_REPLY_RECOVERED. command
 * NULL: nothing was sent, or not by this life of the service. */
void audit_line_request(const struct audit_writer *w, const struct engine_event *event,
                        const struct audit_command *command, int64_t wall_ms, struct buffer *out);

/* What was left out of the trail, and why. */
struct audit_omitted {
    uint64_t refused;      /* beyond audit.refused_max_per_s */
    uint64_t reply_topic;  /* of these: for their reply topic, so without a code */
    uint64_t buffer;       /* beyond audit.buffer_bytes_max, while the file could not be written */
    int64_t since_wall_ms; /* the first of them */
    uint32_t by_code[300]; /* of the refused ones */
};

void audit_line_omitted(const struct audit_writer *w, const struct audit_omitted *omitted, int64_t wall_ms,
                        struct buffer *out);

/* The service began; cut_bytes of an unfinished line were cut off the file's end. */
void audit_line_start(const struct audit_writer *w, size_t cut_bytes, int64_t wall_ms, struct buffer *out);
void audit_line_stop(const struct audit_writer *w, int64_t wall_ms, struct buffer *out);

#endif
