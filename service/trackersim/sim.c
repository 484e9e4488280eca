#include "sim.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"

#include "topic.h"

enum {
    MESSAGES_A_TURN = 64,
    EXACT_FILTERS_MAX = 50,
    CONNECT_TIMEOUT_S = 3,
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 3000,
    GOODBYE_MS = 5000, /* how long the offline messages may take */
    IDLE_MS = 1000,    /* the connection wants to be looked after that often */
    RETRY_MS = 20,     /* when the socket was full */
};

static void on_message(void *ctx, const struct mqtt_message *message)
{
    sim_message(ctx, message);
}

static void on_acked(void *ctx, int token, int reason)
{
    struct sim *sim = ctx;

    if (reason >= 0x80) {
        sim->tally.of[TALLY_NOT_TAKEN]++;
        fprintf(stderr, "trackersim: the broker refused a message, reason 0x%02x\n", (unsigned)reason);
    }
    outbox_acked(&sim->outbox, token);
}

/* --- connection --- */

static int subscribe_to_all(struct sim *sim)
{
    char every[TOPIC_SIZE];
    struct mqtt_filter filter = {.filter = every, .qos = 1};

    topic_format(every, sim->options->prefix, sim->options->profile->topics->command, NULL, NULL);
    return mqtt_subscribe(sim->mqtt, &filter, 1);
}

static int subscribe_to_each(struct sim *sim)
{
    char topics[EXACT_FILTERS_MAX][TOPIC_SIZE];
    struct mqtt_filter filters[EXACT_FILTERS_MAX];

    for (size_t i = 0; i < sim->trackers.count; i++) {
        topic_format(topics[i], sim->options->prefix, sim->options->profile->topics->command, &sim->trackers.all[i],
                     NULL);
        filters[i] = (struct mqtt_filter){.filter = topics[i], .qos = 1};
    }
    return mqtt_subscribe(sim->mqtt, filters, sim->trackers.count);
}

static int subscribe(struct sim *sim)
{
    return sim->trackers.count <= EXACT_FILTERS_MAX ? subscribe_to_each(sim) : subscribe_to_all(sim);
}

static int connect_and_subscribe(struct sim *sim)
{
    int r = mqtt_connect(sim->mqtt);

    if (r < 0)
        return r;
    outbox_rewind(&sim->outbox);
    r = subscribe(sim);
    if (r < 0)
        mqtt_abort(sim->mqtt);
    else
        presence_announce(sim); /* a will cannot speak for many trackers, so each says it again */
    return r;
}

/* Tries again, later and later. A refusal before the first success is a mistake of the caller, and final. */
static int connection_failed(struct sim *sim, int r)
{
    bool is_final = !sim->ready && (r == -EPROTO || r == -EACCES || r == -EINVAL);

    if (is_final || sim->backoff_ms == BACKOFF_MIN_MS) /* once an outage */
        fprintf(stderr, "trackersim: %s: %s\n", sim->options->broker, mqtt_error(sim->mqtt));
    sim->connect_at_ms = clock_now().mono_ms + sim->backoff_ms;
    sim->backoff_ms = sim->backoff_ms < BACKOFF_MAX_MS / 2 ? 2 * sim->backoff_ms : BACKOFF_MAX_MS;
    return is_final ? r : 0;
}

static int reconnect(struct sim *sim)
{
    int r;

    if (sim->now_ms < sim->connect_at_ms)
        return 0;
    r = connect_and_subscribe(sim);
    if (r < 0)
        return connection_failed(sim, r);
    sim->backoff_ms = BACKOFF_MIN_MS;
    return 0;
}

/* --- a turn --- */

/* Everything that is due; at the end, everything. */
static void let_happen(struct sim *sim)
{
    const struct event *next;

    while ((next = heap_next(&sim->heap)) && (sim->stopping || next->due_ms <= sim->now_ms)) {
        struct event event = heap_take(&sim->heap);

        event.happen(sim, event.what);
    }
}

/* Milliseconds until there is something to do, unless a message comes before. */
static int wait_ms(const struct sim *sim)
{
    const struct event *next = heap_next(&sim->heap);
    uint64_t until = sim->now_ms + IDLE_MS;

    if (next && next->due_ms < until)
        until = next->due_ms;
    if (!mqtt_is_connected(sim->mqtt) && sim->connect_at_ms < until)
        until = sim->connect_at_ms;
    return until > sim->now_ms ? (int)(until - sim->now_ms) : 0;
}

static void connection_lost(struct sim *sim)
{
    fprintf(stderr, "trackersim: connection lost: %s\n", mqtt_error(sim->mqtt));
    mqtt_abort(sim->mqtt);
    sim->connect_at_ms = sim->now_ms + BACKOFF_MIN_MS;
}

/* Receives, answers and sends, in packets as large as they get. How long the loop may wait then, in milliseconds. */
static int exchange(struct sim *sim)
{
    bool more = false;
    int received, r;

    mqtt_cork(sim->mqtt, true);
    received = mqtt_receive(sim->mqtt, MESSAGES_A_TURN, &more);
    let_happen(sim);
    presence_continue(sim);
    r = received < 0 ? received : outbox_send(&sim->outbox, sim->mqtt, &sim->tally.of[TALLY_DROPPED]);
    mqtt_cork(sim->mqtt, false);
    if (r < 0 && r != -EAGAIN) {
        connection_lost(sim);
        return 0;
    }
    if (more)
        return 0;
    return r == -EAGAIN ? RETRY_MS : IDLE_MS;
}

/* --- signals and the end --- */

