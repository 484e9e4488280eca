#include "core/profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "core/pattern.h"

struct profile {
    unsigned refs;
    struct profile_description d; /* numbers only: its texts are copied below */
    char *name;
    char **models;
    struct template *topics[PROFILE_TOPIC_COUNT];
    struct template *set;
    struct template *set_all;
    struct template *echo;
    struct pattern *patterns[ACK_UNRELATED][PROFILE_PATTERNS_MAX]; /* by what they recognise */
};

/* --- building --- */

struct building {
    struct profile *p;
    const char *prefix;
    const char *key;
    const char *error;
};

static struct template *compile(struct building *b, const char *key, const char *text, enum template_use use)
{
    struct template *t = b->error ? NULL : template_compile(text, use, &b->error);

    if (!t && !b->key)
        b->key = key;
    return t;
}

static const struct {
    const char *key;
    const char *fallback;
} topic_keys[PROFILE_TOPIC_COUNT] = {
    [TOPIC_COMMAND] = {"command.topic", "tracker/{tracker_id}/output/command"},
    [TOPIC_ACK] = {"ack.topic", "tracker/{tracker_id}/output/ack"},
    [TOPIC_PRESENCE] = {"presence.topic", "tracker/{tracker_id}/status"},
    [TOPIC_STATE] = {"state.topic", "tracker/{tracker_id}/output/state"},
};

static void build_topics(struct building *b, const struct profile_description *d)
{
    const char *const given[PROFILE_TOPIC_COUNT] = {d->command_topic, d->ack_topic, d->presence_topic, d->state_topic};

    for (size_t i = 0; i < PROFILE_TOPIC_COUNT; i++) {
        struct buffer text = {0};

        buffer_printf(&text, "%s%s", b->prefix, given[i] ? given[i] : topic_keys[i].fallback);
        buffer_put_u8(&text, '\0');
        b->p->topics[i] = compile(b, topic_keys[i].key, (const char *)text.data, TEMPLATE_TOPIC);
        buffer_release(&text);
    }
}

static void build_patterns(struct building *b, const char *key, const char *const *texts, enum ack_kind kind)
{
    for (size_t i = 0; i < PROFILE_PATTERNS_MAX && texts[i] && !b->error; i++) {
        struct pattern *pattern = pattern_compile(texts[i], &b->error);

        b->p->patterns[kind][i] = pattern;
        if (pattern && b->p->d.match == MATCH_ECHO && !pattern_has_key(pattern))
            b->error = "needs a group (?<key>…): acks are matched by an echo";
        if (b->error)
            b->key = key;
    }
}

static void build_text(struct building *b, const struct profile_description *d)
{
    if (d->set)
        b->p->set = compile(b, "command.set", d->set_text, TEMPLATE_SET);
    if (d->set_all)
        b->p->set_all = compile(b, "command.set_all", d->set_all_text, TEMPLATE_SET_ALL);
    if (d->match == MATCH_ECHO)
        b->p->echo = compile(b, "ack.echo", d->echo, d->set_all ? TEMPLATE_SET_ALL : TEMPLATE_SET);
    build_patterns(b, "ack.success", d->success, ACK_SUCCESS);
    build_patterns(b, "ack.refused", d->refused, ACK_REFUSED);
    build_patterns(b, "ack.unsupported", d->unsupported, ACK_UNSUPPORTED);
}

static void copy_names(struct profile *p, const struct profile_description *d)
{
    p->d = *d;
    p->name = strdup(d->name);
    p->models = calloc(d->model_count + 1, sizeof *p->models);
    CHECK(p->name && p->models);
    for (size_t i = 0; i < d->model_count; i++) {
        p->models[i] = strdup(d->models[i]);
        CHECK(p->models[i]);
    }
}

