/* A registry, whole or what has changed of it, through a connection to its database: three queries in one transaction,
 * so that what is read belongs together. */
#ifndef EDGE_REGISTRY_READING_H
#define EDGE_REGISTRY_READING_H

#include "edge/registry_changes.h"
#include "postgres.h"

struct registry_reading {
    struct postgres *db;
    const char *const *queries; /* by enum registry_table */
    const struct profiles *profiles;
    /* A row is refused; of many the first few are told. */
    void (*refused)(void *ctx, const char *why);
    void *ctx;
    uint64_t refused_count; /* counted on */
};

/* NULL: it failed, and db->error says why. */
struct registry *registry_read_whole(struct registry_reading *r);

/* A copy of the registry with the changes, which must be sorted: what is not there any more, or is refused now, is
 * taken out. In the memory of `old`, which is taken over. NULL: it failed. */
struct registry *registry_read_changes(struct registry_reading *r, const struct registry *registry,
                                       const struct registry_changes *changes, struct registry *old);

#endif
