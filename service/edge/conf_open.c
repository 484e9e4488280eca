#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "conf_file_state.h"
#include "conf_text.h"

/* Its tree, some ten times as large, is to stay in the processor's cache. */
enum { PIECE_BYTES = 65536 };

/* --- mistakes --- */

static void add_mistake(struct mistakes *m, const char *file, int line, const char *format, va_list args)
{
    char text[512];

    vsnprintf(text, sizeof text, format, args);
    if (line > 0)
        buffer_printf(&m->text, "%s:%d: %s\n", file, line, text);
    else
        buffer_printf(&m->text, "%s: %s\n", file, text);
    m->count++;
}

void mistakes_add(struct mistakes *m, const char *file, int line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_mistake(m, file, line, format, args);
    va_end(args);
}

void mistakes_release(struct mistakes *m)
{
    buffer_release(&m->text);
    m->count = 0;
}

static int line_of(const struct conf_file *f, const config_setting_t *s)
{
    int line = (int)config_setting_source_line(s); /* 0 for the file's outermost group */

    if (s->config == &f->piece)
        line += f->piece_line - 1;
    return line ? line : 1;
}

void conf_mistake(const struct conf_file *f, const struct conf_node *node, const char *format, ...)
{
    const char *file = config_setting_source_file(setting_of(node));
    va_list args;

    va_start(args, format);
    add_mistake(f->mistakes, file ? file : f->path, line_of(f, setting_of(node)), format, args);
    va_end(args);
}

/* --- opening --- */

static bool parse(struct conf_file *f, const char *text)
{
    const char *file;

    if (config_read_string(&f->config, text))
        return true;
    file = config_error_file(&f->config);
    mistakes_add(f->mistakes, file ? file : f->path, config_error_line(&f->config), "%s",
                 config_error_text(&f->config));
    return false;
}

/* Included files are sought from the folder of the file that includes them. */
static void set_include_dir(struct conf_file *f)
{
    char *copy = strdup(f->path);

    CHECK(copy);
    config_set_include_dir(&f->config, dirname(copy));
    free(copy);
}

static void refuse_to_read(struct conf_file *f, int error)
{
    mistakes_add(f->mistakes, f->path, 0, "cannot be read: %s", error == -ENODEV ? "it is no file" : strerror(-error));
}

static bool read_whole(struct conf_file *f)
{
    const struct conf_text t = {f->path, f->mistakes};
    struct buffer text = {0};
    int r = conf_text_read(f->path, &text);
    bool good = false;

    if (r < 0)
        refuse_to_read(f, r);
    else if (conf_text_holds_nul(&text))
        mistakes_add(f->mistakes, f->path, 0, "holds a NUL byte");
    else
        good = conf_text_includes_are_good(&t, (const char *)text.data) && parse(f, (const char *)text.data);
    if (good && text.data)
        conf_text_check_numbers(&t, (const char *)text.data, 1);
    buffer_release(&text);
    return good;
}

static struct conf_file *file_new(const char *path, struct mistakes *mistakes)
{
    struct conf_file *f = calloc(1, sizeof *f);

    CHECK(f);
    config_init(&f->config);
    config_init(&f->piece);
    f->fd = -1;
    f->mistakes = mistakes;
    f->path = strdup(path);
    CHECK(f->path);
    set_include_dir(f);
    return f;
}

static struct conf_file *file_if(struct conf_file *f, bool good)
{
    if (good)
        return f;
    conf_close(f);
    return NULL;
}

struct conf_file *conf_open(const char *path, struct mistakes *mistakes)
{
    struct conf_file *f = file_new(path, mistakes);

    return file_if(f, read_whole(f));
}

void conf_close(struct conf_file *f)
{
    if (!f)
        return;
    config_destroy(&f->config);
    config_destroy(&f->piece);
    conf_cut_release(&f->cut);
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    free(f);
}

/* --- long files --- */

static bool is_given_up(const struct conf_file *f)
{
    return f->mistakes->given_up && atomic_load(f->mistakes->given_up);
}

static bool is_as_opened(const struct conf_file *f)
{
    struct stat now;

    return fstat(f->fd, &now) == 0 && now.st_size == f->as_opened.st_size &&
           now.st_mtim.tv_sec == f->as_opened.st_mtim.tv_sec && now.st_mtim.tv_nsec == f->as_opened.st_mtim.tv_nsec;
}

/* As a list of its own, for libconfig. 0, or a negative errno. */
static int read_piece_text(const struct conf_file *f, const struct conf_piece *piece, struct buffer *out)
{
    size_t len = (size_t)(piece->end - piece->begin);
    ssize_t n;

    buffer_put_text(out, "list = (");
    n = pread(f->fd, buffer_room(out, len), len, (off_t)piece->begin);
    if (n < 0)
        return -errno;
    out->len += (size_t)n;
    buffer_put(out, piece->is_open ? bytes_of("\n", 2) : bytes_of(")", 2));
    return 0;
}

