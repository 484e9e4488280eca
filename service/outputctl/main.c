/* outputctl: the client for people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/version.h"
#include "verbs.h"

static const struct option_group *const set_groups[] = {&option_group_set, &option_group_request, &option_group_broker,
                                                        NULL};
static const struct option_group *const set_all_groups[] = {&option_group_set_all, &option_group_request,
                                                            &option_group_broker, NULL};
static const struct option_group *const watch_groups[] = {&option_group_watch, &option_group_broker, NULL};
static const struct option_group *const render_groups[] = {&option_group_profile, &option_group_action, NULL};
static const struct option_group *const ack_groups[] = {&option_group_ack, &option_group_profile, &option_group_action,
                                                        NULL};
static const struct option_group *const health_groups[] = {&option_group_health, NULL};
static const struct option_group *const audit_groups[] = {&option_group_audit, NULL};
static const struct option_group *const no_groups[] = {NULL};

enum { FILES_MAX = 1000 };

static const struct verb verbs[] = {
    {"set", "--tracker N --output N --on|--off [OPTION]...", "switch one output of a tracker",
     "Switches one output and waits for the reply. The hash is never needed on the command line.\n\n"
     "  export OUTPUTCTL_HASH=a6aa75587e5c59c32d347da438505fc3\n"
     "  outputctl set --tracker 265489 --output 1 --on\n\n"
     "Exit status: 0 success, 1 the reply was an error, 2 usage, 3 no reply in time or no connection.",
     set_groups, 0, set_run},
    {"set-all", "--tracker N --outputs LIST [OPTION]...", "switch all outputs of a tracker",
     "Switches every output at once and waits for the reply. The hash is never needed on the command line.\n\n"
     "  outputctl set-all --tracker 265489 --outputs 1,1,0 --hash-file ~/.outputctl-hash\n\n"
     "Exit status: 0 success, 1 the reply was an error, 2 usage, 3 no reply in time or no connection.",
     set_all_groups, 0, set_all_run},
    {"watch", "[OPTION]...", "show requests, commands, acks and replies as they happen",
     "Shows each request with its command, ack and reply, in a table on a terminal and as lines elsewhere. Hashes\n"
     "are never shown. Replies are found on the default reply topics, on outputctl's own, on those that the requests\n"
     "name (a reply that is faster than the subscription is missed), and where --replies says.\n\n"
     "  outputctl watch --broker mqtt://broker.example:1883 --replies 'client/+/replies'",
     watch_groups, 0, watch_run},
    {"render", "--profile NAME --action ACTION [OPTION]...", "show the topic and the bytes of a command",
     "Prints what a profile makes of a request: the topic, and the payload in hex. Needs no broker.\n\n"
     "  outputctl render --profile json --action set --output 1 --on --tracker 265489",
     render_groups, 0, render_run},
    {"parse-ack", "--profile NAME --hex BYTES [OPTION]...", "say what a tracker's bytes mean",
     "Prints a line for each message in the bytes: success, refused, unsupported, unrelated or malformed, and the\n"
     "value that it repeats. With a command it notes on stderr where that is another command's. Needs no broker.\n\n"
     "  outputctl parse-ack --profile json --hex 7b226964223a312c2273756363657373223a747275657d",
     ack_groups, 0, parse_ack_run},
    {"profile", "new NAME | test FILE...", "begin a profile for another device, or test one",
     "new prints a skeleton with a comment on every line; test renders and reads what the vectors in the file say.\n\n"
     "  outputctl profile new acme > acme.cfg\n"
     "  outputctl profile test acme.cfg\n\n"
     "Exit status: 0 all passed, 1 a vector or the file has a mistake, 2 usage.",
     no_groups, FILES_MAX, profile_run},
    {"audit", "verify FILE... | session HASH_SHA256", "check an audit trail, or name a session as it does",
     "verify reads the files of a trail, oldest or newest first, or - for stdin, and says at which line they are not "
     "as\n"
     "they were written: changed, missing, inserted, in another order. What was cut off the end, or written anew as a\n"
     "whole, shows where a head is given that was printed before. session prints the name of a registry's session.\n\n"
     "  outputctl audit verify --head 5f3e… /var/log/outputd/audit.jsonl*\n\n"
     "Exit status: 0 as it was written, 1 not so, or it cannot be read, 2 usage.",
     audit_groups, FILES_MAX, audit_run},
    {"digest", "[HASH]", "print the SHA-256 that the registry stores for a hash",
     "Prints what goes into hash_sha256 of the registry. Without HASH it is read from stdin, which keeps it out of "
     "the\n"
     "shell's history.\n\n"
     "  outputctl digest < hash.txt",
     no_groups, 1, digest_run},
    {"health", "[OPTION]...", "ask a service whether it is ready",
     "Asks the service's own HTTP, prints what it answers, and needs no broker: the health check of a container.\n"
     "/readyz: it is connected and serves requests; /healthz: it is alive.\n\n"
     "  outputctl health --url http://127.0.0.1:9108/healthz\n\n"
     "Exit status: 0 it answered 200, 1 anything else or nothing, 2 usage.",
     health_groups, 0, health_run},
};

enum { VERB_COUNT = sizeof verbs / sizeof *verbs };

static int complain(const char *format, const char *what)
{
    fputs("outputctl: ", stderr);
    fprintf(stderr, format, what);
    fputs(" (see outputctl --help)\n", stderr);
    return EXIT_USAGE;
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    }
    return NULL;
}

static int print_help(void)
{
    puts("Usage: outputctl COMMAND [OPTION]...\n\n"
         "Switches outputs of trackers over MQTT, and shows what happens on the way.\n\n"
         "Commands:");
    for (size_t i = 0; i < VERB_COUNT; i++)
        printf("  %-11s%s\n", verbs[i].name, verbs[i].summary);
    puts("\nOptions:\n"
         "  --help     this text; outputctl COMMAND --help tells more\n"
         "  --version  the version\n\n"
         "Example:\n"
         "  outputctl set --tracker 265489 --output 1 --on");
    return EXIT_SUCCESS;
}

/* outputctl help [COMMAND] */
static int help_run(int argc, char **argv)
{
    const struct verb *verb = argc > 1 ? find_verb(argv[1]) : NULL;

    if (argc < 2)
        return print_help();
    if (!verb)
        return complain("there is no command \"%s\"", argv[1]);
    options_print_help(verb);
    return EXIT_SUCCESS;
}

static int verb_run(const struct verb *verb, int argc, char **argv)
{
    struct options options;
    int status = EXIT_SUCCESS;

    if (options_read(&options, verb, argc, argv) < 0)
        status = EXIT_USAGE;
    else if (options.help)
        options_print_help(verb);
    else
        status = verb->run(&options);
    options_release(&options);
    return status;
}

/* What was to be printed has been. */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    perror("outputctl: stdout");
    return status ? status : EXIT_ERROR;
}

int main(int argc, char **argv)
{
    const struct verb *verb = argc > 1 ? find_verb(argv[1]) : NULL;

    if (argc < 2)
        return complain("%s", "a command is missing");
    if (verb)
        return finish(verb_run(verb, argc - 1, argv + 1));
    if (strcmp(argv[1], "help") == 0)
        return finish(help_run(argc - 1, argv + 1));
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return finish(print_help());
    if (strcmp(argv[1], "--version") == 0)
        return finish(printf("outputctl %s\n", outputd_version) < 0 ? EXIT_ERROR : EXIT_SUCCESS);
    return complain(argv[1][0] == '-' ? "%s is not an option" : "there is no command \"%s\"", argv[1]);
}
