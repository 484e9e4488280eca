/* parse-ack: what a profile makes of a tracker's bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "subject.h"
#include "terminal.h"
#include "verbs.h"

static bool has_action(const struct subject *subject)
{
    return subject->command.action != ACTION_UNKNOWN;
}

/* What an ack of this command repeats; empty where that is nothing. */
static void put_expected(const struct subject *subject, struct buffer *out)
{
    if (!has_action(subject))
        return;
    if (profile_match(subject->profile) == MATCH_ID)
        buffer_printf(out, "%" PRIu64, subject->command.id);
    else
        profile_render_echo(subject->profile, &subject->input, out);
}

static void note_difference(const struct subject *subject, const char *key, struct bytes found)
{
    struct buffer expected = {0};
    struct buffer shown = {0};

    put_expected(subject, &expected);
    terminal_put(&shown, buffer_bytes(&expected));
    if (expected.len && !bytes_equal(buffer_bytes(&expected), found))
        fprintf(stderr, "note: an ack of this command has key=%.*s, this one key=%s: it is not its ack\n",
                (int)shown.len, (const char *)shown.data, key);
    buffer_release(&expected);
    buffer_release(&shown);
}

/* "1:on,2:off" */
static void put_states(struct buffer *out, const struct ack_reading *reading)
{
    for (unsigned i = 0; i < 64; i++) {
        if (reading->confirmed >> i & 1)
            buffer_printf(out, "%s%u:%s", out->len ? "," : "", i + 1, reading->on >> i & 1 ? "on" : "off");
    }
}

struct parsing {
    const struct subject *subject;
    bool show;
};

static void show_text(struct bytes text)
{
    struct buffer shown = {0};

    terminal_put(&shown, text);
    fprintf(stderr, "read: %.*s\n", (int)shown.len, (const char *)shown.data);
    buffer_release(&shown);
}

static void print_reading(void *ctx, const struct ack_reading *reading)
{
    const struct parsing *parsing = ctx;
    struct buffer key = {0};

    if (parsing->show)
        show_text(reading->text);

    terminal_put(&key, reading->key);
    if (!reading->key.data)
        put_states(&key, reading);
    buffer_put_u8(&key, '\0');
    if (key.len > 1)
        printf("%s key=%s\n", ack_kind_name(reading->kind), (const char *)key.data);
    else
        puts(ack_kind_name(reading->kind));
    fflush(stdout);
    if (reading->key.data)
        note_difference(parsing->subject, (const char *)key.data, reading->key);
    buffer_release(&key);
}

/* The tracker's own ack topic, as far as the options say which tracker it is. */
static void note_topic(const struct subject *subject, const struct options *options, unsigned output)
{
    const struct template *t = profile_topic(subject->profile, TOPIC_ACK);
    struct template_capture capture;
    struct buffer own = {0};
    struct bytes topic = bytes_of_text(options->topic);
    bool matches;

    if (!options->topic)
        return;
    template_render(t, &subject->input, &own);
    matches = output > 0 || bytes_equal(buffer_bytes(&own), topic);
    if (!matches && !options->tracker && !options->device_id && template_names_tracker(t))
        matches = template_match(t, topic, &capture);
    if (!matches)
        fputs("note: this is not the topic of the tracker's acks: the service would not take it for one\n", stderr);
    buffer_release(&own);
}

static int print_readings(struct subject *subject, const struct options *options)
{
    size_t len = strlen(options->hex) / 2;
    uint8_t *payload = malloc(len + 1);
    struct ack_expectation expected = {0};
    struct parsing parsing = {subject, options->show};

    CHECK(payload);
    if (!bytes_from_hex(bytes_of_text(options->hex), payload, len)) {
        free(payload);
        options_wrong(options, "--hex: \"%s\" is not an even number of hex digits", options->hex);
        return EXIT_USAGE;
    }
    note_topic(subject, options, subject_topic_output(subject, options->topic));
    if (has_action(subject))
        expected.command = &subject->command;
    expected.output = subject_topic_output(subject, options->topic);
    profile_read_acks(subject->profile, &expected, bytes_of(payload, len), true, print_reading, &parsing);
    free(payload);
    return EXIT_SUCCESS;
}

int parse_ack_run(const struct options *options)
{
    struct subject subject;
    int status;

    if (!options->hex) {
        options_wrong(options, "--hex is missing");
        return EXIT_USAGE;
    }
    status = subject_open(&subject, options);
    if (status == 0)
        status = print_readings(&subject, options);
    subject_close(&subject);
    return status;
}
