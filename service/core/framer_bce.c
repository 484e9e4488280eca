/* BCE trackers (FM-500 Light, FM-500 Blue).
 *
 *     IMEI (8 bytes), then one block or several: length (2), type (1) and data; sum8 of all before
 *
 * Numbers are little-endian. A block's length counts its type and its data. Nothing says how many blocks there are: a
 * frame ends where the checksum is right. Only the reports of the types A0 and A5 were seen with more than one block,
 * so only behind these another one is looked for; a damaged ack does not swallow what comes behind it. A connection
 * begins with the greeting #BCE# CR LF, which has no such frame. Source: Traccar's BceFrameDecoder, BceProtocolDecoder
 * and BceProtocolEncoder and their tests.
 *
 * Nothing marks a beginning either: one is where eight bytes make an IMEI, a number of at most 15 digits.
 *
 * Line: "IMEI HEX": 15 digits, and everything between the first length and the checksum; of the greeting, "greeting".
 */
#include "framers.h"

#include <inttypes.h>

enum {
    IMEI_LEN = 8,
    IMEI_DIGITS = 15,
    LENGTH_LEN = 2,
    DATA_AT = IMEI_LEN + LENGTH_LEN,
    TYPE_TRIGGERED_REPORT = 0xA0,
    TYPE_REPORT_STACK = 0xA5,
};

#define IMEI_MAX UINT64_C(999999999999999)

static struct bytes greeting(void)
{
    return bytes_of_text("#BCE#\r\n");
}

static const char *wrap(const struct bytes fields[], struct bytes body, struct buffer *out)
{
    uint64_t imei;
    size_t start = out->len;

    if (fields[0].len != IMEI_DIGITS || !field_number(fields[0], IMEI_MAX, &imei))
        return "imei: must be 15 digits";
    if (body.len == 0 || body.len > FRAMER_FRAME_MAX - DATA_AT - 1)
        return "body: must be 1 to 2037 bytes";
    put_le(out, imei, IMEI_LEN);
    put_le(out, body.len, LENGTH_LEN);
    buffer_put(out, body);
    buffer_put_be(out, checksum_of(CHECKSUM_SUM8, bytes_of(out->data + start, out->len - start)), 1);
    return NULL;
}

static bool may_begin(struct bytes input)
{
    size_t len = input.len < IMEI_LEN ? input.len : IMEI_LEN;

    return frame_may_start(input, greeting()) || read_le(input.data, len) <= IMEI_MAX;
}

static struct frame_found skip(struct bytes input)
{
    size_t at = 1;

    while (at < input.len && !may_begin(bytes_of(input.data + at, input.len - at)))
        at++;
    return frame_garbage(at);
}

static bool is_report(uint8_t type)
{
    return type == TYPE_TRIGGERED_REPORT || type == TYPE_REPORT_STACK;
}

/* FRAME_GOOD: the block that begins at `at` is there as a whole, up to *end, where another byte follows. */
static enum frame_verdict take_block(struct bytes input, size_t at, size_t *end)
{
    size_t len;

    if (at + LENGTH_LEN + 2 > FRAMER_FRAME_MAX)
        return FRAME_GARBAGE;
    if (input.len < at + LENGTH_LEN)
        return FRAME_PARTIAL;
    len = (size_t)read_le(input.data + at, LENGTH_LEN);
    *end = at + LENGTH_LEN + len;
    if (len == 0 || *end >= FRAMER_FRAME_MAX)
        return FRAME_GARBAGE;
    if (input.len > at + LENGTH_LEN && at > IMEI_LEN && !is_report(input.data[at + LENGTH_LEN]))
        return FRAME_GARBAGE;
    return input.len > *end ? FRAME_GOOD : FRAME_PARTIAL;
}

static struct frame_found find_blocks(struct bytes input, struct buffer *line)
{
    size_t end = IMEI_LEN;

    do {
        enum frame_verdict block = take_block(input, end, &end);

        if (block != FRAME_GOOD)
            return block == FRAME_PARTIAL ? frame_partial() : skip(input);
        if (checksum_of(CHECKSUM_SUM8, bytes_of(input.data, end)) == input.data[end]) {
            buffer_printf(line, "%015" PRIu64 " ", read_le(input.data, IMEI_LEN));
            put_hex(line, bytes_of(input.data + DATA_AT, end - DATA_AT));
            return frame_good(end + 1);
        }
    } while (is_report(input.data[DATA_AT]));
    return skip(input);
}

static struct frame_found find(struct bytes input, struct buffer *line)
{
    if (!may_begin(input))
        return skip(input);
    if (input.len < greeting().len || !frame_may_start(input, greeting()))
        return find_blocks(input, line);
    buffer_put_text(line, "greeting");
    return frame_good(greeting().len);
}

const struct framer framer_bce = {
    .name = "bce",
    .fields = {"imei"},
    .wrap = wrap,
    .find = find,
};
