/* The load: one requester and all the trackers, over two connections, in one thread. It keeps a window of requests in
 * flight and prints, as one line of JSON, how long the replies took and what the processes involved spent on them.
 *
 * One turn of the loop: write what was staged (one write a connection), poll, read (one read a connection), answer.
 * Nothing is allocated for a message once the buffers have grown to the window. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "link.h"

#define HASH "a6aa75587e5c59c32d347da438505fc3"

enum {
    REQUESTS_MAX = 1 << 24,
    WINDOW_MAX = 10000,
    TRACKERS_MAX = 1000000,
    ACKS_MAX = 1 << 16, /* waiting to be sent; a power of two */
    CORRELATION_MAX = 32,
    SILENCE_MAX_US = 10 * 1000 * 1000,
    TRY_AGAIN_US = 100 * 1000,
};

struct request {
    uint64_t sent_us;
    uint32_t latency_us; /* 0: no reply yet */
    bool success;
};

/* What a tracker answers as soon as the broker's Receive Maximum lets it. */
struct ack {
    uint64_t id;
    uint64_t tracker;
    size_t correlation_len;
    uint8_t correlation[CORRELATION_MAX];
};

struct counts {
    uint64_t answered;
    uint64_t successes;
    uint64_t errors;
    uint64_t commands;
    uint64_t duplicates;
};

/* What is measured from the first publish of a stretch to its last reply. */
struct stretch {
    uint64_t first; /* sequence number */
    uint64_t started_us;
    uint64_t ended_us;
    uint64_t loadgen_cpu_ns;
    uint64_t server_cpu_ns;
    uint64_t broker_cpu_ns;
    struct counts counts;
};

struct load {
    /* Options. */
    char host[256];
    const char *port;
    uint64_t first_tracker;
    uint64_t trackers;
    uint64_t window;
    uint64_t requests; /* 0: by time */
    double seconds;
    uint64_t warmup;
    uint64_t server_pid; /* 0: nobody asked for its CPU time */
    uint64_t broker_pid;
    bool no_presence;
    bool wait_ready;

    struct link requester;
    struct link tracker;
    char reply_topic[64];
    uint64_t online; /* trackers whose presence has been published */

    struct request *table; /* by sequence number */
    uint64_t next;         /* sequence number */
    struct counts counts;
    uint64_t progress_us; /* the last reply */

    struct ack *acks; /* a ring */
    uint64_t acks_in;
    uint64_t acks_out;
};

/* --- the trackers --- */

/* What stands behind the first `key`, blanks and colons skipped. Empty where there is no key. */
static struct bytes scan_value(struct bytes text, const char *key)
{
    const uint8_t *at = text.len ? memmem(text.data, text.len, key, strlen(key)) : NULL;
    const uint8_t *end = text.data + text.len;

    if (!at)
        return (struct bytes){0};
    at += strlen(key);
    while (at < end && (*at == ' ' || *at == ':'))
        at++;
    return bytes_of(at, (size_t)(end - at));
}

/* False where no digit stands there. */
static bool scan_number(struct bytes text, const char *key, uint64_t *number)
{
    struct bytes digits = scan_value(text, key);
    size_t n = 0;

    for (*number = 0; n < digits.len && digits.data[n] >= '0' && digits.data[n] <= '9'; n++)
        *number = *number * 10 + (uint64_t)(digits.data[n] - '0');
    return n > 0;
}

static void take_command(void *ctx, const struct packet_publish *command)
{
    struct load *load = ctx;
    struct ack *ack = &load->acks[load->acks_in % ACKS_MAX];

    if (load->acks_in - load->acks_out == ACKS_MAX)
        die("more commands than acks may wait");
    if (!scan_number(command->topic, "tracker/", &ack->tracker) || !scan_number(command->payload, "\"id\"", &ack->id))
        die("a command that cannot be read: %.*s", (int)command->payload.len, (const char *)command->payload.data);
    if (command->correlation.len > CORRELATION_MAX)
        die("a command with %zu bytes of Correlation Data", command->correlation.len);
    ack->correlation_len = command->correlation.len;
    if (command->correlation.len)
        memcpy(ack->correlation, command->correlation.data, command->correlation.len);
    load->acks_in++;
    load->counts.commands++;
}

static void publish_ack(struct load *load, const struct ack *ack)
{
    char topic[64];
    char body[64];
    int topic_len = snprintf(topic, sizeof(topic), "tracker/%" PRIu64 "/output/ack", ack->tracker);
    int body_len = snprintf(body, sizeof(body), "{\"id\":%" PRIu64 ",\"success\":true}", ack->id);
    struct packet_publish publish = {
        .topic = bytes_of(topic, (size_t)topic_len),
        .payload = bytes_of(body, (size_t)body_len),
        .correlation = {ack->correlation_len ? ack->correlation : NULL, ack->correlation_len},
    };

    link_publish(&load->tracker, &publish);
}

