#include "witness/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"

/* In the child. */
static _Noreturn void become(char *const argv[], int fd, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    closefrom(STDERR_FILENO + 1);
    signal(SIGXFSZ, SIG_IGN);
    execvp(argv[0], argv);
    _exit(127);
}

pid_t process_start(char *const argv[], int fd)
{
    pid_t parent = getpid();
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0)
        become(argv, fd, parent);
    return pid;
}

void process_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int process_open_log(const char *folder, const char *name)
{
    char path[512];
    int fd;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    CHECK(fd >= 0);
    return fd;
}

static bool can_bind(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;

    if (fd >= 0)
        close(fd);
    return good;
}

/* Below the range from which the kernel gives ports to clients. */
uint16_t process_free_port(void)
{
    enum { FIRST = 10000, COUNT = 20000, STRETCH = 61 };
    static unsigned tried;

    for (;;) {
        uint16_t port = (uint16_t)(FIRST + ((unsigned)getpid() * STRETCH + tried) % COUNT);

        CHECK(tried++ < COUNT);
        if (can_bind(port))
            return port;
    }
}

void process_run_shell(const char *format, const char *folder)
{
    char command[1024];

    snprintf(command, sizeof command, format, folder, folder);
    CHECK(system(command) == 0);
}

FILE *process_open_file(const char *folder, const char *name)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "w");
    CHECK(file);
    return file;
}
