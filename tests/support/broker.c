#include "support/broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct broker {
    pid_t pid;
    uint16_t port;
    char url[64];
    char directory[64];
    char config_path[96];
    char log_path[96];
};

static _Noreturn void give_up(const struct broker *b, const char *what)
{
    fprintf(stderr, "broker: %s: %s\n", what, strerror(errno));
    FILE *log = b ? fopen(b->log_path, "r") : NULL;
    for (int c; log && (c = getc(log)) != EOF;)
        putc(c, stderr);
    abort();
}

static struct sockaddr_in local_address(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static bool can_bind(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = local_address(port);
    bool good = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

/* Tests run side by side. A port that the kernel gives out may go to another test's client before it is listened on, so
 * these come from below that range, and every process tries a stretch of its own. */
uint16_t broker_free_port(void)
{
    enum { FIRST = 10000, COUNT = 20000, STRETCH = 61 };
    static unsigned tried;
    for (int i = 0; i < COUNT; i++) {
        uint16_t port = (uint16_t)(FIRST + ((unsigned)getpid() * STRETCH + tried++) % COUNT);
        if (can_bind(port))
            return port;
    }
    give_up(NULL, "free port");
    return 0;
}

static bool is_listening(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = local_address(port);
    bool is_open = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return is_open;
}

bool broker_wait_for_port(uint16_t port)
{
    for (int tries = 0; tries < 2000; tries++) {
        if (is_listening(port))
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    return false;
}

static void write_config(const struct broker *b, const char *extra_config)
{
    FILE *config = fopen(b->config_path, "w");
    if (!config)
        give_up(b, b->config_path);
    fprintf(config,
            "user root\n"
            "listener %u 127.0.0.1\n"
            "allow_anonymous true\n"
            "set_tcp_nodelay true\n"
            "persistence true\n"
            "persistence_location %s/\n"
            "log_type all\n"
            "%s\n",
            b->port, b->directory, extra_config ? extra_config : "");
    fclose(config);
}

/* In the child. */
static _Noreturn void become_broker(const struct broker *b, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int log = open(b->log_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (getppid() != parent || log < 0)
        _exit(126);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    closefrom(STDERR_FILENO + 1);
    execlp("mosquitto", "mosquitto", "-c", b->config_path, NULL);
    execl("/usr/sbin/mosquitto", "mosquitto", "-c", b->config_path, NULL);
    _exit(127);
}

static void launch(struct broker *b)
{
    pid_t parent = getpid();
    b->pid = fork();
    if (b->pid < 0)
        give_up(b, "fork");
    if (b->pid == 0)
        become_broker(b, parent);
    if (!broker_wait_for_port(b->port))
        give_up(b, "it does not listen");
}

static struct broker *make(void)
{
    struct broker *b = calloc(1, sizeof(*b));
    if (!b)
        give_up(NULL, "memory");
    b->port = broker_free_port();
    snprintf(b->url, sizeof(b->url), "mqtt://127.0.0.1:%u", b->port);
    snprintf(b->directory, sizeof(b->directory), "/tmp/broker-XXXXXX");
    if (!mkdtemp(b->directory))
        give_up(NULL, b->directory);
    snprintf(b->config_path, sizeof(b->config_path), "%s/mosquitto.conf", b->directory);
    snprintf(b->log_path, sizeof(b->log_path), "%s/mosquitto.log", b->directory);
    return b;
}

struct broker *broker_start(const char *extra_config)
{
    struct broker *b = make();
    write_config(b, extra_config);
    launch(b);
    return b;
}

static void run_shell(const struct broker *b, const char *format, ...)
{
    char command[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    if (system(command) != 0)
        give_up(b, command);
}

struct broker *broker_start_shipped(const char *config_path, const char *const *users)
{
    struct broker *b = make();
    run_shell(b, "cp $(dirname %s)/* %s/", config_path, b->directory);
    run_shell(b,
              "sed -e 's|^listener 1883$|user root\\nlistener %u 127.0.0.1|' -e 's|/etc/mosquitto/|%s/|' "
              "-e 's|/var/lib/mosquitto/|%s/|' %s > %s",
              b->port, b->directory, b->directory, config_path, b->config_path);
    run_shell(b, "touch %s/passwd", b->directory);
    for (; *users; users++)
        run_shell(b, "mosquitto_passwd -b %s/passwd %s secret", b->directory, *users);
    launch(b);
    return b;
}

static void end(struct broker *b)
{
    if (b->pid == 0)
        return;
    kill(b->pid, SIGCONT);
    kill(b->pid, SIGTERM);
    waitpid(b->pid, NULL, 0);
    b->pid = 0;
}

void broker_stop(struct broker *b)
{
    if (!b)
        return;
    end(b);
    static const char *const files[] = {"mosquitto.conf", "mosquitto.log", "mosquitto.db", "acl", "passwd"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", b->directory, files[i]);
        unlink(path);
    }
    rmdir(b->directory);
    free(b);
}

void broker_restart(struct broker *b)
{
    end(b);
    launch(b);
}

void broker_halt(struct broker *b)
{
    end(b);
}

void broker_resume(struct broker *b)
{
    launch(b);
}

void broker_lose(const struct broker *b)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/mosquitto.db", b->directory);
    unlink(path);
}

void broker_freeze(struct broker *b)
{
    kill(b->pid, SIGSTOP);
    waitpid(b->pid, NULL, WUNTRACED);
}

void broker_thaw(struct broker *b)
{
    kill(b->pid, SIGCONT);
}

const char *broker_url(const struct broker *b)
{
    return b->url;
}

uint16_t broker_port(const struct broker *b)
{
    return b->port;
}

const char *broker_directory(const struct broker *b)
{
    return b->directory;
}

const char *broker_log_path(const struct broker *b)
{
    return b->log_path;
}
