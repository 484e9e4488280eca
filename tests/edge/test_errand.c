#include "edge/errand.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

TestSuite(errand, .timeout = 30);

struct task {
    int go; /* it waits for this */
    int runs;
    bool takes_signals;
};

static void work(void *ctx)
{
    struct task *task = ctx;
    eventfd_t count;
    sigset_t blocked;

    cr_assert_eq(eventfd_read(task->go, &count), 0);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    task->takes_signals = !sigismember(&blocked, SIGTERM) || !sigismember(&blocked, SIGHUP);
    task->runs++;
}

static void wait_for(struct errand *e)
{
    struct pollfd fd = {.fd = e->done, .events = POLLIN};

    cr_assert_eq(poll(&fd, 1, 10000), 1);
}

Test(errand, its_end_is_told_once)
{
    struct errand e = ERRAND_NONE;
    struct task task = {.go = eventfd(0, 0)};

    cr_expect_not(errand_is_done(&e), "there is none");
    for (int i = 1; i <= 3; i++) {
        errand_start(&e, work, &task);
        cr_expect_not(errand_is_done(&e), "it waits");
        eventfd_write(task.go, 1);
        wait_for(&e);
        cr_expect(errand_is_done(&e));
        cr_expect_not(errand_is_done(&e));
        cr_expect_eq(task.runs, i);
    }
    cr_expect_not(task.takes_signals);
    errand_stop(&e);
    cr_expect_eq(e.done, -1);
    close(task.go);
}

Test(errand, a_stop_waits_for_its_end)
{
    struct errand e = ERRAND_NONE;
    struct task task = {.go = eventfd(0, 0)};

    errand_start(&e, work, &task);
    eventfd_write(task.go, 1);
    errand_stop(&e);
    cr_expect_eq(task.runs, 1);
    errand_stop(&e);
    close(task.go);
}
