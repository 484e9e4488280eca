#include "edge/profile_file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "scratch.h"

static const struct template_input nobody;

TestSuite(profile_file, .init = scratch_open, .fini = scratch_close);

static struct profile *read_path(const char *path)
{
    struct mistakes mistakes = {0};
    struct profile *p = profile_file_read(path, "", &mistakes);

    cr_assert_eq(mistakes.count, 0, "%s", scratch_mistakes(&mistakes));
    cr_assert_not_null(p);
    return p;
}

static struct profile *read_profile(const char *text)
{
    return read_path(scratch_write("acme.cfg", text));
}

/* "LINE: what" */
static void expect_mistake(const char *text, const char *expected)
{
    struct mistakes mistakes = {0};
    struct buffer all = {0};

    buffer_printf(&all, "FOLDER/acme.cfg:%s\n", expected);
    buffer_put_u8(&all, '\0');
    cr_expect_null(profile_file_read(scratch_write("acme.cfg", text), "", &mistakes), "%s", text);
    cr_expect_str_eq(scratch_mistakes(&mistakes), (const char *)all.data, "%s\n%s", text, scratch_mistakes(&mistakes));
    buffer_release(&all);
    mistakes_release(&mistakes);
}

/* --- what it makes of a file --- */

Test(profile_file, every_key_is_read)
{
    struct profile *p = read_profile(
        "models = [\"one\", \"two\"]; outputs = 4; reserved_outputs = [1, 4]; ack_timeout_ms = 1500; "
        "quarantine_ms = 700;\n"
        "command: { topic = \"c/{device_id}\"; set_all_topic = \"C/{device_id}\"; set = \"S{output}\"; set_all = "
        "\"A\"; };\n"
        "ack: { topic = \"a/{device_id}\"; framing = \"lines\"; match = \"fifo\"; success = [\"^OK$\"];\n"
        "       refused = [\"NO\"]; unsupported = \"^WHAT\"; };\n"
        "presence: { topic = \"p/{tracker_id}\"; }; state: { topic = \"s/{tracker_id}\"; };\n");
    static const char *const filters[PROFILE_TOPIC_COUNT] = {"c/+", "C/+", "a/+", "p/+", "s/+"};

    cr_expect_str_eq(profile_name(p), "acme");
    cr_expect_eq(profile_model_count(p), 2);
    cr_expect_str_eq(profile_model(p, 1), "two");
    cr_expect_eq(profile_outputs(p, &nobody), 4);
    cr_expect_eq(profile_reserved(p, &nobody), 9);
    cr_expect_eq(profile_ack_timeout_ms(p), 1500);
    cr_expect_eq(profile_quarantine_ms(p), 700);
    cr_expect(profile_has(p, &nobody, ACTION_SET));
    cr_expect(profile_has(p, &nobody, ACTION_SET_ALL));
    cr_expect_eq(profile_match(p), MATCH_FIFO);
    cr_expect_eq(profile_kind(p), PROFILE_DESCRIBED);
    for (int i = 0; i < PROFILE_TOPIC_COUNT; i++) {
        struct buffer filter = {0};

        template_filter(profile_topic(p, (enum profile_topic)i), NULL, &filter);
        cr_expect(bytes_equal_text(buffer_bytes(&filter), filters[i]), "%s", filters[i]);
        buffer_release(&filter);
    }
    profile_unref(p);
}

Test(profile_file, what_is_left_out_is_the_default)
{
    struct profile *p = read_profile(
        "models = \"one\"; command: { set_all = \"A\"; }; ack: { match = \"fifo\"; success = \"OK\"; };\n");
    struct buffer filter = {0};

    cr_expect_eq(profile_outputs(p, &nobody), 0);
    cr_expect_eq(profile_reserved(p, &nobody), 0);
    cr_expect_eq(profile_ack_timeout_ms(p), 0);
    cr_expect_eq(profile_quarantine_ms(p), 0);
    cr_expect_not(profile_has(p, &nobody, ACTION_SET));
    cr_expect(profile_has(p, &nobody, ACTION_SET_ALL));
    template_filter(profile_topic(p, TOPIC_ACK), NULL, &filter);
    cr_expect(bytes_equal_text(buffer_bytes(&filter), "tracker/+/output/ack"));
    buffer_release(&filter);
    profile_unref(p);
}

/* --- mistakes --- */

#define ACK "ack: { match = \"fifo\"; success = \"OK\"; };"
#define SET "command: { set = \"S{output}\"; };"

