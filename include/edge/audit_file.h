/* The file of an audit trail: whole lines at its end, and nothing else is ever changed. */
#ifndef EDGE_AUDIT_FILE_H
#define EDGE_AUDIT_FILE_H

#include "edge/audit_chain.h"

struct audit_file {
    int fd; /* -1: not open */
    char *path;
    bool torn; /* the line that was being written is not whole, and could not be cut off */
};

/* Opens or makes it (mode 0640), for this process alone. Cuts off what follows the last whole line, which a crash has
 * left, and sets the chain to that line. NULL, or what is wrong: good until the next call. Call audit_file_close in any
 * case. */
const char *audit_file_open(struct audit_file *f, const char *path, struct audit_chain *chain, size_t *cut_bytes);
void audit_file_close(struct audit_file *f);

/* Appends whole lines; what was written is taken out of them. 0, or a negative errno: what is left begins with a whole
 * line, and may be written later. */
int audit_file_write(struct audit_file *f, struct buffer *lines);

/* The path has been given to another file, or to none: goes on with a new one, which must be empty. 1: it does; 0: it
 * is the same file as before. Else it stays as it was, and *error says why. */
int audit_file_reopen(struct audit_file *f, const char **error);

#endif
