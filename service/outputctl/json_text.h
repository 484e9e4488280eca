/* JSON as text, for what is printed. */
#ifndef OUTPUTCTL_JSON_TEXT_H
#define OUTPUTCTL_JSON_TEXT_H

#include "base/buffer.h"
#include "wire/encoding.h"

/* Appends a payload of either encoding, which is one well-formed object, as JSON in one line. In MessagePack, binary
 * and ext become hex digits. -EBADMSG where it is not such an object. */
int json_text_of_payload(enum encoding encoding, struct bytes payload, struct buffer *out);

/* Appends a string with its quotes. Bytes that are not UTF-8 are taken for Latin-1. */
void json_text_of_string(struct bytes text, struct buffer *out);

/* Appends lower-case hex digits. */
void json_text_of_hex(struct bytes bytes, struct buffer *out);

/* Appends any payload for people: an object as JSON, other text as it is, anything else as "hex:…". */
void json_text_for_people(struct bytes content_type, struct bytes payload, struct buffer *out);

#endif
