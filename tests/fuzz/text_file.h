/* A fuzzer's input as a file, for what reads files. */
#ifndef FUZZ_TEXT_FILE_H
#define FUZZ_TEXT_FILE_H

#include "edge/conf_file.h"

/* Writes it into the folder that FUZZ_FOLDER names, which becomes the working directory, and returns its path. Beside
 * it are `more`, a good file, `folder` and `pipe`. */
const char *text_file(struct bytes text);

/* What was complained of is said as people want to read it: "file: what" or "file:line: what", a line each. `refused`:
 * and there is something. Releases the mistakes. */
void text_file_check(struct mistakes *mistakes, bool refused);

#endif
