/* What render and parse-ack speak about: a profile, and one command for one tracker. */
#ifndef OUTPUTCTL_SUBJECT_H
#define OUTPUTCTL_SUBJECT_H

#include "core/profile.h"
#include "options.h"

struct subject {
    struct profile *profile;
    struct command command;
    struct output_states states;
    struct template_input input; /* points into this struct and into the options */
};

/* Finds the profile and takes the command from the options; the struct must stay where it is. 0, or an exit status with
 * the mistake printed. subject_close in any case. */
int subject_open(struct subject *subject, const struct options *options);
void subject_close(struct subject *subject);

/* The command and its tracker, from the options; the profile is there already. */
void subject_take_command(struct subject *subject, const struct options *options);

/* The output that the topic of an ack names, 0: none; without a topic (NULL), the command's. */
unsigned subject_topic_output(const struct subject *subject, const char *topic_name);

/* The command can be rendered: the profile has the action, the outputs, the vars and the device id that it needs. The
 * same. A reserved output is only warned of. */
int subject_check(const struct subject *subject, const struct options *options);

/* What a failed profile_render means, for people. */
const char *subject_reason(int error);

#endif
