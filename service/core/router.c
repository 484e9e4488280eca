#include "core/router.h"

static void add_once(const struct template **list, size_t *count, const struct template *t)
{
    for (size_t i = 0; i < *count; i++) {
        if (template_equal(list[i], t))
            return;
    }
    if (*count < ROUTES_MAX)
        list[(*count)++] = t;
}

void router_init(struct router *r, const struct profiles *profiles, const char *prefix)
{
    *r = (struct router){.prefix = prefix};
    for (size_t i = 0; i < profiles_count(profiles); i++) {
        const struct profile *p = profiles_at(profiles, i);

        add_once(r->acks, &r->ack_count, profile_topic(p, TOPIC_ACK));
        add_once(r->presences, &r->presence_count, profile_topic(p, TOPIC_PRESENCE));
    }
}

static bool skip(struct bytes *rest, const char *text)
{
    size_t len = strlen(text);

    if (rest->len < len || memcmp(rest->data, text, len) != 0)
        return false;
    rest->data += len;
    rest->len -= len;
    return true;
}

struct bytes router_request_action(const struct router *r, struct bytes topic)
{
    struct bytes rest = topic;

    if (!skip(&rest, r->prefix) || !skip(&rest, "api/tracker/output/"))
        return (struct bytes){0};
    if (rest.len && memchr(rest.data, '/', rest.len))
        return (struct bytes){0};
    return rest;
}

int32_t router_tracker_id(struct bytes text)
{
    int64_t id = 0;

    if (text.len == 0 || text.len > 10 || text.data[0] == '0')
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        id = id * 10 + (text.data[i] - '0');
    }
    return id <= INT32_MAX ? (int32_t)id : 0;
}

static int32_t named_by(const struct template_capture *capture, const struct registry *registry)
{
    const struct registry_tracker *tracker;

    if (capture->tracker_id.data)
        return router_tracker_id(capture->tracker_id);
    if (!capture->device_id.data || !registry)
        return 0;
    tracker = registry_find_device(registry, capture->device_id);
    return tracker ? tracker->id : 0;
}

static bool is_registered(const struct registry *registry, int32_t id)
{
    return registry && registry_find_tracker(registry, id);
}

/* Topics of two families may have one form, with the id here and the device_id there: the shape that names a registered
 * tracker counts, and where none does the first one. */
static int32_t find(const struct template *const *list, size_t count, const struct registry *registry,
                    struct bytes topic, const struct template **shape)
{
    struct template_capture capture;
    int32_t found = 0;

    *shape = NULL;
    for (size_t i = 0; i < count && !is_registered(registry, found); i++) {
        int32_t id = template_match(list[i], topic, &capture) ? named_by(&capture, registry) : -1;

        if (id >= 0 && (!*shape || is_registered(registry, id))) {
            *shape = list[i];
            found = id;
        }
    }
    return found;
}

int32_t router_ack(const struct router *r, const struct registry *registry, struct bytes topic,
                   const struct template **shape)
{
    return find(r->acks, r->ack_count, registry, topic, shape);
}

int32_t router_presence(const struct router *r, const struct registry *registry, struct bytes topic,
                        const struct template **shape)
{
    return find(r->presences, r->presence_count, registry, topic, shape);
}
