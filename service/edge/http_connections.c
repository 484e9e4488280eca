#include <stdlib.h>

#include "base/check.h"
#include "http_server_state.h"

struct http_connection *http_connection_of(struct MHD_Connection *connection)
{
    return mhd.get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void http_connection_works(struct http_server *s, struct http_connection *c)
{
    if (c->is_waiting)
        TAILQ_REMOVE(&s->waiting, c, link);
    c->is_waiting = false;
}

void http_connection_waits(struct http_server *s, struct http_connection *c)
{
    http_connection_works(s, c);
    c->is_waiting = true;
    c->since_ms = s->now_ms;
    TAILQ_INSERT_TAIL(&s->waiting, c, link);
}

/* libmicrohttpd sees that it is at its end, and closes it. */
static void end(struct http_server *s, struct http_connection *c)
{
    http_connection_works(s, c);
    shutdown(c->fd, SHUT_RDWR);
}

static void begin(struct http_server *s, struct MHD_Connection *connection, void **context)
{
    struct http_connection *c = calloc(1, sizeof *c);

    CHECK(c);
    c->fd = mhd.get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    *context = c;
    if (atomic_fetch_add(&s->connection_count, 1) >= s->options.connections_max && !TAILQ_EMPTY(&s->waiting))
        end(s, TAILQ_FIRST(&s->waiting));
    http_connection_waits(s, c);
}

void http_connection_changes(void *cls, struct MHD_Connection *connection, void **context,
                             enum MHD_ConnectionNotificationCode code)
{
    struct http_server *s = cls;
    struct http_connection *c = *context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        begin(s, connection, context);
        return;
    }
    http_connection_works(s, c);
    atomic_fetch_sub(&s->connection_count, 1);
    free(c);
}

void http_connections_expire(struct http_server *s)
{
    struct http_connection *c;

    while ((c = TAILQ_FIRST(&s->waiting)) && s->now_ms - c->since_ms >= s->options.timeout_ms)
        end(s, c);
}

int64_t http_connections_wait_ms(const struct http_server *s)
{
    const struct http_connection *c = TAILQ_FIRST(&s->waiting);
    uint64_t passed_ms = c ? s->now_ms - c->since_ms : 0;

    if (!c)
        return -1;
    return passed_ms < s->options.timeout_ms ? (int64_t)(s->options.timeout_ms - passed_ms) : 0;
}
