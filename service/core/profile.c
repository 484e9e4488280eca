#include "profile_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "core/topic.h"

enum { TEXT_ROOM = 256, BODY_ROOM = 512 }; /* on the stack: longer texts are allocated */

/* --- building --- */

struct building {
    struct profile *p;
    const char *prefix;
    const char *key;
    const char *error;
};

/* The first mistake is the one that is told. */
static void note_key(struct building *b, const char *key)
{
    static char told[128];

    if (!b->error || b->key)
        return;
    snprintf(told, sizeof told, "%s", key);
    b->key = told;
}

/* "defaults.serial", "variants.GV.set" */
static const char *joined(const char *group, const char *name, const char *member)
{
    static char key[128];

    snprintf(key, sizeof key, "%s.%s%s%s", group, name, member ? "." : "", member ? member : "");
    return key;
}

/* text NULL: it was not given. */
static struct template *compile(struct building *b, const char *key, const char *text, enum template_use use)
{
    struct template *t = b->error || !text ? NULL : template_compile(text, use, &b->p->defaults, &b->error);

    note_key(b, key);
    return t;
}

static void build_defaults(struct building *b, const struct profile_description *d)
{
    struct profile *p = b->p;

    p->defaults.list = p->default_list;
    for (size_t i = 0; i < d->default_count && !b->error; i++) {
        struct template *value =
            compile(b, joined("defaults", d->defaults[i].name, NULL), d->defaults[i].value, TEMPLATE_DEFAULT);

        p->default_list[i].name = strdup(d->defaults[i].name);
        p->default_list[i].value = value;
        p->defaults.count++;
        CHECK(p->default_list[i].name);
    }
}

static struct template *compile_topic(struct building *b, const char *key, const char *text, enum template_use use)
{
    struct buffer whole = {0};
    struct template *t;

    buffer_printf(&whole, "%s%s", b->prefix, text);
    buffer_put_u8(&whole, '\0');
    t = compile(b, key, (const char *)whole.data, use);
    buffer_release(&whole);
    return t;
}

static bool has_mode(const struct profile *p, enum action action)
{
    for (size_t i = 0; i < p->variant_count; i++) {
        if (p->variants[i].modes[action])
            return true;
    }
    return false;
}

static void build_topics(struct building *b, const struct profile_description *d)
{
    const char *command = d->command_topic ? d->command_topic : "tracker/{tracker_id}/output/command";
    enum template_use all_use = has_mode(b->p, ACTION_SET_ALL) ? TEMPLATE_SET_ALL_TOPIC : TEMPLATE_SET_TOPIC;
    const struct {
        const char *key;
        const char *text;
        enum template_use use;
    } topics[PROFILE_TOPIC_COUNT] = {
        [TOPIC_COMMAND] = {"command.topic", command, TEMPLATE_SET_TOPIC},
        [TOPIC_COMMAND_ALL] = {d->set_all_topic ? "command.set_all_topic" : "command.topic",
                               d->set_all_topic ? d->set_all_topic : command, all_use},
        [TOPIC_ACK] = {"ack.topic", d->ack_topic ? d->ack_topic : "tracker/{tracker_id}/output/ack",
                       TEMPLATE_ACK_TOPIC},
        [TOPIC_PRESENCE] = {"presence.topic", d->presence_topic ? d->presence_topic : "tracker/{tracker_id}/status",
                            TEMPLATE_TOPIC},
        [TOPIC_STATE] = {"state.topic", d->state_topic ? d->state_topic : "tracker/{tracker_id}/output/state",
                         TEMPLATE_TOPIC},
    };

    for (size_t i = 0; i < PROFILE_TOPIC_COUNT; i++)
        b->p->topics[i] = compile_topic(b, topics[i].key, topics[i].text, topics[i].use);
}

