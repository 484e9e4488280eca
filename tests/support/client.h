/* build/outputctl (or the program that OUTPUTCTL names) as a process, for tests: dead at the latest when the test's
 * process is. Its output is read in the turns of support/pump.h, so that a test can answer it meanwhile. */
#ifndef SUPPORT_CLIENT_H
#define SUPPORT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { CLIENT_OUTPUT_MAX = 1 << 18, CLIENT_LINES = 24, CLIENT_COLUMNS = 100 };

struct client_stream {
    int fd; /* -1: at its end */
    size_t len;
    char text[CLIENT_OUTPUT_MAX + 1];
};

struct client {
    pid_t pid;
    int input; /* its stdin; -1 on a terminal */
    int status;
    bool has_ended;
    struct client_stream out; /* on a terminal all that it shows */
    struct client_stream err;
};

/* The arguments are separated by single spaces. The environment is the test's own, without a hash unless the test sets
 * one. */
struct client *client_start(const char *arguments);

/* With a terminal of its own for stdin, stdout and stderr. */
struct client *client_start_on_terminal(const char *arguments);

/* Kills it where it still runs. Takes NULL. */
void client_free(struct client *c);

/* What it reads as its whole input. */
void client_say(struct client *c, const char *input);

/* Until this text is in its output or among its complaints; ends the test when that takes too long. */
void client_expect(struct client *c, const char *text);
void client_expect_complaint(struct client *c, const char *text);

/* Waits for its end: the exit status, or minus the signal that ended it. */
int client_wait(struct client *c);

/* client_start and client_wait; stdin is empty. */
struct client *client_run(const char *arguments);

#endif
