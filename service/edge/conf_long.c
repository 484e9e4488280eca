#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf_file_state.h"
#include "conf_plain.h"
#include "conf_text.h"

/* libconfig's tree of it, some ten times as large, is to stay in the processor's cache. */
enum { PIECE_BYTES = 65536 };

#define PIECE_BEGIN "list = ("
#define PIECE_END ")"

/* --- opening --- */

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

    buffer_put_text(out, PIECE_BEGIN);
    n = pread(f->fd, buffer_room(out, len), len, (off_t)piece->begin);
    if (n < 0)
        return -errno;
    out->len += (size_t)n;
    buffer_put(out, bytes_of(piece->is_open ? "\n" : PIECE_END, 2));
    return 0;
}

/* Its text; what is wrong with it is told. */
static bool load_piece(struct conf_file *f, const struct conf_piece *piece, struct buffer *text)
{
    int r = read_piece_text(f, piece, text);

    f->piece_line = piece->line;
    if (r < 0)
        conf_refuse_to_read(f, r);
    else if (is_given_up(f))
        mistakes_add(f->mistakes, f->path, 0, "was not read to its end");
    else if (!is_as_opened(f))
        mistakes_add(f->mistakes, f->path, 0, "was changed while it was read");
    else
        return true;
    return false;
}

static bool parse_piece(struct conf_file *f, const struct buffer *text)
{
    const struct conf_text t = {f->path, f->mistakes};

    if (!config_read_string(&f->piece, (const char *)text->data))
        return false;
    conf_text_check_numbers(&t, (const char *)text->data, f->piece_line);
    return true;
}

static int piece_error_line(const struct conf_file *f)
{
    return f->piece_line - 1 + config_error_line(&f->piece);
}

static void tell_piece_error(const struct conf_file *f)
{
    mistakes_add(f->mistakes, f->path, piece_error_line(f), "%s", config_error_text(&f->piece));
}

/* True also where the piece cannot be read any more, and that was told. */
static bool is_first_error(struct conf_file *f, const struct conf_piece *piece, int line)
{
    struct buffer text = {0};
    bool is_read = load_piece(f, piece, &text);
    bool is_bad = is_read && !parse_piece(f, &text) && piece_error_line(f) <= line;

    if (is_bad)
        tell_piece_error(f);
    buffer_release(&text);
    return is_bad || !is_read;
}

/* A bracket that is missing in a list shows in the skeleton far behind it: the first mistake is the one to tell. */
static void tell_first_error(struct conf_file *f)
{
    int line = config_error_line(&f->config);
    bool is_told = false;

    for (size_t i = 0; i < f->cut.piece_count && f->cut.pieces[i].line <= line && !is_told; i++)
        is_told = is_first_error(f, &f->cut.pieces[i], line);
    if (!is_told)
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
        conf_refuse_to_read(f, r);
    else if (f->cut.holds_nul)
        mistakes_add(f->mistakes, f->path, 0, "holds a NUL byte");
    else if (!f->cut.holds_include)
        return parse_skeleton(f);
    else
        return conf_read_whole(f);
    return false;
}

struct conf_file *conf_open_long(const char *path, struct mistakes *mistakes)
{
    struct conf_file *f = conf_file_new(path, mistakes);

    f->fd = conf_text_open(path);
    if (f->fd < 0)
        conf_refuse_to_read(f, f->fd);
    return conf_file_if(f, f->fd >= 0 && read_cut(f));
}

/* --- what is in the lists --- */

/* The pieces of a list: those of the first outermost list have number 0, and so on. */
static unsigned number_of(const struct conf_file *f, const struct conf_node *list)
{
    const struct conf_node *root = conf_root(f);
    unsigned number = 0;

    for (size_t i = 0; conf_at(root, i) != list; i++)
        number += conf_kind(conf_at(root, i)) == CONF_IS_LIST;
    return number;
}

/* The elements from this one on. */
static void each_of(const struct conf_file *f, const struct conf_node *list, size_t from, const struct conf_groups *g)
{
    for (size_t i = from; i < conf_count(list); i++) {
        const struct conf_node *node = conf_at(list, i);

        memset(g->out, 0, g->size);
        g->take(g->ctx, node, conf_read(f, node, g->keys, g->out));
    }
}

/* To what comes next, in a piece without comments; counts lines. */
static char *skip_space(struct conf_file *f, char *at)
{
    for (; *at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'; at++)
        f->plain_line += *at == '\n';
    return at;
}

/* One plain group. Its end, NULL where it is none. */
static char *take_plain(char *at, const struct conf_groups *g)
{
    struct conf_plain plain = {0};
    char *end;

    memset(g->out, 0, g->size);
    end = conf_plain_read(&plain, at, g->keys, g->out);
    if (end)
        g->take(g->ctx, NULL, true);
    conf_plain_mend(&plain);
    return end;
}

/* The plain groups that the piece begins with: how many. *is_done: there is nothing else in it. */
static size_t take_plain_ones(struct conf_file *f, struct buffer *text, const struct conf_groups *g, bool *is_done)
{
    char *at = (char *)text->data + strlen(PIECE_BEGIN);
    size_t count = 0;

    *is_done = false;
    f->plain_line = f->piece_line;
    while ((at = take_plain(skip_space(f, at), g))) {
        count++;
        at = skip_space(f, at);
        *is_done = strcmp(at, PIECE_END) == 0;
        if (*at++ != ',')
            break;
    }
    return count;
}

static bool take_piece(struct conf_file *f, const struct conf_piece *piece, const struct conf_groups *g)
{
    struct buffer text = {0};
    bool is_done = false;
    bool good = load_piece(f, piece, &text);
    size_t plain = good ? take_plain_ones(f, &text, g, &is_done) : 0;

    if (good && !is_done) {
        good = parse_piece(f, &text);
        if (good)
            each_of(f, (const struct conf_node *)config_lookup(&f->piece, "list"), plain, g);
        else
            tell_piece_error(f);
    }
    buffer_release(&text);
    return good;
}

void conf_each(struct conf_file *f, const struct conf_node *list, const struct conf_groups *groups)
{
    unsigned number = number_of(f, list);
    bool good = true;

    if (f->cut.holds_include || conf_kind(list) != CONF_IS_LIST) {
        each_of(f, list, 0, groups);
        return;
    }
    for (size_t i = 0; i < f->cut.piece_count && good; i++) {
        if (f->cut.pieces[i].list == number)
            good = take_piece(f, &f->cut.pieces[i], groups);
    }
}
