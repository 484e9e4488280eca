#include "edge/http_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/thread.h"
#include "http_server_state.h"

enum {
    CONNECTIONS_SPARE = 16, /* that are being closed to make room */
    LAST_WORDS_MS = 1000,   /* for the last answers to leave */
    IDLE_MS = 60000,
};

/* --- the thread --- */

static int64_t shorter(int64_t a, int64_t b)
{
    return b < 0 || (a >= 0 && a < b) ? a : b;
}

static int wait_ms(struct http_server *s)
{
    int64_t wait = shorter(http_listeners_wait_ms(s), shorter(http_connections_wait_ms(s), http_exchanges_wait_ms(s)));
    MHD_UNSIGNED_LONG_LONG of_daemon;

    if (mhd.get_timeout(s->daemon, &of_daemon) == MHD_YES)
        wait = shorter((int64_t)of_daemon, wait);
    return (int)shorter(wait, IDLE_MS);
}

static void turn(struct http_server *s, int longest_ms)
{
    int wait = wait_ms(s);
    struct pollfd fds[] = {
        {.fd = s->daemon_fd, .events = POLLIN},
        {.fd = http_mailbox_answers_fd(s->mailbox), .events = POLLIN},
    };

    poll(fds, sizeof fds / sizeof *fds, wait < longest_ms ? wait : longest_ms);
    s->now_ms = clock_mono_ms();
    http_exchanges_take_answers(s);
    http_exchanges_expire(s);
    http_connections_expire(s);
    http_listeners_wake(s);
    mhd.run(s->daemon);
}

/* Suspended connections would not be closed. */
static void give_up_all(struct http_server *s)
{
    s->options.answer_ms = 0;
    s->options.reply_ms = 0;
    http_exchanges_expire(s);
    mhd.run(s->daemon);
}

static void *run(void *ctx)
{
    struct http_server *s = ctx;
    uint64_t end_ms;

    while (!atomic_load(&s->is_stopping))
        turn(s, IDLE_MS);
    end_ms = s->now_ms + LAST_WORDS_MS;
    while (s->exchange_count > 0 && s->now_ms < end_ms)
        turn(s, (int)(end_ms - s->now_ms));
    give_up_all(s);
    mhd.stop_daemon(s->daemon);
    return NULL;
}

/* --- life --- */

static int listen_on(const char *listen_text)
{
    struct sockaddr_storage address;
    bool is_good = http_listen_parse(listen_text, &address);
    socklen_t len = address.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error;

    CHECK(is_good); /* the configuration was checked */
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static struct MHD_Daemon *start_daemon(struct http_server *s, int fd)
{
    return mhd.start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, http_exchange_goes_on, s, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)s->options.connections_max + CONNECTIONS_SPARE,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)s->options.head_bytes_max, MHD_OPTION_CONNECTION_TIMEOUT, 0U,
        MHD_OPTION_URI_LOG_CALLBACK, http_exchange_begin, s, MHD_OPTION_NOTIFY_COMPLETED, http_exchange_ends, s,
        MHD_OPTION_NOTIFY_CONNECTION, http_connection_changes, s, MHD_OPTION_END);
}

static struct http_server *new_server(const struct http_options *options, struct http_mailbox *mailbox)
{
    struct http_server *s = calloc(1, sizeof *s);

    CHECK(s);
    s->options = *options;
    s->mailbox = mailbox;
    atomic_init(&s->body_bytes_max, options->body_bytes_max);
    s->now_ms = clock_mono_ms();
    TAILQ_INIT(&s->waiting);
    TAILQ_INIT(&s->asked);
    TAILQ_INIT(&s->taken);
    TAILQ_INIT(&s->listeners);
    return s;
}

struct http_server *http_server_start(const struct http_options *options, struct http_mailbox *mailbox)
{
    struct http_server *s;
    int fd;

    errno = ELIBACC;
    fd = http_library_load() ? listen_on(options->listen) : -1;
    if (fd < 0)
        return NULL;
    s = new_server(options, mailbox);
    s->daemon = start_daemon(s, fd);
    if (!s->daemon) {
        close(fd);
        free(s);
        errno = ENOMEM;
        return NULL;
    }
    s->daemon_fd = mhd.get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    errno = thread_start(&s->thread, run, s);
    if (errno == 0)
        return s;
    mhd.stop_daemon(s->daemon);
    free(s);
    return NULL;
}

void http_server_stop(struct http_server *s)
{
    if (!s)
        return;
    atomic_store(&s->is_stopping, true);
    http_mailbox_nudge(s->mailbox);
    CHECK(pthread_join(s->thread, NULL) == 0);
    free(s);
}

void http_server_limit_body(struct http_server *s, uint32_t bytes_max)
{
    atomic_store_explicit(&s->body_bytes_max, bytes_max, memory_order_relaxed);
}

/* --- what it has counted --- */

uint64_t http_server_count(const struct http_server *s, enum http_path path, size_t status_index)
{
    return atomic_load_explicit(&s->counts[path][status_index], memory_order_relaxed);
}

uint32_t http_server_connections(const struct http_server *s)
{
    return atomic_load_explicit(&s->connection_count, memory_order_relaxed);
}
