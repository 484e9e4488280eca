/* The lines of an audit trail, for tests: those of one file or of several, in the order in which they are given. */
#ifndef SUPPORT_TRAIL_H
#define SUPPORT_TRAIL_H

#include <jansson.h>

struct trail {
    json_t *lines; /* an array */
};

/* Appends the lines of a file. All of them must be whole. */
void trail_read(struct trail *t, const char *path);
void trail_release(struct trail *t);

size_t trail_count(const struct trail *t);
const json_t *trail_line(const struct trail *t, size_t index);

/* How many have this text under this key; the last of them in *line, where that is not NULL. A key such as
 * "correlation_data.text" goes into an object. */
int trail_find(const struct trail *t, const char *key, const char *text, const json_t **line);

const char *trail_text(const json_t *line, const char *key);  /* "": none */
json_int_t trail_number(const json_t *line, const char *key); /* -1: none */

/* outputctl audit verify with these arguments gives this status, and says this. */
void trail_verify(const char *arguments, int status, const char *says);

#endif
