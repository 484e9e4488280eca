#include "subject.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "edge/profile_file.h"
#include "wire/object.h"

static int fail(const struct options *options, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(const struct options *options, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "outputctl %s: ", options->verb->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return EXIT_ERROR;
}

/* --- finding the profile --- */

static struct profile *find_builtin(const struct options *options)
{
    struct profiles *builtins = profiles_new(options->prefix);
    struct profile *profile = profiles_by_name(builtins, options->profile);

    if (profile)
        profile_ref(profile);
    profiles_free(builtins);
    return profile;
}

static struct profile *read_file(const struct options *options, const char *path)
{
    struct mistakes mistakes = {0};
    struct profile *profile = profile_file_read(path, options->prefix, &mistakes);

    if (!profile)
        fprintf(stderr, "%.*s", (int)mistakes.text.len, (const char *)mistakes.text.data);
    mistakes_release(&mistakes);
    return profile;
}

static bool is_path(const char *profile)
{
    size_t len = strlen(profile);

    return strchr(profile, '/') || (len > 4 && strcmp(profile + len - 4, ".cfg") == 0);
}

/* In the folder that was given, else in the usual ones. */
static struct profile *find_in_folders(const struct options *options)
{
    const char *const usual[] = {"conf/profiles", "/etc/outputd/profiles"};
    const char *const given[] = {options->profiles};
    const char *const *folders = options->profiles ? given : usual;
    size_t count = options->profiles ? 1 : 2;

    for (size_t i = 0; i < count; i++) {
        struct buffer path = {0};
        struct profile *profile = NULL;
        bool is_there;

        buffer_printf(&path, "%s/%s.cfg", folders[i], options->profile);
        buffer_put_u8(&path, '\0');
        is_there = access((const char *)path.data, F_OK) == 0;
        if (is_there)
            profile = read_file(options, (const char *)path.data);
        buffer_release(&path);
        if (is_there)
            return profile;
    }
    fail(options, "there is no profile \"%s\": neither built in (json, msgpack) nor in %s%s", options->profile,
         folders[0], options->profiles ? "" : " or /etc/outputd/profiles");
    return NULL;
}

static struct profile *find_profile(const struct options *options)
{
    struct profile *profile;

    if (is_path(options->profile))
        return read_file(options, options->profile);
    profile = find_builtin(options);
    return profile ? profile : find_in_folders(options);
}

/* --- the command --- */

static int check_action(const struct options *options)
{
    if (options->action == ACTION_SET && options->outputs.count)
        return options_wrong(options, "--outputs is for --action set_all");
    if (options->action == ACTION_SET)
        return options_check_enable(options);
    if (options->action == ACTION_SET_ALL && (options->output || options->on || options->off))
        return options_wrong(options, "--output, --on and --off are for --action set");
    if (options->action == ACTION_SET_ALL && !options->outputs.count)
        return options_wrong(options, "--outputs is missing");
    return 0;
}

/* What --count or the var `outputs` says, 0: neither does. */
static unsigned given_count(const struct options *options)
{
    struct bytes text = template_var((const char *)options->vars.data, "outputs", strlen("outputs"));
    char digits[8] = "";
    unsigned long count;

    if (options->output_count)
        return options->output_count;
    if (text.len < sizeof digits)
        memcpy(digits, text.data ? text.data : (const uint8_t *)"", text.len);
    count = strtoul(digits, NULL, 10);
    return count <= OBJECT_BOOLS_MAX ? (unsigned)count : 0;
}

/* A set_all that names fewer outputs than the tracker is said to have keeps the others. */
static unsigned count_outputs(const struct subject *subject, const struct options *options)
{
    unsigned given = given_count(options);
    unsigned own = profile_outputs(subject->profile, &subject->input);

    if (given)
        return given;
    if (options->outputs.count)
        return own && own < options->outputs.count ? own : options->outputs.count;
    if (own || options->states.count)
        return own > options->states.count ? own : options->states.count;
    return options->output <= OBJECT_BOOLS_MAX ? (unsigned)options->output : OBJECT_BOOLS_MAX;
}

void subject_take_command(struct subject *subject, const struct options *options)
{
    subject->command = (struct command){
        .id = options->command_id,
        .action = options->action,
        .output = options->output,
        .enable = options->on == WISH_ON,
        .outputs = options->outputs.on,
        .output_count = options->outputs.count,
    };
    subject->states = (struct output_states){.known = options->states.known, .on = options->states.on};
    subject->input = (struct template_input){
        .tracker_id = options->tracker ? options->tracker : 1,
        .device_id = bytes_of_text(options->device_id),
        .vars = (const char *)options->vars.data,
        .command = options->action == ACTION_UNKNOWN ? NULL : &subject->command,
        .states = &subject->states,
        .kept = ~options->outputs.known,
        .now_ms = clock_now().wall_ms,
    };
    subject->input.outputs = (uint8_t)count_outputs(subject, options);
    subject->input.command = &subject->command;
}

int subject_open(struct subject *subject, const struct options *options)
{
    *subject = (struct subject){0};
    if (!options->profile) {
        options_wrong(options, "--profile is missing");
        return EXIT_USAGE;
    }
    if (check_action(options) < 0)
        return EXIT_USAGE;
    subject->profile = find_profile(options);
    if (!subject->profile)
        return EXIT_ERROR;
    subject_take_command(subject, options);
    return 0;
}

void subject_close(struct subject *subject)
{
    profile_unref(subject->profile);
}

/* --- whether it can be rendered --- */

static void render_with(const struct subject *subject, const char *device_id, struct buffer *out)
{
    struct template_input input = subject->input;

    input.device_id = bytes_of_text(device_id);
    template_render(profile_command_topic(subject->profile, subject->command.action), &input, out);
    profile_render(subject->profile, &input, out, NULL);
}

/* A template does not say whether it has a {device_id}; but then another one changes the text. */
static bool needs_device_id(const struct subject *subject)
{
    struct buffer without = {0};
    struct buffer with = {0};
    bool differs;

    render_with(subject, "", &without);
    render_with(subject, "x", &with);
    differs = !bytes_equal(buffer_bytes(&without), buffer_bytes(&with));
    buffer_release(&without);
    buffer_release(&with);
    return differs;
}

static void warn_of_reserved(const struct subject *subject)
{
    const struct command *command = &subject->command;
    uint64_t switched = command->action == ACTION_SET_ALL     ? UINT64_MAX >> (64 - command->output_count)
                        : command->output <= OBJECT_BOOLS_MAX ? UINT64_C(1) << (command->output - 1)
                                                              : 0;

    switched &= profile_reserved(subject->profile, &subject->input);
    for (unsigned i = 0; i < OBJECT_BOOLS_MAX; i++) {
        if (switched >> i & 1)
            fprintf(stderr,
                    "warning: output %u is reserved to engine block by default: the service refuses this request\n",
                    i + 1);
    }
}

static int check_outputs(const struct subject *subject, const struct options *options)
{
    unsigned count = subject->input.outputs;

    if (subject->command.action == ACTION_SET && subject->command.output > (int)count)
        return fail(options, "there is no output %d: the tracker has %u", (int)subject->command.output, count);
    if (subject->command.action == ACTION_SET_ALL && subject->command.output_count > count)
        return fail(options, "%u outputs are named, but the tracker has %u", subject->command.output_count, count);
    return 0;
}

int subject_check(const struct subject *subject, const struct options *options)
{
    const char *name = profile_name(subject->profile);
    const char *missing = profile_missing_var(subject->profile, &subject->input);

    if (!profile_has(subject->profile, &subject->input, subject->command.action))
        return fail(options, "the profile %s has no %s", name, action_name(subject->command.action));
    if (check_outputs(subject, options) != 0)
        return EXIT_ERROR;
    if (missing)
        return fail(options, "the profile %s needs --var %s=…", name, missing);
    if (!options->device_id && needs_device_id(subject))
        return fail(options, "the profile %s needs --device-id", name);
    warn_of_reserved(subject);
    return 0;
}

unsigned subject_topic_output(const struct subject *subject, const char *topic_name)
{
    const struct template *t = profile_topic(subject->profile, TOPIC_ACK);
    struct template_input input = subject->input;
    struct command command = {.output = 1};
    unsigned found = 0;

    if (!template_uses_output(t))
        return 0;
    if (!topic_name)
        return (unsigned)subject->command.output;
    input.command = &command;
    for (; command.output <= 64 && !found; command.output++) {
        struct buffer own = {0};

        if (template_render(t, &input, &own) == 0 && bytes_equal_text(buffer_bytes(&own), topic_name))
            found = (unsigned)command.output;
        buffer_release(&own);
    }
    return found;
}

const char *subject_reason(int error)
{
    return error == -ENODATA ? "the profile states every output: give those of the others with --state"
           : error == -EDOM  ? "the profile has no such command: no variant, or no lookup, knows these values"
                             : "a var is not what it has to be: a whole number, hex digits or UTF-8";
}
