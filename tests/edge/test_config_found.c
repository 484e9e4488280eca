/* What the fuzzers found in the configuration. */
#include "edge/config.h"

#include <criterion/criterion.h>

#include "scratch.h"

TestSuite(config_found, .init = scratch_open, .fini = scratch_close);

static void expect_mistakes(const char *text, const char *expected)
{
    struct mistakes mistakes = {0};
    struct config *c = config_read(scratch_write("outputd.cfg", text), &mistakes);

    cr_expect_str_eq(scratch_mistakes(&mistakes), expected, "%s\n%s", text, scratch_mistakes(&mistakes));
    config_free(c);
    mistakes_release(&mistakes);
}

/* The engine sends no reply to a topic that is a tracker's or its own: with such a default, requests that name no topic
 * would get none at all. */
Test(config_found, the_default_reply_topic_is_one_on_which_replies_are_sent)
{
    const char *why =
        "FOLDER/outputd.cfg:1: topics.reply_default must not be a topic of trackers or of the service itself\n";

    expect_mistakes("topics: { reply_default = \"tracker/5/output/command\"; };", why);
    expect_mistakes("topics: { reply_default = \"tracker/5/output/ack\"; };", why);
    expect_mistakes("topics: { reply_default = \"tracker/5/output/state\"; };", why);
    expect_mistakes("topics: { prefix = \"a/\"; reply_default = \"tracker/5/status\"; };", why);
    expect_mistakes("instance = \"a\"; topics: { reply_default = \"outputd/a/stats\"; };", why);
    expect_mistakes("instance = \"a\"; topics: { reply_default = \"outputd/a/fence\"; };", why);
    expect_mistakes("instance = \"a\"; topics: { reply_default = \"outputd/a/reply\"; };", why);
    expect_mistakes("instance = \"a\"; topics: { reply_default = \"outputd/another/reply\"; };", why);
    expect_mistakes("topics: { reply_default = \"tracker/replies\"; };", "");
    expect_mistakes("topics: { reply_default = \"outputd/replies/{action}\"; };", "");
}

/* Topics with placeholders could not be compiled behind it: the start ended with SIGABRT, and so did --check-config. */
Test(config_found, a_prefix_holds_no_braces)
{
    expect_mistakes("topics: { prefix = \"a}/\"; };", "FOLDER/outputd.cfg:1: topics.prefix must not hold { or }\n");
    expect_mistakes("topics: {\n prefix = \"{tracker_id}/\"; };",
                    "FOLDER/outputd.cfg:2: topics.prefix must not hold { or }\n"
                    "FOLDER/outputd.cfg: topics.reply_default must make a topic with topics.prefix; {action} is the "
                    "only placeholder\n");
    expect_mistakes("topics: { prefix = \"a/\"; };", "");
}
