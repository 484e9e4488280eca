/* Each test gives something up for good, so it does so in a process of its own. */
#include "edge/privileges.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apart.h"
#include "base/log.h"
#include "edge/syscall_filter.h"
#include "scratch.h"

TestSuite(privileges, .init = scratch_open, .fini = scratch_close, .timeout = 60);

static const char user[] = "nobody";

/* Only root can become another user. */
static bool is_root(void)
{
    return geteuid() == 0;
}

static unsigned long long status_number(const char *name, int base)
{
    char line[256];
    unsigned long long number = 0;
    bool found = false;
    FILE *status = fopen("/proc/self/status", "r");

    MUST(status);
    while (!found && fgets(line, sizeof line, status)) {
        found = strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':';
        if (found)
            number = strtoull(line + strlen(name) + 1, NULL, base);
    }
    fclose(status);
    MUST(found);
    return number;
}

/* --- the user --- */

static void become_user(void)
{
    const struct passwd *entry = getpwnam(user);
    gid_t groups[64];
    uid_t r, e, s;
    gid_t rg, eg, sg;
    int count;

    MUST(entry);
    MUST(setgroups(3, (gid_t[]){0, 1, 4}) == 0);
    MUST(!privileges_drop(user, false));
    getresuid(&r, &e, &s);
    getresgid(&rg, &eg, &sg);
    MUST(r == entry->pw_uid && e == r && s == r);
    MUST(rg == entry->pw_gid && eg == rg && sg == rg);
    count = getgroups(64, groups);
    MUST(count >= 0);
    for (int i = 0; i < count; i++)
        MUST(groups[i] == entry->pw_gid);
    MUST(setuid(0) < 0 && errno == EPERM);
    MUST(setgid(0) < 0 && errno == EPERM);
    MUST(open(scratch_path("roots"), O_RDONLY) < 0 && errno == EACCES);
}

Test(privileges, the_user_is_changed_with_all_groups_and_no_way_back)
{
    if (!is_root())
        return;
    chmod(scratch_write("roots", "secret"), 0600);
    chmod(scratch_path(""), 0755);
    apart_run(become_user);
}

static void expect_error(const char *name, const char *why)
{
    const char *error = privileges_drop(name, false);

    MUST(error);
    if (!strstr(error, name) || !strstr(error, why))
        fprintf(stderr, "%s\n", error);
    MUST(strstr(error, name) && strstr(error, why));
}

static void become_nobody_there_is(void)
{
    expect_error("no-such-user", "there is no such user");
}

static void become_root(void)
{
    expect_error("root", "is root");
}

static void become_two(void)
{
    MUST(!is_root() || !privileges_drop(user, false));
    expect_error("daemon", "only root can become another user");
}

static void become_twice(void)
{
    MUST(!privileges_drop(user, false));
    MUST(!privileges_drop(user, false));
}

Test(privileges, a_user_that_is_not_there_or_is_root_is_refused)
{
    apart_run(become_nobody_there_is);
    apart_run(become_root);
}

Test(privileges, only_root_becomes_another_user)
{
    apart_run(become_two);
}

Test(privileges, a_user_may_name_itself)
{
    if (is_root())
        apart_run(become_twice);
}

static void keep_death_signal(void)
{
    int number = 0;

    MUST(prctl(PR_SET_PDEATHSIG, SIGTERM) == 0);
    MUST(!privileges_drop(user, false));
    MUST(prctl(PR_GET_PDEATHSIG, &number) == 0 && number == SIGTERM);
}

Test(privileges, the_death_of_a_supervisor_still_ends_the_process)
{
    if (is_root())
        apart_run(keep_death_signal);
}

/* --- what is left --- */

static void look_at_capabilities(const char *name, bool bounds)
{
    static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapAmb"};

    MUST(!privileges_drop(name, false));
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        MUST(status_number(sets[i], 16) == 0);
    MUST(!bounds || status_number("CapBnd", 16) == 0);
    MUST(status_number("NoNewPrivs", 10) == 1);
    MUST(status_number("Seccomp", 10) == (SYSCALL_FILTER_BUILT ? 2 : 0));
}

static void stay(void)
{
    look_at_capabilities(NULL, is_root());
}

static void change(void)
{
    look_at_capabilities(user, true);
}

Test(privileges, no_capability_is_left)
{
    apart_run(stay);
    if (is_root())
        apart_run(change);
}

static void close_memory(void)
{
    MUST(prctl(PR_SET_DUMPABLE, 1) == 0);
    MUST(!privileges_drop(is_root() ? user : NULL, false));
    MUST(prctl(PR_GET_DUMPABLE) == 0);
}

static void leave_memory_open(void)
{
    MUST(!privileges_drop(is_root() ? user : NULL, true));
    MUST(prctl(PR_GET_DUMPABLE) == 1);
}

Test(privileges, the_memory_is_closed_unless_core_dumps_are_wanted)
{
    apart_run(close_memory);
    apart_run(leave_memory_open);
}

static void make_files(void)
{
    struct stat st;
    int fd;

    umask(0);
    MUST(!privileges_drop(NULL, false));
    fd = open(scratch_path("file"), O_WRONLY | O_CREAT, 0666);
    MUST(fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0600);
    MUST(mkdir(scratch_path("folder"), 0777) == 0);
    MUST(stat(scratch_path("folder"), &st) == 0 && (st.st_mode & 07777) == 0700);
}

Test(privileges, files_are_made_for_the_user_alone)
{
    apart_run(make_files);
}

static void write_too_much(void)
{
    const struct rlimit limit = {.rlim_cur = 4, .rlim_max = 4};
    int fd = open(scratch_path("file"), O_WRONLY | O_CREAT, 0600);

    MUST(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    MUST(!privileges_drop(NULL, false));
    MUST(write(fd, "1234", 4) == 4);
    MUST(write(fd, "5", 1) < 0 && errno == EFBIG);
}

Test(privileges, a_file_at_its_limit_is_an_error_and_no_signal)
{
    apart_run(write_too_much);
}

/* --- the report --- */

static char lines[4096];

static void read_report(void)
{
    int fd = open(scratch_path("log"), O_RDWR | O_CREAT, 0600);
    ssize_t len;

    MUST(fd >= 0);
    log_set_fd(fd);
    privileges_report();
    log_flush();
    len = pread(fd, lines, sizeof lines - 1, 0);
    MUST(len > 0);
    lines[len] = '\0';
}

static bool says(const char *text)
{
    return strstr(lines, text);
}

static void report_as_started(void)
{
    MUST(!privileges_drop(NULL, false));
    read_report();
    MUST(says("warning runs as root") == is_root());
    MUST(says("warning system calls are not filtered") == !SYSCALL_FILTER_BUILT);
    MUST(says("system_calls=filtered") == SYSCALL_FILTER_BUILT);
}

static void report_as_user(void)
{
    MUST(chown(scratch_path(""), getpwnam(user)->pw_uid, (gid_t)-1) == 0);
    MUST(!privileges_drop(user, false));
    read_report();
    MUST(!says("runs as root"));
    MUST(says("privileges uid="));
}

Test(privileges, the_report_warns_of_root_and_of_a_filter_that_is_not_there)
{
    apart_run(report_as_started);
    if (is_root()) {
        unlink(scratch_path("log"));
        apart_run(report_as_user);
    }
}
