#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "core/topic.h"

enum { LINES_MAX = 64, FIRST_VALUE = 1000 };

int options_wrong(const struct options *options, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "outputctl %s: ", options->verb->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, " (see outputctl %s --help)\n", options->verb->name);
    return -EINVAL;
}

/* --- reading --- */

static int take_help(struct options *options, const struct option_line *line, const char *value)
{
    (void)line;
    (void)value;
    options->help = true;
    return 0;
}

static const struct option_line help_lines[] = {
    {"help", NULL, take_help, 0, "this text"},
    {0},
};

static const struct option_group help_group = {"Help", help_lines};

/* All lines of a verb, in the order of its help. */
static size_t collect_lines(const struct verb *verb, const struct option_line *lines[LINES_MAX])
{
    size_t count = 0;

    lines[count++] = &help_lines[0];
    for (const struct option_group *const *group = verb->groups; *group; group++) {
        for (const struct option_line *line = (*group)->lines; line->name; line++) {
            CHECK(count < LINES_MAX);
            lines[count++] = line;
        }
    }
    return count;
}

static void fill_getopt(struct option out[LINES_MAX + 1], const struct option_line *const *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (struct option){.name = lines[i]->name,
                                 .has_arg = lines[i]->value ? required_argument : no_argument,
                                 .val = FIRST_VALUE + (int)i};
    out[count] = (struct option){0};
}

static int complain(const struct options *options, int c, char **argv)
{
    const char *given = argv[optind - 1];

    if (c == ':')
        return options_wrong(options, "%s needs a value", given);
    if (optopt > 0 && optopt < FIRST_VALUE)
        return options_wrong(options, "-%c is not an option", optopt);
    return options_wrong(options, optopt ? "%s takes no value" : "%s is not an option", given);
}

static int take_operands(struct options *options, int argc, char **argv)
{
    options->operands = argv + optind;
    options->operand_count = argc - optind;
    if (options->operand_count > options->verb->operands_max)
        return options_wrong(options, "\"%s\" is one argument too many", argv[optind + options->verb->operands_max]);
    return 0;
}

static int read_arguments(struct options *options, int argc, char **argv)
{
    const struct option_line *lines[LINES_MAX];
    size_t count = collect_lines(options->verb, lines);
    struct option table[LINES_MAX + 1];
    int c;

    fill_getopt(table, lines, count);
    opterr = 0;
    optind = 1;
    while ((c = getopt_long(argc, argv, ":h", table, NULL)) != -1) {
        const struct option_line *line = c == 'h' ? &help_lines[0] : lines[c < FIRST_VALUE ? 0 : c - FIRST_VALUE];

        if (c < FIRST_VALUE && c != 'h')
            return complain(options, c, argv);
        if (line->take(options, line, optarg) < 0)
            return -EINVAL;
        if (options->help)
            return 0;
    }
    return take_operands(options, argc, argv);
}

int options_read(struct options *options, const struct verb *verb, int argc, char **argv)
{
    const char *broker = getenv("OUTPUTCTL_BROKER");

    *options = (struct options){
        .verb = verb,
        .broker = broker && *broker ? broker : "mqtt://127.0.0.1:1883",
        .protocol = 5,
        .prefix = "",
        .timeout_ms = 15000,
        .action = ACTION_UNKNOWN,
        .command_id = 0,
        .url = "http://127.0.0.1:9108/readyz",
        .health_timeout_ms = 3000,
    };
    return read_arguments(options, argc, argv);
}

static void release_secret(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

void options_release(struct options *options)
{
    release_secret(&options->password);
    release_secret(&options->hash);
    buffer_release(&options->vars);
}

/* --- checking --- */

static bool has_scheme(const char *url, const char *const schemes[2])
{
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(schemes[i]);

        if (strncmp(url, schemes[i], len) == 0 && url[len])
            return true;
    }
    return false;
}

static int check_prefix(const struct options *options)
{
    struct bytes prefix = bytes_of_text(options->prefix);

    if (prefix.len && (!topic_is_publishable(prefix) || prefix.len > TOPIC_MAX / 2))
        return options_wrong(options, "--prefix: \"%s\" cannot be in a topic", options->prefix);
    return 0;
}

int options_check_broker(const struct options *options)
{
    static const char *const plain[] = {"mqtt://", "ws://"};
    static const char *const encrypted[] = {"mqtts://", "wss://"};
    bool has_tls = has_scheme(options->broker, encrypted);
    bool wants_tls = options->ca_file || options->cert_file || options->key_file || options->insecure;

    if (!has_tls && !has_scheme(options->broker, plain))
        return options_wrong(options, "\"%s\" is not a broker's URL such as mqtt://127.0.0.1:1883", options->broker);
    if (wants_tls && !has_tls)
        return options_wrong(options, "--ca, --cert, --key and --insecure are for mqtts:// and wss:// brokers");
    if (options->key_file && !options->cert_file)
        return options_wrong(options, "--key needs --cert");
    if (options->password && !options->username)
        return options_wrong(options, "--password-file needs --username");
    return check_prefix(options);
}

int options_check_enable(const struct options *options)
{
    if (!options->output)
        return options_wrong(options, "--output is missing");
    if (options->on && options->off)
        return options_wrong(options, "--on and --off exclude one another");
    if (!options->on && !options->off)
        return options_wrong(options, "--on or --off is missing");
    return 0;
}

/* --- help --- */

static void print_group(const struct option_group *group)
{
    printf("\n%s:\n", group->heading);
    for (const struct option_line *line = group->lines; line->name; line++) {
        char left[64];

        snprintf(left, sizeof left, "--%s%s%s", line->name, line->value ? " " : "", line->value ? line->value : "");
        printf("  %-22s %s\n", left, line->help);
    }
}

void options_print_help(const struct verb *verb)
{
    printf("Usage: outputctl %s%s%s\n\n%s\n", verb->name, *verb->arguments ? " " : "", verb->arguments, verb->text);
    for (const struct option_group *const *group = verb->groups; *group; group++)
        print_group(*group);
    print_group(&help_group);
}
