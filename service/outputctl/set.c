/* set and set-all: one request, and the wait for its reply. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "ask.h"
#include "json_text.h"
#include "terminal.h"
#include "verbs.h"

static void print_success(const struct ask *ask)
{
    struct buffer what = {0};

    request_payload_put_words(&ask->what, &what);
    printf("tracker %d %.*s: %ssuccess%s (%llu ms)\n", (int)ask->tracker_id, (int)what.len, (const char *)what.data,
           terminal_colour(stdout, COLOUR_GOOD), terminal_colour(stdout, COLOUR_NONE),
           (unsigned long long)ask_elapsed_ms(ask));
    buffer_release(&what);
}

static void print_error(const struct ask *ask, const struct answer *answer)
{
    bool in_doubt = strcmp(answer->outcome, "unknown") == 0;
    const char *words = answer_outcome_in_words(answer->outcome);

    printf("tracker %d: %serror %lld%s: %s", (int)ask->tracker_id,
           terminal_colour(stdout, in_doubt ? COLOUR_DOUBT : COLOUR_BAD), (long long)answer->code,
           terminal_colour(stdout, COLOUR_NONE), answer->description);
    if (answer->outcome[0])
        printf(" (%s%s%s)", answer->outcome, words ? ": " : "", words ? words : "");
    putchar('\n');
    for (size_t i = 0; i < answer->error_count; i++)
        printf("  %s: %s\n", answer->errors[i].parameter, answer->errors[i].error);
}

static int print_reply(const struct ask *ask)
{
    struct answer answer;
    struct buffer shown = {0};
    int r = answer_read(buffer_bytes(&ask->reply), &answer);

    if (r < 0) {
        terminal_put(&shown, buffer_bytes(&ask->reply));
        fprintf(stderr, "outputctl: this reply cannot be read: %.*s\n", (int)shown.len, (const char *)shown.data);
        buffer_release(&shown);
    } else if (ask->options->json) {
        printf("%.*s\n", (int)ask->reply.len, (const char *)ask->reply.data);
    } else if (answer.success) {
        print_success(ask);
    } else {
        print_error(ask, &answer);
    }
    return r == 0 && answer.success ? EXIT_SUCCESS : EXIT_ERROR;
}

/* The hash of the options, else of the environment; NULL where there is none. */
static const char *find_hash(const struct options *options)
{
    const char *hash = options->hash ? options->hash : getenv("OUTPUTCTL_HASH");

    return hash && *hash ? hash : NULL;
}

static int check(const struct options *options)
{
    const char *hash = find_hash(options);

    if (!options->tracker)
        return options_wrong(options, "--tracker is missing");
    if (!hash)
        return options_wrong(options, "there is no hash: give it in $OUTPUTCTL_HASH, --hash-file or --hash");
    if (!bytes_are_utf8(bytes_of_text(hash)) || !bytes_are_utf8(bytes_of_text(options->request_id)))
        return options_wrong(options, "the hash or the request id is not UTF-8");
    return options_check_broker(options);
}

static int request(const struct options *options, const struct command *what)
{
    struct ask ask = {.options = options, .hash = find_hash(options), .tracker_id = options->tracker, .what = *what};
    int status = ask_run(&ask) < 0 ? EXIT_NO_REPLY : print_reply(&ask);

    ask_release(&ask);
    return status;
}

int set_run(const struct options *options)
{
    struct command what = {.action = ACTION_SET, .output = options->output, .enable = options->on == WISH_ON};

    if (options_check_enable(options) < 0 || check(options) < 0)
        return EXIT_USAGE;
    return request(options, &what);
}

int set_all_run(const struct options *options)
{
    struct command what = {
        .action = ACTION_SET_ALL, .outputs = options->outputs.on, .output_count = options->outputs.count};

    if (!options->outputs.count) {
        options_wrong(options, "--outputs is missing");
        return EXIT_USAGE;
    }
    if (check(options) < 0)
        return EXIT_USAGE;
    return request(options, &what);
}
