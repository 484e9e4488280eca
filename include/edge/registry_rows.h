/* The registry from the rows of a database: three queries, whose columns are known by their names, one for users, one
 * for their sessions, one for their trackers.
 *
 * Values come as PostgreSQL writes them, as text. What a registry refuses is refused row by row, so that one mistake
 * does not keep the rest out. */
#ifndef EDGE_REGISTRY_ROWS_H
#define EDGE_REGISTRY_ROWS_H

#include "core/profile.h"
#include "core/registry.h"

enum registry_table { REGISTRY_USERS, REGISTRY_SESSIONS, REGISTRY_TRACKERS, REGISTRY_TABLES };

enum { REGISTRY_COLUMNS_MAX = 9 };

struct registry_column {
    const char *name;
    bool required;
};

/* The columns of a table: the first one is its key. Ends with a column without a name. */
const struct registry_column *registry_columns(enum registry_table table);

/* What one thing of a table is known by: the SHA-256 of a session's hash; of the others the id, and zeros. */
struct digest registry_id_key(int32_t id);
int32_t registry_key_id(const struct digest *key);

/* Reads it as a row, or a text, has it. False: it is none. */
bool registry_read_key(enum registry_table table, const char *text, struct digest *key);

/* Where rows go. */
struct registry_rows {
    struct registry *registry;
    const struct profiles *profiles;
    bool replaces;     /* what is there already; else that is a mistake */
    struct buffer why; /* the last row was refused, with a NUL behind it: "tracker 17: there is no user 3" */
};

/* Puts a row in: its values in the order of the columns, NULL where it has none. False: it is refused. */
bool registry_take_row(struct registry_rows *r, enum registry_table table, const char *const *values);

#endif
