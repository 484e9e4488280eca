/* A redis-server of one's own, for a test: on a free port of 127.0.0.1 and on a socket, in a directory of its own, dead
 * at the latest when the test's process is. Whatever goes wrong here ends the process with the server's log on
 * stderr. */
#ifndef SUPPORT_REDIS_SERVER_H
#define SUPPORT_REDIS_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct redis_server_options {
    bool log;             /* appendonly, each write on the disk before it is answered */
    const char *password; /* NULL: anybody may connect */
    const char *user;     /* a user besides the default one: what `user` is followed by in its configuration */
    const char *extra;    /* further lines of its configuration */
};

struct redis_server;

/* Started, and answering. NULL: no options. */
struct redis_server *redis_server_start(const struct redis_server_options *options);

/* Also deletes its directory. Takes NULL. */
void redis_server_stop(struct redis_server *s);

void redis_server_halt(struct redis_server *s);   /* SIGTERM */
void redis_server_kill(struct redis_server *s);   /* SIGKILL */
void redis_server_resume(struct redis_server *s); /* after one of these, on the same port */
void redis_server_freeze(struct redis_server *s); /* SIGSTOP */
void redis_server_thaw(struct redis_server *s);

/* What redis-cli prints for this command, without the last line's end. Good until the next call. */
const char *redis_server_ask(const struct redis_server *s, const char *command);

const char *redis_server_url(const struct redis_server *s);      /* redis://127.0.0.1:PORT/0 */
const char *redis_server_unix_url(const struct redis_server *s); /* unix:///PATH */
uint16_t redis_server_port(const struct redis_server *s);
const char *redis_server_directory(const struct redis_server *s);

#endif
