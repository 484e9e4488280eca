/* outputctl profile: a skeleton that works as it is, and vectors that are told from wrong ones. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/client.h"

static char folder[] = "/tmp/outputctl-profile-XXXXXX";
static char path[128];

static void start(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/acme.cfg", folder);
}

static void stop(void)
{
    unlink(path);
    rmdir(folder);
}

TestSuite(outputctl_profile, .init = start, .fini = stop, .timeout = 60);

static void write_text(const char *text)
{
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file);
    fputs(text, file);
    cr_assert_eq(fclose(file), 0);
}

static struct client *test_profile(void)
{
    char arguments[256];

    snprintf(arguments, sizeof arguments, "profile test %s", path);
    return client_run(arguments);
}

/* A family of text, with these vectors. */
static void write_family(const char *vectors)
{
    char text[4096];

    snprintf(
        text, sizeof text,
        "models = [\"acme\"]; outputs = 2; defaults: { pin = \"0\"; };\n"
        "command: { set = \"{pin} {output} {enable} {command_id}\"; set_all = \"{states on='1' off='0' keep='-'}\"; "
        "};\n"
        "ack: { match = \"echo\"; echo = \"{command_id}\"; success = \"^OK (?<key>[0-9]+)\"; refused = \"^NO\"; };\n"
        "vectors = (\n%s\n);\n",
        vectors);
    write_text(text);
}

static void expect(const char *vectors, int status, const char *last_line, const char *complaint)
{
    struct client *c;

    write_family(vectors);
    c = test_profile();
    cr_expect_eq(c->status, status, "%s: %d %s", vectors, c->status, c->err.text);
    cr_expect(strstr(c->out.text, last_line), "%s: %s", vectors, c->out.text);
    if (complaint)
        cr_expect(strstr(c->err.text, complaint), "%s: %s", vectors, c->err.text);
    else
        cr_expect_str_eq(c->err.text, "", "%s", vectors);
    client_free(c);
}

Test(outputctl_profile, skeleton_passes_its_own_vectors)
{
    struct client *c = client_run("profile new acme-2");

    cr_assert_eq(c->status, 0);
    cr_assert(strstr(c->out.text, "models = [\"acme-2\"];"));
    write_text(c->out.text);
    client_free(c);
    c = test_profile();
    cr_expect_eq(c->status, 0, "%s", c->err.text);
    cr_expect_str_eq(c->err.text, "");
    cr_expect(strstr(c->out.text, "\n4 passed, 0 failed\n"), "%s", c->out.text);
    client_free(c);
}

Test(outputctl_profile, vectors_that_are_right_pass)
{
    expect(
        "{ id = \"a\"; verified = \"verified\"; action = \"set\"; output = 2; enable = true; command_id = 7L; "
        "text = \"0 2 1 7\"; },\n"
        "{ id = \"b\"; verified = \"derived\"; action = \"set\"; output = 1; vars: { pin = 42; }; hex = \"34322031 "
        "20302030\"; },\n"
        "{ id = \"c\"; verified = \"derived\"; action = \"set_all\"; outputs = \"1,-\"; text = \"1-\"; "
        "topic = \"tracker/9/output/command\"; tracker_id = 9; },\n"
        "{ id = \"d\"; verified = \"unverified\"; ack_text = \"OK 17\"; result = \"success\"; key = \"17\"; },\n"
        "{ id = \"e\"; verified = \"unverified\"; action = \"set\"; output = 1; command_id = 17; ack_text = \"OK 17\"; "
        "result = \"success\"; },\n"
        "{ id = \"f\"; verified = \"unverified\"; ack_hex = \"4e4f\"; result = \"refused\"; }",
        0, "6 passed, 0 failed", NULL);
}

