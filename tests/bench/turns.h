/* The engine with a journal on disk, without a broker, in turns of BATCH requests or acks that share a commit. What it
 * wants to be sent is taken as sent, and delivered, at the next commit. */
#ifndef BENCH_TURNS_H
#define BENCH_TURNS_H

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/check.h"
#include "core/engine.h"
#include "core/journal.h"

#define HASH "a6aa75587e5c59c32d347da438505fc3"

enum { BATCH = 32 };

struct text {
    char topic[64];
    char payload[192];
};

static struct {
    struct engine *engine;
    struct journal *journal;
    struct instant now;
    int32_t trackers;
    uint64_t told;            /* so far */
    uint64_t commands[BATCH]; /* their ids, since the last commit */
    uint64_t replies[BATCH];
    size_t command_count;
    size_t reply_count;
    uint64_t successes;
} bench;

/* --- effects --- */

static void put(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    (void)ctx;
    journal_put(bench.journal, kind, id, record);
}

static void take(void *ctx, enum journal_kind kind, uint64_t id)
{
    (void)ctx;
    journal_delete(bench.journal, kind, id);
}

static void command(void *ctx, const struct engine_command *command)
{
    (void)ctx;
    bench.commands[bench.command_count++] = command->id;
}

static void cancel(void *ctx, uint64_t id)
{
    (void)ctx;
    CHECK(id == 0); /* none is given up on */
}

static void reply(void *ctx, const struct engine_reply *reply)
{
    (void)ctx;
    bench.replies[bench.reply_count++] = reply->id;
}

static void event(void *ctx, const struct engine_event *event)
{
    (void)ctx;
    bench.successes += event->kind == EVENT_REQUEST_SETTLED && event->outcome == OUTCOME_SUCCESS;
}

static const struct engine_config config = {
    .store = {.pending_max = 1000000,
              .tracker_queue_max = 16,
              .pending_bytes_max = (uint64_t)1 << 30,
              .dedup_max = 2000000,
              .refused_max = 1000,
              .dedup_window_ms = 100},
    .ack_timeout_ms = 3600000,
    .trackers_max = 10000000,
    .request_bytes_max = 16384,
    .ack_bytes_max = 4096,
    .prefix = "",
    .reply_default = "api/tracker/output/{action}/response",
};

static struct engine *make_engine(void)
{
    const struct engine_effects effects = {NULL, put, take, command, cancel, reply, event, NULL};

    return engine_new(&config, &effects, UINT64_C(1) << 40);
}

/* --- turns of the loop --- */

static double cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void tell(const struct text *text, uint64_t correlation)
{
    const struct engine_message message = {
        .topic = bytes_of_text(text->topic),
        .payload = bytes_of_text(text->payload),
        .response_topic = bytes_of_text("client/0123456789/replies"),
        .correlation = bytes_of(&correlation, sizeof correlation),
    };

    engine_message(bench.engine, &message, bench.now);
}

static void commit(void)
{
    CHECK(journal_commit(bench.journal) == 0);
    engine_journal_committed(bench.engine);
    for (size_t i = 0; i < bench.command_count; i++)
        engine_command_sent(bench.engine, bench.commands[i], bench.now);
    for (size_t i = 0; i < bench.reply_count; i++)
        engine_reply_delivered(bench.engine, bench.replies[i]);
    bench.reply_count = 0;
}

static void publish_states(void)
{
    static struct buffer topic;
    static struct buffer payload;
    int32_t tracker_id;

    while (engine_next_state(bench.engine, bench.now.mono_ms, &tracker_id, &topic, &payload)) {
        buffer_clear(&topic);
        buffer_clear(&payload);
    }
}

static void make_request(struct text *text, int32_t tracker)
{
    snprintf(text->topic, sizeof text->topic, "api/tracker/output/set");
    snprintf(text->payload, sizeof text->payload,
             "{\"hash\": \"%s\", \"tracker_id\": %d, \"output\": 1, \"enable\": true, \"request_id\": %d}", HASH,
             tracker, (int)(bench.told % 1000000));
}

static void make_ack(struct text *text, int32_t tracker, uint64_t id)
{
    snprintf(text->topic, sizeof text->topic, "tracker/%d/output/ack", tracker);
    snprintf(text->payload, sizeof text->payload, "{\"id\": %" PRIu64 ", \"success\": true}", id);
}

/* Nanoseconds. */
static double turn(const struct text texts[BATCH])
{
    double begin = cpu_ns();

    engine_tick(bench.engine, bench.now);
    for (size_t i = 0; i < BATCH; i++)
        tell(&texts[i], bench.told++);
    commit();
    publish_states();
    return cpu_ns() - begin;
}

/* Requests to these trackers, until their commands are on their way. */
static double request(const int32_t *trackers, uint64_t *ids)
{
    struct text texts[BATCH];
    double ns;

    for (size_t i = 0; i < BATCH; i++)
        make_request(&texts[i], trackers[i]);
    bench.now.mono_ms++;
    bench.now.wall_ms++;
    bench.command_count = 0;
    ns = turn(texts);
    CHECK(bench.command_count == BATCH);
    memcpy(ids, bench.commands, sizeof bench.commands);
    bench.command_count = 0;
    return ns;
}

static double ack(const int32_t *trackers, const uint64_t *ids)
{
    struct text texts[BATCH];
    uint64_t before = bench.successes;
    double ns;

    for (size_t i = 0; i < BATCH; i++)
        make_ack(&texts[i], trackers[i], ids[i]);
    ns = turn(texts);
    CHECK(bench.successes - before == BATCH);
    return ns;
}

#endif
