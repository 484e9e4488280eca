#include "edge/mqtt_socket.h"

#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

/* The kernel doubles it, and lowers it to net.core.wmem_max. */
enum { SEND_BUFFER_SIZE = 256 * 1024 };

static bool is_noted(const struct mqtt_socket_note *note, int fd)
{
    return (note->open[fd / 8] >> (fd % 8)) & 1;
}

/* The next open descriptor of this process, -1 at the end. */
static int next_fd(DIR *dir)
{
    for (struct dirent *entry; (entry = readdir(dir));) {
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        if (*end == '\0' && fd >= 0 && fd < MQTT_SOCKET_FD_MAX && fd != dirfd(dir))
            return (int)fd;
    }
    return -1;
}

void mqtt_socket_note(struct mqtt_socket_note *note)
{
    *note = (struct mqtt_socket_note){0};
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return;
    for (int fd; (fd = next_fd(dir)) >= 0;)
        note->open[fd / 8] = (uint8_t)(note->open[fd / 8] | 1 << (fd % 8));
    closedir(dir);
}

/* 0: none. */
static uint16_t own_port;

void mqtt_socket_not_from(uint16_t local_port)
{
    own_port = local_port;
}

typedef int name_fn(int fd, struct sockaddr *restrict address, socklen_t *restrict len);

/* Of its one end or the other; 0: it is no TCP socket, or has none. */
static uint16_t port_at(int fd, name_fn *name)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } end = {0};
    socklen_t len = sizeof(end);
    if (name(fd, &end.any, &len) < 0)
        return 0;
    if (end.any.sa_family == AF_INET)
        return ntohs(end.v4.sin_port);
    return end.any.sa_family == AF_INET6 ? ntohs(end.v6.sin6_port) : 0;
}

/* Other threads open sockets too; the ports tell them apart. */
static bool is_connected_to(int fd, uint16_t peer_port)
{
    int type = 0;
    socklen_t len = sizeof(type);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM)
        return false;
    return port_at(fd, getpeername) == peer_port && (own_port == 0 || port_at(fd, getsockname) != own_port);
}

int mqtt_socket_find(const struct mqtt_socket_note *note, uint16_t peer_port)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return -1;
    int fd;
    while ((fd = next_fd(dir)) >= 0)
        if (!is_noted(note, fd) && is_connected_to(fd, peer_port))
            break;
    closedir(dir);
    return fd;
}

void mqtt_socket_tune(int fd)
{
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){SEND_BUFFER_SIZE}, sizeof(int));
}

void mqtt_socket_reset(int fd)
{
    /* Dissolving the association is the one way to send a RST and keep the descriptor, which is paho's to close. */
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    (void)connect(fd, &none, sizeof(none)); /* NOLINT(bugprone-unused-return-value): a dead one is as good */
}

void mqtt_socket_drain(int fd, int wait_ms)
{
    uint64_t deadline_ms = clock_now().mono_ms + (uint64_t)wait_ms;
    for (;;) {
        uint64_t now_ms = clock_now().mono_ms;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (now_ms >= deadline_ms || poll(&wait, 1, (int)(deadline_ms - now_ms)) <= 0)
            return;
        uint8_t scrap[16384];
        if (recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT) <= 0)
            return;
    }
}

size_t mqtt_socket_peek(int fd, uint8_t *head, size_t size)
{
    ssize_t n = recv(fd, head, size, MSG_PEEK | MSG_DONTWAIT);
    return n > 0 ? (size_t)n : 0;
}