Test(outputctl_profile, vectors_that_are_wrong_fail_with_their_line)
{
    expect(
        "\n{ id = \"a\"; verified = \"verified\"; action = \"set\"; output = 2; enable = true; text = \"0 2 1 7\"; }",
        1, "0 passed, 1 failed", "acme.cfg:6: a: the payload is 30203220312030 in place of 30203220312037");
    expect("{ id = \"a\"; verified = \"verified\"; action = \"set\"; output = 2; text = \"0 2 0 0\"; topic = \"x\"; }",
           1, "0 passed, 1 failed", "a: the topic is \"tracker/1/output/command\" in place of \"x\"");
    expect("{ id = \"a\"; verified = \"verified\"; ack_text = \"NO\"; result = \"success\"; }", 1, "0 passed, 1 failed",
           "a: the ack is \"refused\" in place of \"success\"");
    expect("{ id = \"a\"; verified = \"verified\"; ack_text = \"OK 1\"; result = \"success\"; key = \"2\"; }", 1,
           "0 passed, 1 failed", "a: the key is \"1\" in place of \"2\"");
    expect("{ id = \"a\"; verified = \"verified\"; action = \"set\"; output = 1; command_id = 3; ack_text = \"OK 1\"; "
           "result = \"success\"; }",
           1, "0 passed, 1 failed", "a: the echo is \"1\" in place of \"3\"");
}

Test(outputctl_profile, mistakes_in_vectors_are_told)
{
    static const struct {
        const char *vector;
        const char *complaint;
    } cases[] = {
        {"{ verified = \"verified\"; text = \"\"; }", "id is missing"},
        {"{ id = \"a\"; verified = \"surely\"; text = \"\"; }", "verified is \"verified\""},
        {"{ id = \"a\"; verified = \"verified\"; action = \"set\"; output = 1; }", "is missing"},
        {"{ id = \"a\"; verified = \"verified\"; text = \"x\"; }", "action is missing"},
        {"{ id = \"a\"; verified = \"verified\"; action = \"set\"; text = \"x\"; }", "output is missing"},
        {"{ id = \"a\"; verified = \"verified\"; action = \"both\"; text = \"x\"; }", "action is"},
        {"{ id = \"a\"; verified = \"verified\"; action = \"set_all\"; outputs = \"on\"; text = \"x\"; }",
         "outputs is a list"},
        {"{ id = \"a\"; verified = \"verified\"; action = \"set\"; output = 1; hex = \"zz\"; }", "this is no hex"},
        {"{ id = \"a\"; verified = \"verified\"; ack_text = \"NO\"; }", "result is missing"},
        {"{ id = \"a\"; verified = \"verified\"; ack_text = \"NO\"; text = \"x\"; }", "only one of"},
        {"{ id = \"a\"; verified = \"verified\"; raw = \"x\"; text = \"x\"; }", "nothing is rendered"},
        {"{ id = \"a\"; verified = \"verified\"; nonsense = 1; }", "unknown key nonsense"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(cases[i].vector, 1, "0 passed, 1 failed", cases[i].complaint);
}

Test(outputctl_profile, profile_without_vectors_has_not_passed)
{
    expect("", 1, "0 passed, 1 failed", "has no vectors");
    write_text("models = [\"acme\"];\n");
    struct client *c = test_profile();
    cr_expect_eq(c->status, 1);
    cr_expect(strstr(c->err.text, "acme.cfg:1: ack is missing"), "%s", c->err.text);
    client_free(c);
}

Test(outputctl_profile, usage_is_told)
{
    static const struct {
        const char *arguments;
        const char *complaint;
    } cases[] = {
        {"profile", "say profile new NAME, or profile test FILE..."},
        {"profile test", "test takes files of profiles"},
        {"profile new", "new takes the name of the family, and nothing else"},
        {"profile new a b", "new takes the name of the family, and nothing else"},
        {"profile new a/b", "is no name of a family"},
        {"profile old", "say profile new NAME, or profile test FILE..."},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client *c = client_run(cases[i].arguments);

        cr_expect_eq(c->status, 2, "%s", cases[i].arguments);
        cr_expect(strstr(c->err.text, cases[i].complaint), "%s: %s", cases[i].arguments, c->err.text);
        client_free(c);
    }
}
