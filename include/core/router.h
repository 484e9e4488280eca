/* From the topic of a message to what it is and whose. */
#ifndef CORE_ROUTER_H
#define CORE_ROUTER_H

#include "base/map.h"
#include "core/profile.h"
#include "core/registry.h"

/* A tracker that a topic is of. */
struct owner {
    int32_t tracker_id;       /* 0: nobody's that is registered or could be */
    unsigned output;          /* that the topic names; 0: it names none */
    const struct owner *next; /* another tracker with the same topic, or NULL */
};

/* Topics that come in, of one kind: acks, or presence. */
struct routes {
    const struct template **shapes; /* that name their tracker, each once */
    size_t shape_count;
    struct map by_topic;   /* struct indexed_owner, by a hash of the topic: all others */
    struct buffer filters; /* what to subscribe to: NUL-terminated, none within another one */
    size_t filter_count;
};

/* The topics of all profiles that some tracker of the registry uses, and of the built-in ones. Borrows the templates.
 */
struct router {
    const char *prefix;
    struct routes acks;
    struct routes presences;
    struct routes others; /* where the service publishes for them; without filters */
};

/* registry NULL: none is there yet. */
void router_init(struct router *r, const struct profiles *profiles, const struct registry *registry,
                 const char *prefix);
void router_release(struct router *r);

/* What to subscribe to, appended as NUL-terminated strings, acks first. Returns how many are acks; *count is how many
 * there are in all. An ack that comes by a subscription to presence has none of its own, unless acks are shared. */
size_t router_put_filters(const struct router *r, bool acks_are_shared, struct buffer *out, size_t *count);

/* The action of a request's topic; data NULL where it is no request. */
struct bytes router_request_action(const struct router *r, struct bytes topic);

/* Whose ack, or whose presence, comes in on this topic. False: it is no such topic. */
bool router_find(const struct routes *routes, const struct registry *registry, struct bytes topic, struct owner *owner);

/* True when the topic is one that some tracker acks, or says its presence, on, or is commanded on, or has its states
 * on: nobody else is to publish there. Errs on the side of yes. */
bool router_is_taken(const struct router *r, struct bytes topic);

/* A tracker id as it is printed: decimal, 1 to 2147483647, no leading zero. 0 for anything else. */
int32_t router_tracker_id(struct bytes text);

#endif
