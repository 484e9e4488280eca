/* The filter stays for good, so each test installs it in a process of its own, where all calls go by their numbers. */
#include "edge/syscall_filter.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apart.h"
#include "edge/journal_file.h"
#include "edge/mqtt_socket.h"
#include "scratch.h"

#if SYSCALL_FILTER_BUILT

TestSuite(syscall_filter, .init = scratch_open, .fini = scratch_close, .timeout = 60);

static void install(void)
{
    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    MUST(syscall_filter_install() == 0);
}

/* --- what is forbidden --- */

/* With arguments that, without the filter, succeed or fail with anything else than EPERM, as far as that can be. */
static void make_forbidden_calls(void)
{
    static const struct {
        const char *name;
        long number;
        long arguments[4];
    } calls[] = {
        {"execve", SYS_execve, {0}},
        {"execveat", SYS_execveat, {-1, 0, 0, 0}},
        {"ptrace", SYS_ptrace, {0}},
        {"process_vm_readv", SYS_process_vm_readv, {1, 0, 0, 0}},
        {"process_vm_writev", SYS_process_vm_writev, {1, 0, 0, 0}},
        {"personality", SYS_personality, {0xffffffff}},
        {"unshare", SYS_unshare, {0}},
        {"setns", SYS_setns, {-1, 0}},
        {"mount", SYS_mount, {0}},
        {"umount2", SYS_umount2, {0}},
        {"chroot", SYS_chroot, {0}},
        {"pivot_root", SYS_pivot_root, {0}},
        {"open_by_handle_at", SYS_open_by_handle_at, {-1, 0, 0}},
        {"bpf", SYS_bpf, {-1, 0, 0}},
        {"perf_event_open", SYS_perf_event_open, {0}},
        {"userfaultfd", SYS_userfaultfd, {-1}},
        {"io_uring_setup", SYS_io_uring_setup, {0}},
        {"keyctl", SYS_keyctl, {0}},
        {"add_key", SYS_add_key, {0}},
        {"request_key", SYS_request_key, {0}},
        {"init_module", SYS_init_module, {0}},
        {"kexec_load", SYS_kexec_load, {0}},
        {"reboot", SYS_reboot, {0}},
        {"swapon", SYS_swapon, {0}},
        {"clock_settime", SYS_clock_settime, {0}},
        {"adjtimex", SYS_adjtimex, {0}},
        {"clone", SYS_clone, {CLONE_NEWUSER | SIGCHLD, 0, 0, 0}},
        {"clone in a namespace", SYS_clone, {CLONE_NEWUSER | CLONE_NEWNET | CLONE_FS | SIGCHLD, 0, 0, 0}},
        {"ioctl TIOCSTI", SYS_ioctl, {-1, TIOCSTI, 0}},
        {"ioctl TIOCLINUX", SYS_ioctl, {-1, TIOCLINUX, 0}},
    };

    install();
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        const long *a = calls[i].arguments;
        long r = syscall(calls[i].number, a[0], a[1], a[2], a[3]);

        if (r >= 0 || errno != EPERM)
            fprintf(stderr, "%s: %ld, %s\n", calls[i].name, r, strerror(errno));
        MUST(r < 0 && errno == EPERM);
    }
}

Test(syscall_filter, what_no_daemon_needs_is_not_permitted)
{
    apart_run(make_forbidden_calls);
}

static void start_program(void)
{
    install();
    execl("/bin/false", "false", (char *)NULL); /* which would fail the test */
    MUST(errno == EPERM);
}

Test(syscall_filter, no_program_can_be_started)
{
    apart_run(start_program);
}

static void open_sockets(void)
{
    static const int refused[] = {AF_PACKET, AF_VSOCK, AF_ALG, AF_CAN, AF_BLUETOOTH, AF_TIPC};
    static const int taken[] = {AF_UNIX, AF_INET, AF_INET6};

    install();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        MUST(socket(refused[i], SOCK_RAW, 0) < 0 && errno == EAFNOSUPPORT);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        MUST(socket(taken[i], SOCK_STREAM, 0) >= 0 || errno != EAFNOSUPPORT || taken[i] == AF_INET6);
    MUST(socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
}

Test(syscall_filter, sockets_are_of_the_internet_or_of_this_machine)
{
    apart_run(open_sockets);
}

/* --- what still works --- */

static void *answer(void *ctx)
{
    return ctx;
}

static void start_thread_and_process(void)
{
    pthread_t thread;
    void *result = NULL;
    int status;
    pid_t pid;

    install();
    MUST(syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS);
    MUST(pthread_create(&thread, NULL, answer, &status) == 0);
    MUST(pthread_join(thread, &result) == 0 && result == &status);
    pid = fork();
    MUST(pid >= 0);
    if (pid == 0)
        _exit(7);
    MUST(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
}

Test(syscall_filter, threads_and_processes_start_without_clone3)
{
    apart_run(start_thread_and_process);
}

static void talk(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    struct mqtt_socket_note note;
    int listener, client, server;
    char got;

    install();
    MUST(prctl(PR_SET_DUMPABLE, 0) == 0);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    MUST(bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 1) == 0);
    MUST(getsockname(listener, (struct sockaddr *)&address, &len) == 0);
    mqtt_socket_note(&note);
    client = socket(AF_INET, SOCK_STREAM, 0);
    MUST(connect(client, (struct sockaddr *)&address, len) == 0);
    MUST(mqtt_socket_find(&note, ntohs(address.sin_port)) == client);
    server = accept(listener, NULL, NULL);
    mqtt_socket_tune(client);
    MUST(write(client, "x", 1) == 1 && read(server, &got, 1) == 1 && got == 'x');
}

Test(syscall_filter, connections_work)
{
    apart_run(talk);
}

static void resolve(void)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;

    install();
    MUST(getaddrinfo("localhost", "1883", &hints, &found) == 0 && found);
    freeaddrinfo(found);
}

Test(syscall_filter, names_are_resolved)
{
    apart_run(resolve);
}

static void write_journal(void)
{
    const char *error;
    struct journal_file *f;
    struct journal *j;

    install();
    f = journal_file_open(scratch_path("journal"), 1, true, &error);
    MUST(f);
    j = journal_file_journal(f);
    journal_put(j, JOURNAL_ANSWER, 1, bytes_of_text("one"));
    MUST(journal_commit(j) == 0);
    journal_file_touch(f, 1000);
    MUST(journal_file_touched_ms(f) == 1000);
    journal_file_close(f);
    MUST(rename(scratch_path("journal"), scratch_path("moved")) == 0);
}

Test(syscall_filter, the_journal_works)
{
    apart_run(write_journal);
}

/* --- where there is none --- */

/* As if this kernel had been built without seccomp. */
static void hide_seccomp(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_SECCOMP, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};

    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0);
}

static void install_where_there_is_none(void)
{
    hide_seccomp();
    MUST(syscall_filter_install() < 0);
    MUST(syscall(SYS_unshare, 0) == 0);
}

Test(syscall_filter, a_kernel_without_seccomp_is_told_and_nothing_is_forbidden)
{
    apart_run(install_where_there_is_none);
}

#endif
