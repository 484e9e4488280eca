#include "edge/profile_file.h"

#include <errno.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

/* A profile's file as it stands: see conf/profiles/README.md. */
struct raw_command {
    const char *topic;
    const char *set;
    const char *set_all;
};

struct raw_ack {
    const char *topic;
    const char *framing;
    const char *match;
    const char *echo;
    struct conf_texts success;
    struct conf_texts refused;
    struct conf_texts unsupported;
};

struct raw_topic {
    const char *topic;
};

struct raw_profile {
    struct conf_texts models;
    uint32_t outputs;
    struct conf_ints reserved_outputs;
    uint32_t ack_timeout_ms;
    uint32_t quarantine_ms;
    const struct conf_node *command_node;
    const struct conf_node *ack_node;
    const struct conf_node *presence_node;
    const struct conf_node *state_node;
    struct raw_command command;
    struct raw_ack ack;
    struct raw_topic presence;
    struct raw_topic state;
};

enum { TIMEOUT_MAX_MS = 86400000 };

static const struct conf_key profile_keys[] = {
    {"models", CONF_TEXTS, offsetof(struct raw_profile, models), true, 0, 0},
    {"outputs", CONF_UINT, offsetof(struct raw_profile, outputs), false, 1, 64},
    {"reserved_outputs", CONF_INTS, offsetof(struct raw_profile, reserved_outputs), false, 1, 64},
    {"ack_timeout_ms", CONF_UINT, offsetof(struct raw_profile, ack_timeout_ms), false, 1, TIMEOUT_MAX_MS},
    {"quarantine_ms", CONF_UINT, offsetof(struct raw_profile, quarantine_ms), false, 1, TIMEOUT_MAX_MS},
    {"command", CONF_GROUP, offsetof(struct raw_profile, command_node), true, 0, 0},
    {"ack", CONF_GROUP, offsetof(struct raw_profile, ack_node), true, 0, 0},
    {"presence", CONF_GROUP, offsetof(struct raw_profile, presence_node), false, 0, 0},
    {"state", CONF_GROUP, offsetof(struct raw_profile, state_node), false, 0, 0},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key command_keys[] = {
    {"topic", CONF_TEXT, offsetof(struct raw_command, topic), false, 0, 0},
    {"set", CONF_TEXT, offsetof(struct raw_command, set), false, 0, 0},
    {"set_all", CONF_TEXT, offsetof(struct raw_command, set_all), false, 0, 0},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key ack_keys[] = {
    {"topic", CONF_TEXT, offsetof(struct raw_ack, topic), false, 0, 0},
    {"framing", CONF_TEXT, offsetof(struct raw_ack, framing), false, 0, 0},
    {"match", CONF_TEXT, offsetof(struct raw_ack, match), true, 0, 0},
    {"echo", CONF_TEXT, offsetof(struct raw_ack, echo), false, 0, 0},
    {"success", CONF_TEXTS, offsetof(struct raw_ack, success), true, 0, 0},
    {"refused", CONF_TEXTS, offsetof(struct raw_ack, refused), false, 0, 0},
    {"unsupported", CONF_TEXTS, offsetof(struct raw_ack, unsupported), false, 0, 0},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key topic_keys[] = {
    {"topic", CONF_TEXT, offsetof(struct raw_topic, topic), true, 0, 0},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

struct reading {
    struct conf_file *file;
    struct raw_profile raw;
    struct profile_description description;
};

/* The setting, or the group that it belongs into. */
static const struct conf_node *place_of(const struct reading *r, const char *key)
{
    const struct conf_node *node = conf_find(r->file, key);
    char group[32];

    if (!node) {
        snprintf(group, sizeof group, "%.*s", (int)strcspn(key, "."), key);
        node = conf_find(r->file, group);
    }
    return node ? node : conf_root(r->file);
}

static void mistake(struct reading *r, const char *key, const char *what)
{
    conf_mistake(r->file, place_of(r, key), "%s: %s", key, what);
}

static void take_patterns(struct reading *r, const char *key, const struct conf_texts *texts, const char **out)
{
    if (texts->count >= PROFILE_PATTERNS_MAX) {
        mistake(r, key, "too many patterns");
        return;
    }
    for (size_t i = 0; i < texts->count; i++)
        out[i] = texts->items[i];
}

static void take_names(struct reading *r)
{
    static const struct {
        const char *name;
        enum profile_match match;
    } matches[] = {{"echo", MATCH_ECHO}, {"fifo", MATCH_FIFO}};
    const struct raw_ack *ack = &r->raw.ack;
    bool known = false;

    for (size_t i = 0; i < sizeof matches / sizeof *matches; i++) {
        if (strcmp(ack->match, matches[i].name) == 0) {
            r->description.match = matches[i].match;
            known = true;
        }
    }
    if (!known)
        mistake(r, "ack.match", "must be \"echo\" or \"fifo\"");
    if (known && r->description.match == MATCH_ECHO && !ack->echo)
        mistake(r, "ack.echo", "is missing: acks are matched by an echo");
    if (ack->framing && strcmp(ack->framing, "message") != 0 && strcmp(ack->framing, "lines") != 0)
        mistake(r, "ack.framing", "must be \"message\" or \"lines\"");
    r->description.framing = ack->framing && strcmp(ack->framing, "lines") == 0 ? FRAMING_LINES : FRAMING_MESSAGE;
    if (!r->raw.command.set && !r->raw.command.set_all)
        mistake(r, "command", "has neither set nor set_all");
}

static void describe(struct reading *r, const char *name)
{
    const struct raw_profile *raw = &r->raw;
    struct profile_description *d = &r->description;

    *d = (struct profile_description){
        .name = name,
        .models = raw->models.items,
        .model_count = raw->models.count,
        .outputs = raw->outputs,
        .set = raw->command.set != NULL,
        .set_all = raw->command.set_all != NULL,
        .ack_timeout_ms = raw->ack_timeout_ms,
        .quarantine_ms = raw->quarantine_ms,
        .encoding = PROFILE_TEXT,
        .command_topic = raw->command.topic,
        .ack_topic = raw->ack.topic,
        .presence_topic = raw->presence.topic,
        .state_topic = raw->state.topic,
        .set_text = raw->command.set,
        .set_all_text = raw->command.set_all,
        .echo = raw->ack.echo,
    };
    for (size_t i = 0; i < raw->reserved_outputs.count; i++)
        d->reserved |= UINT64_C(1) << (raw->reserved_outputs.items[i] - 1);
    take_names(r);
    take_patterns(r, "ack.success", &raw->ack.success, d->success);
    take_patterns(r, "ack.refused", &raw->ack.refused, d->refused);
    take_patterns(r, "ack.unsupported", &raw->ack.unsupported, d->unsupported);
}

static bool read_groups(struct reading *r)
{
    struct raw_profile *raw = &r->raw;
    bool good = conf_read(r->file, conf_root(r->file), profile_keys, raw);

    good &= conf_read(r->file, raw->command_node, command_keys, &raw->command);
    good &= conf_read(r->file, raw->ack_node, ack_keys, &raw->ack);
    good &= conf_read(r->file, raw->presence_node, topic_keys, &raw->presence);
    good &= conf_read(r->file, raw->state_node, topic_keys, &raw->state);
    return good;
}

/* "suntech" of "…/suntech.cfg"; to be given to free(). */
static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *start = slash ? slash + 1 : path;
    const char *dot = strrchr(start, '.');
    char *name = bytes_dup(bytes_of(start, dot ? (size_t)(dot - start) : strlen(start)));

    CHECK(name);
    return name;
}

static struct profile *build(struct reading *r, const char *path, const char *prefix, struct mistakes *mistakes)
{
    unsigned before = mistakes->count;
    char *name = name_of(path);
    struct profile *profile = NULL;
    const char *key;
    const char *error;

    describe(r, name);
    if (mistakes->count == before) {
        profile = profile_new(&r->description, prefix, &key, &error);
        if (!profile)
            mistake(r, key, error);
    }
    free(name);
    return profile;
}

struct profile *profile_file_read(const char *path, const char *prefix, struct mistakes *mistakes)
{
    unsigned before = mistakes->count;
    struct reading r = {.file = conf_open(path, mistakes)};
    struct profile *profile = NULL;

    if (!r.file)
        return NULL;
    if (read_groups(&r))
        profile = build(&r, path, prefix, mistakes);
    if (mistakes->count > before) {
        profile_unref(profile);
        profile = NULL;
    }
    free(r.raw.models.items);
    free(r.raw.reserved_outputs.items);
    free(r.raw.ack.success.items);
    free(r.raw.ack.refused.items);
    free(r.raw.ack.unsupported.items);
    conf_close(r.file);
    return profile;
}

static int is_profile(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 4 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 4, ".cfg") == 0;
}

static void add_file(struct profiles *all, const char *path, const char *prefix, struct mistakes *mistakes)
{
    struct profile *profile = profile_file_read(path, prefix, mistakes);
    const char *model;

    if (!profile || profiles_add(all, profile, &model) == 0)
        return;
    if (model)
        mistakes_add(mistakes, path, 1, "model %s is served by another profile already", model);
    else
        mistakes_add(mistakes, path, 1, "there is a profile %s already", profile_name(profile));
    profile_unref(profile);
}

struct profiles *profile_folder_read(const char *path, const char *prefix, struct mistakes *mistakes)
{
    struct profiles *all = profiles_new(prefix);
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_profile, alphasort);

    if (count < 0)
        mistakes_add(mistakes, path, 0, "cannot be read: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
        struct buffer file = {0};

        buffer_printf(&file, "%s/%s", path, entries[i]->d_name);
        buffer_put_u8(&file, '\0');
        add_file(all, (const char *)file.data, prefix, mistakes);
        buffer_release(&file);
        free(entries[i]);
    }
    free(entries);
    return all;
}