static void publish_acks(struct load *load)
{
    for (; load->acks_out < load->acks_in && link_may_publish(&load->tracker); load->acks_out++)
        publish_ack(load, &load->acks[load->acks_out % ACKS_MAX]);
}

static void publish_presence(struct load *load)
{
    for (; load->online < load->trackers && link_may_publish(&load->tracker); load->online++) {
        char topic[64];
        int len = snprintf(topic, sizeof(topic), "tracker/%" PRIu64 "/status", load->first_tracker + load->online);
        struct packet_publish publish = {
            .topic = bytes_of(topic, (size_t)len),
            .payload = bytes_of_text("online"),
            .retain = true,
        };

        link_publish(&load->tracker, &publish);
    }
}

/* --- the requester --- */

static uint64_t tracker_of(const struct load *load, uint64_t sequence)
{
    return load->first_tracker + sequence % load->trackers;
}

static void publish_request(struct load *load)
{
    uint64_t k = load->next++;
    uint8_t correlation[8];
    char body[160];
    int len =
        snprintf(body, sizeof(body), "{\"hash\":\"" HASH "\",\"tracker_id\":%" PRIu64 ",\"output\":%d,\"enable\":%s}",
                 tracker_of(load, k), (int)(1 + k % 3), k % 2 ? "false" : "true");
    struct packet_publish publish = {
        .topic = bytes_of_text("api/tracker/output/set"),
        .payload = bytes_of(body, (size_t)len),
        .response_topic = bytes_of_text(load->reply_topic),
        .correlation = bytes_of(correlation, sizeof(correlation)),
        .content_type = bytes_of_text("application/json"),
    };

    for (size_t i = 0; i < sizeof(correlation); i++)
        correlation[i] = (uint8_t)(k >> (8 * (7 - i)));
    link_publish(&load->requester, &publish);
    load->table[k] = (struct request){.sent_us = clock_mono_us()};
}

/* Anything but `"success": true` is an error; the first one is shown. */
static void count_outcome(struct load *load, struct request *request, struct bytes body)
{
    struct bytes value = scan_value(body, "\"success\"");

    request->success = value.len >= 4 && memcmp(value.data, "true", 4) == 0;
    if (request->success)
        load->counts.successes++;
    else if (!load->counts.errors++)
        fprintf(stderr, "loadgen: an error reply: %.*s\n", (int)body.len, (const char *)body.data);
}

static void take_reply(void *ctx, const struct packet_publish *reply)
{
    struct load *load = ctx;
    struct reader r = {.left = reply->correlation};
    uint64_t k = reader_be(&r, 8);
    uint64_t now = clock_mono_us();
    struct request *request;

    if (!reader_is_done(&r) || k >= load->next)
        die("a reply with Correlation Data that no request had");
    request = &load->table[k];
    if (request->latency_us) {
        load->counts.duplicates++;
        return;
    }
    request->latency_us = now > request->sent_us ? (uint32_t)(now - request->sent_us) : 1;
    load->counts.answered++;
    load->progress_us = now;
    count_outcome(load, request, reply->payload);
}

/* --- the loop --- */

static void turn(struct load *load, int wait_ms)
{
    struct link *links[] = {&load->requester, &load->tracker};
    struct pollfd fds[2];

    publish_acks(load);
    for (size_t i = 0; i < 2; i++) {
        link_write(links[i]);
        fds[i] = (struct pollfd){.fd = links[i]->fd, .events = links[i]->out.len ? POLLIN | POLLOUT : POLLIN};
    }
    if (poll(fds, 2, wait_ms) < 0 && errno != EINTR)
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
    return load->online == load->trackers && !load->tracker.in_flight;
}

static void await(struct load *load, bool (*there)(const struct load *), const char *what)
{
    uint64_t deadline_us = clock_mono_us() + SILENCE_MAX_US;

    while (!there(load)) {
        if (clock_mono_us() > deadline_us)
            die("no %s within %d s", what, SILENCE_MAX_US / 1000000);
        turn(load, 100);
    }
}

