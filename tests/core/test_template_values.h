/* What the tests of templates render from, and what they expect. */
#ifndef TEST_TEMPLATE_VALUES_H
#define TEST_TEMPLATE_VALUES_H

#include "core/template.h"

struct pair {
    const char *text;
    const char *expected;
};

extern const struct command set_2_on;  /* number 0xABC */
extern const struct command set_2_off; /* the same */
extern const struct command batch_101;

/* Tracker 265489 with 3 outputs, device 356307042441013 and some vars. */
struct template_input rendered_from(const struct command *command);

/* Rendered as a set or a set_all, behind something else; `expected` NULL: the result is `error`, and nothing is
 * appended. */
void expect_rendered(const char *text, const struct template_defaults *defaults, const struct template_input *input,
                     const char *expected, int error);
void expect_text(const char *text, const struct template_input *input, const char *expected);
void expect_failure(const char *text, const struct template_input *input, int error);
void expect_mistake(const char *text, enum template_use use, const char *expected);

void expect_all(const struct pair *pairs, size_t count, const struct template_input *input);

#define EXPECT_ALL(pairs_, input_) expect_all(pairs_, sizeof(pairs_) / sizeof *(pairs_), input_)

#endif
