#include "core/template.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "core/topic.h"

enum op_kind { OP_LITERAL, OP_TRACKER_ID, OP_COMMAND_ID, OP_OUTPUT, OP_DEVICE_ID, OP_VAR, OP_ENABLE, OP_STATES };

struct op {
    enum op_kind kind;
    struct bytes text; /* literal, name of the var, text for on */
    struct bytes off;
    struct bytes keep; /* data NULL: from the last acked state */
    struct bytes separator;
    int32_t shift;
    uint8_t width;
    char base; /* 'd', 'x' or 'X' */
};

enum { OPS_MAX = 64, WIDTH_MAX = 32 };

struct template
{
    char *text; /* with the {{ and }} folded; the ops point into it */
    size_t count;
    struct op ops[OPS_MAX];
};

/* --- compiling --- */

struct compiler {
    struct template *t;
    enum template_use use;
    const char *error;
};

static const struct {
    const char *name;
    enum op_kind kind;
    bool number;
    bool in_topics;
    bool in_set_all;
} names[] = {
    {"tracker_id", OP_TRACKER_ID, true, true, true}, {"command_id", OP_COMMAND_ID, true, false, true},
    {"output", OP_OUTPUT, true, false, false},       {"device_id", OP_DEVICE_ID, false, true, true},
    {"enable", OP_ENABLE, false, false, false},      {"states", OP_STATES, false, false, true},
};

static struct op *add_op(struct compiler *c, enum op_kind kind)
{
    struct op *op = &c->t->ops[c->t->count];

    if (c->t->count == OPS_MAX) {
        c->error = "too many placeholders";
        return NULL;
    }
    c->t->count++;
    *op = (struct op){.kind = kind, .base = 'd'};
    return op;
}

static size_t name_len(const char *at, const char *end)
{
    const char *p = at;

    while (p < end && (isalnum((unsigned char)*p) || *p == '_'))
        p++;
    return (size_t)(p - at);
}

/* ":04X" behind a number's name and shift. */
static const char *compile_format(struct op *op, const char *at, const char *end)
{
    unsigned width = 0;

    if (at == end || *at != ':')
        return at;
    for (at++; at < end && isdigit((unsigned char)*at) && width <= WIDTH_MAX; at++)
        width = width * 10 + (unsigned)(*at - '0');
    if (width > WIDTH_MAX || at == end || !strchr("dxX", *at))
        return NULL;
    op->width = (uint8_t)width;
    op->base = *at;
    return at + 1;
}

static void compile_number(struct compiler *c, struct op *op, const char *at, const char *end)
{
    if (at < end && (*at == '+' || *at == '-')) {
        char *rest;
        long shift = strtol(at, &rest, 10);

        if (rest > end || shift < -1000 || shift > 1000) {
            c->error = "the number behind + or - is out of range";
            return;
        }
        op->shift = (int32_t)shift;
        at = rest;
    }
    at = compile_format(op, at, end);
    if (at != end)
        c->error = "a number is written {name}, {name-1}, {name:04X} or {name:d}";
}

static void compile_enable(struct compiler *c, struct op *op, const char *at, const char *end)
{
    const char *colon = at < end ? memchr(at, ':', (size_t)(end - at)) : NULL;

    if (!colon || *at != '?') {
        c->error = "enable is written {enable?ON:OFF}";
        return;
    }
    op->text = bytes_of(at + 1, (size_t)(colon - at - 1));
    op->off = bytes_of(colon + 1, (size_t)(end - colon - 1));
}

static struct bytes *states_option(struct op *op, const char *name, size_t len)
{
    const struct {
        const char *name;
        struct bytes *value;
    } options[] = {{"on", &op->text}, {"off", &op->off}, {"keep", &op->keep}, {"sep", &op->separator}};

    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (bytes_equal_text(bytes_of(name, len), options[i].name))
            return options[i].value;
    }
    return NULL;
}

