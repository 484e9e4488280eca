/* GT06, the protocol of Concox, Jimi and their many relatives.
 *
 *     7878 | length u8  | protocol | content | serial u16 | CRC u16 | 0D0A
 *     7979 | length u16 | protocol | content | serial u16 | CRC u16 | 0D0A
 *
 * All of it big-endian. `length` counts from the protocol through the CRC; the CRC is CRC-16/X-25 from the length
 * through the serial. It may end in 0D, so frames are cut by their length, never at the next 0D0A. Contents:
 *
 *     80 (command)  n u8 | server flag u32 | text            n counts the flag and the text
 *     15 (reply)    n u8 | server flag u32 | text | language u16
 *     21 (reply)    server flag u32 | encoding | text        encoding 02 is UTF-16, big-endian
 *
 * The reply repeats the server flag. Some devices send n = 0 and fill the text up with NULs.
 *
 * Line: `15 108888 DYD=Success!`, the protocol in hex, the server flag in decimal, the text as UTF-8 without the NULs
 * at its end; replies 15 and 21 alike. Every other frame: `13 HEX`, protocol and content.
 *
 * Source: Concox, "GPS Tracker Communication Protocol" (GT06), sections 4 and 6; the bytes of Traccar's
 * Gt06ProtocolEncoderTest and Gt06ProtocolDecoderTest, which have n = 0, NULs and reply 21 too. */
#include "framers.h"

enum {
    PROTOCOL_REPLY = 0x15,
    PROTOCOL_REPLY_LONG = 0x21,
    PROTOCOL_COMMAND = 0x80,
    ENCODING_UTF16 = 2,
    START = 2,
    STOP = 2,
    FLAG = 4,
    LANGUAGE = 2,
    AROUND_CONTENT = 1 + 2 + 2,                 /* of what `length` counts: protocol, serial, CRC */
    BODY_MAX = 255 - 1 - FLAG - AROUND_CONTENT, /* `length` of a short frame is one byte */
};

static const struct bytes start_short = {(const uint8_t *)"\x78\x78", START};
static const struct bytes start_long = {(const uint8_t *)"\x79\x79", START};
static const struct bytes stop = {(const uint8_t *)"\r\n", STOP};

static const char *wrap(const struct bytes fields[], struct bytes body, struct buffer *out)
{
    uint64_t server_flag, serial;
    size_t length = AROUND_CONTENT + 1 + FLAG + body.len;

    if (!field_number(fields[0], UINT32_MAX, &server_flag))
        return "server_flag: must be 0 to 4294967295";
    if (!field_number(fields[1], UINT16_MAX, &serial))
        return "serial: must be 0 to 65535";
    if (body.len == 0 || body.len > BODY_MAX)
        return "body: must be 1 to 245 bytes";
    buffer_put(out, start_short);
    buffer_put_u8(out, (uint8_t)length);
    buffer_put_u8(out, PROTOCOL_COMMAND);
    buffer_put_u8(out, (uint8_t)(FLAG + body.len));
    buffer_put_be(out, server_flag, FLAG);
    buffer_put(out, body);
    buffer_put_be(out, serial, 2);
    buffer_put_be(out, checksum_of(CHECKSUM_CRC16_X25, bytes_of(out->data + out->len - (length - 1), length - 1)), 2);
    buffer_put(out, stop);
    return NULL;
}

/* --- the text of a reply --- */

static void put_utf8(struct buffer *line, uint32_t c)
{
    if (c < 0x80) {
        buffer_put_u8(line, (uint8_t)c);
        return;
    }
    if (c < 0x800) {
        buffer_put_u8(line, (uint8_t)(0xC0 | c >> 6));
    } else if (c < 0x10000) {
        buffer_put_u8(line, (uint8_t)(0xE0 | c >> 12));
        buffer_put_u8(line, (uint8_t)(0x80 | (c >> 6 & 0x3F)));
    } else {
        buffer_put_u8(line, (uint8_t)(0xF0 | c >> 18));
        buffer_put_u8(line, (uint8_t)(0x80 | (c >> 12 & 0x3F)));
        buffer_put_u8(line, (uint8_t)(0x80 | (c >> 6 & 0x3F)));
    }
    buffer_put_u8(line, (uint8_t)(0x80 | (c & 0x3F)));
}

