#include "base/bytes.h"

#include <stdlib.h>

char *bytes_dup(struct bytes from)
{
    char *copy = malloc(from.len + 1);
    if (!copy)
        return NULL;
    if (from.len)
        memcpy(copy, from.data, from.len);
    copy[from.len] = '\0';
    return copy;
}

/* The lowest code point that needs a sequence of this many bytes: anything below is an overlong form. */
static const uint32_t utf8_lowest[5] = {0, 0, 0x80, 0x800, 0x10000};

/* Length of the sequence that this lead byte opens, 0 if it opens none. */
static size_t utf8_sequence_len(uint8_t lead)
{
    if (lead < 0x80)
        return 1;
    if ((lead & 0xE0) == 0xC0)
        return 2;
    if ((lead & 0xF0) == 0xE0)
        return 3;
    return (lead & 0xF8) == 0xF0 ? 4 : 0;
}

static bool utf8_sequence_is_good(const uint8_t *at, size_t len)
{
    uint32_t point = at[0] & (0xFFu >> (len + 1));

    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return false;
        point = point << 6 | (at[i] & 0x3Fu);
    }
    return point >= utf8_lowest[len] && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
}

bool bytes_are_utf8(struct bytes text)
{
    for (size_t i = 0; i < text.len;) {
        size_t len = utf8_sequence_len(text.data[i]);

        if (len == 0 || len > text.len - i)
            return false;
        if (len > 1 && !utf8_sequence_is_good(text.data + i, len))
            return false;
        i += len;
    }
    return true;
}

void bytes_to_hex(struct bytes from, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < from.len; i++) {
        *out++ = digits[from.data[i] >> 4];
        *out++ = digits[from.data[i] & 15];
    }
    *out = '\0';
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool bytes_from_hex(struct bytes text, uint8_t *out, size_t len)
{
    if (text.len != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(text.data[2 * i]);
        int low = hex_digit(text.data[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