struct profile *profile_new(const struct profile_description *d, const char *prefix, const char **key,
                            const char **error)
{
    struct building b = {.p = calloc(1, sizeof(struct profile)), .prefix = prefix};

    CHECK(b.p);
    b.p->refs = 1;
    copy_names(b.p, d);
    build_topics(&b, d);
    if (d->encoding == PROFILE_TEXT)
        build_text(&b, d);
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

void profile_unref(struct profile *p)
{
    if (!p || --p->refs > 0)
        return;
    for (size_t i = 0; i < PROFILE_TOPIC_COUNT; i++)
        template_free(p->topics[i]);
    for (size_t i = 0; i < ACK_UNRELATED * PROFILE_PATTERNS_MAX; i++)
        pattern_free(p->patterns[i / PROFILE_PATTERNS_MAX][i % PROFILE_PATTERNS_MAX]);
    template_free(p->set);
    template_free(p->set_all);
    template_free(p->echo);
    for (size_t i = 0; i < p->d.model_count; i++)
        free(p->models[i]);
    free(p->models);
    free(p->name);
    free(p);
}

/* --- what it says --- */

const char *profile_name(const struct profile *p)
{
    return p->name;
}

unsigned profile_outputs(const struct profile *p)
{
    return p->d.outputs;
}

uint64_t profile_reserved(const struct profile *p)
{
    return p->d.reserved;
}

bool profile_has(const struct profile *p, enum action action)
{
    return action == ACTION_SET ? p->d.set : p->d.set_all;
}

uint32_t profile_ack_timeout_ms(const struct profile *p)
{
    return p->d.ack_timeout_ms;
}

uint32_t profile_quarantine_ms(const struct profile *p)
{
    return p->d.quarantine_ms;
}

enum profile_match profile_match(const struct profile *p)
{
    return p->d.match;
}

enum profile_encoding profile_encoding(const struct profile *p)
{
    return p->d.encoding;
}

const struct template *profile_topic(const struct profile *p, enum profile_topic which)
{
    return p->topics[which];
}

size_t profile_model_count(const struct profile *p)
{
    return p->d.model_count;
}

const char *profile_model(const struct profile *p, size_t index)
{
    return p->models[index];
}

const char *profile_missing_var(const struct profile *p, const char *vars)
{
    const struct template *all[PROFILE_TOPIC_COUNT + 3] = {p->set, p->set_all, p->echo};

    memcpy(all + 3, p->topics, sizeof p->topics);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const char *missing = all[i] ? template_missing_var(all[i], vars) : NULL;

        if (missing)
            return missing;
    }
    return NULL;
}

/* --- commands --- */

int profile_render(const struct profile *p, const struct template_input *input, struct buffer *out)
{
    if (p->d.encoding != PROFILE_TEXT) {
        command_encode(p->d.encoding == PROFILE_JSON ? ENCODING_JSON : ENCODING_MSGPACK, input->command, out);
        return 0;
    }
    return template_render(input->command->action == ACTION_SET ? p->set : p->set_all, input, out);
}

void profile_render_echo(const struct profile *p, const struct template_input *input, struct buffer *out)
{
    if (p->echo)
        (void)template_render(p->echo, input, out); /* without a state that it needs: empty, equal to no key */
}

/* --- acks --- */

static const char *const ack_kind_names[] = {"success", "refused", "unsupported", "unrelated", "malformed"};

const char *ack_kind_name(enum ack_kind kind)
{
    return ack_kind_names[kind];
}

typedef void ack_each_fn(void *ctx, const struct ack_reading *reading);

static void read_object_ack(enum encoding encoding, struct bytes payload, ack_each_fn *each, void *ctx)
{
    struct ack ack;
    char key[24];
    struct ack_reading reading = {.kind = ACK_MALFORMED};

    if (ack_decode(encoding, payload, &ack) == 0) {
        reading.kind = ack.success ? ACK_SUCCESS : ack.unsupported ? ACK_UNSUPPORTED : ACK_REFUSED;
        reading.has_id = ack.has_id;
        reading.id = ack.id;
        snprintf(key, sizeof key, "%llu", (unsigned long long)ack.id);
        if (ack.has_id)
            reading.key = bytes_of_text(key);
    }
    each(ctx, &reading);
}

/* Refusals are looked for first: a refusal's text often contains that of a success. */
static const enum ack_kind reading_order[] = {ACK_UNSUPPORTED, ACK_REFUSED, ACK_SUCCESS};

static void read_text_ack(const struct profile *p, struct bytes message, ack_each_fn *each, void *ctx)
{
    struct ack_reading reading = {.kind = ACK_UNRELATED};

    for (size_t i = 0; i < sizeof reading_order / sizeof *reading_order; i++) {
        struct pattern *const *patterns = p->patterns[reading_order[i]];

        for (size_t n = 0; n < PROFILE_PATTERNS_MAX && patterns[n]; n++) {
            if (pattern_match(patterns[n], message, &reading.key)) {
                reading.kind = reading_order[i];
                each(ctx, &reading);
                return;
            }
        }
    }
    reading.key = (struct bytes){0};
    each(ctx, &reading);
}

static size_t line_len(struct bytes text)
{
    size_t len = 0;

    while (len < text.len && text.data[len] != '\r' && text.data[len] != '\n')
        len++;
    return len;
}

static void read_lines(const struct profile *p, struct bytes rest, ack_each_fn *each, void *ctx)
{
    while (rest.len) {
        size_t len = line_len(rest);

        if (len)
            read_text_ack(p, bytes_of(rest.data, len), each, ctx);
        len += len < rest.len; /* the line's end */
        rest.data += len;
        rest.len -= len;
    }
}

void profile_read_acks(const struct profile *p, struct bytes payload, ack_each_fn *each, void *ctx)
{
    if (p->d.encoding != PROFILE_TEXT)
        read_object_ack(p->d.encoding == PROFILE_JSON ? ENCODING_JSON : ENCODING_MSGPACK, payload, each, ctx);
    else if (p->d.framing == FRAMING_LINES)
        read_lines(p, payload, each, ctx);
    else
        read_text_ack(p, payload, each, ctx);
}