static void build_variant(struct building *b, const struct profile_variant *from)
{
    const struct payload_description *payloads[] = {&from->set_payload, &from->set_all_payload};
    const enum template_use uses[] = {TEMPLATE_SET, TEMPLATE_SET_ALL};
    struct variant *v = &b->p->variants[b->p->variant_count++];

    *v = (struct variant){.outputs = from->outputs, .reserved = from->reserved, .encoding = from->encoding};
    v->modes[ACTION_SET] = from->set;
    v->modes[ACTION_SET_ALL] = from->set_all;
    v->name = from->name ? strdup(from->name) : NULL;
    if (from->outputs_in) {
        struct buffer text = {0};

        buffer_printf(&text, "{%s}", from->outputs_in);
        buffer_put_u8(&text, '\0');
        v->outputs_in = compile(b, from->name ? joined("variants", from->name, "outputs_in") : "outputs_in",
                                (const char *)text.data, TEMPLATE_DEFAULT);
        buffer_release(&text);
    }
    for (int i = 0; i < ACTION_UNKNOWN && b->p->kind == PROFILE_DESCRIBED; i++) {
        if (v->modes[i] && !b->error)
            v->payloads[i] = payload_compile(from->encoding, payloads[i], uses[i], &b->p->defaults, &b->error);
        note_key(b, from->name ? joined("variants", from->name, action_name((enum action)i))
                               : joined("command", action_name((enum action)i), NULL));
    }
}

static void build_variants(struct building *b, const struct profile_description *d)
{
    b->p->variant = compile(b, "variant", d->variant, TEMPLATE_SET_TOPIC);
    for (size_t i = 0; i < d->variant_count; i++)
        build_variant(b, &d->variants[i]);
    if (!d->variant_count)
        build_variant(b, &d->base);
}

static void build_patterns(struct building *b, const char *key, const char *const *texts, struct patterns *out)
{
    for (size_t i = 0; i < PROFILE_PATTERNS_MAX && texts[i] && !b->error; i++) {
        out->list[i] = pattern_compile(texts[i], &b->error);
        out->count += out->list[i] != NULL;
    }
    note_key(b, key);
}

static void check_success(struct building *b)
{
    const struct patterns *success = &b->p->acks[ACK_SUCCESS];

    for (size_t i = 0; i < success->count && !b->error; i++) {
        const struct pattern *pattern = success->list[i];

        if (b->p->match == MATCH_ECHO && !pattern_has(pattern, GROUP_KEY))
            b->error = "needs a group (?<key>…): acks are matched by an echo";
        if (b->p->match == MATCH_STATE && !pattern_has(pattern, GROUP_ON) && !pattern_has(pattern, GROUP_OFF))
            b->error = "needs the groups (?<on>…) and (?<off>…): acks are matched by the state that they report";
    }
    note_key(b, "ack.success");
}

static void build_described(struct building *b, const struct profile_description *d)
{
    struct profile *p = b->p;

    for (size_t i = 0; d->framer && d->framer->fields[i]; i++)
        p->fields[i] = compile(b, joined("command.fields", d->framer->fields[i], NULL), d->fields[i],
                               has_mode(p, ACTION_SET_ALL) ? TEMPLATE_SET_ALL : TEMPLATE_SET);
    if (d->match == MATCH_ECHO)
        p->echo = compile(b, "ack.echo", d->echo, has_mode(p, ACTION_SET_ALL) ? TEMPLATE_SET_ALL : TEMPLATE_SET);
    build_patterns(b, "ack.success", d->success, &p->acks[ACK_SUCCESS]);
    build_patterns(b, "ack.refused", d->refused, &p->acks[ACK_REFUSED]);
    build_patterns(b, "ack.unsupported", d->unsupported, &p->acks[ACK_UNSUPPORTED]);
    build_patterns(b, "presence.online", d->online, &p->online);
    build_patterns(b, "presence.offline", d->offline, &p->offline);
    check_success(b);
}

static void copy_plain(struct profile *p, const struct profile_description *d)
{
    p->name = strdup(d->name);
    p->models = calloc(d->model_count + 1, sizeof *p->models);
    CHECK(p->name && p->models);
    for (p->model_count = 0; p->model_count < d->model_count; p->model_count++) {
        p->models[p->model_count] = strdup(d->models[p->model_count]);
        CHECK(p->models[p->model_count]);
    }
    p->kind = d->kind;
    p->framing = d->framing;
    p->match = d->match;
    p->key = d->key;
    p->ack_timeout_ms = d->ack_timeout_ms;
    p->quarantine_ms = d->quarantine_ms;
    p->framer = d->framer;
    p->start = d->start ? strdup(d->start) : NULL;
    p->end = d->end ? strdup(d->end) : NULL;
}

