#include "edge/profile_file.h"

#include <errno.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

/* A profile's file as it stands: see conf/profiles/README.md. */
struct raw_variant {
    uint32_t outputs;
    const char *outputs_in;
    struct conf_ints reserved_outputs;
    const char *encoding;
    const struct conf_node *set;
    const struct conf_node *set_all;
};

struct raw_command {
    const char *topic;
    const char *set_all_topic;
    const char *encoding;
    const struct conf_node *fields;
    const struct conf_node *set;
    const struct conf_node *set_all;
};

struct raw_ack {
    const char *topic;
    const char *framing;
    const char *start;
    const char *end;
    const char *match;
    const char *echo;
    const char *key;
    struct conf_texts success;
    struct conf_texts refused;
    struct conf_texts unsupported;
};

struct raw_presence {
    const char *topic;
    struct conf_texts online;
    struct conf_texts offline;
};

struct raw_state {
    const char *topic;
};

struct raw_profile {
    struct conf_texts models;
    uint32_t outputs;
    const char *outputs_in;
    struct conf_ints reserved_outputs;
    uint32_t ack_timeout_ms;
    uint32_t quarantine_ms;
    const char *framer;
    const char *variant;
    const struct conf_node *defaults;
    const struct conf_node *variants;
    const struct conf_node *vectors;
    const struct conf_node *command_node;
    const struct conf_node *ack_node;
    const struct conf_node *presence_node;
    const struct conf_node *state_node;
    struct raw_command command;
    struct raw_ack ack;
    struct raw_presence presence;
    struct raw_state state;
};

enum { TIMEOUT_MAX_MS = 86400000 };

#define PROFILE(member) offsetof(struct raw_profile, member)
#define VARIANT(member) offsetof(struct raw_variant, member)
#define COMMAND(member) offsetof(struct raw_command, member)
#define ACK(member) offsetof(struct raw_ack, member)
#define PRESENCE(member) offsetof(struct raw_presence, member)

