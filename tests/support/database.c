#include "support/database.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/broker.h"
#include "support/lines.h"

struct database {
    pid_t pid; /* 0: not running */
    int port;
    char directory[64];
    char programs[128];       /* the folder of the server's programs */
    char conninfo[128];       /* of the service's role */
    char owner_conninfo[128]; /* through the socket in its directory */
};

static _Noreturn void give_up(const struct database *d, const char *what)
{
    char path[96];

    fprintf(stderr, "database: %s: %s\n", what, strerror(errno));
    snprintf(path, sizeof path, "%s/log", d->directory);
    FILE *log = fopen(path, "r");
    for (int c; log && (c = getc(log)) != EOF;)
        putc(c, stderr);
    abort();
}

/* --- processes --- */

/* The server refuses to run as root: then it is the user that its package has made. */
static const struct passwd *owner(void)
{
    return geteuid() == 0 ? getpwnam("postgres") : NULL;
}

/* In the child, which ends when its parent does. */
static void become_owner(pid_t parent, int death_signal)
{
    const struct passwd *to = owner();

    if (to && (setgid(to->pw_gid) < 0 || setuid(to->pw_uid) < 0))
        _exit(125);
    prctl(PR_SET_PDEATHSIG, death_signal);
    if (getppid() != parent)
        _exit(126);
}

static void redirect(const struct database *d)
{
    char path[96];
    int log;

    snprintf(path, sizeof path, "%s/log", d->directory);
    log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (log < 0)
        _exit(124);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    closefrom(STDERR_FILENO + 1);
}

static bool run(const struct database *d, const char *const *arguments)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        become_owner(parent, SIGKILL);
        redirect(d);
        execvp(arguments[0], (char *const *)arguments);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void find_programs(struct database *d)
{
    glob_t found;

    if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) != 0)
        give_up(d, "there is no server in /usr/lib/postgresql");
    snprintf(d->programs, sizeof d->programs, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
}

static void make_cluster(const struct database *d)
{
    char program[160];
    char data[96];
    char hba[128];
    FILE *file;

    snprintf(program, sizeof program, "%s/initdb", d->programs);
    snprintf(data, sizeof data, "%s/data", d->directory);
    const char *const arguments[] = {program,     "-D", data,   "-A",         "trust",           "-U", "postgres",
                                     "--no-sync", "-E", "UTF8", "--locale=C", "--wal-segsize=1", NULL};
    if (!run(d, arguments))
        give_up(d, "initdb");
    snprintf(hba, sizeof hba, "%s/pg_hba.conf", data);
    file = fopen(hba, "w");
    if (!file)
        give_up(d, hba);
    fputs("local all postgres trust\nhost all outputd 127.0.0.1/32 scram-sha-256\n", file);
    fclose(file);
}

/* --- the server --- */

/* The signal makes it end at once, and leave nothing behind. */
static _Noreturn void become_server(const struct database *d, pid_t parent)
{
    char program[160];
    char data[96];
    char port[16];

    become_owner(parent, SIGQUIT);
    redirect(d);
    snprintf(program, sizeof program, "%s/postgres", d->programs);
    snprintf(data, sizeof data, "%s/data", d->directory);
    snprintf(port, sizeof port, "%d", d->port);
    execl(program, program, "-D", data, "-k", d->directory, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c",
          "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_wal_size=256MB", (char *)NULL);
    _exit(127);
}

static bool has_ended(struct database *d)
{
    int status;

    if (waitpid(d->pid, &status, WNOHANG) != d->pid)
        return false;
    d->pid = 0;
    return true;
}

/* The server's own: the one in the path is a script of the package, which takes as long again to find it. */
static bool psql(const struct database *d, const char *conninfo, const char *option, const char *what)
{
    char program[160];

    snprintf(program, sizeof program, "%s/psql", d->programs);
    const char *const arguments[] = {program, "-d", conninfo, "-qv", "ON_ERROR_STOP=1", option, what, NULL};
    return run(d, arguments);
}

static bool answers(const struct database *d)
{
    return psql(d, d->owner_conninfo, "-c", "SELECT 1");
}

static void launch(struct database *d)
{
    pid_t parent = getpid();

    d->pid = fork();
    if (d->pid < 0)
        give_up(d, "fork");
    if (d->pid == 0)
        become_server(d, parent);
}

/* One that was killed leaves processes that have not noticed yet: until they have, the next one ends at once. */
void database_resume(struct database *d)
{
    enum { TRIES = 600, PAUSE_NS = 50000000 };

    for (int i = 0; i < TRIES; i++) {
        if (d->pid == 0)
            launch(d);
        else if (answers(d))
            return;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
        (void)has_ended(d);
    }
    give_up(d, "it does not answer");
}