struct profile *profile_new(const struct profile_description *d, const char *prefix, const char **key,
                            const char **error)
{
    struct building b = {.p = calloc(1, sizeof(struct profile)), .prefix = prefix};

    CHECK(b.p);
    b.p->refs = 1;
    copy_plain(b.p, d);
    build_defaults(&b, d);
    build_variants(&b, d);
    build_topics(&b, d);
    if (d->kind == PROFILE_DESCRIBED)
        build_described(&b, d);
    if (!b.error)
        return b.p;
    *key = b.key;
    *error = b.error;
    profile_unref(b.p);
    return NULL;
}

struct profile *profile_ref(struct profile *p)
{
    p->refs++;
    return p;
}

static void free_patterns(struct patterns *patterns)
{
    for (size_t i = 0; i < patterns->count; i++)
        pattern_free(patterns->list[i]);
}

static void free_variants(struct profile *p)
{
    for (size_t i = 0; i < p->variant_count; i++) {
        free(p->variants[i].name);
        template_free(p->variants[i].outputs_in);
        for (int action = 0; action < ACTION_UNKNOWN; action++)
            payload_free(p->variants[i].payloads[action]);
    }
    template_free(p->variant);
}

void profile_unref(struct profile *p)
{
    if (!p || --p->refs > 0)
        return;
    free_variants(p);
    for (size_t i = 0; i < PROFILE_TOPIC_COUNT; i++)
        template_free(p->topics[i]);
    for (size_t i = 0; i < FRAMER_FIELDS_MAX; i++)
        template_free(p->fields[i]);
    for (size_t i = 0; i < ACK_UNRELATED; i++)
        free_patterns(&p->acks[i]);
    free_patterns(&p->online);
    free_patterns(&p->offline);
    template_free(p->echo);
    for (size_t i = 0; i < p->defaults.count; i++) {
        free((char *)(uintptr_t)p->default_list[i].name);
        template_free((struct template *)(uintptr_t)p->default_list[i].value);
    }
    for (size_t i = 0; i < p->model_count; i++)
        free(p->models[i]);
    free(p->models);
    free(p->start);
    free(p->end);
    free(p->name);
    free(p);
}

/* --- what it says --- */

const char *profile_name(const struct profile *p)
{
    return p->name;
}

enum profile_kind profile_kind(const struct profile *p)
{
    return p->kind;
}

uint32_t profile_ack_timeout_ms(const struct profile *p)
{
    return p->ack_timeout_ms;
}

uint32_t profile_quarantine_ms(const struct profile *p)
{
    return p->quarantine_ms;
}

enum profile_match profile_match(const struct profile *p)
{
    return p->match;
}

const struct template *profile_topic(const struct profile *p, enum profile_topic which)
{
    return p->topics[which];
}

const struct template *profile_command_topic(const struct profile *p, enum action action)
{
    return p->topics[action == ACTION_SET_ALL ? TOPIC_COMMAND_ALL : TOPIC_COMMAND];
}

size_t profile_model_count(const struct profile *p)
{
    return p->model_count;
}

const char *profile_model(const struct profile *p, size_t index)
{
    return p->models[index];
}

/* --- variants --- */

/* NULL: none serves this tracker. */
static const struct variant *variant_of(const struct profile *p, const struct template_input *input)
{
    static const struct command any = {.action = ACTION_SET, .output = 1};
    struct template_input named = *input;
    const struct variant *found = NULL;
    uint8_t name_room[TEXT_ROOM];
    struct buffer name = buffer_in(name_room, sizeof name_room);

    if (!p->variant)
        return &p->variants[0];
    if (!named.command)
        named.command = &any;
    if (template_render(p->variant, &named, &name) == 0) {
        for (size_t i = 0; i < p->variant_count && !found; i++) {
            if (bytes_equal_text(buffer_bytes(&name), p->variants[i].name))
                found = &p->variants[i];
        }
    }
    buffer_release(&name);
    return found;
}

static unsigned elements_of(const struct template *list, const struct template_input *tracker)
{
    uint8_t text_room[TEXT_ROOM];
    struct buffer text = buffer_in(text_room, sizeof text_room);
    unsigned count = 0;

    if (template_render(list, tracker, &text) == 0 && text.len) {
        count = 1;
        for (size_t i = 0; i < text.len; i++)
            count += text.data[i] == ',';
    }
    buffer_release(&text);
    return count <= 64 ? count : 64;
}

