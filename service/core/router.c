#include "core/router.h"

#include <stdlib.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/mix.h"
#include "core/topic.h"

/* --- building --- */

struct indexed_owner {
    struct owner owner; /* first: `next` leads to another one */
    struct bytes topic; /* behind it, in the same memory */
};

/* Not to be foreseen by whoever chooses the topic. */
static uint64_t key_of(struct bytes topic)
{
    return XXH3_64bits_withSeed(topic.data, topic.len, mix(0));
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

/* True where this one subscribes to all that another one of the list does, and more. */
static bool is_covered(struct bytes filter, const struct routes *by)
{
    const char *at = (const char *)by->filters.data;

    for (size_t i = 0; i < by->filter_count; i++, at += strlen(at) + 1) {
        if (strchr(at, '+') && !bytes_equal_text(filter, at) && topic_matches(bytes_of_text(at), filter))
            return true;
    }
    return false;
}

/* A broker may bring a message once for each filter that it matches, and the second time it would be another ack. */
static void leave_out_covered(struct routes *routes)
{
    struct routes all = {.filters = routes->filters, .filter_count = routes->filter_count};
    const char *at = (const char *)all.filters.data;

    routes->filters = (struct buffer){0};
    routes->filter_count = 0;
    for (size_t i = 0; i < all.filter_count; i++, at += strlen(at) + 1) {
        if (is_covered(bytes_of_text(at), &all))
            continue;
        buffer_put(&routes->filters, bytes_of(at, strlen(at) + 1));
        routes->filter_count++;
    }
    buffer_release(&all.filters);
}

static void add_shape(struct routes *routes, const struct template *t)
{
    if (!template_names_tracker(t))
        return;
    for (size_t i = 0; i < routes->shape_count; i++) {
        if (template_equal(routes->shapes[i], t))
            return;
    }
    routes->shapes = realloc(routes->shapes, (routes->shape_count + 1) * sizeof *routes->shapes);
    CHECK(routes->shapes);
    routes->shapes[routes->shape_count++] = t;
}

static bool leads_to(const struct indexed_owner *entry, struct bytes topic, int32_t tracker_id, unsigned output)
{
    return entry && bytes_equal(entry->topic, topic) && entry->owner.tracker_id == tracker_id &&
           entry->owner.output == output;
}

static void add_indexed(struct routes *routes, struct bytes topic, int32_t tracker_id, unsigned output)
{
    uint64_t key = key_of(topic);
    struct indexed_owner *before = map_find(&routes->by_topic, key);
    struct indexed_owner *entry;

    if (leads_to(before, topic, tracker_id, output))
        return; /* on and off, say, have one topic */
    entry = malloc(sizeof *entry + topic.len);
    CHECK(entry);
    *entry = (struct indexed_owner){.owner = {tracker_id, output, before ? &before->owner : NULL}};
    entry->topic = bytes_of(memcpy(entry + 1, topic.data, topic.len), topic.len);
    map_put(&routes->by_topic, key, entry);
}

/* What a profile's trackers have in common. */
static void add_incoming(struct routes *routes, const struct template *t)
{
    if (!template_has_own_filters(t))
        add_filter(routes, t, NULL);
    add_shape(routes, t);
}

static void add_rendered(struct routes *routes, const struct template *t, const struct template_input *input,
                         unsigned output)
{
    struct buffer topic = {0};

    if (template_render(t, input, &topic) == 0)
        add_indexed(routes, buffer_bytes(&topic), input->tracker_id, output);
    buffer_release(&topic);
}

/* What the tracker alone can say: which topic is its own. */
static void add_tracker(struct routes *routes, const struct template *t, const struct template_input *tracker)
{
    struct command command = {.action = ACTION_SET, .output = 1};
    struct template_input input = *tracker;
    bool each = template_uses_output(t);

    if (template_names_tracker(t))
        return;
    if (template_has_own_filters(t))
        add_filter(routes, t, tracker);
    input.command = &command;
    for (; command.output <= (each ? tracker->outputs : 1); command.output++)
        add_rendered(routes, t, &input, each ? (unsigned)command.output : 0);
}

/* Where it is commanded, in every way that a topic can depend on. */
static void add_commands(struct routes *routes, const struct profile *p, const struct template_input *tracker)
{
    const struct template *set = profile_topic(p, TOPIC_COMMAND);
    const struct template *set_all = profile_topic(p, TOPIC_COMMAND_ALL);
    const uint64_t all[] = {UINT64_MAX, 0, 1}; /* all on, all off, a mixture */
    struct command command = {.action = ACTION_SET_ALL, .output_count = tracker->outputs};
    struct template_input input = *tracker;

    input.command = &command;
    for (size_t i = 0; i < sizeof all / sizeof *all && !template_names_tracker(set_all); i++) {
        command.outputs = all[i];
        add_rendered(routes, set_all, &input, 0);
    }
    command.action = ACTION_SET;
    for (int i = 0; i < 2 * tracker->outputs && !template_names_tracker(set); i++) {
        command.output = i / 2 + 1;
        command.enable = i % 2;
        add_rendered(routes, set, &input, 0);
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

        for (int which = 0; p && which < PROFILE_TOPIC_COUNT; which++) {
            if (!template_names_tracker(profile_topic(p, (enum profile_topic)which)))
                list[i] = p;
        }
    }
    return list;
}

static void add_trackers(struct router *r, const struct profiles *profiles, const struct registry *registry)
{
    struct profile **list = profiles_to_index(profiles, registry);

    for (size_t i = 0; i < registry_tracker_count(registry); i++) {
        const struct registry_tracker *tracker = registry_tracker_at(registry, i);
        const struct profile *p = list[tracker->model];
        struct template_input input = registry_input(registry, tracker);

        if (!p)
            continue;
        if (input.outputs == 0)
            input.outputs = (uint8_t)profile_outputs(p, &input);
        add_tracker(&r->acks, profile_topic(p, TOPIC_ACK), &input);
        add_tracker(&r->presences, profile_topic(p, TOPIC_PRESENCE), &input);
        add_tracker(&r->others, profile_topic(p, TOPIC_STATE), &input);
        add_commands(&r->others, p, &input);
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
        add_incoming(&r->acks, profile_topic(p, TOPIC_ACK));
        add_incoming(&r->presences, profile_topic(p, TOPIC_PRESENCE));
        add_shape(&r->others, profile_topic(p, TOPIC_COMMAND));
        add_shape(&r->others, profile_topic(p, TOPIC_COMMAND_ALL));
        add_shape(&r->others, profile_topic(p, TOPIC_STATE));
    }
    if (registry)
        add_trackers(r, profiles, registry);
    leave_out_covered(&r->acks);
    leave_out_covered(&r->presences);
}

size_t router_put_filters(const struct router *r, bool acks_are_shared, struct buffer *out, size_t *count)
{
    const char *at = (const char *)r->acks.filters.data;
    size_t acks = 0;

    for (size_t i = 0; i < r->acks.filter_count; i++, at += strlen(at) + 1) {
        struct bytes filter = bytes_of_text(at);

        if (!acks_are_shared && (has_filter(&r->presences, filter) || is_covered(filter, &r->presences)))
            continue;
        buffer_put(out, bytes_of(at, strlen(at) + 1));
        acks++;
    }
    if (r->presences.filter_count && r->presences.filters.data)
        buffer_put(out, buffer_bytes(&r->presences.filters));
    *count = acks + r->presences.filter_count;
    return acks;
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
    release(&r->others);
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
    return registry && id > 0 && registry_find_tracker(registry, id);
}

/* Topics of two families may have one form, with the id here and the device_id there: the shape that names a registered
 * tracker counts, and where none does the first one. */
static bool find_shaped(const struct routes *routes, const struct registry *registry, struct bytes topic,
                        struct owner *owner, bool *registered)
{
    struct template_capture capture;
    bool found = false;

    *owner = (struct owner){0};
    *registered = false;
    for (size_t i = 0; i < routes->shape_count && !*registered; i++) {
        int32_t id = template_match(routes->shapes[i], topic, &capture) ? named_by(&capture, registry) : -1;

        *registered = is_registered(registry, id);
        if (id >= 0 && (!found || *registered)) {
            owner->tracker_id = id;
            found = true;
        }
    }
    return found;
}

bool router_find(const struct routes *routes, const struct registry *registry, struct bytes topic, struct owner *owner)
{
    bool registered;
    bool shaped = find_shaped(routes, registry, topic, owner, &registered);
    const struct indexed_owner *indexed;

    if (registered)
        return true;
    indexed = routes->by_topic.count ? map_find(&routes->by_topic, key_of(topic)) : NULL;
    if (!indexed || !bytes_equal(indexed->topic, topic))
        return shaped;
    *owner = indexed->owner;
    return true;
}

/* --- topics that are taken --- */

static bool may_be_among(const struct routes *routes, struct bytes topic)
{
    bool may = routes->by_topic.count && map_find(&routes->by_topic, key_of(topic));

    for (size_t i = 0; i < routes->shape_count && !may; i++)
        may = template_may_match(routes->shapes[i], topic);
    return may;
}

bool router_is_taken(const struct router *r, struct bytes topic)
{
    return may_be_among(&r->acks, topic) || may_be_among(&r->presences, topic) || may_be_among(&r->others, topic);
}
