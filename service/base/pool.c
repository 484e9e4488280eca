#include "base/pool.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/check.h"

enum { CHUNK = 64 * 1024 };

#if defined(__SANITIZE_ADDRESS__)
#define IS_POOLED(size) ((void)(size), 0)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_POOLED(size) ((void)(size), 0)
#endif
#endif
#ifndef IS_POOLED
#define IS_POOLED(size) ((size) <= POOL_LARGEST)
#endif

/* What lies in memory that is not out. */
struct link {
    struct link *next;
};

static size_t class_of(size_t size)
{
    return size ? (size - 1) / POOL_STEP : 0;
}

/* The rest of a chunk that is too small is lost, which is little of it. */
static void *cut(struct pool *pool, size_t size)
{
    struct link *chunk;

    if (pool->left < size) {
        chunk = malloc(CHUNK);
        CHECK(chunk);
        chunk->next = pool->chunks;
        pool->chunks = chunk;
        pool->left = CHUNK - POOL_STEP; /* the link is in front, and leaves the rest aligned */
    }
    pool->left -= size;
    return (uint8_t *)pool->chunks + POOL_STEP + pool->left;
}

static void *allocate(size_t size)
{
    void *thing = malloc(size ? size : 1);

    CHECK(thing);
    return thing;
}

void *pool_take(struct pool *pool, size_t size)
{
    size_t class = class_of(size);
    struct link *link;

    if (!IS_POOLED(size))
        return allocate(size);
    link = pool->given_back[class];
    if (!link)
        return cut(pool, (class + 1) * POOL_STEP);
    pool->given_back[class] = link->next;
    return link;
}

void pool_give(struct pool *pool, void *thing, size_t size)
{
    struct link *link = thing;

    if (!IS_POOLED(size)) {
        free(thing);
        return;
    }
    if (!thing)
        return;
    link->next = pool->given_back[class_of(size)];
    pool->given_back[class_of(size)] = link;
}

void pool_release(struct pool *pool)
{
    struct link *chunk = pool->chunks;

    while (chunk) {
        struct link *next = chunk->next;

        free(chunk);
        chunk = next;
    }
    *pool = (struct pool){0};
}
