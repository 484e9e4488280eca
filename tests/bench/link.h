/* One connection to the broker: bytes are staged in a buffer and written once a turn; what was read is handed on packet
 * by packet. Whatever goes wrong ends the program: a measurement with a hiccup in it is none.
 *
 * Calling sequence: fill in name, ctx and take_publish; link_open; then turn by turn link_write, poll, link_read. */
#ifndef BENCH_LINK_H
#define BENCH_LINK_H

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "packets.h"

enum {
    LINK_IN_SIZE = 1 << 18,
    LINK_IN_FLIGHT_MAX = 16384, /* of our own publishes: packet ids go round well after their PUBACK */
};

struct link {
    const char *name;
    void *ctx;
    void (*take_publish)(void *ctx, const struct packet_publish *publish);
    struct buffer out;
    size_t written; /* how much of out the socket has taken */
    uint8_t *in;
    size_t in_len;
    int fd;
    uint32_t receive_maximum; /* 0: no CONNACK yet */
    uint32_t in_flight;       /* publishes without PUBACK */
    uint16_t last_id;
    bool subscribed;
};

/* Says why on stderr and ends the program with status 1. */
static inline _Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline _Noreturn void die(const char *format, ...)
{
    va_list args;

    fputs("loadgen: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

/* Zeroed, for as long as the program lives. */
static inline void *array_of(size_t count, size_t size)
{
    void *array = calloc(count, size);

    if (!array)
        die("no memory");
    return array;
}

static inline int link_socket(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    int fd = -1;
    int r = getaddrinfo(host, port, &hints, &list);

    if (r)
        die("%s: %s", host, gai_strerror(r));
    for (struct addrinfo *at = list; at && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) < 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0)
        die("%s:%s: %s", host, port, strerror(errno));
    return fd;
}

/* Connects and stages the CONNECT. */
static inline void link_open(struct link *l, const char *host, const char *port)
{
    char client_id[64];

    l->fd = link_socket(host, port);
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    fcntl(l->fd, F_SETFL, O_NONBLOCK);
    l->in = array_of(LINK_IN_SIZE, 1);
    snprintf(client_id, sizeof(client_id), "bench-%s-%d", l->name, (int)getpid());
    packet_put_connect(&l->out, client_id);
}

static inline bool link_may_publish(const struct link *l)
{
    return l->in_flight < l->receive_maximum && l->in_flight < LINK_IN_FLIGHT_MAX;
}

/* The caller has asked link_may_publish. */
static inline void link_publish(struct link *l, struct packet_publish *publish)
{
    l->last_id = (uint16_t)(l->last_id == UINT16_MAX ? 1 : l->last_id + 1);
    publish->id = l->last_id;
    packet_put_publish(&l->out, publish);
    l->in_flight++;
}

static inline void link_write(struct link *l)
{
    ssize_t n;

    if (l->written == l->out.len)
        return;
    n = send(l->fd, l->out.data + l->written, l->out.len - l->written, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        die("%s: write: %s", l->name, strerror(errno));
    l->written += n > 0 ? (size_t)n : 0;
    if (l->written == l->out.len) {
        buffer_clear(&l->out);
        l->written = 0;
    }
}

static inline void link_take_connack(struct link *l, const struct packet *packet)
{
    struct packet_connack connack;

    if (!packet_read_connack(packet, &connack) || connack.reason)
        die("%s: the broker refused the connection", l->name);
    l->receive_maximum = connack.receive_maximum;
}

static inline void link_take_suback(struct link *l, const struct packet *packet)
{
    if (!packet->body.len || packet->body.data[packet->body.len - 1] >= 0x80)
        die("%s: the broker refused the subscription", l->name);
    l->subscribed = true;
}

static inline void link_take_puback(struct link *l, const struct packet *packet)
{
    if (packet->body.len > 2 && packet->body.data[2] >= 0x80)
        die("%s: the broker refused a publish, reason 0x%02x", l->name, packet->body.data[2]);
    l->in_flight--;
}

static inline void link_take_publish(struct link *l, const struct packet *packet)
{
    struct packet_publish publish;

    if (!packet_read_publish(packet, &publish))
        die("%s: a PUBLISH that cannot be read", l->name);
    if (publish.id)
        packet_put_puback(&l->out, publish.id);
    l->take_publish(l->ctx, &publish);
}

static inline void link_take_disconnect(struct link *l, const struct packet *packet)
{
    die("%s: the broker disconnected, reason 0x%02x", l->name, packet->body.len ? packet->body.data[0] : 0);
}

static inline void link_dispatch(struct link *l)
{
    static void (*const take[16])(struct link *, const struct packet *) = {
        [PACKET_CONNACK] = link_take_connack,       [PACKET_SUBACK] = link_take_suback,
        [PACKET_PUBACK] = link_take_puback,         [PACKET_PUBLISH] = link_take_publish,
        [PACKET_DISCONNECT] = link_take_disconnect,
    };
    struct reader r = {.left = bytes_of(l->in, l->in_len)};
    struct packet packet;

    while (packet_read(&r, &packet)) {
        if (!take[packet.type])
            die("%s: an unexpected packet of type %d", l->name, packet.type);
        take[packet.type](l, &packet);
    }
    if (r.left.len == LINK_IN_SIZE)
        die("%s: a packet larger than the buffer", l->name);
    memmove(l->in, r.left.data, r.left.len);
    l->in_len = r.left.len;
}

static inline void link_read(struct link *l)
{
    ssize_t n = recv(l->fd, l->in + l->in_len, LINK_IN_SIZE - l->in_len, 0);

    if (n == 0)
        die("%s: the broker closed the connection", l->name);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        die("%s: read: %s", l->name, strerror(errno));
    if (n < 0)
        return;
    l->in_len += (size_t)n;
    link_dispatch(l);
}

#endif
