/* MQTT topic names and filters. */
#ifndef CORE_TOPIC_H
#define CORE_TOPIC_H

#include "base/bytes.h"

enum { TOPIC_MAX = 1024, TOPIC_LEVELS_MAX = 128 };

/* True when the service may publish to it: 1 … TOPIC_MAX bytes of UTF-8 without wildcards, NUL, other control
 * characters and non-characters, no leading $, at most TOPIC_LEVELS_MAX levels. Stricter than MQTT 5 (4.7) where a
 * broker would close the connection for it: mosquitto does for control characters and from 200 levels on. */
bool topic_is_publishable(struct bytes topic);

/* True when the text may be part of such a topic: UTF-8 without wildcards, NUL, other control characters and
 * non-characters. */
bool topic_text_is_safe(struct bytes text);

/* True for a well-formed topic filter (MQTT 5, 4.7.1): 1 … 65535 bytes, + and # only where they may stand. */
bool topic_filter_is_valid(struct bytes filter);

/* MQTT's matching of a filter and a topic name. */
bool topic_matches(struct bytes filter, struct bytes topic);

#endif
