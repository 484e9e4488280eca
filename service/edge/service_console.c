/* The console: a page at / and what it asks for. It reads, and changes nothing: to switch an output it takes the public
 * API like everybody else, with a hash. */
#include <inttypes.h>
#include <strings.h>

#include "base/version.h"
#include "edge/console_pages.h"
#include "edge/console_search.h"
#include "edge/console_stream.h"
#include "service_http_state.h"

static void give_back(struct service *s, struct http_ask *ask)
{
    ask->answer.is_console = true;
    http_mailbox_answer(s->http->mailbox, ask);
}

static void answer_text(struct service *s, struct http_ask *ask, unsigned status, const char *text)
{
    http_ask_answer(ask, status, text);
    give_back(s, ask);
}

/* --- who may ask --- */

/* Without the port. */
static struct bytes host_name(struct bytes host)
{
    const uint8_t *bracket = host.len ? memrchr(host.data, ']', host.len) : NULL;
    const uint8_t *colon = host.len ? memrchr(host.data, ':', host.len) : NULL;

    return colon && colon > bracket ? bytes_of(host.data, (size_t)(colon - host.data)) : host;
}

/* Four numbers, or something in brackets: a name that is looked up is neither. */
static bool is_address(struct bytes name)
{
    size_t dots = 0;

    if (name.len > 2 && name.data[0] == '[' && name.data[name.len - 1] == ']')
        return true;
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] == '.')
            dots++;
        else if (name.data[i] < '0' || name.data[i] > '9')
            return false;
    }
    return dots == 3;
}

static bool is_name(struct bytes name, const char *of)
{
    return name.len == strlen(of) && strncasecmp((const char *)name.data, of, name.len) == 0;
}

/* A page elsewhere may let its own name lead here (DNS rebinding); then this is the name that the browser says. */
static bool host_is_ours(const struct config_http *c, struct bytes host)
{
    struct bytes name = host_name(host);

    for (size_t i = 0; i < c->console_hosts.count; i++) {
        if (is_name(name, c->console_hosts.items[i]))
            return true;
    }
    return name.len == 0 || is_address(name) || is_name(name, "localhost");
}

/* A link from elsewhere may lead to the page. What the page asks for only the page may ask for, where a browser says
 * who does: others could not read it, but would take listeners' places. */
static bool is_from_elsewhere(const struct http_ask *ask)
{
    struct bytes site = buffer_bytes(&ask->fetch_site);

    return ask->path != HTTP_PATH_CONSOLE && site.len > 0 && !is_name(site, "same-origin") && !is_name(site, "none");
}

/* False: it has been answered. */
static bool may_ask(struct service *s, struct http_ask *ask)
{
    if (!s->http->events)
        answer_text(s, ask, 404, "the console is not served here: see http.console");
    else if (!host_is_ours(&s->first->http, buffer_bytes(&ask->host)))
        answer_text(s, ask, 403, "not by this name: see http.console_hosts");
    else if (is_from_elsewhere(ask))
        answer_text(s, ask, 403, "not for other sites");
    else
        return true;
    return false;
}

/* --- the page --- */

void console_answer_page(struct service *s, struct http_ask *ask)
{
    const struct console_page *page = console_pages;

    if (!may_ask(s, ask))
        return;
    while (page->path && !bytes_equal_text(buffer_bytes(&ask->target), page->path))
        page++;
    if (!page->path) {
        answer_text(s, ask, 404, "there is nothing here");
        return;
    }
    ask->answer.status = 200;
    ask->answer.content_type = page->content_type;
    buffer_put(&ask->answer.body, bytes_of(page->data, page->size));
    give_back(s, ask);
}

/* --- what it asks for --- */

static void put_text(struct buffer *out, const char *name, const char *text)
{
    buffer_printf(out, "\"%s\": \"", name);
    buffer_put_escaped(out, bytes_of_text(text));
    buffer_put_text(out, "\", ");
}

static void write_status(const struct service *s, struct buffer *out)
{
    const struct engine_totals totals = engine_totals(s->engine);
    const struct registry *registry = engine_registry(s->engine);
    const char *why = service_is_not_ready(s);

    buffer_put_text(out, "{");
    put_text(out, "instance", s->first->instance);
    put_text(out, "version", outputd_version);
    if (why)
        put_text(out, "not_ready", why);
    buffer_printf(out, "\"ready\": %s, \"api\": %s, \"life\": \"%" PRIx64 "\", ", why ? "false" : "true",
                  s->first->http.api ? "true" : "false", console_ring_life(s->http->events));
    buffer_printf(out, "\"uptime_s\": %" PRIu64 ", \"now_ms\": %" PRId64 ", ", (s->now.mono_ms - s->started_ms) / 1000,
                  s->now.wall_ms);
    buffer_printf(out,
                  "\"registered\": %zu, \"online\": %zu, \"pending\": %zu, \"queued\": %zu, \"page_max\": %" PRIu32,
                  registry_tracker_count(registry), totals.online, totals.pending, totals.queued,
                  s->first->http.console_page_max);
    buffer_put_text(out, ", \"history\": ");
    console_history_write(&s->http->history, s->now.mono_ms, out);
    buffer_put_u8(out, '}');
}

void console_answer_status(struct service *s, struct http_ask *ask)
{
    if (!may_ask(s, ask))
        return;
    ask->answer.status = 200;
    ask->answer.content_type = encoding_content_type(ENCODING_JSON);
    write_status(s, &ask->answer.body);
    give_back(s, ask);
}

void console_answer_trackers(struct service *s, struct http_ask *ask)
{
    const struct config_http *c = &s->first->http;
    struct console_query query;
    const char *wrong;

    if (!may_ask(s, ask))
        return;
    wrong = console_query_read(buffer_bytes(&ask->query), c->console_page_max, &query);
    if (wrong) {
        answer_text(s, ask, 400, wrong);
        return;
    }
    if (console_search(s->engine, &query, c->console_scan_max, &ask->answer.body) < 0) {
        answer_text(s, ask, 404, "this tracker is not in the registry any more: begin again");
        return;
    }
    ask->answer.status = 200;
    ask->answer.content_type = encoding_content_type(ENCODING_JSON);
    give_back(s, ask);
}

void console_answer_events(struct service *s, struct http_ask *ask)
{
    if (!may_ask(s, ask))
        return;
    ask->answer.status = 200;
    ask->answer.content_type = "text/event-stream";
    ask->answer.is_stream = true;
    give_back(s, ask);
}

/* --- what happens --- */

/* While presence is read back it comes all at once: pages look at it themselves when that is over. */
void console_event(struct service *s, const struct engine_event *event)
{
    struct console_event shown;

    if (!s->http || !s->http->events)
        return;
    console_history_event(&s->http->history, event, s->now.mono_ms);
    if ((event->kind != EVENT_PRESENCE || s->presence_known) && console_event_of(event, s->now.wall_ms, &shown))
        console_ring_put(s->http->events, &shown);
}

void console_turn(struct service *s)
{
    if (s->http && s->http->events && console_ring_wakes(s->http->events))
        http_mailbox_nudge(s->http->mailbox);
}
