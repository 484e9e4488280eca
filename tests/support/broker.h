/* A mosquitto of one's own, for a test: on a free port of 127.0.0.1, in a directory of its own, dead at the latest when
 * the test's process is. Whatever goes wrong here ends the process with the broker's log on stderr. */
#ifndef SUPPORT_BROKER_H
#define SUPPORT_BROKER_H

#include <stdbool.h>
#include <stdint.h>

struct broker;

/* Started and listening. The lines of extra_config (NULL: none) come last in its configuration; a further `listener`
 * belongs there. Sessions and retained messages outlive broker_restart and broker_kill does not save them. */
struct broker *broker_start(const char *extra_config);

/* With this configuration file, such as the shipped one: only its port 1883 and its folders /etc/mosquitto and
 * /var/lib/mosquitto become the test's own, and a folder's files (acl, say) are copied there. Every user of the list,
 * which ends with NULL, has the password "secret". */
struct broker *broker_start_shipped(const char *config_path, const char *const *users);

/* Also deletes its directory. Takes NULL. */
void broker_stop(struct broker *b);

void broker_restart(struct broker *b);    /* SIGTERM, so that it saves its sessions; the same port */
void broker_halt(struct broker *b);       /* SIGTERM, so that it saves its sessions */
void broker_resume(struct broker *b);     /* after broker_halt, on the same port */
void broker_lose(const struct broker *b); /* while it is halted: it forgets sessions and retained messages */
void broker_freeze(struct broker *b);     /* SIGSTOP */
void broker_thaw(struct broker *b);

const char *broker_url(const struct broker *b); /* mqtt://127.0.0.1:PORT */
uint16_t broker_port(const struct broker *b);
const char *broker_directory(const struct broker *b);
const char *broker_log_path(const struct broker *b);

/* A port that nobody listens on at the moment. */
uint16_t broker_free_port(void);

/* Waits until something listens there. False after ten seconds. */
bool broker_wait_for_port(uint16_t port);

#endif