static void compile_states(struct compiler *c, struct op *op, const char *at, const char *end)
{
    while (at < end) {
        size_t len;
        const char *close;
        struct bytes *value;

        at += strspn(at, " ");
        len = name_len(at, end);
        value = states_option(op, at, len);
        at += len;
        if (!value || end - at < 3 || at[0] != '=' || at[1] != '\'')
            break;
        close = memchr(at + 2, '\'', (size_t)(end - at - 2));
        if (!close)
            break;
        *value = bytes_of(at + 2, (size_t)(close - at - 2));
        at = close + 1;
    }
    if (at != end || !op->text.data || !op->off.data)
        c->error = "states is written {states on='1' off='0' keep='?' sep=','}";
}

static void compile_known(struct compiler *c, size_t which, const char *at, const char *end)
{
    bool allowed =
        c->use == TEMPLATE_SET || (c->use == TEMPLATE_TOPIC ? names[which].in_topics : names[which].in_set_all);
    struct op *op = add_op(c, names[which].kind);

    if (!allowed)
        c->error = c->use == TEMPLATE_TOPIC ? "a topic takes only {tracker_id}, {device_id} and vars"
                                            : "set_all takes no {output} and no {enable}";
    if (c->error)
        return;
    if (names[which].number)
        compile_number(c, op, at, end);
    else if (names[which].kind == OP_ENABLE)
        compile_enable(c, op, at, end);
    else if (names[which].kind == OP_STATES)
        compile_states(c, op, at, end);
    else if (at != end)
        c->error = "device_id takes no format";
}

static void compile_placeholder(struct compiler *c, const char *at, const char *end)
{
    size_t len = name_len(at, end);
    struct op *op;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (bytes_equal_text(bytes_of(at, len), names[i].name)) {
            compile_known(c, i, at + len, end);
            return;
        }
    }
    if (len == 0 || at + len != end) {
        c->error = "this placeholder is not known";
        return;
    }
    op = add_op(c, OP_VAR);
    if (op)
        op->text = bytes_of(at, len);
}

static void add_literal(struct compiler *c, const char *text, size_t len)
{
    struct op *op = len && !c->error ? add_op(c, OP_LITERAL) : NULL;

    if (op)
        op->text = bytes_of(text, len);
}

/* The end of the literal run at `at`: a brace or the end of the text. */
static const char *literal_end(const char *at)
{
    return at + strcspn(at, "{}");
}

static void compile_text(struct compiler *c, const char *at)
{
    while (*at && !c->error) {
        const char *end = literal_end(at);

        if (*end && end[0] == end[1]) { /* {{ or }}: the first one belongs to the literal */
            add_literal(c, at, (size_t)(end + 1 - at));
            at = end + 2;
            continue;
        }
        add_literal(c, at, (size_t)(end - at));
        at = end;
        if (*at == '}')
            c->error = "a } without its {";
        if (*at != '{')
            continue;
        end = strchr(at, '}');
        if (!end) {
            c->error = "a { without its }";
            return;
        }
        compile_placeholder(c, at + 1, end);
        at = end + 1;
    }
}

static bool has_wildcard(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '+' || text.data[i] == '#')
            return true;
    }
    return false;
}

/* In a topic a placeholder ends its level, so that a topic can be taken apart again. */
static void check_topic(struct compiler *c)
{
    const struct template *t = c->t;

    for (size_t i = 0; i < t->count && !c->error; i++) {
        const struct op *op = &t->ops[i];

        if (op->kind == OP_LITERAL && has_wildcard(op->text))
            c->error = "a topic has no wildcards";
        if (op->kind != OP_LITERAL && i + 1 < t->count &&
            (t->ops[i + 1].kind != OP_LITERAL || t->ops[i + 1].text.data[0] != '/'))
            c->error = "in a topic a placeholder ends its level";
        if (op->kind == OP_TRACKER_ID && (op->shift || op->width || op->base != 'd'))
            c->error = "in a topic tracker_id takes no format";
    }
    if (!c->error && t->count == 0)
        c->error = "a topic is not empty";
}

