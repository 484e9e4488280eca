/* From the topic of a message to what it is and whose. */
#ifndef CORE_ROUTER_H
#define CORE_ROUTER_H

#include "core/profile.h"
#include "core/registry.h"

enum { ROUTES_MAX = 256 };

/* The topics of all profiles, each shape once. Borrows the templates. */
struct router {
    const char *prefix;
    size_t ack_count;
    size_t presence_count;
    const struct template *acks[ROUTES_MAX];
    const struct template *presences[ROUTES_MAX];
};

void router_init(struct router *r, const struct profiles *profiles, const char *prefix);

/* The action of a request's topic; data NULL where it is no request. */
struct bytes router_request_action(const struct router *r, struct bytes topic);

/* The tracker that the topic of an ack or of presence names, 0 where it names none. A device_id is looked up in the
 * registry (NULL: none is found). *shape is the template that matched. */
int32_t router_ack(const struct router *r, const struct registry *registry, struct bytes topic,
                   const struct template **shape);
int32_t router_presence(const struct router *r, const struct registry *registry, struct bytes topic,
                        const struct template **shape);

/* A tracker id as it is printed: decimal, 1 to 2147483647, no leading zero. 0 for anything else. */
int32_t router_tracker_id(struct bytes text);

#endif
