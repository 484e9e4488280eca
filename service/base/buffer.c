#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

/* Records, topics and payloads fit, so that most buffers allocate once. */
enum { FIRST_SIZE = 512, PRINT_ROOM = 128 };

uint8_t *buffer_room(struct buffer *b, size_t more)
{
    if (b->size - b->len < more) {
        size_t size = b->size ? b->size * 2 : FIRST_SIZE;

        while (size - b->len < more)
            size *= 2;
        b->data = realloc(b->data, size);
        CHECK(b->data);
        b->size = size;
    }
    return b->data + b->len;
}

void buffer_put(struct buffer *b, struct bytes bytes)
{
    if (bytes.len)
        memcpy(buffer_room(b, bytes.len), bytes.data, bytes.len);
    b->len += bytes.len;
}

void buffer_put_text(struct buffer *b, const char *text)
{
    buffer_put(b, bytes_of_text(text));
}

void buffer_put_u8(struct buffer *b, uint8_t value)
{
    *buffer_room(b, 1) = value;
    b->len++;
}

void buffer_put_be(struct buffer *b, uint64_t value, size_t width)
{
    uint8_t *at = buffer_room(b, width);

    for (size_t i = 0; i < width; i++)
        at[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    b->len += width;
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

void buffer_clear(struct buffer *b)
{
    b->len = 0;
}

void buffer_release(struct buffer *b)
{
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