unsigned profile_outputs(const struct profile *p, const struct template_input *tracker)
{
    const struct variant *v = variant_of(p, tracker);

    if (v && v->outputs_in)
        return elements_of(v->outputs_in, tracker);
    return v ? v->outputs : 0;
}

uint64_t profile_reserved(const struct profile *p, const struct template_input *tracker)
{
    const struct variant *v = variant_of(p, tracker);

    return v ? v->reserved : 0;
}

bool profile_has(const struct profile *p, const struct template_input *tracker, enum action action)
{
    const struct variant *v = variant_of(p, tracker);

    return v && action < ACTION_UNKNOWN && v->modes[action];
}

/* --- checking a tracker --- */

const char *profile_missing_var(const struct profile *p, const struct template_input *tracker)
{
    const struct variant *v = variant_of(p, tracker);
    const char *missing = p->variant ? template_missing_var(p->variant, tracker->vars) : NULL;

    for (int i = 0; v && i < ACTION_UNKNOWN && !missing; i++)
        missing = v->payloads[i] ? payload_missing_var(v->payloads[i], tracker->vars) : NULL;
    for (size_t i = 0; i < FRAMER_FIELDS_MAX && p->fields[i] && !missing; i++)
        missing = template_missing_var(p->fields[i], tracker->vars);
    if (p->echo && !missing)
        missing = template_missing_var(p->echo, tracker->vars);
    for (size_t i = 0; i < PROFILE_TOPIC_COUNT && !missing; i++)
        missing = template_missing_var(p->topics[i], tracker->vars);
    return missing;
}

static const char *why_not(int e, const char *why)
{
    if (why)
        return why;
    return e == -EINVAL    ? "a var is not what it has to be: a whole number, hex digits or UTF-8"
           : e == -ENODATA ? "a var is missing that a default needs"
                           : "its vars select nothing that the profile knows";
}

/* 0, -EDOM: there is no such command, or -EINVAL with what is wrong in `why`. */
static int check_topics(const struct profile *p, const struct template_input *input, struct buffer *why)
{
    static const char *const names[] = {"command", "command", "ack", "presence", "state"};
    const struct template *other = p->topics[input->command->action == ACTION_SET ? TOPIC_COMMAND_ALL : TOPIC_COMMAND];
    int e = 0;

    for (int i = 0; i < PROFILE_TOPIC_COUNT && e == 0; i++) {
        struct buffer topic = {0};

        if (p->topics[i] == other)
            continue;
        e = template_render(p->topics[i], input, &topic);
        if (e == 0 && !topic_is_publishable(buffer_bytes(&topic))) {
            buffer_printf(why, "its vars make no %s topic: empty, too long, or with characters that no topic has",
                          names[i]);
            e = -EINVAL;
        } else if (e < 0 && e != -EDOM) {
            buffer_printf(why, "its vars make no %s topic: %s", names[i], why_not(e, NULL));
            e = -EINVAL;
        }
        buffer_release(&topic);
    }
    return e;
}

/* Likewise. */
static int check_command(const struct profile *p, const struct template_input *input, struct buffer *why)
{
    struct buffer payload = {0};
    const char *reason = NULL;
    int e = check_topics(p, input, why);

    if (e == 0) {
        e = profile_render(p, input, &payload, &reason);
        if (e < 0 && e != -EDOM)
            buffer_printf(why, "no %s can be rendered for it: %s", action_name(input->command->action),
                          why_not(e, reason));
    }
    buffer_release(&payload);
    return e;
}

/* The families that lack a command for some output or state have one for another. */
static bool check_action(const struct profile *p, const struct template_input *tracker, enum action action,
                         struct buffer *why)
{
    static const struct output_states states = {.known = UINT64_MAX};
    struct command command = {.action = action, .output_count = tracker->outputs};
    struct template_input input = *tracker;
    int e = -EDOM;

