/* The registry from a file. */
#ifndef EDGE_REGISTRY_FILE_H
#define EDGE_REGISTRY_FILE_H

#include "core/profile.h"
#include "core/registry.h"
#include "edge/conf_file.h"

/* NULL, and the mistakes say why. The profiles tell which trackers must say how many outputs they have, and which vars
 * they need. */
struct registry *registry_file_read(const char *path, const struct profiles *profiles, struct mistakes *mistakes);

#endif
