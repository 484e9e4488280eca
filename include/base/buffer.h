/* A growing run of bytes. All zero is a valid empty buffer; buffer_release gives its memory back and leaves it empty
 * again. Without memory the process ends: what strangers can make grow is limited before it reaches a buffer. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include "base/bytes.h"

struct buffer {
    uint8_t *data;
    size_t len;
    size_t size;
};

/* Makes room for this many more bytes and returns where they go; buffer.len is the caller's to advance. */
uint8_t *buffer_room(struct buffer *b, size_t more);

void buffer_put(struct buffer *b, struct bytes bytes);
void buffer_put_text(struct buffer *b, const char *text);
void buffer_put_u8(struct buffer *b, uint8_t value);
void buffer_put_be(struct buffer *b, uint64_t value, size_t width); /* the low `width` bytes, big-endian */
void buffer_put_number(struct buffer *b, int64_t value);            /* in decimal */
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
