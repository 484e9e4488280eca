/* What the framers share. Each is one file: framer_NAME.c. */
#ifndef CORE_FRAMERS_H
#define CORE_FRAMERS_H

#include "core/checksum.h"
#include "core/framer.h"

extern const struct framer framer_bce;
extern const struct framer framer_castel;
extern const struct framer framer_cellocator;
extern const struct framer framer_eelink;
extern const struct framer framer_galileosky;
extern const struct framer framer_gt06;
extern const struct framer framer_huasheng;
extern const struct framer framer_iotm;
extern const struct framer framer_jt808;
extern const struct framer framer_meiligao;
extern const struct framer framer_navtelecom;
extern const struct framer framer_pst;
extern const struct framer framer_ruptela;
extern const struct framer framer_sparkplug;
extern const struct framer framer_teltonika;

static inline struct frame_found frame_good(size_t used)
{
    return (struct frame_found){FRAME_GOOD, used};
}

static inline struct frame_found frame_partial(void)
{
    return (struct frame_found){FRAME_PARTIAL, 0};
}

static inline struct frame_found frame_garbage(size_t used)
{
    return (struct frame_found){FRAME_GARBAGE, used};
}

/* Garbage up to the next place, from the second byte on, where a frame may begin that starts with `start`: a part of it
 * at the very end counts. */
struct frame_found frame_garbage_until(struct bytes input, struct bytes start);

/* Likewise where frames begin in one of two ways; looks at no byte twice. */
struct frame_found frame_garbage_until_either(struct bytes input, struct bytes start, struct bytes other);

/* True when the input begins with `start`, or with as much of it as there is. */
bool frame_may_start(struct bytes input, struct bytes start);

/* A whole number in decimal digits, at most `max`. False (value undefined) on anything else. */
bool field_number(struct bytes text, uint64_t max, uint64_t *value);

/* Exactly `digits` decimal digits into packed BCD, two to a byte, the first one in the high half; an odd count begins
 * with a zero nibble. False on anything else. */
bool field_bcd(struct bytes text, size_t digits, uint8_t *out);

/* Reads the low `width` bytes, little-endian. Appends likewise. */
uint64_t read_le(const uint8_t *at, size_t width);
uint64_t read_be(const uint8_t *at, size_t width);
void put_le(struct buffer *out, uint64_t value, size_t width);

/* Lower-case hex digits of the bytes. */
void put_hex(struct buffer *line, struct bytes bytes);

#endif
