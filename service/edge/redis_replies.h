/* The replies in what a server sends. Part of edge/redis.h; nobody else needs it. */
#ifndef EDGE_REDIS_REPLIES_H
#define EDGE_REDIS_REPLIES_H

#include "edge/redis.h"

struct redis_replies;

/* One connection's. A reply takes bytes_max of memory at most, whether it has come already or is coming. The library is
 * loaded. */
struct redis_replies *redis_replies_new(size_t bytes_max);
void redis_replies_free(struct redis_replies *p); /* takes NULL */

/* What has come; it is copied. redis_replies_next is called until there is no more. */
void redis_replies_feed(struct redis_replies *p, struct bytes bytes);

/* The next whole one, good until the next call. NULL: there is none yet, or *why says what is wrong, and the connection
 * is good for nothing more. */
const struct redis_value *redis_replies_next(struct redis_replies *p, const char **why);

#endif
