#include "support/preload.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* It lies beside the tests of the same build. */
static void find_library(const char *name, char *out, size_t size)
{
    const char *program = getenv("OUTPUTD");
    const char *slash;

    program = program ? program : "build/outputd";
    slash = strrchr(program, '/');
    cr_assert(slash, "OUTPUTD is no path");
    snprintf(out, size, "%.*s/tests/%s.so", (int)(slash - program), program, name);
    cr_assert_eq(access(out, R_OK), 0, "%s is not there", out);
}

void preload_start(struct outputd *o, const char *name, const char *variable, const char *file)
{
    const char *asan = getenv("ASAN_OPTIONS");
    char *asan_before = asan ? strdup(asan) : NULL;
    char text[4096];

    snprintf(text, sizeof text, "%s:verify_asan_link_order=0", asan ? asan : ""); /* it wants to be the first */
    setenv("ASAN_OPTIONS", text, 1);
    find_library(name, text, sizeof text);
    setenv("LD_PRELOAD", text, 1);
    snprintf(text, sizeof text, "%s/%s", o->directory, file);
    setenv(variable, text, 1);
    outputd_start(o);
    unsetenv("LD_PRELOAD");
    unsetenv(variable);
    if (asan_before)
        setenv("ASAN_OPTIONS", asan_before, 1);
    else
        unsetenv("ASAN_OPTIONS");
    free(asan_before);
}
