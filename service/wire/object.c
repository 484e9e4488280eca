#include "wire/object.h"

#include "object_codecs.h"

int object_decode(enum encoding encoding, struct bytes payload, void (*each)(void *ctx, const struct member *member),
                  void *ctx)
{
    return encoding == ENCODING_MSGPACK ? object_decode_msgpack(payload, each, ctx)
                                        : object_decode_json(payload, each, ctx);
}
