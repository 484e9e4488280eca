#include "apart.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

void apart_fail(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: not so: %s (%s)\n", file, line, condition, strerror(errno));
    _exit(1);
}

void apart_run(void (*act)(void))
{
    int status = 0;
    pid_t pid = fork();

    cr_assert(pid >= 0);
    if (pid == 0) {
        act();
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "see stderr; status %x", (unsigned)status);
}
