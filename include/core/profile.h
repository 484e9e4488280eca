/* How one family of devices is commanded and how it acks.
 *
 * A profile is built from its description once, at load; then it renders commands without parsing and reads acks.
 * Profiles are counted: a command in flight keeps the one that it was rendered with across a reload. */
#ifndef CORE_PROFILE_H
#define CORE_PROFILE_H

#include "core/template.h"

enum profile_encoding { PROFILE_JSON, PROFILE_MSGPACK, PROFILE_TEXT };
enum profile_framing { FRAMING_MESSAGE, FRAMING_LINES }; /* one ack a message, or one a line */

/* How an ack finds its command. */
enum profile_match {
    MATCH_ID,   /* json, msgpack: by the `id` it repeats, else by Correlation Data */
    MATCH_ECHO, /* text: by what the capture `key` of the pattern holds, compared with the rendered `echo` */
    MATCH_FIFO, /* text: by nothing: it is the one in flight */
};

enum { PROFILE_PATTERNS_MAX = 16, PROFILE_KEY_MAX = 64 };

/* What a profile is built from; all borrowed. Texts are NULL where they are not given. */
struct profile_description {
    const char *name;
    const char *const *models;
    size_t model_count;
    unsigned outputs;  /* 0: every tracker says how many it has */
    uint64_t reserved; /* bit n: output n + 1 is reserved to engine block */
    bool set;
    bool set_all;
    uint32_t ack_timeout_ms; /* 0: the engine's */
    uint32_t quarantine_ms;  /* 0: the engine's; only with MATCH_FIFO */
    enum profile_encoding encoding;
    enum profile_framing framing;
    enum profile_match match;
    const char *command_topic; /* NULL: the default topics */
    const char *ack_topic;
    const char *presence_topic;
    const char *state_topic;
    const char *set_text; /* PROFILE_TEXT: the templates of the two actions */
    const char *set_all_text;
    const char *echo;                          /* MATCH_ECHO: template of what `key` must be */
    const char *success[PROFILE_PATTERNS_MAX]; /* PROFILE_TEXT: regular expressions, NULL at the end */
    const char *refused[PROFILE_PATTERNS_MAX];
    const char *unsupported[PROFILE_PATTERNS_MAX];
};

/* Topics of one profile. */
enum profile_topic { TOPIC_COMMAND, TOPIC_ACK, TOPIC_PRESENCE, TOPIC_STATE, PROFILE_TOPIC_COUNT };

struct profile;

/* With one reference. NULL, and *key and *error say which part of the description is wrong and why. */
struct profile *profile_new(const struct profile_description *description, const char *prefix, const char **key,
                            const char **error);
struct profile *profile_ref(struct profile *p);
void profile_unref(struct profile *p); /* takes NULL */

const char *profile_name(const struct profile *p);
unsigned profile_outputs(const struct profile *p);
uint64_t profile_reserved(const struct profile *p);
bool profile_has(const struct profile *p, enum action action);
uint32_t profile_ack_timeout_ms(const struct profile *p);
uint32_t profile_quarantine_ms(const struct profile *p);
enum profile_match profile_match(const struct profile *p);
enum profile_encoding profile_encoding(const struct profile *p);
const struct template *profile_topic(const struct profile *p, enum profile_topic which);
size_t profile_model_count(const struct profile *p);
const char *profile_model(const struct profile *p, size_t index);

/* The first var that some template of the profile needs and `vars` lacks, or NULL. */
const char *profile_missing_var(const struct profile *p, const char *vars);

/* Appends the command's payload. -ENODATA: it states every output, and the state of another one is not known. */
int profile_render(const struct profile *p, const struct template_input *input, struct buffer *out);

/* Appends what an ack of this command repeats; nothing where acks are not matched by an echo. */
void profile_render_echo(const struct profile *p, const struct template_input *input, struct buffer *out);

enum ack_kind { ACK_SUCCESS, ACK_REFUSED, ACK_UNSUPPORTED, ACK_UNRELATED, ACK_MALFORMED };

/* "success", "refused", "unsupported", "unrelated", "malformed". */
const char *ack_kind_name(enum ack_kind kind);

/* What one message from a tracker says. Borrowed for the call. */
struct ack_reading {
    enum ack_kind kind;
    struct bytes key; /* the echoed value as text; data NULL: none was found */
    bool has_id;      /* MATCH_ID */
    uint64_t id;
};

/* Calls each() for every message that is found in the bytes, in order. */
void profile_read_acks(const struct profile *p, struct bytes payload,
                       void (*each)(void *ctx, const struct ack_reading *reading), void *ctx);

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

#endif
