#include "edge/syscall_filter.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Why this is no list of what is allowed: name resolution, TLS and the C library choose their calls by themselves, and
 * each release of them may choose others, on ways that are seldom taken, such as a reconnect. A call missing in such a
 * list would stop the switching of relays; one missing here leaves a little more of the kernel within reach. */
static const int forbidden[] = {
    /* Other programs, and other processes. */
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(uselib),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(kcmp),
    SCMP_SYS(personality),

    /* File systems. */
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(umount),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(fspick),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(name_to_handle_at),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(quotactl),
    SCMP_SYS(quotactl_fd),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(fanotify_init),

    /* Namespaces. clone is below. */
    SCMP_SYS(setns),
    SCMP_SYS(unshare),

    /* The kernel itself. */
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(create_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(syslog),
    SCMP_SYS(acct),
    SCMP_SYS(vhangup),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(modify_ldt),
    SCMP_SYS(lookup_dcookie),
    SCMP_SYS(nfsservctl),
    SCMP_SYS(_sysctl),

    /* Doors through which kernels have been broken most often. */
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(move_pages),
    SCMP_SYS(migrate_pages),

    /* The machine's clock and name. */
    SCMP_SYS(clock_settime),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(settimeofday),
    SCMP_SYS(stime),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
};

static int forbid_calls(scmp_filter_ctx filter)
{
    int r = 0;

    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden && r == 0; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), forbidden[i], 0);
    return r;
}

/* A user namespace of its own makes anybody root of it. The filter cannot see the flags of clone3; where that seems not
 * to be there, the C library takes clone. */
static int forbid_user_namespaces(scmp_filter_ctx filter)
{
    int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER));

    return r ? r : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

/* Typing into the terminal that the service was started from, with the rights of who sits there. */
static int forbid_typing(scmp_filter_ctx filter)
{
    static const unsigned requests[] = {TIOCSTI, TIOCLINUX};
    int r = 0;

    for (size_t i = 0; i < sizeof requests / sizeof *requests && r == 0; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, requests[i]));
    return r;
}

/* Netlink is how name resolution asks for the machine's addresses, Unix how it asks other services. */
static int forbid_socket_families(scmp_filter_ctx filter)
{
    int r = 0;

    for (unsigned family = 0; family < AF_MAX && r == 0; family++) {
        if (family != AF_UNIX && family != AF_INET && family != AF_INET6 && family != AF_NETLINK)
            r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                                 SCMP_A0(SCMP_CMP_EQ, family, 0));
    }
    return r;
}

int syscall_filter_install(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int r;

    if (!filter)
        return -ENOMEM;
    r = seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1); /* the kernel's own errno, please */
    if (r == 0)
        r = forbid_calls(filter);
    if (r == 0)
        r = forbid_user_namespaces(filter);
    if (r == 0)
        r = forbid_typing(filter);
    if (r == 0)
        r = forbid_socket_families(filter);
    if (r == 0)
        r = seccomp_load(filter);
    seccomp_release(filter);
    return r;
}
