#include "edge/supervisor.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "scratch.h"

static int ear; /* the supervisor's socket */
static char heard[2048];

static void listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));

    memcpy(address.sun_path, path, strlen(path));
    if (*path == '@')
        address.sun_path[0] = '\0';
    ear = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(ear, (const struct sockaddr *)&address, len), 0);
    setenv("NOTIFY_SOCKET", path, 1);
}

static void set_stage(void)
{
    scratch_open();
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    listen_at(scratch_path("notify"));
}

static void clear_stage(void)
{
    close(ear);
    scratch_close();
}

TestSuite(supervisor, .init = set_stage, .fini = clear_stage, .timeout = 30);

/* The next message, "" when there is none. */
static const char *hear(void)
{
    ssize_t len = recv(ear, heard, sizeof heard - 1, 0);

    heard[len > 0 ? len : 0] = '\0';
    return heard;
}

static struct supervisor opened(void)
{
    struct supervisor v;

    cr_assert_eq(supervisor_open(&v), 0);
    return v;
}

/* --- whom --- */

Test(supervisor, without_an_address_nobody_is_told)
{
    struct supervisor v;

    unsetenv("NOTIFY_SOCKET");
    setenv("WATCHDOG_USEC", "1000000", 1);
    v = opened();
    cr_assert_eq(supervisor_tell(&v, SUPERVISOR_READY, 0), 0);
    cr_assert_eq(supervisor_wait_ms(&v, 1000, 700), 700);
    supervisor_close(&v);
    cr_assert_str_eq(hear(), "");
}

Test(supervisor, an_address_may_stand_in_no_file_system)
{
    char name[64];
    struct supervisor v;

    close(ear);
    snprintf(name, sizeof name, "@outputd-test-%d", (int)getpid());
    listen_at(name);
    v = opened();
    cr_assert_eq(supervisor_tell(&v, SUPERVISOR_READY, 0), 0);
    cr_assert_str_eq(hear(), "READY=1");
    supervisor_close(&v);
}

Test(supervisor, an_address_of_another_form_is_refused)
{
    const char *const forms[] = {"notify", "/", "@", "vsock:2:1234", NULL};
    char long_path[200];
    struct supervisor v;

    for (size_t i = 0; forms[i]; i++) {
        setenv("NOTIFY_SOCKET", forms[i], 1);
        cr_assert_eq(supervisor_open(&v), -EINVAL, "%s", forms[i]);
        cr_assert_eq(supervisor_tell(&v, SUPERVISOR_READY, 0), 0);
    }
    memset(long_path, '/', sizeof long_path);
    long_path[sizeof v.address.sun_path] = '\0';
    setenv("NOTIFY_SOCKET", long_path, 1);
    cr_assert_eq(supervisor_open(&v), -EINVAL);
    supervisor_close(&v);
}

Test(supervisor, one_that_does_not_listen_any_more_is_an_error)
{
    struct supervisor v = opened();

    close(ear);
    cr_assert_eq(supervisor_tell(&v, SUPERVISOR_READY, 0), -ECONNREFUSED);
    supervisor_close(&v);
}

/* The loop must not wait for it. */
Test(supervisor, one_that_does_not_read_is_an_error)
{
    enum { MANY = 100000 };
    struct supervisor v = opened();
    int r = 0;

    for (int i = 0; i < MANY && r == 0; i++)
        r = supervisor_tell_status(&v, "all is well");
    cr_assert_eq(r, -EAGAIN);
    supervisor_close(&v);
}

/* --- what --- */

