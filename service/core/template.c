#include "template_ops.h"

#include <errno.h>
#include <stdio.h>

struct rendering {
    const struct template *t;
    const struct template_input *input;
    struct buffer *out;
    size_t start;               /* where the template's own text begins in `out` */
    size_t marks[MARKS_MAX];    /* places in `out` */
    size_t spans[SPANS_MAX];    /* where a length is to come, or a checksum's digits are */
    size_t span_ops[SPANS_MAX]; /* whose it is */
    size_t mark_ops[MARKS_MAX];
};

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

/* --- numbers --- */

enum { TEXT_ROOM = 256 }; /* on the stack: longer texts are allocated */

enum { DIGITS_MAX = 20 }; /* of 64 bits */

static void put_padded(struct buffer *out, struct bytes digits, size_t width)
{
    for (size_t len = digits.len; len < width; len++)
        buffer_put_u8(out, '0');
    buffer_put(out, digits);
}

static void put_decimal(struct buffer *out, uint64_t value, size_t width)
{
    char digits[DIGITS_MAX];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    put_padded(out, bytes_of(digits + at, sizeof digits - at), width);
}

static void put_hex(struct buffer *out, uint64_t value, const char *alphabet, size_t width)
{
    char digits[DIGITS_MAX];
    size_t at = sizeof digits;

    do {
        digits[--at] = alphabet[value % 16];
        value /= 16;
    } while (value);
    put_padded(out, bytes_of(digits + at, sizeof digits - at), width);
}

static void put_time(struct buffer *out, uint64_t seconds)
{
    uint64_t minutes = seconds / 60;

    put_decimal(out, minutes / 60 % 24 * 10000 + minutes % 60 * 100 + seconds % 60, 6);
}

static void put_number(struct buffer *out, const struct number_format *format, uint64_t value)
{
    uint64_t shifted = (format->modulus ? value % format->modulus : value) + (uint64_t)(int64_t)format->shift;

    if (format->base == 'c') {
        buffer_put_u8(out, (uint8_t)shifted);
    } else if (format->base == 't') {
        put_time(out, shifted);
    } else if (format->base == 'd' && (int64_t)shifted < 0) {
        buffer_put_u8(out, '-');
        put_decimal(out, -shifted, format->width ? format->width - 1u : 0);
    } else if (format->base == 'd') {
        put_decimal(out, shifted, format->width);
    } else {
        put_hex(out, shifted, format->base == 'X' ? "0123456789ABCDEF" : "0123456789abcdef", format->width);
    }
}

static int parse_number(struct bytes text, uint64_t *value)
{
    *value = 0;
    if (text.len == 0 || text.len > 18)
        return -EINVAL;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -EINVAL;
        *value = *value * 10 + (uint64_t)(text.data[i] - '0');
    }
    return 0;
}

/* --- values --- */

static const char *all_of(const struct template_input *input)
{
    const struct command *command = input->command;
    unsigned count = command->output_count;
    uint64_t every = count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;

    if (command->action == ACTION_SET)
        return command->enable ? "on" : "off";
    if (input->kept & every)
        return "mixed";
    return (command->outputs & every) == every ? "on" : (command->outputs & every) == 0 ? "off" : "mixed";
}

static int put_var(struct buffer *out, const struct value *value, const struct template_input *input)
{
    struct bytes text = template_var(input->vars, (const char *)value->name.data, value->name.len);

    if (!text.data)
        return value->fallback ? template_render(value->fallback, input, out) : -ENODATA;
    buffer_put(out, text);
    return 0;
}

static uint64_t number_of(enum source source, const struct template_input *input)
{
    switch (source) {
    case SOURCE_TRACKER_ID:
        return (uint64_t)input->tracker_id;
    case SOURCE_COMMAND_ID:
        return input->command->id;
    case SOURCE_OUTPUT:
        return (uint64_t)input->command->output;
    case SOURCE_ENABLE:
        return input->command->enable;
    default:
        return (uint64_t)input->now_ms;
    }
}

