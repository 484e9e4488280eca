/* What the fuzzers found in the reading of files. */
#include "edge/conf_file.h"

#include <criterion/criterion.h>
#include <sys/stat.h>

#include "scratch.h"

TestSuite(conf_file_found, .init = scratch_open, .fini = scratch_close);

/* The whole file is refused, for this. */
static void expect_refused(const char *text, const char *expected)
{
    struct mistakes mistakes = {0};
    struct conf_file *f = conf_open(scratch_write("a.cfg", text), &mistakes);

    cr_expect_null(f, "%s", text);
    cr_expect_str_eq(scratch_mistakes(&mistakes), expected, "%s\n%s", text, scratch_mistakes(&mistakes));
    conf_close(f);
    mistakes_release(&mistakes);
}

/* libconfig's scanner calls exit(2) there: a reload would have been the end of the service. */
Test(conf_file_found, an_include_that_is_a_folder_is_a_mistake_and_not_the_end_of_the_process)
{
    cr_assert_eq(mkdir(scratch_path("folder"), 0700), 0);
    expect_refused("a = 1;\n@include \"folder\"\n", "FOLDER/a.cfg:2: the include \"folder\" is no file\n");
    expect_refused("@include \"../\"\n", "FOLDER/a.cfg:1: the include \"../\" is no file\n");
    expect_refused("@include \"\"\n",
                   "FOLDER/a.cfg:1: the name of an include must be a relative path without backslashes\n");
}

Test(conf_file_found, an_include_that_is_a_pipe_is_not_waited_for, .timeout = 20)
{
    cr_assert_eq(mkfifo(scratch_path("pipe"), 0600), 0);
    expect_refused("\n\n@include \"pipe\"\n", "FOLDER/a.cfg:3: the include \"pipe\" is no file\n");
}

Test(conf_file_found, what_an_included_file_includes_is_looked_at_too)
{
    cr_assert_eq(mkdir(scratch_path("folder"), 0700), 0);
    scratch_write("more.cfg", "b = 1;\n\n@include \"folder\"\n");
    expect_refused("@include \"more.cfg\"\n", "more.cfg:3: the include \"folder\" is no file\n");
}

Test(conf_file_found, a_file_that_includes_itself_is_refused)
{
    expect_refused("\n@include \"a.cfg\"\n", "a.cfg:2: include file nesting too deep\n");
}

Test(conf_file_found, an_include_is_named_so_that_it_cannot_be_read_in_two_ways)
{
    const char *why = "FOLDER/a.cfg:1: the name of an include must be a relative path without backslashes\n";

    expect_refused("@include \"/dev/null\"\n", why);
    expect_refused("@include \"a\\\"b\"\n", why);
}

Test(conf_file_found, an_include_in_a_text_or_a_comment_is_none)
{
    struct mistakes mistakes = {0};
    struct conf_file *f = conf_open(
        scratch_write("a.cfg", "a = \"\n@include \\\"\\\"\n\";\n/*\n@include \"\"\n*/ # @include \"\"\n"), &mistakes);

    cr_expect_not_null(f, "%s", scratch_mistakes(&mistakes));
    conf_close(f);
    mistakes_release(&mistakes);
}
