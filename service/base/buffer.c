#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

/* Records, topics and payloads fit, so that most buffers allocate once. */
enum { FIRST_SIZE = 512, PRINT_ROOM = 128 };

void buffer_grow(struct buffer *b, size_t more)
{
    size_t size = b->size ? b->size * 2 : FIRST_SIZE;
    bool is_lent = b->data && b->data == b->lent;
    uint8_t *data;

    while (size - b->len < more)
        size *= 2;
    data = realloc(is_lent ? NULL : b->data, size);
    CHECK(data);
    if (is_lent)
        memcpy(data, b->data, b->len);
    b->data = data;
    b->size = size;
}

void buffer_put_number(struct buffer *b, int64_t value)
{
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        buffer_put_u8(b, '-');
    buffer_put(b, bytes_of(digits + at, sizeof digits - at));
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list args;
    va_list again;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf((char *)buffer_room(b, PRINT_ROOM), PRINT_ROOM, format, args);
    va_end(args);
    CHECK(len >= 0);
    if (len >= PRINT_ROOM)
        vsnprintf((char *)buffer_room(b, (size_t)len + 1), (size_t)len + 1, format, again);
    va_end(again);
    b->len += (size_t)len;
}

bool byte_needs_escape(uint8_t c)
{
    return c < 0x20 || c == '"' || c == '\\' || c == 0x7F;
}

void buffer_put_escaped(struct buffer *b, struct bytes text)
{
    bool utf8 = bytes_are_utf8(text);

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c == '"' || c == '\\')
            buffer_put_u8(b, '\\');
        if (c != '"' && c != '\\' && (byte_needs_escape(c) || (!utf8 && c >= 0x80)))
            buffer_printf(b, "\\u%04x", c);
        else
            buffer_put_u8(b, c);
    }
}

void buffer_clear(struct buffer *b)
{
    b->len = 0;
}

void buffer_release(struct buffer *b)
{
    if (b->data != b->lent)
        free(b->data);
    *b = (struct buffer){0};
}

uint64_t reader_be(struct reader *r, size_t width)
{
    struct bytes from = reader_take(r, width);
    uint64_t value = 0;

    for (size_t i = 0; i < from.len; i++)
        value = value << 8 | from.data[i];
    return value;
}

struct bytes reader_take(struct reader *r, size_t len)
{
    struct bytes taken = {r->left.data, len};

    if (r->failed || len > r->left.len) {
        r->failed = true;
        return (struct bytes){0};
    }
    r->left.data += len;
    r->left.len -= len;
    return taken;
}
