/* Eelink.
 *
 *     67 67     start of a package
 *     u8        type: 80 is a command and also the answer to it
 *     u16 BE    length of what follows
 *     u16 BE    index
 *     content   of type 80: 01, server id u32 BE (the answer repeats it), text
 *
 * That is all with TCP, and no checksum. With UDP a header stands before it, which covers one package or several:
 *
 *     45 4C     "EL"
 *     u16 BE    length of what follows
 *     u16 BE    sum of everything behind it, 16 bits, rotated left by one before each byte is added
 *     8 bytes   0 and the IMEI as BCD
 *
 * Line: `80 SERVER_ID TEXT` (the id in decimal), for all other packages `TYPE HEX` (the type in hex, then the content
 * behind the index). Of a datagram with several packages the header and the first package are found as one frame, the
 * others as frames of their own behind it.
 *
 * Source: Traccar's EelinkProtocolEncoder and EelinkProtocolDecoder with their tests. */
#include "framers.h"

enum {
    TYPE_DOWNLINK = 0x80,
    CONTENT_COMMAND = 1,
    PACKAGE_HEADER = 7, /* up to the content */
    LENGTH_START = 5,   /* what the length counts begins here, with the index */
    COMMAND_HEADER = 5, /* 01 and the server id */
    UDP_HEADER = 14,
    UDP_LENGTH_START = 4,
    UDP_SUM_START = 6,
    IMEI_DIGITS = 15,
    TEXT_MAX = FRAMER_FRAME_MAX - UDP_HEADER - PACKAGE_HEADER - COMMAND_HEADER,
};

enum field { TRANSPORT, INDEX, SERVER_ID, IMEI };

static const uint8_t package_start[] = {0x67, 0x67};
static const uint8_t udp_start[] = {'E', 'L'};

static uint16_t udp_sum(struct bytes bytes)
{
    unsigned sum = 0;

    for (size_t i = 0; i < bytes.len; i++)
        sum = ((sum << 1 | sum >> 15) + bytes.data[i]) & 0xFFFF;
    return (uint16_t)sum;
}

static void put_package(struct buffer *out, uint64_t index, uint64_t server_id, struct bytes text)
{
    buffer_put(out, bytes_of(package_start, sizeof package_start));
    buffer_put_u8(out, TYPE_DOWNLINK);
    buffer_put_be(out, PACKAGE_HEADER - LENGTH_START + COMMAND_HEADER + text.len, 2);
    buffer_put_be(out, index, 2);
    buffer_put_u8(out, CONTENT_COMMAND);
    buffer_put_be(out, server_id, 4);
    buffer_put(out, text);
}

static void put_udp_header(struct buffer *out, const uint8_t *imei, struct bytes package)
{
    uint8_t covered_room[512];
    struct buffer covered = buffer_in(covered_room, sizeof covered_room);

    buffer_put(&covered, bytes_of(imei, 8));
    buffer_put(&covered, package);
    buffer_put(out, bytes_of(udp_start, sizeof udp_start));
    buffer_put_be(out, 2 + covered.len, 2);
    buffer_put_be(out, udp_sum(buffer_bytes(&covered)), 2);
    buffer_put(out, bytes_of(imei, 8));
    buffer_release(&covered);
}

static const char *wrap(const struct bytes fields[], struct bytes body, struct buffer *out)
{
    bool is_udp = bytes_equal_text(fields[TRANSPORT], "udp");
    uint8_t package_room[512];
    struct buffer package = buffer_in(package_room, sizeof package_room);
    uint64_t server_id;
    uint64_t index;
    uint8_t imei[8];

    if (!is_udp && !bytes_equal_text(fields[TRANSPORT], "tcp"))
        return "transport: must be tcp or udp";
    if (!field_number(fields[INDEX], UINT16_MAX, &index))
        return "index: must be a number up to 65535";
    if (!field_number(fields[SERVER_ID], UINT32_MAX, &server_id))
        return "server_id: must be a number up to 4294967295";
    if (is_udp && !field_bcd(fields[IMEI], IMEI_DIGITS, imei))
        return "imei: must be 15 digits";
    if (body.len == 0 || body.len > TEXT_MAX)
        return "body: is empty or too long";
    put_package(&package, index, server_id, body);
    if (is_udp)
        put_udp_header(out, imei, buffer_bytes(&package));
    buffer_put(out, buffer_bytes(&package));
    buffer_release(&package);
    return NULL;
}

