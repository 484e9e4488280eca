/* A profile's inside, shared by its files: profile.c (building and commands) and profile_ack.c (acks and presence). */
#ifndef CORE_PROFILE_STATE_H
#define CORE_PROFILE_STATE_H

#include "core/pattern.h"
#include "core/profile.h"

struct variant {
    char *name; /* NULL: there is but one */
    unsigned outputs;
    struct template *outputs_in; /* its text is a list of the outputs; NULL: none */
    uint64_t reserved;
    enum payload_encoding encoding;
    bool modes[ACTION_UNKNOWN];
    struct payload *payloads[ACTION_UNKNOWN]; /* by action; NULL with the generic ones */
};

struct patterns {
    size_t count;
    struct pattern *list[PROFILE_PATTERNS_MAX];
};

struct profile {
    unsigned refs;
    char *name;
    char **models;
    size_t model_count;
    enum profile_kind kind;
    enum profile_framing framing;
    enum profile_match match;
    enum profile_key key;
    uint32_t ack_timeout_ms;
    uint32_t quarantine_ms;
    struct template_default default_list[PROFILE_DEFAULTS_MAX];
    struct template_defaults defaults;
    struct template *variant; /* NULL: the first one serves all */
    struct variant variants[PROFILE_VARIANTS_MAX];
    size_t variant_count;
    const struct framer *framer;
    struct template *fields[FRAMER_FIELDS_MAX];
    struct template *topics[PROFILE_TOPIC_COUNT];
    struct template *echo;
    char *start;
    char *end;
    struct patterns acks[ACK_UNRELATED]; /* by what they recognise */
    struct patterns online;
    struct patterns offline;
};

/* A key in the form in which it is compared and shown: numbers in decimal. Appended. */
void profile_put_key(const struct profile *p, struct bytes key, struct buffer *out);

#endif
