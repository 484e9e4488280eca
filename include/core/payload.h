/* The payload of a command: text, hex digits, or an object in JSON or MessagePack, with templates in it. */
#ifndef CORE_PAYLOAD_H
#define CORE_PAYLOAD_H

#include "core/template.h"

enum payload_encoding { PAYLOAD_TEXT, PAYLOAD_HEX, PAYLOAD_JSON, PAYLOAD_MSGPACK };

/* A member of an object as it was written; all borrowed. */
struct payload_member {
    const char *key; /* a template where key_is_template */
    bool key_is_template;
    enum {
        PAYLOAD_MEMBER_TEXT,
        PAYLOAD_MEMBER_INT,
        PAYLOAD_MEMBER_REAL,
        PAYLOAD_MEMBER_BOOL,
        PAYLOAD_MEMBER_OBJECT
    } kind;
    const char *text; /* a template */
    int64_t number;
    double real;
    bool truth;
    const struct payload_member *members;
    size_t member_count;
};

/* `text` with PAYLOAD_TEXT and PAYLOAD_HEX, the members with the others. */
struct payload_description {
    const char *text;
    const struct payload_member *members;
    size_t member_count;
};

struct payload;

/* NULL, and *error says what is wrong. The defaults' templates are borrowed for its life. */
struct payload *payload_compile(enum payload_encoding encoding, const struct payload_description *description,
                                enum template_use use, const struct template_defaults *defaults, const char **error);
void payload_free(struct payload *p); /* takes NULL */

/* Appends it to `out`. 0, or as template_render, and -EINVAL, too, where a hex payload is no hex. */
int payload_render(const struct payload *p, const struct template_input *input, struct buffer *out);

/* The first var that it needs and neither `vars` nor a default gives, or NULL. */
const char *payload_missing_var(const struct payload *p, const char *vars);

/* Decodes hex digits with blanks between them in place of the text from `start` on. False: they are none. */
bool payload_decode_hex(struct buffer *text, size_t start);

#endif
