#include "edge/errand.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/thread.h"

static void *run(void *ctx)
{
    struct errand *e = ctx;

    e->work(e->ctx);
    eventfd_write(e->done, 1);
    return NULL;
}

void errand_start(struct errand *e, void (*work)(void *ctx), void *ctx)
{
    CHECK(!e->is_running);
    if (e->done < 0)
        e->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(e->done >= 0);
    e->work = work;
    e->ctx = ctx;
    e->is_running = true;
    e->has_thread = thread_start(&e->thread, run, e) == 0;
    if (!e->has_thread) {
        work(ctx);
        eventfd_write(e->done, 1);
    }
}

static void end(struct errand *e)
{
    if (e->has_thread)
        CHECK(pthread_join(e->thread, NULL) == 0);
    e->is_running = false;
}

bool errand_is_done(struct errand *e)
{
    eventfd_t count;

    if (!e->is_running || eventfd_read(e->done, &count) < 0)
        return false;
    end(e);
    return true;
}

void errand_stop(struct errand *e)
{
    if (e->is_running)
        end(e);
    if (e->done >= 0)
        close(e->done);
    e->done = -1;
}
