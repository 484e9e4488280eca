#include "wire/json_mend.h"

#include <ctype.h>

enum { SAFE_DIGITS = 18 }; /* a whole number of 18 digits fits 64 bits */

struct mender {
    struct bytes text;
    size_t at;
    bool key_may_follow; /* behind { or a comma */
    struct buffer *out;
};

static void copy_to(struct mender *m, size_t end)
{
    buffer_put(m->out, bytes_of(m->text.data + m->at, end - m->at));
    m->at = end;
}

static void copy_string(struct mender *m)
{
    size_t end = m->at + 1;

    while (end < m->text.len && m->text.data[end] != '"')
        end += m->text.data[end] == '\\' ? 2 : 1;
    copy_to(m, end < m->text.len ? end + 1 : m->text.len);
}

static bool opens_identifier(uint8_t c)
{
    return isalpha(c) || c == '_' || c == '$';
}

static size_t end_of_blanks(struct bytes text, size_t at)
{
    while (at < text.len && text.data[at] && strchr(" \t\r\n", text.data[at]))
        at++;
    return at;
}

static void mend_identifier(struct mender *m)
{
    size_t end = m->at;
    size_t colon;
    bool is_key;

    while (end < m->text.len && (opens_identifier(m->text.data[end]) || isdigit(m->text.data[end])))
        end++;
    colon = end_of_blanks(m->text, end);
    is_key = m->key_may_follow && colon < m->text.len && m->text.data[colon] == ':';
    if (is_key)
        buffer_put_u8(m->out, '"');
    copy_to(m, end);
    if (is_key)
        buffer_put_u8(m->out, '"');
}

static size_t end_of_digits(struct bytes text, size_t at)
{
    while (at < text.len && isdigit(text.data[at]))
        at++;
    return at;
}

/* The end of the JSON number (RFC 8259, section 6) at this place, or `at` itself where there is none. */
static size_t end_of_number(struct bytes text, size_t at)
{
    size_t start = at < text.len && text.data[at] == '-' ? at + 1 : at;
    size_t end = end_of_digits(text, start);

    if (end == start || (text.data[start] == '0' && end > start + 1))
        return at;
    if (end < text.len && text.data[end] == '.') {
        size_t fraction = end + 1;

        end = end_of_digits(text, fraction);
        if (end == fraction)
            return at;
    }
    if (end < text.len && (text.data[end] | 0x20) == 'e') {
        size_t exponent = end + 1;

        if (exponent < text.len && (text.data[exponent] == '+' || text.data[exponent] == '-'))
            exponent++;
        end = end_of_digits(text, exponent);
        if (end == exponent)
            return at;
    }
    return end;
}

static void mend_number(struct mender *m)
{
    size_t end = end_of_number(m->text, m->at);

    if (end == m->at)
        end = m->at + 1;
    if (end - m->at <= SAFE_DIGITS && !memchr(m->text.data + m->at, 'e', end - m->at) &&
        !memchr(m->text.data + m->at, 'E', end - m->at)) {
        copy_to(m, end);
        return;
    }
    buffer_put_text(m->out, " 0.5 "); /* apart from what may not stand next to a number: 1e5e5 must stay wrong */
    m->at = end;
}

void json_mend(struct bytes text, struct buffer *out)
{
    struct mender m = {.text = text, .out = out};

    while (m.at < text.len) {
        uint8_t c = text.data[m.at];

        if (end_of_blanks(text, m.at) > m.at) {
            copy_to(&m, end_of_blanks(text, m.at));
            continue; /* blanks do not part { from its key */
        }
        if (c == '"')
            copy_string(&m);
        else if (opens_identifier(c))
            mend_identifier(&m);
        else if (isdigit(c) || c == '-')
            mend_number(&m);
        else
            copy_to(&m, m.at + 1);
        m.key_may_follow = c == '{' || c == ',';
    }
}
