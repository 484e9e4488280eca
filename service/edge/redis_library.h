/* libhiredis, loaded once somebody wants Redis. Only its parser of replies is used: its connections allocate for each
 * call. */
#ifndef EDGE_REDIS_LIBRARY_H
#define EDGE_REDIS_LIBRARY_H

#include <hiredis/hiredis.h>
#include <hiredis/read.h>

#define REDIS_LIBRARY(F)         \
    F(ReaderCreateWithFunctions) \
    F(ReaderFeed)                \
    F(ReaderFree)                \
    F(ReaderGetReply)

/* Its functions, without "redis" in front. */
extern struct redis_library {
#define MEMBER(name) __typeof__(redis##name) *name; /* NOLINT(bugprone-macro-parentheses): a declaration */
    REDIS_LIBRARY(MEMBER)
#undef MEMBER
} hiredis;

/* Fills them in, the first time. NULL, or why it cannot be loaded. */
const char *redis_library_load(void);

#endif
