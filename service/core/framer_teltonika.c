/* Teltonika, Codec 12 and Codec 14: text commands over the connection that carries the tracker's records.
 *
 *     00000000 | size u32 | codec 0C | quantity 01 | type 05 | length u32 | text | quantity 01 | CRC u32
 *
 * All of it big-endian. `size` counts from the codec through the second quantity, and so does the CRC: CRC-16/ARC, of
 * which the upper two bytes are zero. In Codec 14 (0E) the text begins with the IMEI, 8 bytes of packed BCD, which the
 * length counts. A response is the same with type 06, or 11 where the IMEI is not the device's own.
 *
 * Line: `06 TEXT`, the type in hex and the text as it came, without the IMEI. Records and whatever else comes in such a
 * frame: `codec 08 HEX`, the codec in hex and all that is behind it.
 *
 * Source: Teltonika's wiki on Codec 12 and Codec 14; the bytes of Traccar's TeltonikaProtocolEncoderTest. */
#include "framers.h"

enum {
    HEAD = 8,    /* preamble and size */
    TAIL = 4,    /* CRC */
    TEXT_AT = 7, /* in what `size` counts, behind codec, quantity, type and length */
    QUANTITY = 1,
    CODEC_12 = 0x0C,
    CODEC_14 = 0x0E,
    TYPE_COMMAND = 0x05,
    IMEI_DIGITS = 15,
    IMEI_SIZE = 8,
    SIZE_MIN = 3, /* codec and both quantities */
    SIZE_MAX_HERE = FRAMER_FRAME_MAX - HEAD - TAIL,
    BODY_MAX = SIZE_MAX_HERE - TEXT_AT - IMEI_SIZE - QUANTITY,
};

static const uint8_t preamble[4];
static const struct bytes start = {preamble, sizeof preamble};

static const char *wrap(const struct bytes fields[], struct bytes body, struct buffer *out)
{
    bool has_imei = bytes_equal_text(fields[0], "codec14");
    uint8_t imei[IMEI_SIZE];
    size_t text_len = body.len + (has_imei ? IMEI_SIZE : 0);
    size_t size = TEXT_AT + text_len + QUANTITY;

    if (!has_imei && !bytes_equal_text(fields[0], "codec12"))
        return "codec: must be codec12 or codec14";
    if (has_imei && !field_bcd(fields[1], IMEI_DIGITS, imei))
        return "imei: must be 15 digits";
    if (body.len == 0 || body.len > BODY_MAX)
        return "body: must be 1 to 2020 bytes";
    buffer_put(out, start);
    buffer_put_be(out, size, 4);
    buffer_put_u8(out, has_imei ? CODEC_14 : CODEC_12);
    buffer_put_u8(out, 1);
    buffer_put_u8(out, TYPE_COMMAND);
    buffer_put_be(out, text_len, 4);
    if (has_imei)
        buffer_put(out, bytes_of(imei, sizeof imei));
    buffer_put(out, body);
    buffer_put_u8(out, 1);
    buffer_put_be(out, checksum_of(CHECKSUM_CRC16_ARC, bytes_of(out->data + out->len - size, size)), TAIL);
    return NULL;
}

/* The size that the frame claims; where not all of the field is there yet, the least that it can become. */
static size_t size_claimed(struct bytes input)
{
    size_t there = input.len >= HEAD ? 4 : input.len > start.len ? input.len - start.len : 0;

    return there ? (size_t)(read_be(input.data + start.len, there) << 8 * (4 - there)) : 0;
}

/* What `size` counts, with a right CRC. */
static void put_line(struct bytes data, struct buffer *line)
{
    uint8_t codec = data.data[0];
    size_t imei_len = codec == CODEC_14 ? IMEI_SIZE : 0;
    size_t text_len = data.len > TEXT_AT ? data.len - TEXT_AT - QUANTITY : 0;

    if ((codec != CODEC_12 && codec != CODEC_14) || data.len <= TEXT_AT || read_be(data.data + 3, 4) != text_len ||
        text_len < imei_len) {
        buffer_printf(line, "codec %02x ", codec);
        put_hex(line, bytes_of(data.data + 1, data.len - 1));
        return;
    }
    buffer_printf(line, "%02x ", data.data[2]);
    buffer_put(line, bytes_of(data.data + TEXT_AT + imei_len, text_len - imei_len));
}

static struct frame_found find(struct bytes input, struct buffer *line)
{
    struct bytes data;
    size_t size;

    if (!frame_may_start(input, start))
        return frame_garbage_until(input, start);
    size = size_claimed(input);
    if (size > SIZE_MAX_HERE || (input.len >= HEAD && size < SIZE_MIN))
        return frame_garbage_until(input, start);
    if (input.len < HEAD + size + TAIL)
        return frame_partial();
    data = bytes_of(input.data + HEAD, size);
    if (read_be(data.data + size, TAIL) != checksum_of(CHECKSUM_CRC16_ARC, data))
        return frame_garbage_until(input, start);
    put_line(data, line);
    return frame_good(HEAD + size + TAIL);
}

const struct framer framer_teltonika = {
    .name = "teltonika",
    .fields = {"codec", "imei"},
    .wrap = wrap,
    .find = find,
};
