/* Galileosky: a packet of tags.
 *
 *     01 | length u16 | tags | CRC u16
 *
 * All of it little-endian. `length` counts the tags; its top bit says that records wait in the tracker's archive. The
 * CRC is CRC-16/MODBUS from the 01 through the last tag. A tag is one byte, then its value, whose size only the tag
 * tells:
 *
 *     03  IMEI, 15 characters      E0  number of the command, u32
 *     04  device number, u16       E1  length u8, text
 *
 * A command is 03, 04, E0 and E1; its reply has the same tags, the number of the command repeated.
 *
 * Line: `7 TEXT`, the number and the text, where E0 and E1 are both there; else `tags HEX`, all tags of the packet.
 *
 * Source: the bytes of Traccar's GalileoProtocolEncoderTest and GalileoProtocolDecoderTest, which has replies too. */
#include "framers.h"

enum {
    TAG_IMEI = 0x03,
    TAG_DEVICE = 0x04,
    TAG_COMMAND = 0xE0,
    TAG_TEXT = 0xE1,
    IMEI_DIGITS = 15,
    HEAD = 3,
    TAIL = 2,
    LENGTH_BITS = 0x7FFF,
    AROUND_TEXT = 1 + IMEI_DIGITS + 1 + 2 + 1 + 4 + 1 + 1, /* of what `length` counts */
};

static const struct bytes start = {(const uint8_t *)"\x01", 1};

static bool is_digits(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return true;
}

static const char *wrap(const struct bytes fields[], struct bytes body, struct buffer *out)
{
    uint64_t device, command;
    size_t length = AROUND_TEXT + body.len;

    if (fields[0].len != IMEI_DIGITS || !is_digits(fields[0]))
        return "imei: must be 15 digits";
    if (!field_number(fields[1], UINT16_MAX, &device))
        return "device_id: must be 0 to 65535";
    if (!field_number(fields[2], UINT32_MAX, &command))
        return "index: must be 0 to 4294967295";
    if (body.len == 0 || body.len > UINT8_MAX)
        return "body: must be 1 to 255 bytes";
    buffer_put(out, start);
    put_le(out, length, 2);
    buffer_put_u8(out, TAG_IMEI);
    buffer_put(out, fields[0]);
    buffer_put_u8(out, TAG_DEVICE);
    put_le(out, device, 2);
    buffer_put_u8(out, TAG_COMMAND);
    put_le(out, command, 4);
    buffer_put_u8(out, TAG_TEXT);
    buffer_put_u8(out, (uint8_t)body.len);
    buffer_put(out, body);
    put_le(out, checksum_of(CHECKSUM_CRC16_MODBUS, bytes_of(out->data + out->len - (HEAD + length), HEAD + length)),
           TAIL);
    return NULL;
}

/* How many bytes the value has of the tag that `left`, of at least one byte, begins with. 0: not known here; records
 * have scores of other tags, but no reply to a command has. */
static size_t value_size(struct bytes left)
{
    switch (left.data[0]) {
    case 0x01: /* hardware */
    case 0x02: /* firmware */
        return 1;
    case TAG_IMEI:
        return IMEI_DIGITS;
    case TAG_DEVICE:
    case 0x10: /* number of the record */
        return 2;
    case 0x20: /* time */
    case TAG_COMMAND:
        return 4;
    case TAG_TEXT:
        return left.len > 1 ? 1 + (size_t)left.data[1] : 0;
    default:
        return 0;
    }
}

/* True when both a command's number and a text are among the tags. Data of what is missing stays NULL. */
static bool find_reply(struct bytes tags, struct bytes *command, struct bytes *text)
{
    *command = *text = bytes_of(NULL, 0);
    while (tags.len > 0 && !(command->data && text->data)) {
        size_t size = value_size(tags);

        if (size == 0 || size >= tags.len)
            return false;
        if (tags.data[0] == TAG_COMMAND)
            *command = bytes_of(tags.data + 1, size);
        if (tags.data[0] == TAG_TEXT)
            *text = bytes_of(tags.data + 2, size - 1);
        tags = bytes_of(tags.data + 1 + size, tags.len - 1 - size);
    }
    return command->data && text->data;
}

static void put_line(struct bytes tags, struct buffer *line)
{
    struct bytes command, text;

    if (find_reply(tags, &command, &text)) {
        buffer_put_number(line, (int64_t)read_le(command.data, command.len));
        buffer_put_u8(line, ' ');
        buffer_put(line, text);
        return;
    }
    buffer_put_text(line, "tags ");
    put_hex(line, tags);
}

static struct frame_found find(struct bytes input, struct buffer *line)
{
    struct bytes checked;

    if (!frame_may_start(input, start))
        return frame_garbage_until(input, start);
    if (input.len < HEAD)
        return frame_partial();
    checked = bytes_of(input.data, HEAD + (size_t)(read_le(input.data + 1, 2) & LENGTH_BITS));
    if (checked.len == HEAD || checked.len + TAIL > FRAMER_FRAME_MAX)
        return frame_garbage_until(input, start);
    if (input.len < checked.len + TAIL)
        return frame_partial();
    if (read_le(input.data + checked.len, TAIL) != checksum_of(CHECKSUM_CRC16_MODBUS, checked))
        return frame_garbage_until(input, start);
    put_line(bytes_of(checked.data + HEAD, checked.len - HEAD), line);
    return frame_good(checked.len + TAIL);
}

const struct framer framer_galileosky = {
    .name = "galileosky",
    .fields = {"imei", "device_id", "index"},
    .wrap = wrap,
    .find = find,
};
