/* Where the chain of an audit trail stands, kept apart from its file: so that it goes on where that was rotated while
 * nobody was there, and shows where its end was cut off. */
#ifndef EDGE_AUDIT_HEAD_H
#define EDGE_AUDIT_HEAD_H

#include "edge/audit_chain.h"

struct audit_head {
    int fd; /* -1: not open */
};

/* Opens or makes it, and tells what was written last: the beginning where that is nothing. 0, or a negative errno. */
int audit_head_open(struct audit_head *h, const char *path, struct audit_chain *chain);
void audit_head_close(struct audit_head *h);

/* In one write of a few bytes at the same place: it takes no room. */
void audit_head_write(const struct audit_head *h, const struct audit_chain *chain);

#endif
