#include "text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

/* libconfig's scanner loses the string that it was reading where a file ends, or goes wrong, in one. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig.so";
}

/* What an include may meet besides the file itself. */
static void make_neighbours(void)
{
    FILE *more = fopen("more", "we");

    CHECK(more && fputs("more = 1;\n", more) >= 0 && fclose(more) == 0);
    CHECK(mkdir("folder", 0700) == 0 || errno == EEXIST);
    CHECK(mkfifo("pipe", 0600) == 0 || errno == EEXIST);
}

const char *text_file(struct bytes text)
{
    static int fd = -1;

    if (fd < 0) {
        const char *folder = getenv("FUZZ_FOLDER");

        CHECK(folder && chdir(folder) == 0);
        make_neighbours();
        fd = open("input", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
    }
    CHECK(ftruncate(fd, 0) == 0);
    CHECK(pwrite(fd, text.data, text.len, 0) == (ssize_t)text.len);
    return "input";
}

void text_file_check(struct mistakes *mistakes, bool refused)
{
    const struct bytes text = buffer_bytes(&mistakes->text);

    CHECK(refused == (mistakes->count > 0) && refused == (text.len > 0));
    if (refused)
        CHECK(text.data[text.len - 1] == '\n' && memchr(text.data, ':', text.len));
    mistakes_release(mistakes);
}
