/* A borrowed run of bytes. Whoever keeps it longer than the call copies it. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data;
    size_t len;
};

static inline struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){.data = data, .len = len};
}

/* The characters of a C string, without its NUL. NULL gives an empty run. */
static inline struct bytes bytes_of_text(const char *text)
{
    return bytes_of(text, text ? strlen(text) : 0);
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool bytes_equal_text(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_of_text(text));
}

/* A copy of the bytes with a NUL behind them, to be given to free(). NULL when there is no memory. */
char *bytes_dup(struct bytes from);

/* True when the bytes are well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF). */
bool bytes_are_utf8(struct bytes text);

/* Lower-case hex of `from` and a NUL into out, which has room for 2 * from.len + 1 characters. */
void bytes_to_hex(struct bytes from, char *out);

/* Reads exactly 2 * len hex digits of either case. False (out undefined) on anything else. */
bool bytes_from_hex(struct bytes text, uint8_t *out, size_t len);

#endif
