#include "support/flood.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/pump.h"

enum { LAST_REPLIES_MS = 30000 };

struct flood {
    pid_t pid;
    int orders; /* one byte: go; its end: stop */
    int result;
};

/* --- in the child --- */

static void wait_for_replies(struct crowd *c)
{
    uint64_t end_ms = clock_now().mono_ms + LAST_REPLIES_MS;

    while (c->replied < c->sent && clock_now().mono_ms < end_ms) {
        if (!crowd_turn(c, 0, 0))
            crowd_idle(c);
    }
}

static struct flood_result result_of(const struct crowd *c, uint64_t duration_ms)
{
    enum { QUEUE_FULL = 8, TOO_MANY = 15 };
    struct flood_result result = {
        .sent = c->sent,
        .replied = c->replied,
        .success = crowd_count(c, CROWD_SUCCESS),
        .too_many = crowd_count(c, TOO_MANY),
        .queue_full = crowd_count(c, QUEUE_FULL),
        .contradicting = c->contradicting + c->strange,
        .duration_ms = duration_ms,
    };

    result.others = result.replied - result.success - result.too_many - result.queue_full;
    return result;
}

static bool is_over(int orders)
{
    char order;

    return read(orders, &order, 1) == 0;
}

static _Noreturn void be_flood(struct crowd *c, int orders, int out, int window)
{
    struct flood_result result;
    uint64_t start_ms;
    char go;

    if (read(orders, &go, 1) != 1)
        _exit(0);
    fcntl(orders, F_SETFL, O_NONBLOCK);
    start_ms = clock_now().mono_ms;
    while (!is_over(orders)) {
        if (!crowd_turn(c, c->total, window))
            crowd_idle(c);
    }
    result = result_of(c, clock_now().mono_ms - start_ms);
    wait_for_replies(c);
    result = result_of(c, result.duration_ms);
    _exit(write(out, &result, sizeof result) == (ssize_t)sizeof result ? 0 : 1);
}

/* --- in the test --- */

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "flood: %s\n", what);
    abort();
}

struct flood *flood_new(const char *broker_url, const struct flood_plan *plan)
{
    struct flood *f = calloc(1, sizeof *f);
    pid_t parent = getpid();
    int orders[2];
    int result[2];

    if (!f || pipe2(orders, O_CLOEXEC) < 0 || pipe2(result, O_CLOEXEC) < 0)
        give_up("pipes");
    f->pid = fork();
    if (f->pid < 0)
        give_up("fork");
    if (f->pid == 0) {
        struct crowd *c;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(orders[1]);
        c = getppid() == parent ? crowd_start(broker_url, plan->hash, plan->total, plan->request) : NULL;
        if (!c)
            _exit(1);
        c->qos = plan->qos;
        be_flood(c, orders[0], result[1], plan->window);
    }
    close(orders[0]);
    close(result[1]);
    f->orders = orders[1];
    f->result = result[0];
    return f;
}

void flood_go(struct flood *f)
{
    if (write(f->orders, "g", 1) != 1)
        give_up("it has ended");
}

struct flood_result flood_stop(struct flood *f)
{
    struct flood_result result;

    close(f->orders);
    f->orders = -1;
    if (read(f->result, &result, sizeof result) != (ssize_t)sizeof result)
        give_up("it has ended without a result");
    return result;
}

void flood_free(struct flood *f)
{
    if (!f)
        return;
    kill(f->pid, SIGKILL);
    waitpid(f->pid, NULL, 0);
    if (f->orders >= 0)
        close(f->orders);
    close(f->result);
    free(f);
}
