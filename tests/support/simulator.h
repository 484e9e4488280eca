/* build/trackersim (or the program that TRACKERSIM names) as a process, for tests: dead at the latest when the test's
 * process is. Where something is not as expected, the process ends with what the simulator printed on stderr. */
#ifndef SUPPORT_SIMULATOR_H
#define SUPPORT_SIMULATOR_H

#include <stdbool.h>
#include <sys/types.h>

#include "support/mqtt_probe.h"

enum { SIMULATOR_OUTPUT_MAX = 1 << 18 };

struct simulator {
    pid_t pid;
    int fd;
    size_t len;
    char output[SIMULATOR_OUTPUT_MAX + 1]; /* its stdout and stderr, as far as they were read */
    struct simulator *next;                /* of all that were started */
};

/* The arguments are separated by single spaces; the broker's URL goes by the environment. */
struct simulator *simulator_start(const char *broker_url, const char *arguments);

/* Started, connected and subscribed, its presence taken by the broker. */
struct simulator *simulator_ready(const char *broker_url, const char *arguments);

/* Reads on until this text is in the output, for ten seconds at most. */
void simulator_expect(struct simulator *s, const char *text);

/* Waits for its end and reads the rest of its output. Its exit status. */
int simulator_exit_status(struct simulator *s);

/* SIGTERM; the exit status must be 0. The output can still be read. */
void simulator_stop(struct simulator *s);

void simulator_free(struct simulator *s);

/* A command as the service publishes it, QoS 1, without properties; waits where the broker's receive maximum says so.
 */
void simulator_command(struct probe *p, int tracker_id, struct bytes payload);
void simulator_publish(struct probe *p, const struct mqtt_publish *publish);

#endif
