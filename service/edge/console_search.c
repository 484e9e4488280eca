#include "edge/console_search.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "edge/http_form.h"
#include "wire/sinks.h"

/* --- the query --- */

static const char *read_search(const char *text, struct console_query *q)
{
    size_t len = strlen(text);

    if (len > CONSOLE_SEARCH_MAX)
        return "search is too long";
    for (size_t i = 0; i <= len; i++)
        q->search[i] = (char)tolower((unsigned char)text[i]);
    return NULL;
}

static bool read_number(const char *text, int32_t *number)
{
    enum { DIGITS_MAX = 10 };
    size_t len = strspn(text, "0123456789");
    int64_t value = strtoll(text, NULL, 10);

    *number = (int32_t)value;
    return len > 0 && len <= DIGITS_MAX && text[len] == '\0' && value <= INT32_MAX;
}

static const char *read_after(const char *text, struct console_query *q)
{
    return read_number(text, &q->after) ? NULL : "after must be the id of a tracker";
}

static const char *read_limit(const char *text, struct console_query *q)
{
    int32_t limit;

    if (!read_number(text, &limit) || limit == 0)
        return "limit must be a whole number from 1";
    if ((uint32_t)limit < q->limit)
        q->limit = (uint32_t)limit;
    return NULL;
}

static const char *read_presence(const char *text, struct console_query *q)
{
    q->only_online = strcmp(text, "online") == 0;
    q->only_offline = strcmp(text, "offline") == 0;
    return q->only_online || q->only_offline || !*text ? NULL : "presence must be online or offline";
}

static const struct {
    const char *name;
    const char *(*read)(const char *text, struct console_query *q);
} parameters[] = {{"search", read_search}, {"after", read_after}, {"limit", read_limit}, {"presence", read_presence}};

static const char *read_parameter(const char *name, const char *text, struct console_query *q)
{
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
        if (strcmp(parameters[i].name, name) == 0)
            return parameters[i].read(text, q);
    }
    return "the parameters are search, after, limit and presence";
}

const char *console_query_read(struct bytes text, uint32_t page_max, struct console_query *q)
{
    struct buffer json = {0};
    json_t *root = http_form_to_json(text, &json) == 0 ? json_loadb((char *)json.data, json.len, 0, NULL) : NULL;
    const char *wrong = root ? NULL : "the query cannot be read";
    const char *name;
    json_t *value;

    *q = (struct console_query){.limit = page_max};
    json_object_foreach(root, name, value)
    {
        const char *error = json_is_string(value) ? read_parameter(name, json_string_value(value), q)
                                                  : "the parameters are search, after, limit and presence";

        wrong = wrong ? wrong : error;
    }
    json_decref(root);
    buffer_release(&json);
    return wrong;
}

/* --- the search --- */

struct search {
    const struct engine *engine;
    const struct registry *registry;
    const struct console_query *query;
    const struct registry_tracker *whole; /* whose id was searched for; NULL: none */
    json_t *found;
};

static bool id_holds(int32_t id, const char *part)
{
    char text[12];
    char *at = text + sizeof text;

    *--at = '\0';
    for (; id; id /= 10)
        *--at = (char)('0' + id % 10);
    return strstr(at, part) != NULL;
}

static bool holds(const struct search *s, const struct registry_tracker *tracker)
{
    const char *part = s->query->search;

    return !*part || id_holds(tracker->id, part) || strcasestr(registry_model(s->registry, tracker->model), part);
}

static json_t *states_json(const struct engine_view *view)
{
    json_t *states = json_array();

    for (unsigned i = 0; i < view->outputs; i++)
        json_array_append_new(states,
                              view->states.known >> i & 1 ? json_boolean(view->states.on >> i & 1) : json_null());
    return states;
}

static json_t *reserved_json(const struct engine_view *view)
{
    json_t *reserved = json_array();

    for (unsigned i = 0; i < view->outputs; i++) {
        if (view->reserved >> i & 1)
            json_array_append_new(reserved, json_integer(i + 1));
    }
    return reserved;
}

static json_t *tracker_json(const struct registry *r, const struct registry_tracker *tracker,
                            const struct engine_view *view)
{
    return json_pack("{si ss sb sb sb sb sb sb sI sb so so sI}", "id", tracker->id, "model",
                     registry_model(r, tracker->model), "online", view->online, "blocked", tracker->blocked, "clone",
                     tracker->clone, "served", view->is_served, "set", view->has_set, "set_all", view->has_set_all,
                     "queued", (json_int_t)view->queued, "in_flight", view->in_flight, "outputs", states_json(view),
                     "reserved", reserved_json(view), "updated_at_ms", (json_int_t)view->states.updated_at_ms);
}

/* Puts it with what was found, if it is one of those that are searched for. */
static void take(struct search *s, const struct registry_tracker *tracker)
{
    const struct console_query *q = s->query;
    struct engine_view view;
    json_t *json;

    if (!holds(s, tracker))
        return;
    view = engine_view(s->engine, tracker);
    if ((q->only_online && !view.online) || (q->only_offline && view.online))
        return;
    json = tracker_json(s->registry, tracker, &view);
    CHECK(json && json_array_append_new(s->found, json) == 0);
}

/* Whose id it is as a whole; NULL: nobody's. */
static const struct registry_tracker *find_whole(const struct search *s)
{
    int32_t id;

    return read_number(s->query->search, &id) ? registry_find_tracker(s->registry, id) : NULL;
}

/* Where it stopped. */
static size_t scan(struct search *s, size_t at, uint32_t scan_max)
{
    size_t count = registry_tracker_count(s->registry);
    size_t end = count - at > scan_max ? at + scan_max : count;
    size_t full = json_array_size(s->found) + s->query->limit;

    for (; at < end && json_array_size(s->found) < full; at++) {
        const struct registry_tracker *tracker = registry_tracker_at(s->registry, at);

        if (tracker != s->whole)
            take(s, tracker);
    }
    return at;
}

static void write_answer(struct search *s, size_t began, size_t at, struct buffer *out)
{
    size_t count = registry_tracker_count(s->registry);
    json_t *after = at < count ? json_integer(registry_tracker_at(s->registry, at - 1)->id) : json_null();
    json_t *root = json_pack("{so so sI sI}", "trackers", s->found, "after", after, "scanned", (json_int_t)(at - began),
                             "registered", (json_int_t)count);

    CHECK(root && json_dump_callback(root, sink_json, out, JSON_COMPACT) == 0);
    json_decref(root);
}

int console_search(const struct engine *e, const struct console_query *query, uint32_t scan_max, struct buffer *out)
{
    struct search s = {.engine = e, .registry = engine_registry(e), .query = query};
    const struct registry_tracker *after = NULL;
    size_t began;
    size_t at = 0;

    if (query->after && s.registry)
        after = registry_find_tracker(s.registry, query->after);
    if (query->after && !after)
        return -ENOENT;
    began = after ? registry_tracker_index(s.registry, after) + 1 : 0;
    s.found = json_array();
    CHECK(s.found);
    if (s.registry) {
        s.whole = find_whole(&s);
        if (s.whole && !after)
            take(&s, s.whole);
        at = scan(&s, began, scan_max);
    }
    write_answer(&s, began, at, out);
    return 0;
}
