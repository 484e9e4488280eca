/* A client of edge/redis.h in a test: one, with a loop of its own, that writes down what its handlers were told. */
#ifndef SUPPORT_REDIS_DESK_H
#define SUPPORT_REDIS_DESK_H

#include "edge/redis.h"

enum { DESK_ANSWERS_MAX = 20000, DESK_TEXT_SIZE = 120, DESK_PATIENCE_MS = 20000 };

/* The scripts that it has, by their place. */
enum desk_script { DESK_ECHO, DESK_COUNT, DESK_RAISE, DESK_NEST, DESK_LARGE, DESK_SPIN };

struct desk_answer {
    size_t call;  /* the number that the call was given */
    bool is_lost; /* NULL */
    enum redis_kind kind;
    int64_t number;
    char text[DESK_TEXT_SIZE]; /* the beginning, of bytes and errors; of an array "[a,[b,nil]]" */
    size_t len;                /* of the bytes; of an array its count */
};

struct redis_desk {
    struct redis_options options; /* may be changed before redis_desk_open */
    struct redis *redis;
    unsigned ups;
    unsigned downs;
    char run_id[64];
    char why[256];
    uint64_t ahead_ms; /* its clock is so far before the others' */
    size_t asked;      /* calls so far: the number of the next one */
    size_t answered;
    struct desk_answer answers[DESK_ANSWERS_MAX];
    bool calls_again; /* each lost or failed call is tried once more by its handler */
    int again;        /* and what redis_call said to that */
};

/* Of this server, and not open yet. */
void redis_desk_init(struct redis_desk *d, const char *url);
void redis_desk_open(struct redis_desk *d);
void redis_desk_close(struct redis_desk *d); /* also one that is not open */

struct instant redis_desk_now(const struct redis_desk *d);

/* A turn of the loop: what comes, and what was called; then it waits, this long at most. */
void redis_desk_turn(struct redis_desk *d, int wait_ms);

/* Calls with one argument that is no key; what redis_call says. */
int redis_desk_call(struct redis_desk *d, enum desk_script script, const char *argument);

/* Opens it, and turns until it is up. */
void redis_desk_come_up(struct redis_desk *d);

/* Calls, and turns until there is an answer more. */
const struct desk_answer *redis_desk_ask(struct redis_desk *d, enum desk_script script, const char *argument);

/* Turns until it holds; its value in the end. */
#define DESK_UNTIL(desk, condition)                                    \
    ({                                                                 \
        uint64_t desk_end_ms = clock_now().mono_ms + DESK_PATIENCE_MS; \
        while (!(condition) && clock_now().mono_ms < desk_end_ms)      \
            redis_desk_turn(desk, 20);                                 \
        (bool)(condition);                                             \
    })

#endif