static void start(struct load *load)
{
    load->requester = (struct link){.name = "requester", .ctx = load, .take_publish = take_reply};
    load->tracker = (struct link){.name = "trackers", .ctx = load, .take_publish = take_command};
    link_open(&load->requester, load->host, load->port);
    link_open(&load->tracker, load->host, load->port);
    await(load, both_connected, "CONNACK");
    snprintf(load->reply_topic, sizeof(load->reply_topic), "bench/reply/%d", (int)getpid());
    packet_put_subscribe(&load->requester.out, 1, load->reply_topic);
    packet_put_subscribe(&load->tracker.out, 1, "tracker/+/output/command");
    await(load, both_subscribed, "SUBACK");
    if (load->no_presence)
        return;
    while (load->online < load->trackers) {
        publish_presence(load);
        turn(load, 100);
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

/* Requests one output, again every 100 ms, until the newest of these requests has succeeded. The newest: commands to
 * one tracker go in order, so none of the earlier ones is left to trouble who comes after us. */
static void wait_ready(struct load *load)
{
    uint64_t deadline_us = clock_mono_us() + SILENCE_MAX_US;

    load->trackers = 1;
    while (clock_mono_us() < deadline_us) {
        uint64_t again_us = clock_mono_us() + TRY_AGAIN_US;
        uint64_t newest = load->next;

        publish_request(load);
        while (clock_mono_us() < again_us) {
            turn(load, 10);
            if (load->table[newest].success)
                return;
        }
    }
    die("no success within %d s", SILENCE_MAX_US / 1000000);
}

/* --- measuring --- */

/* The CPU time of all threads of the process, in nanoseconds; 0 for pid 0. */
static uint64_t cpu_ns(uint64_t pid)
{
    clockid_t clock;
    struct timespec t;

    if (!pid)
        return 0;
    if (clock_getcpuclockid((pid_t)pid, &clock) || clock_gettime(clock, &t))
        die("process %" PRIu64 ": no such process", pid);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
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
            fprintf(stderr, " request %" PRIu64 " to tracker %" PRIu64 ";", k, tracker_of(load, k));
            shown++;
        }
    fputc('\n', stderr);
    exit(1);
}

/* Keeps the window full until `requests` were sent or the seconds are over, then waits for the last reply. */
static struct stretch run(struct load *load, uint64_t requests, double seconds)
{
    uint64_t now = clock_mono_us();
    uint64_t end_us = seconds > 0 ? now + (uint64_t)(seconds * 1e6) : UINT64_MAX;
    struct stretch s = {.first = load->next, .started_us = now};
    uint64_t last = requests && requests < REQUESTS_MAX - s.first ? s.first + requests : REQUESTS_MAX;

    s.loadgen_cpu_ns = cpu_ns((uint64_t)getpid());
    s.server_cpu_ns = cpu_ns(load->server_pid);
    s.broker_cpu_ns = cpu_ns(load->broker_pid);
    load->counts = (struct counts){0};
    load->progress_us = now;
    while ((load->next < last && now < end_us) || load->counts.answered < load->next - s.first) {
        while (load->next < last && now < end_us && load->next - s.first - load->counts.answered < load->window &&
               link_may_publish(&load->requester))
            publish_request(load);
        turn(load, 1000);
        now = clock_mono_us();
        if (now > load->progress_us + SILENCE_MAX_US)
            die_of_silence(load, s.first);
    }
    s.ended_us = load->progress_us;
    s.loadgen_cpu_ns = cpu_ns((uint64_t)getpid()) - s.loadgen_cpu_ns;
    s.server_cpu_ns = cpu_ns(load->server_pid) - s.server_cpu_ns;
    s.broker_cpu_ns = cpu_ns(load->broker_pid) - s.broker_cpu_ns;
    s.counts = load->counts;
    return s;
}

static int compare_latency(const void *a, const void *b)
{
    uint32_t x = ((const struct request *)a)->latency_us;
    uint32_t y = ((const struct request *)b)->latency_us;

    return (x > y) - (x < y);
}

/* The smallest latency that this share of the requests did not exceed. */
static uint32_t percentile_us(const struct request *sorted, uint64_t count, unsigned percent)
{
    return sorted[(count * percent + 99) / 100 - 1].latency_us;
}

static void report(struct load *load, const struct stretch *s)
{
    struct request *sorted = load->table + s->first;
    uint64_t n = s->counts.answered;
    double seconds = (double)(s->ended_us - s->started_us) / 1e6;

    if (!n)
        die("nothing was requested");
    qsort(sorted, n, sizeof(*sorted), compare_latency);
    printf("{\"requests\":%" PRIu64 ",\"successes\":%" PRIu64 ",\"errors\":%" PRIu64, n, s->counts.successes,
           s->counts.errors);
    printf(",\"commands\":%" PRIu64 ",\"duplicates\":%" PRIu64, s->counts.commands, s->counts.duplicates);
    printf(",\"seconds\":%.3f,\"rate_per_s\":%.1f", seconds, (double)n / seconds);
    printf(",\"p50_us\":%" PRIu32 ",\"p90_us\":%" PRIu32 ",\"p99_us\":%" PRIu32 ",\"max_us\":%" PRIu32,
           percentile_us(sorted, n, 50), percentile_us(sorted, n, 90), percentile_us(sorted, n, 99),
           percentile_us(sorted, n, 100));
    printf(",\"loadgen_cpu_us_per_request\":%.2f", (double)s->loadgen_cpu_ns / 1e3 / (double)n);
    if (load->server_pid)
        printf(",\"server_cpu_us_per_request\":%.2f", (double)s->server_cpu_ns / 1e3 / (double)n);
    if (load->broker_pid)
        printf(",\"broker_cpu_us_per_request\":%.2f", (double)s->broker_cpu_ns / 1e3 / (double)n);
    puts("}");
}

/* --- options --- */

static const char usage_text[] = "usage: loadgen --broker HOST:PORT [options]\n"
                                 "  --trackers N      how many trackers take part (1000)\n"
                                 "  --first ID        the first of their ids (1000)\n"
                                 "  --window W        requests in flight (1)\n"
                                 "  --requests N      stop after N replies\n"
                                 "  --seconds S       stop after S seconds\n"
                                 "  --warmup N        requests before that which are not measured (0)\n"
                                 "  --no-presence     the trackers' presence is there already\n"
                                 "  --server-pid PID  measure the CPU time of this process too\n"
                                 "  --broker-pid PID  and of this one\n"
                                 "  --wait-ready      only wait until a request succeeds, for 10 s at most\n";

static _Noreturn void usage(void)
{
    fputs(usage_text, stderr);
    exit(2);
}

static const struct {
    const char *name;
    size_t offset; /* of a uint64_t in struct load */
    uint64_t min;
    uint64_t max;
} number_options[] = {
    {"--trackers", offsetof(struct load, trackers), 1, TRACKERS_MAX},
    {"--first", offsetof(struct load, first_tracker), 1, INT32_MAX - TRACKERS_MAX},
    {"--window", offsetof(struct load, window), 1, WINDOW_MAX},
    {"--requests", offsetof(struct load, requests), 1, REQUESTS_MAX / 2},
    {"--warmup", offsetof(struct load, warmup), 0, REQUESTS_MAX / 2},
    {"--server-pid", offsetof(struct load, server_pid), 1, INT32_MAX},
    {"--broker-pid", offsetof(struct load, broker_pid), 1, INT32_MAX},
};

static void read_number_option(struct load *load, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof(number_options) / sizeof(number_options[0]); i++) {
        char *end;
        uint64_t number;

        if (strcmp(name, number_options[i].name) != 0)
            continue;
        number = strtoull(value, &end, 10);
        if (*value < '0' || *value > '9' || *end || number < number_options[i].min || number > number_options[i].max)
            usage();
        memcpy((char *)load + number_options[i].offset, &number, sizeof(number));
        return;
    }
    usage();
}

