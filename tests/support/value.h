/* Payloads as values to compare: JSON and MessagePack come out the same. None of the service's own code is used. */
#ifndef SUPPORT_VALUE_H
#define SUPPORT_VALUE_H

#include <jansson.h>

#include "base/buffer.h"

/* NULL: not one value of that encoding, to the last byte. */
json_t *value_decode(struct bytes payload, bool msgpack);

/* Objects of texts, integers, booleans and arrays of these. */
void value_encode(const json_t *value, bool msgpack, struct buffer *out);

/* As value_decode, of JSON text that the test itself has written. */
json_t *value_of(const char *json);

#endif
