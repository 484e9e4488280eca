#include "edge/conf_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "conf_file_state.h"

const struct conf_node *conf_root(const struct conf_file *f)
{
    return (const struct conf_node *)config_root_setting(&f->config);
}

const struct conf_node *conf_find(const struct conf_file *f, const char *path)
{
    return (const struct conf_node *)config_lookup(&f->config, path);
}

size_t conf_count(const struct conf_node *node)
{
    return node ? (size_t)config_setting_length(setting_of(node)) : 0;
}

const struct conf_node *conf_at(const struct conf_node *node, size_t index)
{
    return (const struct conf_node *)config_setting_get_elem(setting_of(node), (unsigned)index);
}

const char *conf_name(const struct conf_node *node)
{
    return config_setting_name(setting_of(node));
}

const char *conf_text(const struct conf_node *node)
{
    return config_setting_get_string(setting_of(node));
}

enum conf_kind conf_kind(const struct conf_node *node)
{
    switch (config_setting_type(setting_of(node))) {
    case CONFIG_TYPE_STRING:
        return CONF_IS_TEXT;
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return CONF_IS_INT;
    case CONFIG_TYPE_FLOAT:
        return CONF_IS_REAL;
    case CONFIG_TYPE_BOOL:
        return CONF_IS_BOOL;
    case CONFIG_TYPE_GROUP:
        return CONF_IS_GROUP;
    case CONFIG_TYPE_LIST:
        return CONF_IS_LIST;
    default:
        return CONF_IS_ARRAY;
    }
}

int64_t conf_int(const struct conf_node *node)
{
    return config_setting_get_int64(setting_of(node));
}

double conf_real(const struct conf_node *node)
{
    return config_setting_get_float(setting_of(node));
}

bool conf_bool(const struct conf_node *node)
{
    return config_setting_get_bool(setting_of(node));
}

bool conf_put_plain(const struct conf_node *node, struct buffer *out)
{
    bool plain = true;

    switch (conf_kind(node)) {
    case CONF_IS_TEXT:
        buffer_put_text(out, conf_text(node));
        return true;
    case CONF_IS_INT:
        buffer_put_number(out, conf_int(node));
        return true;
    case CONF_IS_BOOL:
        buffer_put_text(out, conf_bool(node) ? "true" : "false");
        return true;
    case CONF_IS_ARRAY:
    case CONF_IS_LIST:
        for (size_t i = 0; i < conf_count(node) && plain; i++) {
            if (i > 0)
                buffer_put_u8(out, ',');
            plain = conf_put_plain(conf_at(node, i), out);
        }
        return plain;
    default:
        return false;
    }
}

/* --- values --- */

static bool is_integer(const config_setting_t *s)
{
    return config_setting_type(s) == CONFIG_TYPE_INT || config_setting_type(s) == CONFIG_TYPE_INT64;
}

static const char *range_error(const struct conf_key *key)
{
    static char text[96];

    snprintf(text, sizeof text, "must be a whole number from %lld to %lld", (long long)key->min, (long long)key->max);
    return text;
}

static const char *read_uint(const config_setting_t *s, const struct conf_key *key, void *to)
{
    long long value = config_setting_get_int64(s);

    if (!is_integer(s) || value < key->min || value > key->max)
        return range_error(key);
    *(uint32_t *)to = (uint32_t)value;
    return NULL;
}

static const char *read_bool(const config_setting_t *s, const struct conf_key *key, void *to)
{
    (void)key;
    if (config_setting_type(s) != CONFIG_TYPE_BOOL)
        return "must be true or false";
    *(bool *)to = config_setting_get_bool(s);
    return NULL;
}

static const char *read_number(const config_setting_t *s, const struct conf_key *key, void *to)
{
    double value = is_integer(s) ? (double)config_setting_get_int64(s) : config_setting_get_float(s);
    static char text[96];

    if ((!is_integer(s) && config_setting_type(s) != CONFIG_TYPE_FLOAT) || !(value >= (double)key->min) ||
        !(value <= (double)key->max)) {
        snprintf(text, sizeof text, "must be a number from %lld to %lld", (long long)key->min, (long long)key->max);
        return text;
    }
    *(double *)to = value;
    return NULL;
}

static const char *read_plain_text(const config_setting_t *s, const struct conf_key *key, void *to)
{
    (void)key;
    if (config_setting_type(s) != CONFIG_TYPE_STRING)
        return "must be a text in quotes";
    *(const char **)to = config_setting_get_string(s);
    return NULL;
}

static bool is_sequence(const config_setting_t *s)
{
    return config_setting_is_array(s) || config_setting_is_list(s);
}

static const char *read_texts(const config_setting_t *s, const struct conf_key *key, void *to)
{
    struct conf_texts texts = {0};
    int count = is_sequence(s) ? config_setting_length(s) : 1;

    (void)key;
    texts.items = calloc((size_t)count + 1, sizeof *texts.items);
    CHECK(texts.items);
    for (int i = 0; i < count; i++) {
        const config_setting_t *item = is_sequence(s) ? config_setting_get_elem(s, (unsigned)i) : s;

        if (config_setting_type(item) != CONFIG_TYPE_STRING) {
            free(texts.items);
            return "must be a list of texts in quotes";
        }
        texts.items[texts.count++] = config_setting_get_string(item);
    }
    free(((struct conf_texts *)to)->items);
    *(struct conf_texts *)to = texts;
    return NULL;
}

