/* Memory for small things that come and go all the time: what is given back waits for the next one of its size, so that
 * a steady coming and going allocates nothing. It keeps the most that was ever out at a time; how much that may be is
 * limited by whoever takes. What is larger than POOL_LARGEST comes from malloc and goes back there.
 *
 * All zero is a valid empty pool. For one thread. Under AddressSanitizer everything is malloc's, so that a use of what
 * was given back is seen. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

enum { POOL_STEP = 32, POOL_LARGEST = 2048 };

struct pool {
    void *given_back[POOL_LARGEST / POOL_STEP]; /* lists, by size */
    void *chunks;                               /* a list, the newest first */
    size_t left;                                /* bytes of that one which never were out */
};

/* Never NULL: without memory the process ends. What is in it is undefined. */
void *pool_take(struct pool *pool, size_t size);

/* Takes NULL. The size is the one that was asked for. */
void pool_give(struct pool *pool, void *thing, size_t size);

/* Frees all of it at once, but for what malloc gave: all of that must be back. */
void pool_release(struct pool *pool);

#endif
