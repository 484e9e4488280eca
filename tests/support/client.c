#include "support/client.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/pump.h"

enum { ARGUMENTS_MAX = 60 };

static _Noreturn void give_up(const struct client *c, const char *what)
{
    fprintf(stderr, "client: %s\n--- stdout\n%s\n--- stderr\n%s\n", what, c->out.text, c->err.text);
    abort();
}

/* --- its turn --------------------------------------------------------------------------------------------------------
 */

static bool read_stream(struct client *c, struct client_stream *s)
{
    if (s->fd < 0)
        return false;
    if (s->len == CLIENT_OUTPUT_MAX)
        give_up(c, "it prints too much");
    ssize_t n = read(s->fd, s->text + s->len, CLIENT_OUTPUT_MAX - s->len);
    if (n > 0) {
        s->len += (size_t)n;
        return true;
    }
    /* A terminal that its last user has left says EIO. */
    if (n == 0 || errno != EAGAIN) {
        close(s->fd);
        s->fd = -1;
    }
    return false;
}

static bool take_turn(void *ctx)
{
    struct client *c = ctx;
    bool busy = read_stream(c, &c->out);
    busy |= read_stream(c, &c->err);
    int status;
    if (!c->has_ended && waitpid(c->pid, &status, WNOHANG) == c->pid) {
        c->has_ended = true;
        c->status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    return busy;
}

static bool is_over(const struct client *c)
{
    return c->has_ended && c->out.fd < 0 && c->err.fd < 0;
}

/* --- starting --------------------------------------------------------------------------------------------------------
 */

/* In the child. */
static _Noreturn void become_client(char **argv, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    closefrom(STDERR_FILENO + 1);
    signal(SIGPIPE, SIG_DFL);
    execv(argv[0], argv);
    _exit(127);
}

static void split(char *words, char *argv[ARGUMENTS_MAX])
{
    const char *program = getenv("OUTPUTCTL");
    int argc = 0;
    argv[argc++] = (char *)(uintptr_t)(program ? program : "build/outputctl");
    for (char *word = strtok(words, " "); word && argc < ARGUMENTS_MAX - 1; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
}

static void launch_on_pipes(struct client *c, char **argv)
{
    int in[2], out[2], err[2];
    pid_t parent = getpid();
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
        give_up(c, strerror(errno));
    c->pid = fork();
    if (c->pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        become_client(argv, parent);
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    c->input = in[1];
    c->out.fd = out[0];
    c->err.fd = err[0];
}

static void launch_on_terminal(struct client *c, char **argv)
{
    struct winsize size = {.ws_row = CLIENT_LINES, .ws_col = CLIENT_COLUMNS};
    pid_t parent = getpid();
    c->pid = forkpty(&c->out.fd, NULL, NULL, &size);
    if (c->pid == 0) {
        setenv("TERM", "xterm", 1);
        become_client(argv, parent);
    }
    c->input = -1;
    c->err.fd = -1;
}

static struct client *start(const char *arguments, void (*launch)(struct client *c, char **argv))
{
    struct client *c = calloc(1, sizeof(*c));
    char *words = strdup(arguments);
    char *argv[ARGUMENTS_MAX];
    if (!c || !words)
        abort();
    split(words, argv);
    launch(c, argv);
    if (c->pid < 0)
        give_up(c, strerror(errno));
    free(words);
    fcntl(c->out.fd, F_SETFL, O_NONBLOCK);
    if (c->err.fd >= 0)
        fcntl(c->err.fd, F_SETFL, O_NONBLOCK);
    pump_add(take_turn, c);
    return c;
}

struct client *client_start(const char *arguments)
{
    return start(arguments, launch_on_pipes);
}

struct client *client_start_on_terminal(const char *arguments)
{
    return start(arguments, launch_on_terminal);
}

void client_free(struct client *c)
{
    if (!c)
        return;
    pump_remove(c);
    if (!c->has_ended) {
        kill(c->pid, SIGKILL);
        waitpid(c->pid, NULL, 0);
    }
    const int fds[] = {c->input, c->out.fd, c->err.fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(c);
}

/* --- talking ---------------------------------------------------------------------------------------------------------
 */

void client_say(struct client *c, const char *input)
{
    size_t len = strlen(input);
    if (len && write(c->input, input, len) != (ssize_t)len)
        give_up(c, "it does not read");
    close(c->input);
    c->input = -1;
}

static void expect(struct client *c, const struct client_stream *s, const char *text)
{
    PUMP_UNTIL(strstr(s->text, text) || is_over(c));
    if (strstr(s->text, text))
        return;
    fprintf(stderr, "client: not printed: %s\n", text);
    give_up(c, "this is not what was expected");
}

void client_expect(struct client *c, const char *text)
{
    expect(c, &c->out, text);
}

void client_expect_complaint(struct client *c, const char *text)
{
    expect(c, &c->err, text);
}

int client_wait(struct client *c)
{
    if (!PUMP_UNTIL(is_over(c)))
        give_up(c, "it does not end");
    return c->status;
}

struct client *client_run(const char *arguments)
{
    struct client *c = client_start(arguments);
    client_say(c, "");
    client_wait(c);
    return c;
}
