/* The options, by what they are about, and how the value of each is read. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "options.h"
#include "switches.h"
#include "wire/command.h"
#include "wire/object.h"

static void *member_of(struct options *options, const struct option_line *line)
{
    return (char *)options + line->offset;
}

static int take_text(struct options *options, const struct option_line *line, const char *value)
{
    *(const char **)member_of(options, line) = value;
    return 0;
}

static int take_switch(struct options *options, const struct option_line *line, const char *value)
{
    (void)value;
    *(bool *)member_of(options, line) = true;
    return 0;
}

static int take_wish(struct options *options, const struct option_line *line, const char *value)
{
    (void)value;
    *(enum wish *)member_of(options, line) = line->offset == offsetof(struct options, on) ? WISH_ON : WISH_OFF;
    return 0;
}

/* Digits only: strtoull alone would take " -1". */
static int read_number(struct options *options, const struct option_line *line, const char *value, uint64_t least,
                       uint64_t most, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(value, &end, 10);
    if (!isdigit((unsigned char)*value) || *end || errno || *number < least || *number > most)
        return options_wrong(options, "--%s: \"%s\" is not a whole number from %llu to %llu", line->name, value,
                             (unsigned long long)least, (unsigned long long)most);
    return 0;
}

/* A tracker or an output. */
static int take_id(struct options *options, const struct option_line *line, const char *value)
{
    uint64_t number;
    int r = read_number(options, line, value, 1, INT32_MAX, &number);

    if (r == 0)
        *(int32_t *)member_of(options, line) = (int32_t)number;
    return r;
}

static int take_count(struct options *options, const struct option_line *line, const char *value)
{
    bool outputs = line->offset == offsetof(struct options, output_count);
    uint64_t number;
    int r = read_number(options, line, value, 1, outputs ? OBJECT_BOOLS_MAX : UINT32_MAX, &number);

    if (r == 0)
        *(uint32_t *)member_of(options, line) = (uint32_t)number;
    return r;
}

static int take_command_id(struct options *options, const struct option_line *line, const char *value)
{
    return read_number(options, line, value, 0, COMMAND_ID_MAX, member_of(options, line));
}

static int take_seconds(struct options *options, const struct option_line *line, const char *value)
{
    enum { DAY_S = 86400 };
    char *end;
    double seconds = strtod(value, &end);

    if (end == value || *end || !(seconds >= 0.001 && seconds <= DAY_S))
        return options_wrong(options, "--%s: \"%s\" is not a number of seconds from 0.001 to %d", line->name, value,
                             DAY_S);
    *(uint32_t *)member_of(options, line) = (uint32_t)(seconds * 1000);
    return 0;
}

static int take_protocol(struct options *options, const struct option_line *line, const char *value)
{
    bool is_4 = strcmp(value, "4") == 0 || strcmp(value, "3.1.1") == 0;

    if (!is_4 && strcmp(value, "5") != 0)
        return options_wrong(options, "--%s: \"%s\" is neither 5 nor 4 (MQTT 3.1.1)", line->name, value);
    options->protocol = is_4 ? 4 : 5;
    return 0;
}

static int take_action(struct options *options, const struct option_line *line, const char *value)
{
    options->action = action_from_name(bytes_of_text(value));
    if (options->action == ACTION_UNKNOWN)
        return options_wrong(options, "--%s: \"%s\" is neither set nor set_all", line->name, value);
    return 0;
}

static int take_outputs(struct options *options, const struct option_line *line, const char *value)
{
    if (!switches_read(value, '0', &options->outputs))
        return options_wrong(options, "--%s: \"%s\" is not a list such as 1,0,1, of at most %d outputs", line->name,
                             value, OBJECT_BOOLS_MAX);
    return 0;
}

/* Some of them may be left as they are. */
static int take_some_outputs(struct options *options, const struct option_line *line, const char *value)
{
    if (!switches_read(value, '-', &options->outputs))
        return options_wrong(options, "--%s: \"%s\" is not a list such as 1,0,-, of at most %d outputs", line->name,
                             value, OBJECT_BOOLS_MAX);
    return 0;
}

