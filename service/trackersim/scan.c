#include "scan.h"

#include <strings.h>

static void take(struct bytes *from, size_t len)
{
    *from = bytes_of(from->data + len, from->len - len);
}

bool scan_text(struct bytes *from, const char *text)
{
    size_t len = strlen(text);

    if (from->len < len || memcmp(from->data, text, len) != 0)
        return false;
    take(from, len);
    return true;
}

bool scan_text_any_case(struct bytes *from, const char *text)
{
    size_t len = strlen(text);

    if (from->len < len || strncasecmp((const char *)from->data, text, len) != 0)
        return false;
    take(from, len);
    return true;
}

struct bytes scan_field(struct bytes *from, char end)
{
    const uint8_t *at = from->len ? memchr(from->data, end, from->len) : NULL;
    struct bytes field = *from;

    if (!at) {
        from->len = 0;
        return field;
    }
    field.len = (size_t)(at - field.data);
    take(from, field.len + 1);
    return field;
}

bool scan_number(struct bytes text, uint64_t most, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)text.data[i] - '0';

        if (digit > 9 || digit > most || *number > (most - digit) / 10)
            return false;
        *number = *number * 10 + digit;
    }
    return text.len > 0;
}

uint64_t scan_be(const uint8_t *at, size_t width)
{
    uint64_t value = 0;

    for (size_t i = 0; i < width; i++)
        value = value << 8 | at[i];
    return value;
}

static uint8_t hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0');
    return (uint8_t)((c | 0x20) - 'a' + 10);
}

void scan_packed_id(const char *id, uint8_t *out, size_t width)
{
    size_t len = strlen(id);

    memset(out, 0, width);
    for (size_t i = 0; i < len && i < 2 * width; i++)
        out[width - 1 - i / 2] |= (uint8_t)(hex_digit(id[len - 1 - i]) << (i % 2 ? 4 : 0));
}