static void end(struct database *d, int number)
{
    if (d->pid == 0)
        return;
    kill(d->pid, number);
    waitpid(d->pid, NULL, 0);
    d->pid = 0;
}

void database_kill(struct database *d)
{
    end(d, SIGKILL);
}

void database_halt(struct database *d)
{
    end(d, SIGINT);
}

void database_restart(struct database *d)
{
    database_halt(d);
    database_resume(d);
}

/* --- what is in it --- */

void database_sql(const struct database *d, const char *format, ...)
{
    char sql[4096];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    if (!psql(d, d->owner_conninfo, "-c", sql))
        give_up(d, sql);
}

/* Its owner may not see where the file is. */
void database_run(const struct database *d, const char *path)
{
    char command[256];
    char copy[96];

    snprintf(copy, sizeof copy, "%s/run.sql", d->directory);
    snprintf(command, sizeof command, "cp %s %s && chmod 644 %s", path, copy, copy);
    if (system(command) != 0 || !psql(d, d->owner_conninfo, "-f", copy))
        give_up(d, path);
}

bool database_lets_service(const struct database *d, const char *sql)
{
    return psql(d, d->conninfo, "-c", sql);
}

int database_log_count(const struct database *d, const char *text)
{
    char path[96];

    snprintf(path, sizeof path, "%s/log", d->directory);
    return lines_with(path, text);
}

const char *database_conninfo(const struct database *d)
{
    return d->conninfo;
}

/* --- life --- */

static void make_directory(struct database *d)
{
    const struct passwd *to = owner();

    snprintf(d->directory, sizeof d->directory, "/tmp/database-XXXXXX");
    if (!mkdtemp(d->directory))
        give_up(d, "a directory");
    if (to && chown(d->directory, to->pw_uid, to->pw_gid) < 0)
        give_up(d, d->directory);
}

static void run_shell(const struct database *d, const char *format, const char *from, const char *to)
{
    char command[1024];

    snprintf(command, sizeof command, format, from, to);
    if (system(command) != 0)
        give_up(d, command);
}

/* Its server runs. */
static void make_filled_cluster(struct database *d)
{
    make_cluster(d);
    database_resume(d);
    database_run(d, "conf/schema.sql");
    database_run(d, "conf/demo.sql");
    database_sql(d, "ALTER ROLE outputd PASSWORD 'a-secret-word'");
}

/* Who comes first makes it, while the others wait. Nobody ever sees half of it. */
static void need_template(struct database *d, const char *folder, const char *template)
{
    char path[400];
    char data[96];
    int lock;

    snprintf(path, sizeof path, "%s/lock", folder);
    lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0 || flock(lock, LOCK_EX) < 0)
        give_up(d, path);
    if (access(template, F_OK) < 0) {
        make_filled_cluster(d);
        database_halt(d);
        snprintf(data, sizeof data, "%s/data", d->directory);
        snprintf(path, sizeof path, "%s/data-%d", folder, (int)getpid());
        run_shell(d, "mv '%s' '%s'", data, path);
        if (rename(path, template) < 0)
            give_up(d, template);
    }
    close(lock);
}

static void copy_cluster(struct database *d, const char *folder)
{
    char template[400];

    snprintf(template, sizeof template, "%s/data", folder);
    need_template(d, folder, template);
    run_shell(d, "cp -a '%s' '%s/data'", template, d->directory);
}

struct database *database_start(void)
{
    const char *folder = getenv("DATABASE_TEMPLATE");
    struct database *d = calloc(1, sizeof *d);

    if (!d)
        abort();
    make_directory(d);
    find_programs(d);
    d->port = broker_free_port();
    snprintf(d->conninfo, sizeof d->conninfo,
             "host=127.0.0.1 port=%d dbname=postgres user=outputd password=a-secret-word", d->port);
    snprintf(d->owner_conninfo, sizeof d->owner_conninfo, "host=%s port=%d dbname=postgres user=postgres", d->directory,
             d->port);
    if (folder)
        copy_cluster(d, folder);
    else
        make_filled_cluster(d);
    database_resume(d);
    return d;
}

void database_stop(struct database *d)
{
    char command[96];

    if (!d)
        return;
    end(d, SIGQUIT);
    snprintf(command, sizeof command, "rm -r %s", d->directory);
    if (system(command) != 0)
        give_up(d, command);
    free(d);
}
