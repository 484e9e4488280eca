/* A thread beside the loop. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/* Runs run(ctx) on it. No signal of the process comes to it: they are the loop's. 0, or a positive errno. */
int thread_start(pthread_t *thread, void *(*run)(void *ctx), void *ctx);

#endif
