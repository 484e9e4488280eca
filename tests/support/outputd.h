/* build/outputd (or the program that OUTPUTD names) as a process, for tests: in a folder of its own with its
 * configuration, registry, profiles, journal and log, dead at the latest when the test's process is.
 *
 * outputd_new, settings, outputd_start, outputd_wait_ready. Started again after its end it finds its journal. */
#ifndef SUPPORT_OUTPUTD_H
#define SUPPORT_OUTPUTD_H

#include <sys/types.h>

#include "support/mqtt_probe.h"

enum { OUTPUTD_SETTINGS_MAX = 40 };

struct outputd_setting {
    char key[48];
    char value[256];
};

struct outputd {
    pid_t pid; /* 0: not running */
    char directory[32];
    const char *prefix; /* of the topics, for outputd_wait_ready */
    struct outputd_setting settings[OUTPUTD_SETTINGS_MAX];
    int setting_count;
    struct probe *asker; /* who asks whether it is ready; its options may be changed before that */
    char ask_topic[64];  /* where it is answered */
};

/* Not started yet. The shipped registry and profiles, no HTTP, no rate limit; everything else as the service has it. */
struct outputd *outputd_new(const char *broker_url);

/* Kills it where it still runs, and removes its folder. Takes NULL. */
void outputd_free(struct outputd *o);

/* One setting of its configuration file, such as "engine.drain_ms"; the value as it stands in the file. They are
 * written at the start, and by outputd_write_config. */
void outputd_set(struct outputd *o, const char *key, const char *value);
void outputd_set_text(struct outputd *o, const char *key, const char *text); /* the value goes into quotes */
void outputd_unset(struct outputd *o, const char *key);
/* http.listen on a free port of 127.0.0.1, which is returned. */
uint16_t outputd_listen(struct outputd *o);
void outputd_write_config(const struct outputd *o);

/* A file in its folder, written or replaced as a whole. */
void outputd_write(const struct outputd *o, const char *name, const char *text);
void outputd_remove(const struct outputd *o, const char *name);

void outputd_start(struct outputd *o); /* does not wait */

/* Until a request to it is answered, which is once it is connected, subscribed and knows who is online. */
void outputd_wait_ready(struct outputd *o);

/* outputd_new, outputd_start, outputd_wait_ready. */
struct outputd *outputd_run(const char *broker_url);

/* SIGSTOP, in a moment in which it waits for something to come; it has stopped when this returns. */
void outputd_pause(const struct outputd *o);

void outputd_signal(const struct outputd *o, int number);

/* Waits for its end: the exit status, or minus the signal that ended it. */
int outputd_wait_end(struct outputd *o);
bool outputd_has_ended(struct outputd *o); /* does not wait */
void outputd_kill(struct outputd *o);      /* kill -9, and waits */
void outputd_stop(struct outputd *o);      /* SIGTERM; the exit status must be 0 */

/* How often the text is in its log, which goes on over restarts. */
int outputd_log_count(const struct outputd *o, const char *text);
/* Until it is there so often; fails the test when that takes too long. */
void outputd_wait_log(const struct outputd *o, const char *text, int count);

/* CPU time that it has taken. */
uint64_t outputd_cpu_ms(const struct outputd *o);

#endif
