/* audit: checks the files of an audit trail, and names sessions as it does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/audit_chain.h"
#include "verbs.h"

static int session_run(const struct options *options, const char *hash_sha256)
{
    char id[AUDIT_SESSION_DIGITS + 1];
    struct digest digest;

    if (!bytes_from_hex(bytes_of_text(hash_sha256), digest.bytes, DIGEST_SIZE)) {
        options_wrong(options, "session takes the %d hex digits that the registry has as hash_sha256",
                      AUDIT_DIGEST_DIGITS);
        return EXIT_USAGE;
    }
    audit_session_id(&digest, id);
    puts(id);
    return EXIT_SUCCESS;
}

int audit_run(const struct options *options)
{
    const char *what = options->operand_count ? options->operands[0] : "";

    if (strcmp(what, "session") == 0 && options->operand_count == 2)
        return session_run(options, options->operands[1]);
    if (strcmp(what, "verify") == 0 && options->operand_count > 1)
        return audit_verify_run(options, options->operands + 1, options->operand_count - 1);
    if (strcmp(what, "session") == 0)
        options_wrong(options, "session takes one hash_sha256 of the registry, and nothing else");
    else if (strcmp(what, "verify") == 0)
        options_wrong(options, "verify takes the files of a trail");
    else
        options_wrong(options, "say audit verify FILE..., or audit session HASH_SHA256");
    return EXIT_USAGE;
}
