#include "template_ops.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/check.h"

enum { OPS_MAX = 64, CHOICES_MAX = 256 };

struct compiler {
    struct template *t;
    enum template_use use;
    const struct template_defaults *defaults;
    struct bytes marks[MARKS_MAX];
    const char *error;
};

static struct op *add_op(struct compiler *c, enum op_kind kind)
{
    struct template *t = c->t;

    if (t->count == OPS_MAX) {
        c->error = "too many placeholders";
        return NULL;
    }
    t->ops = realloc(t->ops, (t->count + 1) * sizeof *t->ops);
    CHECK(t->ops);
    t->ops[t->count] = (struct op){.kind = kind};
    t->ops[t->count].format.base = 'd';
    return &t->ops[t->count++];
}

static struct choice *add_choice(struct compiler *c, struct op *op)
{
    struct template *t = c->t;

    if (t->choice_count == CHOICES_MAX) {
        c->error = "too many texts to choose from";
        return NULL;
    }
    t->choices = realloc(t->choices, (t->choice_count + 1) * sizeof *t->choices);
    CHECK(t->choices);
    t->choices[t->choice_count] = (struct choice){0};
    if (op->choice_count++ == 0)
        op->first_choice = (uint16_t)t->choice_count;
    return &t->choices[t->choice_count++];
}

/* --- words --- */

static size_t name_len(const char *at, const char *end)
{
    const char *p = at;

    while (p < end && (isalnum((unsigned char)*p) || *p == '_'))
        p++;
    return (size_t)(p - at);
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && *at == ' ')
        at++;
    return at;
}

/* 'text' at *at, which is moved behind it. */
static bool take_quoted(const char **at, const char *end, struct bytes *text)
{
    const char *close = *at < end && **at == '\'' ? memchr(*at + 1, '\'', (size_t)(end - *at - 1)) : NULL;

    if (!close)
        return false;
    *text = bytes_of(*at + 1, (size_t)(close - *at - 1));
    *at = close + 1;
    return true;
}

static bool take_uint(const char **at, const char *end, uint64_t max, uint64_t *value)
{
    const char *start = *at;

    *value = 0;
    for (; *at < end && isdigit((unsigned char)**at); ++*at) {
        *value = *value * 10 + (uint64_t)(**at - '0');
        if (*value > max)
            return false;
    }
    return *at > start;
}

/* --- values --- */

static const struct {
    const char *name;
    enum source source;
    unsigned uses;
} sources[] = {
    {"tracker_id", SOURCE_TRACKER_ID, 0},
    {"device_id", SOURCE_DEVICE_ID, 0},
    {"command_id", SOURCE_COMMAND_ID, USES_COMMAND},
    {"now_ms", SOURCE_NOW_MS, USES_COMMAND},
    {"all", SOURCE_ALL, USES_ALL},
    {"output", SOURCE_OUTPUT, USES_OUTPUT},
    {"enable", SOURCE_ENABLE, USES_OUTPUT},
};

static struct value value_named(struct compiler *c, struct bytes name)
{
    struct value value = {.source = SOURCE_VAR, .name = name};

    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        if (!bytes_equal_text(name, sources[i].name))
            continue;
        value.source = sources[i].source;
        c->t->uses |= sources[i].uses;
        return value;
    }
    for (size_t i = 0; c->defaults && i < c->defaults->count; i++) {
        if (bytes_equal_text(name, c->defaults->list[i].name))
            value.fallback = c->defaults->list[i].value;
    }
    if (value.fallback)
        c->t->uses |= value.fallback->uses;
    return value;
}

static bool take_value(struct compiler *c, const char **at, const char *end, struct value *value)
{
    size_t len = name_len(*at, end);

    if (len == 0)
        return false;
    *value = value_named(c, bytes_of(*at, len));
    *at += len;
    return true;
}

/* --- numbers --- */

