#include "support/peer.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/broker.h"

uint16_t peer_real_port;

static int socket_to(uint16_t port, bool listens)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int r = listens ? bind(fd, (struct sockaddr *)&address, sizeof(address))
                    : connect(fd, (struct sockaddr *)&address, sizeof(address));
    if (r < 0 || (listens && listen(fd, 8) < 0))
        abort();
    return fd;
}

struct peer peer_start(peer_serve *serve)
{
    struct peer peer;
    int pipe_fds[2];
    uint16_t port = broker_free_port();
    int listener = socket_to(port, true);
    if (pipe(pipe_fds) < 0)
        abort();
    pid_t parent = getpid();
    peer.pid = fork();
    if (peer.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pipe_fds[0]);
        for (int fd; getppid() == parent && (fd = accept(listener, NULL, NULL)) >= 0; close(fd))
            serve(fd, pipe_fds[1]);
        _exit(0);
    }
    close(listener);
    close(pipe_fds[1]);
    peer.reports = pipe_fds[0];
    snprintf(peer.url, sizeof(peer.url), "mqtt://127.0.0.1:%u", port);
    return peer;
}

void peer_stop(struct peer *peer)
{
    kill(peer->pid, SIGKILL);
    waitpid(peer->pid, NULL, 0);
    close(peer->reports);
}

static void relay(int a, int b)
{
    struct pollfd fds[2] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
    while (poll(fds, 2, -1) > 0)
        for (int i = 0; i < 2; i++) {
            char data[4096];
            ssize_t n = fds[i].revents ? recv(fds[i].fd, data, sizeof(data), 0) : 0;
            if (fds[i].revents && (n <= 0 || send(fds[1 - i].fd, data, (size_t)n, MSG_NOSIGNAL) != n))
                return;
        }
}

void peer_refuse_5(int fd, int reports, const void *answer, size_t len)
{
    enum { LEVEL_AT = 8 }; /* after type, length, and the string "MQTT" with its length */
    char connect_packet[512];
    ssize_t n = recv(fd, connect_packet, sizeof(connect_packet), 0);
    if (n <= LEVEL_AT)
        return;
    char level = (char)('0' + connect_packet[LEVEL_AT]);
    if (write(reports, &level, 1) != 1)
        return;
    if (level == '5') {
        send(fd, answer, len, MSG_NOSIGNAL);
        return;
    }
    int broker_fd = socket_to(peer_real_port, false);
    send(broker_fd, connect_packet, (size_t)n, MSG_NOSIGNAL);
    relay(fd, broker_fd);
    close(broker_fd);
}

void peer_close_on_5(int fd, int reports)
{
    peer_refuse_5(fd, reports, NULL, 0);
}
