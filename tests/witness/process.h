/* The programs of a run: started with their output in a file or a pipe, dead at the latest when this program is. */
#ifndef WITNESS_PROCESS_H
#define WITNESS_PROCESS_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* stdout and stderr go to fd (it stays the caller's). SIGXFSZ is ignored, so that a file too large is an error that the
 * program sees. */
pid_t process_start(char *const argv[], int fd);

/* SIGKILL, and waits for its end. */
void process_kill(pid_t pid);

/* A file to append to. */
int process_open_log(const char *folder, const char *name);

/* A file to write anew. */
FILE *process_open_file(const char *folder, const char *name);

/* A command with %s, the folder, once or twice. It has to succeed. */
void process_run_shell(const char *format, const char *folder);

/* A port of 127.0.0.1 that nobody uses. */
uint16_t process_free_port(void);

#endif
