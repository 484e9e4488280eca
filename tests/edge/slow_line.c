#include "slow_line.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/peer.h"

enum { LET_GO = -1, HELD_MAX = 1 << 20 };

/* Shared with the line's process. */
struct control {
    atomic_int counted;
    atomic_int counted_at_release;
    atomic_int hold_ms; /* 0: nothing is kept back */
    atomic_int victim;  /* LET_GO, or whom to kill */
};

static struct peer peer;
static struct control *control;

struct held {
    char data[HELD_MAX];
    size_t len;
    uint64_t due_ms; /* 0: nothing has come yet */
};

static int connect_broker(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(peer_real_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        abort();
    return fd;
}

/* False: one of the two is gone. */
static bool carry_up(int client, int broker)
{
    char data[4096];
    ssize_t n = recv(client, data, sizeof(data), 0);
    if (n <= 0)
        return false;
    control->counted += (int)n;
    return send(broker, data, (size_t)n, MSG_NOSIGNAL) == n;
}

static bool carry_down(int broker, int client, struct held *held)
{
    ssize_t n = recv(broker, held->data + held->len, HELD_MAX - held->len, 0);
    if (n <= 0)
        return false;
    held->len += (size_t)n;
    if (control->hold_ms > 0) {
        if (held->due_ms == 0)
            held->due_ms = clock_now().mono_ms + (uint64_t)control->hold_ms;
        return true;
    }
    bool sent = send(client, held->data, held->len, MSG_NOSIGNAL) == (ssize_t)held->len;
    held->len = 0;
    return sent;
}

static bool release(int client, struct held *held)
{
    control->counted_at_release = control->counted;
    control->hold_ms = 0;
    held->due_ms = 0;
    if (control->victim == 0)
        return false;
    if (control->victim > 0) {
        kill(control->victim, SIGKILL);
        control->victim = LET_GO;
    } else if (send(client, held->data, held->len, MSG_NOSIGNAL) != (ssize_t)held->len) {
        return false;
    }
    held->len = 0;
    return true;
}

static void serve(int client, int reports)
{
    (void)reports;
    static struct held held;
    held.len = 0;
    held.due_ms = 0;
    int broker = connect_broker();
    struct pollfd fds[2] = {{.fd = client, .events = POLLIN}, {.fd = broker, .events = POLLIN}};
    for (bool good = true; good;) {
        int n = poll(fds, 2, held.due_ms ? 5 : -1);
        if (n < 0)
            break;
        if (fds[0].revents)
            good = carry_up(client, broker);
        if (good && fds[1].revents)
            good = carry_down(broker, client, &held);
        /* Nothing of the client may still wait to be counted. */
        if (good && n == 0 && held.due_ms && clock_now().mono_ms >= held.due_ms)
            good = release(client, &held);
    }
    close(broker);
}

void slow_line_start(uint16_t broker_port)
{
    control = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (control == MAP_FAILED)
        abort();
    control->victim = LET_GO;
    peer_real_port = broker_port;
    peer = peer_start(serve);
}

void slow_line_stop(void)
{
    peer_stop(&peer);
    munmap(control, sizeof(*control));
}

uint16_t slow_line_port(void)
{
    return (uint16_t)strtoul(strrchr(peer.url, ':') + 1, NULL, 10);
}

void slow_line_count(void)
{
    control->counted = 0;
}

int slow_line_counted(void)
{
    return control->counted;
}

void slow_line_hold(int ms)
{
    control->counted = 0;
    control->counted_at_release = -1;
    control->hold_ms = ms;
}

int slow_line_counted_at_release(void)
{
    return control->counted_at_release;
}

void slow_line_kill_instead(int pid)
{
    control->victim = pid;
}
