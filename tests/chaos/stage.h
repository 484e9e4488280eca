/* The service, the broker and the folder that they live in: build/chaos. Where this is root, the journal and what the
 * broker saves lie on small file systems of their own, in a mount namespace that nobody else sees. */
#ifndef CHAOS_STAGE_H
#define CHAOS_STAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct stage {
    char folder[256];
    char service_program[300];
    uint16_t broker_port;
    uint16_t service_port; /* of the proxy before it */
    uint16_t client_port;
    bool has_disk; /* the journal has a file system of its own */
    int broker_log;
    int service_pipe[2]; /* the service's log: not a file of its own, which a file size limit would stop, too */
    FILE *service_log;
    pid_t broker;  /* 0: it does not run */
    pid_t service; /* 0: it does not run */
};

void stage_init(struct stage *s);

/* Ends both. keep: their logs and the journal stay in the folder. */
void stage_release(struct stage *s, bool keep);

/* Once a turn, before poller_wait. */
void stage_turn(struct stage *s);

void stage_start_service(struct stage *s);
void stage_kill_service(struct stage *s);

/* It has ended by itself, or of a signal: true, and its status as waitpid tells it. */
bool stage_service_ended(struct stage *s, int *status);

void stage_start_broker(struct stage *s);
void stage_kill_broker(struct stage *s);
void stage_lose_broker_files(const struct stage *s);

/* Fills the journal's file system to the last byte, or frees it again. */
void stage_fill_disk(const struct stage *s, bool fill);

/* No file of the running service may grow beyond its first page, or all may again. */
void stage_limit_files(const struct stage *s, bool limit);

#endif
