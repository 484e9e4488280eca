#include "support/simulator.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { PATIENCE_MS = 10000, ARGUMENTS_MAX = 40 };

static struct simulator *started;

static _Noreturn void give_up(const struct simulator *s, const char *what)
{
    fprintf(stderr, "simulator: %s\n%s", what, s ? s->output : "");
    abort();
}

/* In the child. */
static _Noreturn void become_simulator(char **argv, const char *broker_url, int fd, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    closefrom(STDERR_FILENO + 1);
    setenv("BROKER_URL", broker_url, 1);
    execv(argv[0], argv);
    _exit(127);
}

static void launch(struct simulator *s, char **argv, const char *broker_url)
{
    pid_t parent = getpid();
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        give_up(NULL, strerror(errno));
    s->pid = fork();
    if (s->pid < 0)
        give_up(NULL, strerror(errno));
    if (s->pid == 0)
        become_simulator(argv, broker_url, fds[1], parent);
    close(fds[1]);
    s->fd = fds[0];
}

/* A test process starts one or two and ends: they are freed with it. */
static void free_all(void)
{
    while (started)
        simulator_free(started);
}

struct simulator *simulator_start(const char *broker_url, const char *arguments)
{
    const char *program = getenv("TRACKERSIM");
    char *argv[ARGUMENTS_MAX] = {(char *)(uintptr_t)(program ? program : "build/trackersim")};
    struct simulator *s = calloc(1, sizeof(*s));
    char *words = strdup(arguments);
    if (!s || !words)
        give_up(NULL, "memory");
    int argc = 1;
    for (char *word = strtok(words, " "); word && argc < ARGUMENTS_MAX - 1; word = strtok(NULL, " "))
        argv[argc++] = word;
    launch(s, argv, broker_url);
    free(words);
    if (!started)
        atexit(free_all);
    s->next = started;
    started = s;
    return s;
}

/* More output. False at its end; nothing for too long is the end of the test. */
static bool read_more(struct simulator *s)
{
    struct pollfd wait = {.fd = s->fd, .events = POLLIN};
    if (poll(&wait, 1, PATIENCE_MS) <= 0 || s->len == SIMULATOR_OUTPUT_MAX)
        return give_up(s, "it neither prints what is waited for nor ends"), false;
    ssize_t n = read(s->fd, s->output + s->len, SIMULATOR_OUTPUT_MAX - s->len);
    s->len += n > 0 ? (size_t)n : 0;
    return n > 0;
}

void simulator_expect(struct simulator *s, const char *text)
{
    uint64_t deadline_ms = clock_now().mono_ms + PATIENCE_MS;
    while (!strstr(s->output, text)) {
        if (!read_more(s) || clock_now().mono_ms > deadline_ms) {
            fprintf(stderr, "simulator: \"%s\" does not come\n", text);
            give_up(s, "instead:");
        }
    }
}

struct simulator *simulator_ready(const char *broker_url, const char *arguments)
{
    struct simulator *s = simulator_start(broker_url, arguments);
    simulator_expect(s, "trackersim: ready\n");
    return s;
}

int simulator_exit_status(struct simulator *s)
{
    int status;
    while (read_more(s))
        ;
    if (waitpid(s->pid, &status, 0) != s->pid || !WIFEXITED(status))
        give_up(s, "it crashed");
    s->pid = 0;
    return WEXITSTATUS(status);
}

void simulator_stop(struct simulator *s)
{
    kill(s->pid, SIGTERM);
    if (simulator_exit_status(s) != 0)
        give_up(s, "its exit status is not 0");
}

void simulator_free(struct simulator *s)
{
    struct simulator **at = &started;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    close(s->fd);
    free(s);
}

void simulator_publish(struct probe *p, const struct mqtt_publish *publish)
{
    int token, r;
    while ((r = mqtt_publish(p->m, publish, &token)) == -EAGAIN)
        if (!probe_wait_acked(p, p->acked_count + 1))
            give_up(NULL, "the broker acknowledges nothing");
    if (r < 0)
        give_up(NULL, mqtt_error(p->m));
}

void simulator_command(struct probe *p, int tracker_id, struct bytes payload)
{
    char topic[64];
    snprintf(topic, sizeof(topic), "tracker/%d/output/command", tracker_id);
    simulator_publish(p, &(struct mqtt_publish){.topic = bytes_of_text(topic), .payload = payload, .qos = 1});
}
