/* What it costs to render a command, with each shipped profile: the first vector of a set that it carries, over and
 * over. render PROFILE...: the median of ROUNDS for each, in nanoseconds, as JSON lines. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "edge/profile_file.h"
#include "outputctl/subject.h"
#include "outputctl/vector.h"

enum { ROUNDS = 9, TIMES = 20000 };

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return left < right ? -1 : left > right;
}

/* Nanoseconds for one. The counting id makes every command another one. */
static double one_round(struct subject *subject, struct buffer *out)
{
    uint64_t before = clock_mono_us();

    for (int i = 0; i < TIMES; i++) {
        buffer_clear(out);
        subject->command.id++;
        CHECK(profile_render(subject->profile, &subject->input, out, NULL) == 0);
    }
    return (double)(clock_mono_us() - before) * 1000 / TIMES;
}

static void measure(struct profile *profile, struct vector *v)
{
    struct subject subject = {.profile = profile};
    struct buffer out = {0};
    double rounds[ROUNDS];

    subject_take_command(&subject, &v->options);
    subject.states.known = UINT64_MAX;
    for (int i = 0; i < ROUNDS; i++)
        rounds[i] = one_round(&subject, &out);
    qsort(rounds, ROUNDS, sizeof *rounds, by_value);
    printf("{\"profile\": \"%s\", \"bytes\": %zu, \"ns\": %.0f}\n", profile_name(profile), out.len, rounds[ROUNDS / 2]);
    buffer_release(&out);
}

static bool is_rendered(const struct vector *v)
{
    return !v->is_ack && !v->raw && v->options.action == ACTION_SET;
}

/* The first vector of a set. */
static void measure_file(const char *path)
{
    struct mistakes mistakes = {0};
    struct profile *profile = profile_file_read(path, "", &mistakes);
    struct conf_file *file = conf_open(path, &mistakes);
    const struct conf_node *vectors = conf_find(file, "vectors");
    bool done = false;

    CHECK(profile);
    for (size_t i = 0; i < conf_count(vectors) && !done; i++) {
        struct vector v;

        CHECK(vector_read(&v, file, conf_at(vectors, i)));
        done = is_rendered(&v);
        if (done)
            measure(profile, &v);
        vector_release(&v);
    }
    conf_close(file);
    profile_unref(profile);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        measure_file(argv[i]);
    return 0;
}