struct template *template_compile(const char *text, enum template_use use, const char **error)
{
    struct compiler c = {.t = calloc(1, sizeof *c.t), .use = use};

    CHECK(c.t);
    c.t->text = strdup(text);
    CHECK(c.t->text);
    compile_text(&c, c.t->text);
    if (use == TEMPLATE_TOPIC && !c.error)
        check_topic(&c);
    if (!c.error)
        return c.t;
    *error = c.error;
    template_free(c.t);
    return NULL;
}

void template_free(struct template *t)
{
    if (!t)
        return;
    free(t->text);
    free(t);
}

/* --- rendering --- */

struct bytes template_var(const char *vars, const char *name, size_t len)
{
    while (vars && *vars) {
        const char *value = vars + strlen(vars) + 1;

        if (bytes_equal(bytes_of_text(vars), bytes_of(name, len)))
            return bytes_of_text(value);
        vars = value + strlen(value) + 1;
    }
    return (struct bytes){0};
}

static void put_number(struct buffer *out, const struct op *op, int64_t value)
{
    const char *format = op->base == 'x' ? "%0*llx" : op->base == 'X' ? "%0*llX" : "%0*lld";
    char digits[WIDTH_MAX + 24];

    snprintf(digits, sizeof digits, format, (int)op->width, (long long)value + op->shift);
    buffer_put_text(out, digits);
}

static int put_states(struct buffer *out, const struct op *op, const struct template_input *input)
{
    const struct command *command = input->command;

    for (unsigned i = 0; i < input->outputs; i++) {
        bool wanted = command->action == ACTION_SET_ALL || (unsigned)command->output == i + 1;
        bool on = command->action == ACTION_SET_ALL ? command->outputs >> i & 1 : command->enable;

        if (i > 0)
            buffer_put(out, op->separator);
        if (!wanted && op->keep.data) {
            buffer_put(out, op->keep);
            continue;
        }
        if (!wanted) {
            if (!input->states || !(input->states->known >> i & 1))
                return -ENODATA;
            on = input->states->on >> i & 1;
        }
        buffer_put(out, on ? op->text : op->off);
    }
    return 0;
}

static int put_var(struct buffer *out, const struct op *op, const struct template_input *input)
{
    struct bytes value = template_var(input->vars, (const char *)op->text.data, op->text.len);

    if (!value.data)
        return -ENODATA;
    buffer_put(out, value);
    return 0;
}

static int render_op(const struct op *op, const struct template_input *input, struct buffer *out)
{
    switch (op->kind) {
    case OP_LITERAL:
        buffer_put(out, op->text);
        return 0;
    case OP_TRACKER_ID:
        put_number(out, op, input->tracker_id);
        return 0;
    case OP_COMMAND_ID:
        put_number(out, op, (int64_t)input->command->id);
        return 0;
    case OP_OUTPUT:
        put_number(out, op, input->command->output);
        return 0;
    case OP_DEVICE_ID:
        buffer_put(out, input->device_id);
        return 0;
    case OP_VAR:
        return put_var(out, op, input);
    case OP_ENABLE:
        buffer_put(out, input->command->enable ? op->text : op->off);
        return 0;
    case OP_STATES:
        return put_states(out, op, input);
    }
    return -EINVAL;
}

int template_render(const struct template *t, const struct template_input *input, struct buffer *out)
{
    size_t before = out->len;

    for (size_t i = 0; i < t->count; i++) {
        int r = render_op(&t->ops[i], input, out);

        if (r < 0) {
            out->len = before;
            return r;
        }
    }
    return 0;
}

