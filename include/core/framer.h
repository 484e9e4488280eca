/* Framers: how binary families put a command into a frame, and how frames are found in the bytes that come back.
 *
 * On its way out a command is a body, rendered from the profile's template, and some fields, rendered likewise:
 * wrap() makes the frame. On its way in a frame becomes one line of text, which the profile's patterns read; what
 * stands in that line is said in conf/profiles/README.md, and in each framer's own file. */
#ifndef CORE_FRAMER_H
#define CORE_FRAMER_H

#include "base/buffer.h"

enum {
    FRAMER_FIELDS_MAX = 6,
    FRAMER_FRAME_MAX = 2048, /* bytes: no ack of these families is longer, so what claims to be is none */
};

enum frame_verdict {
    FRAME_GOOD,    /* the first `used` bytes are a frame, its checksum is right, and its line was appended */
    FRAME_PARTIAL, /* may be a frame of which the rest is to come; `used` is 0 */
    FRAME_GARBAGE, /* the first `used` bytes are no frame; another look is worth it behind them */
};

struct frame_found {
    enum frame_verdict verdict;
    size_t used;
};

struct framer {
    const char *name;
    const char *fields[FRAMER_FIELDS_MAX + 1]; /* their names, NULL at the end; a profile gives every one */

    /* Appends the frame to `out`; fields[] in the order of the names. NULL, or what is wrong with a field or the body
     * ("imei: must be 15 digits"), in static memory; then nothing was appended. */
    const char *(*wrap)(const struct bytes fields[], struct bytes body, struct buffer *out);

    /* What the input, of at least one byte, begins with. Never reads past its end, never says FRAME_PARTIAL to more
     * than FRAMER_FRAME_MAX bytes, and appends to `line` only with FRAME_GOOD. */
    struct frame_found (*find)(struct bytes input, struct buffer *line);
};

/* NULL where there is none of this name. */
const struct framer *framer_by_name(const char *name);

size_t framer_count(void);
const struct framer *framer_at(size_t index);

#endif
