#include "support/framing_finding.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct finding finding_of(struct bytes input)
{
    struct buffer line = {0};
    struct frame_found found = framing_find(input, &line);

    buffer_put_u8(&line, 0);
    return (struct finding){found.verdict, found.used, (char *)line.data};
}

void expect_finding(struct bytes input, enum frame_verdict verdict, size_t used)
{
    struct finding f = finding_of(input);

    cr_expect(f.verdict == verdict && f.used == used, "%zu bytes: %d, %zu used", input.len, (int)f.verdict, f.used);
    free(f.line);
}

struct buffer from_hex(const char *hex)
{
    struct buffer b = {0};
    size_t len = strlen(hex) / 2;

    cr_assert(bytes_from_hex(bytes_of_text(hex), buffer_room(&b, len + 1), len), "%s", hex);
    b.len = len;
    return b;
}

char *wrapped(const char *const *texts, struct bytes body)
{
    struct bytes fields[FRAMER_FIELDS_MAX];
    struct buffer out = {0};
    const char *error;
    char *text;

    for (size_t i = 0; i < FRAMER_FIELDS_MAX; i++)
        fields[i] = bytes_of_text(texts[i]);
    buffer_put_text(&out, "kept");
    error = framing->wrap(fields, body, &out);
    cr_assert(memcmp(out.data, "kept", 4) == 0);
    cr_assert(!error || out.len == 4, "%s, but something was appended", error);
    text = malloc(2 * out.len + 64);
    if (error)
        strcpy(text, error);
    else
        bytes_to_hex(bytes_of(out.data + 4, out.len - 4), text);
    buffer_release(&out);
    return text;
}

void check_wrap(const struct wrapping *w)
{
    struct buffer body = from_hex(w->body);
    char *text = wrapped(w->fields, buffer_bytes(&body));

    cr_expect_str_eq(text, w->expected);
    free(text);
    buffer_release(&body);
}

void check_line(const struct reading *r)
{
    struct buffer frame = from_hex(r->frame);
    struct finding f = finding_of(buffer_bytes(&frame));

    cr_expect(f.verdict == FRAME_GOOD && f.used == frame.len, "%s: %d, %zu used", r->frame, (int)f.verdict, f.used);
    cr_expect_str_eq(f.line, r->line);
    free(f.line);
    buffer_release(&frame);
}
