/* What a tracker and a pending request take of memory, and whether a request costs the same whatever their number: the
 * engine with a journal on disk, in one process, without a broker.
 *
 *     scale FOLDER [TRACKERS [PENDING]]    prints one line of JSON; what it writes to the folder it takes away again
 *
 * Bytes are of resident memory, the registry's own included. Nanoseconds are of CPU time, for a request with its
 * command, ack, reply and journal: medians of rounds in turns. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/clock.h"
#include "core/engine.h"
#include "edge/journal_file.h"
#include "edge/registry_file.h"

#define HASH "a6aa75587e5c59c32d347da438505fc3"

enum {
    BATCH = 32, /* requests of a turn: they share a commit */
    ROUNDS = 5,
    TURNS = 1500, /* of a round */
    FEW = 1000,
    JOURNAL_MB = 384,
    STRIDE = 611953, /* a prime: visits all trackers, one far from the other */
};

struct text {
    char topic[64];
    char payload[192];
};

static struct {
    struct engine *engine;
    struct journal *journal;
    struct instant now;
    int32_t trackers;
    uint64_t requests;        /* so far */
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
    (void)ctx, (void)id;
    CHECK(!"a command is given up on");
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

/* --- looking at the process --- */

static size_t resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    size_t pages;

    malloc_trim(0);
    CHECK(f && fscanf(f, "%*u %zu", &pages) == 1);
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static double bytes_each(size_t from, size_t to, int32_t count)
{
    return ((double)to - (double)from) / count;
}

static double cpu_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double values[ROUNDS])
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

/* --- the world --- */

static void write_registry(const char *path)
{
    const struct digest digest = digest_of(bytes_of_text(HASH));
    char hex[2 * DIGEST_SIZE + 1];
    FILE *f = fopen(path, "we");

    CHECK(f);
    bytes_to_hex(bytes_of(digest.bytes, DIGEST_SIZE), hex);
    fprintf(f, "users = ({ id = 1; });\nsessions = ({ hash_sha256 = \"%s\"; user_id = 1; master = true; });\n", hex);
    fputs("trackers = (\n", f);
    for (int32_t id = 1; id <= bench.trackers; id++)
        fprintf(f, "  { id = %d; user_id = 1; model = \"generic_json\"; device_id = \"356307%09d\"; outputs = 3; }%s\n",
                id, id, id < bench.trackers ? "," : "");
    fputs(");\n", f);
    CHECK(fclose(f) == 0);
}

static struct registry *read_registry(const char *path, const struct profiles *profiles, double *ms)
{
    struct mistakes mistakes = {0};
    uint64_t begin = clock_mono_us();
    struct registry *registry = registry_file_read(path, profiles, &mistakes);

    *ms = (double)(clock_mono_us() - begin) / 1000;
    if (!registry)
        fprintf(stderr, "%.*s\n", (int)mistakes.text.len, (const char *)mistakes.text.data);
    CHECK(registry);
    mistakes_release(&mistakes);
    return registry;
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
    const struct engine_effects effects = {NULL, put, take, command, cancel, reply, event};

    return engine_new(&config, &effects, UINT64_C(1) << 40);
}

/* --- turns of the loop --- */

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

    while (engine_next_state(bench.engine, bench.now.mono_ms, &topic, &payload)) {
        buffer_clear(&topic);
        buffer_clear(&payload);
    }
}

static void make_request(struct text *text, int32_t tracker)
{
    snprintf(text->topic, sizeof text->topic, "api/tracker/output/set");
    snprintf(text->payload, sizeof text->payload,
             "{\"hash\": \"%s\", \"tracker_id\": %d, \"output\": 1, \"enable\": true, \"request_id\": %d}", HASH,
             tracker, (int)(bench.requests % 1000000));
}

static void make_ack(struct text *text, int32_t tracker, uint64_t id)
{
    snprintf(text->topic, sizeof text->topic, "tracker/%d/output/ack", tracker);
    snprintf(text->payload, sizeof text->payload, "{\"id\": %" PRIu64 ", \"success\": true}", id);
}

