#include "template_ops.h"

#include "core/topic.h"

/* What templates of topics are asked besides being rendered. */

bool template_names_tracker(const struct template *t)
{
    bool names = false;

    for (size_t i = 0; i < t->count; i++) {
        const struct op *op = &t->ops[i];

        if (op->kind == OP_LITERAL)
            continue;
        if (op->value.source != SOURCE_TRACKER_ID && op->value.source != SOURCE_DEVICE_ID)
            return false;
        names = true;
    }
    return names;
}

bool template_has_own_filters(const struct template *t)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->ops[i].kind == OP_REPLACE)
            return true;
    }
    return false;
}

/* A level is a wildcard as a whole or not at all: "trk-{device_id}" becomes "+". */
static void put_wildcard(struct buffer *out, size_t start)
{
    while (out->len > start && out->data[out->len - 1] != '/')
        out->len--;
    buffer_put_u8(out, '+');
}

/* The tracker's own text, with a wildcard for what is replaced by another value, and no matter what stands behind that
 * in its level. */
static void put_own_text(const struct template *t, const struct op *op, const struct template_input *input,
                         struct buffer *out, size_t start)
{
    struct buffer own = {0};
    bool known = template_put_value(&own, &op->value, input) == 0;

    for (size_t i = 0; known && i < own.len;) {
        const struct choice *choice = template_replacement(t, op, bytes_of(own.data + i, own.len - i));

        if (choice && choice->is_value) {
            const uint8_t *slash = memchr(own.data + i, '/', own.len - i);

            put_wildcard(out, start);
            i = slash ? (size_t)(slash - own.data) : own.len;
            continue;
        }
        if (choice)
            buffer_put(out, choice->text);
        else
            buffer_put_u8(out, own.data[i]);
        i += choice ? choice->key.len : 1;
    }
    buffer_release(&own);
}

void template_filter(const struct template *t, const struct template_input *input, struct buffer *out)
{
    size_t start = out->len;

    for (size_t i = 0; i < t->count; i++) {
        if (t->ops[i].kind == OP_LITERAL)
            buffer_put(out, t->ops[i].text);
        else if (t->ops[i].kind == OP_REPLACE && input)
            put_own_text(t, &t->ops[i], input, out, start);
        else
            put_wildcard(out, start);
    }
}

/* --- taking a topic apart --- */

static void capture_level(const struct op *op, struct bytes level, struct template_capture *capture)
{
    if (op->value.source == SOURCE_TRACKER_ID)
        capture->tracker_id = level;
    if (op->value.source == SOURCE_DEVICE_ID)
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
    bool reach[TOPIC_MAX + 1];
    struct bytes rest = topic;

    if (topic.len > TOPIC_MAX || (t->ops[0].kind == OP_LITERAL && !skip_literal(&rest, t->ops[0].text)))
        return false; /* the quick answer for nearly all */
    memset(reach, 0, topic.len + 1);
    reach[0] = true;
    for (size_t i = 0; i < t->count; i++) {
        if (t->ops[i].kind == OP_LITERAL)
            reach_over_literal(reach, topic, t->ops[i].text);
        else
            reach_over_placeholder(reach, topic, t->ops[i].kind == OP_NUMBER && t->ops[i].format.base != 'c');
    }
    return reach[topic.len];
}

static bool values_equal(const struct value *a, const struct value *b)
{
    return a->source == b->source && bytes_equal(a->name, b->name);
}

bool template_equal(const struct template *a, const struct template *b)
{
    if (a->count != b->count || template_has_own_filters(a) || template_has_own_filters(b))
        return a == b;
    for (size_t i = 0; i < a->count; i++) {
        const struct op *left = &a->ops[i];
        const struct op *right = &b->ops[i];

        if (left->kind != right->kind || !bytes_equal(left->text, right->text) ||
            !values_equal(&left->value, &right->value) || left->format.shift != right->format.shift)
            return false;
    }
    return true;
}
