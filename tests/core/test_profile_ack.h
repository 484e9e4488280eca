/* Between the files of the tests of profiles. */
#ifndef TEST_PROFILE_ACK_H
#define TEST_PROFILE_ACK_H

#include "core/profile.h"

/* A profile of 8 outputs without patterns. */
struct profile_description reading_acks(enum profile_framing framing, enum profile_match match);

struct profile *profile_made(const struct profile_description *d);

/* What the payload is read to say: "success=KEY{1+,2-}|unrelated" and so on, with ":TEXT" behind each where it is asked
 * for. Returns how many bytes were used. */
size_t expect_told(const struct profile *p, const struct ack_expectation *expected, struct bytes payload, bool last,
                   bool with_text, const char *readings);

/* A tracker of 2 outputs. */
struct template_input tracker_with(const char *vars);

/* Whether the vars fit; `expected` NULL: they do. */
void expect_check(const struct profile_description *d, const char *vars, const char *expected);

#endif
