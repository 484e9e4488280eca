#include "witness/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "witness/poller.h"

enum { PIECE = 65536, PENDING_MAX = 262144 };

struct end {
    int fd;
    struct buffer pending; /* to be written to it */
};

struct connection {
    LIST_ENTRY(connection) link;
    struct proxy *proxy;
    struct end ends[2]; /* by enum side */
    bool is_dead;
    void *watched;
};

struct proxy {
    int fd;
    uint16_t broker_port;
    bool is_stalled;
    const struct proxy_watcher *watcher;
    LIST_HEAD(connection_list, connection) connections;
};

static struct sockaddr_in local_address(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int open_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;

    CHECK(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

struct proxy *proxy_new(uint16_t port, uint16_t broker_port, const struct proxy_watcher *watcher)
{
    struct proxy *p = calloc(1, sizeof *p);
    struct sockaddr_in address = local_address(port);

    CHECK(p);
    p->broker_port = broker_port;
    p->watcher = watcher;
    p->fd = open_socket();
    CHECK(bind(p->fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(p->fd, 64) == 0);
    return p;
}

/* --- closing --- */

static void close_fd(int fd, bool with_reset)
{
    struct linger linger = {.l_onoff = 1};

    if (with_reset)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(fd);
}

/* It is freed with the next turn: the poller may still know it. */
static void bury(struct connection *c, bool with_reset)
{
    if (c->is_dead)
        return;
    c->is_dead = true;
    close_fd(c->ends[SIDE_CLIENT].fd, with_reset);
    close_fd(c->ends[SIDE_BROKER].fd, with_reset);
    if (c->watched)
        c->proxy->watcher->closed(c->watched);
}

static void sweep(struct proxy *p)
{
    struct connection *next;

    for (struct connection *c = LIST_FIRST(&p->connections); c; c = next) {
        next = LIST_NEXT(c, link);
        if (!c->is_dead)
            continue;
        LIST_REMOVE(c, link);
        buffer_release(&c->ends[0].pending);
        buffer_release(&c->ends[1].pending);
        free(c);
    }
}

void proxy_free(struct proxy *p)
{
    for (struct connection *c = LIST_FIRST(&p->connections); c; c = LIST_NEXT(c, link))
        bury(c, true);
    sweep(p);
    close(p->fd);
    free(p);
}

/* --- forwarding --- */

static void write_to(struct connection *c, enum side side)
{
    struct end *end = &c->ends[side];
    ssize_t n;

    if (end->pending.len == 0)
        return;
    n = send(end->fd, end->pending.data, end->pending.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        bury(c, true);
        return;
    }
    if (n <= 0)
        return;
    end->pending.len -= (size_t)n;
    memmove(end->pending.data, end->pending.data + n, end->pending.len);
}

/* What had come before its end goes on. */
static void ended(struct connection *c, enum side from, bool with_reset)
{
    write_to(c, from == SIDE_CLIENT ? SIDE_BROKER : SIDE_CLIENT);
    bury(c, with_reset);
}

static void read_from(struct connection *c, enum side from)
{
    enum side to = from == SIDE_CLIENT ? SIDE_BROKER : SIDE_CLIENT;
    uint8_t piece[PIECE];
    ssize_t n = recv(c->ends[from].fd, piece, sizeof piece, MSG_DONTWAIT);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        ended(c, from, n < 0);
        return;
    }
    if (c->watched)
        c->proxy->watcher->passing(c->watched, from, bytes_of(piece, (size_t)n));
    if (c->is_dead)
        return; /* cut by the watcher */
    buffer_put(&c->ends[to].pending, bytes_of(piece, (size_t)n));
    write_to(c, to);
    if (c->watched && !c->is_dead)
        c->proxy->watcher->passed(c->watched);
}

static void side_ready(struct connection *c, enum side side, short revents)
{
    if (!c->is_dead && revents & POLLOUT)
        write_to(c, side);
    if (!c->is_dead && !c->proxy->is_stalled && revents & (POLLIN | POLLHUP | POLLERR))
        read_from(c, side);
}

static void client_ready(void *ctx, short revents)
{
    side_ready(ctx, SIDE_CLIENT, revents);
}

static void broker_ready(void *ctx, short revents)
{
    side_ready(ctx, SIDE_BROKER, revents);
}

/* --- connections --- */

static void take_client(struct proxy *p, int client_fd)
{
    struct sockaddr_in address = local_address(p->broker_port);
    int fd = open_socket();
    struct connection *c;

    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) { /* at once, this is loopback */
        close(fd);
        close_fd(client_fd, true);
        return;
    }
    c = calloc(1, sizeof *c);
    CHECK(c);
    c->proxy = p;
    c->ends[SIDE_CLIENT].fd = client_fd;
    c->ends[SIDE_BROKER].fd = fd;
    c->watched = p->watcher ? p->watcher->opened(p->watcher->ctx) : NULL;
    LIST_INSERT_HEAD(&p->connections, c, link);
}

static void client_comes(void *ctx, short revents)
{
    struct proxy *p = ctx;
    int yes = 1;
    int fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC);

    (void)revents;
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    take_client(p, fd);
}

static short wanted(const struct connection *c, enum side side)
{
    enum side other = side == SIDE_CLIENT ? SIDE_BROKER : SIDE_CLIENT;
    bool reads = !c->proxy->is_stalled && c->ends[other].pending.len < PENDING_MAX;
    bool writes = c->ends[side].pending.len > 0;

    return (short)((reads ? POLLIN : 0) | (writes ? POLLOUT : 0));
}

void proxy_turn(struct proxy *p)
{
    sweep(p);
    poller_add(p->fd, POLLIN, client_comes, p);
    for (struct connection *c = LIST_FIRST(&p->connections); c; c = LIST_NEXT(c, link)) {
        if (p->is_stalled)
            continue; /* poll tells of a reset whether asked or not */
        poller_add(c->ends[SIDE_CLIENT].fd, wanted(c, SIDE_CLIENT), client_ready, c);
        poller_add(c->ends[SIDE_BROKER].fd, wanted(c, SIDE_BROKER), broker_ready, c);
    }
}

int proxy_cut(struct proxy *p, int which, bool with_reset)
{
    int count = 0;

    for (struct connection *c = LIST_FIRST(&p->connections); c; c = LIST_NEXT(c, link)) {
        if (c->is_dead)
            continue;
        if (which < 0 || which == count)
            bury(c, with_reset);
        count++;
    }
    return count;
}

void proxy_stall(struct proxy *p, bool stall)
{
    p->is_stalled = stall;
}
