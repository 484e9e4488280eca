#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dice.h"
#include "topic.h"

/* One option. `take` reads the value into the member at `offset`. */
struct option_line {
    const char *name;
    const char *value; /* how the help calls it; NULL: a switch */
    int (*take)(const struct option_line *line, void *member, const char *value);
    size_t offset;
    const char *help;
};

static int wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int wrong(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("trackersim: ", stderr);
    vfprintf(stderr, format, args);
    fputs(" (trackersim --help lists the options)\n", stderr);
    va_end(args);
    return -EINVAL;
}

static int take_text(const struct option_line *line, void *member, const char *value)
{
    (void)line;
    *(const char **)member = value;
    return 0;
}

static int take_switch(const struct option_line *line, void *member, const char *value)
{
    (void)line;
    (void)value;
    *(bool *)member = true;
    return 0;
}

static int take_list(const struct option_line *line, void *member, const char *value)
{
    int r = id_list_add(member, value);

    if (r == -E2BIG)
        return wrong("--%s: more than %d trackers", line->name, ID_LIST_MAX);
    if (r < 0)
        return wrong("--%s: \"%s\" is not a list of tracker ids such as 265489,1000-1999", line->name, value);
    return 0;
}

static int take_profile(const struct option_line *line, void *member, const char *value)
{
    const struct profile *profile = profile_find(value);

    if (!profile)
        return wrong("--%s: there is no profile \"%s\", only %s", line->name, value, profile_names());
    *(const struct profile **)member = profile;
    return 0;
}

/* A whole number, digits only: strtoull alone would take " -1". */
static int read_number(const struct option_line *line, const char *value, uint64_t most, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || errno || *number > most)
        return wrong("--%s: \"%s\" is not a whole number from 0 to %llu", line->name, value, (unsigned long long)most);
    return 0;
}

static int take_number(const struct option_line *line, void *member, const char *value)
{
    return read_number(line, value, UINT64_MAX, member);
}

static int take_ms(const struct option_line *line, void *member, const char *value)
{
    enum { DAY_MS = 86400000 };
    uint64_t number;
    int r = read_number(line, value, DAY_MS, &number);

    if (r == 0)
        *(uint32_t *)member = (uint32_t)number;
    return r;
}

static int take_outputs(const struct option_line *line, void *member, const char *value)
{
    uint64_t number;
    int r = read_number(line, value, TRACKER_OUTPUTS_MAX, &number);

    if (r == 0 && number == 0)
        return wrong("--%s: a device has at least one", line->name);
    if (r == 0)
        *(uint32_t *)member = (uint32_t)number;
    return r;
}

static int take_rate(const struct option_line *line, void *member, const char *value)
{
    char *end;
    double rate = strtod(value, &end);

    if (end == value || *end || !isfinite(rate) || rate < 0 || rate > 1)
        return wrong("--%s: \"%s\" is not a probability from 0 to 1", line->name, value);
    *(double *)member = rate;
    return 0;
}

