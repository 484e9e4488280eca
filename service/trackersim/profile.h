/* How one family of devices reads commands and writes acks. A new family is a file profile_NAME.c with a
 * `struct profile` and a line in the table of profile.c.
 *
 * Written anew from the devices' documents, on purpose: a mistake of the service must not be met by the same one here.
 */
#ifndef TRACKERSIM_PROFILE_H
#define TRACKERSIM_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#include "tracker.h"

enum answer { ANSWER_SUCCESS, ANSWER_REFUSED, ANSWER_UNSUPPORTED, ANSWER_SILENCE };

#define REFUSAL_TEXT "vehicle is moving"
#define UNSUPPORTED_TEXT "unknown command"

struct command {
    bool has_id; /* the family gives every command an id of its own, and this is it */
    bool known;  /* false: it reached the device, which does not know it */
    uint64_t id;
    uint64_t mask;   /* the outputs to switch, bit 0 = output 1 */
    uint64_t states; /* what to switch them to */
};

enum { PROFILE_ACK_SIZE = 512 };

struct profile {
    const char *name;
    /* 0 and *command (which comes zeroed); -EBADMSG: not a command at all; -ENODEV: for another device id. */
    int (*read)(const struct tracker *tracker, struct bytes payload, struct command *command);
    /* The ack's bytes, 2 to PROFILE_ACK_SIZE, into out; never asked for ANSWER_SILENCE. Their number, 0: no memory.
     */
    size_t (*write)(const struct tracker *tracker, const struct command *command, enum answer answer, uint8_t *out);
};

extern const struct profile profile_json, profile_msgpack, profile_suntech;

/* NULL: there is none of that name. */
const struct profile *profile_find(const char *name);

/* "json, msgpack, ..." for people. */
const char *profile_names(void);

/* "set output N" for a command. -EBADMSG: there is no such output. */
int command_set_output(struct command *command, uint64_t output, bool enable);

#endif
