/* sim [FOLDER]: simulates until STEPS are taken or SECONDS are over, in episodes of a world of their own each, after
 * those that are saved in the folder. A failure is replayed with ever fewer steps; the shortest list of them that still
 * fails is printed with what happened, and written to the file that SAVE names. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "sim.h"

enum { EPISODE_STEPS = 1500, HEAL_MS = 60000, EXIT_BROKEN = 3 };

struct episode {
    uint64_t seed;
    struct step steps[EPISODE_STEPS];
    size_t count;
};

static bool is_quiet; /* a replay that only asks whether it fails */

void oracle_fail(const char *invariant, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (!is_quiet) {
        printf("BROKEN after step %u, at %" PRIu64 " ms: %s: ", sim.step, sim.now_ms, invariant);
        vprintf(format, args);
        printf("\n");
        fflush(stdout);
    }
    va_end(args);
    _exit(EXIT_BROKEN);
}

static bool is_traced;

void trace(const char *format, ...)
{
    va_list args;

    if (!is_traced)
        return;
    printf("  %8" PRIu64 " ms   ", sim.now_ms);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

/* --- an episode --- */

static void draw(struct episode *e, uint64_t seed)
{
    uint64_t random = seed;

    e->seed = seed;
    e->count = EPISODE_STEPS;
    for (size_t i = 0; i < e->count; i++)
        e->steps[i] = step_draw(&random);
}

/* Nothing bad happens any more: everything must come to its end. */
static void heal(void)
{
    sim.healing = true;
    sim.crash_in = 0;
    sim.disk.fails = sim.disk.sync_fails = false;
    for (uint64_t end_ms = sim.now_ms + HEAL_MS; sim.now_ms < end_ms;) {
        uint64_t before_ms = sim.now_ms;

        broker_carry(100);
        service_wait(engine_totals(sim.service->engine).pending || !broker_is_quiet() ? 100 : 5000);
        sim.now_ms += sim.now_ms == before_ms;
    }
}

static void play(const struct episode *e)
{
    sim.step = 0;
    dice_seed(e->seed);
    sim_open();
    for (size_t i = 0; i < e->count; i++) {
        sim.step = (unsigned)i + 1;
        if (is_traced)
            printf("%3zu %s\n", i + 1, step_names[e->steps[i].kind]);
        step_run(e->steps[i]);
    }
    trace("nothing bad happens from here on");
    heal();
    oracle_at_end();
    sim_close();
}

/* --- the shortest trace --- */

static bool fails(const struct episode *e)
{
    int status;
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);

        is_quiet = true;
        dup2(null, STDERR_FILENO);
        alarm(20);
        play(e);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    return status != 0;
}

static void without(const struct episode *e, size_t from, size_t count, struct episode *out)
{
    *out = *e;
    memmove(&out->steps[from], &out->steps[from + count], (e->count - from - count) * sizeof *out->steps);
    out->count -= count;
}

static void shorten(struct episode *e)
{
    static struct episode shorter;

    for (size_t chunk = e->count / 2; chunk > 0; chunk /= 2) {
        for (size_t from = 0; from + chunk <= e->count;) {
            without(e, from, chunk, &shorter);
            if (fails(&shorter))
                *e = shorter;
            else
                from += chunk;
        }
    }
}

static void save(const struct episode *e)
{
    const char *path = getenv("SAVE");
    FILE *file = path ? fopen(path, "we") : NULL;

    if (!file)
        return;
    fprintf(file, "%016" PRIx64 "\n", e->seed);
    for (size_t i = 0; i < e->count; i++)
        fprintf(file, "%s %016" PRIx64 "\n", step_names[e->steps[i].kind], e->steps[i].random);
    fclose(file);
    printf("Written to %s\n", path);
}

static void explain(struct episode *e)
{
    printf("Shortening its %zu steps…\n", e->count);
    fflush(stdout);
    shorten(e);
    save(e);
    printf("These %zu are enough:\n", e->count);
    fflush(stdout);
    if (fork() == 0) {
        is_traced = true;
        play(e);
        _exit(0);
    }
    wait(NULL);
}

/* --- many --- */

/* Between the child that plays and the parent that can play it again. */
struct progress {
    uint64_t seed;   /* of the episode that is played */
    char saved[256]; /* the file that it was read from; empty: none */
    uint64_t episodes;
    uint64_t steps;
    struct oracle_totals totals;
};

static struct progress *progress;

static double seconds_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

static struct episode episode;

