#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "http_server_state.h"
#include "wire/reply.h"

/* A body without a length that is too large is read on for so many times what it may be: before its end libmicrohttpd
 * takes no answer. */
enum { DROP_TIMES = 4 };

const unsigned http_statuses[] = {200, 204, 400, 403, 404, 405, 412, 429, 500, 503, 504, 0};

_Static_assert(sizeof http_statuses / sizeof *http_statuses <= HTTP_STATUS_COUNT, "each has a counter");

/* --- answers --- */

static void count_answer(struct http_server *s, enum http_path path, unsigned status)
{
    for (size_t i = 0; http_statuses[i]; i++) {
        if (http_statuses[i] == status)
            atomic_fetch_add_explicit(&s->counts[path][i], 1, memory_order_relaxed);
    }
}

static void add_headers(struct MHD_Response *response, const struct http_answer *answer)
{
    char seconds[16];

    mhd.add_response_header(response, "Content-Type",
                            answer->content_type ? answer->content_type : "text/plain; charset=utf-8");
    mhd.add_response_header(response, "Cache-Control", "no-store");
    mhd.add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (answer->is_console) {
        mhd.add_response_header(response, "Content-Security-Policy",
                                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                                "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
        mhd.add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
        mhd.add_response_header(response, "Cross-Origin-Opener-Policy", "same-origin");
        mhd.add_response_header(response, "Referrer-Policy", "no-referrer");
    }
    if (answer->allow)
        mhd.add_response_header(response, "Allow", answer->allow);
    if (answer->retry_after_s) {
        snprintf(seconds, sizeof seconds, "%u", answer->retry_after_s);
        mhd.add_response_header(response, "Retry-After", seconds);
    }
}

/* The response with the answer's status and headers; it is MHD's afterwards. */
static enum MHD_Result send_response(struct http_server *s, const struct http_exchange *x,
                                     const struct http_answer *answer, struct MHD_Response *response)
{
    enum MHD_Result r;

    add_headers(response, answer);
    r = mhd.queue_response(x->connection, answer->status, response);
    mhd.destroy_response(response);
    count_answer(s, x->path, answer->status);
    http_connection_waits(s, http_connection_of(x->connection));
    return r;
}

static enum MHD_Result send_answer(struct http_server *s, struct http_exchange *x, const struct http_answer *answer)
{
    struct MHD_Response *response =
        mhd.create_response_from_buffer(answer->body.len, answer->body.data, MHD_RESPMEM_MUST_COPY);

    return response ? send_response(s, x, answer, response) : MHD_NO; /* the connection is closed */
}

static bool is_of_the_api(const struct http_exchange *x)
{
    return x->path == HTTP_PATH_SET || x->path == HTTP_PATH_SET_ALL || x->path == HTTP_PATH_OTHER_ACTION;
}

/* An answer that the server makes by itself: nothing of the request has reached the loop, or nobody waits for it any
 * more. On the paths of the API as the API says it, where there is a code. */
static void make_refusal(struct http_exchange *x, unsigned status, enum code code, const char *text)
{
    static const struct request_id none;
    const struct reply reply = {.code = code, .outcome = OUTCOME_NOT_SENT, .id = &none};

    x->answer.status = status;
    x->answer.retry_after_s = status == MHD_HTTP_SERVICE_UNAVAILABLE ? 1 : 0;
    if (!is_of_the_api(x) || code == CODE_SUCCESS) {
        buffer_put_text(&x->answer.body, text);
        return;
    }
    x->answer.content_type = encoding_content_type(ENCODING_JSON);
    reply_encode(ENCODING_JSON, &reply, &x->answer.body);
}

/* The loop is told what was refused, without the body: it is a request of somebody, which is counted and audited. */
static void tell_too_large(struct http_server *s, struct http_exchange *x)
{
    struct http_ask *ask = x->ask;

    x->ask = http_ask_new();
    ask->is_too_large = true;
    buffer_release(&ask->body);
    http_mailbox_tell(s->mailbox, ask);
}

static enum MHD_Result refuse_too_large(struct http_server *s, struct http_exchange *x)
{
    if (is_of_the_api(x))
        tell_too_large(s, x);
    make_refusal(x, MHD_HTTP_PRECONDITION_FAILED, CODE_TOO_LARGE, "too large\n");
    return send_answer(s, x, &x->answer);
}

static enum MHD_Result refuse_full(struct http_server *s, struct http_exchange *x)
{
    make_refusal(x, MHD_HTTP_SERVICE_UNAVAILABLE, CODE_QUEUE_ERROR, "too many requests wait\n");
    return send_answer(s, x, &x->answer);
}

static enum MHD_Result send_stream(struct http_server *s, struct http_exchange *x)
{
    struct MHD_Response *response = http_listener_new(s, x->connection, x->ask);

    if (!response) {
        make_refusal(x, MHD_HTTP_SERVICE_UNAVAILABLE, CODE_SUCCESS, "too many pages: see http.console_listeners_max\n");
        x->answer.is_console = true;
        return send_answer(s, x, &x->answer);
    }
    return send_response(s, x, &x->ask->answer, response);
}

/* --- a request arrives --- */

void *http_exchange_begin(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct http_server *s = cls;
    struct http_exchange *x = calloc(1, sizeof *x);
    const char *mark = strchr(uri, '?');

    CHECK(x);
    x->connection = connection;
    x->ask = http_ask_new();
    x->ask->asker = x;
    buffer_put(&x->ask->target, bytes_of(uri, mark ? (size_t)(mark - uri) : strlen(uri)));
    buffer_put_text(&x->ask->query, mark ? mark + 1 : "");
    x->path = x->ask->path = http_path_of(buffer_bytes(&x->ask->target));
    s->exchange_count++;
    return x;
}

static enum http_method method_of(const char *method)
{
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {{"GET", HTTP_GET}, {"HEAD", HTTP_HEAD}, {"POST", HTTP_POST}, {"OPTIONS", HTTP_OPTIONS}};

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (strcmp(method, methods[i].name) == 0)
            return methods[i].method;
    }
    return HTTP_OTHER;
}

