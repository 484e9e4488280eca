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

#include "base/buffer.h"

#include "topic.h"
#include "tracker.h"

enum answer { ANSWER_SUCCESS, ANSWER_REFUSED, ANSWER_UNSUPPORTED, ANSWER_SILENCE };

#define REFUSAL_TEXT "vehicle is moving"
#define UNSUPPORTED_TEXT "unknown command"

enum { COMMAND_ECHO_MAX = 128 };

struct command {
    bool has_id; /* the family gives every command an id of its own, and this is it */
    bool known;  /* false: it reached the device, which does not know it */
    uint64_t id;
    uint64_t mask;   /* the outputs to switch, bit 0 = output 1 */
    uint64_t states; /* what to switch them to */
    unsigned slots;  /* outputs that it speaks of, also of those to be left alone; 0: as far as the mask reaches */
    unsigned style;  /* in which of the family's ways it was said: the profile's own */
    uint8_t echo[COMMAND_ECHO_MAX]; /* what the ack repeats, as it came */
    size_t echo_len;
    char level[TOPIC_LEVEL_MAX + 1]; /* what stood for the "+" of its topic, and stands for it in the ack's */
};

/* What a device says nothing to: the family has no such ack, or none is known. */
enum { SILENT_REFUSED = 1 << ANSWER_REFUSED, SILENT_UNSUPPORTED = 1 << ANSWER_UNSUPPORTED };

/* Characters of device ids. */
#define ID_DECIMAL "0123456789"
#define ID_HEX ID_DECIMAL "abcdefABCDEF"
#define ID_LEVEL ID_DECIMAL "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.:"

struct profile {
    const char *name;
    const struct topics *topics;
    unsigned outputs;          /* how many a device has where the command line does not say */
    const char *id_characters; /* all that a device id may have; NULL: any */
    size_t id_max;             /* how many of them; 0: as many as there may be */
    unsigned silent;           /* SILENT_... */
    bool one_output_an_ack;    /* a command for several outputs gets several acks */
    bool is_stream;            /* its acks are found in what comes in by their frames, not by the message */

    /* 0 and *command (which comes zeroed, but for the level); -EBADMSG: not a command at all; -ENODEV: for another
     * device id. */
    int (*read)(const struct tracker *tracker, struct bytes payload, struct command *command);

    /* Appends the ack, at least 2 bytes; never asked for silence. -ENOMEM. */
    int (*write)(const struct tracker *tracker, const struct command *command, enum answer answer, struct buffer *out);

    /* Appends another message of such a device: whole and right, but not the ack of this command. Which one, `shape`
     * says. Nothing where there is none. NULL: the family has none. */
    void (*unrelated)(const struct tracker *tracker, const struct command *command, uint64_t shape, struct buffer *out);

    /* Makes the checksum of an ack a wrong one. NULL: the family has none. */
    void (*spoil)(uint8_t *ack, size_t len);
};

extern const struct profile profile_json, profile_msgpack, profile_suntech;
extern const struct profile profile_teltonika, profile_gt06, profile_queclink, profile_meitrack, profile_ruptela,
    profile_jt808;
extern const struct profile profile_tasmota, profile_shelly_gen1, profile_shelly_gen2;

/* NULL: there is none of that name. */
const struct profile *profile_find(const char *name);

/* "json, msgpack, ..." for people. */
const char *profile_names(void);

/* "set output N" for a command. -EBADMSG: there is no such output. */
int command_set_output(struct command *command, uint64_t output, bool enable);

/* One character for each output: '0', '1', or `keep`. -EBADMSG: another one, or too many. */
int command_set_slots(struct command *command, struct bytes slots, char keep);

/* What the ack is to repeat, behind what it has to already. -EBADMSG: too much. */
int command_echo(struct command *command, struct bytes echo);

#endif
