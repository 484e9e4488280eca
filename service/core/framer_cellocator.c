/* Cellocator, the wireless protocol of Pointer's units.
 *
 *     to a unit:    "MCGP", type 00, unit id (4 bytes), command numerator, authentication code (4), command (10), sum8
 *     from a unit:  "MCGP", type, unit id (4), content, sum8
 *
 * Numbers are little-endian; the sum goes from the type on. The 10 bytes of a command are its code twice, its first
 * data byte twice, its second one twice, and 4 bytes of its own. How long a message of a unit is follows from its type.
 * Source: Cellocator Wireless Communication Protocol of 2015, p. 130 (to a unit); Traccar's CellocatorFrameDecoder and
 * the frames of its tests (from a unit; types 0 and 11 recomputed, the others rest on that code).
 * One public library writes the command in fields of two bytes, 29 in all; the manual's own example contradicts it.
 *
 * Line: "TYPE UNIT_ID HEX": both in decimal, then the content. */
#include "framers.h"

#include <inttypes.h>

enum {
    TYPE_AT = 4,
    UNIT_ID_AT = 5,
    CONTENT_AT = 9,
    COMMAND_LEN = 10,
};

/* How long a frame is: `fixed` bytes and as many as the number at `length_at` says. */
static const struct layout {
    uint8_t type;
    uint8_t fixed;
    uint8_t length_at;
    uint8_t length_width;
} layouts[] = {
    {.type = 0, .fixed = 70},
    {.type = 3, .fixed = 31},
    {.type = 7, .fixed = 70},
    {.type = 8, .fixed = 19, .length_at = 16, .length_width = 2},
    {.type = 9, .fixed = 15, .length_at = 13, .length_width = 1},
    {.type = 11, .fixed = 16, .length_at = 13, .length_width = 2},
};

static struct bytes system_code(void)
{
    return bytes_of_text("MCGP");
}

static const char *wrap(const struct bytes fields[], struct bytes body, struct buffer *out)
{
    size_t start = out->len;
    uint64_t unit_id;
    uint64_t numerator;
    uint8_t auth[4];

    if (!field_number(fields[0], UINT32_MAX, &unit_id))
        return "unit_id: must be a number up to 4294967295";
    if (!field_number(fields[1], UINT8_MAX, &numerator))
        return "numerator: must be a number up to 255";
    if (!bytes_from_hex(fields[2], auth, sizeof auth))
        return "auth: must be 8 hex digits";
    if (body.len != COMMAND_LEN)
        return "body: must be 10 bytes";
    buffer_put(out, system_code());
    buffer_put_u8(out, 0);
    put_le(out, unit_id, 4);
    put_le(out, numerator, 1);
    buffer_put(out, bytes_of(auth, sizeof auth));
    buffer_put(out, body);
    buffer_put_be(out, checksum_of(CHECKSUM_SUM8, bytes_of(out->data + start + TYPE_AT, out->len - start - TYPE_AT)),
                  1);
    return NULL;
}

static const struct layout *layout_of(uint8_t type)
{
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        if (layouts[i].type == type)
            return &layouts[i];
    }
    return NULL;
}

static struct frame_found find(struct bytes input, struct buffer *line)
{
    const struct layout *layout;
    size_t len;

    if (!frame_may_start(input, system_code()))
        return frame_garbage_until(input, system_code());
    if (input.len <= TYPE_AT)
        return frame_partial();
    layout = layout_of(input.data[TYPE_AT]);
    if (!layout)
        return frame_garbage_until(input, system_code());
    if (input.len < (size_t)layout->length_at + layout->length_width)
        return frame_partial();
    len = layout->fixed + (size_t)read_le(input.data + layout->length_at, layout->length_width);
    if (len > FRAMER_FRAME_MAX)
        return frame_garbage_until(input, system_code());
    if (input.len < len)
        return frame_partial();
    if (checksum_of(CHECKSUM_SUM8, bytes_of(input.data + TYPE_AT, len - TYPE_AT - 1)) != input.data[len - 1])
        return frame_garbage_until(input, system_code());
    buffer_printf(line, "%u %" PRIu64 " ", layout->type, read_le(input.data + UNIT_ID_AT, 4));
    put_hex(line, bytes_of(input.data + CONTENT_AT, len - CONTENT_AT - 1));
    return frame_good(len);
}

const struct framer framer_cellocator = {
    .name = "cellocator",
    .fields = {"unit_id", "numerator", "auth"},
    .wrap = wrap,
    .find = find,
};
