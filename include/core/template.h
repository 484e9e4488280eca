/* Text with placeholders, compiled once and rendered without parsing: the topics and the text commands of profiles.
 *
 *     ST300CMD;{device_id};02;{enable?Enable:Disable}{output}
 *
 *   {tracker_id} {command_id} {output}   a number; {output-1} and {output+3} shift it; a format may follow:
 *                                        {command_id:x}, {output:02d}, {command_id:08X}
 *   {device_id}, {any_other_name}        text from the registry: the tracker's device_id, or one of its vars
 *   {enable?ON:OFF}                      one of two texts, by what a set request wants
 *   {states on='1' off='0' keep='?' sep=','}
 *                                        every output in turn. keep stands for the outputs that a set request does not
 *                                        name; without keep they are stated from the last acked state. sep and keep
 *                                        may be left out.
 *   {{ and }}                            the braces themselves
 */
#ifndef CORE_TEMPLATE_H
#define CORE_TEMPLATE_H

#include "base/buffer.h"
#include "wire/command.h"
#include "wire/state.h"

struct template;

/* What a template is rendered from. Borrowed. */
struct template_input {
    int32_t tracker_id;
    struct bytes device_id;
    const char *vars;              /* name NUL value NUL … NUL, or NULL */
    const struct command *command; /* not needed by templates of topics */
    const struct output_states *states;
    uint8_t outputs; /* how many the tracker has */
};

/* Which placeholders a template may use. */
enum template_use {
    TEMPLATE_TOPIC,   /* tracker_id, device_id, vars; each must end its topic level */
    TEMPLATE_SET,     /* all of them */
    TEMPLATE_SET_ALL, /* no output, no enable */
};

/* NULL, and *error says what is wrong, in static memory. */
struct template *template_compile(const char *text, enum template_use use, const char **error);
void template_free(struct template *t);

/* Appends the text to `out`. -ENODATA, and `out` is as it was: a var that it needs is not there, or the state of an
 * output is not known. */
int template_render(const struct template *t, const struct template_input *input, struct buffer *out);

/* The first var that the template needs and `vars` lacks, or NULL. */
const char *template_missing_var(const struct template *t, const char *vars);

/* The value of a var in such a list; data NULL where it is not there. */
struct bytes template_var(const char *vars, const char *name, size_t name_len);

/* True when a set request can be rendered only where the last state of every other output is known. */
bool template_needs_states(const struct template *t);

/* Topics only. */

/* Appends the filter that subscribes to it for every tracker: + for each level with a placeholder. */
void template_filter(const struct template *t, struct buffer *out);

/* What a topic tells about its tracker. */
struct template_capture {
    struct bytes tracker_id; /* data NULL: not part of this topic */
    struct bytes device_id;  /* data NULL: not part of this topic */
};

/* True when the topic has this shape. Render it for the tracker and compare to be sure. */
bool template_match(const struct template *t, struct bytes topic, struct template_capture *capture);

/* True when the topic may be the one of some tracker, whatever its device_id and vars hold. Errs on the side of yes. */
bool template_may_match(const struct template *t, struct bytes topic);

bool template_equal(const struct template *a, const struct template *b);

#endif
