/* Where jansson and msgpack-c write to: a struct buffer. */
#ifndef WIRE_SINKS_H
#define WIRE_SINKS_H

#include <msgpack.h>

#include "base/buffer.h"

static inline int sink_json(const char *data, size_t len, void *out)
{
    buffer_put(out, bytes_of(data, len));
    return 0;
}

static inline int sink_msgpack(void *out, const char *data, size_t len)
{
    buffer_put(out, bytes_of(data, len));
    return 0;
}

static inline void sink_pack_text(msgpack_packer *packer, const char *text)
{
    msgpack_pack_str_with_body(packer, text, strlen(text));
}

static inline void sink_pack_bool(msgpack_packer *packer, bool value)
{
    if (value)
        msgpack_pack_true(packer);
    else
        msgpack_pack_false(packer);
}

#endif
