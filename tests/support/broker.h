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

/* Also deletes its directory. Takes NULL. */
void broker_stop(struct broker *b);

void broker_restart(struct broker *b); /* SIGTERM, so that it saves its sessions; the same port */
void broker_freeze(struct broker *b);  /* SIGSTOP */
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
