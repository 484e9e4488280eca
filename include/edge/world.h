/* Everything that the service reads from files: configuration, profiles, registry. Read as a whole, or not at all. */
#ifndef EDGE_WORLD_H
#define EDGE_WORLD_H

#include "core/registry.h"
#include "edge/config.h"

struct world {
    struct config *config;
    struct profiles *profiles;
    struct registry *registry; /* NULL: it comes from a database, which is not asked here */
};

/* False, nothing in *w, and the mistakes say why: all of them. */
bool world_read(const char *config_path, struct world *w, struct mistakes *mistakes);
void world_release(struct world *w);

#endif
