/* The two halves of object_decode, one an encoding. */
#ifndef WIRE_OBJECT_CODECS_H
#define WIRE_OBJECT_CODECS_H

#include "wire/object.h"

typedef void object_each_fn(void *ctx, const struct member *member);

int object_decode_json(struct bytes payload, object_each_fn *each, void *ctx);
int object_decode_msgpack(struct bytes payload, object_each_fn *each, void *ctx);

#endif
