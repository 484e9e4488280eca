/* Starts a program under the restrictions that a unit of systemd would put on it, as far as they are the kernel's
 * filter of system calls, where there is no systemd to do it:
 *
 *     under_unit USER CALLS FAMILIES PROGRAM [ARGUMENT]…
 *
 * CALLS is a file with the names of all system calls that are allowed, the others fail with EPERM; FAMILIES are the
 * allowed address families, as in "AF_UNIX AF_INET". Memory cannot be writable and executable. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "under_unit: %s: %s\n", what, strerror(errno));
    exit(126);
}

static void become(const char *name)
{
    const struct passwd *user = getpwnam(name);

    if (!user)
        give_up(name);
    if (geteuid() == 0 && (initgroups(name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0))
        give_up(name);
}

static void must(int r, const char *what)
{
    errno = -r;
    if (r < 0)
        give_up(what);
}

static void allow_families(scmp_filter_ctx filter, const char *list)
{
    static const struct {
        const char *name;
        unsigned family;
    } known[] = {{"AF_UNIX", AF_UNIX}, {"AF_INET", AF_INET}, {"AF_INET6", AF_INET6}, {"AF_NETLINK", AF_NETLINK}};
    char names[256];

    snprintf(names, sizeof names, "%s", list);
    for (char *name = strtok(names, " "); name; name = strtok(NULL, " ")) {
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            if (strcmp(name, known[i].name) == 0)
                must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                      SCMP_A0(SCMP_CMP_EQ, known[i].family, 0)),
                     name);
        }
    }
}

/* What MemoryDenyWriteExecute= does: neither memory that is both, nor memory that becomes executable later. */
static void allow_memory(scmp_filter_ctx filter)
{
    const unsigned both = PROT_WRITE | PROT_EXEC;
    const unsigned maps[] = {0, PROT_WRITE, PROT_EXEC};

    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, both, maps[i])),
             "mmap");
    must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)),
         "mprotect");
}

static bool has_a_rule_of_its_own(int call)
{
    return call == SCMP_SYS(socket) || call == SCMP_SYS(mmap) || call == SCMP_SYS(mprotect);
}

static void allow_calls(scmp_filter_ctx filter, const char *path)
{
    FILE *calls = fopen(path, "r");
    char name[64];

    if (!calls)
        give_up(path);
    while (fscanf(calls, "%63s", name) == 1) {
        int call = seccomp_syscall_resolve_name(name);

        if (call != __NR_SCMP_ERROR && !has_a_rule_of_its_own(call))
            must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0), name);
    }
    fclose(calls);
}

int main(int argc, char **argv)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));

    if (argc < 5 || !filter)
        give_up("what is to be started?");
    become(argv[1]);
    allow_calls(filter, argv[2]);
    allow_families(filter, argv[3]);
    allow_memory(filter);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    must(seccomp_load(filter), "seccomp");
    seccomp_release(filter);
    execv(argv[4], argv + 4);
    give_up(argv[4]);
}
