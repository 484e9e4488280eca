/* What the registry's thread hands to the loop, and the loop to it: the one place where the two meet.
 *
 *     thread                          loop
 *     registry_post_deliver     →     registry_post_take
 *     registry_post_returned    ←     registry_post_return
 *     registry_post_wanted      ←     registry_post_want
 *
 * Rules are handed over whole; of several that were not taken the last one counts. A registry that was handed over is
 * read by both, and let go by the thread once the loop has returned it. */
#ifndef EDGE_REGISTRY_POST_H
#define EDGE_REGISTRY_POST_H

#include "base/log.h"
#include "core/rules.h"

struct registry_post;

struct registry_delivery {
    struct rules rules;
    bool is_whole;    /* everything was read, and not only what had changed */
    uint64_t took_us; /* to read it and to make rules of it */
    uint64_t changed; /* rows that were read because they had changed */
};

struct registry_status {
    bool is_connected;
    bool has_failed;     /* since the start */
    uint64_t current_ms; /* monotonic: when it was last known to be what the database has; 0: never */
    uint64_t refused;    /* rows, since the start */
};

enum { REGISTRY_NOTE_MAX = 640 };

/* A line for the log, which is the loop's. */
struct registry_note {
    enum log_level level;
    const char *event;
    char text[REGISTRY_NOTE_MAX];
};

struct registry_post *registry_post_new(void);
void registry_post_free(struct registry_post *p); /* no thread may use it; what was not taken is let go */

/* --- the loop's --- */

/* Readable while there is something to be looked at; registry_post_look ends that. */
int registry_post_fd(const struct registry_post *p);
struct registry_status registry_post_look(struct registry_post *p);
/* False: nothing has changed since the last look; costs next to nothing. */
bool registry_post_has_news(struct registry_post *p);

/* False: nothing was delivered. */
bool registry_post_take(struct registry_post *p, struct registry_delivery *delivery);
/* The next line. False: none. */
bool registry_post_note_take(struct registry_post *p, struct registry_note *note);

/* What engine_take has left, without profiles: it is let go on the thread. */
void registry_post_return(struct registry_post *p, struct rules *rules);

/* Rules of these profiles, and at once, of the registry that there is; from then on no others are looked at. */
void registry_post_want(struct registry_post *p, struct profiles *profiles);
void registry_post_stop(struct registry_post *p);

/* --- the thread's --- */

int registry_post_wake_fd(const struct registry_post *p);
/* What is under way is to be given up. Makes the descriptor unreadable. */
bool registry_post_is_interrupted(struct registry_post *p);
bool registry_post_is_stopping(struct registry_post *p);

/* The profiles that are wanted, once; NULL: none. */
struct profiles *registry_post_wanted(struct registry_post *p);

/* What nobody needs any more, for rules_release; false: nothing. */
bool registry_post_returned(struct registry_post *p, struct rules *rules);

/* *before: what was delivered and not taken, likewise. */
void registry_post_deliver(struct registry_post *p, const struct registry_delivery *delivery, struct rules *before);

void registry_post_tell(struct registry_post *p, const struct registry_status *status);
void registry_post_note(struct registry_post *p, enum log_level level, const char *event, const char *text);

#endif
