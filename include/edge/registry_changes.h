/* What a database has said to have changed: which users, sessions and trackers are to be read again. */
#ifndef EDGE_REGISTRY_CHANGES_H
#define EDGE_REGISTRY_CHANGES_H

#include "edge/registry_rows.h"

struct registry_change {
    enum registry_table table;
    struct digest key;
    bool is_there; /* for whoever reads it again */
};

struct registry_changes {
    struct registry_change *list; /* after registry_changes_sort: users, sessions, trackers, each once */
    size_t count;
    size_t max; /* beyond it everything is to be read */
    bool all;   /* everything is to be read */
};

/* A notification: "user 1", "session HASH_SHA256", "tracker 265489", each also with several, separated by commas.
 * Anything else means everything: "all", nothing at all, what cannot be read, and more than max. */
void registry_changes_note(struct registry_changes *c, const char *payload);

void registry_changes_sort(struct registry_changes *c);

/* After sorting: the one of this row, or NULL. */
struct registry_change *registry_changes_find(const struct registry_changes *c, enum registry_table table,
                                              const struct digest *key);

/* Empties it; max stays. */
void registry_changes_clear(struct registry_changes *c);

#endif
