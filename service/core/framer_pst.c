/* PST.
 *
 *     u32 BE    id
 *     u8        version: 06
 *     u32 BE    index
 *     body      it begins with the type: 05 is a status, 06 a command
 *     u16 BE    CRC-16/XMODEM over everything before it
 *
 * With UDP that is one datagram. With TCP it stands in parentheses, and 27, 28 and 29 in it become 27 and the byte
 * exclusive-or 40. A datagram has neither a start nor a length, so it must be the whole input and is never partial.
 *
 * Line: `ID INDEX HEX`, id and index in decimal, then the body with its type.
 *
 * Source: Traccar's PstProtocolEncoder, PstProtocolDecoder, PstFrameEncoder and PstFrameDecoder with their tests. */
#include "framers.h"

enum {
    VERSION = 6,
    BODY_START = 9,
    CRC_LEN = 2,
    ESCAPE = 0x27,
    ESCAPE_BIT = 0x40,
    BODY_MAX = FRAMER_FRAME_MAX / 2 - BODY_START - CRC_LEN - 2, /* so that it also fits when every byte is escaped */
};

enum field { ID32, INDEX, TRANSPORT };

static bool is_special(uint8_t byte)
{
    return byte == ESCAPE || byte == '(' || byte == ')';
}

static void put_escaped(struct buffer *out, struct bytes frame)
{
    buffer_put_u8(out, '(');
    for (size_t i = 0; i < frame.len; i++) {
        if (is_special(frame.data[i])) {
            buffer_put_u8(out, ESCAPE);
            buffer_put_u8(out, frame.data[i] ^ ESCAPE_BIT);
        } else {
            buffer_put_u8(out, frame.data[i]);
        }
    }
    buffer_put_u8(out, ')');
}

static const char *wrap(const struct bytes fields[], struct bytes body, struct buffer *out)
{
    bool is_tcp = bytes_equal_text(fields[TRANSPORT], "tcp");
    uint8_t frame_room[512];
    struct buffer frame = buffer_in(frame_room, sizeof frame_room);
    uint64_t id;
    uint64_t index;

    if (!field_number(fields[ID32], UINT32_MAX, &id))
        return "id32: must be a number up to 4294967295";
    if (!field_number(fields[INDEX], UINT32_MAX, &index))
        return "index: must be a number up to 4294967295";
    if (!is_tcp && !bytes_equal_text(fields[TRANSPORT], "udp"))
        return "transport: must be tcp or udp";
    if (body.len == 0 || body.len > BODY_MAX)
        return "body: is empty or too long";
    buffer_put_be(&frame, id, 4);
    buffer_put_u8(&frame, VERSION);
    buffer_put_be(&frame, index, 4);
    buffer_put(&frame, body);
    buffer_put_be(&frame, checksum_of(CHECKSUM_CRC16_XMODEM, buffer_bytes(&frame)), CRC_LEN);
    if (is_tcp)
        put_escaped(out, buffer_bytes(&frame));
    else
        buffer_put(out, buffer_bytes(&frame));
    buffer_release(&frame);
    return NULL;
}

/* --- what comes in --- */

/* Appends the line where the bytes are a frame without parentheses and escapes. */
static bool read_frame(struct bytes frame, struct buffer *line)
{
    size_t end;

    if (frame.len <= BODY_START + CRC_LEN || frame.len > FRAMER_FRAME_MAX)
        return false;
    end = frame.len - CRC_LEN;
    if (checksum_of(CHECKSUM_CRC16_XMODEM, bytes_of(frame.data, end)) != read_be(frame.data + end, CRC_LEN))
        return false;
    buffer_put_number(line, (int64_t)read_be(frame.data, 4));
    buffer_put_u8(line, ' ');
    buffer_put_number(line, (int64_t)read_be(frame.data + 5, 4));
    buffer_put_u8(line, ' ');
    put_hex(line, bytes_of(frame.data + BODY_START, end - BODY_START));
    return true;
}

static struct frame_found garbage(struct bytes input)
{
    return frame_garbage_until(input, bytes_of_text("("));
}

/* What begins with a parenthesis: takes the escapes out up to the other one. */
static struct frame_found find_escaped(struct bytes input, struct buffer *line)
{
    uint8_t frame[FRAMER_FRAME_MAX];
    bool is_escaped = false;
    size_t len = 0;
    size_t i;

    for (i = 1; i < input.len && i < FRAMER_FRAME_MAX; i++) {
        uint8_t byte = input.data[i];

        if (is_escaped) {
            byte ^= ESCAPE_BIT;
            if (!is_special(byte))
                return garbage(input);
        } else if (byte == ')' && read_frame(bytes_of(frame, len), line)) {
            return frame_good(i + 1);
        } else if (byte == '(' || byte == ')') {
            return garbage(input);
        }
        is_escaped = !is_escaped && byte == ESCAPE;
        if (!is_escaped)
            frame[len++] = byte;
    }
    return i < FRAMER_FRAME_MAX ? frame_partial() : garbage(input);
}

static struct frame_found find(struct bytes input, struct buffer *line)
{
    struct frame_found escaped = input.data[0] == '(' ? find_escaped(input, line) : garbage(input);

    if (escaped.verdict == FRAME_GOOD)
        return escaped;
    /* The id of a datagram may begin with a parenthesis, too. */
    return read_frame(input, line) ? frame_good(input.len) : escaped;
}

const struct framer framer_pst = {
    .name = "pst",
    .fields = {[ID32] = "id32", [INDEX] = "index", [TRANSPORT] = "transport"},
    .wrap = wrap,
    .find = find,
};
