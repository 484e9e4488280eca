#include "core/topic.h"

/* The code point at this place of well-formed UTF-8. */
static uint32_t point_at(const uint8_t *at, size_t *len)
{
    uint32_t point = at[0];

    *len = point < 0x80 ? 1 : point < 0xE0 ? 2 : point < 0xF0 ? 3 : 4;
    if (*len > 1)
        point &= 0xFFu >> (*len + 1);
    for (size_t i = 1; i < *len; i++)
        point = point << 6 | (at[i] & 0x3Fu);
    return point;
}

static bool point_is_allowed(uint32_t point)
{
    bool control = point < 0x20 || (point >= 0x7F && point < 0xA0);
    bool non_character = (point & 0xFFFE) == 0xFFFE || (point >= 0xFDD0 && point <= 0xFDEF);

    return !control && !non_character && point != '+' && point != '#';
}

/* What remains behind the plain characters that nearly all topics consist of: ASCII but for controls, + and #. */
static struct bytes skip_plain(struct bytes text)
{
    static const bool plain[256] = {[' ' ... '"'] = true, ['$' ... '*'] = true, [',' ... '~'] = true};
    size_t len = 0;

    while (len < text.len && plain[text.data[len]])
        len++;
    return bytes_of(text.data + len, text.len - len);
}

bool topic_text_is_safe(struct bytes text)
{
    struct bytes rest = skip_plain(text);
    size_t len;

    if (!bytes_are_utf8(rest))
        return false;
    for (size_t i = 0; i < rest.len; i += len) {
        if (!point_is_allowed(point_at(rest.data + i, &len)))
            return false;
    }
    return true;
}

static size_t count_levels(struct bytes topic)
{
    const uint8_t *end = topic.data + topic.len;
    size_t levels = 1;

    for (const uint8_t *at = topic.data; (at = memchr(at, '/', (size_t)(end - at))); at++)
        levels++;
    return levels;
}

bool topic_is_publishable(struct bytes topic)
{
    return topic.len > 0 && topic.len <= TOPIC_MAX && topic.data[0] != '$' && topic_text_is_safe(topic) &&
           count_levels(topic) <= TOPIC_LEVELS_MAX;
}

/* Takes the next level off; false at the end. */
static bool next_level(struct bytes *rest, bool *more, struct bytes *level)
{
    const uint8_t *slash = rest->len ? memchr(rest->data, '/', rest->len) : NULL;

    if (!*more)
        return false;
    *level = bytes_of(rest->data, slash ? (size_t)(slash - rest->data) : rest->len);
    *more = slash != NULL;
    rest->len -= level->len + (slash ? 1 : 0);
    rest->data += level->len + (slash ? 1 : 0);
    return true;
}

bool topic_filter_is_valid(struct bytes filter)
{
    struct bytes rest = filter;
    struct bytes level;
    bool more = true;

    if (filter.len == 0 || filter.len > UINT16_MAX || !bytes_are_utf8(filter) || memchr(filter.data, 0, filter.len))
        return false;
    while (next_level(&rest, &more, &level)) {
        bool wild = level.len && (memchr(level.data, '+', level.len) || memchr(level.data, '#', level.len));

        if (wild && (level.len > 1 || (level.data[0] == '#' && more)))
            return false;
    }
    return true;
}

bool topic_matches(struct bytes filter, struct bytes topic)
{
    struct bytes filter_level;
    struct bytes topic_level;
    bool filter_more = true;
    bool topic_more = true;

    if (topic.len && topic.data[0] == '$' && filter.len && (filter.data[0] == '+' || filter.data[0] == '#'))
        return false; /* MQTT 5, 4.7.2 */
    while (next_level(&filter, &filter_more, &filter_level)) {
        if (bytes_equal_text(filter_level, "#"))
            return true; /* also the parent level itself */
        if (!next_level(&topic, &topic_more, &topic_level))
            return false;
        if (!bytes_equal_text(filter_level, "+") && !bytes_equal(filter_level, topic_level))
            return false;
    }
    return !topic_more;
}