static const char *header(const struct http_exchange *x, const char *name)
{
    return mhd.lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

static size_t body_max(const struct http_server *s)
{
    return atomic_load_explicit(&s->body_bytes_max, memory_order_relaxed);
}

/* libmicrohttpd has checked that it is a number. */
static bool says_too_much(const struct http_server *s, const struct http_exchange *x)
{
    const char *length = header(x, "Content-Length");

    return length && strtoull(length, NULL, 10) > body_max(s);
}

static enum MHD_Result read_head(struct http_server *s, struct http_exchange *x, const char *method)
{
    x->has_begun = true;
    x->ask->method = method_of(method);
    buffer_put_text(&x->ask->content_type, header(x, "Content-Type"));
    buffer_put_text(&x->ask->authorization, header(x, "Authorization"));
    buffer_put_text(&x->ask->host, header(x, "Host"));
    buffer_put_text(&x->ask->fetch_site, header(x, "Sec-Fetch-Site"));
    buffer_put_text(&x->ask->last_event_id, header(x, "Last-Event-ID"));
    return says_too_much(s, x) ? refuse_too_large(s, x) : MHD_YES;
}

static enum MHD_Result read_body(const struct http_server *s, struct http_exchange *x, const char *data, size_t *size)
{
    if (x->dropped == 0 && x->ask->body.len + *size <= body_max(s))
        buffer_put(&x->ask->body, bytes_of(data, *size));
    else
        x->dropped += *size;
    *size = 0;
    return x->dropped <= body_max(s) * DROP_TIMES ? MHD_YES : MHD_NO;
}

static enum MHD_Result ask_loop(struct http_server *s, struct http_exchange *x)
{
    if (x->dropped > 0)
        return refuse_too_large(s, x);
    if (!http_mailbox_put(s->mailbox, x->ask))
        return refuse_full(s, x);
    x->is_asked = true;
    x->asked_ms = s->now_ms;
    TAILQ_INSERT_TAIL(&s->asked, x, link);
    http_connection_works(s, http_connection_of(x->connection));
    mhd.suspend_connection(x->connection);
    return MHD_YES;
}

enum MHD_Result http_exchange_goes_on(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                      const char *version, const char *data, size_t *size, void **context)
{
    struct http_server *s = cls;
    struct http_exchange *x = *context;

    (void)connection, (void)url, (void)version;
    if (!x->has_begun)
        return read_head(s, x, method);
    if (*size > 0)
        return read_body(s, x, data, size);
    if (!x->is_asked)
        return ask_loop(s, x);
    if (x->ask && x->ask->answer.is_stream)
        return send_stream(s, x);
    return send_answer(s, x, x->ask ? &x->ask->answer : &x->answer);
}

void http_exchange_ends(void *cls, struct MHD_Connection *connection, void **context,
                        enum MHD_RequestTerminationCode code)
{
    struct http_server *s = cls;
    struct http_exchange *x = *context;

    (void)connection, (void)code;
    if (!x)
        return;
    *context = NULL;
    s->exchange_count--;
    http_ask_free(x->ask);
    buffer_release(&x->answer.body);
    free(x);
}

/* --- the loop answers, or does not --- */

static void go_on(struct http_server *s, struct http_exchange *x)
{
    TAILQ_REMOVE(x->is_taken ? &s->taken : &s->asked, x, link);
    mhd.resume_connection(x->connection);
}

void http_exchanges_take_answers(struct http_server *s)
{
    const struct http_ask *ask;

    while ((ask = http_mailbox_answered(s->mailbox)))
        go_on(s, ask->asker);
}

/* The loop has not even looked: whatever it was asked for has not been done, and will not be. */
static void expire_asked(struct http_server *s, struct http_exchange *x)
{
    if (http_mailbox_withdraw(s->mailbox, x->ask)) {
        http_ask_free(x->ask);
        x->ask = NULL;
        make_refusal(x, MHD_HTTP_SERVICE_UNAVAILABLE, CODE_QUEUE_ERROR, "the service does not answer\n");
        go_on(s, x);
        return;
    }
    TAILQ_REMOVE(&s->asked, x, link);
    TAILQ_INSERT_TAIL(&s->taken, x, link);
    x->is_taken = true;
}

/* No reply of the API: the request goes on, and its outcome is not known here. */
static void expire_taken(struct http_server *s, struct http_exchange *x)
{
    http_mailbox_give_up(s->mailbox, x->ask);
    x->ask = NULL;
    make_refusal(x, MHD_HTTP_GATEWAY_TIMEOUT, CODE_SUCCESS,
                 "no reply yet: the same request with the same request_id will get it\n");
    go_on(s, x);
}

void http_exchanges_expire(struct http_server *s)
{
    struct http_exchange *x;

    while ((x = TAILQ_FIRST(&s->asked)) && s->now_ms - x->asked_ms >= s->options.answer_ms)
        expire_asked(s, x);
    while ((x = TAILQ_FIRST(&s->taken)) && s->now_ms - x->asked_ms >= s->options.reply_ms)
        expire_taken(s, x);
}

static int64_t wait_ms(const struct http_server *s, const struct http_exchange *x, uint32_t limit_ms, int64_t other_ms)
{
    uint64_t passed_ms = x ? s->now_ms - x->asked_ms : 0;
    int64_t left_ms = passed_ms < limit_ms ? (int64_t)(limit_ms - passed_ms) : 0;

    return x && (other_ms < 0 || left_ms < other_ms) ? left_ms : other_ms;
}

int64_t http_exchanges_wait_ms(const struct http_server *s)
{
    int64_t first_ms = wait_ms(s, TAILQ_FIRST(&s->asked), s->options.answer_ms, -1);

    return wait_ms(s, TAILQ_FIRST(&s->taken), s->options.reply_ms, first_ms);
}
