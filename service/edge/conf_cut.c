#include "conf_cut.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"
#include "base/check.h"

enum { BLOCK_BYTES = 65536 };

/* What libconfig's scanner is in. Only what can hide a bracket or a comma matters. */
enum place { PLAIN, SLASH, LINE_COMMENT, COMMENT, COMMENT_STAR, STRING, STRING_ESCAPE };

struct scan {
    struct conf_cut *cut;
    size_t piece_bytes;
    enum place place;
    unsigned depth;    /* of brackets, whatever their kind: libconfig sees whether they fit */
    bool in_list;      /* the outermost of them is a list's */
    bool behind_group; /* a } was the last that means anything */
    bool may_cut;      /* a comma was, behind a }: here */
    uint64_t comma;
    int comma_line;
    unsigned lists;
    uint64_t offset; /* of the block in the file */
    const uint8_t *block;
    const uint8_t *kept; /* of the block: what goes into the skeleton begins here */
    int line;
};

static struct conf_piece *last_piece(const struct scan *s)
{
    return &s->cut->pieces[s->cut->piece_count - 1];
}

static void begin_piece(struct scan *s, uint64_t at, int line)
{
    struct conf_cut *cut = s->cut;

    cut->pieces = array_grown(cut->pieces, cut->piece_count, sizeof *cut->pieces);
    cut->pieces[cut->piece_count++] = (struct conf_piece){.begin = at, .line = line, .list = s->lists - 1};
}

static uint64_t offset_of(const struct scan *s, const uint8_t *at)
{
    return s->offset + (uint64_t)(at - s->block);
}

static void keep_up_to(struct scan *s, const uint8_t *end)
{
    buffer_put(&s->cut->skeleton, bytes_of(s->kept, (size_t)(end - s->kept)));
    s->kept = end;
}

static void open_bracket(struct scan *s, const uint8_t *at)
{
    if (s->may_cut && *at == '{') {
        last_piece(s)->end = s->comma;
        begin_piece(s, s->comma + 1, s->comma_line);
    }
    if (s->depth++ > 0 || *at != '(')
        return;
    s->in_list = true;
    s->lists++;
    keep_up_to(s, at + 1);
    begin_piece(s, offset_of(s, at + 1), s->line);
}

static void close_bracket(struct scan *s, const uint8_t *at)
{
    if (s->depth == 0 || --s->depth > 0 || !s->in_list)
        return;
    s->in_list = false;
    s->kept = at;
    last_piece(s)->end = offset_of(s, at);
}

static bool is_long_enough(const struct scan *s, const uint8_t *at)
{
    return offset_of(s, at) - last_piece(s)->begin >= s->piece_bytes;
}

/* A byte that means something, and is no part of a comment or a string. */
static void take_sign(struct scan *s, const uint8_t *at)
{
    bool may_cut = *at == ',' && s->behind_group && s->in_list && s->depth == 1 && is_long_enough(s, at);

    if (may_cut) {
        s->comma = offset_of(s, at);
        s->comma_line = s->line;
    } else if (*at == '(' || *at == '[' || *at == '{') {
        open_bracket(s, at);
    } else if (*at == ')' || *at == ']' || *at == '}') {
        close_bracket(s, at);
    } else if (*at == '@') {
        s->cut->holds_include = true;
    }
    s->may_cut = may_cut;
    s->behind_group = *at == '}';
}

static enum place plain(struct scan *s, const uint8_t *at)
{
    switch (*at) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
    case '\f':
        return PLAIN;
    case '#':
        return LINE_COMMENT;
    case '/':
        return SLASH;
    case '"':
        take_sign(s, at);
        return STRING;
    default:
        take_sign(s, at);
        return PLAIN;
    }
}

/* The slash itself was a sign where no comment follows. */
static enum place behind_slash(struct scan *s, const uint8_t *at)
{
    if (*at == '/')
        return LINE_COMMENT;
    if (*at == '*')
        return COMMENT;
    s->may_cut = s->behind_group = false;
    return plain(s, at);
}

static enum place next_place(struct scan *s, const uint8_t *at)
{
    switch (s->place) {
    case PLAIN:
        return plain(s, at);
    case SLASH:
        return behind_slash(s, at);
    case LINE_COMMENT:
        return *at == '\n' ? PLAIN : LINE_COMMENT;
    case COMMENT:
        return *at == '*' ? COMMENT_STAR : COMMENT;
    case COMMENT_STAR:
        return *at == '/' ? PLAIN : *at == '*' ? COMMENT_STAR : COMMENT;
    case STRING:
        return *at == '"' ? PLAIN : *at == '\\' ? STRING_ESCAPE : STRING;
    default:
        return STRING;
    }
}

/* Part of a name, a number, a boolean or a setting: most bytes of a file are, so they take a shorter way. */
static bool is_of_word(uint8_t byte)
{
    return (uint8_t)((byte | 0x20) - 'a') < 26 || (uint8_t)(byte - '0') < 10 || byte == '_' || byte == '=' ||
           byte == ';';
}

static void scan_block(struct scan *s, size_t len)
{
    s->kept = s->block;
    for (const uint8_t *at = s->block; at < s->block + len; at++) {
        if (is_of_word(*at) && (s->place == PLAIN || s->place == STRING)) {
            s->may_cut = s->behind_group = false; /* as the quote has done already */
            continue;
        }
        s->place = next_place(s, at);
        if (*at == '\n') {
            s->line++;
            if (s->in_list)
                buffer_put_u8(&s->cut->skeleton, '\n');
        }
    }
    if (!s->in_list)
        keep_up_to(s, s->block + len);
    s->offset += len;
}

static void finish(struct scan *s)
{
    if (s->in_list) {
        last_piece(s)->end = s->offset;
        last_piece(s)->is_open = true;
    }
    buffer_put(&s->cut->skeleton, bytes_of("\n", 2)); /* libconfig takes no comment that ends with the file */
}

int conf_cut_read(struct conf_cut *cut, int fd, size_t piece_bytes)
{
    uint8_t *block = malloc(BLOCK_BYTES);
    struct scan s = {.cut = cut, .piece_bytes = piece_bytes, .block = block, .line = 1};
    ssize_t n;
    int r;

    CHECK(block);
    *cut = (struct conf_cut){0};
    while ((n = pread(fd, block, BLOCK_BYTES, (off_t)s.offset)) > 0 && !cut->holds_nul && !cut->holds_include) {
        cut->holds_nul = memchr(block, '\0', (size_t)n) != NULL;
        scan_block(&s, (size_t)n);
    }
    r = n < 0 ? -errno : 0;
    finish(&s);
    free(block);
    return r;
}

void conf_cut_release(struct conf_cut *cut)
{
    buffer_release(&cut->skeleton);
    free(cut->pieces);
    *cut = (struct conf_cut){0};
}
