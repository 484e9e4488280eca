/* libpq, loaded once the registry comes from a database: it brings Kerberos and LDAP along, and a lot of code that has
 * no place in a process that asks no database. */
#ifndef EDGE_POSTGRES_LIBRARY_H
#define EDGE_POSTGRES_LIBRARY_H

#include <postgresql/libpq-fe.h>
#include <stdbool.h>

#define POSTGRES_LIBRARY(F) \
    F(clear)                \
    F(connectPoll)          \
    F(connectStartParams)   \
    F(conninfoFree)         \
    F(conninfoParse)        \
    F(consumeInput)         \
    F(db)                   \
    F(errorMessage)         \
    F(finish)               \
    F(fnumber)              \
    F(freemem)              \
    F(getResult)            \
    F(getisnull)            \
    F(getvalue)             \
    F(host)                 \
    F(isBusy)               \
    F(notifies)             \
    F(ntuples)              \
    F(resultErrorField)     \
    F(resultStatus)         \
    F(sendQueryParams)      \
    F(setNoticeProcessor)   \
    F(socket)               \
    F(status)

/* Its functions, without the PQ in front. */
extern struct postgres_library {
#define MEMBER(name) __typeof__(PQ##name) *name; /* NOLINT(bugprone-macro-parentheses): a declaration */
    POSTGRES_LIBRARY(MEMBER)
#undef MEMBER
} pq;

/* Fills them in, the first time, on the loop's thread. NULL, or why it cannot be loaded. */
const char *postgres_library_load(void);

#endif
