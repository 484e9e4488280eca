/* A compiled template, shared by its files: template_compile.c, template.c (rendering), template_topic.c. */
#ifndef CORE_TEMPLATE_OPS_H
#define CORE_TEMPLATE_OPS_H

#include "core/checksum.h"
#include "core/template.h"

enum op_kind {
    OP_LITERAL,
    OP_NUMBER,   /* {output-1:04X} */
    OP_TEXT,     /* {device_id}, {imei} */
    OP_ENABLE,   /* {enable?ON:OFF} */
    OP_STATES,   /* {states on='1' off='0'} */
    OP_LOOKUP,   /* {output,enable|1,1=01|…} */
    OP_ITEM,     /* {endpoints[output]} */
    OP_REPLACE,  /* {full_topic replace '%topic%'=topic} */
    OP_MARK,     /* {mark a} */
    OP_LEN,      /* {len a..b} */
    OP_CHECKSUM, /* {sum8 a..b:02X} */
};

enum source {
    SOURCE_TRACKER_ID,
    SOURCE_COMMAND_ID,
    SOURCE_OUTPUT,
    SOURCE_ENABLE,
    SOURCE_NOW_MS,
    SOURCE_ALL,
    SOURCE_DEVICE_ID,
    SOURCE_VAR,
};

/* Something that has a value. */
struct value {
    enum source source;
    struct bytes name;               /* SOURCE_VAR */
    const struct template *fallback; /* SOURCE_VAR; NULL: it has no default */
};

/* base: 'd', 'x', 'X', 'c' (one character) or 't' (seconds of a day as HHMMSS). */
struct number_format {
    uint64_t modulus; /* 0: none */
    int32_t shift;
    uint8_t width;
    char base;
};

enum { KEY_VALUES_MAX = 3, MARKS_MAX = 8, SPANS_MAX = 4, WIDTH_MAX = 32 };

/* Places that spans name: MARK_START … MARK_HERE, or a mark by its number. */
enum { MARK_START = MARKS_MAX, MARK_END, MARK_HERE };

struct op {
    enum op_kind kind;
    struct bytes text; /* OP_LITERAL; for on: OP_ENABLE, OP_STATES */
    struct bytes off;
    struct bytes keep; /* data NULL: from the last acked state */
    struct bytes separator;
    struct value value; /* OP_NUMBER, OP_TEXT, OP_ITEM, OP_REPLACE */
    struct number_format format;
    bool is_formatted;                 /* a var is a number only where it has a format */
    struct value keys[KEY_VALUES_MAX]; /* OP_LOOKUP */
    uint8_t key_count;                 /* OP_LOOKUP */
    uint8_t first_slot;                /* OP_STATES: 0: every output */
    uint8_t last_slot;
    uint8_t from; /* OP_LEN, OP_CHECKSUM: places; OP_MARK: its number */
    uint8_t to;
    uint8_t span; /* OP_LEN, OP_CHECKSUM: its number */
    enum checksum checksum;
    uint16_t first_choice; /* OP_LOOKUP, OP_REPLACE */
    uint16_t choice_count;
};

/* OP_LOOKUP: the text for a key, or for all others. OP_REPLACE: what `key` becomes. */
struct choice {
    struct bytes key; /* data NULL: for all others */
    struct bytes text;
    bool is_value; /* OP_REPLACE: `value` in place of `text` */
    struct value value;
};

enum { USES_OUTPUT = 1, USES_STATES = 2, USES_COMMAND = 4, USES_ALL = 8, USES_SPANS = 16 };

struct template
{
    char *text; /* what the ops point into */
    unsigned uses;
    size_t count;
    struct op *ops;
    size_t choice_count;
    struct choice *choices;
    size_t mark_count;
    size_t span_count;
};

/* Appends what a value is for this tracker and command. As template_render; `out` may have something more then. */
int template_put_value(struct buffer *out, const struct value *value, const struct template_input *input);

/* OP_REPLACE: the replacement for what the text begins with, or NULL. */
const struct choice *template_replacement(const struct template *t, const struct op *op, struct bytes text);

#endif