static void play_and_count(void)
{
    progress->seed = episode.seed;
    play(&episode);
    progress->episodes++;
    progress->steps += episode.count;
    progress->totals = oracle_totals;
}

static enum step_kind kind_of(const char *name)
{
    unsigned kind = 0;

    while (kind < STEP_KIND_COUNT && strcmp(step_names[kind], name) != 0)
        kind++;
    CHECK(kind < STEP_KIND_COUNT);
    return (enum step_kind)kind;
}

/* As save() writes it. */
static void read_saved(FILE *file)
{
    char name[16];
    uint64_t random;

    CHECK(fscanf(file, "%" SCNx64, &episode.seed) == 1);
    for (episode.count = 0; episode.count < EPISODE_STEPS && fscanf(file, "%15s %" SCNx64, name, &random) == 2;)
        episode.steps[episode.count++] = (struct step){kind_of(name), random};
}

/* Episodes that failed once. */
static void play_saved(const char *folder)
{
    struct dirent **names;
    int count = folder ? scandir(folder, &names, NULL, alphasort) : 0;

    for (int i = 0; i < count; i++) {
        char path[512];
        FILE *file;

        if (names[i]->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        snprintf(progress->saved, sizeof progress->saved, "%.255s", path);
        file = fopen(path, "re");
        CHECK(file);
        read_saved(file);
        fclose(file);
        play_and_count();
    }
    progress->saved[0] = '\0';
}

/* The first episode's seed is the one that is given, so that one that failed is played alone. */
static void play_fresh(uint64_t seed, uint64_t steps, double seconds)
{
    double begin = seconds_now();
    uint64_t random = seed;
    uint64_t end = progress->steps + steps;

    for (uint64_t next = seed; progress->steps < end && seconds_now() - begin < seconds; next = dice_next(&random)) {
        draw(&episode, next);
        play_and_count();
    }
}

static void print_totals(double seconds)
{
    const struct oracle_totals *t = &progress->totals;

    printf("%" PRIu64 " steps in %.1f s (%.0f a minute), %" PRIu64 " episodes, %" PRIu64 " restarts of the service\n",
           progress->steps, seconds, (double)progress->steps / seconds * 60, progress->episodes, t->restarts);
    printf("%" PRIu64 " requests, %" PRIu64 " accepted, %" PRIu64 " commands, %" PRIu64 " replies: %" PRIu64
           " success, %" PRIu64 " not_sent, %" PRIu64 " rejected, %" PRIu64
           " unknown; journal and memory compared %" PRIu64 " times\n",
           t->requests, t->accepted, t->commands, t->replies, t->outcomes[OUTCOME_SUCCESS],
           t->outcomes[OUTCOME_NOT_SENT], t->outcomes[OUTCOME_REJECTED], t->outcomes[OUTCOME_UNKNOWN],
           t->checks_of_memory);
}

static void explain_failure(void)
{
    if (progress->saved[0]) {
        FILE *file = fopen(progress->saved, "re");

        CHECK(file);
        read_saved(file);
        fclose(file);
        printf("FAILED: %s\n", progress->saved);
    } else {
        draw(&episode, progress->seed);
        printf("FAILED: to see it again, SEED=0x%" PRIx64 " STEPS=1\n", progress->seed);
    }
    explain(&episode);
}

int main(int argc, char **argv)
{
    uint64_t seed = number_of("SEED", (uint64_t)time(NULL) * UINT64_C(1000003));
    uint64_t seconds = number_of("SECONDS", 0);
    uint64_t steps = number_of("STEPS", seconds ? UINT64_MAX / 2 : 1000000);
    double begin = seconds_now();
    int status;
    pid_t child;

    progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(progress != MAP_FAILED);
    printf("SEED=0x%" PRIx64 "\n", seed);
    fflush(stdout);
    log_set_fd(open("/dev/null", O_WRONLY));
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        play_saved(argc > 1 ? argv[1] : NULL);
        play_fresh(seed, steps, seconds ? (double)seconds : 1e9);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (progress->episodes)
        print_totals(seconds_now() - begin);
    if (status == 0) {
        printf("%" PRIu64 " passed, 0 failed, 0 skipped\n", progress->episodes);
        return 0;
    }
    if (WIFSIGNALED(status))
        printf("ended by signal %d\n", WTERMSIG(status));
    explain_failure();
    printf("%" PRIu64 " passed, 1 failed, 0 skipped\n", progress->episodes);
    return 1;
}
