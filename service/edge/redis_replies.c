#include "redis_replies.h"

#include <stdalign.h>
#include <stdlib.h>

#include "base/check.h"
#include "redis_library.h"

enum {
    KEPT_SIZE = 16 * 1024, /* of memory for values, for the next reply */
    KEPT_INPUT = 256 * 1024,
};

/* Values do not move while a reply grows, so its memory comes in pieces. */
struct piece {
    struct piece *before;
    size_t size;
    size_t used;
    alignas(max_align_t) uint8_t data[];
};

struct redis_replies {
    redisReader *reader;
    struct piece *last;
    size_t taken;
    size_t bytes_max;
    bool is_too_large;
};

/* --- memory --- */

static void add_piece(struct redis_replies *p, size_t size)
{
    struct piece *piece = malloc(sizeof *piece + size);

    CHECK(piece);
    piece->before = p->last;
    piece->size = size;
    piece->used = 0;
    p->last = piece;
}

/* All but the first one. */
static void forget_values(struct redis_replies *p)
{
    while (p->last->before) {
        struct piece *before = p->last->before;

        free(p->last);
        p->last = before;
    }
    p->last->used = 0;
    p->taken = 0;
}

/* NULL where the reply is too large. */
static void *take(struct redis_replies *p, size_t size)
{
    const size_t step = alignof(max_align_t);
    void *data;

    if (size > p->bytes_max - p->taken) {
        p->is_too_large = true;
        return NULL;
    }
    p->taken += size;
    size = (size + step - 1) / step * step;
    if (p->last->size - p->last->used < size)
        add_piece(p, size > KEPT_SIZE ? size : KEPT_SIZE);
    data = p->last->data + p->last->used;
    p->last->used += size;
    return data;
}

/* --- what the library calls --- */

/* A reply's own place, or the one that its array has for it. */
static struct redis_value *place_of(const redisReadTask *task)
{
    struct redis_value *parent = task->parent ? task->parent->obj : NULL;

    if (!parent)
        return take(task->privdata, sizeof(struct redis_value));
    CHECK(task->idx >= 0 && (size_t)task->idx < parent->count);
    return (struct redis_value *)parent->items + task->idx;
}

static void *make_bytes(const redisReadTask *task, char *text, size_t len)
{
    struct redis_value *value = place_of(task);
    uint8_t *copy = value ? take(task->privdata, len) : NULL;

    if (!copy)
        return NULL;
    memcpy(copy, text, len);
    *value = (struct redis_value){
        .kind = task->type == REDIS_REPLY_ERROR ? REDIS_ERROR : REDIS_BYTES,
        .bytes = bytes_of(copy, len),
    };
    return value;
}

#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

static void *make_array(const redisReadTask *task, element_count elements)
{
    struct redis_replies *p = task->privdata;
    struct redis_value *value = place_of(task);
    size_t count = (size_t)elements;
    struct redis_value *items;

    if (!value)
        return NULL;
    if (count > p->bytes_max / sizeof *items) {
        p->is_too_large = true;
        return NULL;
    }
    items = take(p, count * sizeof *items);
    if (!items)
        return NULL;
    memset(items, 0, count * sizeof *items);
    *value = (struct redis_value){.kind = REDIS_ARRAY, .items = items, .count = count};
    return value;
}

static void *make_int(const redisReadTask *task, long long number)
{
    struct redis_value *value = place_of(task);

    if (value)
        *value = (struct redis_value){.kind = REDIS_INT, .number = number};
    return value;
}

static void *make_nil(const redisReadTask *task)
{
    struct redis_value *value = place_of(task);

    if (value)
        *value = (struct redis_value){.kind = REDIS_NIL};
    return value;
}

/* With all others, by forget_values. */
static void free_nothing(void *value)
{
    (void)value;
}

/* Later releases know kinds that a server sends only to who has asked for them. */
#if HIREDIS_MAJOR >= 1
static void *no_double(const redisReadTask *task, double number, char *text, size_t len)
{
    (void)task, (void)number, (void)text, (void)len;
    return NULL;
}

static void *no_bool(const redisReadTask *task, int is_true)
{
    (void)task, (void)is_true;
    return NULL;
}
#endif

/* The library takes it as one that it might change. */
static redisReplyObjectFunctions functions = {
    .createString = make_bytes,
    .createArray = make_array,
    .createInteger = make_int,
    .createNil = make_nil,
    .freeObject = free_nothing,
#if HIREDIS_MAJOR >= 1
    .createDouble = no_double,
    .createBool = no_bool,
#endif
};

/* --- the replies --- */

struct redis_replies *redis_replies_new(size_t bytes_max)
{
    struct redis_replies *p = calloc(1, sizeof *p);

    CHECK(p);
    p->bytes_max = bytes_max;
    p->reader = hiredis.ReaderCreateWithFunctions(&functions);
    CHECK(p->reader);
    p->reader->privdata = p;
    p->reader->maxbuf = KEPT_INPUT;
    add_piece(p, KEPT_SIZE);
    return p;
}

void redis_replies_free(struct redis_replies *p)
{
    if (!p)
        return;
    hiredis.ReaderFree(p->reader);
    forget_values(p);
    free(p->last);
    free(p);
}

void redis_replies_feed(struct redis_replies *p, struct bytes bytes)
{
    hiredis.ReaderFeed(p->reader, (const char *)bytes.data, bytes.len); /* an error comes again with the next reply */
}

const struct redis_value *redis_replies_next(struct redis_replies *p, const char **why)
{
    void *value = NULL;

    *why = NULL;
    if (!p->reader->reply)
        forget_values(p); /* of the one before */
    if (hiredis.ReaderGetReply(p->reader, &value) != REDIS_OK)
        *why = p->is_too_large ? "a reply is too large" : p->reader->errstr;
    else if (!value && p->taken + p->reader->len - p->reader->pos > p->bytes_max)
        *why = "a reply is too large";
    return *why ? NULL : value;
}