static const struct {
    const char *text;
    const char *mistake;
} bad[] = {
    {"command: { set = \"S\"; }; " ACK, "1: models is missing"},
    {"models = \"m\"; " ACK, "1: command: has neither set nor set_all"},
    {"models = \"m\"; " SET, "1: ack is missing"},
    {"models = [1]; " SET ACK, "1: models must be a list of texts in quotes"},
    {"models = \"m\"; " SET ACK "\noutputz = 1;", "2: unknown key outputz"},
    {"models = \"m\"; " SET ACK "\noutputs = 0;", "2: outputs must be a whole number from 1 to 64"},
    {"models = \"m\"; " SET ACK "\noutputs = 65;", "2: outputs must be a whole number from 1 to 64"},
    {"models = \"m\"; " SET ACK "\nreserved_outputs = [0];",
     "2: reserved_outputs must be a list of whole numbers from 1 to 64"},
    {"models = \"m\"; " SET ACK "\nack_timeout_ms = 0;", "2: ack_timeout_ms must be a whole number from 1 to 86400000"},
    {"models = \"m\"; " SET ACK "\nquarantine_ms = 86400001;",
     "2: quarantine_ms must be a whole number from 1 to 86400000"},
    {"models = \"m\"; " SET ACK "\nack_timeout_ms = 4294967297;", "2: this number is beyond 32 bits"},
    {"models = \"m\"; " SET ACK "\npresence: { online = \"on\"; };", "2: presence: online and offline go together"},
    {"models = \"m\"; " SET ACK "\nstate: { };", "2: topic is missing"},
    {"models = \"m\"; " SET ACK "\nstate: { topic = 5; };", "2: topic must be a text in quotes"},
    {"models = \"m\"; " ACK "\ncommand: {\nset = \"S\"; sett = \"S\"; };", "3: unknown key sett"},
    {"models = \"m\"; " ACK "\ncommand: { };", "2: command: has neither set nor set_all"},
    {"models = \"m\"; " ACK "\ncommand = \"S\";", "2: command must be a group: { … }"},
    {"models = \"m\"; " SET "\nack: { success = \"OK\"; };", "2: match is missing"},
    {"models = \"m\"; " SET "\nack: { match = \"fifo\"; };", "2: success is missing"},
    {"models = \"m\"; " SET "ack: { success = \"OK\"; echo = \"{output}\";\nmatch = \"id\"; };",
     "2: ack.match: must be \"echo\", \"state\" or \"fifo\""},
    {"models = \"m\"; " SET "ack: { match = \"fifo\"; success = \"OK\";\nframing = \"line\"; };",
     "2: ack.framing: must be \"message\", \"lines\", \"delimiter\", \"json\" or \"msgpack\""},
    {"models = \"m\"; " SET "\nack: { match = \"echo\"; success = \"(?<key>.)\"; };",
     "2: ack.echo: is missing: acks are matched by an echo"},
    {"models = \"m\"; " SET "ack: { match = \"echo\"; echo = \"{output}\";\nsuccess = \"OK\"; };",
     "2: ack.success: needs a group (?<key>…): acks are matched by an echo"},
    {"models = \"m\"; " SET "ack: { match = \"state\";\nsuccess = \"OK\"; };",
     "2: ack.success: needs the groups (?<on>…) and (?<off>…): acks are matched by the state that they report"},
    {"models = \"m\"; " SET "ack: { match = \"echo\";\necho = \"{output\"; success = \"(?<key>.)\"; };",
     "2: ack.echo: a { without its }"},
    {"models = \"m\"; " SET "ack: { match = \"fifo\";\nsuccess = \"(\"; };",
     "2: ack.success: missing closing parenthesis"},
    {"models = \"m\"; " SET "ack: { match = \"fifo\"; success = \"OK\";\nunsupported = [\"a\", \"[\"]; };",
     "2: ack.unsupported: missing terminating ] for character class"},
    {"models = \"m\"; " SET
     "ack: { match = \"fifo\";\nsuccess = [\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\",\"12\","
     "\"13\",\"14\",\"15\",\"16\"]; };",
     "2: ack.success: too many patterns"},
    {"models = \"m\"; " ACK "command: {\nset = \"S{output\"; };", "2: command.set: a { without its }"},
    {"models = \"m\"; " ACK "command: {\nset = \"S}\"; };", "2: command.set: a } without its {"},
    {"models = \"m\"; " ACK "command: {\nset = \"{}\"; };", "2: command.set: this placeholder is not known"},
    {"models = \"m\"; " ACK "command: {\nset = \"{enable?ON}\"; };",
     "2: command.set: enable is written {enable?ON:OFF}"},
    {"models = \"m\"; " ACK "command: {\nset = \"{output:4}\"; };",
     "2: command.set: a number is written {name}, {name-1}, {name%100:04X} or {name:d}; shifts go up to 1000, widths "
     "to 32"},
    {"models = \"m\"; " ACK "command: {\nset = \"{states on='1'}\"; };",
     "2: command.set: states is written {states on='1' off='0' keep='?' sep=','}, with outputs as in {states 1..4 "
     "on=…}"},
    {"models = \"m\"; " ACK "command: {\nset_all = \"{output}\"; };",
     "2: command.set_all: set_all takes no {output} and no {enable}"},
    {"models = \"m\"; " ACK "command: { set = \"S\";\ntopic = \"c/{states on='1' off='0'}\"; };",
     "2: command.topic: a topic takes no {states}, {command_id}, {now_ms}, lengths and checksums"},
    {"models = \"m\"; " ACK "command: { set_all = \"S\";\ntopic = \"c/{output}\"; };",
     "2: command.topic: the topic of a set_all takes only {tracker_id}, {device_id}, vars and {all}"},
    {"models = \"m\"; " ACK "command: { set = \"S\";\ntopic = \"c/+\"; };",
     "2: command.topic: a topic has no wildcards and no control characters"},
    {"models = \"m\"; " ACK "command: { set = \"S\";\ntopic = \"\"; };", "2: command.topic: a topic is not empty"},
    {"models = \"m\"; " SET "ack: { match = \"fifo\"; success = \"OK\";\ntopic = \"a/#\"; };",
     "2: ack.topic: a topic has no wildcards and no control characters"},
    {"models = \"m\"; " SET "ack: { match = \"fifo\"; success = \"OK\";\ntopic = \"a/{tracker_id}x\"; };",
     "2: ack.topic: in a topic a placeholder ends its level"},
    {"models = \"m\"; " SET "ack: { match = \"fifo\"; success = \"OK\";\ntopic = \"a/{enable}\"; };",
     "2: ack.topic: this topic takes plain names only: no lookup, no number with a format"},
    {"models = \"m\"; " SET ACK "\npresence: { topic = \"{x\"; };", "2: presence.topic: a { without its }"},
    {"models = ;", "1: syntax error"},
};

