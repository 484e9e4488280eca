/* A PostgreSQL of one's own, for a test: with the shipped schema and the small world of the examples, on a free port of
 * 127.0.0.1, in a directory of its own, gone at the latest when the test's process is. Whatever goes wrong here ends
 * the process with the server's log on stderr. Where DATABASE_TEMPLATE names a folder, the first one is kept there, and
 * the others are copies of it: whoever made the folder removes it. */
#ifndef SUPPORT_DATABASE_H
#define SUPPORT_DATABASE_H

#include <stdbool.h>

struct database;

struct database *database_start(void);
void database_stop(struct database *d); /* also deletes its directory; takes NULL */

/* For registry.conninfo: as the role outputd, with its password. */
const char *database_conninfo(const struct database *d);

/* Statements of its owner. */
void database_sql(const struct database *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
void database_run(const struct database *d, const char *path); /* a file of them */

/* How often the text is in its log. */
int database_log_count(const struct database *d, const char *text);

/* True when the service's role may do that. */
bool database_lets_service(const struct database *d, const char *sql);

void database_kill(struct database *d);    /* kill -9 */
void database_halt(struct database *d);    /* as pg_ctl stop does it: connections are ended */
void database_resume(struct database *d);  /* after either, on the same port */
void database_restart(struct database *d); /* halt and resume */

#endif
