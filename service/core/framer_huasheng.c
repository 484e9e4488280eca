/* HuaSheng OBD trackers.
 *
 *     C0, flags (2 bytes), length (2), type (2), checksum (2), sequence (4), content, C0
 *
 * Numbers are big-endian. The length is that of all between the two C0. Between them, C0 is written DB DC and DB is
 * written DB DD, as in SLIP (RFC 1055): Traccar's frame decoder reads it so, its encoder forgets it.
 * How the checksum is made is not known; every known frame, both ways, has 0 there, and on the way in it is not looked
 * at. Nothing but the length tells a damaged frame.
 * Source: Traccar's HuaShengFrameDecoder, HuaShengProtocolDecoder, HuaShengProtocolEncoder, and the frames of their
 * tests.
 *
 * Line: "TYPE SEQUENCE HEX": the type in 4 hex digits, the sequence in decimal, and the content. */
#include "framers.h"

#include <inttypes.h>

enum {
    FLAG = 0xC0,
    ESCAPE = 0xDB,
    ESCAPED_FLAG = 0xDC,
    ESCAPED_ESCAPE = 0xDD,
    TYPE_CONTROL = 0xAA16,
    LENGTH_END = 4, /* from here on it is known how long the inside is */
    HEADER_LEN = 12,
    CONTENT_MAX = 1000,
};

/* What stands between the flags, without escapes. */
struct inside {
    uint8_t plain[FRAMER_FRAME_MAX];
    size_t len;
    size_t used; /* of the input, with both flags; 0: the second one has not come yet */
};

static void put_escaped(struct buffer *out, struct bytes plain)
{
    for (size_t i = 0; i < plain.len; i++) {
        if (plain.data[i] == FLAG || plain.data[i] == ESCAPE) {
            buffer_put_u8(out, ESCAPE);
            buffer_put_u8(out, plain.data[i] == FLAG ? ESCAPED_FLAG : ESCAPED_ESCAPE);
        } else {
            buffer_put_u8(out, plain.data[i]);
        }
    }
}

static const char *wrap(const struct bytes fields[], struct bytes body, struct buffer *out)
{
    uint8_t plain_room[512];
    struct buffer plain = buffer_in(plain_room, sizeof plain_room);
    uint64_t sequence;

    if (!field_number(fields[0], UINT32_MAX, &sequence))
        return "seq: must be a number up to 4294967295";
    if (body.len > CONTENT_MAX)
        return "body: must be at most 1000 bytes";
    buffer_put_be(&plain, 0, 2);
    buffer_put_be(&plain, HEADER_LEN + body.len, 2);
    buffer_put_be(&plain, TYPE_CONTROL, 2);
    buffer_put_be(&plain, 0, 2);
    buffer_put_be(&plain, sequence, 4);
    buffer_put(&plain, body);
    buffer_put_u8(out, FLAG);
    put_escaped(out, buffer_bytes(&plain));
    buffer_put_u8(out, FLAG);
    buffer_release(&plain);
    return NULL;
}

/* False: no frame begins like this. */
static bool unescape(struct bytes input, struct inside *inside)
{
    size_t end = input.len < FRAMER_FRAME_MAX ? input.len : FRAMER_FRAME_MAX;

    inside->len = 0;
    inside->used = 0;
    for (size_t at = 1; at < end; at++) {
        uint8_t byte = input.data[at];

        if (byte == FLAG) {
            inside->used = at + 1;
            return true;
        }
        if (byte == ESCAPE) {
            if (++at == end)
                break;
            if (input.data[at] != ESCAPED_FLAG && input.data[at] != ESCAPED_ESCAPE)
                return false;
            byte = input.data[at] == ESCAPED_FLAG ? FLAG : ESCAPE;
        }
        inside->plain[inside->len++] = byte;
    }
    return input.len < FRAMER_FRAME_MAX;
}

/* May the rest of it still come? */
static bool is_open(const struct inside *inside)
{
    uint64_t len;

    if (inside->used)
        return false;
    if (inside->len < LENGTH_END)
        return true;
    len = read_be(inside->plain + 2, 2);
    return len >= HEADER_LEN && len <= FRAMER_FRAME_MAX - 2 && inside->len <= len;
}

static struct frame_found find(struct bytes input, struct buffer *line)
{
    static const uint8_t flag = FLAG;
    struct bytes start = bytes_of(&flag, 1);
    struct inside inside;

    if (input.data[0] != FLAG || !unescape(input, &inside))
        return frame_garbage_until(input, start);
    if (is_open(&inside))
        return frame_partial();
    if (!inside.used || inside.len < HEADER_LEN || read_be(inside.plain + 2, 2) != inside.len)
        return frame_garbage_until(input, start);
    buffer_printf(line, "%04" PRIx64 " %" PRIu64 " ", read_be(inside.plain + 4, 2), read_be(inside.plain + 8, 4));
    put_hex(line, bytes_of(inside.plain + HEADER_LEN, inside.len - HEADER_LEN));
    return frame_good(inside.used);
}

const struct framer framer_huasheng = {
    .name = "huasheng",
    .fields = {"seq"},
    .wrap = wrap,
    .find = find,
};
