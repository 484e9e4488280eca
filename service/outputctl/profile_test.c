/* profile test: what a profile renders and reads, against the vectors that are written in it. */
#include <stdio.h>
#include <stdlib.h>

#include "edge/profile_file.h"
#include "subject.h"
#include "terminal.h"
#include "vector.h"
#include "verbs.h"

struct tally {
    unsigned passed[TRUST_COUNT];
    unsigned failed[TRUST_COUNT];
};

/* --- commands --- */

/* False: what came out is not what must. */
static bool check_bytes(const struct vector *v, const struct conf_file *file, const char *what, struct bytes got,
                        struct bytes wanted)
{
    struct buffer shown = {0};

    if (bytes_equal(got, wanted))
        return true;
    terminal_put(&shown, got);
    buffer_put_text(&shown, "\" in place of \"");
    terminal_put(&shown, wanted);
    conf_mistake(file, v->node, "%s: the %s is \"%.*s\"", v->id, what, (int)shown.len, (const char *)shown.data);
    buffer_release(&shown);
    return false;
}

static bool check_hex(const struct vector *v, const struct conf_file *file, struct bytes got, struct bytes wanted)
{
    char *hex[2] = {malloc(2 * got.len + 1), malloc(2 * wanted.len + 1)};
    bool same = bytes_equal(got, wanted);

    bytes_to_hex(got, hex[0]);
    bytes_to_hex(wanted, hex[1]);
    if (!same)
        conf_mistake(file, v->node, "%s: the payload is %.200s in place of %.200s", v->id, hex[0], hex[1]);
    free(hex[0]);
    free(hex[1]);
    return same;
}

static bool check_topic(const struct vector *v, const struct conf_file *file, const struct subject *subject)
{
    struct buffer topic = {0};
    bool good;

    if (!v->topic)
        return true;
    template_render(profile_command_topic(subject->profile, subject->command.action), &subject->input, &topic);
    good = check_bytes(v, file, "topic", buffer_bytes(&topic), bytes_of_text(v->topic));
    buffer_release(&topic);
    return good;
}

static bool check_command(const struct vector *v, const struct conf_file *file, const struct subject *subject)
{
    struct buffer payload = {0};
    const char *why = NULL;
    bool good = false;
    int r = -1;

    if (v->raw)
        r = profile_render_raw(subject->profile, &subject->input, bytes_of_text(v->raw), &payload, &why);
    else if (profile_has(subject->profile, &subject->input, v->options.action))
        r = profile_render(subject->profile, &subject->input, &payload, &why);
    else
        why = "the profile has no such action";
    if (r < 0)
        conf_mistake(file, v->node, "%s: nothing is rendered: %s", v->id, why ? why : subject_reason(r));
    else
        good = check_topic(v, file, subject) && check_hex(v, file, buffer_bytes(&payload), buffer_bytes(&v->payload));
    buffer_release(&payload);
    return good;
}

/* --- acks --- */

struct hearing {
    struct buffer kinds; /* "success,unrelated" */
    struct buffer key;   /* the first one */
    bool has_key;
};

static void note(void *ctx, const struct ack_reading *reading)
{
    struct hearing *h = ctx;

    if (h->kinds.len)
        buffer_put_u8(&h->kinds, ',');
    buffer_put_text(&h->kinds, ack_kind_name(reading->kind));
    if (reading->key.data && !h->has_key) {
        h->has_key = true;
        buffer_put(&h->key, reading->key);
    }
}

/* With a command, an ack that repeats something must repeat what is the command's own. */
static bool check_echo(const struct vector *v, const struct conf_file *file, const struct subject *subject,
                       const struct hearing *h)
{
    struct buffer echo = {0};
    bool good = true;

    if (v->options.action != ACTION_UNKNOWN && h->has_key && !v->key) {
        profile_render_echo(subject->profile, &subject->input, &echo);
        good = check_bytes(v, file, "echo", buffer_bytes(&h->key), buffer_bytes(&echo));
    }
    buffer_release(&echo);
    return good;
}

