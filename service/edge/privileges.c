#include "edge/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "edge/syscall_filter.h"

/* What syscall_filter_install said. */
static int filter_result;

static const char *failed(const char *what, const char *why)
{
    static char text[256];

    snprintf(text, sizeof text, "%s: %s", what, why);
    return text;
}

/* --- the user --- */

/* The kernel forgets with the old user at whose end this process wants to end; a supervisor counts on that. */
static const char *change_ids(const struct passwd *to)
{
    int death_signal = 0;

    prctl(PR_GET_PDEATHSIG, &death_signal);
    if (initgroups(to->pw_name, to->pw_gid) < 0 || setresgid(to->pw_gid, to->pw_gid, to->pw_gid) < 0 ||
        setresuid(to->pw_uid, to->pw_uid, to->pw_uid) < 0)
        return failed(to->pw_name, strerror(errno));
    prctl(PR_SET_PDEATHSIG, death_signal);
    return NULL;
}

static const char *become(const char *user)
{
    const struct passwd *to;

    errno = 0;
    to = getpwnam(user);
    if (!to)
        return failed(user, errno ? strerror(errno) : "there is no such user");
    if (to->pw_uid == 0)
        return failed(user, "is root");
    if (geteuid() == 0)
        return change_ids(to);
    return getuid() == to->pw_uid && geteuid() == to->pw_uid ? NULL : failed(user, "only root can become another user");
}

static bool can_get_back(void)
{
    return getuid() != 0 && (setuid(0) == 0 || seteuid(0) == 0 || (getgid() != 0 && setgid(0) == 0));
}

/* --- capabilities --- */

/* Without the right to shrink it the bounding set stays; it counts for nothing once no program may gain privileges. */
static void drop_bounding_set(void)
{
    capng_get_caps_process();
    capng_clear(CAPNG_SELECT_BOUNDS);
    capng_apply(CAPNG_SELECT_BOUNDS);
}

static bool drop_capabilities(void)
{
    capng_clear(CAPNG_SELECT_CAPS);
    if (capng_apply(CAPNG_SELECT_CAPS) < 0)
        return false;
    capng_get_caps_process();
    return capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE;
}

/* --- all of it --- */

const char *privileges_drop(const char *user, bool core_dumps)
{
    const char *error;

    umask(077);
    signal(SIGXFSZ, SIG_IGN);
    drop_bounding_set();
    error = user ? become(user) : NULL;
    if (error)
        return error;
    if (!drop_capabilities())
        return failed("capabilities", "they cannot be given up");
    if (can_get_back())
        return failed(user ? user : "root", "there is a way back to root");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return failed("no_new_privs", strerror(errno));
    prctl(PR_SET_DUMPABLE, core_dumps, 0, 0, 0); /* behind the change of users, which resets it */
    filter_result = SYSCALL_FILTER_BUILT ? syscall_filter_install() : -ENOTSUP;
    return NULL;
}

void privileges_report(void)
{
    log_write(LOG_INFO, "privileges", LOG_INT("uid", geteuid()), LOG_INT("gid", getegid()),
              LOG_TEXT("system_calls", filter_result ? "all" : "filtered"));
    if (geteuid() == 0)
        log_write(LOG_WARNING, "runs as root",
                  LOG_TEXT("better", "--user NAME, or a supervisor that changes the user"));
    if (filter_result)
        log_write(LOG_WARNING, "system calls are not filtered", LOG_TEXT("why", strerror(-filter_result)));
}
