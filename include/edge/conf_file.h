/* Files in libconfig's format, read by tables of keys; every mistake is kept as "file:line: what is wrong".
 *
 * What libconfig lets pass is caught here: unknown keys, and whole numbers beyond 32 bits, which it wraps silently. */
#ifndef EDGE_CONF_FILE_H
#define EDGE_CONF_FILE_H

#include <stdatomic.h>

#include "base/buffer.h"

/* All mistakes found so far, one a line. */
struct mistakes {
    struct buffer text;
    unsigned count;
    const atomic_bool *given_up; /* NULL, or: true when nobody wants to know any more */
};

/* line 0: the file as a whole. */
void mistakes_add(struct mistakes *m, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void mistakes_release(struct mistakes *m);

struct conf_file;
struct conf_node; /* a setting; lives as long as its file */

/* NULL, and the mistakes say why. They are borrowed for the life of the file. */
struct conf_file *conf_open(const char *path, struct mistakes *mistakes);
void conf_close(struct conf_file *f); /* takes NULL */

/* The same for a file whose outermost lists may be long: they seem to be empty, and their elements come from conf_each.
 * What is wrong in them is told there. */
struct conf_file *conf_open_long(const char *path, struct mistakes *mistakes);

const struct conf_node *conf_root(const struct conf_file *f);
/* The setting at a path such as "broker.url", NULL where it is not there. */
const struct conf_node *conf_find(const struct conf_file *f, const char *path);

size_t conf_count(const struct conf_node *node);
const struct conf_node *conf_at(const struct conf_node *node, size_t index);
const char *conf_name(const struct conf_node *node);

/* The value of a text setting, NULL for any other. */
const char *conf_text(const struct conf_node *node);

enum conf_kind { CONF_IS_TEXT, CONF_IS_INT, CONF_IS_REAL, CONF_IS_BOOL, CONF_IS_GROUP, CONF_IS_LIST, CONF_IS_ARRAY };

enum conf_kind conf_kind(const struct conf_node *node);
int64_t conf_int(const struct conf_node *node);
double conf_real(const struct conf_node *node);
bool conf_bool(const struct conf_node *node);

/* Appends a text, whole number or boolean as it is written, and a list of them with commas. False: it is none. */
bool conf_put_plain(const struct conf_node *node, struct buffer *out);

/* Adds a mistake at the line of the setting; NULL: of what conf_each is reading. */
void conf_mistake(const struct conf_file *f, const struct conf_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum conf_type {
    CONF_TEXT,   /* const char *, borrowed from the file */
    CONF_UINT,   /* uint32_t */
    CONF_BOOL,   /* bool */
    CONF_NUMBER, /* double */
    CONF_TEXTS,  /* struct conf_texts; one text alone will do */
    CONF_INTS,   /* struct conf_ints */
    CONF_GROUP,  /* const struct conf_node *: { … } */
    CONF_LIST,   /* const struct conf_node *: ( … ) */
    CONF_ANY,    /* const struct conf_node *, whatever it is */
};

struct conf_texts {
    const char **items; /* to be given to free(); NULL where there are none */
    size_t count;
};

struct conf_ints {
    int32_t *items; /* to be given to free(); NULL where there are none */
    size_t count;
};

struct conf_key {
    const char *name;
    enum conf_type type;
    size_t offset; /* of the member in the struct that is read into */
    bool required;
    int64_t min; /* CONF_UINT, CONF_INTS, CONF_NUMBER */
    int64_t max;
};

/* Reads the members of a group into *out by the table, which ends with a key without a name. What is not there stays
 * as it is. Unknown keys, wrong types and ranges, and missing required ones become mistakes. False when there were any.
 * node NULL: nothing is there. */
bool conf_read(const struct conf_file *f, const struct conf_node *node, const struct conf_key *keys, void *out);

/* How the elements of a list are read: each into *out, all zero before. good: without a mistake. The node is for
 * conf_mistake alone, and may be NULL. */
struct conf_groups {
    const struct conf_key *keys;
    void *out;
    size_t size;
    void (*take)(void *ctx, const struct conf_node *node, bool good);
    void *ctx;
};

/* Reads each element of an outermost list of a long file, and gives it to take; there it lives for the call alone.
 * After a mistake that libconfig finds, when the file has changed since it was opened, or when it is given up, the rest
 * is left out. */
void conf_each(struct conf_file *f, const struct conf_node *list, const struct conf_groups *groups);

/* Reads a text as a value of this type, as conf_read would; NULL, or what is wrong. Only TEXT to TEXTS, which are
 * separated by commas. */
const char *conf_read_value(const char *text, const struct conf_key *key, void *out);

/* `path` as seen from the folder of the file `from`; to be given to free(). */
char *conf_resolve(const char *from, const char *path);

#endif
