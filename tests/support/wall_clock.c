#include "support/wall_clock.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* It lies beside the tests of the same build. */
static void find_library(char *out, size_t size)
{
    const char *program = getenv("OUTPUTD");
    const char *slash;

    program = program ? program : "build/outputd";
    slash = strrchr(program, '/');
    cr_assert(slash, "OUTPUTD is no path");
    snprintf(out, size, "%.*s/tests/clock_shift.so", (int)(slash - program), program);
    cr_assert_eq(access(out, R_OK), 0, "%s is not there", out);
}

void wall_clock_start(struct outputd *o)
{
    const char *asan = getenv("ASAN_OPTIONS");
    char *asan_before = asan ? strdup(asan) : NULL;
    char text[4096];

    snprintf(text, sizeof text, "%s:verify_asan_link_order=0", asan ? asan : ""); /* it wants to be the first */
    setenv("ASAN_OPTIONS", text, 1);
    find_library(text, sizeof text);
    setenv("LD_PRELOAD", text, 1);
    snprintf(text, sizeof text, "%s/clock_shift", o->directory);
    setenv("CLOCK_SHIFT", text, 1);
    outputd_start(o);
    unsetenv("LD_PRELOAD");
    unsetenv("CLOCK_SHIFT");
    if (asan_before)
        setenv("ASAN_OPTIONS", asan_before, 1);
    else
        unsetenv("ASAN_OPTIONS");
    free(asan_before);
}

void wall_clock_set(const struct outputd *o, int ahead_s)
{
    char text[16];

    snprintf(text, sizeof text, "%d", ahead_s);
    outputd_write(o, "clock_shift", text);
}