/* "%65536", "-1", ":04X", all optional. */
static bool take_format(struct op *op, const char **at, const char *end)
{
    uint64_t number;

    if (*at < end && **at == '%') {
        ++*at;
        if (!take_uint(at, end, UINT64_C(1) << 53, &op->format.modulus) || op->format.modulus == 0)
            return false;
        op->is_formatted = true;
    }
    if (*at < end && (**at == '+' || **at == '-')) {
        bool minus = **at == '-';

        ++*at;
        if (!take_uint(at, end, 1000, &number))
            return false;
        op->format.shift = minus ? -(int32_t)number : (int32_t)number;
        op->is_formatted = true;
    }
    if (*at == end || **at != ':')
        return true;
    op->is_formatted = true;
    ++*at;
    if (bytes_equal_text(bytes_of(*at, (size_t)(end - *at)), "time")) {
        op->format.base = 't';
        *at = end;
        return true;
    }
    if (*at < end && isdigit((unsigned char)**at)) {
        if (!take_uint(at, end, WIDTH_MAX, &number))
            return false;
        op->format.width = (uint8_t)number;
    }
    if (*at == end || !strchr("dxXc", **at))
        return false;
    op->format.base = *(*at)++;
    return true;
}

static bool is_number(const struct value *value)
{
    return value->source != SOURCE_DEVICE_ID && value->source != SOURCE_VAR && value->source != SOURCE_ALL;
}

/* {output-1:04X}, {imei} */
static void compile_scalar(struct compiler *c, const char *at, const char *end)
{
    struct op *op = add_op(c, OP_TEXT);

    if (!op)
        return;
    if (!take_value(c, &at, end, &op->value)) {
        c->error = "this placeholder is not known";
        return;
    }
    if (!take_format(op, &at, end) || at != end)
        c->error =
            "a number is written {name}, {name-1}, {name%100:04X} or {name:d}; shifts go up to 1000, widths to 32";
    else if (op->value.source == SOURCE_ALL)
        c->error = "all is written {all|on=…|off=…|mixed=…}";
    else if (op->is_formatted && op->value.source == SOURCE_DEVICE_ID)
        c->error = "device_id takes no format";
    else if (op->is_formatted || is_number(&op->value))
        op->kind = OP_NUMBER;
}

/* --- the other placeholders --- */

/* {enable?ON:OFF} */
static void compile_enable(struct compiler *c, const char *at, const char *end)
{
    struct op *op = add_op(c, OP_ENABLE);
    const char *colon = memchr(at, ':', (size_t)(end - at));

    if (!colon) {
        c->error = "enable is written {enable?ON:OFF}";
        return;
    }
    if (!op)
        return;
    c->t->uses |= USES_OUTPUT;
    op->text = bytes_of(at, (size_t)(colon - at));
    op->off = bytes_of(colon + 1, (size_t)(end - colon - 1));
}

static struct bytes *states_option(struct op *op, struct bytes name)
{
    const struct {
        const char *name;
        struct bytes *value;
    } options[] = {{"on", &op->text}, {"off", &op->off}, {"keep", &op->keep}, {"sep", &op->separator}};

    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (bytes_equal_text(name, options[i].name))
            return options[i].value;
    }
    return NULL;
}

/* "1..5", "2", or nothing. */
static bool take_slots(struct op *op, const char **at, const char *end)
{
    uint64_t first;
    uint64_t last;

    if (*at == end || !isdigit((unsigned char)**at))
        return true;
    if (!take_uint(at, end, 64, &first))
        return false;
    last = first;
    if (end - *at > 2 && (*at)[0] == '.' && (*at)[1] == '.') {
        *at += 2;
        if (!take_uint(at, end, 64, &last))
            return false;
    }
    op->first_slot = (uint8_t)first;
    op->last_slot = (uint8_t)last;
    return first > 0 && first <= last;
}

static bool take_states_options(struct op *op, const char *at, const char *end)
{
    for (at = skip_blanks(at, end); at < end; at = skip_blanks(at, end)) {
        size_t len = name_len(at, end);
        struct bytes *value = states_option(op, bytes_of(at, len));

        at += len;
        if (!value || at == end || *at++ != '=' || !take_quoted(&at, end, value))
            return false;
    }
    return op->text.data && op->off.data;
}

/* {states 1..5 on='1' off='0' keep='2' sep=','} */
static void compile_states(struct compiler *c, const char *at, const char *end)
{
    struct op *op = add_op(c, OP_STATES);

    if (!op)
        return;
    c->t->uses |= USES_STATES;
    at = skip_blanks(at, end);
    if (!take_slots(op, &at, end) || !take_states_options(op, at, end))
        c->error = "states is written {states on='1' off='0' keep='?' sep=','}, with outputs as in {states 1..4 on=…}";
}

