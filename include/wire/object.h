/* One well-formed object, in JSON or MessagePack, taken apart into its top-level members.
 *
 * What requests, acks and presence messages have in common: duplicate keys, trailing bytes, invalid UTF-8, NaN, keys
 * that are not strings and more than OBJECT_DEPTH_MAX levels of nesting (the outermost object is level 1) make the
 * whole thing malformed, wherever they stand. */
#ifndef WIRE_OBJECT_H
#define WIRE_OBJECT_H

#include "wire/encoding.h"

enum { OBJECT_DEPTH_MAX = 8, OBJECT_BOOLS_MAX = 64 };

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

#endif
