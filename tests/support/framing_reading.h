/* What is expected of the framer under test, of what a run of bytes reads like. */
#ifndef SUPPORT_FRAMING_READING_H
#define SUPPORT_FRAMING_READING_H

#include "support/framing.h"

enum { BYTES_MAX = 4096 };

struct bytes unhex(const char *hex, uint8_t out[BYTES_MAX]);
enum frame_verdict verdict(struct bytes input);

/* All that the input holds: of each frame its line, "!3" for 3 bytes of garbage, "..." where the rest is to come. */
void expect_reading(struct bytes input, const char *expected);
void expect_hex_reading(const char *hex, const char *expected);

/* framing->wrap() of fields that are given as texts. */
const char *wrap_texts(const char *const fields[], struct bytes body, struct buffer *out);

/* The frame of a command; what was there before stays in front. */
void expect_frame(const char *const fields[], const char *body_hex, const char *expected_hex);
void expect_refusal(const char *const fields[], size_t body_len, const char *error);

void expect_truncations_partial(const char *hex);

/* Every byte from `first` on takes all other values in turn. */
void expect_damage_seen(const char *hex, size_t first);

#endif