static bool check_ack(const struct vector *v, const struct conf_file *file, const struct subject *subject)
{
    struct ack_expectation expected = {.output = subject_topic_output(subject, v->ack_topic)};
    struct hearing h = {0};
    bool good;

    if (v->options.action != ACTION_UNKNOWN)
        expected.command = &subject->command;
    profile_read_acks(subject->profile, &expected, buffer_bytes(&v->payload), true, note, &h);
    good = check_bytes(v, file, "ack", buffer_bytes(&h.kinds), bytes_of_text(v->result));
    if (good && v->key)
        good = check_bytes(v, file, "key", buffer_bytes(&h.key), bytes_of_text(v->key));
    if (good)
        good = check_echo(v, file, subject, &h);
    buffer_release(&h.kinds);
    buffer_release(&h.key);
    return good;
}

/* --- files --- */

static void run_vector(const struct conf_file *file, const struct conf_node *node, struct profile *profile,
                       struct tally *tally)
{
    struct subject subject = {.profile = profile};
    struct vector v;
    bool good = vector_read(&v, file, node);

    if (good) {
        subject_take_command(&subject, &v.options);
        good = v.is_ack ? check_ack(&v, file, &subject) : check_command(&v, file, &subject);
    }
    if (good)
        tally->passed[v.trust]++;
    else
        tally->failed[v.trust]++;
    vector_release(&v);
}

static void put_count(const struct tally *tally, enum trust trust)
{
    unsigned count = tally->passed[trust] + tally->failed[trust];
    char text[32] = "-";

    if (count)
        snprintf(text, sizeof text, "%u/%u", tally->passed[trust], count);
    printf("  %10s", text);
}

static void print_tally(const struct profile *profile, const struct tally *tally)
{
    printf("%-16s", profile_name(profile));
    for (int i = 0; i < TRUST_COUNT; i++)
        put_count(tally, (enum trust)i);
    putchar('\n');
}

static void add_up(struct tally *all, const struct tally *one)
{
    for (int i = 0; i < TRUST_COUNT; i++) {
        all->passed[i] += one->passed[i];
        all->failed[i] += one->failed[i];
    }
}

static void test_file(const char *path, struct mistakes *mistakes, struct tally *all)
{
    struct profile *profile = profile_file_read(path, "", mistakes);
    struct conf_file *file = profile ? conf_open(path, mistakes) : NULL;
    const struct conf_node *vectors = file ? conf_find(file, "vectors") : NULL;
    struct tally tally = {0};

    for (size_t i = 0; i < conf_count(vectors); i++)
        run_vector(file, conf_at(vectors, i), profile, &tally);
    if (file && conf_count(vectors) == 0)
        mistakes_add(mistakes, path, 0, "has no vectors");
    if (profile)
        print_tally(profile, &tally);
    if (!profile || conf_count(vectors) == 0)
        tally.failed[TRUST_UNVERIFIED]++;
    add_up(all, &tally);
    conf_close(file);
    profile_unref(profile);
}

static unsigned sum(const unsigned counts[TRUST_COUNT])
{
    return counts[TRUST_VERIFIED] + counts[TRUST_DERIVED] + counts[TRUST_UNVERIFIED];
}

int profile_test_run(const struct options *options, char *const *files, int count)
{
    struct mistakes mistakes = {0};
    struct tally all = {0};

    (void)options;
    printf("%-16s  %10s  %10s  %10s\n", "profile", "verified", "derived", "unverified");
    for (int i = 0; i < count; i++)
        test_file(files[i], &mistakes, &all);
    fflush(stdout);
    fprintf(stderr, "%.*s", (int)mistakes.text.len, mistakes.text.data ? (const char *)mistakes.text.data : "");
    printf("%u passed, %u failed\n", sum(all.passed), sum(all.failed));
    mistakes_release(&mistakes);
    return sum(all.failed) ? EXIT_ERROR : EXIT_SUCCESS;
}
