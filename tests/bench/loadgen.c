/* The load: it keeps a window of requests in flight, or sends them at a given rate, and prints, as one line of JSON,
 * how long the replies took and what the processes involved spent on them.
 *
 * One turn of the loop: write what was staged (one write a connection), poll, read (one read a connection), answer. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/clock.h"
#include "load.h"

enum {
    READY_MAX_US = 10 * 1000 * 1000,
    SILENCE_MAX_US = 30 * 1000 * 1000,
    TRY_AGAIN_US = 100 * 1000,
    HOLD_WINDOW = 500,
};

/* --- the loop --- */

static void turn(struct load *load, uint64_t wait_us)
{
    struct timespec wait = {.tv_sec = (time_t)(wait_us / 1000000), .tv_nsec = (long)(wait_us % 1000000) * 1000};
    struct link *links[] = {&load->requester, &load->tracker};
    struct pollfd fds[2];

    trackers_publish_acks(load);
    for (size_t i = 0; i < 2; i++) {
        link_write(links[i]);
        fds[i] = (struct pollfd){.fd = links[i]->fd, .events = links[i]->out.len ? POLLIN | POLLOUT : POLLIN};
    }
    if (ppoll(fds, 2, &wait, NULL) < 0 && errno != EINTR)
        die("poll: %s", strerror(errno));
    for (size_t i = 0; i < 2; i++)
        if (fds[i].revents & (POLLIN | POLLERR | POLLHUP))
            link_read(links[i]);
}

static bool both_connected(const struct load *load)
{
    return load->requester.receive_maximum && load->tracker.receive_maximum;
}

static bool both_subscribed(const struct load *load)
{
    return load->requester.subscribed && load->tracker.subscribed;
}

static bool all_present(const struct load *load)
{
    return load->online == load->trackers + load->hold && !load->tracker.in_flight;
}

static void await(struct load *load, bool (*there)(const struct load *), const char *what)
{
    uint64_t deadline_us = clock_mono_us() + SILENCE_MAX_US;

    while (!there(load)) {
        if (clock_mono_us() > deadline_us)
            die("no %s within %d s", what, SILENCE_MAX_US / 1000000);
        turn(load, 100000);
    }
}

static void start(struct load *load)
{
    trackers_init(load);
    requester_init(load);
    load->requester = (struct link){.name = "requester", .ctx = load, .take_publish = requester_take_reply};
    load->tracker = (struct link){.name = "trackers", .ctx = load, .take_publish = trackers_take_command};
    link_open(&load->requester, load->host, load->port);
    link_open(&load->tracker, load->host, load->port);
    await(load, both_connected, "CONNACK");
    packet_put_subscribe(&load->requester.out, 1, load->reply_topic);
    packet_put_subscribe(&load->tracker.out, 1, "tracker/+/output/command");
    await(load, both_subscribed, "SUBACK");
    if (load->no_presence)
        return;
    while (load->online < load->trackers + load->hold) {
        trackers_publish_presence(load);
        turn(load, 100000);
    }
    await(load, all_present, "PUBACK of every presence");
}

static void stop(struct load *load)
{
    packet_put_disconnect(&load->requester.out);
    packet_put_disconnect(&load->tracker.out);
    while (load->requester.out.len || load->tracker.out.len) {
        link_write(&load->requester);
        link_write(&load->tracker);
    }
}

/* --- what is done in it --- */

/* Requests one output, again every 100 ms, until the newest of these requests has succeeded. The newest: commands to
 * one tracker go in order, so none of the earlier ones is left to trouble who comes after us. */
static void wait_ready(struct load *load)
{
    uint64_t deadline_us = clock_mono_us() + READY_MAX_US;

    while (clock_mono_us() < deadline_us) {
        uint64_t again_us = clock_mono_us() + TRY_AGAIN_US;
        uint64_t newest = load->next;

        requester_publish(load, 0, clock_mono_us());
        while (clock_mono_us() < again_us) {
            turn(load, 10000);
            if (load->table[newest].success)
                return;
        }
    }
    die("no success within %d s", READY_MAX_US / 1000000);
}

