/* Who the running service is, what it may do, and who can read what it writes. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/syscall_filter.h"
#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum { TRACKER = 265489 };

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    field = field_start(broker_url(broker));
    field_online(field, TRACKER);
    desk = desk_start(broker_url(broker));
}

static void clear_stage(void)
{
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_privileges, .init = set_stage, .fini = clear_stage, .timeout = 60);

static void run_shell(const char *format)
{
    char command[256];

    snprintf(command, sizeof command, format, service->directory);
    cr_assert_eq(system(command), 0, "%s", command);
}

/* From now on the service is started with these options; its folder and all that is in it belongs to nobody. */
static void set_options(const char *options)
{
    const char *program = getenv("OUTPUTD");
    char *real = realpath(program ? program : "build/outputd", NULL);
    char script[4352];
    char path[64];

    cr_assert(real);
    snprintf(script, sizeof script, "#!/bin/sh\nexec '%s' %s \"$@\"\n", real, options);
    free(real);
    outputd_write(service, "start", script);
    snprintf(path, sizeof path, "%s/start", service->directory);
    cr_assert_eq(chmod(path, 0755), 0);
    setenv("OUTPUTD", path, 1);
    outputd_write_config(service);
    if (geteuid() == 0)
        run_shell("chown -R nobody %s");
}

static void expect_status(const char *name, const char *expected)
{
    char path[32];
    char line[256] = "";
    char *value = line;
    FILE *status;

    snprintf(path, sizeof path, "/proc/%d/status", (int)service->pid);
    status = fopen(path, "r");
    cr_assert(status);
    while (fgets(line, sizeof line, status) && (strncmp(line, name, strlen(name)) != 0 || line[strlen(name)] != ':'))
        line[0] = '\0';
    fclose(status);
    value += strcspn(line, "\t");
    cr_assert(*value, "no %s", name);
    value[strcspn(value, "\n")] = '\0';
    cr_assert_str_eq(value + 1, expected, "%s:%s", name, value);
}

static void expect_nothing_left(void)
{
    static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapAmb"};

    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        expect_status(sets[i], "0000000000000000");
    if (geteuid() == 0)
        expect_status("CapBnd", "0000000000000000");
    expect_status("NoNewPrivs", "1");
    expect_status("Seccomp", SYSCALL_FILTER_BUILT ? "2" : "0");
}

static void expect_flow(const char *correlation)
{
    desk_set(desk, correlation, TRACKER, 1, true);
    desk_expect_success(desk, correlation);
}

Test(service_privileges, nothing_is_left_of_those_it_was_started_with)
{
    outputd_start(service);
    outputd_wait_ready(service);
    expect_nothing_left();
    cr_assert_eq(outputd_log_count(service, "warning runs as root") == 1, geteuid() == 0);
    expect_flow("on");
    outputd_stop(service);
}

/* Whatever is read and opened again is within reach of the user, too. */
Test(service_privileges, as_a_user_it_serves_reloads_reconnects_and_drains)
{
    const struct passwd *nobody = getpwnam("nobody");
    char ids[128];

    if (geteuid() != 0)
        return;
    outputd_set_text(service, "audit.path", "audit.jsonl");
    set_options("--user nobody");
    outputd_start(service);
    outputd_wait_ready(service);
    expect_nothing_left();
    snprintf(ids, sizeof ids, "%1$u\t%1$u\t%1$u\t%1$u", nobody->pw_uid);
    expect_status("Uid", ids);
    snprintf(ids, sizeof ids, "%1$u\t%1$u\t%1$u\t%1$u", nobody->pw_gid);
    expect_status("Gid", ids);
    cr_assert_eq(outputd_log_count(service, "warning"), SYSCALL_FILTER_BUILT ? 0 : 1); /* that there is none */
    expect_flow("on");
    run_shell("cd %s && mv audit.jsonl audit.jsonl.1");
    outputd_signal(service, SIGHUP);
    outputd_wait_log(service, " reloaded ", 1);
    outputd_wait_log(service, "audit trail goes on in a new file", 1);
    run_shell("cd %s && test \"$(stat -c '%%U %%a' audit.jsonl)\" = 'nobody 640'");
    broker_restart(broker);
    outputd_wait_log(service, "presence read back", 2);
    field_free(field);
    desk_free(desk);
    field = field_start(broker_url(broker));
    field_online(field, TRACKER);
    desk = desk_start(broker_url(broker));
    desk_fence(desk);
    expect_flow("again");
    outputd_stop(service);
}

/* In a child that has become the service's user; nobody else is kept out. */
static bool can_look_into(pid_t pid)
{
    int status = 0;
    pid_t child = fork();
    char path[32];

    cr_assert(child >= 0);
    if (child == 0) {
        snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
        _exit(setgid(getpwnam("nobody")->pw_gid) == 0 && setuid(getpwnam("nobody")->pw_uid) == 0 &&
              open(path, O_RDONLY) >= 0);
    }
    waitpid(child, &status, 0);
    return WEXITSTATUS(status) == 1;
}

