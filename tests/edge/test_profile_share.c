/* Which profiles instances that share their state can serve: each ack has to come once. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "edge/profile_file.h"
#include "edge/world.h"
#include "scratch.h"

static void start(void)
{
    scratch_open();
    clearenv();
}

TestSuite(profile_share, .init = start, .fini = scratch_close);

static const char *match = "match = \"fifo\"; success = \"^OK$\";";

static void write_profile(const char *name, const char *topics)
{
    struct buffer path = {0};
    struct buffer text = {0};

    mkdir(scratch_path("profiles"), 0700);
    buffer_printf(&path, "profiles/%s.cfg", name);
    buffer_put_u8(&path, '\0');
    buffer_printf(&text,
                  "models = \"%s\"; outputs = 1; command: { set = \"S{output}\"; };\n"
                  "ack: { %s %s\n",
                  name, match, topics);
    buffer_put_u8(&text, '\0');
    scratch_write((const char *)path.data, (const char *)text.data);
    buffer_release(&path);
    buffer_release(&text);
}

static void expect_shared(const char *folder, const char *expected)
{
    struct mistakes mistakes = {0};
    struct profiles *all = profile_folder_read(folder, "", &mistakes);

    cr_assert_eq(mistakes.count, 0, "%s", scratch_mistakes(&mistakes));
    profile_folder_check_sharing(all, folder, &mistakes);
    cr_expect_str_eq(scratch_mistakes(&mistakes), expected, "%s", scratch_mistakes(&mistakes));
    mistakes_release(&mistakes);
    profiles_free(all);
}

Test(profile_share, the_shipped_ones_can_be_shared)
{
    expect_shared("conf/profiles", "");
}

Test(profile_share, acks_and_presence_on_one_topic_cannot)
{
    write_profile("acme", "topic = \"up/{device_id}\"; }; presence: { topic = \"up/{device_id}\"; };");
    expect_shared(scratch_path("profiles"),
                  "FOLDER/profiles: profile acme acks on up/+, and profile acme has its presence on up/+: with shared "
                  "state each ack would come to all instances\n");
}

Test(profile_share, nor_can_those_of_two_families)
{
    write_profile("acme", "topic = \"tracker/{device_id}/status\"; };");
    expect_shared(scratch_path("profiles"),
                  "FOLDER/profiles: profile acme acks on tracker/+/status, and profile json has its presence on "
                  "tracker/+/status: with shared state each ack would come to all instances\n");
}

Test(profile_share, nor_where_presence_is_on_more_than_acks)
{
    write_profile("acme", "topic = \"up/{device_id}/ack\"; };");
    write_profile("site", "topic = \"x/{tracker_id}\"; }; presence: { topic = \"up/{device_id}/{tracker_id}\"; };");
    expect_shared(scratch_path("profiles"),
                  "FOLDER/profiles: profile acme acks on up/+/ack, and profile site has its presence on up/+/+: with "
                  "shared state each ack would come to all instances\n");
}

Test(profile_share, acks_on_one_subscription_or_on_more_than_presence_can)
{
    write_profile("acme", "topic = \"up/{device_id}/ack\"; };");
    write_profile("site",
                  "topic = \"up/{tracker_id}/{device_id}\"; }; presence: { topic = \"up/{tracker_id}/alive\"; };");
    expect_shared(scratch_path("profiles"), "");
}

/* However often it comes, it ends the one request that it names. */
Test(profile_share, acks_that_repeat_what_was_sent_can_be_on_any_topic)
{
    match = "match = \"echo\"; echo = \"{output}\"; success = \"^OK (?<key>.)$\";";
    write_profile("acme", "topic = \"up/{device_id}\"; }; presence: { topic = \"up/{device_id}\"; };");
    expect_shared(scratch_path("profiles"), "");
}

/* --- where it is looked at --- */

static void expect_world(const char *source, const char *expected)
{
    struct mistakes mistakes = {0};
    struct buffer text = {0};
    struct world w;

    buffer_printf(&text, "state: { %s }; broker: { share_group = \"g\"; };", source);
    buffer_put_u8(&text, '\0');
    scratch_write("registry.cfg", "users = (); sessions = (); trackers = ();");
    cr_expect_eq(world_read(scratch_write("outputd.cfg", (const char *)text.data), &w, &mistakes), !*expected);
    cr_expect_str_eq(scratch_mistakes(&mistakes), expected, "%s", scratch_mistakes(&mistakes));
    if (!*expected)
        world_release(&w);
    mistakes_release(&mistakes);
    buffer_release(&text);
}

Test(profile_share, a_start_with_shared_state_is_refused_and_no_other)
{
    write_profile("acme", "topic = \"up/{device_id}\"; }; presence: { topic = \"up/{device_id}\"; };");
    expect_world("source = \"memory\";", "");
    expect_world("source = \"redis\"; url = \"redis://127.0.0.1:6379/0\";",
                 "FOLDER/profiles: profile acme acks on up/+, and profile acme has its presence on up/+: with shared "
                 "state each ack would come to all instances\n");
}
