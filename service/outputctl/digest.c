/* digest: what the registry stores of a hash. */
#include "base/digest.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "verbs.h"

/* The first line of stdin, so that the hash need not stand in the shell's history. */
static char *read_stdin(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    if (isatty(STDIN_FILENO))
        fputs("hash: ", stderr);
    len = getline(&line, &size, stdin);
    while (len > 0 && isspace((unsigned char)line[len - 1]))
        line[--len] = '\0';
    if (len < 0) {
        free(line);
        return NULL;
    }
    return line;
}

static int print_digest(const struct options *options, const char *hash)
{
    uint8_t raw[HASH_DIGITS / 2];
    char lower[HASH_DIGITS + 1];
    char hex[2 * DIGEST_SIZE + 1];
    struct digest digest;

    if (!hash || !bytes_from_hex(bytes_of_text(hash), raw, sizeof raw)) {
        options_wrong(options, "a hash is %d hex digits", HASH_DIGITS);
        return EXIT_USAGE;
    }
    bytes_to_hex(bytes_of(raw, sizeof raw), lower);
    digest = digest_of(bytes_of(lower, HASH_DIGITS));
    bytes_to_hex(bytes_of(digest.bytes, sizeof digest.bytes), hex);
    puts(hex);
    return EXIT_SUCCESS;
}

int digest_run(const struct options *options)
{
    const char *given = options->operand_count ? options->operands[0] : NULL;
    char *line = given ? NULL : read_stdin();
    int status = print_digest(options, given ? given : line);

    free(line);
    return status;
}
