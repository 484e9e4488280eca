/* Work that takes long, on a thread beside the loop: one errand at a time, whose end wakes the loop.
 *
 * What it works on is its own from errand_start until errand_is_done has said so. */
#ifndef EDGE_ERRAND_H
#define EDGE_ERRAND_H

#include <pthread.h>
#include <stdbool.h>

struct errand {
    pthread_t thread;
    bool has_thread;
    bool is_running;
    int done; /* readable when it is; -1 before the first one */
    void (*work)(void *ctx);
    void *ctx;
};

#define ERRAND_NONE \
    {               \
        .done = -1  \
    }

/* None may be running. Where no thread can be made the work is done at once. */
void errand_start(struct errand *e, void (*work)(void *ctx), void *ctx);

/* True once after its end. */
bool errand_is_done(struct errand *e);

/* Waits for its end. */
void errand_stop(struct errand *e);

#endif
