#include "object_lines.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"

static void put_escaped(struct buffer *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] == 0x7F)
            buffer_printf(out, "\\u%04x", text.data[i]);
        else
            buffer_put_u8(out, text.data[i]);
    }
}

size_t lines_enter(struct object_lines *lines, struct bytes key)
{
    size_t outside = lines->path.len;

    if (outside)
        buffer_put_u8(&lines->path, '.');
    put_escaped(&lines->path, key);
    return outside;
}

size_t lines_enter_element(struct object_lines *lines, size_t index)
{
    size_t outside = lines->path.len;

    buffer_put_u8(&lines->path, '.');
    buffer_put_number(&lines->path, (int64_t)index);
    return outside;
}

void lines_leave(struct object_lines *lines, size_t outside)
{
    lines->path.len = outside;
}

/* "path=", unless it is too much already. */
static bool begin_line(struct object_lines *lines)
{
    lines->too_long |= lines->text.len + lines->path.len > OBJECT_LINES_MAX;
    if (lines->too_long)
        return false;
    buffer_put(&lines->text, buffer_bytes(&lines->path));
    buffer_put_u8(&lines->text, '=');
    return true;
}

void lines_text(struct object_lines *lines, struct bytes value)
{
    if (!begin_line(lines))
        return;
    put_escaped(&lines->text, value);
    buffer_put_u8(&lines->text, '\n');
}

void lines_number(struct object_lines *lines, int64_t value)
{
    if (!begin_line(lines))
        return;
    buffer_put_number(&lines->text, value);
    buffer_put_u8(&lines->text, '\n');
}

void lines_real(struct object_lines *lines, double value)
{
    if (begin_line(lines))
        buffer_printf(&lines->text, "%.17g\n", value);
}

void lines_truth(struct object_lines *lines, bool value)
{
    lines_text(lines, bytes_of_text(value ? "true" : "false"));
}

void lines_null(struct object_lines *lines)
{
    lines_text(lines, bytes_of_text("null"));
}

static int by_text(const void *a, const void *b)
{
    const struct bytes *left = a;
    const struct bytes *right = b;
    size_t shorter = left->len < right->len ? left->len : right->len;
    int order = memcmp(left->data, right->data, shorter);

    return order ? order : left->len < right->len ? -1 : left->len > right->len;
}

/* So few are sorted on the stack, by qsort too. */
enum { PATH_ROOM = 128, TEXT_ROOM = 1024, FEW_LINES = 48 };

static size_t count_lines(const struct buffer *text)
{
    size_t count = 0;

    for (size_t i = 0; i < text->len; i++)
        count += text->data[i] == '\n';
    return count;
}

static void put_sorted(const struct buffer *text, struct buffer *out)
{
    struct bytes few[FEW_LINES];
    size_t lines = count_lines(text);
    struct bytes *all = lines <= FEW_LINES ? few : malloc(lines * sizeof *all);
    size_t count = 0;

    CHECK(all);
    for (size_t at = 0; at < text->len;) {
        const uint8_t *end = memchr(text->data + at, '\n', text->len - at);
        size_t len = (size_t)(end - (text->data + at)) + 1;

        all[count++] = bytes_of(text->data + at, len);
        at += len;
    }
    qsort(all, count, sizeof *all, by_text);
    for (size_t i = 0; i < count; i++)
        buffer_put(out, all[i]);
    if (all != few)
        free(all);
}

int object_lines(enum encoding encoding, struct bytes payload, struct buffer *out)
{
    uint8_t path[PATH_ROOM];
    uint8_t text[TEXT_ROOM];
    struct object_lines lines = {.path = buffer_in(path, sizeof path), .text = buffer_in(text, sizeof text)};
    int e = encoding == ENCODING_MSGPACK ? object_lines_msgpack(payload, &lines) : object_lines_json(payload, &lines);

    if (e == 0 && (lines.too_long || lines.text.len > OBJECT_LINES_MAX))
        e = -EBADMSG;
    if (e == 0)
        put_sorted(&lines.text, out);
    buffer_release(&lines.path);
    buffer_release(&lines.text);
    return e;
}
