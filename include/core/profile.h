/* How one family of devices is commanded and how it acks.
 *
 * A profile is built from its description once, at load; then it renders commands without parsing and reads acks.
 * Profiles are counted: a command in flight keeps the one that it was rendered with across a reload.
 * conf/profiles/README.md describes what they can say. */
#ifndef CORE_PROFILE_H
#define CORE_PROFILE_H

#include "core/framer.h"
#include "core/payload.h"
#include "wire/presence.h"

enum profile_kind {
    PROFILE_GENERIC_JSON, /* the two built-in ones */
    PROFILE_GENERIC_MSGPACK,
    PROFILE_DESCRIBED, /* by its description alone */
};

/* How messages are found in what comes in. */
enum profile_framing {
    FRAMING_MESSAGE,   /* an MQTT message is one */
    FRAMING_LINES,     /* each of its lines is */
    FRAMING_DELIMITER, /* from `start` to `end`, over several MQTT messages */
    FRAMING_JSON,      /* an MQTT message is one; patterns read its members as lines */
    FRAMING_MSGPACK,
    FRAMING_FRAMER, /* the framer finds them, over several MQTT messages */
};

/* How an ack finds its command. */
enum profile_match {
    MATCH_ID,    /* the generic ones: by the `id` it repeats, else by Correlation Data */
    MATCH_ECHO,  /* by what the group `key` of the pattern holds, compared with the rendered `echo` */
    MATCH_STATE, /* by the states that it reports, in the groups `on` and `off` */
    MATCH_FIFO,  /* by nothing: it is the one in flight */
};

/* How `key` and `echo` are compared, and shown. */
enum profile_key { KEY_TEXT, KEY_NUMBER, KEY_HEX };

enum { PROFILE_PATTERNS_MAX = 16, PROFILE_DEFAULTS_MAX = 32, PROFILE_VARIANTS_MAX = 16 };

struct profile_default {
    const char *name;
    const char *value; /* a template */
};

/* What trackers of one profile may differ in. */
struct profile_variant {
    const char *name;       /* NULL: there is but one */
    unsigned outputs;       /* 0: every tracker says how many it has */
    const char *outputs_in; /* the var whose elements are the outputs; NULL: none */
    uint64_t reserved;      /* bit n: output n + 1 is reserved to engine block */
    bool set;
    bool set_all;
    enum payload_encoding encoding;
    struct payload_description set_payload;
    struct payload_description set_all_payload;
};

/* What a profile is built from; all borrowed. Texts are NULL where they are not given. */
struct profile_description {
    const char *name;
    enum profile_kind kind;
    const char *const *models;
    size_t model_count;
    uint32_t ack_timeout_ms; /* 0: the engine's */
    uint32_t quarantine_ms;  /* 0: the engine's with MATCH_FIFO, else none */
    struct profile_default defaults[PROFILE_DEFAULTS_MAX];
    size_t default_count;
    struct profile_variant base; /* where there are no others */
    const char *variant;         /* template of the name of the one that serves a tracker */
    struct profile_variant variants[PROFILE_VARIANTS_MAX];
    size_t variant_count;
    const struct framer *framer; /* NULL: none */
    const char *fields[FRAMER_FIELDS_MAX];
    const char *command_topic; /* NULL: the default topics */
    const char *set_all_topic; /* NULL: the same */
    const char *ack_topic;
    const char *presence_topic;
    const char *state_topic;
    enum profile_framing framing;
    const char *start; /* FRAMING_DELIMITER */
    const char *end;
    enum profile_match match;
    const char *echo; /* MATCH_ECHO: template of what `key` must be */
    enum profile_key key;
    const char *success[PROFILE_PATTERNS_MAX]; /* regular expressions, NULL at the end */
    const char *refused[PROFILE_PATTERNS_MAX];
    const char *unsupported[PROFILE_PATTERNS_MAX];
    const char *online[PROFILE_PATTERNS_MAX]; /* none: presence as in topics/ */
    const char *offline[PROFILE_PATTERNS_MAX];
};

/* Topics of one profile. */
enum profile_topic {
    TOPIC_COMMAND,
    TOPIC_COMMAND_ALL, /* of a set_all */
    TOPIC_ACK,
    TOPIC_PRESENCE,
    TOPIC_STATE,
    PROFILE_TOPIC_COUNT
};

struct profile;

/* With one reference. NULL, and *key and *error say which part of the description is wrong and why, in static memory.
 */
struct profile *profile_new(const struct profile_description *description, const char *prefix, const char **key,
                            const char **error);
struct profile *profile_ref(struct profile *p);
void profile_unref(struct profile *p); /* takes NULL */

