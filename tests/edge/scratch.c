#include "scratch.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/scratch-XXXXXX";
static struct buffer paths[256];
static size_t path_count;
static struct buffer shown;

void scratch_open(void)
{
    cr_assert_not_null(mkdtemp(folder));
}

static int delete (const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

void scratch_close(void)
{
    nftw(folder, delete, 16, FTW_DEPTH | FTW_PHYS);
    while (path_count > 0)
        buffer_release(&paths[--path_count]);
    buffer_release(&shown);
}

const char *scratch_path(const char *name)
{
    struct buffer *path = &paths[path_count++];

    cr_assert_leq(path_count, sizeof paths / sizeof *paths);
    buffer_printf(path, "%s%s%s", folder, *name ? "/" : "", name);
    buffer_put_u8(path, '\0');
    return (const char *)path->data;
}

const char *scratch_write(const char *name, const char *text)
{
    const char *path = scratch_path(name);
    FILE *out = fopen(path, "w");

    cr_assert_not_null(out, "%s", path);
    cr_assert_geq(fputs(text, out), 0);
    cr_assert_eq(fclose(out), 0);
    return path;
}

const char *scratch_mistakes(const struct mistakes *mistakes)
{
    struct bytes left = buffer_bytes(&mistakes->text);

    buffer_clear(&shown);
    while (left.len > 0) {
        const uint8_t *at = memmem(left.data, left.len, folder, strlen(folder));
        size_t plain = at ? (size_t)(at - left.data) : left.len;

        buffer_put(&shown, bytes_of(left.data, plain));
        buffer_put_text(&shown, at ? "FOLDER" : "");
        plain += at ? strlen(folder) : 0;
        left = bytes_of(left.data + plain, left.len - plain);
    }
    buffer_put_u8(&shown, '\0');
    return (const char *)shown.data;
}