static int take_states(struct options *options, const struct option_line *line, const char *value)
{
    if (!switches_read(value, '-', &options->states))
        return options_wrong(options, "--%s: \"%s\" is not a list such as 1,0,-, of at most %d outputs", line->name,
                             value, OBJECT_BOOLS_MAX);
    return 0;
}

static int take_reply_filter(struct options *options, const struct option_line *line, const char *value)
{
    if (options->reply_filter_count == REPLY_FILTERS_MAX)
        return options_wrong(options, "--%s: more than %d of them", line->name, REPLY_FILTERS_MAX);
    options->reply_filters[options->reply_filter_count++] = value;
    return 0;
}

static int take_var(struct options *options, const struct option_line *line, const char *value)
{
    size_t len = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

    if (len == 0 || value[len] != '=')
        return options_wrong(options, "--%s: \"%s\" is not NAME=VALUE", line->name, value);
    buffer_put(&options->vars, bytes_of(value, len));
    buffer_put_u8(&options->vars, '\0');
    buffer_put_text(&options->vars, value + len + 1);
    buffer_put_u8(&options->vars, '\0');
    *buffer_room(&options->vars, 1) = '\0'; /* ends the list; the next var takes its place */
    return 0;
}

/* --- secrets --- */

static char *copy_secret(const char *text)
{
    char *copy = strdup(text);

    CHECK(copy);
    return copy;
}

