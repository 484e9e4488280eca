#include "core/framer.h"

#include "framers.h"

static const struct framer *const framers[] = {
    &framer_bce,        &framer_castel,   &framer_cellocator, &framer_eelink,    &framer_galileosky,
    &framer_gt06,       &framer_huasheng, &framer_iotm,       &framer_jt808,     &framer_meiligao,
    &framer_navtelecom, &framer_pst,      &framer_ruptela,    &framer_sparkplug, &framer_teltonika,
};

size_t framer_count(void)
{
    return sizeof framers / sizeof *framers;
}

const struct framer *framer_at(size_t index)
{
    return framers[index];
}

const struct framer *framer_by_name(const char *name)
{
    for (size_t i = 0; i < framer_count(); i++) {
        if (strcmp(framers[i]->name, name) == 0)
            return framers[i];
    }
    return NULL;
}

/* --- what they share --- */

bool frame_may_start(struct bytes input, struct bytes start)
{
    size_t len = input.len < start.len ? input.len : start.len;

    return memcmp(input.data, start.data, len) == 0;
}

struct frame_found frame_garbage_until_either(struct bytes input, struct bytes start, struct bytes other)
{
    size_t at = 1;

    for (; at < input.len; at++) {
        struct bytes rest = bytes_of(input.data + at, input.len - at);

        if (frame_may_start(rest, start) || frame_may_start(rest, other))
            break;
    }
    return frame_garbage(at);
}

struct frame_found frame_garbage_until(struct bytes input, struct bytes start)
{
    return frame_garbage_until_either(input, start, start);
}

bool field_number(struct bytes text, uint64_t max, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)text.data[i] - '0';

        if (digit > 9 || digit > max || *value > (max - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    return text.len > 0;
}

bool field_bcd(struct bytes text, size_t digits, uint8_t *out)
{
    size_t pad = digits % 2;

    if (text.len != digits)
        return false;
    memset(out, 0, (digits + pad) / 2);
    for (size_t i = 0; i < digits; i++) {
        uint8_t digit = (uint8_t)(text.data[i] - '0');

        if (digit > 9)
            return false;
        out[(i + pad) / 2] |= (uint8_t)(digit << ((i + pad) % 2 ? 0 : 4));
    }
    return true;
}

uint64_t read_le(const uint8_t *at, size_t width)
{
    uint64_t value = 0;

    for (size_t i = width; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

uint64_t read_be(const uint8_t *at, size_t width)
{
    uint64_t value = 0;

    for (size_t i = 0; i < width; i++)
        value = value << 8 | at[i];
    return value;
}

void put_le(struct buffer *out, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++)
        buffer_put_u8(out, (uint8_t)(value >> 8 * i));
}

void put_hex(struct buffer *line, struct bytes bytes)
{
    char *text = (char *)buffer_room(line, 2 * bytes.len + 1);

    bytes_to_hex(bytes, text);
    line->len += 2 * bytes.len;
}
