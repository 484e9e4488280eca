/* The vectors that a profile carries: what its commands must be, and what its acks mean. */
#ifndef OUTPUTCTL_VECTOR_H
#define OUTPUTCTL_VECTOR_H

#include "edge/conf_file.h"
#include "options.h"

enum trust { TRUST_VERIFIED, TRUST_DERIVED, TRUST_UNVERIFIED, TRUST_COUNT };

struct vector {
    const struct conf_node *node;
    const char *id;
    enum trust trust;
    struct options options; /* the command and its tracker, as render and parse-ack take them */
    const char *raw;        /* a body for the framer, in place of an action; NULL: none */
    const char *topic;      /* what must come out; NULL: it does not matter */
    struct buffer payload;  /* what must come out, or what comes in */
    bool is_ack;
    const char *ack_topic;
    const char *result;
    const char *key;
};

/* Everything but the payload is borrowed from the file. False, and the file has a mistake more: it is no vector. Call
 * vector_release in any case. */
bool vector_read(struct vector *v, const struct conf_file *file, const struct conf_node *node);
void vector_release(struct vector *v);

#endif
