/* Who may switch what, and how: a registry and the profiles, with what is looked up in both of them.
 *
 * To make them of a large registry takes long. So they are made apart from the engine, on another thread where there is
 * one, and it takes them over as they are: engine_take. Only the counts of references to a profile are the engine's
 * thread's alone: profiles that it has seen are let go there. */
#ifndef CORE_RULES_H
#define CORE_RULES_H

#include "core/router.h"

struct rules {
    struct registry *registry;       /* NULL: none was ever loaded */
    struct profiles *profiles;       /* NULL: let go already */
    struct profile **model_profiles; /* by index of the registry's models; NULL: none serves it */
    struct router router;
};

/* Takes registry and profiles over. The prefix is borrowed. */
void rules_make(struct rules *rules, struct registry *registry, struct profiles *profiles, const char *prefix);
void rules_release(struct rules *rules);

#endif
