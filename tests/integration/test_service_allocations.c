/* Once it is warm the service asks nobody for memory, whatever it is asked for. What paho and jansson allocate for
 * themselves is theirs. A buffer that meets more at once than ever before grows even then, once: so one stretch of
 * requests without any is asked for, of a few. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "preload/alloc_count.h"
#include "support/broker.h"
#include "support/crowd.h"
#include "support/preload.h"
#include "support/sanitizer.h"
#include "support/simulator.h"

enum {
    FIRST = 1000,
    TRACKERS = 100,
    WARM_UP = 12000, /* goes around the journal, and forgets as many answers as it remembers */
    STRETCH = 3000,
    STRETCHES_MAX = 6,
    WARM_WINDOW = 300, /* more at a time than afterwards, so that all has had the size that it needs */
    WINDOW = 100,
    PATIENCE_MS = 60000,
};

static struct broker *broker;
static struct outputd *service;
static struct simulator *trackers;
static struct crowd *crowd;
static const struct alloc_count *counts;

static void write_registry(void)
{
    struct buffer text = {0};

    buffer_put_text(&text, "users = ({ id = 1; });\n"
                           "sessions = ({ hash_sha256 = "
                           "\"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\"; "
                           "user_id = 1; master = true; });\n"
                           "trackers = ({ id = 265490; user_id = 1; model = \"generic_json\"; outputs = 3; }");
    for (int i = 0; i < TRACKERS; i++)
        buffer_printf(&text, ",\n{ id = %d; user_id = 1; model = \"%s\"; outputs = 64; }", FIRST + i, "generic_json");
    buffer_put_text(&text, ");\n");
    buffer_put_u8(&text, '\0');
    outputd_write(service, "registry.cfg", (const char *)text.data);
    buffer_release(&text);
}

static struct crowd_request request(int number)
{
    return (struct crowd_request){.tracker_id = FIRST + number % TRACKERS, .output = 1 + number / TRACKERS % 64};
}

static void map_counts(void)
{
    char path[64];
    int file;

    snprintf(path, sizeof path, "%s/allocations", service->directory);
    file = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(file, 0);
    counts = mmap(NULL, sizeof *counts, PROT_READ, MAP_SHARED, file, 0);
    cr_assert_neq(counts, MAP_FAILED);
    close(file);
}

static void set_stage(bool with_audit)
{
    char arguments[96];

    broker = broker_start("max_queued_messages 0\nmax_inflight_messages 256");
    service = outputd_new(broker_url(broker));
    write_registry();
    outputd_set(service, "journal.size_mb", "8");
    outputd_set(service, "engine.dedup_window_ms", "300");
    if (with_audit)
        outputd_set_text(service, "audit.path", "audit.jsonl");
    snprintf(arguments, sizeof arguments, "--trackers %d-%d --outputs 64 --latency-ms 0 --quiet", FIRST,
             FIRST + TRACKERS - 1);
    trackers = simulator_ready(broker_url(broker), arguments);
    preload_start(service, "alloc_count", "ALLOC_COUNT", "allocations");
    outputd_wait_ready(service);
    map_counts();
    crowd =
        crowd_start(broker_url(broker), "a6aa75587e5c59c32d347da438505fc3", WARM_UP + STRETCHES_MAX * STRETCH, request);
    cr_assert(crowd);
}

static void clear_stage(void)
{
    crowd_free(crowd);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_allocations, .timeout = 300);

static void run_until(int count, int window)
{
    uint64_t end_ms = clock_now().mono_ms + PATIENCE_MS;

    while (crowd->replied < count && clock_now().mono_ms < end_ms) {
        if (!crowd_turn(crowd, count, window))
            crowd_idle(crowd);
    }
    cr_assert_eq(crowd_count(crowd, CROWD_SUCCESS), count);
}

static void expect_none(bool with_audit)
{
    uint64_t before;
    uint64_t after;
    int asked_for = WARM_UP;

    if (SANITIZED) {
        puts("skipped: a sanitizer's build has no pools");
        return;
    }
    set_stage(with_audit);
    run_until(WARM_UP, WARM_WINDOW);
    after = atomic_load(&counts->count);
    do {
        before = after;
        asked_for += STRETCH;
        run_until(asked_for, WINDOW);
        after = atomic_load(&counts->count);
    } while (after != before && asked_for < WARM_UP + STRETCHES_MAX * STRETCH);
    cr_expect_eq(after, before, "%llu for the last %d requests, the last at %#llx",
                 (unsigned long long)(after - before), STRETCH,
                 (unsigned long long)counts->last[(after - 1) % ALLOC_LAST]);
    clear_stage();
}

Test(service_allocations, a_request_takes_none_of_its_own)
{
    expect_none(false);
}

Test(service_allocations, neither_does_its_line_in_the_audit_trail)
{
    expect_none(true);
}
