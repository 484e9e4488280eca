/* What answers which path. */
#include "edge/http_api.h"
#include "edge/metrics_text.h"
#include "service_http_state.h"
#include "wire/object.h"

#include <stdlib.h>

static void give_back(struct service *s, struct http_ask *ask)
{
    http_mailbox_answer(s->http->mailbox, ask);
}

static void answer_text(struct service *s, struct http_ask *ask, unsigned status, const char *text)
{
    http_ask_answer(ask, status, text);
    give_back(s, ask);
}

/* --- for those who watch the service --- */

static void answer_metrics(struct service *s, struct http_ask *ask)
{
    ask->answer.status = 200;
    ask->answer.content_type = METRICS_CONTENT_TYPE;
    metrics_write(s, &ask->answer.body);
    give_back(s, ask);
}

/* That it is answered says it all. */
static void answer_healthz(struct service *s, struct http_ask *ask)
{
    answer_text(s, ask, 200, "ok");
}

static void answer_readyz(struct service *s, struct http_ask *ask)
{
    const char *why = service_is_not_ready(s);
    struct buffer text = {0};

    buffer_put_text(&text, why ? why : "ready");
    if (!why)
        registry_put_readiness(s, &text);
    buffer_put_u8(&text, '\0');
    answer_text(s, ask, why ? 503 : 200, (const char *)text.data);
    buffer_release(&text);
}

static void answer_unknown(struct service *s, struct http_ask *ask)
{
    answer_text(s, ask, 404, "there is nothing here");
}

/* --- the public API --- */

/* By the id of the request whose reply it will be: a correlation would not do, because one request may be refused, and
 * taken when it is repeated in the same turn, and each of the two who ask gets the reply to his own. */
static void wait_for_reply(struct service *s, struct http_ask *ask, uint64_t id)
{
    STAILQ_NEXT(ask, link) = map_put(&s->http->waiting, id, ask);
}

static void answer_api(struct service *s, struct http_ask *ask)
{
    struct buffer room = {0};
    struct engine_message message = {
        .content_type = bytes_of_text(encoding_content_type(ENCODING_JSON)),
        .local = true,
        .too_large = ask->is_too_large,
        .hash = http_api_hash(buffer_bytes(&ask->authorization)),
    };
    uint64_t id;

    if (!s->first->http.api) {
        answer_text(s, ask, 404, "the API is not served here: see http.api");
        return;
    }
    if (!ask->is_too_large)
        message.payload = http_api_payload(ask, &room);
    id = engine_local_request(s->engine, http_path_action(buffer_bytes(&ask->target)), &message, s->now);
    wait_for_reply(s, ask, id);
    buffer_release(&room);
}

static void give_reply(struct service *s, struct http_ask *ask, enum code code, struct bytes payload)
{
    ask->answer.status = http_api_status(code);
    ask->answer.content_type = encoding_content_type(ENCODING_JSON);
    ask->answer.retry_after_s = ask->answer.status == 503 || ask->answer.status == 429;
    buffer_put(&ask->answer.body, payload);
    give_back(s, ask);
}

void http_reply(struct service *s, uint64_t id, enum code code, struct bytes payload)
{
    struct http_ask *ask = s->http ? map_remove(&s->http->waiting, id) : NULL;

    while (ask) {
        struct http_ask *next = STAILQ_NEXT(ask, link);

        give_reply(s, ask, code, payload);
        ask = next;
    }
}

/* "status.code=213", or none: it was a success. */
static enum code code_in(struct bytes payload)
{
    static const char name[] = "status.code=";
    struct buffer lines = {0};
    enum code code = CODE_UNEXPECTED;

    if (object_lines(ENCODING_JSON, payload, &lines) == 0) {
        const char *at;

        buffer_put_u8(&lines, '\0');
        at = strstr((const char *)lines.data, name);
        code = at ? (enum code)strtoul(at + strlen(name), NULL, 10) : CODE_SUCCESS;
    }
    buffer_release(&lines);
    return code;
}

void http_take_reply(struct service *s, struct bytes correlation, struct bytes payload)
{
    struct reader r = {.left = correlation};
    uint64_t id = reader_be(&r, 8);

    if (reader_is_done(&r))
        http_reply(s, id, code_in(payload), payload);
}

void routes_give_up(struct service *s)
{
    struct http_ask *ask;
    size_t at = 0;

    while ((ask = map_next(&s->http->waiting, &at))) {
        while (ask) {
            struct http_ask *next = STAILQ_NEXT(ask, link);

            answer_text(s, ask, 504, "no reply yet: the same request with the same request_id will get it");
            ask = next;
        }
    }
    map_release(&s->http->waiting);
}

/* --- routes --- */

enum {
    MAY_GET = 1 << HTTP_GET | 1 << HTTP_HEAD,
    MAY_CALL = 1 << HTTP_GET | 1 << HTTP_POST, /* no HEAD: it would switch something */
    MAY_BE_ANYTHING = (1 << (HTTP_OTHER + 1)) - 1,
};

static const char allow_get[] = "GET, HEAD, OPTIONS";
static const char allow_call[] = "GET, POST, OPTIONS";

static const struct {
    unsigned methods;
    const char *allow;
    void (*answer)(struct service *s, struct http_ask *ask);
} routes[HTTP_PATH_COUNT] = {
    [HTTP_PATH_METRICS] = {MAY_GET, allow_get, answer_metrics},
    [HTTP_PATH_HEALTHZ] = {MAY_GET, allow_get, answer_healthz},
    [HTTP_PATH_READYZ] = {MAY_GET, allow_get, answer_readyz},
    [HTTP_PATH_SET] = {MAY_CALL, allow_call, answer_api},
    [HTTP_PATH_SET_ALL] = {MAY_CALL, allow_call, answer_api},
    [HTTP_PATH_OTHER_ACTION] = {MAY_CALL, allow_call, answer_api},
    [HTTP_PATH_CONSOLE_STATUS] = {MAY_GET, allow_get, console_answer_status},
    [HTTP_PATH_CONSOLE_TRACKERS] = {MAY_GET, allow_get, console_answer_trackers},
    [HTTP_PATH_CONSOLE_EVENTS] = {1 << HTTP_GET, "GET, OPTIONS", console_answer_events},
    [HTTP_PATH_CONSOLE] = {MAY_GET, allow_get, console_answer_page},
    [HTTP_PATH_UNKNOWN] = {MAY_BE_ANYTHING, NULL, answer_unknown},
};

void routes_take(struct service *s, struct http_ask *ask)
{
    if (routes[ask->path].methods & 1u << ask->method) {
        routes[ask->path].answer(s, ask);
        return;
    }
    ask->answer.allow = routes[ask->path].allow;
    if (ask->method != HTTP_OPTIONS) {
        answer_text(s, ask, 405, "not by this method");
        return;
    }
    ask->answer.status = 204;
    give_back(s, ask);
}