/* {output,enable|1,1=01|1,0=02|else} */
static void compile_lookup(struct compiler *c, const char *at, const char *end, const char *bar)
{
    struct op *op = add_op(c, OP_LOOKUP);

    while (op && !c->error) {
        if (op->key_count == KEY_VALUES_MAX || !take_value(c, &at, bar, &op->keys[op->key_count++]) ||
            (at < bar && *at != ','))
            c->error = "a lookup is written {name,name|value,value=text|…|text for the rest}";
        if (at++ == bar)
            break;
    }
    for (at = bar; !c->error && at < end;) {
        const char *start = at + 1;
        const char *next = memchr(start, '|', (size_t)(end - start));
        const char *stop = next ? next : end;
        const char *equals = memchr(start, '=', (size_t)(stop - start));
        struct choice *choice = add_choice(c, op);

        if (!choice)
            return;
        if (equals)
            choice->key = bytes_of(start, (size_t)(equals - start));
        choice->text = bytes_of(equals ? equals + 1 : start, (size_t)(stop - (equals ? equals + 1 : start)));
        if (!equals && next)
            c->error = "in a lookup the text for the rest comes last";
        at = stop;
    }
}

/* {endpoints[output]} */
static void compile_item(struct compiler *c, const char *at, const char *end)
{
    struct op *op = add_op(c, OP_ITEM);

    if (!op)
        return;
    c->t->uses |= USES_OUTPUT;
    if (!take_value(c, &at, end, &op->value) || op->value.source != SOURCE_VAR ||
        !bytes_equal_text(bytes_of(at, (size_t)(end - at)), "[output]"))
        c->error = "an element of a list is written {name[output]}";
}

/* {full_topic replace '%topic%'=topic '%prefix%'='cmnd'} */
static void compile_replace(struct compiler *c, const char *at, const char *end)
{
    struct op *op = add_op(c, OP_REPLACE);
    bool good = op && take_value(c, &at, end, &op->value);

    at += strlen(" replace");
    while (good && (at = skip_blanks(at, end)) < end) {
        struct choice *choice = add_choice(c, op);

        good = choice && take_quoted(&at, end, &choice->key) && choice->key.len && at < end && *at++ == '=';
        if (!good)
            break;
        choice->is_value = at < end && *at != '\'';
        good = choice->is_value ? take_value(c, &at, end, &choice->value) && !is_number(&choice->value)
                                : take_quoted(&at, end, &choice->text);
    }
    if (!good && !c->error)
        c->error = "replacing is written {name replace 'this'='that' 'these'=other_name}";
}

/* --- spans --- */

static const char span_error[] = "a span is written a..b, with marks of this template, start, end or here";

static int mark_named(const struct compiler *c, struct bytes name)
{
    static const char *const places[] = {"start", "end", "here"};

    for (int i = 0; i < 3; i++) {
        if (bytes_equal_text(name, places[i]))
            return MARK_START + i;
    }
    for (size_t i = 0; i < c->t->mark_count; i++) {
        if (bytes_equal(name, c->marks[i]))
            return (int)i;
    }
    return -1;
}

/* Marks are numbered on the first pass over the text, because a span may name one that comes behind it. */
static void find_marks(struct compiler *c, const char *at)
{
    while ((at = strstr(at, "{mark ")) && !c->error) {
        const char *name = at + strlen("{mark ");
        size_t len = name_len(name, name + strlen(name));

        at = name;
        if (len == 0 || name[len] != '}' || mark_named(c, bytes_of(name, len)) >= 0)
            c->error = "a mark is written {mark a}, each name once";
        else if (c->t->mark_count == MARKS_MAX)
            c->error = "too many marks";
        else
            c->marks[c->t->mark_count++] = bytes_of(name, len);
    }
}

static void compile_mark(struct compiler *c, const char *at, const char *end)
{
    struct op *op = add_op(c, OP_MARK);

    if (op)
        op->from = (uint8_t)mark_named(c, bytes_of(at, (size_t)(end - at)));
}

static bool take_place(const struct compiler *c, const char **at, const char *end, uint8_t *place)
{
    size_t len = name_len(*at, end);
    int mark = mark_named(c, bytes_of(*at, len));

    *at += len;
    *place = (uint8_t)mark;
    return mark >= 0;
}

/* " a..b" */
static bool take_span(struct compiler *c, struct op *op, const char **at, const char *end)
{
    *at = skip_blanks(*at, end);
    if (!take_place(c, at, end, &op->from) || end - *at < 2 || (*at)[0] != '.' || (*at)[1] != '.')
        return false;
    *at += 2;
    return take_place(c, at, end, &op->to);
}

