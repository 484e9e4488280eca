/* The two encodings of a payload, and which one a payload claims. */
#ifndef WIRE_ENCODING_H
#define WIRE_ENCODING_H

#include "base/bytes.h"

enum encoding { ENCODING_JSON, ENCODING_MSGPACK };

/* MQTT 5 Content Type decides, its parameters after ';' left aside; without one, or with another one, the first byte
 * of the payload does. */
enum encoding encoding_of(struct bytes content_type, struct bytes payload);

/* "application/json" or "application/msgpack". */
const char *encoding_content_type(enum encoding encoding);

#endif
