#include "topic.h"

#include <stdio.h>

#include "base/check.h"

size_t topic_format(char out[TOPIC_SIZE], const char *prefix, int32_t tracker_id, const char *leaf)
{
    int n = snprintf(out, TOPIC_SIZE, "%stracker/%d/%s", prefix, tracker_id, leaf);

    CHECK(n > 0 && n < TOPIC_SIZE);
    return (size_t)n;
}

void topic_every_command(char out[TOPIC_SIZE], const char *prefix)
{
    int n = snprintf(out, TOPIC_SIZE, "%stracker/+/%s", prefix, TOPIC_COMMAND);

    CHECK(n > 0 && n < TOPIC_SIZE);
}

/* Takes `text` off the front of the topic. */
static bool skip_text(struct bytes *topic, const char *text)
{
    size_t len = strlen(text);

    if (topic->len < len || memcmp(topic->data, text, len) != 0)
        return false;
    *topic = bytes_of(topic->data + len, topic->len - len);
    return true;
}

/* Takes an id off the front of the topic. */
static bool skip_id(struct bytes *topic, int32_t *id)
{
    int64_t value = 0;
    size_t i;

    for (i = 0; i < topic->len && topic->data[i] >= '0' && topic->data[i] <= '9'; i++) {
        value = value * 10 + (topic->data[i] - '0');
        if (value > INT32_MAX)
            return false;
    }
    *topic = bytes_of(topic->data + i, topic->len - i);
    *id = (int32_t)value;
    return i > 0;
}

bool topic_read_command(struct bytes topic, const char *prefix, int32_t *tracker_id)
{
    return skip_text(&topic, prefix) && skip_text(&topic, "tracker/") && skip_id(&topic, tracker_id) &&
           bytes_equal_text(topic, "/" TOPIC_COMMAND);
}
