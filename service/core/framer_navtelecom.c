/* Navtelecom, NTCB: text commands over the connection that carries the tracker's records.
 *
 *     @NTC | receiver u32 | sender u32 | length u16 | sum of the body | sum of the header | body
 *
 * All of it little-endian. `length` counts the body; both sums are the exclusive or, the second one of the 15 bytes
 * before it. A reply has the receiver and the sender of the command the other way round. A body of no bytes keeps the
 * connection alive.
 *
 * Records come in FLEX messages, `~A…`, between these frames. How long one is only the tracker's own list of fields
 * tells, so they are garbage here.
 *
 * Line: `1 0 BODY`, the receiver, the sender and the body as it came.
 *
 * Source: Navtelecom, "Communication Protocol" (NTCB); the bytes of Traccar's NavtelecomProtocolEncoderTest and
 * NavisProtocolDecoderTest. */
#include "framers.h"

enum {
    HEAD = 16,
    HEADER_SUM_AT = 15,
    BODY_MAX = FRAMER_FRAME_MAX - HEAD,
};

static const struct bytes start = {(const uint8_t *)"@NTC", 4};

static const char *wrap(const struct bytes fields[], struct bytes body, struct buffer *out)
{
    uint64_t receiver, sender;

    if (!field_number(fields[0], UINT32_MAX, &receiver))
        return "receiver: must be 0 to 4294967295";
    if (!field_number(fields[1], UINT32_MAX, &sender))
        return "sender: must be 0 to 4294967295";
    if (body.len == 0 || body.len > BODY_MAX)
        return "body: must be 1 to 2032 bytes";
    buffer_put(out, start);
    put_le(out, receiver, 4);
    put_le(out, sender, 4);
    put_le(out, body.len, 2);
    buffer_put_u8(out, (uint8_t)checksum_of(CHECKSUM_XOR8, body));
    buffer_put_u8(out,
                  (uint8_t)checksum_of(CHECKSUM_XOR8, bytes_of(out->data + out->len - HEADER_SUM_AT, HEADER_SUM_AT)));
    buffer_put(out, body);
    return NULL;
}

static struct frame_found find(struct bytes input, struct buffer *line)
{
    struct bytes body;

    if (!frame_may_start(input, start))
        return frame_garbage_until(input, start);
    if (input.len < HEAD)
        return frame_partial();
    body = bytes_of(input.data + HEAD, (size_t)read_le(input.data + 12, 2));
    if (input.data[HEADER_SUM_AT] != checksum_of(CHECKSUM_XOR8, bytes_of(input.data, HEADER_SUM_AT)) ||
        body.len > BODY_MAX)
        return frame_garbage_until(input, start);
    if (input.len < HEAD + body.len)
        return frame_partial();
    if (input.data[14] != checksum_of(CHECKSUM_XOR8, body))
        return frame_garbage_until(input, start);
    buffer_put_number(line, (int64_t)read_le(input.data + 4, 4));
    buffer_put_u8(line, ' ');
    buffer_put_number(line, (int64_t)read_le(input.data + 8, 4));
    buffer_put_u8(line, ' ');
    buffer_put(line, body);
    return frame_good(HEAD + body.len);
}

const struct framer framer_navtelecom = {
    .name = "navtelecom",
    .fields = {"receiver", "sender"},
    .wrap = wrap,
    .find = find,
};