static char *read_first_line(FILE *file)
{
    char *line = NULL;
    size_t size = 0;

    if (getline(&line, &size, file) < 0) {
        free(line);
        return copy_secret("");
    }
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

static int take_secret_file(struct options *options, const struct option_line *line, const char *value)
{
    FILE *file = fopen(value, "re");
    char **secret = member_of(options, line);

    if (!file)
        return options_wrong(options, "--%s: cannot read %s: %s", line->name, value, strerror(errno));
    free(*secret);
    *secret = read_first_line(file);
    fclose(file);
    return 0;
}

/* Taken out of the process list, too. */
static int take_secret(struct options *options, const struct option_line *line, const char *value)
{
    char **secret = member_of(options, line);

    free(*secret);
    *secret = copy_secret(value);
    memset((char *)(uintptr_t)value, '*', strlen(value));
    return 0;
}

/* --- the tables --- */

#define MEMBER(member) offsetof(struct options, member)

static const struct option_line broker_lines[] = {
    {"broker", "URL", take_text, MEMBER(broker),
     "mqtt, mqtts, ws or wss (default $OUTPUTCTL_BROKER, else mqtt://127.0.0.1:1883)"},
    {"username", "NAME", take_text, MEMBER(username), "user name at the broker"},
    {"password-file", "FILE", take_secret_file, MEMBER(password), "file with the password in its first line"},
    {"ca", "FILE", take_text, MEMBER(ca_file), "certificates to trust, PEM (default: the system's)"},
    {"cert", "FILE", take_text, MEMBER(cert_file), "certificate of this client, PEM"},
    {"key", "FILE", take_text, MEMBER(key_file), "its key, where it is not in the same file"},
    {"insecure", NULL, take_switch, MEMBER(insecure), "do not check the broker's certificate"},
    {"mqtt", "VERSION", take_protocol, MEMBER(protocol), "5 (default), or 4 for MQTT 3.1.1"},
    {"prefix", "TEXT", take_text, MEMBER(prefix), "goes before every topic as it is, say \"site7/\""},
    {0},
};
const struct option_group option_group_broker = {"Broker", broker_lines};

static const struct option_line set_lines[] = {
    {"tracker", "N", take_id, MEMBER(tracker), "the tracker (required)"},
    {"output", "N", take_id, MEMBER(output), "its output, from 1 (required)"},
    {"on", NULL, take_wish, MEMBER(on), "switch it on"},
    {"off", NULL, take_wish, MEMBER(off), "switch it off"},
    {0},
};
const struct option_group option_group_set = {"What", set_lines};

static const struct option_line set_all_lines[] = {
    {"tracker", "N", take_id, MEMBER(tracker), "the tracker (required)"},
    {"outputs", "LIST", take_outputs, MEMBER(outputs), "its outputs from 1 on, say 1,1,0 (required)"},
    {0},
};
const struct option_group option_group_set_all = {"What", set_all_lines};

static const struct option_line request_lines[] = {
    {"hash", "HASH", take_secret, MEMBER(hash), "session hash or API key (default $OUTPUTCTL_HASH)"},
    {"hash-file", "FILE", take_secret_file, MEMBER(hash), "file with the hash in its first line"},
    {"request-id", "TEXT", take_text, MEMBER(request_id), "comes back in the reply"},
    {"msgpack", NULL, take_switch, MEMBER(msgpack), "ask in MessagePack in place of JSON"},
    {"timeout", "S", take_seconds, MEMBER(timeout_ms), "seconds to wait for the reply (default 15)"},
    {"json", NULL, take_switch, MEMBER(json), "print the reply as JSON, for scripts"},
    {0},
};
const struct option_group option_group_request = {"Request", request_lines};

static const struct option_line watch_lines[] = {
    {"replies", "FILTER", take_reply_filter, 0, "other topics that replies go to; may be repeated"},
    {"lines", NULL, take_switch, MEMBER(lines), "a line for each hop, on a terminal too"},
    {"json", NULL, take_switch, MEMBER(json), "a JSON object for each hop, for scripts"},
    {"count", "N", take_count, MEMBER(reply_goal), "end after N replies (default: on Ctrl-C)"},
    {0},
};
const struct option_group option_group_watch = {"What to show", watch_lines};

static const struct option_line profile_lines[] = {
    {"profile", "NAME", take_text, MEMBER(profile), "json, msgpack, a name in the folder, or a file (required)"},
    {"profiles", "FOLDER", take_text, MEMBER(profiles), "default conf/profiles, then /etc/outputd/profiles"},
    {"prefix", "TEXT", take_text, MEMBER(prefix), "goes before the topics, as in the service's configuration"},
    {0},
};
const struct option_group option_group_profile = {"Profile", profile_lines};

static const struct option_line action_lines[] = {
    {"action", "NAME", take_action, MEMBER(action), "set or set_all"},
    {"output", "N", take_id, MEMBER(output), "set: the output, from 1"},
    {"on", NULL, take_wish, MEMBER(on), "set: on"},
    {"off", NULL, take_wish, MEMBER(off), "set: off"},
    {"outputs", "LIST", take_some_outputs, MEMBER(outputs), "set_all: every output, say 1,0,1; - keeps one as it is"},
    {"tracker", "N", take_id, MEMBER(tracker), "id of the tracker (default 1)"},
    {"device-id", "TEXT", take_text, MEMBER(device_id), "the device's own number"},
    {"command-id", "N", take_command_id, MEMBER(command_id), "id of the command (default 0)"},
    {"var", "NAME=VALUE", take_var, 0, "a var of the tracker; may be repeated"},
    {"state", "LIST", take_states, MEMBER(states), "last acked states, say 1,0,-; - is not known"},
    {"count", "N", take_count, MEMBER(output_count),
     "how many outputs the tracker has (default: --var outputs=N, the profile's, or as many as are named)"},
    {0},
};
const struct option_group option_group_action = {"Command", action_lines};

static const struct option_line ack_lines[] = {
    {"hex", "BYTES", take_text, MEMBER(hex), "what the tracker sent, as hex digits (required)"},
    {"topic", "TOPIC", take_text, MEMBER(topic), "where it was sent to"},
    {"show", NULL, take_switch, MEMBER(show), "show on stderr what the patterns read, too"},
    {0},
};
const struct option_group option_group_ack = {"Ack", ack_lines};

static const struct option_line health_lines[] = {
    {"url", "URL", take_text, MEMBER(url), "what is asked (default http://127.0.0.1:9108/readyz)"},
    {"timeout", "S", take_seconds, MEMBER(health_timeout_ms), "seconds to wait for the answer (default 3)"},
    {0},
};
const struct option_group option_group_health = {"Health", health_lines};

static const struct option_line audit_lines[] = {
    {"head", "SHA256", take_text, MEMBER(head), "verify: a head that was printed before, and must still be there"},
    {0},
};
const struct option_group option_group_audit = {"Audit trail", audit_lines};
