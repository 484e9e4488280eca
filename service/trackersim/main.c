/* trackersim: plays trackers against a broker. */
#include <stdlib.h>

#include "options.h"
#include "sim.h"

enum { EXIT_USAGE = 2 };

static int run(const struct options *options)
{
    if (options->help) {
        options_print_help();
        return EXIT_SUCCESS;
    }
    return sim_run(options) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct options options;
    int status = options_read(&options, argc, argv) < 0 ? EXIT_USAGE : run(&options);

    options_release(&options);
    return status;
}