/* {len a..b}, {sum8 a..b:02X} */
static void compile_span(struct compiler *c, const char *at, const char *end, enum checksum checksum)
{
    bool is_len = checksum == CHECKSUM_COUNT;
    struct op *op = add_op(c, is_len ? OP_LEN : OP_CHECKSUM);
    size_t digits = is_len ? 0 : 2 * checksum_width(checksum);

    if (!op)
        return;
    c->t->uses |= USES_SPANS;
    op->checksum = checksum;
    op->span = (uint8_t)c->t->span_count++;
    if (c->t->span_count > SPANS_MAX)
        c->error = "too many lengths and checksums";
    else if (!take_span(c, op, &at, end))
        c->error = span_error;
    else if (!take_format(op, &at, end) || at != end || op->format.shift || op->format.modulus)
        c->error = is_len ? "a length is written {len a..b}" : "a checksum is written {sum8 a..b:02X}";
    else if (is_len ? op->is_formatted
                    : op->format.width != digits || (op->format.base != 'x' && op->format.base != 'X'))
        c->error = is_len ? "a length takes no format" : "a checksum takes its full width: 02X or 04X, or with x";
}

/* --- the text --- */

/* Placeholders that a word and a blank begin. */
static bool compile_worded(struct compiler *c, const char *at, const char *end)
{
    size_t len = name_len(at, end);
    struct bytes name = bytes_of(at, len);
    enum checksum checksum = checksum_by_name(name);

    if (bytes_equal_text(name, "states"))
        compile_states(c, at + len, end);
    else if (at + len == end || at[len] != ' ')
        return false;
    else if (bytes_equal_text(name, "mark"))
        compile_mark(c, at + len + 1, end);
    else if (bytes_equal_text(name, "len") || checksum < CHECKSUM_COUNT)
        compile_span(c, at + len, end, checksum);
    else
        return false;
    return true;
}

static void compile_placeholder(struct compiler *c, const char *at, const char *end)
{
    size_t len = name_len(at, end);
    const char *bar = memchr(at, '|', (size_t)(end - at));
    const char *behind = at + len;
    struct bytes rest = bytes_of(behind, (size_t)(end - behind));

    if (compile_worded(c, at, end))
        return;
    if (rest.len && *behind == '?' && bytes_equal_text(bytes_of(at, len), "enable"))
        compile_enable(c, behind + 1, end);
    else if (bar && (*behind == '|' || *behind == ','))
        compile_lookup(c, at, end, bar);
    else if (rest.len && *behind == '[')
        compile_item(c, at, end);
    else if (len && rest.len > strlen(" replace ") && memcmp(behind, " replace ", strlen(" replace ")) == 0)
        compile_replace(c, at, end);
    else
        compile_scalar(c, at, end);
}

static void add_literal(struct compiler *c, const char *text, size_t len)
{
    struct op *op = len && !c->error ? add_op(c, OP_LITERAL) : NULL;

    if (op)
        op->text = bytes_of(text, len);
}