Test(service_privileges, its_user_cannot_look_into_it)
{
    if (geteuid() != 0)
        return;
    set_options("--user nobody");
    outputd_start(service);
    outputd_wait_ready(service);
    cr_assert_not(can_look_into(service->pid));
}

Test(service_privileges, unless_core_dumps_are_wanted)
{
    if (geteuid() != 0)
        return;
    set_options("--user nobody --core-dumps");
    outputd_start(service);
    outputd_wait_ready(service);
    cr_assert(can_look_into(service->pid));
}

static void expect_start_fails(const char *why)
{
    cr_assert_eq(outputd_wait_end(service), 1);
    cr_assert_eq(outputd_log_count(service, why), 1, "%s: see %s/log", why, service->directory);
}

Test(service_privileges, a_user_that_is_not_there_ends_the_start)
{
    set_options("--user no-such-user");
    outputd_start(service);
    expect_start_fails("outputd: no-such-user: there is no such user");
}

/* Nothing is given to the user: whose journal it is, is for people to say. */
Test(service_privileges, a_journal_of_another_user_ends_the_start)
{
    if (geteuid() != 0)
        return;
    set_options("--user nobody");
    run_shell("mkdir -m 700 %s/journal");
    outputd_start(service);
    expect_start_fails("/journal/outputd.lock: cannot open: Permission denied");
    run_shell("test $(stat -c %%u %s/journal) = 0");
}

Test(service_privileges, so_does_one_that_the_user_cannot_make)
{
    if (geteuid() != 0)
        return;
    set_options("--user nobody");
    run_shell("d=%s; chown root $d && chmod 755 $d");
    outputd_start(service);
    expect_start_fails("/journal: cannot make the folder: Permission denied");
}

/* --- files --- */

static int files_seen;

static int expect_for_the_user_alone(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)at;
    cr_expect_eq(st->st_mode & 07777, type == FTW_D ? 0700u : 0600u, "%s: %o", path, st->st_mode & 07777);
    files_seen++;
    return 0;
}

/* All that it makes is in the journal's folder. */
Test(service_privileges, what_it_writes_is_for_its_user_alone)
{
    char path[64];
    mode_t before = umask(0);

    outputd_start(service);
    umask(before);
    outputd_wait_ready(service);
    expect_flow("on");
    snprintf(path, sizeof path, "%s/journal", service->directory);
    cr_assert_eq(nftw(path, expect_for_the_user_alone, 8, FTW_PHYS), 0);
    cr_assert_eq(files_seen, 3, "%d: the folder, the data, the lock", files_seen);
}

Test(service_privileges, a_password_that_everybody_can_read_is_warned_of)
{
    char path[64];

    outputd_set_text(service, "broker.password", "sesame");
    outputd_write_config(service);
    snprintf(path, sizeof path, "%s/outputd.cfg", service->directory);
    cr_assert_eq(chmod(path, 0644), 0);
    outputd_start(service);
    outputd_wait_log(service, "everybody can read a password or a private key", 1);
    cr_assert_eq(outputd_log_count(service, "outputd.cfg holds=broker.password"), 1);
    outputd_stop(service);
    cr_assert_eq(chmod(path, 0600), 0);
    outputd_start(service);
    outputd_wait_ready(service);
    outputd_stop(service);
    cr_assert_eq(outputd_log_count(service, "everybody can read"), 1);
    cr_assert_eq(outputd_log_count(service, "sesame"), 0);
}

/* --- a limit of file sizes --- */

static void limit_files(pid_t pid, rlim_t size)
{
    const struct rlimit limit = {.rlim_cur = size, .rlim_max = RLIM_INFINITY};

    cr_assert_eq(prlimit(pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

static bool succeeds(void)
{
    const struct probe_message *reply;
    static int number;
    char correlation[32];
    json_t *got;
    bool yes;

    snprintf(correlation, sizeof correlation, "again %d", number++);
    desk_set(desk, correlation, TRACKER, 1, true);
    reply = desk_wait(desk, correlation);
    got = value_decode(bytes_of(reply->payload, reply->payload_len), false);
    yes = json_is_true(json_object_get(got, "success"));
    json_decref(got);
    return yes;
}

/* The log counts as well, and stays below it. */
Test(service_privileges, at_a_limit_of_file_sizes_requests_get_8_and_the_service_goes_on)
{
    enum { LIMIT = 512 };

    outputd_set_text(service, "log.level", "error");
    outputd_start(service);
    outputd_wait_ready(service);
    expect_flow("before");
    limit_files(service->pid, LIMIT);
    desk_set(desk, "refused", TRACKER, 1, false);
    desk_expect_error(desk, "refused", 8, "not_sent");
    outputd_wait_log(service, "the journal cannot be written", 1);
    limit_files(service->pid, RLIM_INFINITY);
    cr_assert(PUMP_UNTIL(succeeds()));
    outputd_stop(service);
}

Test(service_privileges, a_journal_beyond_the_limit_of_file_sizes_ends_the_start)
{
    limit_files(0, 65536);
    outputd_start(service);
    limit_files(0, RLIM_INFINITY);
    expect_start_fails("cannot take the disk space of journal.size_mb: File too large");
}
