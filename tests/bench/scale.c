/* What a tracker and a pending request take of memory, and whether a request costs the same whatever their number.
 *
 *     scale FOLDER [TRACKERS [PENDING]]    prints one line of JSON; what it writes to the folder it takes away again
 *
 * Bytes are of resident memory. Nanoseconds are of CPU time, for a request with its command, ack, reply and journal, in
 * the engine and the journal alone: medians of rounds in turns. "acked": the requests that pend are those that are
 * acked, one here, one there; else they are others. */
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "edge/journal_file.h"
#include "edge/registry_file.h"
#include "turns.h"

enum {
    ROUNDS = 5,
    TURNS = 1500, /* of a round */
    FEW = 1000,
    JOURNAL_MB = 384,
    STRIDE = 611953, /* a prime: visits all trackers, one far from the other */
};

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

/* --- who is served --- */

/* BATCH of `count` trackers, far from one another. */
static void choose(int32_t chosen[BATCH], uint64_t turn, int32_t first, int32_t count, int32_t distance)
{
    for (size_t i = 0; i < BATCH; i++)
        chosen[i] = first + (int32_t)((turn * BATCH + i) * STRIDE % (uint64_t)count) * distance;
}

/* Nanoseconds of a request to these trackers, of `turns` times BATCH. */
static double serve(int turns, int32_t first, int32_t count, int32_t distance)
{
    static uint64_t n;
    int32_t chosen[BATCH];
    uint64_t ids[BATCH];
    double ns = 0;

    for (int i = 0; i < turns; i++) {
        choose(chosen, n++, first, count, distance);
        ns += request(chosen, ids);
        ns += ack(chosen, ids);
    }
    return ns / turns / BATCH;
}

/* The first `count` trackers get a command each, or ack it. */
static void for_pending(uint64_t *ids, int32_t count, bool acks)
{
    int32_t chosen[BATCH];

    for (int32_t at = 0; at < count; at += BATCH) {
        choose(chosen, (uint64_t)(at / BATCH), 1, count, 1);
        (void)(acks ? ack(chosen, ids + at) : request(chosen, ids + at));
    }
}

/* They ack, one here, one there, and get the next one at once. */
static double serve_pending(uint64_t *ids, int32_t count)
{
    static uint64_t n;
    int32_t chosen[BATCH];
    double ns = 0;

    for (int i = 0; i < TURNS; i++) {
        uint64_t at = n++ * STRIDE % (uint64_t)(count / BATCH);

        choose(chosen, at, 1, count, 1);
        ns += ack(chosen, ids + at * BATCH);
        ns += request(chosen, ids + at * BATCH);
    }
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
    double of_them[ROUNDS];
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
    (void)serve(bench.trackers / BATCH, 1, bench.trackers, 1);
    r->states = resident_bytes();
}

static void measure_pending(struct result *r, uint64_t *ids, int32_t count)
{
    size_t before;

    for (int i = 0; i < ROUNDS; i++) {
        r->few[i] = serve(TURNS, 1, FEW, bench.trackers / FEW);
        r->all[i] = serve(TURNS, 1, bench.trackers, 1);
        r->alone[i] = serve(TURNS, 1 + count, bench.trackers - count, 1);
        before = resident_bytes();
        for_pending(ids, count, false);
        if (i == 0) /* later ones may find memory that the first ones have left */
            r->pending = bytes_each(before, resident_bytes(), count);
        r->among[i] = serve(TURNS, 1 + count, bench.trackers - count, 1);
        r->of_them[i] = serve_pending(ids, count);
        for_pending(ids, count, true);
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
           "\"pending_%d\": %.0f, \"pending_%d_acked\": %.0f}}\n",
           FEW, median(r->few), bench.trackers, median(r->all), median(r->alone), pending, median(r->among), pending,
           median(r->of_them));
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
