#include "base/check.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

Test(check, what_is_so_passes_without_a_trace)
{
    int evaluated = 0;

    CHECK(++evaluated == 1);
    cr_assert_eq(evaluated, 1);
}

Test(check, what_is_not_so_is_named_with_its_place_and_aborts)
{
    char text[256] = "";
    char expected[256];
    int line;
    int ends[2];
    int status;
    pid_t child;

    cr_assert_eq(pipe(ends), 0);
    line = __LINE__ + 4;
    child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        CHECK(1 + 1 == 3);
        _exit(0);
    }
    close(ends[1]);
    cr_assert_gt(read(ends[0], text, sizeof text - 1), 0);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status));
    cr_assert_eq(WTERMSIG(status), SIGABRT);
    snprintf(expected, sizeof expected, "%s:%d: bug: not so: 1 + 1 == 3\n", __FILE__, line);
    cr_assert_str_eq(text, expected);
    close(ends[0]);
}
