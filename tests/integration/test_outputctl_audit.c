/* outputctl audit: a trail as it was written, and each way in which it is not. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "edge/audit_chain.h"
#include "support/client.h"
#include "support/trail.h"

enum { LINES = 12 };

static char folder[] = "/tmp/outputctl-audit-XXXXXX";
static char *lines[LINES]; /* as the service writes them, from number 1 */
static char head[AUDIT_DIGEST_DIGITS + 1];

static void start(void)
{
    struct audit_chain chain;
    struct buffer out = {0};

    cr_assert(mkdtemp(folder));
    audit_chain_begin(&chain);
    for (int i = 0; i < LINES; i++) {
        char body[64];

        snprintf(body, sizeof body, "\"event\":\"settled\",\"id\":%d}", 100 + i);
        buffer_clear(&out);
        audit_chain_seal(&chain, bytes_of_text(body), &out);
        lines[i] = bytes_dup(buffer_bytes(&out));
        cr_assert(lines[i]);
    }
    memcpy(head, chain.head, sizeof head);
    buffer_release(&out);
}

static void stop(void)
{
    char command[64];

    for (int i = 0; i < LINES; i++)
        free(lines[i]);
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(outputctl_audit, .init = start, .fini = stop, .timeout = 60);

/* Writes the lines of these numbers, from 1, and returns the path; good for the test. */
static const char *write_lines(const char *name, const int *numbers, int count)
{
    static char paths[8][64];
    static int used;
    char *path = paths[used++ % 8];
    FILE *out;

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    out = fopen(path, "we");
    cr_assert(out);
    for (int i = 0; i < count; i++)
        fputs(lines[numbers[i] - 1], out);
    cr_assert_eq(fclose(out), 0);
    return path;
}

#define WRITE(name_, ...) \
    write_lines((name_), (const int[]){__VA_ARGS__}, (int)(sizeof((const int[]){__VA_ARGS__}) / sizeof(int)))
#define ALL 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12

/* What it says of one file, whose name it begins with. */
static void expect(const char *path, int line, const char *says)
{
    char text[256];

    snprintf(text, sizeof text, "%s:%d: %s", path, line, says);
    trail_verify(path, 1, text);
}

Test(outputctl_audit, a_trail_as_it_was_written_is_good_and_its_head_is_told)
{
    char says[256];

    snprintf(says, sizeof says, "12 lines, numbers 1 to 12: none missing, none changed\nhead %s\n", head);
    trail_verify(WRITE("a", ALL), 0, says);
}

Test(outputctl_audit, files_are_taken_in_the_order_of_their_numbers)
{
    char arguments[256];

    snprintf(arguments, sizeof arguments, "%s %s %s", WRITE("a", 9, 10, 11, 12), WRITE("a.1", 5, 6, 7, 8),
             WRITE("a.2", 1, 2, 3, 4));
    trail_verify(arguments, 0, "12 lines, numbers 1 to 12: none missing, none changed");
}

Test(outputctl_audit, what_was_rotated_away_is_said)
{
    trail_verify(WRITE("a", 5, 6, 7), 0, "begins with number 5: the lines before it are not here");
}

Test(outputctl_audit, a_file_that_is_not_given_is_missing)
{
    char arguments[256];
    char says[256];
    const char *newest = WRITE("a", 9, 10);

    snprintf(arguments, sizeof arguments, "%s %s", newest, WRITE("a.2", 1, 2, 3, 4));
    snprintf(says, sizeof says, "%s:1: numbers 5 to 8 are missing before this line", newest);
    trail_verify(arguments, 1, says);
}

Test(outputctl_audit, stdin_is_taken_where_it_stands)
{
    char arguments[256];
    struct client *c;

    snprintf(arguments, sizeof arguments, "audit verify - %s", WRITE("a", 3, 4));
    c = client_start(arguments);
    client_say(c, lines[0]);
    client_wait(c);
    cr_assert_eq(c->status, 1);
    cr_assert(strstr(c->out.text, "a:1: number 2 is missing before this line"), "%s", c->out.text);
    client_free(c);
}

/* --- what is wrong with a line --- */

/* Each byte of each line in turn. */
Test(outputctl_audit, a_changed_byte_is_found_in_its_line, .timeout = 120)
{
    for (int number = 1; number <= 3; number++) {
        char *line = lines[number - 1];
        size_t step = number == 2 ? 1 : 7;

        for (size_t at = 0; at < strlen(line) - 1; at += step) {
            char was = line[at];
            const char *path;

            line[at] = (char)(was ^ 1);
            path = WRITE("a", 1, 2, 3, 4, 5);
            line[at] = was;
            expect(path, number, "changed");
        }
    }
}

Test(outputctl_audit, a_changed_last_line_is_found_by_the_head)
{
    char arguments[256];

    snprintf(arguments, sizeof arguments, "--head %s %s", head, WRITE("a", ALL));
    trail_verify(arguments, 0, "none changed");
    memcpy(strstr(lines[LINES - 1], "settled"), "refused", 7);
    snprintf(arguments, sizeof arguments, "--head %s %s", head, WRITE("a", ALL));
    trail_verify(arguments, 1, "the head is not there");
}

Test(outputctl_audit, a_missing_line_is_found)
{
    expect(WRITE("a", 1, 2, 3, 5, 6), 4, "number 4 is missing before this line");
    expect(WRITE("a", 1, 5, 6), 2, "numbers 2 to 4 are missing before this line");
}

Test(outputctl_audit, a_line_that_is_there_twice_is_found)
{
    expect(WRITE("a", 1, 2, 3, 3, 4), 4, "inserted, or not in its place");
    expect(WRITE("a", 1, 2, 3, 1, 4), 4, "inserted, or not in its place");
}

Test(outputctl_audit, a_forged_line_that_is_put_in_is_found)
{
    struct audit_chain chain = {.seq = 3};
    struct buffer out = {0};
    char *forged;

    audit_chain_follow(&chain, 3, bytes_of(lines[2], strlen(lines[2]) - 1));
    audit_chain_seal(&chain, bytes_of_text("\"event\":\"settled\",\"id\":666}"), &out);
    forged = bytes_dup(buffer_bytes(&out));
    buffer_release(&out);
    free(lines[LINES - 1]);
    lines[LINES - 1] = forged;
    expect(WRITE("a", 1, 2, 3, 12, 4, 5), 5, "inserted, or not in its place");
}

Test(outputctl_audit, another_order_is_found)
{
    expect(WRITE("a", 1, 2, 4, 3, 5), 3, "not in its place: lines were put into another order");
    expect(WRITE("a", 1, 2, 4, 5, 6, 7, 3), 3, "not in its place: lines were put into another order");
}

Test(outputctl_audit, what_is_no_line_is_found)
{
    strcpy(lines[2], "{}\n");
    expect(WRITE("a", 1, 2, 3, 4), 3, "changed: it is no line of an audit trail");
}

Test(outputctl_audit, an_end_that_was_cut_off_is_found_by_the_head)
{
    char arguments[256];
    char says[256];
    const char *path = WRITE("a", 1, 2, 3, 4, 5);

    trail_verify(path, 0, "5 lines");
    snprintf(arguments, sizeof arguments, "--head %s %s", head, path);
    snprintf(says, sizeof says, "%s:5: cut off behind this line", path);
    trail_verify(arguments, 1, says);
}

/* It may have been printed long ago. */
Test(outputctl_audit, a_head_may_be_that_of_an_earlier_line)
{
    char arguments[256];
    struct audit_chain chain;

    audit_chain_follow(&chain, 7, bytes_of(lines[6], strlen(lines[6]) - 1));
    snprintf(arguments, sizeof arguments, "--head %s %s", chain.head, WRITE("a", ALL));
    trail_verify(arguments, 0, "none changed");
}

/* A crash leaves it so, until the service starts again. */
Test(outputctl_audit, a_last_line_that_was_never_finished_is_said_and_good)
{
    const char *path;

    lines[4][30] = '\0';
    path = WRITE("a", 1, 2, 3, 4, 5);
    trail_verify(path, 0, "a:5: ends inside a line that was never finished");
    trail_verify(path, 0, "4 lines, numbers 1 to 4");
}

/* --- usage --- */

static void expect_usage(const char *arguments, const char *says)
{
    struct client *c = client_run(arguments);

    cr_assert_eq(c->status, 2, "%s", arguments);
    cr_assert(strstr(c->err.text, says), "%s", c->err.text);
    client_free(c);
}

Test(outputctl_audit, usage)
{
    expect_usage("audit", "say audit verify FILE..., or audit session HASH_SHA256");
    expect_usage("audit verify", "verify takes the files of a trail");
    expect_usage("audit verify --head 12 x", "--head: \"12\" is not 64 hex digits");
    expect_usage("audit session 12", "64 hex digits");
    trail_verify("/no/such/file", 1, "/no/such/file: No such file or directory");
}

Test(outputctl_audit, session_is_the_name_that_lines_have)
{
    struct client *c = client_run("audit session 6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e");

    cr_assert_eq(c->status, 0);
    cr_assert_str_eq(c->out.text, "d9beb007c2b59a54\n");
    client_free(c);
}
