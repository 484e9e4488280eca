#include "core/profile.h"
#include "core/topic.h"

/* A topic of a profile, and what it is subscribed to with. */
struct subscription {
    const struct profile *profile;
    struct buffer filter; /* empty: that is up to each tracker */
};

static struct subscription subscription_of(const struct profile *p, enum profile_topic which)
{
    struct subscription s = {.profile = p};

    if (!template_has_own_filters(profile_topic(p, which)))
        template_filter(profile_topic(p, which), NULL, &s.filter);
    return s;
}

/* An ack that repeats what was sent ends one request, however often it comes. */
static bool needs_acks_once(const struct profile *p)
{
    return profile_match(p) != MATCH_ECHO;
}

/* Acks that lie within another subscription to acks come by that alone (core/router.h); presence is another kind. */
static bool are_apart(const struct subscription *ack, const struct subscription *presence)
{
    return ack->filter.len == 0 || presence->filter.len == 0 ||
           !topic_matches(buffer_bytes(&presence->filter), buffer_bytes(&ack->filter));
}

static void explain(const struct subscription *ack, const struct subscription *presence, struct buffer *why)
{
    buffer_printf(
        why,
        "profile %s acks on %.*s, and profile %s has its presence on %.*s: with shared state each ack would come "
        "to all instances",
        profile_name(ack->profile), (int)ack->filter.len, (const char *)ack->filter.data,
        profile_name(presence->profile), (int)presence->filter.len, (const char *)presence->filter.data);
}

static bool is_apart_from_presence(const struct subscription *ack, const struct profiles *all, struct buffer *why)
{
    bool apart = true;

    for (size_t i = 0; apart && i < profiles_count(all); i++) {
        struct subscription presence = subscription_of(profiles_at(all, i), TOPIC_PRESENCE);

        apart = are_apart(ack, &presence);
        if (!apart)
            explain(ack, &presence, why);
        buffer_release(&presence.filter);
    }
    return apart;
}

bool profiles_can_be_shared(const struct profiles *all, struct buffer *why)
{
    bool can = true;

    for (size_t i = 0; can && i < profiles_count(all); i++) {
        struct subscription ack = subscription_of(profiles_at(all, i), TOPIC_ACK);

        can = !needs_acks_once(profiles_at(all, i)) || is_apart_from_presence(&ack, all, why);
        buffer_release(&ack.filter);
    }
    return can;
}