static int open_signals(struct sim *sim)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    sim->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return sim->signal_fd < 0 ? -errno : 0;
}

static void stop(struct sim *sim)
{
    sim->give_up_ms = sim->stopping ? sim->now_ms : sim->now_ms + GOODBYE_MS; /* asked twice: at once */
    sim->stopping = true;
    presence_announce(sim);
}

static void take_signals(struct sim *sim)
{
    struct signalfd_siginfo info;

    while (read(sim->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGUSR1)
            tally_print(&sim->tally, &sim->trackers);
        else
            stop(sim);
    }
}

static void wait_for_work(struct sim *sim, int longest_ms)
{
    struct pollfd fds[2] = {{.fd = sim->signal_fd, .events = POLLIN},
                            {.fd = mqtt_fd(sim->mqtt), .events = mqtt_events(sim->mqtt)}};
    int own_ms = wait_ms(sim);

    fflush(stdout);
    poll(fds, 2, own_ms < longest_ms ? own_ms : longest_ms);
    if (fds[0].revents)
        take_signals(sim);
}

static int first_ready(struct sim *sim)
{
    sim->ready = true;
    printf("trackersim: ready\n");
    return presence_start_restarts(sim);
}

static bool enough_answered(const struct sim *sim)
{
    return sim->options->count && tally_answered(&sim->tally) >= sim->options->count;
}

/* Connects where it must, exchanges messages where it can. */
static int sim_turn(struct sim *sim, int *longest_ms)
{
    int r = mqtt_is_connected(sim->mqtt) ? 0 : reconnect(sim);

    if (r < 0)
        return r;
    if (mqtt_is_connected(sim->mqtt))
        *longest_ms = exchange(sim);
    else
        let_happen(sim);
    if (!sim->ready && !sim->stopping && presence_is_announced(sim))
        return first_ready(sim);
    if (!sim->stopping && enough_answered(sim))
        stop(sim);
    return 0;
}

/* Nobody is left who said online, or there is no time left. */
static bool is_over(const struct sim *sim, int *r)
{
    bool silent = sim->outbox.put == 0 || presence_is_announced(sim);

    *r = silent ? 0 : -ETIMEDOUT;
    return sim->stopping && (silent || sim->now_ms >= sim->give_up_ms);
}

static int sim_loop(struct sim *sim)
{
    for (;;) {
        int longest_ms = IDLE_MS;
        int r;

        sim->now_ms = clock_now().mono_ms;
        r = sim_turn(sim, &longest_ms);
        if (r < 0 || is_over(sim, &r))
            return r;
        wait_for_work(sim, longest_ms);
    }
}

/* --- life --- */

static int sim_init(struct sim *sim, const struct mqtt_options *mqtt_options, const struct mqtt_handlers *handlers)
{
    const struct options *options = sim->options;
    int r = trackers_init(&sim->trackers, &options->trackers, &options->offline, options->device_id, options->outputs,
                          options->seed);

    if (r == 0 && topic_says_device(options->profile->topics->command))
        r = trackers_sort_devices(&sim->trackers);
    if (r == 0)
        r = outbox_init(&sim->outbox);
    if (r == 0)
        r = open_signals(sim);
    if (r < 0)
        return r;
    sim->mqtt = mqtt_new(mqtt_options, handlers);
    return sim->mqtt ? 0 : -ENOMEM;
}

static void sim_release(struct sim *sim)
{
    sim->stopping = true;
    let_happen(sim); /* the acks that still wait are lost, and freed */
    mqtt_free(sim->mqtt);
    if (sim->signal_fd >= 0)
        close(sim->signal_fd);
    outbox_release(&sim->outbox);
    buffer_release(&sim->ack);
    buffer_release(&sim->noise);
    heap_release(&sim->heap);
    trackers_release(&sim->trackers);
}

static void print_start(const struct sim *sim)
{
    const struct options *options = sim->options;

    printf("trackersim: %zu trackers (%s) on %s, seed %" PRIu64 "\n", sim->trackers.count, options->profile->name,
           options->broker, options->seed);
}

static int play(struct sim *sim)
{
    int r;

    if (!sim->options->quiet)
        print_start(sim);
    r = sim_loop(sim);
    if (r == -ETIMEDOUT)
        fprintf(stderr, "trackersim: the broker did not take every \"offline\" in time\n");
    if (mqtt_is_connected(sim->mqtt))
        mqtt_disconnect(sim->mqtt);
    if (!sim->options->quiet)
        tally_print(&sim->tally, &sim->trackers);
    return r;
}

int sim_run(const struct options *options)
{
    struct sim sim = {.options = options, .backoff_ms = BACKOFF_MIN_MS, .signal_fd = -1};
    char client_id[48];
    struct mqtt_options mqtt_options = {
        .urls = &options->broker,
        .url_count = 1,
        .client_id = client_id,
        .username = options->username,
        .password = options->password,
        .protocol = 5,
        .clean_start = true,
        .keep_alive_s = 30,
        .connect_timeout_s = CONNECT_TIMEOUT_S,
        .tls = {.verify = true},
    };
    struct mqtt_handlers handlers = {.ctx = &sim, .message = on_message, .acked = on_acked};
    int r;

    snprintf(client_id, sizeof(client_id), "trackersim-%d-%08x", (int)getpid(),
             (unsigned)(dice_random_seed() & UINT32_MAX));
    r = sim_init(&sim, &mqtt_options, &handlers);
    if (r < 0)
        fprintf(stderr, "trackersim: cannot start: %s\n", strerror(-r));
    else
        r = play(&sim);
    sim_release(&sim);
    return r;
}