/* --- what comes in --- */

static struct frame_found garbage(struct bytes input)
{
    return frame_garbage_until_either(input, bytes_of(package_start, sizeof package_start),
                                      bytes_of(udp_start, sizeof udp_start));
}

/* How long the package at the start of the input is; 0 when none begins here. It may be longer than the input. */
static size_t package_len(struct bytes input)
{
    uint64_t len;

    if (!frame_may_start(input, bytes_of(package_start, sizeof package_start)))
        return 0;
    if (input.len < LENGTH_START)
        return PACKAGE_HEADER;
    len = read_be(input.data + 3, 2);
    if (len < PACKAGE_HEADER - LENGTH_START || len > FRAMER_FRAME_MAX - LENGTH_START)
        return 0;
    return LENGTH_START + (size_t)len;
}

static void put_line(struct buffer *line, struct bytes package)
{
    struct bytes content = bytes_of(package.data + PACKAGE_HEADER, package.len - PACKAGE_HEADER);
    uint8_t type = package.data[2];

    buffer_printf(line, "%02x ", type);
    if (type != TYPE_DOWNLINK || content.len < COMMAND_HEADER || content.data[0] != CONTENT_COMMAND) {
        put_hex(line, content);
        return;
    }
    buffer_put_number(line, (int64_t)read_be(content.data + 1, 4));
    buffer_put_u8(line, ' ');
    buffer_put(line, bytes_of(content.data + COMMAND_HEADER, content.len - COMMAND_HEADER));
}

static struct frame_found find_package(struct bytes input, struct buffer *line)
{
    size_t len = package_len(input);

    if (len == 0)
        return garbage(input);
    if (len > input.len)
        return frame_partial();
    put_line(line, bytes_of(input.data, len));
    return frame_good(len);
}

/* True when the bytes are packages and nothing else, one at least. */
static bool are_packages(struct bytes rest)
{
    size_t len;

    do {
        len = package_len(rest);
        if (len == 0 || len > rest.len)
            return false;
        rest = bytes_of(rest.data + len, rest.len - len);
    } while (rest.len > 0);
    return true;
}

static struct frame_found find_udp(struct bytes input, struct buffer *line)
{
    struct bytes packages;
    size_t end;
    size_t first;

    if (input.len < UDP_LENGTH_START)
        return frame_partial();
    end = UDP_LENGTH_START + (size_t)read_be(input.data + 2, 2);
    if (end < UDP_HEADER + PACKAGE_HEADER || end > FRAMER_FRAME_MAX)
        return garbage(input);
    if (input.len < end)
        return frame_partial();
    if (udp_sum(bytes_of(input.data + UDP_SUM_START, end - UDP_SUM_START)) != read_be(input.data + 4, 2))
        return garbage(input);
    packages = bytes_of(input.data + UDP_HEADER, end - UDP_HEADER);
    if (!are_packages(packages))
        return garbage(input);
    first = package_len(packages);
    put_line(line, bytes_of(packages.data, first));
    return frame_good(UDP_HEADER + first);
}

static struct frame_found find(struct bytes input, struct buffer *line)
{
    if (frame_may_start(input, bytes_of(udp_start, sizeof udp_start)))
        return find_udp(input, line);
    return find_package(input, line);
}

const struct framer framer_eelink = {
    .name = "eelink",
    .fields = {[TRANSPORT] = "transport", [INDEX] = "index", [SERVER_ID] = "server_id", [IMEI] = "imei"},
    .wrap = wrap,
    .find = find,
};
