#include "conf_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

/* A decimal number that starts here and is too large for libconfig's integers, which wrap without a word. */
static bool wraps(const char *at)
{
    char *end;
    long long value;

    errno = 0;
    value = strtoll(at, &end, 0);
    if (*end == 'L' || *end == '.' || *end == 'e' || *end == 'E')
        return errno == ERANGE && *end == 'L';
    return errno == ERANGE || value > INT32_MAX || value < INT32_MIN;
}

/* The end of a comment or a string at this place, or `at` itself. */
static const char *skip_opaque(const char *at)
{
    const char *end;

    if (*at == '#' || (at[0] == '/' && at[1] == '/'))
        return at + strcspn(at, "\n");
    if (at[0] == '/' && at[1] == '*') {
        end = strstr(at + 2, "*/");
        return end ? end + 2 : at + strlen(at);
    }
    if (*at != '"')
        return at;
    for (end = at + 1; *end && *end != '"'; end++) {
        if (*end == '\\' && end[1])
            end++;
    }
    return *end ? end + 1 : end;
}

/* A file and nothing else: to open a named pipe would wait for whoever writes to it, and a device may never end. */
int conf_text_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;
    int r = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        r = -errno;
    else if (!S_ISREG(st.st_mode))
        r = S_ISDIR(st.st_mode) ? -EISDIR : -ENODEV;
    if (r == 0)
        return fd;
    close(fd);
    return r;
}

int conf_text_read(const char *path, struct buffer *out)
{
    int fd = conf_text_open(path);
    FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
    size_t n;

    if (fd < 0)
        return fd;
    CHECK(in);
    do {
        n = fread(buffer_room(out, 65536), 1, 65536, in);
        out->len += n;
    } while (n > 0);
    buffer_put(out, bytes_of("\n", 2)); /* libconfig takes no comment that ends with the file */
    n = (size_t)ferror(in);
    fclose(in);
    return n ? -EIO : 0;
}

/* The name between the quotes behind an @include, in *name, to be given to free(); NULL where there are none. Returns
 * the end of it all. */
static const char *include_name(const char *at, char **name)
{
    const char *open = strchr(at, '"');
    const char *close = open ? strchr(open + 1, '"') : NULL;

    *name = NULL;
    if (!close)
        return at + 1;
    *name = bytes_dup(bytes_of(open + 1, (size_t)(close - open - 1)));
    CHECK(*name);
    return close + 1;
}

enum { INCLUDE_DEPTH_MAX = 10 }; /* libconfig's */

static bool check_includes(const struct conf_text *t, const char *file, const char *text, unsigned depth);

bool conf_text_holds_nul(const struct buffer *text)
{
    CHECK(text->data); /* conf_text_read puts a NUL at its end */
    return strlen((const char *)text->data) + 1 < text->len;
}

/* What the included file includes in its turn. */
static bool check_included_text(const struct conf_text *t, const char *path, const char *name, unsigned depth)
{
    struct buffer text = {0};
    bool good = conf_text_read(path, &text) == 0 && !conf_text_holds_nul(&text);

    if (!good)
        mistakes_add(t->mistakes, name, 0, "cannot be read, or holds a NUL byte");
    else
        good = check_includes(t, name, (const char *)text.data, depth + 1);
    buffer_release(&text);
    return good;
}

/* libconfig ends the whole process where an include is a folder, and waits where it is a pipe. That it is not there at
 * all, libconfig says itself. */
static bool check_include(const struct conf_text *t, const char *file, int line, const char *name, unsigned depth)
{
    char *path = conf_resolve(t->path, name);
    struct stat st;
    bool is_there = stat(path, &st) == 0;
    bool good = false;

    if (depth >= INCLUDE_DEPTH_MAX)
        mistakes_add(t->mistakes, file, line, "include file nesting too deep");
    else if (!*name || *name == '/' || strchr(name, '\\'))
        mistakes_add(t->mistakes, file, line, "the name of an include must be a relative path without backslashes");
    else if (is_there && !S_ISREG(st.st_mode))
        mistakes_add(t->mistakes, file, line, "the include \"%s\" is no file", name);
    else
        good = !is_there || check_included_text(t, path, name, depth);
    free(path);
    return good;
}

static bool check_includes(const struct conf_text *t, const char *file, const char *text, unsigned depth)
{
    bool good = true;
    int line = 1;

    for (const char *at = text; *at && good;) {
        const char *end = skip_opaque(at);
        char *name = NULL;

        if (end == at)
            end = *at == '@' ? include_name(at, &name) : at + 1;
        if (name)
            good = check_include(t, file, line, name, depth);
        free(name);
        for (; at < end; at++)
            line += *at == '\n';
    }
    return good;
}

static void check_numbers(const struct conf_text *t, const char *file, const char *text, int line);

/* The file that the @include at this place names; libconfig has read it already. Returns the end of the @include. */
static const char *check_included(const struct conf_text *t, const char *at)
{
    struct buffer text = {0};
    char *name;
    char *path;
    const char *end = include_name(at, &name);

    if (!name)
        return end;
    path = conf_resolve(t->path, name);
    if (conf_text_read(path, &text) == 0)
        check_numbers(t, name, (const char *)text.data, 1);
    buffer_release(&text);
    free(path);
    free(name);
    return end;
}

/* By hand: registries have millions of names and numbers, and strspn makes a table at each call. */
static bool is_letter(char c)
{
    return (unsigned char)((c | 0x20) - 'a') < 26;
}

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static const char *skip_name(const char *at)
{
    while (is_letter(*at) || is_digit(*at) || *at == '_' || *at == '-' || *at == '*')
        at++;
    return at;
}

static const char *skip_number(const char *at)
{
    while (is_digit(*at) || *at == '.' || (is_letter(*at) && strchr("abcdefxl", *at | 0x20)))
        at++;
    return at;
}

static int lines_between(const char *from, const char *to)
{
    int lines = 0;

    for (; from < to; from++)
        lines += *from == '\n';
    return lines;
}

static void check_numbers(const struct conf_text *t, const char *file, const char *text, int line)
{
    enum { NEVER_WRAPS = 9 }; /* so many characters */

    for (const char *at = text; *at;) {
        const char *end = skip_opaque(at);

        if (end == at && (is_letter(*at) || *at == '_')) {
            end = skip_name(at);
        } else if (end == at && is_digit(*at)) {
            end = skip_number(at);
            if (end - at > NEVER_WRAPS && wraps(at))
                mistakes_add(t->mistakes, file, line + lines_between(text, at), "this number is beyond 32 bits");
        } else if (end == at) {
            end = *at == '@' ? check_included(t, at) : at + 1;
        }
        at = end;
    }
}

bool conf_text_includes_are_good(const struct conf_text *t, const char *text)
{
    return check_includes(t, t->path, text, 0);
}

void conf_text_check_numbers(const struct conf_text *t, const char *text, int line)
{
    check_numbers(t, t->path, text, line);
}