static const char *read_ints(const config_setting_t *s, const struct conf_key *key, void *to)
{
    struct conf_ints ints = {0};
    int count = config_setting_length(s);
    static char text[96];

    snprintf(text, sizeof text, "must be a list of whole numbers from %lld to %lld", (long long)key->min,
             (long long)key->max);
    if (!is_sequence(s))
        return text;
    ints.items = calloc((size_t)count + 1, sizeof *ints.items);
    CHECK(ints.items);
    for (int i = 0; i < count; i++) {
        const config_setting_t *item = config_setting_get_elem(s, (unsigned)i);
        long long value = config_setting_get_int64(item);

        if (!is_integer(item) || value < key->min || value > key->max) {
            free(ints.items);
            return text;
        }
        ints.items[ints.count++] = (int32_t)value;
    }
    free(((struct conf_ints *)to)->items);
    *(struct conf_ints *)to = ints;
    return NULL;
}

static const char *read_group(const config_setting_t *s, const struct conf_key *key, void *to)
{
    (void)key;
    if (!config_setting_is_group(s))
        return "must be a group: { … }";
    *(const struct conf_node **)to = (const struct conf_node *)s;
    return NULL;
}

static const char *read_list(const config_setting_t *s, const struct conf_key *key, void *to)
{
    (void)key;
    if (!config_setting_is_list(s) && !(config_setting_is_array(s) && config_setting_length(s) == 0))
        return "must be a list: ( { … }, … )";
    *(const struct conf_node **)to = (const struct conf_node *)s;
    return NULL;
}

static const char *read_any(const config_setting_t *s, const struct conf_key *key, void *to)
{
    (void)key;
    *(const struct conf_node **)to = (const struct conf_node *)s;
    return NULL;
}

static const char *(*const readers[])(const config_setting_t *, const struct conf_key *, void *) = {
    [CONF_TEXT] = read_plain_text, [CONF_UINT] = read_uint,   [CONF_BOOL] = read_bool,
    [CONF_NUMBER] = read_number,   [CONF_TEXTS] = read_texts, [CONF_INTS] = read_ints,
    [CONF_GROUP] = read_group,     [CONF_LIST] = read_list,   [CONF_ANY] = read_any,
};

static const struct conf_key *find_key(const struct conf_key *keys, const char *name)
{
    for (; keys->name; keys++) {
        if (strcmp(keys->name, name) == 0)
            return keys;
    }
    return NULL;
}

static void read_member(const struct conf_file *f, const struct conf_node *member, const struct conf_key *keys,
                        void *out)
{
    const struct conf_key *key = find_key(keys, conf_name(member));
    const char *error;

    if (!key) {
        conf_mistake(f, member, "unknown key %s", conf_name(member));
        return;
    }
    error = readers[key->type](setting_of(member), key, (char *)out + key->offset);
    if (error)
        conf_mistake(f, member, "%s %s", key->name, error);
}

bool conf_read(const struct conf_file *f, const struct conf_node *node, const struct conf_key *keys, void *out)
{
    unsigned before = f->mistakes->count;

    if (!node)
        return true;
    if (!config_setting_is_group(setting_of(node))) {
        conf_mistake(f, node, "must be a group: { … }");
        return false;
    }
    for (size_t i = 0; i < conf_count(node); i++)
        read_member(f, conf_at(node, i), keys, out);
    for (; keys->name; keys++) {
        if (keys->required && !config_setting_get_member(setting_of(node), keys->name))
            conf_mistake(f, node, "%s is missing", keys->name);
    }
    return f->mistakes->count == before;
}

/* The parts between the commas; the copy that they point into lies behind the list, in the same memory. */
static void split_texts(const char *text, struct conf_texts *texts)
{
    size_t most = 1;
    char *rest;

    for (const char *at = text; *at; at++)
        most += *at == ',';
    free(texts->items);
    texts->count = 0;
    texts->items = malloc((most + 1) * sizeof *texts->items + strlen(text) + 1);
    CHECK(texts->items);
    rest = memcpy((char *)(texts->items + most + 1), text, strlen(text) + 1);
    for (char *part; (part = strsep(&rest, ","));) {
        if (*part)
            texts->items[texts->count++] = part;
    }
}

const char *conf_read_value(const char *text, const struct conf_key *key, void *out)
{
    config_t config;
    config_setting_t *root;
    config_setting_t *setting;
    char *end = NULL;
    const char *error;

    if (key->type == CONF_TEXT) {
        *(const char **)out = text;
        return NULL;
    }
    if (key->type == CONF_TEXTS) {
        split_texts(text, out);
        return NULL;
    }
    config_init(&config);
    root = config_root_setting(&config);
    if (key->type == CONF_BOOL) {
        bool yes = strcmp(text, "true") == 0;

        setting =
            config_setting_add(root, "value", yes || strcmp(text, "false") == 0 ? CONFIG_TYPE_BOOL : CONFIG_TYPE_GROUP);
        config_setting_set_bool(setting, yes);
    } else if (key->type == CONF_NUMBER) {
        double value = strtod(text, &end);

        setting = config_setting_add(root, "value", *text && !*end ? CONFIG_TYPE_FLOAT : CONFIG_TYPE_GROUP);
        config_setting_set_float(setting, value);
    } else {
        long long value = strtoll(text, &end, 10);

        setting = config_setting_add(root, "value", *text && !*end ? CONFIG_TYPE_INT64 : CONFIG_TYPE_GROUP);
        config_setting_set_int64(setting, value);
    }
    error = readers[key->type](setting, key, out);
    config_destroy(&config);
    return error;
}

char *conf_resolve(const char *from, const char *path)
{
    struct buffer full = {0};
    const char *slash = strrchr(from, '/');

    if (*path != '/' && slash)
        buffer_put(&full, bytes_of(from, (size_t)(slash + 1 - from)));
    buffer_put_text(&full, path);
    buffer_put_u8(&full, '\0');
    return (char *)full.data;
}
