#include "support/framing.h"

#include <criterion/criterion.h>
#include <stdlib.h>

const struct framer *framing;

void framing_use(const char *name)
{
    framing = framer_by_name(name);
    cr_assert(framing, "%s", name);
}

struct frame_found framing_find(struct bytes input, struct buffer *line)
{
    uint8_t *exact = malloc(input.len);
    size_t before = line->len;
    struct frame_found found;

    cr_assert(exact);
    memcpy(exact, input.data, input.len);
    found = framing->find(bytes_of(exact, input.len), line);
    free(exact);
    cr_assert_leq(found.used, input.len);
    cr_assert_eq(found.used == 0, found.verdict == FRAME_PARTIAL);
    cr_assert(found.verdict == FRAME_GOOD || line->len == before);
    cr_assert(found.verdict != FRAME_PARTIAL || input.len < FRAMER_FRAME_MAX);
    return found;
}