const char *profile_name(const struct profile *p);
enum profile_kind profile_kind(const struct profile *p);
uint32_t profile_ack_timeout_ms(const struct profile *p);
uint32_t profile_quarantine_ms(const struct profile *p);
enum profile_match profile_match(const struct profile *p);
const struct template *profile_topic(const struct profile *p, enum profile_topic which);
size_t profile_model_count(const struct profile *p);
const char *profile_model(const struct profile *p, size_t index);

/* What the profile's variant for this tracker says; without one: no outputs, no modes. */
unsigned profile_outputs(const struct profile *p, const struct template_input *tracker);
uint64_t profile_reserved(const struct profile *p, const struct template_input *tracker);
bool profile_has(const struct profile *p, const struct template_input *tracker, enum action action);

/* The first var that the profile needs for this tracker and the tracker lacks, or NULL. */
const char *profile_missing_var(const struct profile *p, const struct template_input *tracker);

/* False, and `why` gets what is wrong, when a tracker's vars cannot be rendered: one is missing, is no number, names no
 * variant, makes no topic, or is not what the framer takes. */
bool profile_check(const struct profile *p, const struct template_input *tracker, struct buffer *why);

/* --- commands --- */

const struct template *profile_command_topic(const struct profile *p, enum action action);

/* Appends the command's payload. Otherwise `out` is as it was, and: -ENODATA: it states every output, and the state of
 * another one is not known, or a var is missing; -EINVAL: a var does not fit; -EDOM: the family has no such command.
 * *why is then what the framer says, or NULL; `why` may be NULL. */
int profile_render(const struct profile *p, const struct template_input *input, struct buffer *out, const char **why);

/* Likewise with a body that is written out, in the encoding of the profile's commands: what its framer makes of it.
 * -EDOM: it has no framer. */
int profile_render_raw(const struct profile *p, const struct template_input *input, struct bytes body,
                       struct buffer *out, const char **why);

/* Appends what an ack of this command repeats; nothing where acks are not matched by an echo. */
void profile_render_echo(const struct profile *p, const struct template_input *input, struct buffer *out);

/* --- acks --- */

enum ack_kind { ACK_SUCCESS, ACK_REFUSED, ACK_UNSUPPORTED, ACK_UNRELATED, ACK_MALFORMED };

/* "success", "refused", "unsupported", "unrelated", "malformed". */
const char *ack_kind_name(enum ack_kind kind);

/* What one message from a tracker says. Borrowed for the call. */
struct ack_reading {
    enum ack_kind kind;
    struct bytes key;   /* the echoed value as text; data NULL: none was found */
    bool has_id;        /* MATCH_ID */
    uint64_t id;        /* MATCH_ID */
    uint64_t confirmed; /* bit n: output n + 1 is reported, in the state that the command wants */
    uint64_t on;        /* of those, which are on */
    struct bytes text;  /* what the patterns read */
};

/* What the bytes are read for. */
struct ack_expectation {
    const struct command *command; /* in flight; NULL: none */
    unsigned output;               /* that the topic names; 0: it names none */
};

typedef void ack_each_fn(void *ctx, const struct ack_reading *reading);

/* Calls each() for every message that is found in the bytes, in order. Returns how many bytes were used: behind them
 * begins a message of which the rest is to come. With `last` there is no rest, and all is used. */
size_t profile_read_acks(const struct profile *p, const struct ack_expectation *expected, struct bytes payload,
                         bool last, ack_each_fn *each, void *ctx);

/* True when a whole message stands at the very beginning, so that it is nothing's rest. */
bool profile_begins_message(const struct profile *p, struct bytes payload);

/* True when every output that the command switches is in the mask. */
bool ack_confirms(const struct command *command, uint64_t confirmed);

/* --- presence --- */

/* What a tracker's presence message says; nothing at all, a cleared retained message, is offline. */
enum presence profile_read_presence(const struct profile *p, struct bytes payload);

/* --- all profiles of a configuration --- */

/* The built-in `json` and `msgpack` are always there; the others are added in name order. */
struct profiles;

struct profiles *profiles_new(const char *prefix);
void profiles_free(struct profiles *all); /* takes NULL */

/* Takes over the reference. -EEXIST: a profile of this name is there; *model says which model is served already. */
int profiles_add(struct profiles *all, struct profile *p, const char **model);

size_t profiles_count(const struct profiles *all);
struct profile *profiles_at(const struct profiles *all, size_t index);
struct profile *profiles_by_name(const struct profiles *all, const char *name);
struct profile *profiles_by_model(const struct profiles *all, const char *model);

/* Where instances share their state an ack goes to one of them, and presence to each. False, and `why` is appended to:
 * some acks come as presence does, and where they do not repeat what was sent each would be taken for another one. What
 * a tracker's own vars make of its topics is not looked at. */
bool profiles_can_be_shared(const struct profiles *all, struct buffer *why);

#endif
