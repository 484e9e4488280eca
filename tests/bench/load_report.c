/* What a stretch of requests took, and of whom. */
#include <inttypes.h>
#include <time.h>

#include "load.h"

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

void stretch_begin(const struct load *load, struct stretch *s)
{
    s->loadgen_cpu_ns = cpu_ns((uint64_t)getpid());
    s->server_cpu_ns = cpu_ns(load->server_pid);
    s->broker_cpu_ns = cpu_ns(load->broker_pid);
}

void stretch_end(const struct load *load, struct stretch *s)
{
    s->ended_us = load->progress_us;
    s->loadgen_cpu_ns = cpu_ns((uint64_t)getpid()) - s->loadgen_cpu_ns;
    s->server_cpu_ns = cpu_ns(load->server_pid) - s->server_cpu_ns;
    s->broker_cpu_ns = cpu_ns(load->broker_pid) - s->broker_cpu_ns;
    s->counts = load->counts;
}

static int compare_latency(const void *a, const void *b)
{
    uint32_t x = ((const struct request *)a)->latency_us;
    uint32_t y = ((const struct request *)b)->latency_us;

    return (x > y) - (x < y);
}

/* The smallest latency that this share of the requests did not exceed. */
static uint32_t percentile_us(const struct request *sorted, uint64_t count, unsigned per_mille)
{
    return sorted[(count * per_mille + 999) / 1000 - 1].latency_us;
}

static void print_percentiles(const struct request *sorted, uint64_t count)
{
    static const struct {
        const char *name;
        unsigned per_mille;
    } percentiles[] = {{"p50_us", 500}, {"p90_us", 900}, {"p99_us", 990}, {"p999_us", 999}, {"max_us", 1000}};

    for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++)
        printf(",\"%s\":%" PRIu32, percentiles[i].name, percentile_us(sorted, count, percentiles[i].per_mille));
}

void stretch_report(const struct load *load, const struct stretch *s)
{
    struct request *sorted = load->table + s->first;
    uint64_t n = s->counts.answered;
    double seconds = (double)(s->ended_us - s->started_us) / 1e6;

    if (!n)
        die("nothing was requested");
    qsort(sorted, n, sizeof(*sorted), compare_latency);
    printf("{\"requests\":%" PRIu64 ",\"successes\":%" PRIu64 ",\"errors\":%" PRIu64, n, s->counts.successes,
           s->counts.errors);
    printf(",\"commands\":%" PRIu64 ",\"duplicates\":%" PRIu64 ",\"held\":%" PRIu64, s->counts.commands,
           s->counts.duplicates, load->held);
    printf(",\"seconds\":%.3f,\"rate_per_s\":%.1f", seconds, (double)n / seconds);
    print_percentiles(sorted, n);
    printf(",\"loadgen_cpu_us_per_request\":%.2f", (double)s->loadgen_cpu_ns / 1e3 / (double)n);
    if (load->server_pid)
        printf(",\"server_cpu_us_per_request\":%.2f", (double)s->server_cpu_ns / 1e3 / (double)n);
    if (load->broker_pid)
        printf(",\"broker_cpu_us_per_request\":%.2f", (double)s->broker_cpu_ns / 1e3 / (double)n);
    puts("}");
}
