/* The topics of the trackers: PREFIX tracker/ID/LEAF. */
#ifndef TRACKERSIM_TOPIC_H
#define TRACKERSIM_TOPIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define TOPIC_COMMAND "output/command"
#define TOPIC_ACK "output/ack"
#define TOPIC_STATUS "status"

enum {
    TOPIC_PREFIX_MAX = 200, /* bytes of the prefix */
    TOPIC_SIZE = 256        /* room for every topic made here, and its NUL */
};

/* The topic of one tracker. Its length. */
size_t topic_format(char out[TOPIC_SIZE], const char *prefix, int32_t tracker_id, const char *leaf);

/* The filter that catches the commands of every tracker. */
void topic_every_command(char out[TOPIC_SIZE], const char *prefix);

/* Whose commands come on this topic. False: no command topic. */
bool topic_read_command(struct bytes topic, const char *prefix, int32_t *tracker_id);

#endif
