/* Castel.
 *
 *     40 40       "@@"
 *     u16 LE      length of the whole frame
 *     u8          version of the protocol; commands have 1
 *     20 bytes    id, filled with NULs
 *     u16 BE      type
 *     content
 *     u16 LE      CRC-16/X-25 over everything before it
 *     0D 0A
 *
 * Frames of an older protocol begin with "$$" and lack the version; only trackers send them.
 *
 * Line: `ID TYPE HEX`: the id without its NULs and with `?` for what cannot be printed, the type as four hex digits,
 * the content.
 *
 * Source: Traccar's CastelProtocolEncoder and CastelProtocolDecoder with their tests. */
#include "framers.h"

enum {
    VERSION = 1,
    ID_LEN = 20,
    ID_START = 5, /* with "$$" one earlier */
    TRAILER = 4,  /* the CRC, CR and LF */
    OVERHEAD = ID_START + ID_LEN + 2 + TRAILER,
};

static const uint8_t start_versioned[] = {'@', '@'};
static const uint8_t start_old[] = {'$', '$'};

static bool is_printable(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    }
    return true;
}

static const char *wrap(const struct bytes fields[], struct bytes body, struct buffer *out)
{
    size_t start = out->len;
    uint8_t id[ID_LEN] = {0};
    uint8_t type[2];

    if (fields[0].len == 0 || fields[0].len > ID_LEN || !is_printable(fields[0]))
        return "id: must be 1 to 20 printable characters";
    if (!bytes_from_hex(fields[1], type, sizeof type))
        return "type: must be 4 hex digits";
    if (body.len > FRAMER_FRAME_MAX - OVERHEAD)
        return "body: is too long";
    memcpy(id, fields[0].data, fields[0].len);
    buffer_put(out, bytes_of(start_versioned, sizeof start_versioned));
    put_le(out, OVERHEAD + body.len, 2);
    buffer_put_u8(out, VERSION);
    buffer_put(out, bytes_of(id, sizeof id));
    buffer_put(out, bytes_of(type, sizeof type));
    buffer_put(out, body);
    put_le(out, checksum_of(CHECKSUM_CRC16_X25, bytes_of(out->data + start, out->len - start)), 2);
    buffer_put_text(out, "\r\n");
    return NULL;
}

/* --- what comes in --- */

static struct frame_found garbage(struct bytes input)
{
    return frame_garbage_until_either(input, bytes_of(start_versioned, sizeof start_versioned),
                                      bytes_of(start_old, sizeof start_old));
}

/* The whole frame, as long as its length field says. */
static bool is_intact(struct bytes frame)
{
    const uint8_t *trailer = frame.data + frame.len - TRAILER;

    if (trailer[2] != '\r' || trailer[3] != '\n')
        return false;
    return checksum_of(CHECKSUM_CRC16_X25, bytes_of(frame.data, frame.len - TRAILER)) == read_le(trailer, 2);
}

static void put_line(struct buffer *line, const uint8_t *id, struct bytes type_and_content)
{
    size_t len = ID_LEN;

    while (len > 0 && id[len - 1] == 0)
        len--;
    for (size_t i = 0; i < len; i++)
        buffer_put_u8(line, is_printable(bytes_of(id + i, 1)) ? id[i] : '?');
    buffer_put_u8(line, ' ');
    put_hex(line, bytes_of(type_and_content.data, 2));
    buffer_put_u8(line, ' ');
    put_hex(line, bytes_of(type_and_content.data + 2, type_and_content.len - 2));
}

static struct frame_found find(struct bytes input, struct buffer *line)
{
    bool is_old = frame_may_start(input, bytes_of(start_old, sizeof start_old));
    size_t id_start = is_old ? ID_START - 1 : ID_START;
    size_t id_end = id_start + ID_LEN;
    size_t len;

    if (!is_old && !frame_may_start(input, bytes_of(start_versioned, sizeof start_versioned)))
        return garbage(input);
    if (input.len < 4)
        return frame_partial();
    len = (size_t)read_le(input.data + 2, 2);
    if (len < id_end + 2 + TRAILER || len > FRAMER_FRAME_MAX)
        return garbage(input);
    if (input.len < len)
        return frame_partial();
    if (!is_intact(bytes_of(input.data, len)))
        return garbage(input);
    put_line(line, input.data + id_start, bytes_of(input.data + id_end, len - id_end - TRAILER));
    return frame_good(len);
}

const struct framer framer_castel = {.name = "castel", .fields = {"id", "type"}, .wrap = wrap, .find = find};
