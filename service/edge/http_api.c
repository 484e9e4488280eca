#include "edge/http_api.h"

#include <strings.h>

#include "edge/http_form.h"

static struct bytes trim(struct bytes text)
{
    while (text.len && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = bytes_of(text.data + 1, text.len - 1);
    while (text.len && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

static bool is_type(struct bytes content_type, const char *name)
{
    const uint8_t *end = content_type.len ? memchr(content_type.data, ';', content_type.len) : NULL;
    struct bytes type = trim(bytes_of(content_type.data, end ? (size_t)(end - content_type.data) : content_type.len));

    return type.len == strlen(name) && strncasecmp((const char *)type.data, name, type.len) == 0;
}

static bool begins_like_an_object(struct bytes body)
{
    size_t i = 0;

    while (i < body.len && body.data[i] && strchr(" \t\r\n", body.data[i]))
        i++;
    return i < body.len && body.data[i] == '{';
}

struct bytes http_api_payload(const struct http_ask *ask, struct buffer *room)
{
    struct bytes body = buffer_bytes(&ask->body);
    struct bytes type = buffer_bytes(&ask->content_type);
    struct bytes form = ask->method == HTTP_POST ? body : buffer_bytes(&ask->query);

    if (ask->method == HTTP_POST) {
        if (type.len ? is_type(type, "application/json") : begins_like_an_object(body))
            return body;
        if (type.len && !is_type(type, "application/x-www-form-urlencoded"))
            return bytes_of("", 0);
    }
    return http_form_to_json(form, room) == 0 ? buffer_bytes(room) : bytes_of("", 0);
}

struct bytes http_api_hash(struct bytes authorization)
{
    static const char scheme[] = "NVX";
    size_t len = sizeof scheme - 1;
    struct bytes text = trim(authorization);

    if (text.len < len || strncasecmp((const char *)text.data, scheme, len) != 0 ||
        (text.len > len && text.data[len] != ' ' && text.data[len] != '\t'))
        return (struct bytes){0};
    return trim(bytes_of(text.data + len, text.len - len));
}

unsigned http_api_status(enum code code)
{
    switch (code) {
    case CODE_SUCCESS:
        return 200;
    case CODE_NOT_FOUND:
        return 404;
    case CODE_NOT_PERMITTED:
    case CODE_DEVICE_BLOCKED:
    case CODE_CLONE:
    case CODE_USER_BLOCKED:
        return 403;
    case CODE_TOO_MANY_REQUESTS:
        return 429;
    case CODE_TOO_LARGE:
        return 412;
    case CODE_QUEUE_ERROR:
    case CODE_DATABASE_UNAVAILABLE:
        return 503;
    case CODE_UNEXPECTED:
        return 500;
    default:
        return 400;
    }
}
