/* outputctl where it needs no broker: render, parse-ack, digest, usage and help. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/version.h"
#include "support/client.h"

static char folder[] = "/tmp/outputctl-profiles-XXXXXX";

/* A family whose commands state every output, and one that needs a var and its device id. */
static const char states_profile[] =
    "models = [\"states\"];\n"
    "outputs = 3;\n"
    "command: { topic = \"dev/{device_id}/in\"; set = \"OUT,{states on='1' off='0'}\"; "
    "set_all = \"OUT,{states on='1' off='0'}\"; };\n"
    "ack: { topic = \"dev/{device_id}/out\"; match = \"fifo\"; framing = \"lines\"; "
    "success = \"^OK\"; refused = \"^NO\"; unsupported = \"^WHAT\"; };\n";
static const char echo_profile[] = "models = [\"echo\"];\n"
                                   "outputs = 4;\n"
                                   "reserved_outputs = [1];\n"
                                   "command: { set = \"{password} {command_id:04X} {output}={enable?on:off}\"; };\n"
                                   "ack: { match = \"echo\"; echo = \"{command_id:04X}\"; "
                                   "success = \"^OK (?<key>[0-9A-F]+)\"; refused = \"^NO (?<key>[0-9A-F]+)\"; };\n";

static void write_profile(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s.cfg", folder, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void start(void)
{
    cr_assert_not_null(mkdtemp(folder));
    write_profile("states", states_profile);
    write_profile("echo", echo_profile);
    write_profile("wrong", "models = [\"w\"];\n\ncommand: { set = \"{nonsense!}\"; };\nack: { match = \"maybe\"; };\n");
    unsetenv("OUTPUTCTL_HASH");
    unsetenv("OUTPUTCTL_BROKER");
}

static void stop(void)
{
    static const char *const names[] = {"states", "echo", "wrong"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s.cfg", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

TestSuite(outputctl_offline, .init = start, .fini = stop, .timeout = 60);

/* %s in the arguments is the folder with the profiles. A complaint that is NULL: nothing on stderr. */
static void expect(const char *arguments, int status, const char *output, const char *complaint)
{
    char all[1024];
    snprintf(all, sizeof all, arguments, folder);
    struct client *c = client_run(all);
    cr_assert_eq(c->status, status, "%s: exit %d: %s", all, c->status, c->err.text);
    cr_assert_str_eq(c->out.text, output, "%s prints %s", all, c->out.text);
    if (complaint)
        cr_assert(strstr(c->err.text, complaint), "%s complains: %s", all, c->err.text);
    else
        cr_assert_str_eq(c->err.text, "", "%s complains: %s", all, c->err.text);
    client_free(c);
}

/* --- render ----------------------------------------------------------------------------------------------------------
 */

Test(outputctl_offline, render_shows_topic_and_bytes_of_the_built_in_profiles)
{
    /* {"id": 17, "action": "set", "output": 1, "enable": true} */
    expect("render --profile json --action set --output 1 --on --tracker 265489 --command-id 17", 0,
           "tracker/265489/output/command\n"
           "7b226964223a2031372c2022616374696f6e223a2022736574222c20226f7574707574223a20312c2022656e61626c65223a20"
           "747275657d\n",
           NULL);
    /* {"id": 1, "action": "set_all", "outputs": [true, false]} */
    expect("render --profile json --action set_all --outputs 1,0 --prefix a/", 0,
           "a/tracker/1/output/command\n"
           "7b226964223a20302c2022616374696f6e223a20227365745f616c6c222c20226f757470757473223a205b747275652c206661"
           "6c73655d7d\n",
           NULL);
    expect("render --profile msgpack --action set --output 2 --off --command-id 300", 0,
           "tracker/1/output/command\n84a26964cd012ca6616374696f6ea3736574a66f757470757402a6656e61626c65c2\n", NULL);
    expect("render --profile msgpack --action set_all --outputs 1,0,1", 0,
           "tracker/1/output/command\n83a2696400a6616374696f6ea77365745f616c6ca76f75747075747393c3c2c3\n", NULL);
}

Test(outputctl_offline, render_takes_profiles_by_name_and_by_file)
{
    const char *expected = "dev/12345/in\n4f55542c313031\n"; /* OUT,101 */

    expect("render --profiles %s --profile states --action set_all --outputs 1,0,1 --device-id 12345", 0, expected,
           NULL);
    expect("render --profile %s/states.cfg --action set_all --outputs 1,0,1 --device-id 12345", 0, expected, NULL);
    expect("render --profiles %s --profile nobody --action set --output 1 --on", 1, "",
           "there is no profile \"nobody\"");
    expect("render --profile %s/nobody.cfg --action set --output 1 --on", 1, "", "nobody.cfg");
}

Test(outputctl_offline, render_names_the_mistakes_of_a_profile_with_their_line)
{
    expect("render --profile %s/wrong.cfg --action set --output 1 --on", 1, "", "wrong.cfg:4: ");
}

Test(outputctl_offline, render_states_the_other_outputs_from_what_is_known)
{
    expect("render --profiles %s --profile states --action set --output 2 --on --device-id 1 --state 1,-,0", 0,
           "dev/1/in\n4f55542c313130\n", NULL); /* OUT,110 */
    expect("render --profiles %s --profile states --action set --output 2 --on --device-id 1 --state 1,0,-", 1, "",
           "--state");
    expect("render --profiles %s --profile states --action set --output 2 --on --device-id 1", 1, "", "--state");
    /* With --count the tracker has fewer. */
    expect("render --profiles %s --profile states --action set --output 2 --on --device-id 1 --state 1,- --count 2", 0,
           "dev/1/in\n4f55542c3131\n", NULL);
}

Test(outputctl_offline, render_says_what_is_missing)
{
    expect("render --profiles %s --profile echo --action set --output 2 --on", 1, "", "--var password=");
    expect("render --profiles %s --profile states --action set_all --outputs 1,1,1", 1, "", "--device-id");
    expect("render --profiles %s --profile echo --action set_all --outputs 1,1,1,1", 1, "", "has no set_all");
    expect("render --profiles %s --profile states --action set --output 4 --on", 1, "", "there is no output 4");
    expect("render --profiles %s --profile states --action set_all --outputs 1,1,1,1", 1, "", "4 outputs are named");
}

Test(outputctl_offline, render_warns_of_a_reserved_output_and_renders_it)
{
    /* "0000 0011 1=on" */
    expect("render --profiles %s --profile echo --action set --output 1 --on --var password=0000 --command-id 17", 0,
           "tracker/1/output/command\n3030303020303031312031"
           "3d6f6e\n",
           "output 1 is reserved");
    expect("render --profiles %s --profile echo --action set --output 2 --off --var password= --command-id 17", 0,
           "tracker/1/output/command\n203030313120323d6f6666\n", NULL);
}

/* --- parse-ack -------------------------------------------------------------------------------------------------------
 */

Test(outputctl_offline, parse_ack_reads_the_built_in_profiles)
{
    /* {"id":17,"success":true} */
    expect("parse-ack --profile json --hex 7b226964223a31372c2273756363657373223a747275657d", 0, "success key=17\n",
           NULL);
    /* {"success":false} */
    expect("parse-ack --profile json --hex 7b2273756363657373223a66616c73657d", 0, "refused\n", NULL);
    expect("parse-ack --profile json --hex 7b7d", 0, "malformed\n", NULL);
    /* {"id": 300, "success": false, "unsupported": true} */
    expect("parse-ack --profile msgpack --hex 83a26964cd012ca773756363657373c2ab756e737570706f72746564c3", 0,
           "unsupported key=300\n", NULL);
    expect("parse-ack --profile msgpack --hex C1", 0, "malformed\n", NULL);
}

Test(outputctl_offline, parse_ack_prints_a_line_for_each_message)
{
    /* OK CR LF, NO LF, WHAT LF, hello */
    expect("parse-ack --profiles %s --profile states --hex 4f4b0d0a4e4f0a574841540a68656c6c6f", 0,
           "success\nrefused\nunsupported\nunrelated\n", NULL);
    expect("parse-ack --profiles %s --profile states --hex 0d0a", 0, "", NULL);
}

Test(outputctl_offline, parse_ack_notes_an_ack_of_another_command)
{
    const char *ack = "parse-ack --profiles %s --profile echo --var password=0 --hex 4f4b2030303131"; /* OK 0011 */
    char arguments[512];

    expect(ack, 0, "success key=0011\n", NULL);
    snprintf(arguments, sizeof arguments, "%s --action set --output 2 --on --command-id 17", ack);
    expect(arguments, 0, "success key=0011\n", NULL);
    snprintf(arguments, sizeof arguments, "%s --action set --output 2 --on --command-id 18", ack);
    expect(arguments, 0, "success key=0011\n", "has key=0012, this one key=0011");
}

Test(outputctl_offline, parse_ack_notes_a_topic_that_is_not_the_trackers)
{
    const char *ack = "parse-ack --profiles %s --profile states --hex 4f4b --topic";
    char arguments[512];

    snprintf(arguments, sizeof arguments, "%s dev/77/out", ack);
    expect(arguments, 0, "success\n", NULL);
    snprintf(arguments, sizeof arguments, "%s dev/77/out --device-id 77", ack);
    expect(arguments, 0, "success\n", NULL);
    snprintf(arguments, sizeof arguments, "%s dev/77/out --device-id 78", ack);
    expect(arguments, 0, "success\n", "not the topic");
    snprintf(arguments, sizeof arguments, "%s dev/77/in", ack);
    expect(arguments, 0, "success\n", "not the topic");
}

/* --- digest ----------------------------------------------------------------------------------------------------------
 */

static const char digest_line[] = "6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\n";

Test(outputctl_offline, digest_is_of_the_lower_case_hash)
{
    expect("digest a6aa75587e5c59c32d347da438505fc3", 0, digest_line, NULL);
    expect("digest A6AA75587E5C59C32D347DA438505FC3", 0, digest_line, NULL);
    expect("digest a6aa75587e5c59c32d347da438505fc", 2, "", "32 hex digits");
    expect("digest g6aa75587e5c59c32d347da438505fc3", 2, "", "32 hex digits");
    expect("digest", 2, "", "32 hex digits"); /* stdin is empty */
}

Test(outputctl_offline, digest_reads_stdin_so_that_no_history_keeps_the_hash)
{
    struct client *c = client_start("digest");

    client_say(c, "A6aa75587e5c59c32d347da438505fc3\r\n");
    cr_assert_eq(client_wait(c), 0);
    cr_assert_str_eq(c->out.text, digest_line);
    cr_assert_str_eq(c->err.text, "");
    client_free(c);
}

/* --- usage -----------------------------------------------------------------------------------------------------------
 */

Test(outputctl_offline, a_mistake_in_the_usage_is_one_line_with_a_hint_and_2)
{
    static const struct {
        const char *arguments;
        const char *complaint;
    } mistakes[] = {
        {"", "a command is missing"},
        {"sett", "there is no command \"sett\""},
        {"--sett", "--sett is not an option"},
        {"help sett", "there is no command \"sett\""},
        {"set", "--output is missing"},
        {"set --output 1", "--on or --off is missing"},
        {"set --output 1 --on --off", "exclude one another"},
        {"set --output 1 --on --hash x", "--tracker is missing"},
        {"set --output 1 --on --tracker 1", "OUTPUTCTL_HASH"},
        {"set --output 0", "not a whole number from 1"},
        {"set --tracker 2147483648", "not a whole number"},
        {"set --tracker -1", "not a whole number"},
        {"set --tracker", "--tracker needs a value"},
        {"set --on=1", "--on=1 takes no value"},
        {"set -x", "-x is not an option"},
        {"set more", "\"more\" is one argument too many"},
        {"set --timeout 0", "number of seconds"},
        {"set --timeout nan", "number of seconds"},
        {"set --mqtt 3", "neither 5 nor 4"},
        {"set --hash-file /nonexistent", "cannot read"},
        {"set --output 1 --on --tracker 1 --hash x --broker http://a", "is not a broker's URL"},
        {"set --output 1 --on --tracker 1 --hash x --insecure", "mqtts://"},
        {"set --output 1 --on --tracker 1 --hash x --prefix a/#", "cannot be in a topic"},
        {"set-all --tracker 1 --hash x", "--outputs is missing"},
        {"set-all --outputs 1,2", "is not a list such as"},
        {"set-all --outputs 1,-", "is not a list such as"},
        {"set-all --outputs 1,", "is not a list such as"},
        {"watch --replies a/#/b", "is not a topic filter"},
        {"watch --count 0", "not a whole number from 1"},
        {"render --profile json", "--action is missing"},
        {"render --action set --output 1 --on", "--profile is missing"},
        {"render --profile json --action reboot", "neither set nor set_all"},
        {"render --profile json --action set_all --output 1", "are for --action set"},
        {"render --profile json --action set --outputs 1", "is for --action set_all"},
        {"render --profile json --action set --output 1 --on --var x", "is not NAME=VALUE"},
        {"parse-ack --profile json", "--hex is missing"},
        {"parse-ack --profile json --hex abc", "even number of hex digits"},
        {"digest a b", "one argument too many"},
    };

    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        struct client *c = client_run(mistakes[i].arguments);
        cr_assert_eq(c->status, 2, "%s: exit %d", mistakes[i].arguments, c->status);
        cr_assert(strstr(c->err.text, mistakes[i].complaint), "%s: %s", mistakes[i].arguments, c->err.text);
        cr_assert(strstr(c->err.text, "--help)\n"), "%s: %s", mistakes[i].arguments, c->err.text);
        cr_assert_eq(strchr(c->err.text, '\n'), c->err.text + c->err.len - 1, "%s: %s", mistakes[i].arguments,
                     c->err.text);
        cr_assert_str_eq(c->out.text, "");
        client_free(c);
    }
}

static const char *const verbs[] = {"set", "set-all", "watch", "render", "parse-ack", "audit", "digest", "health"};

enum { VERBS = sizeof verbs / sizeof *verbs };

Test(outputctl_offline, every_command_has_a_help_with_an_example)
{
    struct client *all = client_run("help");

    cr_assert_eq(all->status, 0);
    for (size_t i = 0; i < VERBS; i++) {
        char arguments[64], example[64], line[64];

        snprintf(arguments, sizeof arguments, "help %s", verbs[i]);
        struct client *help = client_run(arguments);
        snprintf(arguments, sizeof arguments, "%s --help", verbs[i]);
        struct client *option = client_run(arguments);
        snprintf(example, sizeof example, "\n  outputctl %s ", verbs[i]);
        snprintf(line, sizeof line, "\n  %s ", verbs[i]);
        cr_assert_eq(help->status + option->status, 0);
        cr_assert(strstr(help->out.text, example), "%s", help->out.text);
        cr_assert_str_eq(help->out.text, option->out.text);
        cr_assert(strstr(all->out.text, line), "%s", all->out.text);
        client_free(help);
        client_free(option);
    }
    client_free(all);
    char version[64];

    snprintf(version, sizeof version, "outputctl %s\n", outputd_version);
    expect("--version", 0, version, NULL);
}

/* What the completion offers for a command line, whose last word is the one to complete. */
static void complete(const char *line, char *offered, size_t size)
{
    const char *program = getenv("OUTPUTCTL");
    char script[1024];

    snprintf(
        script, sizeof script,
        "bash -c 'source conf/outputctl.bash-completion; COMP_WORDS=(%s %s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "
        "_outputctl %s; echo \" ${COMPREPLY[*]} \"'",
        program ? program : "build/outputctl", line, program ? program : "build/outputctl");
    FILE *pipe = popen(script, "r");
    cr_assert_not_null(pipe);
    cr_assert_not_null(fgets(offered, (int)size, pipe));
    pclose(pipe);
}

Test(outputctl_offline, completion_offers_commands_options_and_profiles)
{
    static const struct {
        const char *line;
        const char *offered[4];
    } cases[] = {
        {"\"\"", {" set ", " parse-ack ", " help ", " --version "}},
        {"pa", {" parse-ack "}},
        {"watch --", {" --replies ", " --lines ", " --broker ", " --help "}},
        {"render --pro", {" --profile ", " --profiles "}},
        {"render --profile \"\"", {" json ", " msgpack "}},
        {"render --action s", {" set set_all "}},
        {"audit \"\"", {" verify ", " session ", " --head "}},
    };
    char offered[1024], line[128];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        complete(cases[i].line, offered, sizeof offered);
        for (size_t n = 0; n < 4 && cases[i].offered[n]; n++)
            cr_assert(strstr(offered, cases[i].offered[n]), "%s offers %s", cases[i].line, offered);
    }
    snprintf(line, sizeof line, "render --profiles %s --profile e", folder);
    complete(line, offered, sizeof offered);
    cr_assert_str_eq(offered, " echo \n");
}
