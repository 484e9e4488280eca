/* The public API's requests over HTTP, as the engine takes them, and its replies as HTTP has them. */
#ifndef EDGE_HTTP_API_H
#define EDGE_HTTP_API_H

#include "edge/http_ask.h"
#include "wire/code.h"

/* The request's object in JSON: the body where that is what it says it is, else made of the form or the query; of
 * nothing else. A body without a content type is JSON where it begins like an object. What cannot be made into one is
 * nothing, which is no request. `room` is where it is made. */
struct bytes http_api_payload(const struct http_ask *ask, struct buffer *room);

/* Of "NVX a6aa75587e5c59c32d347da438505fc3"; data NULL: there is none. */
struct bytes http_api_hash(struct bytes authorization);

/* The status that goes with a reply. */
unsigned http_api_status(enum code code);

#endif
