#include "support/redis_server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/broker.h"

struct redis_server {
    struct redis_server_options options;
    pid_t pid; /* 0: not running */
    uint16_t port;
    char url[64];
    char unix_url[96];
    char directory[64];
    char config_path[96];
    char log_path[96];
    char answer[4096];
};

static _Noreturn void give_up(const struct redis_server *s, const char *what)
{
    fprintf(stderr, "redis-server: %s: %s\n", what, strerror(errno));
    FILE *log = s ? fopen(s->log_path, "r") : NULL;
    for (int c; log && (c = getc(log)) != EOF;)
        putc(c, stderr);
    abort();
}

static void write_config(const struct redis_server *s)
{
    FILE *config = fopen(s->config_path, "w");
    if (!config)
        give_up(s, s->config_path);
    fprintf(config,
            "bind 127.0.0.1\n"
            "port %u\n"
            "unixsocket %s/socket\n"
            "dir %s\n"
            "daemonize no\n"
            "save \"\"\n"
            "appendonly %s\n"
            "appendfsync always\n",
            s->port, s->directory, s->directory, s->options.log ? "yes" : "no");
    if (s->options.password)
        fprintf(config, "requirepass %s\n", s->options.password);
    if (s->options.user)
        fprintf(config, "user %s\n", s->options.user);
    fprintf(config, "%s\n", s->options.extra ? s->options.extra : "");
    fclose(config);
}

/* In the child. */
static _Noreturn void become_server(const struct redis_server *s, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int log = open(s->log_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (getppid() != parent || log < 0)
        _exit(126);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    closefrom(STDERR_FILENO + 1);
    execlp("redis-server", "redis-server", s->config_path, NULL);
    _exit(127);
}

const char *redis_server_ask(const struct redis_server *s, const char *command)
{
    char line[1024];
    struct redis_server *own = (struct redis_server *)s;
    snprintf(line, sizeof(line), "redis-cli -p %u %s %s %s 2>&1", s->port,
             s->options.password ? "--no-auth-warning -a" : "", s->options.password ? s->options.password : "",
             command);
    FILE *out = popen(line, "r");
    if (!out)
        give_up(s, line);
    size_t len = fread(own->answer, 1, sizeof(own->answer) - 1, out);
    pclose(out);
    while (len > 0 && own->answer[len - 1] == '\n')
        len--;
    own->answer[len] = '\0';
    return own->answer;
}

/* It listens before it has read its log back. */
static void wait_until_ready(const struct redis_server *s)
{
    if (!broker_wait_for_port(s->port))
        give_up(s, "it does not listen");
    for (int tries = 0; tries < 2000; tries++) {
        if (strcmp(redis_server_ask(s, "PING"), "PONG") == 0)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    give_up(s, "it does not answer");
}

static void launch(struct redis_server *s)
{
    pid_t parent = getpid();
    s->pid = fork();
    if (s->pid < 0)
        give_up(s, "fork");
    if (s->pid == 0)
        become_server(s, parent);
    wait_until_ready(s);
}

struct redis_server *redis_server_start(const struct redis_server_options *options)
{
    struct redis_server *s = calloc(1, sizeof(*s));
    if (!s)
        give_up(NULL, "memory");
    if (options)
        s->options = *options;
    s->port = broker_free_port();
    snprintf(s->directory, sizeof(s->directory), "/tmp/redis-XXXXXX");
    if (!mkdtemp(s->directory))
        give_up(NULL, s->directory);
    snprintf(s->url, sizeof(s->url), "redis://127.0.0.1:%u/0", s->port);
    snprintf(s->unix_url, sizeof(s->unix_url), "unix://%s/socket", s->directory);
    snprintf(s->config_path, sizeof(s->config_path), "%s/redis.conf", s->directory);
    snprintf(s->log_path, sizeof(s->log_path), "%s/redis.log", s->directory);
    write_config(s);
    launch(s);
    return s;
}

static void end(struct redis_server *s, int how)
{
    if (s->pid == 0)
        return;
    kill(s->pid, how);
    kill(s->pid, SIGCONT);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

void redis_server_stop(struct redis_server *s)
{
    char command[128];
    if (!s)
        return;
    end(s, SIGTERM);
    snprintf(command, sizeof(command), "rm -rf '%s'", s->directory);
    if (system(command) != 0)
        give_up(s, command);
    free(s);
}

void redis_server_halt(struct redis_server *s)
{
    end(s, SIGTERM);
}

void redis_server_kill(struct redis_server *s)
{
    end(s, SIGKILL);
}

void redis_server_resume(struct redis_server *s)
{
    launch(s);
}

void redis_server_freeze(struct redis_server *s)
{
    kill(s->pid, SIGSTOP);
    waitpid(s->pid, NULL, WUNTRACED);
}

void redis_server_thaw(struct redis_server *s)
{
    kill(s->pid, SIGCONT);
}

const char *redis_server_url(const struct redis_server *s)
{
    return s->url;
}

const char *redis_server_unix_url(const struct redis_server *s)
{
    return s->unix_url;
}

uint16_t redis_server_port(const struct redis_server *s)
{
    return s->port;
}

const char *redis_server_directory(const struct redis_server *s)
{
    return s->directory;
}
