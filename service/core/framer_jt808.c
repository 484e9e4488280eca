/* JT/T 808, the Chinese standard of 2011 and 2013 for vehicle terminals.
 *
 *     7E, message (2 bytes), attributes (2), id (6), serial (2), body, xor8 of all since the 7E, 7E
 *
 * Numbers are big-endian. The lowest ten bits of the attributes are the body's length. The checksum is taken first;
 * then, between the flags, 7E is written 7D 02 and 7D is written 7D 01, the checksum's own byte not excepted.
 * Attribute bit 13: two counters of 2 bytes follow the serial. Bit 14, the standard of 2019: a version byte comes
 * before the id, which has 10 bytes. The messages 5501 and 5502 of some padlocks have a serial of one byte. Source:
 * JT/T 808 as in the "JT/T808 Protocol for G10LS", 1.4; Traccar's Jt808FrameDecoder and Jt808ProtocolDecoder.
 *
 * Line: "MESSAGE ID HEX": the message in 4 hex digits, the id in 12 (20), and what is between serial and checksum. */
#include "framers.h"

enum {
    FLAG = 0x7E,
    ESCAPE = 0x7D,
    ID_LEN = 6,
    ID_LEN_2019 = 10,
    BODY_MAX = 0x3FF,
    ATTRIBUTE_PARTS = 0x2000,
    ATTRIBUTE_2019 = 0x4000,
    ATTRIBUTES_END = 4, /* from here on it is known how long the content is */
};

/* What stands between the flags, without escapes. */
struct content {
    uint8_t plain[FRAMER_FRAME_MAX];
    size_t len;
    size_t used; /* of the input, with both flags; 0: the second one has not come yet */
};

struct header {
    uint16_t message;
    size_t id_at;
    size_t id_len;
    size_t body_at;
    size_t content_len; /* with the checksum */
};

static void put_escaped(struct buffer *out, struct bytes plain)
{
    for (size_t i = 0; i < plain.len; i++) {
        if (plain.data[i] == FLAG || plain.data[i] == ESCAPE) {
            buffer_put_u8(out, ESCAPE);
            buffer_put_u8(out, plain.data[i] == FLAG ? 2 : 1);
        } else {
            buffer_put_u8(out, plain.data[i]);
        }
    }
}

static const char *wrap(const struct bytes fields[], struct bytes body, struct buffer *out)
{
    uint8_t plain_room[512];
    struct buffer plain = buffer_in(plain_room, sizeof plain_room);
    uint8_t message[2];
    uint8_t id[ID_LEN];
    uint64_t serial;

    if (!bytes_from_hex(fields[0], message, sizeof message))
        return "message: must be 4 hex digits";
    if (!bytes_from_hex(fields[1], id, sizeof id))
        return "id_bytes: must be 12 hex digits";
    if (!field_number(fields[2], UINT16_MAX, &serial))
        return "serial: must be a number up to 65535";
    if (body.len > BODY_MAX)
        return "body: must be at most 1023 bytes";
    buffer_put(&plain, bytes_of(message, sizeof message));
    buffer_put_be(&plain, body.len, 2);
    buffer_put(&plain, bytes_of(id, sizeof id));
    buffer_put_be(&plain, serial, 2);
    buffer_put(&plain, body);
    buffer_put_be(&plain, checksum_of(CHECKSUM_XOR8, buffer_bytes(&plain)), 1);
    buffer_put_u8(out, FLAG);
    put_escaped(out, buffer_bytes(&plain));
    buffer_put_u8(out, FLAG);
    buffer_release(&plain);
    return NULL;
}

/* False: no frame begins like this. */
static bool unescape(struct bytes input, struct content *c)
{
    size_t end = input.len < FRAMER_FRAME_MAX ? input.len : FRAMER_FRAME_MAX;

    c->len = 0;
    c->used = 0;
    for (size_t at = 1; at < end; at++) {
        uint8_t byte = input.data[at];

        if (byte == FLAG) {
            c->used = at + 1;
            return true;
        }
        if (byte == ESCAPE) {
            if (++at == end)
                break;
            if (input.data[at] != 1 && input.data[at] != 2)
                return false;
            byte = input.data[at] == 1 ? ESCAPE : FLAG;
        }
        c->plain[c->len++] = byte;
    }
    return input.len < FRAMER_FRAME_MAX;
}

/* Of a content that reaches to ATTRIBUTES_END. */
static struct header read_header(const struct content *c)
{
    uint64_t attributes = read_be(c->plain + 2, 2);
    struct header h = {.message = (uint16_t)read_be(c->plain, 2), .id_at = ATTRIBUTES_END, .id_len = ID_LEN};

    if (attributes & ATTRIBUTE_2019) {
        h.id_at++;
        h.id_len = ID_LEN_2019;
    }
    h.body_at = h.id_at + h.id_len + (h.message == 0x5501 || h.message == 0x5502 ? 1 : 2);
    h.content_len = h.body_at + (attributes & ATTRIBUTE_PARTS ? 4 : 0) + (attributes & BODY_MAX) + 1;
    return h;
}

static struct frame_found find(struct bytes input, struct buffer *line)
{
    static const uint8_t flag = FLAG;
    struct bytes start = bytes_of(&flag, 1);
    struct content c;
    struct header h = {0};

    if (input.data[0] != FLAG || !unescape(input, &c))
        return frame_garbage_until(input, start);
    if (c.len >= ATTRIBUTES_END)
        h = read_header(&c);
    if (c.used == 0 && (c.len < ATTRIBUTES_END || c.len <= h.content_len))
        return frame_partial();
    if (c.len != h.content_len || c.len == 0 || checksum_of(CHECKSUM_XOR8, bytes_of(c.plain, c.len)) != 0)
        return frame_garbage_until(input, start);
    buffer_printf(line, "%04x ", h.message);
    put_hex(line, bytes_of(c.plain + h.id_at, h.id_len));
    buffer_put_u8(line, ' ');
    put_hex(line, bytes_of(c.plain + h.body_at, c.len - h.body_at - 1));
    return frame_good(c.used);
}

const struct framer framer_jt808 = {
    .name = "jt808",
    .fields = {"message", "id_bytes", "serial"},
    .wrap = wrap,
    .find = find,
};
