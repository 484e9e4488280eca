/* The topics of the trackers. Each family has its own, as patterns: "{tracker_id}" or "{device_id}" says whose topic it
 * is, and a "+", which is a level of its own, stands for what the command says. A prefix goes before all of them. */
#ifndef TRACKERSIM_TOPIC_H
#define TRACKERSIM_TOPIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct tracker;
struct trackers;

struct topics {
    const char *command;
    const char *ack;
    const char *presence;
    const char *online; /* what is said there */
    const char *offline;
    bool of_gateway; /* it speaks MQTT for the tracker, and answers on a Response Topic where a command has one */
};

enum {
    TOPIC_PREFIX_MAX = 200, /* bytes of the prefix */
    TOPIC_LEVEL_MAX = 64,   /* bytes in place of the "+" */
    TOPIC_SIZE = 384        /* room for every topic made here, and its NUL */
};

/* The topics of families that have none of their own: a gateway carries their bytes. */
extern const struct topics topics_of_gateway;

/* The topic of one tracker, and its length; without one (NULL) the filter for all of them. `level` stands for the "+",
 * NULL leaves it. */
size_t topic_format(char out[TOPIC_SIZE], const char *prefix, const char *pattern, const struct tracker *tracker,
                    const char *level);

/* Whose topic of this pattern it is, and what stands in place of the "+" ("" without one). NULL: no tracker's. */
struct tracker *topic_read(struct bytes topic, const char *prefix, const char *pattern, const struct trackers *trackers,
                           char level[TOPIC_LEVEL_MAX + 1]);

/* True when topics of this pattern say the device id. */
bool topic_says_device(const char *pattern);

#endif
