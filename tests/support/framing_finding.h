/* What is expected of the framer under test, of one look at its input. */
#ifndef SUPPORT_FRAMING_FINDING_H
#define SUPPORT_FRAMING_FINDING_H

#include "support/framing.h"

/* What find() says, and the line as text, to be given to free(); a NUL in it would end it here. */
struct finding {
    enum frame_verdict verdict;
    size_t used;
    char *line;
};

struct finding finding_of(struct bytes input);
void expect_finding(struct bytes input, enum frame_verdict verdict, size_t used);

struct buffer from_hex(const char *hex);

/* What framing->wrap() makes, in hex, or its error; to be given to free(). */
char *wrapped(const char *const *texts, struct bytes body);

struct wrapping {
    const char *fields[FRAMER_FIELDS_MAX];
    const char *body;     /* in hex */
    const char *expected; /* in hex, or the error */
};

void check_wrap(const struct wrapping *w);

struct reading {
    const char *frame; /* in hex */
    const char *line;
};

void check_line(const struct reading *r);

#endif
