/* Brings two liberties of requests into the JSON that a strict parser takes. */
#ifndef WIRE_JSON_MEND_H
#define WIRE_JSON_MEND_H

#include "base/buffer.h"

/* Appends `text` to `out` with
 *  - object keys that are bare identifiers put into quotes: the public API's own example writes tracker_id: bare;
 *  - numbers that are good JSON but too large for a machine's integers or reals replaced by 0.5: nowhere an int, so
 *    that such a parameter is of the wrong type, and ignored where it is unknown.
 * Everything else is copied as it is; whether the result is well-formed is the parser's business. */
void json_mend(struct bytes text, struct buffer *out);

#endif
