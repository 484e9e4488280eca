/* What is expected of the framer under test, of streams of frames. */
#ifndef SUPPORT_FRAMING_STREAM_H
#define SUPPORT_FRAMING_STREAM_H

#include "support/framing.h"

struct framing_sample {
    const char *hex; /* a whole frame */
    const char *line;
};

/* The bytes behind these hex digits, exactly as many as malloc() gave, so that a read beyond them is seen. */
struct bytes bytes_of_hex(const char *hex);

/* What a stream holds: every line behind a '|', a '~' for a run of garbage, a '+' for the beginning of a frame. */
void expect_stream(struct bytes input, const char *expected);
void expect_hex_stream(const char *hex, const char *expected);

/* The frame in hex, or the error. */
void expect_wrapped(const char *const *fields, struct bytes body, const char *expected);

/* Every beginning of each frame is partial; none with one wrong bit is good; and what chance makes of them is read to
 * its end at most. */
void expect_beginnings_partial(const struct framing_sample *frames, size_t count);
void expect_bits_to_count(const struct framing_sample *frames, size_t count);
void expect_no_read_beyond(const struct framing_sample *frames, size_t count);

#endif