int template_put_value(struct buffer *out, const struct value *value, const struct template_input *input)
{
    static const struct number_format plain = {.base = 'd'};

    if (value->source == SOURCE_VAR)
        return put_var(out, value, input);
    if (value->source == SOURCE_DEVICE_ID)
        buffer_put(out, input->device_id);
    else if (value->source == SOURCE_ALL)
        buffer_put_text(out, all_of(input));
    else
        put_number(out, &plain, number_of(value->source, input));
    return 0;
}

/* A var's text becomes a number by way of the end of `out`, which is as it was afterwards. */
static int put_formatted(const struct op *op, const struct rendering *r)
{
    struct buffer *out = r->out;
    size_t before = out->len;
    uint64_t number;
    int e = 0;

    if (op->value.source == SOURCE_VAR) {
        e = put_var(out, &op->value, r->input);
        if (e == 0)
            e = parse_number(bytes_of(out->data + before, out->len - before), &number);
        out->len = before;
    } else {
        number = number_of(op->value.source, r->input);
    }
    if (e == 0)
        put_number(out, &op->format, number);
    return e;
}

/* --- the other placeholders --- */

static void put_slot_text(struct buffer *out, struct bytes text, unsigned output)
{
    static const struct number_format plain = {.base = 'd'};

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '@')
            put_number(out, &plain, output);
        else
            buffer_put_u8(out, text.data[i]);
    }
}

enum slot { SLOT_KEEP, SLOT_OFF, SLOT_ON };

/* What one output is to be, -ENODATA: what it is now, which is not known. */
static int slot_of(const struct op *op, const struct template_input *input, unsigned index)
{
    const struct command *command = input->command;
    bool all = command->action == ACTION_SET_ALL;

    if (all ? index < command->output_count && !(input->kept >> index & 1) : (unsigned)command->output == index + 1)
        return (all ? command->outputs >> index & 1 : command->enable) ? SLOT_ON : SLOT_OFF;
    if (op->keep.data)
        return SLOT_KEEP;
    if (index >= input->outputs)
        return SLOT_OFF;
    if (!input->states || !(input->states->known >> index & 1))
        return -ENODATA;
    return input->states->on >> index & 1 ? SLOT_ON : SLOT_OFF;
}

static int put_states(const struct op *op, const struct rendering *r)
{
    unsigned first = op->first_slot ? op->first_slot : 1;
    unsigned last = op->first_slot ? op->last_slot : r->input->outputs;

    for (unsigned output = first; output <= last; output++) {
        int slot = slot_of(op, r->input, output - 1);

        if (slot < 0)
            return slot;
        if (output > first)
            buffer_put(r->out, op->separator);
        put_slot_text(r->out, slot == SLOT_KEEP ? op->keep : slot == SLOT_ON ? op->text : op->off, output);
    }
    return 0;
}

/* The key is put together at the end of `out`, which is as it was afterwards. */
static struct bytes written_since(const struct buffer *out, size_t before)
{
    if (out->len == before)
        return bytes_of("", 0); /* there may be no data at all */
    return bytes_of(out->data + before, out->len - before);
}

static int put_lookup(const struct op *op, const struct rendering *r)
{
    const struct choice *found = NULL;
    struct buffer *out = r->out;
    size_t before = out->len;
    int e = 0;

    for (size_t i = 0; i < op->key_count && e == 0; i++) {
        if (i > 0)
            buffer_put_u8(out, ',');
        e = template_put_value(out, &op->keys[i], r->input);
    }
    for (size_t i = 0; i < op->choice_count && e == 0 && !found; i++) {
        const struct choice *choice = &r->t->choices[op->first_choice + i];

        if (!choice->key.data || bytes_equal(choice->key, written_since(out, before)))
            found = choice;
    }
    out->len = before;
    if (e == 0 && !found)
        return -EDOM;
    if (e == 0)
        buffer_put(out, found->text);
    return e;
}

static bool is_list_dress(uint8_t c)
{
    return c == ' ' || c == '[' || c == ']' || c == '"' || c == '\'';
}

/* Where the element of the output stands in the list that `out` ends with. */
static struct bytes element_of(const struct buffer *out, size_t start, int wanted)
{
    size_t from = start;
    size_t to;

