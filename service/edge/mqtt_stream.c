/* Defines functions of the C library: not with its checking wrappers of them. */
#undef _FORTIFY_SOURCE

#include "edge/mqtt_stream.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/clock.h"
#include "edge/mqtt_socket.h"

enum {
    IN_SIZE = 65536,
    /* Paho is not let read while more than this waits for the socket: each message that it reads is a PUBACK more. */
    OUT_ENOUGH = 256 * 1024,
    OUT_KEPT = 64 * 1024, /* memory that is kept for the next turn */
};

struct stream {
    int fd;
    bool is_held;
    bool is_mute;
    bool is_readable; /* the kernel has said so since it was last read */
    bool is_at_end;
    int error; /* of the last read; 0: none */
    size_t in_at;
    size_t in_len;
    struct buffer out;
    size_t out_at; /* what is before it has left */
    uint8_t in[IN_SIZE];
};

/* By descriptor. Other threads look here for descriptors of their own. */
static _Atomic(struct stream *) streams[MQTT_SOCKET_FD_MAX];

static struct stream *stream_of(int fd)
{
    if (fd < 0 || fd >= MQTT_SOCKET_FD_MAX)
        return NULL;
    return atomic_load_explicit(&streams[fd], memory_order_relaxed);
}

void mqtt_stream_begin(int fd)
{
    struct stream *s = calloc(1, sizeof(*s));
    CHECK(s && fd >= 0 && fd < MQTT_SOCKET_FD_MAX && !stream_of(fd));
    s->fd = fd;
    atomic_store_explicit(&streams[fd], s, memory_order_relaxed);
}

static void end(int fd)
{
    struct stream *s = stream_of(fd);
    if (!s)
        return;
    atomic_store_explicit(&streams[fd], NULL, memory_order_relaxed);
    buffer_release(&s->out);
    free(s);
}

/* --- out --- */

static int ask_kernel(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct timespec timeout = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000L};
    return ppoll(fds, count, timeout_ms < 0 ? NULL : &timeout, NULL);
}

static size_t unsent(const struct stream *s)
{
    return s->out.len - s->out_at;
}

static void forget_sent(struct stream *s)
{
    size_t rest = unsent(s);
    if (rest > 0)
        memmove(s->out.data, s->out.data + s->out_at, rest);
    s->out.len = rest;
    s->out_at = 0;
    if (rest == 0 && s->out.size > OUT_KEPT)
        buffer_release(&s->out);
}