static void compile_text(struct compiler *c, const char *at)
{
    while (*at && !c->error) {
        const char *end = at + strcspn(at, "{}");

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

/* --- what may stand where --- */

static void check_uses(struct compiler *c)
{
    static const struct {
        unsigned forbidden;
        const char *error;
    } rules[] = {
        [TEMPLATE_TOPIC] = {~(unsigned)USES_SPANS, /* which are no plain names, either: see check_level */
                            "this topic takes only {tracker_id}, {device_id} and vars"},
        [TEMPLATE_ACK_TOPIC] = {~(unsigned)(USES_OUTPUT | USES_SPANS),
                                "this topic takes only {tracker_id}, {device_id}, vars and {output}"},
        [TEMPLATE_SET_TOPIC] = {USES_STATES | USES_COMMAND | USES_SPANS,
                                "a topic takes no {states}, {command_id}, {now_ms}, lengths and checksums"},
        [TEMPLATE_SET_ALL_TOPIC] = {USES_OUTPUT | USES_STATES | USES_COMMAND | USES_SPANS,
                                    "the topic of a set_all takes only {tracker_id}, {device_id}, vars and {all}"},
        [TEMPLATE_SET] = {0, NULL},
        [TEMPLATE_SET_ALL] = {USES_OUTPUT, "set_all takes no {output} and no {enable}"},
        [TEMPLATE_DEFAULT] = {USES_OUTPUT | USES_STATES | USES_ALL,
                              "a default takes no {output}, {enable}, {all} and {states}"},
    };

    if (c->t->uses & rules[c->use].forbidden)
        c->error = rules[c->use].error;
}

/* The op before which a place lies; behind the last one for a mark that is only text: "{{mark a}}". */
static size_t place_at(const struct template *t, uint8_t place, size_t here)
{
    size_t at = 0;

    if (place == MARK_HERE)
        return here;
    if (place == MARK_END)
        return t->count;
    while (place != MARK_START && at < t->count && !(t->ops[at].kind == OP_MARK && t->ops[at].from == place))
        at++;
    return at;
}

static void check_span(struct compiler *c, size_t which)
{
    const struct template *t = c->t;
    const struct op *op = &t->ops[which];
    size_t from = place_at(t, op->from, which + 1);
    size_t to = place_at(t, op->to, which);

    if ((op->from < MARKS_MAX && from == t->count) || (op->to < MARKS_MAX && to == t->count))
        c->error = span_error;
    else if (from > to)
        c->error = "a span ends before it begins";
    for (size_t i = from; i < to && !c->error; i++) {
        if (i == which)
            c->error = "a span does not hold its own length or checksum";
        else if (t->ops[i].kind == op->kind)
            c->error = "the span of a length holds no other length, and that of a checksum no other checksum";
    }
}

static void check_spans(struct compiler *c)
{
    for (size_t i = 0; i < c->t->count && !c->error; i++) {
        if (c->t->ops[i].kind == OP_LEN || c->t->ops[i].kind == OP_CHECKSUM)
            check_span(c, i);
    }
}

static bool has_wildcard(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '+' || text.data[i] == '#' || text.data[i] < ' ' || text.data[i] == 0x7F)
            return true;
    }
    return false;
}

static bool is_plain_in_topics(const struct op *op)
{
    if (op->kind == OP_NUMBER)
        return op->value.source == SOURCE_OUTPUT || (op->value.source == SOURCE_TRACKER_ID && !op->is_formatted);
    return op->kind == OP_LITERAL || op->kind == OP_TEXT || op->kind == OP_REPLACE;
}

/* In a topic that comes in a placeholder ends its level, so that the topic can be taken apart again. A replacement
 * brings its own levels. */
static void check_level(struct compiler *c, size_t i)
{
    const struct template *t = c->t;
    const struct op *op = &t->ops[i];
    bool ends = i + 1 == t->count || (t->ops[i + 1].kind == OP_LITERAL && t->ops[i + 1].text.data[0] == '/');
    bool begins =
        i == 0 || (t->ops[i - 1].kind == OP_LITERAL && t->ops[i - 1].text.data[t->ops[i - 1].text.len - 1] == '/');

    if (!is_plain_in_topics(op))
        c->error = "this topic takes plain names only: no lookup, no number with a format";
    else if (op->kind != OP_LITERAL && op->kind != OP_REPLACE && !ends)
        c->error = "in a topic a placeholder ends its level";
    else if (op->kind == OP_NUMBER && op->value.source == SOURCE_OUTPUT && !begins)
        c->error = "in a topic {output} is a level by itself";
}

static void check_topic(struct compiler *c)
{
    const struct template *t = c->t;
    bool comes_in = c->use == TEMPLATE_TOPIC || c->use == TEMPLATE_ACK_TOPIC;

    if (t->count == 0)
        c->error = "a topic is not empty";
    else if (t->ops[0].kind == OP_LITERAL && t->ops[0].text.data[0] == '$')
        c->error = "a topic does not begin with $";
    for (size_t i = 0; i < t->count && !c->error; i++) {
        if (t->ops[i].kind == OP_LITERAL && has_wildcard(t->ops[i].text))
            c->error = "a topic has no wildcards and no control characters";
        else if (comes_in)
            check_level(c, i);
    }
}

struct template *template_compile(const char *text, enum template_use use, const struct template_defaults *defaults,
                                  const char **error)
{
    struct compiler c = {.t = calloc(1, sizeof *c.t), .use = use, .defaults = defaults};

    CHECK(c.t);
    c.t->text = strdup(text);
    CHECK(c.t->text);
    find_marks(&c, c.t->text);
    compile_text(&c, c.t->text);
    if (!c.error)
        check_uses(&c);
    if (!c.error)
        check_spans(&c);
    if (!c.error && use <= TEMPLATE_SET_ALL_TOPIC)
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
    free(t->ops);
    free(t->choices);
    free(t->text);
    free(t);
}