enum piece_is { PIECE_GOOD, PIECE_BAD, PIECE_UNREADABLE };

/* What is unreadable is told here, what is bad by whoever wants it. */
static enum piece_is parse_piece(struct conf_file *f, const struct conf_piece *piece)
{
    const struct conf_text t = {f->path, f->mistakes};
    struct buffer text = {0};
    enum piece_is is = PIECE_UNREADABLE;
    int r = read_piece_text(f, piece, &text);

    f->piece_line = piece->line;
    if (r < 0)
        refuse_to_read(f, r);
    else if (is_given_up(f))
        mistakes_add(f->mistakes, f->path, 0, "was not read to its end");
    else if (!is_as_opened(f))
        mistakes_add(f->mistakes, f->path, 0, "was changed while it was read");
    else
        is = config_read_string(&f->piece, (const char *)text.data) ? PIECE_GOOD : PIECE_BAD;
    if (is == PIECE_GOOD)
        conf_text_check_numbers(&t, (const char *)text.data, piece->line);
    buffer_release(&text);
    return is;
}

static int piece_error_line(const struct conf_file *f)
{
    return f->piece_line - 1 + config_error_line(&f->piece);
}

static void tell_piece_error(const struct conf_file *f)
{
    mistakes_add(f->mistakes, f->path, piece_error_line(f), "%s", config_error_text(&f->piece));
}

/* A bracket that is missing in a list shows in the skeleton far behind it: the first mistake is the one to tell. */
static void tell_first_error(struct conf_file *f)
{
    int line = config_error_line(&f->config);
    enum piece_is is = PIECE_GOOD;

    for (size_t i = 0; i < f->cut.piece_count && f->cut.pieces[i].line <= line && is == PIECE_GOOD; i++)
        is = parse_piece(f, &f->cut.pieces[i]);
    if (is == PIECE_BAD && piece_error_line(f) <= line)
        tell_piece_error(f);
    else if (is != PIECE_UNREADABLE)
        mistakes_add(f->mistakes, f->path, line, "%s", config_error_text(&f->config));
}

static bool parse_skeleton(struct conf_file *f)
{
    const struct conf_text t = {f->path, f->mistakes};
    bool good = config_read_string(&f->config, (const char *)f->cut.skeleton.data);

    if (good)
        conf_text_check_numbers(&t, (const char *)f->cut.skeleton.data, 1);
    else
        tell_first_error(f);
    buffer_release(&f->cut.skeleton);
    return good;
}

static bool read_cut(struct conf_file *f)
{
    int r = fstat(f->fd, &f->as_opened) < 0 ? -errno : conf_cut_read(&f->cut, f->fd, PIECE_BYTES);

    if (r < 0)
        refuse_to_read(f, r);
    else if (f->cut.holds_nul)
        mistakes_add(f->mistakes, f->path, 0, "holds a NUL byte");
    else if (!f->cut.holds_include)
        return parse_skeleton(f);
    else
        return read_whole(f);
    return false;
}

struct conf_file *conf_open_long(const char *path, struct mistakes *mistakes)
{
    struct conf_file *f = file_new(path, mistakes);

    f->fd = conf_text_open(path);
    if (f->fd < 0)
        refuse_to_read(f, f->fd);
    return file_if(f, f->fd >= 0 && read_cut(f));
}

/* The pieces of a list: those of the first outermost list have number 0, and so on. */
static unsigned number_of(const struct conf_file *f, const struct conf_node *list)
{
    const struct conf_node *root = conf_root(f);
    unsigned number = 0;

    for (size_t i = 0; conf_at(root, i) != list; i++)
        number += conf_kind(conf_at(root, i)) == CONF_IS_LIST;
    return number;
}

static void each_of(const struct conf_node *list, conf_take_fn *take, void *ctx)
{
    for (size_t i = 0; i < conf_count(list); i++)
        take(ctx, conf_at(list, i));
}

void conf_each(struct conf_file *f, const struct conf_node *list, conf_take_fn *take, void *ctx)
{
    unsigned number = number_of(f, list);
    enum piece_is is = PIECE_GOOD;

    if (f->cut.holds_include || conf_kind(list) != CONF_IS_LIST) {
        each_of(list, take, ctx);
        return;
    }
    for (size_t i = 0; i < f->cut.piece_count && is == PIECE_GOOD; i++) {
        if (f->cut.pieces[i].list != number)
            continue;
        is = parse_piece(f, &f->cut.pieces[i]);
        if (is == PIECE_GOOD)
            each_of((const struct conf_node *)config_lookup(&f->piece, "list"), take, ctx);
        else if (is == PIECE_BAD)
            tell_piece_error(f);
    }
}