    for (int index = 1; index < wanted; index++) {
        while (from < out->len && out->data[from] != ',')
            from++;
        from += from < out->len;
    }
    for (to = from; to < out->len && out->data[to] != ',';)
        to++;
    while (from < to && is_list_dress(out->data[from]))
        from++;
    while (to > from && is_list_dress(out->data[to - 1]))
        to--;
    return bytes_of(out->data + from, to - from);
}

/* Brackets, quotes and blanks around the elements of a list do not count. */
static int put_item(const struct op *op, const struct rendering *r)
{
    struct buffer *out = r->out;
    size_t before = out->len;
    struct bytes element = {0};
    int e = template_put_value(out, &op->value, r->input);

    if (e == 0 && out->len > before)
        element = element_of(out, before, r->input->command->output);
    if (element.len)
        memmove(out->data + before, element.data, element.len);
    out->len = before + element.len;
    return e ? e : element.len ? 0 : -EDOM;
}

const struct choice *template_replacement(const struct template *t, const struct op *op, struct bytes text)
{
    for (size_t i = 0; i < op->choice_count; i++) {
        const struct choice *choice = &t->choices[op->first_choice + i];

        if (choice->key.data && text.len >= choice->key.len &&
            memcmp(text.data, choice->key.data, choice->key.len) == 0)
            return choice;
    }
    return NULL;
}

static int put_replaced(const struct op *op, const struct rendering *r)
{
    uint8_t subject_room[TEXT_ROOM];
    struct buffer subject = buffer_in(subject_room, sizeof subject_room);
    int e = template_put_value(&subject, &op->value, r->input);

    for (size_t i = 0; i < subject.len && e == 0;) {
        const struct choice *choice = template_replacement(r->t, op, bytes_of(subject.data + i, subject.len - i));

        if (!choice)
            buffer_put_u8(r->out, subject.data[i]);
        else if (choice->is_value)
            e = template_put_value(r->out, &choice->value, r->input);
        else
            buffer_put(r->out, choice->text);
        i += choice ? choice->key.len : 1;
    }
    buffer_release(&subject);
    return e;
}

/* --- spans --- */

static void note_place(struct rendering *r, const struct op *op, size_t index)
{
    if (op->kind == OP_MARK) {
        r->marks[op->from] = r->out->len;
        r->mark_ops[op->from] = index;
        return;
    }
    r->spans[op->span] = r->out->len;
    r->span_ops[op->span] = index;
    for (size_t i = 0; op->kind == OP_CHECKSUM && i < op->format.width; i++)
        buffer_put_u8(r->out, '0');
}

static size_t place_of(const struct rendering *r, const struct op *op, uint8_t place)
{
    if (place == MARK_START)
        return r->start;
    if (place == MARK_END)
        return r->out->len;
    return place == MARK_HERE ? r->spans[op->span] : r->marks[place];
}

/* The digits of a length move everything behind them. */
static void put_len(struct rendering *r, const struct op *op)
{
    uint8_t digits_room[TEXT_ROOM];
    struct buffer digits = buffer_in(digits_room, sizeof digits_room);
    size_t at = r->spans[op->span];
    size_t behind = r->out->len - at;

    buffer_put_number(&digits, (int64_t)(place_of(r, op, op->to) - place_of(r, op, op->from)));
    buffer_room(r->out, digits.len);
    memmove(r->out->data + at + digits.len, r->out->data + at, behind);
    memcpy(r->out->data + at, digits.data, digits.len);
    r->out->len += digits.len;
    for (size_t i = 0; i < r->t->mark_count; i++)
        r->marks[i] += r->mark_ops[i] > r->span_ops[op->span] ? digits.len : 0;
    for (size_t i = 0; i < r->t->span_count; i++)
        r->spans[i] += r->span_ops[i] > r->span_ops[op->span] ? digits.len : 0;
    buffer_release(&digits);
}