    input.command = &command;
    input.states = &states;
    for (int i = 0; i < 2 * (tracker->outputs ? tracker->outputs : 1) && e == -EDOM; i++) {
        command.output = i / 2 + 1;
        command.enable = i % 2;
        command.outputs = i % 2 ? UINT64_MAX : (uint64_t)i;
        e = check_command(p, &input, why);
    }
    if (e == -EDOM)
        buffer_printf(why, "no %s can be rendered for it: %s", action_name(action), why_not(e, NULL));
    return e == 0;
}

bool profile_check(const struct profile *p, const struct template_input *tracker, struct buffer *why)
{
    const char *missing = profile_missing_var(p, tracker);
    bool good = true;

    if (p->kind != PROFILE_DESCRIBED)
        return true;
    if (missing) {
        buffer_printf(why, "vars.%s is missing: profile %s needs it", missing, p->name);
        return false;
    }
    if (!variant_of(p, tracker)) {
        buffer_printf(why, "its vars name none of the variants of profile %s", p->name);
        return false;
    }
    for (int action = 0; action < ACTION_UNKNOWN && good; action++) {
        if (profile_has(p, tracker, (enum action)action))
            good = check_action(p, tracker, (enum action)action, why);
    }
    return good;
}

/* --- commands --- */

/* The fields, one behind the other in a buffer, and what they are made into. */
static int wrap(const struct profile *p, const struct template_input *input, struct bytes body, struct buffer *out,
                const char **why)
{
    struct bytes fields[FRAMER_FIELDS_MAX] = {{0}};
    size_t ends[FRAMER_FIELDS_MAX] = {0};
    uint8_t text_room[BODY_ROOM];
    struct buffer text = buffer_in(text_room, sizeof text_room);
    const char *error = NULL;
    int e = 0;

    for (size_t i = 0; i < FRAMER_FIELDS_MAX && p->fields[i] && e == 0; i++) {
        e = template_render(p->fields[i], input, &text);
        ends[i] = text.len;
    }
    for (size_t i = 0; i < FRAMER_FIELDS_MAX && p->fields[i] && e == 0; i++) {
        size_t start = i ? ends[i - 1] : 0;

        fields[i] = bytes_of(text.data ? text.data + start : (const uint8_t *)"", ends[i] - start);
    }
    if (e == 0)
        error = p->framer->wrap(fields, body, out);
    if (error) {
        e = -EINVAL;
        if (why)
            *why = error;
    }
    buffer_release(&text);
    return e;
}

int profile_render(const struct profile *p, const struct template_input *input, struct buffer *out, const char **why)
{
    const struct variant *v;
    uint8_t body_room[BODY_ROOM];
    struct buffer body = buffer_in(body_room, sizeof body_room);
    int e;

    if (p->kind != PROFILE_DESCRIBED) {
        command_encode(p->kind == PROFILE_GENERIC_JSON ? ENCODING_JSON : ENCODING_MSGPACK, input->command, out);
        return 0;
    }
    v = variant_of(p, input);
    if (!v || !v->payloads[input->command->action])
        return -EDOM;
    if (!p->framer)
        return payload_render(v->payloads[input->command->action], input, out);
    e = payload_render(v->payloads[input->command->action], input, &body);
    if (e == 0)
        e = wrap(p, input, buffer_bytes(&body), out, why);
    buffer_release(&body);
    return e;
}

int profile_render_raw(const struct profile *p, const struct template_input *input, struct bytes body,
                       struct buffer *out, const char **why)
{
    const struct variant *v = variant_of(p, input);
    struct buffer decoded = {0};
    int e = v && p->framer ? 0 : -EDOM;

    buffer_put(&decoded, body);
    if (e == 0 && v->encoding == PAYLOAD_HEX && !payload_decode_hex(&decoded, 0))
        e = -EINVAL;
    if (e == 0)
        e = wrap(p, input, buffer_bytes(&decoded), out, why);
    buffer_release(&decoded);
    return e;
}

void profile_render_echo(const struct profile *p, const struct template_input *input, struct buffer *out)
{
    uint8_t echo_room[TEXT_ROOM];
    struct buffer echo = buffer_in(echo_room, sizeof echo_room);

    /* Without a state that it needs: empty, equal to no key. */
    if (p->echo && template_render(p->echo, input, &echo) == 0)
        profile_put_key(p, buffer_bytes(&echo), out);
    buffer_release(&echo);
}