/* One turn of requests, until their commands are on their way. Nanoseconds. */
static double request(const int32_t *trackers)
{
    struct text texts[BATCH];
    double begin;

    for (size_t i = 0; i < BATCH; i++)
        make_request(&texts[i], trackers[i]);
    bench.command_count = 0;
    bench.now.mono_ms++;
    bench.now.wall_ms++;
    begin = cpu_ns();
    engine_tick(bench.engine, bench.now);
    for (size_t i = 0; i < BATCH; i++)
        tell(&texts[i], bench.requests++);
    commit();
    CHECK(bench.command_count == BATCH);
    return cpu_ns() - begin;
}

static double ack(const int32_t *trackers, const uint64_t *ids)
{
    struct text texts[BATCH];
    uint64_t before = bench.successes;
    double begin;

    for (size_t i = 0; i < BATCH; i++)
        make_ack(&texts[i], trackers[i], ids[i]);
    bench.command_count = 0;
    begin = cpu_ns();
    for (size_t i = 0; i < BATCH; i++)
        tell(&texts[i], 0);
    commit();
    publish_states();
    CHECK(bench.successes - before == BATCH);
    return cpu_ns() - begin;
}

/* `count` trackers of these, far from one another. */
static void choose(int32_t chosen[BATCH], uint64_t turn, int32_t first, int32_t count, int32_t distance)
{
    for (size_t i = 0; i < BATCH; i++)
        chosen[i] = first + (int32_t)((turn * BATCH + i) * STRIDE % (uint64_t)count) * distance;
}

static double turn(uint64_t n, int32_t first, int32_t count, int32_t distance)
{
    uint64_t ids[BATCH];
    int32_t chosen[BATCH];
    double ns;

    choose(chosen, n, first, count, distance);
    ns = request(chosen);
    memcpy(ids, bench.commands, sizeof ids);
    return ns + ack(chosen, ids);
}

/* Nanoseconds of one request. */
static double round_of(int32_t first, int32_t count, int32_t distance)
{
    static uint64_t n;
    double ns = 0;

    for (int i = 0; i < TURNS; i++)
        ns += turn(n++, first, count, distance);
    return ns / TURNS / BATCH;
}

/* --- the measurements --- */

static void bring_online(void)
{
    struct text text = {.payload = "online"};

    engine_presence_reading(bench.engine);
    for (int32_t id = 1; id <= bench.trackers; id++) {
        snprintf(text.topic, sizeof text.topic, "tracker/%d/status", id);
        tell(&text, 0);
    }
    engine_presence_read(bench.engine, bench.now);
    CHECK(engine_totals(bench.engine).online == (size_t)bench.trackers);
}

static void ack_all(void)
{
    for (int32_t i = 0; i < bench.trackers / BATCH; i++)
        (void)turn((uint64_t)i, 1, bench.trackers, 1);
}

/* The first `count` trackers get a command each, which is not acked before clear_pending. */
static void make_pending(uint64_t *ids, int32_t count)
{
    int32_t chosen[BATCH];

    for (int32_t at = 0; at < count; at += BATCH) {
        choose(chosen, (uint64_t)(at / BATCH), 1, count, 1);
        (void)request(chosen);
        memcpy(ids + at, bench.commands, sizeof bench.commands);
    }
}

static void clear_pending(const uint64_t *ids, int32_t count)
{
    int32_t chosen[BATCH];

    for (int32_t at = 0; at < count; at += BATCH) {
        choose(chosen, (uint64_t)(at / BATCH), 1, count, 1);
        (void)ack(chosen, ids + at);
    }
}

struct result {
    double load_ms;
    size_t before;
    size_t registry;
    size_t presence;
    size_t states;
    double pending;
    double few[ROUNDS];
    double all[ROUNDS];
    double alone[ROUNDS];
    double among[ROUNDS];
};

