/* What the process may do beyond its work is given up at its start: before a file is read, so that whatever the service
 * will read again (a reload, a key at a reconnect) is readable then, too, or the start fails.
 *
 * privileges_drop, first of all; privileges_report, once the log is set up. */
#ifndef EDGE_PRIVILEGES_H
#define EDGE_PRIVILEGES_H

#include <stdbool.h>

/* Becomes this user (NULL: stays who it is), with the user's groups and without a way back; gives up all capabilities
 * and whatever a program that it starts could gain; forbids system calls (edge/syscall_filter.h). New files are for
 * this user alone, and a file at its size limit is an error of the write in place of a signal. Without core_dumps
 * nobody but root can look into the memory, where passwords are, and there is no core.
 *
 * NULL, or why not, in static memory: then the process is half way, and must end. */
const char *privileges_drop(const char *user, bool core_dumps);

/* Logs who the process is, and a warning for each thing that is not as it should be. */
void privileges_report(void);

#endif
