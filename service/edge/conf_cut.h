/* Cuts the text of a configuration file into what lies around its outermost lists and pieces of these, so that
 * libconfig never holds more than a piece: its tree of a million groups takes a gigabyte, and the time to fetch it from
 * memory.
 *
 * A cut goes through a comma between two groups of an outermost list and nowhere else. So the file is good where the
 * skeleton and each piece are, and holds the same; all that is wrong in it is wrong in one of them, at the same line.
 */
#ifndef EDGE_CONF_CUT_H
#define EDGE_CONF_CUT_H

#include "base/buffer.h"

struct conf_piece {
    uint64_t begin; /* in the file: elements, and the commas between them */
    uint64_t end;
    int line;      /* of its first byte */
    unsigned list; /* number of its list, from 0 in the order of the file */
    bool is_open;  /* the file ends before the list does */
};

struct conf_cut {
    struct buffer skeleton; /* the file's text and a NUL; of the outermost lists only the line breaks */
    struct conf_piece *pieces;
    size_t piece_count;
    bool holds_nul;     /* nothing else is filled in */
    bool holds_include; /* likewise: an include may stand anywhere, so the file cannot be cut */
};

/* Reads the file to its end. A piece ends at the first place where it can, from so many bytes on. 0, or a negative
 * errno; conf_cut_release in either case. */
int conf_cut_read(struct conf_cut *cut, int fd, size_t piece_bytes);
void conf_cut_release(struct conf_cut *cut);

#endif
