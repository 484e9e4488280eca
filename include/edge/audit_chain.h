/* The chain of an audit trail: every line begins with its number and the SHA-256 of the line before it, both of which
 * go on from file to file and over restarts. A line is one JSON object; its digest is that of its bytes without the
 * line feed behind them, so that sha256sum gives the same. */
#ifndef EDGE_AUDIT_CHAIN_H
#define EDGE_AUDIT_CHAIN_H

#include "base/buffer.h"
#include "base/digest.h"

enum {
    AUDIT_DIGEST_DIGITS = 2 * DIGEST_SIZE,
    AUDIT_SESSION_DIGITS = 16,
    AUDIT_LINE_MAX = 512 * 1024, /* no line is longer, whatever audit.bytes_max is */
};

/* All zero but for the digits is the beginning: audit_chain_begin. */
struct audit_chain {
    uint64_t seq;                       /* of the last line; 0: there is none */
    char head[AUDIT_DIGEST_DIGITS + 1]; /* the SHA-256 of it; zeros: there is none */
};

void audit_chain_begin(struct audit_chain *chain);

/* Appends the next line, with its line feed: `body` is an object's members and its closing brace. */
void audit_chain_seal(struct audit_chain *chain, struct bytes body, struct buffer *out);

/* This line, without its line feed, is the last one. */
void audit_chain_follow(struct audit_chain *chain, uint64_t seq, struct bytes line);

/* What a line says of its place. False: it is no line of an audit trail. */
struct audit_place {
    uint64_t seq;
    char prev[AUDIT_DIGEST_DIGITS + 1];
};

bool audit_place_read(struct bytes line, struct audit_place *place);

/* Names a session without telling anything of its hash: the first digits of the SHA-256 over a text and the digits that
 * the registry has as hash_sha256. */
void audit_session_id(const struct digest *hash_sha256, char out[AUDIT_SESSION_DIGITS + 1]);

#endif