static void put_checksum(struct rendering *r, const struct op *op)
{
    size_t own = op->from == MARK_HERE ? op->format.width : 0; /* it begins behind its own digits */
    size_t from = place_of(r, op, op->from) + own;
    struct bytes span = bytes_of(r->out->data + from, place_of(r, op, op->to) - from);
    size_t end = r->out->len;

    r->out->len = r->spans[op->span]; /* over the zeros that keep the place */
    put_number(r->out, &op->format, checksum_of(op->checksum, span));
    r->out->len = end;
}

static void fill_spans(struct rendering *r)
{
    for (size_t i = 0; i < r->t->span_count; i++) {
        if (r->t->ops[r->span_ops[i]].kind == OP_LEN)
            put_len(r, &r->t->ops[r->span_ops[i]]);
    }
    for (size_t i = 0; i < r->t->span_count; i++) {
        if (r->t->ops[r->span_ops[i]].kind == OP_CHECKSUM)
            put_checksum(r, &r->t->ops[r->span_ops[i]]);
    }
}

/* --- the whole --- */

static int render_op(struct rendering *r, size_t index)
{
    const struct op *op = &r->t->ops[index];

    switch (op->kind) {
    case OP_LITERAL:
        buffer_put(r->out, op->text);
        return 0;
    case OP_NUMBER:
        return put_formatted(op, r);
    case OP_TEXT:
        return template_put_value(r->out, &op->value, r->input);
    case OP_ENABLE:
        buffer_put(r->out, r->input->command->enable ? op->text : op->off);
        return 0;
    case OP_STATES:
        return put_states(op, r);
    case OP_LOOKUP:
        return put_lookup(op, r);
    case OP_ITEM:
        return put_item(op, r);
    case OP_REPLACE:
        return put_replaced(op, r);
    case OP_MARK:
    case OP_LEN:
    case OP_CHECKSUM:
        note_place(r, op, index);
        return 0;
    }
    return -EINVAL;
}

int template_render(const struct template *t, const struct template_input *input, struct buffer *out)
{
    struct rendering r = {.t = t, .input = input, .out = out, .start = out->len};

    for (size_t i = 0; i < t->count; i++) {
        int e = render_op(&r, i);

        if (e < 0) {
            out->len = r.start;
            return e;
        }
    }
    fill_spans(&r);
    return 0;
}

/* --- what it is --- */

static const struct value *missing_value(const struct value *value, const char *vars)
{
    bool is_there = value->source != SOURCE_VAR || value->fallback ||
                    template_var(vars, (const char *)value->name.data, value->name.len).data;

    return is_there ? NULL : value;
}

static const struct value *missing_in(const struct template *t, const struct op *op, const char *vars)
{
    const struct value *missing = NULL;

    if (op->kind == OP_NUMBER || op->kind == OP_TEXT || op->kind == OP_ITEM || op->kind == OP_REPLACE)
        missing = missing_value(&op->value, vars);
    for (size_t i = 0; i < op->key_count && !missing; i++)
        missing = missing_value(&op->keys[i], vars);
    for (size_t i = 0; i < op->choice_count && !missing; i++) {
        const struct choice *choice = &t->choices[op->first_choice + i];

        missing = choice->is_value ? missing_value(&choice->value, vars) : NULL;
    }
    return missing;
}

const char *template_missing_var(const struct template *t, const char *vars)
{
    static char name[64];

    for (size_t i = 0; i < t->count; i++) {
        const struct value *missing = missing_in(t, &t->ops[i], vars);

        if (missing) {
            snprintf(name, sizeof name, "%.*s", (int)missing->name.len, (const char *)missing->name.data);
            return name;
        }
    }
    return NULL;
}

enum template_kind template_kind(const struct template *t)
{
    const struct op *op = t->ops;

    if (t->count != 1 || op->kind != OP_NUMBER || op->format.base != 'd' || op->format.width)
        return TEMPLATE_IS_TEXT;
    return op->value.source == SOURCE_ENABLE && !op->is_formatted ? TEMPLATE_IS_BOOLEAN : TEMPLATE_IS_NUMBER;
}

bool template_uses_output(const struct template *t)
{
    return t->uses & USES_OUTPUT;
}
