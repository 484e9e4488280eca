/* Reads the commonest of all groups without libconfig, which makes a tree of it only for the tree to be read once: all
 * on one line, its members whole numbers, texts and booleans that the keys know.
 *
 *     { id = 265489; user_id = 1; model = "generic_json"; device_id = "356307042441013"; outputs = 3; }
 *
 * Whatever else stands there, be it good or a mistake, is libconfig's to say. */
#ifndef EDGE_CONF_PLAIN_H
#define EDGE_CONF_PLAIN_H

#include "edge/conf_file.h"

enum { CONF_PLAIN_TEXTS_MAX = 8 };

/* The texts that were read end where their closing quotes were. */
struct conf_plain {
    char *quotes[CONF_PLAIN_TEXTS_MAX];
    unsigned quote_count;
};

/* The group that begins at this place, into *out; returns its end. NULL: it is none of these, and *out is anything. In
 * either case the text must be mended before it is read again. */
char *conf_plain_read(struct conf_plain *p, char *at, const struct conf_key *keys, void *out);

/* Puts the quotes back. */
void conf_plain_mend(struct conf_plain *p);

#endif
