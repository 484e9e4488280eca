/* HTTP: what is asked for is taken in the loop's turn, and answered there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/check.h"
#include "edge/metrics_text.h"
#include "edge/mqtt_socket.h"
#include "service_http_state.h"

enum { OTHER_DESCRIPTORS = 128 }; /* the journal, the broker, files */

/* --- life --- */

/* A connection takes a descriptor, and the broker must always get one. False: so many cannot be had. */
static bool make_room_for_descriptors(uint32_t connections)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + OTHER_DESCRIPTORS;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return true;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= wanted;
}

static struct http_options options_of(const struct config *c, struct console_ring *events)
{
    return (struct http_options){
        .listen = c->http.listen,
        .connections_max = c->http.connections_max,
        .head_bytes_max = c->http.head_bytes_max,
        .body_bytes_max = c->limits.request_bytes_max,
        .timeout_ms = c->http.timeout_ms,
        .answer_ms = c->http.answer_ms,
        .reply_ms = c->http.reply_ms,
        .events = events,
        .listeners_max = c->http.console_listeners_max,
    };
}

/* Nobody has asked for the default: relays are switched without it, too. */
static int cannot_listen(const struct config_http *c, int error)
{
    if (c->listen_is_default) {
        log_write(LOG_ERROR, "no HTTP: cannot listen", LOG_TEXT("at", c->listen), LOG_TEXT("why", strerror(error)),
                  LOG_TEXT("see", "http.listen"));
        return 0;
    }
    fprintf(stderr, "http.listen: cannot listen at %s: %s\n", c->listen, strerror(error));
    return -error;
}

static void say_where(const struct config_http *c)
{
    struct sockaddr_storage address;

    http_listen_parse(c->listen, &address);
    mqtt_socket_not_from(http_listen_port(&address));
    log_write(LOG_INFO, "HTTP", LOG_TEXT("at", c->listen), LOG_TEXT("api", c->api ? "on" : "off"),
              LOG_TEXT("console", c->console ? "on" : "off"));
    if (!http_listen_is_loopback(&address))
        log_write(LOG_WARNING, "HTTP is open to other machines without TLS", LOG_TEXT("at", c->listen),
                  LOG_TEXT("better", "a proxy with TLS in front"));
    log_flush(); /* the first turn may take long, and it can be asked meanwhile */
}

static void free_http(struct service_http *h)
{
    http_mailbox_free(h->mailbox);
    console_ring_free(h->events);
    free(h);
}

static struct service_http *new_http(const struct service *s)
{
    const struct config_http *c = &s->first->http;
    struct service_http *h = calloc(1, sizeof *h);

    CHECK(h);
    h->mailbox = http_mailbox_new(c->asks_max);
    if (c->console)
        h->events = console_ring_new(c->console_events_max, (uint64_t)s->now.wall_ms);
    return h;
}

int http_start(struct service *s)
{
    const struct config_http *c = &s->first->http;
    struct http_options options;
    struct service_http *h;
    int error;

    if (!*c->listen)
        return 0;
    if (!make_room_for_descriptors(c->connections_max))
        return cannot_listen(c, EMFILE);
    h = new_http(s);
    options = options_of(s->first, h->events);
    h->server = http_server_start(&options, h->mailbox);
    error = errno;
    if (!h->server) {
        free_http(h);
        return cannot_listen(c, error);
    }
    s->http = h;
    say_where(c);
    return 0;
}

int http_fd(const struct service *s)
{
    return s->http ? http_mailbox_asks_fd(s->http->mailbox) : -1;
}

void http_turn(struct service *s)
{
    struct http_ask *ask;

    if (!s->http)
        return; /* off */
    http_server_limit_body(s->http->server, s->current->limits.request_bytes_max);
    while ((ask = http_mailbox_take(s->http->mailbox)))
        routes_take(s, ask);
}

void http_stop(struct service *s)
{
    struct service_http *h = s->http;

    if (!h)
        return;
    http_mailbox_close(h->mailbox);
    http_turn(s);
    outbox_deliver_local(s->outbox);
    routes_give_up(s);
    http_server_stop(h->server);
    free_http(h);
    s->http = NULL;
}

/* --- figures --- */

void http_metrics_write(const struct service *s, struct buffer *out)
{
    static const char name[] = "outputd_http_requests_total";
    char labels[64];

    metrics_text_family(out, name, "counter", "HTTP requests that were answered, by what was asked for.");
    for (unsigned path = 0; path < HTTP_PATH_COUNT; path++) {
        for (size_t i = 0; http_statuses[i]; i++) {
            uint64_t count = http_server_count(s->http->server, (enum http_path)path, i);

            if (count == 0)
                continue;
            snprintf(labels, sizeof labels, "path=\"%s\",status=\"%u\"", http_path_name((enum http_path)path),
                     http_statuses[i]);
            metrics_text_value(out, name, labels, count);
        }
    }
    metrics_text_gauge(out, "outputd_http_connections", "HTTP connections that are open.",
                       http_server_connections(s->http->server));
}
