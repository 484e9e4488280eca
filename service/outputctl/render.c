/* render: the topic and the bytes that a profile makes of a request. */
#include <stdio.h>
#include <stdlib.h>

#include "subject.h"
#include "terminal.h"
#include "verbs.h"

static void print_topic(const struct subject *subject)
{
    struct buffer topic = {0};
    struct buffer shown = {0};

    template_render(profile_command_topic(subject->profile, subject->command.action), &subject->input, &topic);
    terminal_put(&shown, buffer_bytes(&topic));
    printf("%.*s\n", (int)shown.len, (const char *)shown.data);
    buffer_release(&topic);
    buffer_release(&shown);
}

static void print_hex(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        printf("%02x", bytes.data[i]);
    putchar('\n');
}

static int print_command(const struct subject *subject)
{
    struct buffer payload = {0};
    const char *why = NULL;
    int r = profile_render(subject->profile, &subject->input, &payload, &why);

    if (r < 0) {
        fprintf(stderr, "outputctl render: %s\n", why ? why : subject_reason(r));
    } else {
        print_topic(subject);
        print_hex(buffer_bytes(&payload));
    }
    buffer_release(&payload);
    return r < 0 ? EXIT_ERROR : EXIT_SUCCESS;
}

int render_run(const struct options *options)
{
    struct subject subject;
    int status;

    if (options->action == ACTION_UNKNOWN) {
        options_wrong(options, "--action is missing");
        return EXIT_USAGE;
    }
    status = subject_open(&subject, options);
    if (status == 0)
        status = subject_check(&subject, options);
    if (status == 0)
        status = print_command(&subject);
    subject_close(&subject);
    return status;
}
