#include "draw.h"

#include <stdlib.h>

#include "base/check.h"

struct bytes draw_copy(struct bytes from)
{
    uint8_t *copy = malloc(from.len);

    CHECK(copy);
    if (from.len)
        memcpy(copy, from.data, from.len);
    return bytes_of(copy, from.len);
}

bool draw_step(struct bytes *input, struct buffer *step)
{
    size_t at = 0;

    buffer_clear(step);
    if (input->len == 0)
        return false;
    for (; at < input->len; at++) {
        bool ends = input->data[at] == '\n';

        if (ends && (at + 1 == input->len || input->data[at + 1] != '\n'))
            break;
        at += ends;
        buffer_put_u8(step, input->data[at]);
    }
    at += at < input->len; /* the line feed */
    *input = bytes_of(input->data + at, input->len - at);
    return true;
}

size_t draw_letter(struct reader *step, const char *letters)
{
    char letter = (char)reader_be(step, 1);
    const char *found = letter ? strchr(letters, letter) : NULL;

    return found ? (size_t)(found - letters) : (uint8_t)letter % strlen(letters);
}

unsigned draw_number(struct reader *step)
{
    unsigned byte = (unsigned)reader_be(step, 1);

    return byte >= '0' && byte <= '9' ? byte - '0' : byte;
}

unsigned draw_flags(struct reader *step)
{
    return (unsigned)reader_be(step, 1) & 63;
}

void draw_edits(struct reader *step, struct buffer *bytes)
{
    while (step->left.len >= 2 && bytes->len > 0) {
        size_t place = reader_be(step, 1);
        uint8_t value = (uint8_t)reader_be(step, 1);

        bytes->data[place % bytes->len] = value;
    }
}
