/* The audit trail: one line for each request that has ended, in a file, on a topic, or both.
 *
 * audit_open, then audit_command, audit_cancel and audit_event while the engine works, then audit_flush once a turn,
 * behind the journal's commit and before anything leaves. A line goes out when the journal has what it tells; so no
 * outcome is written that another one may come after. It goes out before the reply does. */
#ifndef EDGE_AUDIT_H
#define EDGE_AUDIT_H

#include "core/engine.h"

struct audit_options {
    const char *path;      /* NULL: no file */
    const char *topic;     /* with the prefix; NULL: none. Who publishes asks audit_next. */
    const char *head_path; /* where the chain stands is kept there, too: see edge/audit_head.h. NULL: nowhere */
    const char *instance;
    bool required;              /* without a file that can be written no request is taken */
    uint32_t bytes_max;         /* of each text that strangers choose */
    uint32_t buffer_bytes_max;  /* of lines that wait for the file, and of those that wait for the topic */
    uint32_t refused_max_per_s; /* lines of requests that no tracker heard of; 0: no limit */
};

struct audit;

/* Options are copied, their texts borrowed. NULL, and in *error why: good until the next call. */
struct audit *audit_open(const struct audit_options *options, struct counters *counters, struct instant now,
                         const char **error);

/* The service was told to stop: a line says so. */
void audit_stop(struct audit *a, struct instant now);

/* Writes what is left, as audit_flush does. Takes NULL. */
void audit_close(struct audit *a, bool journal_works, struct instant now);

/* This command waits to be sent; it never will be. */
void audit_command(struct audit *a, const struct engine_command *command);
void audit_cancel(struct audit *a, uint64_t id);

void audit_event(struct audit *a, const struct engine_event *event, struct instant now);

/* Writes what may be written: all, or while the journal cannot be written what does not rest on it. */
void audit_flush(struct audit *a, bool journal_works, struct instant now);

/* The file may have been renamed: goes on under the path. */
void audit_reopen(struct audit *a, struct instant now);

/* No request is to be taken: the file is required, and cannot be written. */
bool audit_blocks(const struct audit *a);

/* The next line for the topic, borrowed until the next call of anything here. False: none waits. */
bool audit_has_next(const struct audit *a);
bool audit_next(struct audit *a, struct bytes *line);
struct bytes audit_topic(const struct audit *a);

#endif
