#include "edge/mqtt_aside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    GIVEN_MAX = 65536,
    /* How soon what follows is looked for while paho has not read all that it was given. */
    AGAIN_MS = 1,
};

static size_t unread(const struct mqtt_aside *aside)
{
    int n = 0;
    return ioctl(aside->theirs, FIONREAD, &n) == 0 && n > 0 ? (size_t)n : 0;
}

/* Takes from the socket what paho has read by now. */
static void take_what_was_read(struct mqtt_aside *aside)
{
    uint8_t scrap[4096];
    size_t left = unread(aside);
    while (aside->given > left) {
        size_t n = aside->given - left;
        ssize_t r = recv(aside->socket, scrap, n < sizeof(scrap) ? n : sizeof(scrap), MSG_DONTWAIT);
        if (r <= 0)
            return;
        aside->given -= (size_t)r;
    }
}

/* Gives paho what has come without taking it from the socket, because what paho does not read must still be there
 * afterwards. False: the broker has closed. */
static bool give(struct mqtt_aside *aside)
{
    uint8_t come[GIVEN_MAX];
    ssize_t n = recv(aside->socket, come, sizeof(come), MSG_PEEK | MSG_DONTWAIT);
    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    if ((size_t)n <= aside->given)
        return true;
    ssize_t r = send(aside->ours, come + aside->given, (size_t)n - aside->given, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (r > 0)
        aside->given += (size_t)r;
    return true;
}

static void put_aside(struct mqtt_aside *aside)
{
    uint8_t data[4096];
    ssize_t n;
    while ((n = recv(aside->ours, data, sizeof(data), MSG_DONTWAIT)) > 0)
        buffer_put(&aside->held, bytes_of(data, (size_t)n));
}

static void *carry(void *ctx)
{
    struct mqtt_aside *aside = ctx;
    bool is_open = true;
    for (;;) {
        /* What was given and is still in the socket keeps that readable. */
        bool is_waiting = aside->given > 0;
        struct pollfd fds[] = {
            {.fd = aside->stop, .events = POLLIN},
            {.fd = aside->ours, .events = POLLIN},
            {.fd = is_waiting || !is_open ? -1 : aside->socket, .events = POLLIN},
        };
        poll(fds, sizeof(fds) / sizeof(fds[0]), is_waiting ? AGAIN_MS : -1);
        if (fds[0].revents)
            return NULL;
        if (fds[1].revents)
            put_aside(aside);
        take_what_was_read(aside);
        if (is_open && !give(aside)) {
            is_open = false;
            shutdown(aside->ours, SHUT_WR);
        }
    }
}

/* The signals of the process are the other thread's. */
static int start_thread(struct mqtt_aside *aside)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&aside->thread, NULL, carry, aside);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

static void close_all(struct mqtt_aside *aside)
{
    const int fds[] = {aside->socket, aside->ours, aside->theirs, aside->stop};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    buffer_release(&aside->held);
    *aside = (struct mqtt_aside){0};
}

void mqtt_aside_begin(struct mqtt_aside *aside, int fd)
{
    int pair[2] = {-1, -1};
    int r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair);
    *aside = (struct mqtt_aside){
        .fd = fd,
        .socket = fcntl(fd, F_DUPFD_CLOEXEC, 0),
        .ours = pair[0],
        .theirs = pair[1],
        .stop = eventfd(0, EFD_CLOEXEC),
    };
    if (r < 0 || aside->socket < 0 || aside->stop < 0 || start_thread(aside) != 0) {
        close_all(aside);
        return;
    }
    dup2(aside->theirs, fd);
    aside->is_on = true;
}

static bool send_held(const struct mqtt_aside *aside)
{
    for (size_t sent = 0; sent < aside->held.len;) {
        ssize_t n = send(aside->socket, aside->held.data + sent, aside->held.len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return true;
}

bool mqtt_aside_end(struct mqtt_aside *aside, bool is_open)
{
    if (!aside->is_on)
        return true;
    eventfd_write(aside->stop, 1);
    pthread_join(aside->thread, NULL);
    bool good = true;
    if (is_open) {
        take_what_was_read(aside);
        put_aside(aside);
        good = aside->given == unread(aside) && send_held(aside);
        dup2(aside->socket, aside->fd);
    }
    close_all(aside);
    return good;
}
