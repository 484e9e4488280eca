/* One well-formed object, in JSON or MessagePack, taken apart into its top-level members.
 *
 * What requests, acks and presence messages have in common: duplicate keys, trailing bytes, invalid UTF-8, NaN, keys
 * that are not strings and more than OBJECT_DEPTH_MAX levels of nesting (the outermost object is level 1) make the
 * whole thing malformed, wherever they stand. */
#ifndef WIRE_OBJECT_H
#define WIRE_OBJECT_H

#include "base/buffer.h"
#include "wire/encoding.h"

enum { OBJECT_DEPTH_MAX = 8, OBJECT_BOOLS_MAX = 64, OBJECT_LINES_MAX = 65536 };

enum member_kind {
    MEMBER_OTHER, /* null, real numbers, integers beyond 64 bits, objects, binary … */
    MEMBER_TEXT,
    MEMBER_INT,
    MEMBER_BOOL,
    MEMBER_BOOLS, /* an array of nothing but booleans */
};

struct member {
    struct bytes key;
    enum member_kind kind;
    struct bytes text; /* MEMBER_TEXT */
    int64_t number;    /* MEMBER_INT */
    bool truth;        /* MEMBER_BOOL */
    uint64_t bools;    /* MEMBER_BOOLS: bit n is element n, the first OBJECT_BOOLS_MAX of them */
    size_t count;      /* MEMBER_BOOLS: number of elements */
};

/* Calls each() for every member, in no order; what it is given is borrowed for the call. Nothing is called before all
 * of the payload was found well-formed. 0, or -EBADMSG. */
int object_decode(enum encoding encoding, struct bytes payload, void (*each)(void *ctx, const struct member *member),
                  void *ctx);

/* All of an object, whatever its depth, as lines "path=value", sorted: {"id": 1, "params": [{"on": true}]} becomes
 *
 *     id=1
 *     params.0.on=true
 *
 * Control characters of keys and values are written as \\u000a, so that a value never makes a line of its own. What is
 * neither text, number nor boolean is null; empty objects and arrays have no line. -EBADMSG: malformed, or the lines
 * would take more than OBJECT_LINES_MAX bytes. */
int object_lines(enum encoding encoding, struct bytes payload, struct buffer *out);

#endif
