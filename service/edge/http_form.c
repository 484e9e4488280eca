#include "edge/http_form.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/check.h"
#include "wire/request.h"
#include "wire/sinks.h"

/* Up to the separator, which is taken off `rest` with it. */
static struct bytes cut(struct bytes *rest, char separator)
{
    const uint8_t *at = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
    struct bytes before = {rest->data, at ? (size_t)(at - rest->data) : rest->len};
    size_t used = before.len + (at != NULL);

    *rest = bytes_of(rest->len ? rest->data + used : rest->data, rest->len - used);
    return before;
}

/* With a NUL behind it. False: it cannot be decoded, or has a NUL in it. */
static bool decode(struct bytes from, struct buffer *out)
{
    buffer_clear(out);
    for (size_t i = 0; i < from.len; i++) {
        uint8_t byte = from.data[i] == '+' ? ' ' : from.data[i];

        if (byte == '%') {
            if (from.len - i < 3 || !bytes_from_hex(bytes_of(from.data + i + 1, 2), &byte, 1))
                return false;
            i += 2;
        }
        if (byte == '\0')
            return false;
        buffer_put_u8(out, byte);
    }
    buffer_put_u8(out, '\0');
    return true;
}

/* --- values: NULL where the text is not of the type --- */

static json_t *read_int(const char *text)
{
    enum { DIGITS_MAX = 18 };
    const char *digits = text + (*text == '-');
    size_t len = strspn(digits, "0123456789");

    if (len == 0 || len > DIGITS_MAX || digits[len] || (*digits == '0' && (len > 1 || digits != text)))
        return NULL;
    return json_integer(strtoll(text, NULL, 10));
}

static json_t *read_bool(const char *text)
{
    if (strcmp(text, "true") == 0)
        return json_true();
    return strcmp(text, "false") == 0 ? json_false() : NULL;
}

static json_t *read_bools(const char *text)
{
    json_t *array = json_loads(text, 0, NULL);

    if (json_is_array(array))
        return array;
    json_decref(array);
    return NULL;
}

static const struct {
    enum parameter parameter;
    json_t *(*read)(const char *text);
} types[] = {
    {PARAMETER_TRACKER_ID, read_int}, {PARAMETER_OUTPUT, read_int},     {PARAMETER_ENABLE, read_bool},
    {PARAMETER_OUTPUTS, read_bools},  {PARAMETER_REQUEST_ID, read_int},
};

/* NULL: not UTF-8. */
static json_t *value_of(const char *name, const char *text)
{
    json_t *value = NULL;

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(parameter_name(types[i].parameter), name) == 0)
            value = types[i].read(text);
    }
    return value ? value : json_string(text);
}

/* --- all of it --- */

static bool put_parameter(json_t *root, struct bytes pair, struct buffer *name, struct buffer *text)
{
    struct bytes raw_name = cut(&pair, '=');
    json_t *value;

    if (!decode(raw_name, name) || !decode(pair, text))
        return false;
    if (json_object_get(root, (const char *)name->data))
        return false;
    value = value_of((const char *)name->data, (const char *)text->data);
    return value && json_object_set_new(root, (const char *)name->data, value) == 0;
}

int http_form_to_json(struct bytes form, struct buffer *out)
{
    json_t *root = json_object();
    struct buffer name = {0};
    struct buffer text = {0};
    bool good = true;

    CHECK(root);
    while (good && form.len > 0) {
        struct bytes pair = cut(&form, '&');

        good = pair.len == 0 || put_parameter(root, pair, &name, &text);
    }
    if (good)
        CHECK(json_dump_callback(root, sink_json, out, JSON_COMPACT) == 0);
    json_decref(root);
    buffer_release(&name);
    buffer_release(&text);
    return good ? 0 : -EBADMSG;
}
