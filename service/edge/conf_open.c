#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "conf_file_state.h"
#include "conf_text.h"

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
    const char *file = node ? config_setting_source_file(setting_of(node)) : NULL;
    int line = node ? line_of(f, setting_of(node)) : f->plain_line;
    va_list args;

    va_start(args, format);
    add_mistake(f->mistakes, file ? file : f->path, line, format, args);
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

void conf_refuse_to_read(struct conf_file *f, int error)
{
    mistakes_add(f->mistakes, f->path, 0, "cannot be read: %s", error == -ENODEV ? "it is no file" : strerror(-error));
}

bool conf_read_whole(struct conf_file *f)
{
    const struct conf_text t = {f->path, f->mistakes};
    struct buffer text = {0};
    int r = conf_text_read(f->path, &text);
    bool good = false;

    if (r < 0)
        conf_refuse_to_read(f, r);
    else if (conf_text_holds_nul(&text))
        mistakes_add(f->mistakes, f->path, 0, "holds a NUL byte");
    else
        good = conf_text_includes_are_good(&t, (const char *)text.data) && parse(f, (const char *)text.data);
    if (good && text.data)
        conf_text_check_numbers(&t, (const char *)text.data, 1);
    buffer_release(&text);
    return good;
}

struct conf_file *conf_file_new(const char *path, struct mistakes *mistakes)
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

struct conf_file *conf_file_if(struct conf_file *f, bool good)
{
    if (good)
        return f;
    conf_close(f);
    return NULL;
}

struct conf_file *conf_open(const char *path, struct mistakes *mistakes)
{
    struct conf_file *f = conf_file_new(path, mistakes);

    return conf_file_if(f, conf_read_whole(f));
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