Test(profile_file, every_mistake_is_told_with_its_line)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_mistake(bad[i].text, bad[i].mistake);
}

/* --- the folder --- */

#define GOOD(model_) "models = \"" model_ "\"; " SET ACK

Test(profile_file, a_folder_is_read_in_name_order_behind_the_built_in_ones)
{
    static const char *const names[] = {"json", "msgpack", "a", "b", "c"};
    struct mistakes mistakes = {0};
    struct profiles *all;

    scratch_write("c.cfg", GOOD("three"));
    scratch_write("a.cfg", GOOD("one"));
    scratch_write("b.cfg", GOOD("two"));
    scratch_write(".hidden.cfg", "nonsense");
    scratch_write("README.md", "nonsense");
    scratch_write("a.cfg~", "nonsense");
    scratch_write(".cfg", "nonsense");
    all = profile_folder_read(scratch_path(""), "", &mistakes);
    cr_assert_eq(mistakes.count, 0, "%s", scratch_mistakes(&mistakes));
    cr_assert_eq(profiles_count(all), 5);
    for (size_t i = 0; i < 5; i++)
        cr_expect_str_eq(profile_name(profiles_at(all, i)), names[i]);
    cr_expect_str_eq(profile_name(profiles_by_model(all, "two")), "b");
    cr_expect_str_eq(profile_name(profiles_by_model(all, "generic_json")), "json");
    cr_expect_null(profiles_by_model(all, "four"));
    profiles_free(all);
}

Test(profile_file, one_model_is_served_by_one_profile)
{
    struct mistakes mistakes = {0};

    scratch_write("a.cfg", GOOD("one"));
    scratch_write("b.cfg", GOOD("one"));
    scratch_write("c.cfg", GOOD("generic_json"));
    scratch_write("json.cfg", GOOD("other"));
    profiles_free(profile_folder_read(scratch_path(""), "", &mistakes));
    cr_expect_str_eq(scratch_mistakes(&mistakes),
                     "FOLDER/b.cfg:1: model one is served by another profile already\n"
                     "FOLDER/c.cfg:1: model generic_json is served by another profile already\n"
                     "FOLDER/json.cfg:1: there is a profile json already\n");
    mistakes_release(&mistakes);
}

Test(profile_file, a_mistake_in_one_file_does_not_hide_the_others)
{
    struct mistakes mistakes = {0};
    struct profiles *all;

    scratch_write("a.cfg", "models = 5;");
    scratch_write("b.cfg", GOOD("two"));
    scratch_write("c.cfg", GOOD("three") "x = 1;");
    all = profile_folder_read(scratch_path(""), "", &mistakes);
    cr_expect_not_null(strstr(scratch_mistakes(&mistakes), "FOLDER/a.cfg:1: "));
    cr_expect_not_null(strstr(scratch_mistakes(&mistakes), "FOLDER/c.cfg:1: unknown key x\n"));
    cr_expect_eq(profiles_count(all), 3);
    profiles_free(all);
    mistakes_release(&mistakes);
}

Test(profile_file, a_folder_that_is_not_there_is_a_mistake_and_an_empty_one_is_none)
{
    struct mistakes mistakes = {0};
    struct profiles *all = profile_folder_read(scratch_path("none"), "", &mistakes);

    cr_expect_str_eq(scratch_mistakes(&mistakes), "FOLDER/none: cannot be read: No such file or directory\n");
    cr_expect_eq(profiles_count(all), 2);
    profiles_free(all);
    mistakes_release(&mistakes);
    all = profile_folder_read(scratch_path(""), "", &mistakes);
    cr_expect_eq(mistakes.count, 0);
    profiles_free(all);
}
