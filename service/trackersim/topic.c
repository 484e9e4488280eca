#include "topic.h"

#include <stdio.h>

#include "base/check.h"

#include "scan.h"
#include "tracker.h"

static const char tracker_id[] = "{tracker_id}";
static const char device_id[] = "{device_id}";

const struct topics topics_of_gateway = {
    .command = "tracker/{tracker_id}/output/command",
    .ack = "tracker/{tracker_id}/output/ack",
    .presence = "tracker/{tracker_id}/status",
    .online = "online",
    .offline = "offline",
    .of_gateway = true,
};

/* Takes `text` off the front of the pattern. */
static bool skip(const char **pattern, const char *text)
{
    size_t len = strlen(text);

    if (strncmp(*pattern, text, len) != 0)
        return false;
    *pattern += len;
    return true;
}

/* What comes next in the pattern goes into the room. How much was written. */
static int format_next(char *out, size_t room, const char **pattern, const struct tracker *tracker, const char *level)
{
    bool is_tracker_id = skip(pattern, tracker_id);

    if (is_tracker_id || skip(pattern, device_id)) {
        if (!tracker)
            return snprintf(out, room, "+");
        return is_tracker_id ? snprintf(out, room, "%d", tracker->id) : snprintf(out, room, "%s", tracker->device_id);
    }
    if (level && skip(pattern, "+"))
        return snprintf(out, room, "%s", level);
    return snprintf(out, room, "%c", *(*pattern)++);
}

size_t topic_format(char out[TOPIC_SIZE], const char *prefix, const char *pattern, const struct tracker *tracker,
                    const char *level)
{
    int n = snprintf(out, TOPIC_SIZE, "%s", prefix);
    size_t len = (size_t)n;

    while (*pattern) {
        CHECK(n >= 0 && len < TOPIC_SIZE);
        n = format_next(out + len, TOPIC_SIZE - len, &pattern, tracker, level);
        len += (size_t)n;
    }
    CHECK(n >= 0 && len < TOPIC_SIZE);
    return len;
}

/* Everything up to the end of the level. */
static struct bytes take_level(struct bytes *topic)
{
    struct bytes level = *topic;

    for (level.len = 0; level.len < topic->len && level.data[level.len] != '/'; level.len++)
        ;
    *topic = bytes_of(topic->data + level.len, topic->len - level.len);
    return level;
}

static struct tracker *find_by_id(struct bytes id, const struct trackers *trackers)
{
    uint64_t number;

    return scan_number(id, INT32_MAX, &number) ? trackers_find(trackers, (int32_t)number) : NULL;
}

static bool copy_level(struct bytes from, char level[TOPIC_LEVEL_MAX + 1])
{
    if (from.len > TOPIC_LEVEL_MAX)
        return false;
    if (from.len)
        memcpy(level, from.data, from.len);
    level[from.len] = '\0';
    return true;
}

struct tracker *topic_read(struct bytes topic, const char *prefix, const char *pattern, const struct trackers *trackers,
                           char level[TOPIC_LEVEL_MAX + 1])
{
    struct tracker *tracker = NULL;

    level[0] = '\0';
    if (!scan_text(&topic, prefix))
        return NULL;
    while (*pattern) {
        if (skip(&pattern, tracker_id)) {
            tracker = find_by_id(take_level(&topic), trackers);
        } else if (skip(&pattern, device_id)) {
            tracker = trackers_find_device(trackers, take_level(&topic));
        } else if (skip(&pattern, "+")) {
            if (!copy_level(take_level(&topic), level))
                return NULL;
        } else if (!scan_text(&topic, (char[]){*pattern++, '\0'})) {
            return NULL;
        }
    }
    return topic.len == 0 ? tracker : NULL;
}

bool topic_says_device(const char *pattern)
{
    return strstr(pattern, device_id) != NULL;
}
