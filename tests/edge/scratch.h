/* A folder of a test's own, and what reading a file in it found wrong. */
#ifndef EDGE_SCRATCH_H
#define EDGE_SCRATCH_H

#include "edge/conf_file.h"

/* For .init and .fini: makes the folder, and deletes it with all that is in it. */
void scratch_open(void);
void scratch_close(void);

/* The folder, or a path in it; valid until scratch_close. */
const char *scratch_path(const char *name); /* "": the folder */

/* Writes a file and returns its path. */
const char *scratch_write(const char *name, const char *text);

/* All mistakes as one text, with FOLDER in place of the folder's path; valid until the next call. */
const char *scratch_mistakes(const struct mistakes *mistakes);

#endif