static const struct conf_key profile_keys[] = {
    {"models", CONF_TEXTS, PROFILE(models), true, 0, 0},
    {"outputs", CONF_UINT, PROFILE(outputs), false, 1, 64},
    {"outputs_in", CONF_TEXT, PROFILE(outputs_in), false, 0, 0},
    {"reserved_outputs", CONF_INTS, PROFILE(reserved_outputs), false, 1, 64},
    {"ack_timeout_ms", CONF_UINT, PROFILE(ack_timeout_ms), false, 1, TIMEOUT_MAX_MS},
    {"quarantine_ms", CONF_UINT, PROFILE(quarantine_ms), false, 1, TIMEOUT_MAX_MS},
    {"framer", CONF_TEXT, PROFILE(framer), false, 0, 0},
    {"defaults", CONF_GROUP, PROFILE(defaults), false, 0, 0},
    {"variant", CONF_TEXT, PROFILE(variant), false, 0, 0},
    {"variants", CONF_GROUP, PROFILE(variants), false, 0, 0},
    {"command", CONF_GROUP, PROFILE(command_node), false, 0, 0},
    {"ack", CONF_GROUP, PROFILE(ack_node), true, 0, 0},
    {"presence", CONF_GROUP, PROFILE(presence_node), false, 0, 0},
    {"state", CONF_GROUP, PROFILE(state_node), false, 0, 0},
    {"vectors", CONF_LIST, PROFILE(vectors), false, 0, 0}, /* the profile's own tests: not the service's business */
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key variant_keys[] = {
    {"outputs", CONF_UINT, VARIANT(outputs), false, 1, 64},
    {"outputs_in", CONF_TEXT, VARIANT(outputs_in), false, 0, 0},
    {"reserved_outputs", CONF_INTS, VARIANT(reserved_outputs), false, 1, 64},
    {"encoding", CONF_TEXT, VARIANT(encoding), false, 0, 0},
    {"set", CONF_ANY, VARIANT(set), false, 0, 0},
    {"set_all", CONF_ANY, VARIANT(set_all), false, 0, 0},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key command_keys[] = {
    {"topic", CONF_TEXT, COMMAND(topic), false, 0, 0},
    {"set_all_topic", CONF_TEXT, COMMAND(set_all_topic), false, 0, 0},
    {"encoding", CONF_TEXT, COMMAND(encoding), false, 0, 0},
    {"fields", CONF_GROUP, COMMAND(fields), false, 0, 0},
    {"set", CONF_ANY, COMMAND(set), false, 0, 0},
    {"set_all", CONF_ANY, COMMAND(set_all), false, 0, 0},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key ack_keys[] = {
    {"topic", CONF_TEXT, ACK(topic), false, 0, 0},
    {"framing", CONF_TEXT, ACK(framing), false, 0, 0},
    {"start", CONF_TEXT, ACK(start), false, 0, 0},
    {"end", CONF_TEXT, ACK(end), false, 0, 0},
    {"match", CONF_TEXT, ACK(match), true, 0, 0},
    {"echo", CONF_TEXT, ACK(echo), false, 0, 0},
    {"key", CONF_TEXT, ACK(key), false, 0, 0},
    {"success", CONF_TEXTS, ACK(success), true, 0, 0},
    {"refused", CONF_TEXTS, ACK(refused), false, 0, 0},
    {"unsupported", CONF_TEXTS, ACK(unsupported), false, 0, 0},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key presence_keys[] = {
    {"topic", CONF_TEXT, PRESENCE(topic), false, 0, 0},
    {"online", CONF_TEXTS, PRESENCE(online), false, 0, 0},
    {"offline", CONF_TEXTS, PRESENCE(offline), false, 0, 0},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key state_keys[] = {
    {"topic", CONF_TEXT, offsetof(struct raw_state, topic), true, 0, 0},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

struct reading {
    struct conf_file *file;
    struct raw_profile raw;
    struct profile_description d;
};

/* --- mistakes --- */

/* The setting, or the nearest group that it belongs into. */
static const struct conf_node *place_of(const struct reading *r, const char *key)
{
    const struct conf_node *node = conf_find(r->file, key);
    char group[128];

    snprintf(group, sizeof group, "%s", key);
    while (!node && strrchr(group, '.')) {
        *strrchr(group, '.') = '\0';
        node = conf_find(r->file, group);
    }
    return node ? node : conf_root(r->file);
}

static void mistake(const struct reading *r, const char *key, const char *what)
{
    conf_mistake(r->file, place_of(r, key), "%s: %s", key, what);
}

/* --- names --- */

struct name {
    const char *name;
    int value;
};

static const struct name encodings[] = {
    {"text", PAYLOAD_TEXT}, {"hex", PAYLOAD_HEX}, {"json", PAYLOAD_JSON}, {"msgpack", PAYLOAD_MSGPACK}, {0}};
static const struct name framings[] = {{"message", FRAMING_MESSAGE},     {"lines", FRAMING_LINES},
                                       {"delimiter", FRAMING_DELIMITER}, {"json", FRAMING_JSON},
                                       {"msgpack", FRAMING_MSGPACK},     {0}};
static const struct name matches[] = {{"echo", MATCH_ECHO}, {"state", MATCH_STATE}, {"fifo", MATCH_FIFO}, {0}};
static const struct name key_formats[] = {{"text", KEY_TEXT}, {"number", KEY_NUMBER}, {"hex", KEY_HEX}, {0}};

/* The value of a name; where there is none, the first one of the list. */
static int value_of(const struct reading *r, const struct name *names, const char *key, const char *name)
{
    struct buffer what = {0};

    for (size_t i = 0; names[i].name; i++) {
        if (!name || strcmp(name, names[i].name) == 0)
            return names[i].value;
    }
    for (size_t i = 0; names[i].name; i++) {
        buffer_printf(&what, "%s\"%s\"", i == 0 ? "must be " : names[i + 1].name ? ", " : " or ", names[i].name);
    }
    buffer_put_u8(&what, '\0');
    mistake(r, key, (const char *)what.data);
    buffer_release(&what);
    return names[0].value;
}

/* --- payloads --- */

static void free_members(const struct payload_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free_members(members[i].members, members[i].member_count);
    free((void *)(uintptr_t)members);
}

static struct payload_member *take_members(const struct reading *r, const struct conf_node *node, size_t *count);

static void take_value(const struct reading *r, const struct conf_node *node, struct payload_member *out)
{
    switch (conf_kind(node)) {
    case CONF_IS_TEXT:
        out->kind = PAYLOAD_MEMBER_TEXT;
        out->text = conf_text(node);
        return;
    case CONF_IS_INT:
        out->kind = PAYLOAD_MEMBER_INT;
        out->number = conf_int(node);
        return;
    case CONF_IS_REAL:
        out->kind = PAYLOAD_MEMBER_REAL;
        out->real = conf_real(node);
        return;
    case CONF_IS_BOOL:
        out->kind = PAYLOAD_MEMBER_BOOL;
        out->truth = conf_bool(node);
        return;
    case CONF_IS_GROUP:
    case CONF_IS_LIST:
        out->kind = PAYLOAD_MEMBER_OBJECT;
        out->members = take_members(r, node, &out->member_count);
        return;
    case CONF_IS_ARRAY:
        conf_mistake(r->file, node, "a member is a text, a number, a boolean, a group, or a list of key and value");
        out->kind = PAYLOAD_MEMBER_BOOL;
    }
}

/* { key = "state_{output}"; value = "{enable?ON:OFF}"; } */
static void take_pair(const struct reading *r, const struct conf_node *node, struct payload_member *out)
{
    struct {
        const char *key;
        const struct conf_node *value;
    } raw = {0};
    const struct conf_key keys[] = {{"key", CONF_TEXT, 0, true, 0, 0},
                                    {"value", CONF_ANY, sizeof raw.key, true, 0, 0},
                                    {NULL, CONF_TEXT, 0, false, 0, 0}};

    if (!conf_read(r->file, node, keys, &raw))
        return;
    out->key = raw.key;
    out->key_is_template = true;
    take_value(r, raw.value, out);
}

/* A group, or a list of pairs; to be given to free_members. */
static struct payload_member *take_members(const struct reading *r, const struct conf_node *node, size_t *count)
{
    bool is_list = conf_kind(node) == CONF_IS_LIST;
    struct payload_member *members;

    *count = conf_count(node);
    members = calloc(*count + 1, sizeof *members);
    CHECK(members);
    for (size_t i = 0; i < *count; i++) {
        const struct conf_node *member = conf_at(node, i);

        members[i].key = "";
        members[i].kind = PAYLOAD_MEMBER_BOOL;
        if (is_list) {
            take_pair(r, member, &members[i]);
        } else {
            members[i].key = conf_name(member);
            take_value(r, member, &members[i]);
        }
    }
    return members;
}

static bool take_payload(const struct reading *r, const struct conf_node *node, enum payload_encoding encoding,
                         struct payload_description *out)
{
    bool is_object = encoding == PAYLOAD_JSON || encoding == PAYLOAD_MSGPACK;

    if (!node)
        return false;
    if (!is_object && conf_kind(node) != CONF_IS_TEXT) {
        conf_mistake(r->file, node, "must be a text in quotes");
    } else if (!is_object) {
        out->text = conf_text(node);
    } else if (conf_kind(node) != CONF_IS_GROUP && conf_kind(node) != CONF_IS_LIST) {
        conf_mistake(r->file, node, "must be a group: { … }, or a list of key and value: ( { … }, … )");
    } else {
        out->members = take_members(r, node, &out->member_count);
    }
    return true;
}

static uint64_t mask_of(const struct conf_ints *outputs)
{
    uint64_t mask = 0;

    for (size_t i = 0; i < outputs->count; i++)
        mask |= UINT64_C(1) << (outputs->items[i] - 1);
    return mask;
}

/* --- variants --- */

static void describe_base(struct reading *r)
{
    const struct raw_command *command = &r->raw.command;
    struct profile_variant *base = &r->d.base;

    base->outputs = r->raw.outputs;
    base->outputs_in = r->raw.outputs_in;
    base->reserved = mask_of(&r->raw.reserved_outputs);
    base->encoding = (enum payload_encoding)value_of(r, encodings, "command.encoding", command->encoding);
    base->set = take_payload(r, command->set, base->encoding, &base->set_payload);
    base->set_all = take_payload(r, command->set_all, base->encoding, &base->set_all_payload);
    if (r->raw.variants && (base->set || base->set_all))
        mistake(r, "command", "set and set_all belong into the variants");
    if (!r->raw.variants && !base->set && !base->set_all)
        mistake(r, "command", "has neither set nor set_all");
}

/* What a variant does not say is said by the profile. */
static void describe_variant(struct reading *r, const struct conf_node *node)
{
    struct profile_variant *v = &r->d.variants[r->d.variant_count++];
    struct raw_variant raw = {.outputs = r->raw.outputs};

    v->name = conf_name(node);
    if (conf_read(r->file, node, variant_keys, &raw)) {
        v->outputs = raw.outputs;
        v->outputs_in = raw.outputs_in;
        v->reserved = raw.reserved_outputs.items ? mask_of(&raw.reserved_outputs) : r->d.base.reserved;
        v->encoding =
            raw.encoding ? (enum payload_encoding)value_of(r, encodings, "variants", raw.encoding) : r->d.base.encoding;
        v->set = take_payload(r, raw.set, v->encoding, &v->set_payload);
        v->set_all = take_payload(r, raw.set_all, v->encoding, &v->set_all_payload);
        if (!v->set && !v->set_all)
            conf_mistake(r->file, node, "has neither set nor set_all");
    }
    free(raw.reserved_outputs.items);
}

static void describe_variants(struct reading *r)
{
    size_t count = conf_count(r->raw.variants);

    r->d.variant = r->raw.variant;
    if (!r->raw.variant != !r->raw.variants)
        mistake(r, r->raw.variant ? "variant" : "variants", "variant and variants go together");
    if (r->raw.variants && count == 0)
        mistake(r, "variants", "is empty");
    if (count > PROFILE_VARIANTS_MAX)
        mistake(r, "variants", "too many variants");
    for (size_t i = 0; i < count && count <= PROFILE_VARIANTS_MAX; i++)
        describe_variant(r, conf_at(r->raw.variants, i));
}

/* --- the rest --- */

static void describe_defaults(struct reading *r)
{
    size_t count = conf_count(r->raw.defaults);

    if (count > PROFILE_DEFAULTS_MAX) {
        mistake(r, "defaults", "too many defaults");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct conf_node *node = conf_at(r->raw.defaults, i);

        if (conf_text(node))
            r->d.defaults[r->d.default_count++] = (struct profile_default){conf_name(node), conf_text(node)};
        else
            conf_mistake(r->file, node, "must be a text in quotes");
    }
}

static void describe_field(struct reading *r, const struct conf_node *node)
{
    for (size_t i = 0; r->d.framer->fields[i]; i++) {
        if (strcmp(conf_name(node), r->d.framer->fields[i]) != 0)
            continue;
        r->d.fields[i] = conf_text(node);
        if (!r->d.fields[i])
            conf_mistake(r->file, node, "must be a text in quotes");
        return;
    }
    conf_mistake(r->file, node, "the framer %s has no field %s", r->d.framer->name, conf_name(node));
}

static void describe_framer(struct reading *r)
{
    unsigned missing = 0;

    if (!r->raw.framer) {
        if (r->raw.command.fields)
            mistake(r, "command.fields", "is for profiles with a framer");
        return;
    }
    r->d.framer = framer_by_name(r->raw.framer);
    if (!r->d.framer) {
        mistake(r, "framer", "there is none of this name");
        return;
    }
    if (r->raw.ack.framing)
        mistake(r, "ack.framing", "is the framer's business");
    r->d.framing = FRAMING_FRAMER;
    for (size_t i = 0; i < conf_count(r->raw.command.fields); i++)
        describe_field(r, conf_at(r->raw.command.fields, i));
    for (size_t i = 0; r->d.framer->fields[i]; i++)
        missing += !conf_find(r->file, "command.fields") || !r->d.fields[i];
    if (missing)
        conf_mistake(r->file, place_of(r, "command.fields"), "command.fields: the framer %s has %u fields more",
                     r->d.framer->name, missing);
}

static void take_patterns(const struct reading *r, const char *key, const struct conf_texts *texts, const char **out)
{
    if (texts->count >= PROFILE_PATTERNS_MAX) {
        mistake(r, key, "too many patterns");
        return;
    }
    for (size_t i = 0; i < texts->count; i++)
        out[i] = texts->items[i];
}

static void describe_ack(struct reading *r)
{
    const struct raw_ack *ack = &r->raw.ack;
    struct profile_description *d = &r->d;
    bool delimited;

    if (!d->framer)
        d->framing = (enum profile_framing)value_of(r, framings, "ack.framing", ack->framing);
    d->match = (enum profile_match)value_of(r, matches, "ack.match", ack->match);
    d->key = (enum profile_key)value_of(r, key_formats, "ack.key", ack->key);
    delimited = ack->start && *ack->start && ack->end && *ack->end;
    if (d->framing == FRAMING_DELIMITER ? !delimited : ack->start || ack->end)
        mistake(r, "ack.framing", "\"delimiter\" goes with start and end, and they with it");
    if ((d->match == MATCH_ECHO) != (ack->echo != NULL))
        mistake(r, "ack.echo",
                ack->echo ? "is for acks that are matched by an echo" : "is missing: acks are matched by an echo");
    d->start = ack->start;
    d->end = ack->end;
    d->echo = ack->echo;
    take_patterns(r, "ack.success", &ack->success, d->success);
    take_patterns(r, "ack.refused", &ack->refused, d->refused);
    take_patterns(r, "ack.unsupported", &ack->unsupported, d->unsupported);
    take_patterns(r, "presence.online", &r->raw.presence.online, d->online);
    take_patterns(r, "presence.offline", &r->raw.presence.offline, d->offline);
    if (!r->raw.presence.online.count != !r->raw.presence.offline.count)
        mistake(r, "presence", "online and offline go together");
}

static void describe(struct reading *r, const char *name)
{
    const struct raw_profile *raw = &r->raw;

    r->d = (struct profile_description){
        .name = name,
        .kind = PROFILE_DESCRIBED,
        .models = raw->models.items,
        .model_count = raw->models.count,
        .ack_timeout_ms = raw->ack_timeout_ms,
        .quarantine_ms = raw->quarantine_ms,
        .command_topic = raw->command.topic,
        .set_all_topic = raw->command.set_all_topic,
        .ack_topic = raw->ack.topic,
        .presence_topic = raw->presence.topic,
        .state_topic = raw->state.topic,
    };
    describe_base(r);
    describe_variants(r);
    describe_defaults(r);
    describe_framer(r);
    describe_ack(r);
}

static void release_variant(const struct profile_variant *v)
{
    free_members(v->set_payload.members, v->set_payload.member_count);
    free_members(v->set_all_payload.members, v->set_all_payload.member_count);
}

static void release(struct reading *r)
{
    release_variant(&r->d.base);
    for (size_t i = 0; i < r->d.variant_count; i++)
        release_variant(&r->d.variants[i]);
    free(r->raw.models.items);
    free(r->raw.reserved_outputs.items);
    free(r->raw.ack.success.items);
    free(r->raw.ack.refused.items);
    free(r->raw.ack.unsupported.items);
    free(r->raw.presence.online.items);
    free(r->raw.presence.offline.items);
    conf_close(r->file);
}

static bool read_groups(struct reading *r)
{
    struct raw_profile *raw = &r->raw;
    bool good = conf_read(r->file, conf_root(r->file), profile_keys, raw);

    good &= conf_read(r->file, raw->command_node, command_keys, &raw->command);
    good &= conf_read(r->file, raw->ack_node, ack_keys, &raw->ack);
    good &= conf_read(r->file, raw->presence_node, presence_keys, &raw->presence);
    good &= conf_read(r->file, raw->state_node, state_keys, &raw->state);
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
        profile = profile_new(&r->d, prefix, &key, &error);
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
    release(&r);
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

void profile_folder_check_sharing(const struct profiles *all, const char *path, struct mistakes *mistakes)
{
    struct buffer why = {0};

    if (!profiles_can_be_shared(all, &why))
        mistakes_add(mistakes, path, 0, "%.*s", (int)why.len, (const char *)why.data);
    buffer_release(&why);
}
