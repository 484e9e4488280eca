#include "core/router.h"

#include <stdlib.h>

#include "base/check.h"

/* --- building --- */

struct indexed_owner {
    struct owner owner; /* first: `next` leads to another one */
    struct bytes topic; /* behind it, in the same memory */
};

static uint64_t key_of(struct bytes topic)
{
    struct digest digest = digest_of(topic);
    uint64_t key;

    memcpy(&key, digest.bytes, sizeof key);
    return key;
}

static bool has_filter(const struct routes *routes, struct bytes filter)
{
    const char *at = (const char *)routes->filters.data;

    for (size_t i = 0; i < routes->filter_count; i++) {
        if (bytes_equal_text(filter, at))
            return true;
        at += strlen(at) + 1;
    }
    return false;
}

static void add_filter(struct routes *routes, const struct template *t, const struct template_input *input)
{
    struct buffer filter = {0};

    template_filter(t, input, &filter);
    if (!has_filter(routes, buffer_bytes(&filter))) {
        buffer_put(&routes->filters, buffer_bytes(&filter));
        buffer_put_u8(&routes->filters, '\0');
        routes->filter_count++;
    }
    buffer_release(&filter);
}

static void add_shape(struct routes *routes, const struct template *t)
{
    for (size_t i = 0; i < routes->shape_count; i++) {
        if (template_equal(routes->shapes[i], t))
            return;
    }
    routes->shapes = realloc(routes->shapes, (routes->shape_count + 1) * sizeof *routes->shapes);
    CHECK(routes->shapes);
    routes->shapes[routes->shape_count++] = t;
}

static void add_indexed(struct routes *routes, struct bytes topic, int32_t tracker_id, unsigned output)
{
    struct indexed_owner *entry = malloc(sizeof *entry + topic.len);
    struct indexed_owner *before;

    CHECK(entry);
    *entry = (struct indexed_owner){.owner = {tracker_id, output, NULL}};
    entry->topic = bytes_of(memcpy(entry + 1, topic.data, topic.len), topic.len);
    before = map_put(&routes->by_topic, key_of(topic), entry);
    entry->owner.next = before ? &before->owner : NULL;
}

/* What a profile's trackers have in common. */
static void add_profile(struct routes *routes, const struct template *t)
{
    if (!template_has_own_filters(t))
        add_filter(routes, t, NULL);
    if (template_names_tracker(t))
        add_shape(routes, t);
}

/* What the tracker alone can say: which topic is its own. */
static void add_tracker(struct routes *routes, const struct template *t, const struct template_input *tracker,
                        unsigned outputs)
{
    struct command command = {.action = ACTION_SET, .output = 1};
    struct template_input input = *tracker;
    bool each = template_uses_output(t);

    if (template_names_tracker(t))
        return;
    if (template_has_own_filters(t))
        add_filter(routes, t, tracker);
    input.command = &command;
    for (; command.output <= (each ? (int32_t)outputs : 1); command.output++) {
        struct buffer topic = {0};

        if (template_render(t, &input, &topic) == 0)
            add_indexed(routes, buffer_bytes(&topic), tracker->tracker_id, each ? (unsigned)command.output : 0);
        buffer_release(&topic);
    }
}

static bool is_used(const struct profile *p, const struct registry *registry)
{
    if (profile_kind(p) != PROFILE_DESCRIBED)
        return true;
    for (size_t i = 0; registry && i < profile_model_count(p); i++) {
        for (size_t n = 0; n < registry_model_count(registry); n++) {
            if (strcmp(profile_model(p, i), registry_model(registry, n)) == 0)
                return true;
        }
    }
    return false;
}

/* By index of the registry's models, to be given to free(): the profile whose trackers are to be rendered, or NULL. */
static struct profile **profiles_to_index(const struct profiles *profiles, const struct registry *registry)
{
    size_t count = registry_model_count(registry);
    struct profile **list = calloc(count + 1, sizeof(struct profile *));

    CHECK(list);
    for (size_t i = 0; i < count; i++) {
        struct profile *p = profiles_by_model(profiles, registry_model(registry, i));

        if (p && !(template_names_tracker(profile_topic(p, TOPIC_ACK)) &&
                   template_names_tracker(profile_topic(p, TOPIC_PRESENCE))))
            list[i] = p;
    }
    return list;
}

static void add_trackers(struct router *r, const struct profiles *profiles, const struct registry *registry)
{
    struct profile **list = profiles_to_index(profiles, registry);

    for (size_t i = 0; i < registry_tracker_count(registry); i++) {
        const struct registry_tracker *tracker = registry_tracker_at(registry, i);
        const struct profile *p = list[tracker->model];
        struct template_input input = registry_input(tracker);
        unsigned outputs;

        if (!p)
            continue;
        outputs = tracker->outputs ? tracker->outputs : profile_outputs(p, &input);
        add_tracker(&r->acks, profile_topic(p, TOPIC_ACK), &input, outputs);
        add_tracker(&r->presences, profile_topic(p, TOPIC_PRESENCE), &input, outputs);
    }
    free(list);
}

void router_init(struct router *r, const struct profiles *profiles, const struct registry *registry, const char *prefix)
{
    *r = (struct router){.prefix = prefix};
    for (size_t i = 0; i < profiles_count(profiles); i++) {
        const struct profile *p = profiles_at(profiles, i);

        if (!is_used(p, registry))
            continue;
        add_profile(&r->acks, profile_topic(p, TOPIC_ACK));
        add_profile(&r->presences, profile_topic(p, TOPIC_PRESENCE));
    }
    if (registry)
        add_trackers(r, profiles, registry);
}

static void release(struct routes *routes)
{
    struct indexed_owner *entry;
    size_t at = 0;

    while ((entry = map_next(&routes->by_topic, &at))) {
        while (entry) {
            const struct owner *next = entry->owner.next;

            free(entry);
            entry = (struct indexed_owner *)(uintptr_t)next;
        }
    }
    map_release(&routes->by_topic);
    buffer_release(&routes->filters);
    free(routes->shapes);
}

void router_release(struct router *r)
{
    release(&r->acks);
    release(&r->presences);
    *r = (struct router){0};
}

/* --- finding --- */

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
static bool find_shaped(const struct routes *routes, const struct registry *registry, struct bytes topic,
                        struct owner *owner)
{
    struct template_capture capture;
    bool found = false;

    *owner = (struct owner){0};
    for (size_t i = 0; i < routes->shape_count && !is_registered(registry, owner->tracker_id); i++) {
        int32_t id = template_match(routes->shapes[i], topic, &capture) ? named_by(&capture, registry) : -1;

        if (id >= 0 && (!found || is_registered(registry, id))) {
            owner->tracker_id = id;
            found = true;
        }
    }
    return found;
}

bool router_find(const struct routes *routes, const struct registry *registry, struct bytes topic, struct owner *owner)
{
    bool shaped = find_shaped(routes, registry, topic, owner);
    const struct indexed_owner *indexed;

    if (is_registered(registry, owner->tracker_id))
        return true;
    indexed = routes->by_topic.count ? map_find(&routes->by_topic, key_of(topic)) : NULL;
    if (!indexed || !bytes_equal(indexed->topic, topic))
        return shaped;
    *owner = indexed->owner;
    return true;
}
