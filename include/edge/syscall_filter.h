/* A filter of system calls (seccomp) that forbids what a network daemon never does: start programs, trace, mount, load
 * modules, change the clock or namespaces, and so on. All others stay allowed: an attacker who gets into the process
 * finds no shell and little of the kernel, and a new version of a library that makes other calls still works. */
#ifndef EDGE_SYSCALL_FILTER_H
#define EDGE_SYSCALL_FILTER_H

/* 0 in builds for sanitizers: they trace their own process and run a program to name the lines of a report. */
#if defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SYSCALL_FILTER_BUILT 0
#endif
#elif defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SYSCALL_FILTER_BUILT 0
#endif
#ifndef SYSCALL_FILTER_BUILT
#define SYSCALL_FILTER_BUILT 1
#endif

/* For this thread and all that it starts, for good. What is forbidden fails with EPERM. 0 or a negative errno, such as
 * -EINVAL from a kernel without seccomp: then nothing is forbidden. */
int syscall_filter_install(void);

#endif