static char *read_first_line(FILE *file)
{
    char *line = NULL;
    size_t size = 0;

    if (getline(&line, &size, file) < 0) {
        free(line);
        return strdup("");
    }
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

static int take_password_file(const struct option_line *line, void *member, const char *value)
{
    FILE *file = fopen(value, "re");
    char *password = file ? read_first_line(file) : NULL;

    if (!file)
        return wrong("--%s: cannot read %s: %s", line->name, value, strerror(errno));
    fclose(file);
    free(*(char **)member);
    *(char **)member = password;
    return password ? 0 : wrong("--%s: out of memory", line->name);
}

#define MEMBER(member) offsetof(struct options, member)

/* A line without a name is a heading of the help. */
static const struct option_line lines[] = {
    {.help = "Broker"},
    {"broker", "URL", take_text, MEMBER(broker),
     "mqtt, mqtts, ws or wss (default $BROKER_URL, else mqtt://127.0.0.1:1883)"},
    {"username", "NAME", take_text, MEMBER(username), "user name at the broker"},
    {"password-file", "FILE", take_password_file, MEMBER(password), "file with the password in its first line"},
    {"prefix", "TEXT", take_text, MEMBER(prefix), "goes before every topic as it is, say \"site7/\""},

    {.help = "Trackers"},
    {"trackers", "LIST", take_list, MEMBER(trackers), "ids and ranges of ids, say 265489,1000-1999 (required)"},
    {"offline", "LIST", take_list, MEMBER(offline), "trackers that only say offline"},
    {"profile", "NAME", take_profile, MEMBER(profile), "family of devices (default json), see below"},
    {"device-id", "TEXT", take_text, MEMBER(device_id),
     "device id, IMEI or the like; {tracker_id} stands for the tracker's id (default \"{tracker_id}\")"},
    {"outputs", "N", take_outputs, MEMBER(outputs),
     "outputs of each device; it knows no others (default: the family's)"},

    {.help = "Behaviour; a probability P is from 0 to 1, a time N in milliseconds"},
    {"latency-ms", "N", take_ms, MEMBER(latency_ms), "from a command to its ack (default 20)"},
    {"jitter-ms", "N", take_ms, MEMBER(jitter_ms), "0 to N more, at random (default 0)"},
    {"refuse-rate", "P", take_rate, MEMBER(rates.refuse),
     "the command is refused; without a word, where the family has none"},
    {"unsupported-rate", "P", take_rate, MEMBER(rates.unsupported),
     "the tracker says that it does not know the command"},
    {"silence-rate", "P", take_rate, MEMBER(rates.silence), "no ack at all"},
    {"duplicate-rate", "P", take_rate, MEMBER(rates.duplicate), "the ack is sent twice"},
    {"garbage-rate", "P", take_rate, MEMBER(rates.garbage),
     "noise with the ack: other bytes before it or in its message, or the ack in two pieces"},
    {"restart-every-ms", "N", take_ms, MEMBER(restart_every_ms),
     "goes offline after 0 to 2 N, at random, and ignores commands meanwhile (default 0: never)"},
    {"restart-down-ms", "N", take_ms, MEMBER(restart_down_ms), "how long it stays offline (default 1000)"},

    {.help = "Run"},
    {"seed", "N", take_number, MEMBER(seed), "the same seed gives each tracker the same chances (default: random)"},
    {"count", "N", take_number, MEMBER(count), "end after N commands were answered (default 0: on SIGINT or SIGTERM)"},
    {"log", NULL, take_switch, MEMBER(log), "a line for every command and ack"},
    {"quiet", NULL, take_switch, MEMBER(quiet), "only \"ready\", repeated commands and errors"},
    {"help", NULL, take_switch, MEMBER(help), "this text"},
};

enum { LINE_COUNT = sizeof(lines) / sizeof(lines[0]) };

void options_print_help(void)
{
    puts("Usage: trackersim --trackers LIST [OPTION]...\n"
         "\n"
         "Plays trackers against an MQTT broker: says that they are online, takes commands on\n"
         "tracker/ID/output/command, or on a relay's own topics, and acks them. Prints \"trackersim: ready\" once it "
         "does;\n"
         "what came and what was answered, at the end and on SIGUSR1. A command whose id a tracker has had before is\n"
         "reported as REPEATED.");
    for (size_t i = 0; i < LINE_COUNT; i++) {
        char left[40];

        if (!lines[i].name) {
            printf("\n%s:\n", lines[i].help);
            continue;
        }
        snprintf(left, sizeof(left), "--%s %s", lines[i].name, lines[i].value ? lines[i].value : "");
        printf("  %-22s %s\n", left, lines[i].help);
    }
    printf("\nProfiles: %s.\n\nExit status: 0 done, 1 something failed, 2 a mistake in the arguments.\n",
           profile_names());
}

/* getopt's table; its `val` is where the line is, which begins with a heading and so is never 0. */
static void fill_getopt(struct option out[LINE_COUNT])
{
    size_t used = 0;

    for (size_t i = 0; i < LINE_COUNT; i++)
        if (lines[i].name)
            out[used++] = (struct option){.name = lines[i].name,
                                          .has_arg = lines[i].value ? required_argument : no_argument,
                                          .val = (int)(1000 + i)};
    out[used] = (struct option){0};
}

static int getopt_complaint(int c, char **argv)
{
    if (optopt > 0 && optopt < 1000)
        return wrong("-%c is not an option", optopt);
    return wrong(c == ':' ? "%s needs a value" : "%s is not an option, or takes no value", argv[optind - 1]);
}

static int read_arguments(struct options *options, int argc, char **argv)
{
    struct option table[LINE_COUNT];
    int c, r = 0;

    fill_getopt(table);
    opterr = 0;
    while (r == 0 && !options->help && (c = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (c < 1000)
            return getopt_complaint(c, argv);
        r = lines[c - 1000].take(&lines[c - 1000], (char *)options + lines[c - 1000].offset, optarg);
    }
    if (r == 0 && !options->help && optind < argc)
        return wrong("\"%s\" is one argument too many", argv[optind]);
    return r;
}

static bool is_broker_url(const char *url)
{
    static const char *const schemes[] = {"mqtt://", "mqtts://", "ws://", "wss://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i]);

        if (strncmp(url, schemes[i], len) == 0 && url[len])
            return true;
    }
    return false;
}

/* What the longest device id that the pattern makes is to the family. */
static int check_characters(const struct profile *profile, const char *device_id)
{
    if (profile->id_max && strlen(device_id) > profile->id_max)
        return wrong("--device-id: \"%s\" is too long for %s, which has %zu characters at most", device_id,
                     profile->name, profile->id_max);
    if (profile->id_characters && device_id[strspn(device_id, profile->id_characters)])
        return wrong("--device-id: \"%s\" has characters that %s does not have, only %s", device_id, profile->name,
                     profile->id_characters);
    return 0;
}

/* "a{tracker_id}b", and no other brace. */
static int check_device_id(const struct profile *profile, const char *pattern)
{
    struct id_list longest = {.ids = (int32_t[]){INT32_MAX}, .count = 1};
    struct trackers trackers;
    int r = trackers_init(&trackers, &longest, &(struct id_list){0}, pattern, 1, 0);

    if (r < 0)
        return wrong("--device-id: \"%s\" must be 1 to %d characters, with no { but in {tracker_id}", pattern,
                     TRACKER_DEVICE_ID_MAX);
    r = check_characters(profile, trackers.all[0].device_id);
    trackers_release(&trackers);
    return r;
}

static int check_prefix(const char *prefix)
{
    if (strlen(prefix) > TOPIC_PREFIX_MAX)
        return wrong("--prefix: more than %d bytes", TOPIC_PREFIX_MAX);
    if (strpbrk(prefix, "+#") || !bytes_are_utf8(bytes_of_text(prefix)))
        return wrong("--prefix: \"%s\" cannot be in a topic", prefix);
    return 0;
}

static int check(const struct options *options)
{
    const struct rates *rates = &options->rates;

    if (options->trackers.count == 0)
        return wrong("--trackers is missing");
    if (!is_broker_url(options->broker))
        return wrong("--broker: \"%s\" is not a URL such as mqtt://127.0.0.1:1883", options->broker);
    if (rates->refuse + rates->unsupported + rates->silence > 1 + 1e-9)
        return wrong("--refuse-rate, --unsupported-rate and --silence-rate are more than 1 together");
    if (options->log && options->quiet)
        return wrong("--log and --quiet exclude one another");
    if (options->password && !options->username)
        return wrong("--password-file needs --username");
    if (check_prefix(options->prefix) < 0)
        return -EINVAL;
    return check_device_id(options->profile, options->device_id);
}

int options_read(struct options *options, int argc, char **argv)
{
    const char *broker = getenv("BROKER_URL");
    int r;

    *options = (struct options){
        .broker = broker && *broker ? broker : "mqtt://127.0.0.1:1883",
        .prefix = "",
        .profile = &profile_json,
        .device_id = "{tracker_id}",
        .latency_ms = 20,
        .restart_down_ms = 1000,
        .seed = dice_random_seed(),
    };
    r = read_arguments(options, argc, argv);
    if (options->outputs == 0)
        options->outputs = options->profile->outputs;
    return r < 0 || options->help ? r : check(options);
}

void options_release(struct options *options)
{
    id_list_release(&options->trackers);
    id_list_release(&options->offline);
    if (options->password)
        explicit_bzero(options->password, strlen(options->password));
    free(options->password);
    *options = (struct options){0};
}
