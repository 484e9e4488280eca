#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/version.h"
#include "edge/privileges.h"
#include "edge/service.h"

static const char default_config[] = "conf/outputd.cfg";
static const char installed_config[] = "/etc/outputd/outputd.cfg";

static const char help[] = "Usage: outputd [-c FILE] [--check-config]\n"
                           "\n"
                           "Switches the digital outputs of GPS trackers and relays on request over MQTT:\n"
                           "checks who asks for what, commands the tracker, recognises its ack, replies.\n"
                           "Runs in the foreground and logs to stderr.\n"
                           "\n"
                           "  -c, --config FILE   configuration (default conf/outputd.cfg; where that is\n"
                           "                      not there, /etc/outputd/outputd.cfg)\n"
                           "  -u, --user NAME     become this user, with its groups, before any file is read;\n"
                           "                      the journal's folder must be this user's. Only as root\n"
                           "      --core-dumps    allow core dumps and debuggers, which see passwords\n"
                           "      --check-config  read all files, print every mistake as file:line, and exit\n"
                           "                      0 when there is none, 1 otherwise\n"
                           "      --version       print the version and exit\n"
                           "  -h, --help          print this and exit\n"
                           "\n"
                           "Every key of the configuration can be set by the environment: broker.url by\n"
                           "OUTPUTD_BROKER_URL, secrets also from a file by OUTPUTD_BROKER_PASSWORD_FILE.\n"
                           "\n"
                           "SIGHUP reloads registry, profiles, limits and log level; SIGUSR1 logs all\n"
                           "counters; SIGTERM and SIGINT drain and stop, a second one stops at once;\n"
                           "SIGUSR2 stops and leaves what is pending to the next start, for upgrades.\n";

enum { OPTION_CHECK = 256, OPTION_CORE_DUMPS, OPTION_VERSION };

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"user", required_argument, NULL, 'u'},
    {"core-dumps", no_argument, NULL, OPTION_CORE_DUMPS},
    {"check-config", no_argument, NULL, OPTION_CHECK},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

int main(int argc, char **argv)
{
    const char *config = access(default_config, F_OK) == 0 ? default_config : installed_config;
    int (*run)(const char *config_path) = service_run;
    const char *user = NULL;
    bool core_dumps = false;
    const char *error;
    int option;

    while ((option = getopt_long(argc, argv, "c:u:h", options, NULL)) != -1) {
        if (option == 'c') {
            config = optarg;
        } else if (option == 'u') {
            user = optarg;
        } else if (option == OPTION_CORE_DUMPS) {
            core_dumps = true;
        } else if (option == OPTION_CHECK) {
            run = service_check;
        } else if (option == OPTION_VERSION) {
            printf("outputd %s\n", outputd_version);
            return EXIT_SUCCESS;
        } else {
            fputs(help, option == 'h' ? stdout : stderr);
            return option == 'h' ? EXIT_SUCCESS : 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "outputd: what is %s? See outputd --help\n", argv[optind]);
        return 2;
    }
    error = privileges_drop(user, core_dumps);
    if (error) {
        fprintf(stderr, "outputd: %s\n", error);
        return EXIT_FAILURE;
    }
    return run(config);
}