/* One request to each of the trackers that do not ack, until all their commands are there. */
static void hold(struct load *load)
{
    load->held_end = load->hold;
    load->progress_us = clock_mono_us();
    while (load->held < load->hold) {
        while (load->next < load->hold && load->next - load->held < HOLD_WINDOW && link_may_publish(&load->requester))
            requester_publish(load, load->trackers + load->next, clock_mono_us());
        turn(load, 1000000);
        if (clock_mono_us() > load->progress_us + SILENCE_MAX_US)
            die("%" PRIu64 " of %" PRIu64 " commands to be held have come", load->held, load->hold);
    }
}

static _Noreturn void die_of_silence(const struct load *load, uint64_t first)
{
    uint64_t missing = load->next - first - load->counts.answered;
    int shown = 0;

    fprintf(stderr,
            "loadgen: no reply for %d s; outstanding: %" PRIu64 " of %" PRIu64 " requests, %" PRIu64 " commands seen,",
            SILENCE_MAX_US / 1000000, missing, load->next - first, load->counts.commands);
    fprintf(stderr, " %" PRIu64 " acks waiting; the oldest:", load->acks_in - load->acks_out);
    for (uint64_t k = first; k < load->next && shown < 10; k++)
        if (!load->table[k].latency_us) {
            fprintf(stderr, " request %" PRIu64 ";", k);
            shown++;
        }
    fputc('\n', stderr);
    exit(1);
}

/* When the n-th request of a paced stretch should leave. */
static uint64_t due_us(const struct load *load, const struct stretch *s, uint64_t n)
{
    return s->started_us + n * 1000000 / load->rate;
}

/* Sends what may be sent now. Returns how long nothing more is due, in microseconds. */
static uint64_t publish_requests(struct load *load, const struct stretch *s, uint64_t last, uint64_t now)
{
    while (load->next < last && link_may_publish(&load->requester)) {
        uint64_t n = load->next - s->first;
        uint64_t due = load->rate ? due_us(load, s, n) : now;

        if (due > now)
            return due - now;
        if (!load->rate && n - load->counts.answered >= load->window)
            break;
        requester_publish(load, load->next % load->trackers, load->rate ? due : clock_mono_us());
    }
    return 1000000;
}

/* Sends until `requests` were sent or the seconds are over, then waits for the last reply. */
static struct stretch run(struct load *load, uint64_t requests, double seconds)
{
    uint64_t now = clock_mono_us();
    uint64_t end_us = seconds > 0 ? now + (uint64_t)(seconds * 1e6) : UINT64_MAX;
    struct stretch s = {.first = load->next, .started_us = now};
    uint64_t last = requests && requests < REQUESTS_MAX - s.first ? s.first + requests : REQUESTS_MAX;

    load->counts = (struct counts){0};
    load->progress_us = now;
    stretch_begin(load, &s);
    while ((load->next < last && now < end_us) || load->counts.answered < load->next - s.first) {
        uint64_t wait_us = publish_requests(load, &s, now < end_us ? last : load->next, now);

        turn(load, wait_us);
        now = clock_mono_us();
        if (now > load->progress_us + SILENCE_MAX_US)
            die_of_silence(load, s.first);
    }
    stretch_end(load, &s);
    return s;
}

int main(int argc, char **argv)
{
    static struct load load = {.first_tracker = 1000, .trackers = 1000, .stride = 1, .window = 1};
    struct stretch measured;

    load_read_options(&load, argc, argv);
    prctl(PR_SET_TIMERSLACK, 1UL); /* ns: by default every wait is 50 us longer */
    start(&load);
    if (load.wait_ready) {
        wait_ready(&load);
        stop(&load);
        return 0;
    }
    hold(&load);
    if (load.warmup)
        run(&load, load.warmup, 0);
    measured = run(&load, load.requests, load.seconds);
    stop(&load);
    stretch_report(&load, &measured);
    return 0;
}