const char *template_missing_var(const struct template *t, const char *vars)
{
    static char name[64];

    for (size_t i = 0; i < t->count; i++) {
        const struct op *op = &t->ops[i];

        if (op->kind == OP_VAR && !template_var(vars, (const char *)op->text.data, op->text.len).data) {
            snprintf(name, sizeof name, "%.*s", (int)op->text.len, (const char *)op->text.data);
            return name;
        }
    }
    return NULL;
}

bool template_needs_states(const struct template *t)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->ops[i].kind == OP_STATES && !t->ops[i].keep.data)
            return true;
    }
    return false;
}

/* --- topics --- */

void template_filter(const struct template *t, struct buffer *out)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->ops[i].kind == OP_LITERAL) {
            buffer_put(out, t->ops[i].text);
            continue;
        }
        /* A level is a wildcard as a whole or not at all: "trk-{device_id}" becomes "+". */
        while (out->len && out->data[out->len - 1] != '/')
            out->len--;
        buffer_put_u8(out, '+');
    }
}

static void capture_level(const struct op *op, struct bytes level, struct template_capture *capture)
{
    if (op->kind == OP_TRACKER_ID)
        capture->tracker_id = level;
    if (op->kind == OP_DEVICE_ID)
        capture->device_id = level;
}

static bool skip_literal(struct bytes *rest, struct bytes literal)
{
    if (rest->len < literal.len || memcmp(rest->data, literal.data, literal.len) != 0)
        return false;
    rest->data += literal.len;
    rest->len -= literal.len;
    return true;
}

static struct bytes take_level(struct bytes *rest)
{
    const uint8_t *slash = rest->len ? memchr(rest->data, '/', rest->len) : NULL;
    struct bytes level = {rest->data, slash ? (size_t)(slash - rest->data) : rest->len};

    rest->data += level.len;
    rest->len -= level.len;
    return level;
}

bool template_match(const struct template *t, struct bytes topic, struct template_capture *capture)
{
    struct bytes rest = topic;

    *capture = (struct template_capture){0};
    for (size_t i = 0; i < t->count; i++) {
        const struct op *op = &t->ops[i];

        if (op->kind != OP_LITERAL)
            capture_level(op, take_level(&rest), capture);
        else if (!skip_literal(&rest, op->text))
            return false;
    }
    return rest.len == 0;
}

/* reach[n]: the ops so far can have used up the first n bytes. In this form a hostile topic costs no more than others.
 */
static void reach_over_literal(bool *reach, struct bytes topic, struct bytes literal)
{
    for (size_t end = topic.len + 1; end-- > 0;) {
        size_t start = end - literal.len;

        reach[end] = end >= literal.len && reach[start] && memcmp(topic.data + start, literal.data, literal.len) == 0;
    }
}

/* Placeholders of text may hold slashes; those of numbers stay in their level. */
static void reach_over_placeholder(bool *reach, struct bytes topic, bool in_level)
{
    for (size_t n = 1; n <= topic.len; n++) {
        if (reach[n - 1] && !(in_level && topic.data[n - 1] == '/'))
            reach[n] = true;
    }
}

bool template_may_match(const struct template *t, struct bytes topic)
{
    bool reach[TOPIC_MAX + 1] = {true};
    struct bytes rest = topic;

    if (topic.len > TOPIC_MAX || (t->ops[0].kind == OP_LITERAL && !skip_literal(&rest, t->ops[0].text)))
        return false; /* the quick answer for nearly all */
    for (size_t i = 0; i < t->count; i++) {
        if (t->ops[i].kind == OP_LITERAL)
            reach_over_literal(reach, topic, t->ops[i].text);
        else
            reach_over_placeholder(reach, topic, t->ops[i].kind == OP_TRACKER_ID);
    }
    return reach[topic.len];
}

static bool ops_equal(const struct op *a, const struct op *b)
{
    return a->kind == b->kind && bytes_equal(a->text, b->text);
}

bool template_equal(const struct template *a, const struct template *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!ops_equal(&a->ops[i], &b->ops[i]))
            return false;
    }
    return true;
}
