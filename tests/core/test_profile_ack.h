/* Between the files of the tests of acks. */
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

#endif