/* Takes one character off the text, of at least two bytes. Half a surrogate pair becomes U+FFFD. */
static uint32_t take_utf16(struct bytes *text)
{
    uint32_t first = (uint32_t)read_be(text->data, 2);
    uint32_t second = text->len >= 4 ? (uint32_t)read_be(text->data + 2, 2) : 0;
    bool is_pair = first >= 0xD800 && first < 0xDC00 && second >= 0xDC00 && second < 0xE000;
    size_t used = is_pair ? 4 : 2;

    *text = bytes_of(text->data + used, text->len - used);
    if (is_pair)
        return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    return first >= 0xD800 && first < 0xE000 ? 0xFFFD : first;
}

static void put_text(struct buffer *line, struct bytes text, bool is_utf16)
{
    size_t begin = line->len;

    if (!is_utf16)
        buffer_put(line, text);
    while (is_utf16 && text.len >= 2)
        put_utf8(line, take_utf16(&text));
    while (line->len > begin && line->data[line->len - 1] == 0)
        line->len--;
}

/* True when the content is one of a reply; then *text is the run of its text. */
static bool find_text(uint8_t protocol, struct bytes content, struct bytes *text)
{
    size_t n;

    if (content.len < 1 + FLAG)
        return false;
    *text = bytes_of(content.data + 1 + FLAG, content.len - 1 - FLAG);
    if (protocol == PROTOCOL_REPLY_LONG)
        return true;
    n = content.data[0];
    if (n == 0 && text->len >= LANGUAGE)
        text->len -= LANGUAGE;
    else if (n >= FLAG && n - FLAG <= text->len)
        text->len = n - FLAG;
    else
        return false;
    return true;
}

static void put_line(uint8_t protocol, struct bytes content, struct buffer *line)
{
    bool is_long = protocol == PROTOCOL_REPLY_LONG;
    struct bytes text;

    buffer_printf(line, "%02x ", protocol);
    if ((!is_long && protocol != PROTOCOL_REPLY) || !find_text(protocol, content, &text)) {
        put_hex(line, content);
        return;
    }
    buffer_put_number(line, (int64_t)read_be(content.data + (is_long ? 0 : 1), FLAG));
    buffer_put_u8(line, ' ');
    put_text(line, text, is_long && content.data[FLAG] == ENCODING_UTF16);
}

/* --- frames --- */

static struct frame_found garbage(struct bytes input)
{
    return frame_garbage_until_either(input, start_short, start_long);
}

static struct frame_found find(struct bytes input, struct buffer *line)
{
    size_t head = input.data[0] == start_long.data[0] ? START + 2 : START + 1;
    size_t length;
    struct bytes checked;

    if (!frame_may_start(input, start_short) && !frame_may_start(input, start_long))
        return garbage(input);
    if (input.len < head)
        return frame_partial();
    length = (size_t)read_be(input.data + START, head - START);
    if (length < AROUND_CONTENT || head + length + STOP > FRAMER_FRAME_MAX)
        return garbage(input);
    if (input.len < head + length + STOP)
        return frame_partial();
    checked = bytes_of(input.data + START, head - START + length - 2);
    if (read_be(checked.data + checked.len, 2) != checksum_of(CHECKSUM_CRC16_X25, checked) ||
        !bytes_equal(bytes_of(input.data + head + length, STOP), stop))
        return garbage(input);
    put_line(input.data[head], bytes_of(input.data + head + 1, length - AROUND_CONTENT), line);
    return frame_good(head + length + STOP);
}

const struct framer framer_gt06 = {
    .name = "gt06",
    .fields = {"server_flag", "serial"},
    .wrap = wrap,
    .find = find,
};