/* Where the connection is broken, reading will say so. */
static void send_out(struct stream *s)
{
    while (unsent(s) > 0) {
        ssize_t n = send(s->fd, s->out.data + s->out_at, unsent(s), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            s->out_at = s->out.len;
        if (n <= 0)
            break;
        s->out_at += (size_t)n;
    }
    forget_sent(s);
}

/* Takes everything: what the socket does not take waits here, and paho never has to wait. */
static ssize_t put(struct stream *s, const struct iovec *runs, int count)
{
    size_t len = 0;
    for (int i = 0; i < count; i++) {
        len += runs[i].iov_len;
        if (!s->is_mute)
            buffer_put(&s->out, bytes_of(runs[i].iov_base, runs[i].iov_len));
    }
    if (!s->is_held)
        send_out(s);
    return (ssize_t)len;
}

void mqtt_stream_hold(int fd, bool hold)
{
    struct stream *s = stream_of(fd);
    if (!s)
        return;
    s->is_held = hold;
    if (!hold)
        send_out(s);
}

void mqtt_stream_push(int fd)
{
    struct stream *s = stream_of(fd);
    if (s)
        send_out(s);
}

void mqtt_stream_finish(int fd, int wait_ms)
{
    struct stream *s = stream_of(fd);
    uint64_t now_ms = clock_now().mono_ms;
    uint64_t deadline_ms = now_ms + (uint64_t)wait_ms;
    for (; s && unsent(s) > 0 && now_ms < deadline_ms; now_ms = clock_now().mono_ms) {
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        ask_kernel(&room, 1, (int)(deadline_ms - now_ms));
        send_out(s);
    }
}

void mqtt_stream_mute(int fd)
{
    struct stream *s = stream_of(fd);
    if (!s)
        return;
    s->is_mute = true;
    s->out_at = s->out.len;
    forget_sent(s);
}

size_t mqtt_stream_unsent(int fd)
{
    const struct stream *s = stream_of(fd);
    return s ? unsent(s) : 0;
}

/* --- in --- */

static void fill(struct stream *s)
{
    if (s->in_at > 0) {
        memmove(s->in, s->in + s->in_at, s->in_len - s->in_at);
        s->in_len -= s->in_at;
        s->in_at = 0;
    }
    if (s->in_len == IN_SIZE || s->is_at_end || s->error)
        return;
    ssize_t n = recvfrom(s->fd, s->in + s->in_len, IN_SIZE - s->in_len, MSG_DONTWAIT, NULL, NULL);
    s->is_readable = false;
    if (n > 0)
        s->in_len += (size_t)n;
    else if (n == 0)
        s->is_at_end = true;
    else if (errno != EAGAIN && errno != EINTR)
        s->error = errno;
}

void mqtt_stream_fill(int fd)
{
    struct stream *s = stream_of(fd);
    if (!s)
        return;
    fill(s);
    if (!s->is_held)
        send_out(s);
}

size_t mqtt_stream_unread(int fd)
{
    const struct stream *s = stream_of(fd);
    return s ? s->in_len - s->in_at : 0;
}

size_t mqtt_stream_peek(int fd, uint8_t *head, size_t size)
{
    const struct stream *s = stream_of(fd);
    size_t len = mqtt_stream_unread(fd);
    if (len > size)
        len = size;
    if (len > 0)
        memcpy(head, s->in + s->in_at, len);
    return len;
}

static ssize_t take(struct stream *s, void *to, size_t size)
{
    if (size == 0)
        return 0; /* paho reads what a packet without a body has behind its head */
    if (s->in_at == s->in_len && s->is_readable)
        fill(s);
    size_t len = s->in_len - s->in_at;
    if (len > 0) {
        if (len > size)
            len = size;
        memcpy(to, s->in + s->in_at, len);
        s->in_at += len;
        return (ssize_t)len;
    }
    if (s->is_at_end)
        return 0;
    errno = s->error ? s->error : EAGAIN;
    return -1;
}

/* --- waiting --- */

static short events_in_memory(const struct stream *s)
{
    bool has_more = s->in_at < s->in_len || s->is_readable || s->is_at_end || s->error;
    return (short)((has_more ? POLLIN : 0) | (unsent(s) < OUT_ENOUGH ? POLLOUT : 0));
}

/* Streams alone are looked at. How many are ready; *others: there are other descriptors. */
static int look(struct pollfd *fds, nfds_t count, short of_interest, bool *others)
{
    int ready = 0;
    for (nfds_t i = 0; i < count; i++) {
        struct stream *s = stream_of(fds[i].fd);
        *others |= !s && fds[i].fd >= 0;
        fds[i].revents = s ? (short)(events_in_memory(s) & fds[i].events & of_interest) : 0;
        ready += fds[i].revents != 0;
    }
    return ready;
}

static void note_readable(const struct pollfd *fds, nfds_t count)
{
    for (nfds_t i = 0; i < count; i++) {
        struct stream *s = stream_of(fds[i].fd);
        if (s && fds[i].revents & ~POLLOUT)
            s->is_readable = true;
    }
}

/* --- in place of the C library's --- */

/* Without a wait paho asks what it has asked before each byte: memory knows, and takes what is written. With one the
 * kernel is asked, too: what memory has for one connection must not keep another one from being looked at. */
int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    short of_interest = timeout_ms == 0 ? POLLIN | POLLOUT : POLLIN;
    bool others = false;
    int ready = look(fds, count, of_interest, &others);
    if (!others && timeout_ms == 0)
        return ready;
    int r = ask_kernel(fds, count, ready > 0 ? 0 : timeout_ms);
    if (r < 0)
        return r;
    note_readable(fds, count);
    r = 0;
    for (nfds_t i = 0; i < count; i++) {
        const struct stream *s = stream_of(fds[i].fd);
        if (s)
            fds[i].revents |= (short)(events_in_memory(s) & fds[i].events & of_interest);
        r += fds[i].revents != 0;
    }
    return r;
}

ssize_t recv(int fd, void *to, size_t size, int flags)
{
    struct stream *s = flags == 0 ? stream_of(fd) : NULL;
    return s ? take(s, to, size) : recvfrom(fd, to, size, flags, NULL, NULL);
}

ssize_t read(int fd, void *to, size_t size)
{
    struct stream *s = stream_of(fd);
    return s ? take(s, to, size) : (ssize_t)syscall(SYS_read, fd, to, size);
}

ssize_t writev(int fd, const struct iovec *runs, int count)
{
    struct stream *s = stream_of(fd);
    return s ? put(s, runs, count) : (ssize_t)syscall(SYS_writev, fd, runs, count);
}

ssize_t write(int fd, const void *from, size_t size)
{
    const struct iovec run = {.iov_base = (void *)(uintptr_t)from, .iov_len = size};
    struct stream *s = stream_of(fd);
    return s ? put(s, &run, 1) : (ssize_t)syscall(SYS_write, fd, from, size);
}

/* ThreadSanitizer has to know, or it takes two descriptors of one number, one after the other, for the same. */
#ifdef __SANITIZE_THREAD__
int __interceptor_close(int fd);
#define close_really __interceptor_close
#else
static int close_really(int fd)
{
    return (int)syscall(SYS_close, fd);
}
#endif

int close(int fd)
{
    end(fd);
    return close_really(fd);
}
