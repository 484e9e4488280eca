/* Text with placeholders, compiled once and rendered without parsing: topics, payloads and other texts of profiles.
 *
 *     ST300CMD;{device_id};02;{enable?Enable:Disable}{output}
 *
 * conf/profiles/README.md describes every placeholder. */
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
    const struct command *command; /* not needed by topics of acks, presence and states */
    const struct output_states *states;
    uint64_t kept;   /* of a set_all, bit n: output n + 1 is not to be switched */
    int64_t now_ms;  /* wall clock */
    uint8_t outputs; /* how many the tracker has */
};

/* Which placeholders a template may use. */
enum template_use {
    TEMPLATE_TOPIC,         /* tracker_id, device_id, vars; each must end its topic level */
    TEMPLATE_ACK_TOPIC,     /* and {output} as a whole level */
    TEMPLATE_SET_TOPIC,     /* whatever a set knows, but no states; placeholders stand where they like */
    TEMPLATE_SET_ALL_TOPIC, /* likewise of a set_all */
    TEMPLATE_SET,           /* all of them */
    TEMPLATE_SET_ALL,       /* nothing of a single output */
    TEMPLATE_DEFAULT,       /* a var's default: nothing of outputs and states */
};

/* The vars of a profile that have defaults. */
struct template_default {
    const char *name;
    const struct template *value;
};

struct template_defaults {
    const struct template_default *list;
    size_t count;
};

/* NULL, and *error says what is wrong, in static memory. The defaults' templates are borrowed for its life. */
struct template *template_compile(const char *text, enum template_use use, const struct template_defaults *defaults,
                                  const char **error);
void template_free(struct template *t); /* takes NULL */

/* Appends the text to `out`. Otherwise `out` is as it was, and: -ENODATA: a var that it needs is not there, or the
 * state of an output is not known; -EINVAL: a var is no number where it has to be one; -EDOM: no lookup has a text for
 * it. */
int template_render(const struct template *t, const struct template_input *input, struct buffer *out);

/* The first var that the template needs and neither `vars` nor a default gives, or NULL. */
const char *template_missing_var(const struct template *t, const char *vars);

/* The value of a var in such a list; data NULL where it is not there. */
struct bytes template_var(const char *vars, const char *name, size_t name_len);

/* What a template is besides text. */
enum template_kind {
    TEMPLATE_IS_TEXT,
    TEMPLATE_IS_NUMBER,  /* one decimal number without a width, and nothing else */
    TEMPLATE_IS_BOOLEAN, /* {enable}, and nothing else */
};

enum template_kind template_kind(const struct template *t);

/* True when it depends on which output a set names, or on the output that a set_all has come to. */
bool template_uses_output(const struct template *t);

/* Topics only. */

/* True when the topic says which tracker it is of: tracker_id or device_id stand in it, and no var does. Of any other
 * topic the tracker can be found only by rendering it for every one. */
bool template_names_tracker(const struct template *t);

/* Appends the filter that subscribes to it: + for each level with a placeholder. Replacements take the tracker's own
 * text (NULL: none has any), so that the filter serves those trackers that have the same. */
void template_filter(const struct template *t, const struct template_input *input, struct buffer *out);

/* True when trackers may need different filters. */
bool template_has_own_filters(const struct template *t);

/* What a topic tells about its tracker. */
struct template_capture {
    struct bytes tracker_id; /* data NULL: not part of this topic */
    struct bytes device_id;  /* data NULL: not part of this topic */
};

/* True when the topic has this shape. Render it for the tracker and compare to be sure. Only where
 * template_names_tracker. */
bool template_match(const struct template *t, struct bytes topic, struct template_capture *capture);

/* True when the topic may be the one of some tracker, whatever its device_id and vars hold. Errs on the side of yes. */
bool template_may_match(const struct template *t, struct bytes topic);

bool template_equal(const struct template *a, const struct template *b);

#endif
