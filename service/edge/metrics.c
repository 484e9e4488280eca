#include "edge/metrics.h"

#include <stdlib.h>

#include "base/check.h"

/* --- how long --- */

/* 1 ms … 30 s: from a tracker next door to one behind a satellite. */
static const uint64_t request_bounds_us[] = {1000,   2500,   5000,    10000,   25000,   50000,    100000,
                                             250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000};

/* 10 µs … 1 s: from memory to a slow disk. */
static const uint64_t commit_bounds_us[] = {10,   25,   50,    100,   250,    500,    1000,
                                            2500, 5000, 10000, 50000, 100000, 500000, 1000000};

static struct histogram make_histogram(const uint64_t *bounds_us, size_t count)
{
    CHECK(count <= METRICS_BUCKETS_MAX);
    return (struct histogram){.bounds_us = bounds_us, .bound_count = count};
}

void histogram_observe(struct histogram *h, uint64_t us)
{
    size_t i = 0;

    while (i < h->bound_count && us > h->bounds_us[i])
        i++;
    h->counts[i]++;
    h->sum_us += us;
}

/* --- codes --- */

static const enum code codes[] = {
    CODE_SUCCESS,       CODE_WRONG_HASH,           CODE_USER_NOT_FOUND,    CODE_WRONG_FORMAT,
    CODE_UNEXPECTED,    CODE_INVALID_PARAMETERS,   CODE_QUEUE_ERROR,       CODE_TOO_LARGE,
    CODE_NOT_PERMITTED, CODE_DATABASE_UNAVAILABLE, CODE_TOO_MANY_REQUESTS, CODE_WRONG_METHOD,
    CODE_NOT_FOUND,     CODE_DEVICE_BLOCKED,       CODE_OFFLINE,           CODE_NOT_SUPPORTED,
    CODE_CLONE,         CODE_UNKNOWN_MODEL,        CODE_WRONG_STATUS,      CODE_USER_BLOCKED,
};

static const size_t code_count = sizeof codes / sizeof *codes;

_Static_assert(sizeof codes / sizeof *codes <= METRICS_CODES_MAX, "each has a counter");

int metrics_code_at(size_t index)
{
    return index < code_count ? (int)codes[index] : -1;
}

static size_t place_of(enum code code)
{
    size_t i = 0;

    while (codes[i] != code) {
        i++;
        CHECK(i < code_count);
    }
    return i;
}

static void count_reply(struct metrics *m, const struct engine_event *event)
{
    m->replies[event->action][place_of(event->code)]++;
}

/* --- profiles --- */

static bool is_profile(const struct metrics *m, size_t i, const char *name)
{
    return i < m->profile_count && strcmp(m->profiles[i].name, name) == 0;
}

static size_t find_profile(struct metrics *m, const char *name)
{
    size_t i = 0;

    while (i < m->profile_count && !is_profile(m, i, name))
        i++;
    if (i < m->profile_count || i == METRICS_PROFILES_MAX)
        return i < m->profile_count ? i : i - 1;
    m->profiles = realloc(m->profiles, (i + 1) * sizeof *m->profiles);
    CHECK(m->profiles);
    m->profiles[i] = (struct profile_metrics){.name = strdup(name)};
    CHECK(m->profiles[i].name);
    m->profile_count++;
    return i;
}

/* Names, not profiles: a reload replaces these, and the count goes on. */
static struct profile_metrics *profile_of(struct metrics *m, const struct engine_event *event)
{
    const char *name = event->profile ? event->profile : "none";

    if (!is_profile(m, m->last_profile, name))
        m->last_profile = find_profile(m, name);
    return &m->profiles[m->last_profile];
}

/* --- events --- */

static void note_settled(struct metrics *m, const struct engine_event *event)
{
    count_reply(m, event);
    profile_of(m, event)->outcomes[event->outcome]++;
    histogram_observe(&m->queue, event->queue_ms * 1000);
    if (event->outcome != OUTCOME_NOT_SENT)
        histogram_observe(&m->device, event->device_ms * 1000);
    histogram_observe(&m->request, event->total_ms * 1000);
}

void metrics_event(struct metrics *m, const struct engine_event *event)
{
    if (event->kind == EVENT_REQUEST_SETTLED)
        note_settled(m, event);
    else if (event->kind == EVENT_REQUEST_REFUSED)
        count_reply(m, event);
    else if (event->kind == EVENT_COMMAND_SENT)
        profile_of(m, event)->commands++;
}

void metrics_init(struct metrics *m)
{
    size_t count = sizeof request_bounds_us / sizeof *request_bounds_us;

    *m = (struct metrics){
        .queue = make_histogram(request_bounds_us, count),
        .device = make_histogram(request_bounds_us, count),
        .request = make_histogram(request_bounds_us, count),
        .commit = make_histogram(commit_bounds_us, sizeof commit_bounds_us / sizeof *commit_bounds_us),
    };
}

void metrics_release(struct metrics *m)
{
    for (size_t i = 0; i < m->profile_count; i++)
        free(m->profiles[i].name);
    free(m->profiles);
}
