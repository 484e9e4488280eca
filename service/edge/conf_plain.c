#include "conf_plain.h"

/* More could be beyond 32 bits, or what libconfig takes for an octal number. */
enum { DIGITS_MAX = 9, KEYS_MAX = 32 };

static char *skip_blanks(char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

static bool is_of_name(char c)
{
    return (unsigned char)((c | 0x20) - 'a') < 26 || c == '_';
}

static const struct conf_key *find_key(const struct conf_key *keys, const char *name, size_t len)
{
    for (; keys->name; keys++) {
        if (strncmp(keys->name, name, len) == 0 && !keys->name[len])
            return keys;
    }
    return NULL;
}

static char *read_uint(char *at, const struct conf_key *key, void *to)
{
    char *begin = at;
    uint32_t value = 0;

    for (; (unsigned char)(*at - '0') < 10 && at - begin <= DIGITS_MAX; at++)
        value = value * 10 + (uint32_t)(*at - '0');
    if (at == begin || at - begin > DIGITS_MAX || *begin == '0' || value < key->min || value > key->max)
        return NULL;
    *(uint32_t *)to = value;
    return at;
}

static char *read_text(struct conf_plain *p, char *at, void *to)
{
    char *end;

    if (*at != '"' || p->quote_count == CONF_PLAIN_TEXTS_MAX)
        return NULL;
    end = at + 1;
    while (*end && *end != '"' && *end != '\\' && *end != '\n')
        end++;
    if (*end != '"')
        return NULL;
    *(const char **)to = at + 1;
    *end = '\0';
    p->quotes[p->quote_count++] = end;
    return end + 1;
}

static char *read_bool(char *at, void *to)
{
    bool is_true = strncmp(at, "true", 4) == 0;

    if (!is_true && strncmp(at, "false", 5) != 0)
        return NULL;
    *(bool *)to = is_true;
    return at + (is_true ? 4 : 5);
}

static char *read_value(struct conf_plain *p, char *at, const struct conf_key *key, void *to)
{
    switch (key->type) {
    case CONF_UINT:
        return read_uint(at, key, to);
    case CONF_TEXT:
        return read_text(p, at, to);
    case CONF_BOOL:
        return read_bool(at, to);
    default:
        return NULL;
    }
}

/* name = value; the key's bit in *seen tells that it is there already. */
static char *read_member(struct conf_plain *p, char *at, const struct conf_key *keys, uint32_t *seen, void *out)
{
    char *name = at;
    const struct conf_key *key;
    uint32_t bit;

    while (is_of_name(*at))
        at++;
    key = find_key(keys, name, (size_t)(at - name));
    at = skip_blanks(at);
    if (!key || key - keys >= KEYS_MAX || *at != '=')
        return NULL;
    bit = UINT32_C(1) << (key - keys);
    if (*seen & bit)
        return NULL;
    *seen |= bit;
    at = read_value(p, skip_blanks(at + 1), key, (char *)out + key->offset);
    if (!at)
        return NULL;
    at = skip_blanks(at);
    return *at == ';' ? skip_blanks(at + 1) : NULL;
}

static bool has_required(const struct conf_key *keys, uint32_t seen)
{
    for (size_t i = 0; keys[i].name; i++) {
        if (keys[i].required && (i >= KEYS_MAX || !(seen >> i & 1)))
            return false;
    }
    return true;
}

char *conf_plain_read(struct conf_plain *p, char *at, const struct conf_key *keys, void *out)
{
    uint32_t seen = 0;

    if (*at != '{')
        return NULL;
    at = skip_blanks(at + 1);
    while (at && *at != '}')
        at = read_member(p, at, keys, &seen, out);
    return at && has_required(keys, seen) ? at + 1 : NULL;
}

void conf_plain_mend(struct conf_plain *p)
{
    while (p->quote_count)
        *p->quotes[--p->quote_count] = '"';
}
