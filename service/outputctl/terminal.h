/* What is shown to people: colours, the size of the screen, and text that comes from strangers. */
#ifndef OUTPUTCTL_TERMINAL_H
#define OUTPUTCTL_TERMINAL_H

#include <stdio.h>

#include "base/buffer.h"

/* A terminal on which lines can be rewritten. */
bool terminal_is_live(FILE *file);

enum colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_BAD, COLOUR_DOUBT, COLOUR_FAINT, COLOUR_HEADING };

/* The sequence that begins the colour, COLOUR_NONE: that ends it. Empty where the file is no terminal or NO_COLOR is
 * set. */
const char *terminal_colour(FILE *file, enum colour colour);

struct terminal_size {
    unsigned columns;
    unsigned lines;
};

struct terminal_size terminal_size(FILE *file);

/* Appends text from outside with its control characters, and whatever is not UTF-8, written as \xNN: nobody moves the
 * cursor of the one who looks. */
void terminal_put(struct buffer *out, struct bytes text);

/* Appends UTF-8 text in exactly so many columns: filled up with blanks, or cut with "…" at its end. */
void terminal_put_cell(struct buffer *out, const char *text, unsigned columns);

#endif
