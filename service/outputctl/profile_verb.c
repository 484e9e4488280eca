/* profile: a profile's first lines, and its tests. */
#include <stdio.h>
#include <string.h>

#include "verbs.h"

int profile_run(const struct options *options)
{
    const char *what = options->operand_count ? options->operands[0] : "";

    if (strcmp(what, "new") == 0 && options->operand_count == 2)
        return profile_new_run(options, options->operands[1]);
    if (strcmp(what, "test") == 0 && options->operand_count > 1)
        return profile_test_run(options, options->operands + 1, options->operand_count - 1);
    if (strcmp(what, "new") == 0)
        options_wrong(options, "new takes the name of the family, and nothing else");
    else if (strcmp(what, "test") == 0)
        options_wrong(options, "test takes files of profiles");
    else
        options_wrong(options, "say profile new NAME, or profile test FILE...");
    return EXIT_USAGE;
}
