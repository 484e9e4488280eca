/* Ruptela.
 *
 *     to the tracker:    length u16 | command | payload | CRC u16
 *     from the tracker:  length u16 | IMEI u64 | command | payload | CRC u16
 *
 * All of it big-endian. `length` counts everything between itself and the CRC, and so does the CRC: CRC-16/KERMIT. The
 * first byte of an IMEI is zero and no command is, so that both kinds are told from each other, and both are read.
 * There is no mark that a frame begins with: after garbage every byte may be the first one.
 *
 * Line: `7 TEXT` for the response to a text command, the text as it came; every other frame: `17 HEX`, the command in
 * decimal and its payload. The IMEI is left out.
 *
 * Source: the bytes of Traccar's RuptelaProtocolEncoderTest and RuptelaProtocolDecoderTest. */
#include "framers.h"

enum {
    HEAD = 2,
    TAIL = 2,
    IMEI_SIZE = 8,
    IMEI_SECOND_MAX = 3, /* of 15 digits: below 2^50 */
    COMMAND_TEXT_RESPONSE = 7,
    LENGTH_MAX = FRAMER_FRAME_MAX - HEAD - TAIL,
    BODY_MAX = LENGTH_MAX - 1,
};

static const char *wrap(const struct bytes fields[], struct bytes body, struct buffer *out)
{
    uint64_t command;
    size_t length = 1 + body.len;

    if (!field_number(fields[0], UINT8_MAX, &command) || command == 0)
        return "command: must be 1 to 255";
    if (body.len > BODY_MAX)
        return "body: must be at most 2043 bytes";
    buffer_put_be(out, length, HEAD);
    buffer_put_u8(out, (uint8_t)command);
    buffer_put(out, body);
    buffer_put_be(out, checksum_of(CHECKSUM_CRC16_KERMIT, bytes_of(out->data + out->len - length, length)), TAIL);
    return NULL;
}

/* Where the command stands in what `length` counts, as far as that is there. */
static size_t command_at(struct bytes data)
{
    return data.len > 0 && data.data[0] == 0 ? IMEI_SIZE : 0;
}

/* False when the length, or as much of what it counts as is there, belongs to no frame. */
static bool may_be_frame(struct bytes input)
{
    struct bytes data;
    size_t length;

    if (input.len < HEAD)
        return (size_t)input.data[0] << 8 <= LENGTH_MAX;
    length = (size_t)read_be(input.data, HEAD);
    data = bytes_of(input.data + HEAD, input.len - HEAD);
    if (length > LENGTH_MAX || length <= command_at(data))
        return false;
    return command_at(data) == 0 || data.len < 2 || data.data[1] <= IMEI_SECOND_MAX;
}

static struct frame_found find(struct bytes input, struct buffer *line)
{
    struct bytes data;
    size_t at;

    if (!may_be_frame(input))
        return frame_garbage(1);
    if (input.len < HEAD)
        return frame_partial();
    data = bytes_of(input.data + HEAD, (size_t)read_be(input.data, HEAD));
    if (input.len < HEAD + data.len + TAIL)
        return frame_partial();
    if (read_be(data.data + data.len, TAIL) != checksum_of(CHECKSUM_CRC16_KERMIT, data))
        return frame_garbage(1);
    at = command_at(data);
    buffer_printf(line, "%u ", data.data[at]);
    if (data.data[at] == COMMAND_TEXT_RESPONSE)
        buffer_put(line, bytes_of(data.data + at + 1, data.len - at - 1));
    else
        put_hex(line, bytes_of(data.data + at + 1, data.len - at - 1));
    return frame_good(HEAD + data.len + TAIL);
}

const struct framer framer_ruptela = {
    .name = "ruptela",
    .fields = {"command"},
    .wrap = wrap,
    .find = find,
};
