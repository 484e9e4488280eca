/* Collects the members of an object, at any depth, as lines "path=value". Used by the two halves of object_lines. */
#ifndef WIRE_OBJECT_LINES_H
#define WIRE_OBJECT_LINES_H

#include "wire/object.h"

struct object_lines {
    struct buffer path; /* of what is being walked */
    struct buffer text;
    bool too_long;
};

/* Goes into a member; what it returns leads back out. */
size_t lines_enter(struct object_lines *lines, struct bytes key);
size_t lines_enter_element(struct object_lines *lines, size_t index);
void lines_leave(struct object_lines *lines, size_t outside);

/* The value of where we are. */
void lines_text(struct object_lines *lines, struct bytes value);
void lines_number(struct object_lines *lines, int64_t value);
void lines_real(struct object_lines *lines, double value);
void lines_truth(struct object_lines *lines, bool value);
void lines_null(struct object_lines *lines);

int object_lines_json(struct bytes payload, struct object_lines *lines);
int object_lines_msgpack(struct bytes payload, struct object_lines *lines);

#endif