Test(supervisor, states_are_told_in_its_words)
{
    struct supervisor v = opened();
    unsigned long long before_us = clock_mono_us();
    unsigned long long at_us = 0;

    cr_assert_eq(supervisor_tell(&v, SUPERVISOR_STARTING, 0), 0);
    cr_assert_str_eq(hear(), "");
    supervisor_tell(&v, SUPERVISOR_READY, 0);
    cr_assert_str_eq(hear(), "READY=1");
    supervisor_tell(&v, SUPERVISOR_RELOADING, 0);
    cr_assert_eq(sscanf(hear(), "RELOADING=1\nMONOTONIC_USEC=%llu", &at_us), 1, "%s", heard);
    cr_assert_geq(at_us, before_us);
    cr_assert_leq(at_us, clock_mono_us());
    supervisor_tell(&v, SUPERVISOR_STOPPING, 7000);
    cr_assert_str_eq(hear(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=7000000");
    supervisor_close(&v);
}

Test(supervisor, a_status_is_one_line_whatever_is_in_it)
{
    struct supervisor v = opened();
    char text[1000];

    supervisor_tell_status(&v, "refused: \"no\nMAINPID=1\r\x7f\"");
    cr_assert_str_eq(hear(), "STATUS=refused: \"no MAINPID=1  \"");
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    cr_assert_eq(supervisor_tell_status(&v, text), 0);
    cr_assert_gt(strlen(hear()), 200);
    supervisor_close(&v);
}

/* --- the watchdog --- */

Test(supervisor, the_watchdog_hears_of_it_at_half_of_its_time)
{
    struct supervisor v;

    setenv("WATCHDOG_USEC", "4000000", 1);
    v = opened();
    supervisor_alive(&v, 1000);
    cr_assert_str_eq(hear(), "WATCHDOG=1");
    cr_assert_eq(supervisor_wait_ms(&v, 1000, 5000), 2000);
    cr_assert_eq(supervisor_wait_ms(&v, 1000, 700), 700);
    supervisor_alive(&v, 2999);
    cr_assert_str_eq(hear(), "");
    cr_assert_eq(supervisor_wait_ms(&v, 2999, 5000), 1);
    supervisor_alive(&v, 3000);
    cr_assert_str_eq(hear(), "WATCHDOG=1");
    cr_assert_eq(supervisor_wait_ms(&v, 9000, 5000), 0);
    supervisor_close(&v);
}

/* It is tried again, but not all the time. */
Test(supervisor, a_watchdog_that_could_not_be_told_is_told_again)
{
    struct supervisor v;
    int wait_ms;

    setenv("WATCHDOG_USEC", "4000000", 1);
    v = opened();
    while (supervisor_tell_status(&v, "fill") == 0)
        ;
    supervisor_alive(&v, 1000);
    wait_ms = supervisor_wait_ms(&v, 1000, 5000);
    cr_assert(wait_ms > 0 && wait_ms < 2000, "%d", wait_ms);
    while (*hear())
        ;
    supervisor_alive(&v, 1000 + (uint64_t)wait_ms);
    cr_assert_str_eq(hear(), "WATCHDOG=1");
    supervisor_close(&v);
}

Test(supervisor, a_watchdog_waits_for_the_longest_turn)
{
    struct supervisor v;

    setenv("WATCHDOG_USEC", "4000000", 1);
    v = opened();
    supervisor_allow_ms(&v, 1000);
    cr_assert_eq(v.watchdog_ms, 4000);
    supervisor_allow_ms(&v, 30000);
    supervisor_tell(&v, SUPERVISOR_READY, 0);
    cr_assert_str_eq(hear(), "READY=1\nWATCHDOG_USEC=60000000\nWATCHDOG=1");
    supervisor_close(&v);
}

Test(supervisor, where_there_is_no_watchdog_there_is_none_later)
{
    struct supervisor v = opened();

    supervisor_allow_ms(&v, 30000);
    supervisor_alive(&v, 100000);
    cr_assert_str_eq(hear(), "");
    supervisor_close(&v);
}

Test(supervisor, a_watchdog_of_another_process_is_not_this_ones)
{
    char pid[16];
    struct supervisor v;

    setenv("WATCHDOG_USEC", "4000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    v = opened();
    cr_assert_eq(v.watchdog_ms, 0);
    supervisor_close(&v);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    v = opened();
    cr_assert_eq(v.watchdog_ms, 4000);
    supervisor_close(&v);
}

Test(supervisor, a_watchdog_time_that_is_no_number_is_none)
{
    const char *const texts[] = {"", "-1", "1s", "99999999999999999999", " 5000000"};
    struct supervisor v;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        setenv("WATCHDOG_USEC", texts[i], 1);
        v = opened();
        cr_assert_eq(v.watchdog_ms, 0, "%s", texts[i]);
        supervisor_close(&v);
    }
}
