/* Meiligao: GT30i, GT60, VT300, VT310, VT400 and their kin.
 *
 *     "@@", length (2 bytes), id (7), command (2), data, CRC-16/CCITT-FALSE of all before (2), CR LF
 *
 * Numbers are big-endian; the length is that of the whole frame. The id is up to 14 decimal digits, two to a byte,
 * filled up with F. Frames of a device begin with "$$" instead.
 * Source: Meiligao GPRS Communication Protocol V2.1, I; its checksum example; Traccar's MeiligaoFrameDecoder. Very old
 * firmware in the tests of Traccar's decoder sends a length of 0 or a checksum of FFFF: not read here.
 *
 * Line: "ID COMMAND HEX": the digits, the command in 4 hex digits, and the data. */
#include "framers.h"

#include <inttypes.h>

enum {
    LENGTH_AT = 2,
    ID_AT = 4,
    ID_LEN = 7,
    COMMAND_AT = ID_AT + ID_LEN,
    DATA_AT = COMMAND_AT + 2,
    TRAILER_LEN = 4,
    FRAME_MIN = DATA_AT + TRAILER_LEN,
};

/* Up to 14 digits, filled up with F. */
static bool pack_id(struct bytes text, uint8_t id[ID_LEN])
{
    if (text.len == 0 || text.len > 2 * ID_LEN)
        return false;
    memset(id, 0xFF, ID_LEN);
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';

        if (digit > 9)
            return false;
        id[i / 2] = (uint8_t)(i % 2 ? (id[i / 2] & 0xF0) | digit : digit << 4 | 0x0F);
    }
    return true;
}

static const char *wrap(const struct bytes fields[], struct bytes body, struct buffer *out)
{
    size_t start = out->len;
    uint8_t id[ID_LEN];
    uint64_t command;

    if (!pack_id(fields[0], id))
        return "id: must be 1 to 14 digits";
    if (!field_number(fields[1], UINT16_MAX, &command))
        return "command: must be a number up to 65535";
    if (body.len > FRAMER_FRAME_MAX - FRAME_MIN)
        return "body: must be at most 2031 bytes";
    buffer_put_text(out, "@@");
    buffer_put_be(out, FRAME_MIN + body.len, 2);
    buffer_put(out, bytes_of(id, sizeof id));
    buffer_put_be(out, command, 2);
    buffer_put(out, body);
    buffer_put_be(out, checksum_of(CHECKSUM_CRC16_CCITT_FALSE, bytes_of(out->data + start, out->len - start)), 2);
    buffer_put_text(out, "\r\n");
    return NULL;
}

static bool is_right(struct bytes frame)
{
    size_t end = frame.len - TRAILER_LEN;

    return read_be(frame.data + end, 2) == checksum_of(CHECKSUM_CRC16_CCITT_FALSE, bytes_of(frame.data, end)) &&
           bytes_equal_text(bytes_of(frame.data + end + 2, 2), "\r\n");
}

static void put_id(struct buffer *line, const uint8_t *id)
{
    static const char digits[] = "0123456789abcde";

    for (size_t i = 0; i < 2 * ID_LEN; i++) {
        uint8_t digit = i % 2 ? id[i / 2] & 0x0F : id[i / 2] >> 4;

        if (digit == 0x0F)
            return;
        buffer_put_u8(line, (uint8_t)digits[digit]);
    }
}

static struct frame_found find(struct bytes input, struct buffer *line)
{
    struct bytes start = bytes_of_text("$$");
    size_t len;

    if (!frame_may_start(input, start))
        return frame_garbage_until(input, start);
    if (input.len < ID_AT)
        return frame_partial();
    len = (size_t)read_be(input.data + LENGTH_AT, 2);
    if (len < FRAME_MIN || len > FRAMER_FRAME_MAX)
        return frame_garbage_until(input, start);
    if (input.len < len)
        return frame_partial();
    if (!is_right(bytes_of(input.data, len)))
        return frame_garbage_until(input, start);
    put_id(line, input.data + ID_AT);
    buffer_printf(line, " %04" PRIx64 " ", read_be(input.data + COMMAND_AT, 2));
    put_hex(line, bytes_of(input.data + DATA_AT, len - FRAME_MIN));
    return frame_good(len);
}

const struct framer framer_meiligao = {
    .name = "meiligao",
    .fields = {"id", "command"},
    .wrap = wrap,
    .find = find,
};
