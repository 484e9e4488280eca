/* Taking commands apart. Where one of these takes something off the front of a text, the rest is left in it. */
#ifndef TRACKERSIM_SCAN_H
#define TRACKERSIM_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* False, and nothing taken: it does not begin with this. */
bool scan_text(struct bytes *from, const char *text);
bool scan_text_any_case(struct bytes *from, const char *text);

/* Takes everything in front of the next `end`, which is taken too; without one, all that is left. */
struct bytes scan_field(struct bytes *from, char end);

/* All of the text is a whole number in decimal, at most `most`. */
bool scan_number(struct bytes text, uint64_t most, uint64_t *number);

/* Big-endian, `width` bytes of it, as many as 8. */
uint64_t scan_be(const uint8_t *at, size_t width);

/* Two hex digits (or decimal ones, BCD) a byte, with zeros in front of too few. The id has no others, and not more of
 * them than there is room for. */
void scan_packed_id(const char *id, uint8_t *out, size_t width);

#endif
