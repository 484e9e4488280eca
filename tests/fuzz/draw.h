/* Takes a fuzzer's input apart, so that it says what happens rather than only which bytes come.
 *
 * An input is a list of steps, one a line; two line feeds in a row are one that belongs to the step. A step is letters
 * that choose, and then whatever its kind takes to its end. So seeds are text, and the fuzzer can cut and join them.
 * What is drawn behind the end is zero, so that every input means something. */
#ifndef FUZZ_DRAW_H
#define FUZZ_DRAW_H

#include "base/buffer.h"

/* A copy in memory of its own size, so that not a byte beyond it is read unnoticed; to be given to free(). */
struct bytes draw_copy(struct bytes from);

/* The next step of the input, into `step`, which is cleared first. False: there is none. */
bool draw_step(struct bytes *input, struct buffer *step);

/* Which of the letters comes next; any other byte is one of them, too. */
size_t draw_letter(struct reader *step, const char *letters);

/* A digit as its value, any other byte as it is. */
unsigned draw_number(struct reader *step);

/* Six yes or no, in the low bits of one byte: '@' is six times no. */
unsigned draw_flags(struct reader *step);

/* Changes bytes: each two that are left in the step are a place and a value. */
void draw_edits(struct reader *step, struct buffer *bytes);

#endif