static void read_broker_option(struct load *load, const char *value)
{
    const char *colon = strrchr(value, ':');

    if (!colon || (size_t)(colon - value) >= sizeof(load->host))
        usage();
    memcpy(load->host, value, (size_t)(colon - value));
    load->port = colon + 1;
}

static void read_seconds_option(struct load *load, const char *value)
{
    char *end;

    load->seconds = strtod(value, &end);
    if (*end || !(load->seconds > 0) || load->seconds > 3600)
        usage();
}

static void read_options(struct load *load, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];

        if (strcmp(name, "--no-presence") == 0)
            load->no_presence = true;
        else if (strcmp(name, "--wait-ready") == 0)
            load->wait_ready = true;
        else if (++i == argc)
            usage();
        else if (strcmp(name, "--broker") == 0)
            read_broker_option(load, argv[i]);
        else if (strcmp(name, "--seconds") == 0)
            read_seconds_option(load, argv[i]);
        else
            read_number_option(load, name, argv[i]);
    }
    if (!load->port || load->wait_ready == (load->requests || load->seconds > 0))
        usage();
}

int main(int argc, char **argv)
{
    static struct load load = {.first_tracker = 1000, .trackers = 1000, .window = 1};
    struct stretch measured;

    read_options(&load, argc, argv);
    load.table = array_of(REQUESTS_MAX, sizeof(*load.table));
    load.acks = array_of(ACKS_MAX, sizeof(*load.acks));
    start(&load);
    if (load.wait_ready) {
        wait_ready(&load);
        stop(&load);
        return 0;
    }
    if (load.warmup)
        run(&load, load.warmup, 0);
    measured = run(&load, load.requests, load.seconds);
    stop(&load);
    report(&load, &measured);
    return 0;
}