static void measure_memory(struct result *r, const char *registry_path)
{
    struct profiles *profiles = profiles_new("");

    r->before = resident_bytes();
    bench.engine = make_engine();
    engine_reload(bench.engine, &config, read_registry(registry_path, profiles, &r->load_ms), profiles);
    r->registry = resident_bytes();
    bring_online();
    r->presence = resident_bytes();
    ack_all();
    r->states = resident_bytes();
}

static void measure_pending(struct result *r, uint64_t *ids, int32_t count)
{
    size_t before;

    for (int i = 0; i < ROUNDS; i++) {
        r->few[i] = round_of(1, FEW, bench.trackers / FEW);
        r->all[i] = round_of(1, bench.trackers, 1);
        r->alone[i] = round_of(1 + count, bench.trackers - count, 1);
        before = resident_bytes();
        make_pending(ids, count);
        if (i == 0) /* later ones may find memory that the first ones have left */
            r->pending = bytes_each(before, resident_bytes(), count);
        r->among[i] = round_of(1 + count, bench.trackers - count, 1);
        clear_pending(ids, count);
    }
}

static void print(struct result *r, int32_t pending)
{
    printf("{\"trackers\": %d, \"load_ms\": %.0f, \"bytes_registry\": %.1f, \"bytes_presence\": %.1f, "
           "\"bytes_states\": %.1f, \"bytes_per_tracker\": %.1f, \"pending\": %d, \"bytes_per_pending\": %.1f, ",
           bench.trackers, r->load_ms, bytes_each(r->before, r->registry, bench.trackers),
           bytes_each(r->registry, r->presence, bench.trackers), bytes_each(r->presence, r->states, bench.trackers),
           bytes_each(r->before, r->states, bench.trackers), pending, r->pending);
    printf("\"ns_per_request\": {\"trackers_%d\": %.0f, \"trackers_%d\": %.0f, \"pending_1\": %.0f, "
           "\"pending_%d\": %.0f}}\n",
           FEW, median(r->few), bench.trackers, median(r->all), median(r->alone), pending, median(r->among));
}

static struct journal_file *open_journal(const char *path)
{
    const char *error;
    struct journal_file *f = journal_file_open(path, JOURNAL_MB, false, &error);

    if (!f)
        fprintf(stderr, "%s\n", error);
    CHECK(f);
    bench.journal = journal_file_journal(f);
    return f;
}

/* Whole turns, and some trackers that are not pending. */
static int32_t whole_turns(const char *text, int32_t otherwise)
{
    return (text ? atoi(text) : otherwise) / BATCH * BATCH;
}

static void run(const char *folder, int32_t pending)
{
    char path[512];
    char registry_path[576];
    uint64_t *ids = calloc((size_t)pending, sizeof *ids);
    struct result result = {0};
    struct journal_file *f;

    CHECK(ids);
    memset(ids, 1, (size_t)pending * sizeof *ids); /* resident from here on */
    snprintf(path, sizeof path, "%s/scale-%d", folder, (int)getpid());
    snprintf(registry_path, sizeof registry_path, "%s/registry.cfg", path);
    f = open_journal(path);
    bench.now = clock_now();
    write_registry(registry_path);
    measure_memory(&result, registry_path);
    measure_pending(&result, ids, pending);
    print(&result, pending);
    engine_free(bench.engine);
    journal_file_close(f);
    free(ids);
    snprintf(registry_path, sizeof registry_path, "rm -rf '%s'", path);
    CHECK(system(registry_path) == 0);
}

int main(int argc, char **argv)
{
    int32_t pending = whole_turns(argc > 3 ? argv[3] : NULL, 100000);

    bench.trackers = whole_turns(argc > 2 ? argv[2] : NULL, 1000000);
    if (argc < 2 || pending < BATCH || bench.trackers < pending + FEW) {
        fputs("usage: scale FOLDER [TRACKERS [PENDING]]\n", stderr);
        return 2;
    }
    run(argv[1], pending);
    return 0;
}
