#include "wire/encoding.h"

#include <strings.h>

static const struct {
    const char *name;
    enum encoding encoding;
} content_types[] = {
    {"application/json", ENCODING_JSON},
    {"application/msgpack", ENCODING_MSGPACK},
    {"application/x-msgpack", ENCODING_MSGPACK},
    {"application/vnd.msgpack", ENCODING_MSGPACK},
};

/* Media types are case-insensitive (RFC 9110, 8.3.1). */
static bool names(struct bytes content_type, const char *name)
{
    return content_type.len == strlen(name) &&
           strncasecmp((const char *)content_type.data, name, content_type.len) == 0;
}

static struct bytes without_parameters(struct bytes content_type)
{
    const uint8_t *end = content_type.len ? memchr(content_type.data, ';', content_type.len) : NULL;

    if (end)
        content_type.len = (size_t)(end - content_type.data);
    while (content_type.len && content_type.data[content_type.len - 1] == ' ')
        content_type.len--;
    return content_type;
}

enum encoding encoding_of(struct bytes content_type, struct bytes payload)
{
    struct bytes name = without_parameters(content_type);

    for (size_t i = 0; i < sizeof content_types / sizeof *content_types; i++) {
        if (names(name, content_types[i].name))
            return content_types[i].encoding;
    }
    /* From 80 on no JSON text can start; from E0 on it is a byte order mark or a mistake rather than MessagePack. */
    return payload.len && payload.data[0] >= 0x80 && payload.data[0] < 0xE0 ? ENCODING_MSGPACK : ENCODING_JSON;
}

const char *encoding_content_type(enum encoding encoding)
{
    return encoding == ENCODING_MSGPACK ? "application/msgpack" : "application/json";
}
