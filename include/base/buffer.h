/* A growing run of bytes. All zero is a valid empty buffer; buffer_release gives its memory back and leaves it empty
 * again. Without memory the process ends: what strangers can make grow is limited before it reaches a buffer. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <endian.h>

#include "base/bytes.h"

struct buffer {
    uint8_t *data;
    size_t len;
    size_t size;
    const uint8_t *lent; /* memory of the caller's that it began in; NULL: none */
};

/* An empty one that begins in an array of the caller's, and allocates only where that is too small. It is released like
 * any other, before the array is gone. */
static inline struct buffer buffer_in(uint8_t *room, size_t size)
{
    return (struct buffer){.data = room, .size = size, .lent = room};
}

/* Makes room for this many more bytes. */
void buffer_grow(struct buffer *b, size_t more);

/* Likewise, and returns where they go; buffer.len is the caller's to advance. */
static inline uint8_t *buffer_room(struct buffer *b, size_t more)
{
    if (b->size - b->len < more)
        buffer_grow(b, more);
    return b->data + b->len;
}

static inline void buffer_put(struct buffer *b, struct bytes bytes)
{
    if (bytes.len)
        memcpy(buffer_room(b, bytes.len), bytes.data, bytes.len);
    b->len += bytes.len;
}

static inline void buffer_put_text(struct buffer *b, const char *text)
{
    buffer_put(b, bytes_of_text(text));
}

static inline void buffer_put_u8(struct buffer *b, uint8_t value)
{
    *buffer_room(b, 1) = value;
    b->len++;
}

/* The low `width` bytes, big-endian; at most 8. */
static inline void buffer_put_be(struct buffer *b, uint64_t value, size_t width)
{
    uint64_t bytes = width ? htobe64(value << (64 - 8 * width)) : 0;

    memcpy(buffer_room(b, width), &bytes, width);
    b->len += width;
}

void buffer_put_number(struct buffer *b, int64_t value); /* in decimal */

/* The text as it stands within the quotes of a JSON string. What is not UTF-8 is shown byte by byte, as Latin-1. */
void buffer_put_escaped(struct buffer *b, struct bytes text);
bool byte_needs_escape(uint8_t c);

void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Empties it and keeps the memory. */
void buffer_clear(struct buffer *b);
void buffer_release(struct buffer *b);

static inline struct bytes buffer_bytes(const struct buffer *b)
{
    return bytes_of(b->data, b->len);
}

/* Reads back what buffer_put_* wrote. After a read beyond the end `failed` is set and every read gives zero or
 * nothing, so that a decoder checks once, at its end: reader_is_done. */
struct reader {
    struct bytes left;
    bool failed;
};

uint64_t reader_be(struct reader *r, size_t width);
struct bytes reader_take(struct reader *r, size_t len);

/* Nothing failed and nothing is left over. */
static inline bool reader_is_done(const struct reader *r)
{
    return !r->failed && r->left.len == 0;
}

#endif
