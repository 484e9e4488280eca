/* The text of a configuration file before and beside libconfig, which ends the process at some includes and wraps
 * numbers that are too large without a word. */
#ifndef EDGE_CONF_TEXT_H
#define EDGE_CONF_TEXT_H

#include "edge/conf_file.h"

struct conf_text {
    const char *path; /* of the main file: includes are sought from its folder */
    struct mistakes *mistakes;
};

/* Opens a file to be read. Its descriptor, or a negative errno: -ENODEV for what is no file. */
int conf_text_open(const char *path);

/* The file's bytes and a NUL. 0, or a negative errno: -ENODEV for what is no file. */
int conf_text_read(const char *path, struct buffer *out);

/* Of what conf_text_read has read. */
bool conf_text_holds_nul(const struct buffer *text);

/* Before libconfig sees it; false after a mistake. */
bool conf_text_includes_are_good(const struct conf_text *t, const char *text);

/* Numbers beyond libconfig's integers, in the included files too. The text begins at this line of the file. */
void conf_text_check_numbers(const struct conf_text *t, const char *text, int line);

#endif
