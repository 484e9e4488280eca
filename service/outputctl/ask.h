/* One request over MQTT, and the wait for its reply. */
#ifndef OUTPUTCTL_ASK_H
#define OUTPUTCTL_ASK_H

#include "request_payload.h"
#include "session.h"

/* Where outputctl's own replies go: below the prefix, with a level that nobody can guess. */
#define ASK_REPLY_TOPIC "outputctl/reply/"

struct ask {
    /* Filled in by the caller. */
    const struct options *options;
    const char *hash;
    int32_t tracker_id;
    struct command what;

    /* All zero before ask_run. */
    struct session session;
    char correlation[SESSION_RANDOM_SIZE];
    struct buffer topic;       /* with a NUL */
    struct buffer reply_topic; /* with a NUL */
    const char *request_id;    /* NULL: none was sent */
    int token;                 /* 0: not sent yet */
    int reason;                /* what the broker said of the request; -1: nothing yet */
    uint64_t sent_us;
    uint64_t replied_us; /* 0: no reply yet */
    struct buffer reply; /* as JSON; as it came where it is not one object */
};

/* 0 and the reply; or a negative errno, with the reason printed to stderr: no connection, or no reply in time. */
int ask_run(struct ask *ask);
void ask_release(struct ask *ask);

uint64_t ask_elapsed_ms(const struct ask *ask);

#endif
