/* What profiles from files make of requests and acks: the one that ships, and others of each kind. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "edge/profile_file.h"
#include "scratch.h"

static const struct template_input nobody;

TestSuite(profile_commands, .init = scratch_open, .fini = scratch_close);

static struct profile *read_path(const char *path)
{
    struct mistakes mistakes = {0};
    struct profile *p = profile_file_read(path, "", &mistakes);

    cr_assert_eq(mistakes.count, 0, "%s", scratch_mistakes(&mistakes));
    return p;
}

static struct profile *read_profile(const char *text)
{
    return read_path(scratch_write("acme.cfg", text));
}

static void expect_command(const struct profile *p, const struct template_input *input, const char *expected)
{
    struct buffer out = {0};
    int r = profile_render(p, input, &out, NULL);

    cr_expect_eq(r, expected ? 0 : -ENODATA);
    buffer_put_u8(&out, '\0');
    cr_expect_str_eq((const char *)out.data, expected ? expected : "");
    buffer_release(&out);
}

static void expect_topic(const struct profile *p, enum profile_topic which, const struct template_input *input,
                         const char *expected)
{
    struct buffer out = {0};

    cr_expect_eq(template_render(profile_topic(p, which), input, &out), 0);
    buffer_put_u8(&out, '\0');
    cr_expect_str_eq((const char *)out.data, expected);
    buffer_release(&out);
}

/* All readings as one text: "kind[=key] …". */
static void note(void *ctx, const struct ack_reading *reading)
{
    struct buffer *out = ctx;

    buffer_printf(out, "%s%s", out->len ? " " : "", ack_kind_name(reading->kind));
    if (reading->key.data)
        buffer_printf(out, "=%.*s", (int)reading->key.len, (const char *)reading->key.data);
}

static void expect_acks(const struct profile *p, const char *payload, const char *expected)
{
    struct buffer out = {0};

    profile_read_acks(p, &(struct ack_expectation){0}, bytes_of_text(payload), true, note, &out);
    buffer_put_u8(&out, '\0');
    cr_expect_str_eq((const char *)out.data, expected, "%s: %s", payload, (const char *)out.data);
    buffer_release(&out);
}

/* --- suntech, as it ships; commands and acks as in the makers' manuals and in the tests of other servers --- */

static struct template_input suntech_input(const struct command *command)
{
    return (struct template_input){.tracker_id = 7,
                                   .device_id = bytes_of_text("100850000"),
                                   .vars = "prefix\0ST300\0",
                                   .command = command,
                                   .outputs = 2};
}

Test(profile_commands, suntech_commands_are_the_manuals)
{
    struct profile *p = read_path("conf/profiles/suntech.cfg");
    const struct command on = {.id = 17, .action = ACTION_SET, .output = 1, .enable = true};
    const struct command off = {.id = 18, .action = ACTION_SET, .output = 2, .enable = false};
    const struct template_input on_input = suntech_input(&on);
    const struct template_input off_input = suntech_input(&off);
    struct buffer echo = {0};

    expect_command(p, &on_input, "ST300CMD;100850000;02;Enable1\r");
    expect_command(p, &off_input, "ST300CMD;100850000;02;Disable2\r");
    profile_render_echo(p, &off_input, &echo);
    cr_expect(bytes_equal_text(buffer_bytes(&echo), "Disable2"));
    expect_topic(p, TOPIC_COMMAND, &on_input, "tracker/7/output/command");
    buffer_release(&echo);
    profile_unref(p);
}

Test(profile_commands, suntech_acks_are_the_manuals)
{
    static const struct {
        const char *payload;
        const char *readings;
    } acks[] = {
        {"ST300CMD;Res;511848119;319H;Disable1", "success=Disable1"},
        {"SA300CMD;Res;100850000;010;Enable1NoUse", "refused=Enable1"},
        {"ST300CMD;Res;100850000;010;Enable1\r", "success=Enable1"},
        {"ST300CMD;Res;100850000;010;Enable1;more", "success=Enable1"},
        {"ST300CMD;Res;100850000;010;Enable12", "success=Enable12"},
        {"ST300CMD;Res;100850000;010;Enable1x", "unrelated"},
        {"ST300CMD;Res;100850000;010;-Error", "unsupported"},
        {"-Error", "unsupported"},
        {"-Errors", "unrelated"},
        {"ST300STT;100850000;08;010;Enable1", "unrelated"},
        {"xST300CMD;Res;100850000;010;Enable1", "unrelated"},
        {"ST300CMD;Res;1;010;Enable1\rST300CMD;Res;1;010;Disable2NoUse", "success=Enable1 refused=Disable2"},
        {"", ""},
    };
    struct profile *p = read_path("conf/profiles/suntech.cfg");

    for (size_t i = 0; i < sizeof acks / sizeof *acks; i++)
        expect_acks(p, acks[i].payload, acks[i].readings);
    profile_unref(p);
}

Test(profile_commands, suntech_is_without_set_all_and_spares_the_engine)
{
    struct profile *p = read_path("conf/profiles/suntech.cfg");

    cr_expect(profile_has(p, &nobody, ACTION_SET));
    cr_expect_not(profile_has(p, &nobody, ACTION_SET_ALL));
    cr_expect_eq(profile_outputs(p, &nobody), 2);
    cr_expect_eq(profile_reserved(p, &nobody), 1);
    cr_expect_eq(profile_match(p), MATCH_ECHO);
    cr_expect_str_eq(profile_missing_var(p, &(struct template_input){.vars = ""}), "prefix");
    cr_expect_null(profile_missing_var(p, &(struct template_input){.vars = "prefix\0ST300\0"}));
    profile_unref(p);
}

/* --- others --- */

Test(profile_commands, first_in_first_out_needs_no_key_and_lines_are_acks_of_their_own)
{
    struct profile *p = read_profile(
        "models = \"m\"; command: { topic = \"dev/{device_id}/in\"; set = "
        "\"OUT{output-1:02d}={enable?1:0},{command_id:X}\\r\\n\"; };\n"
        "ack: { topic = \"dev/{device_id}/out\"; match = \"fifo\"; framing = \"lines\"; success = [\"^OK$\"];\n"
        "       refused = [\"^OK BUT\", \"^ERR [0-9]+$\"]; unsupported = [\"^ERR 404$\"]; };");
    const struct command command = {.id = 0xBEEF, .action = ACTION_SET, .output = 3, .enable = true};
    const struct template_input input = {.tracker_id = 7, .device_id = bytes_of_text("imei"), .command = &command};

    expect_command(p, &input, "OUT02=1,BEEF\r\n");
    expect_topic(p, TOPIC_COMMAND, &input, "dev/imei/in");
    expect_topic(p, TOPIC_ACK, &input, "dev/imei/out");
    cr_expect_eq(profile_match(p), MATCH_FIFO);
    expect_acks(p, "OK", "success");
    expect_acks(p, "OK\r\nOK BUT\n\n\rERR 404\rERR 5\n$STATUS", "success refused unsupported refused unrelated");
    expect_acks(p, "\r\n", "");
    profile_unref(p);
}

Test(profile_commands, states_without_keep_need_every_other_state)
{
    struct profile *p = read_profile("models = \"m\"; command: { set = \"S{states on='1' off='0' sep=','}\";\n"
                                     "set_all = \"A{states on='ON' off='OFF' sep=' '}\"; };\n"
                                     "ack: { match = \"fifo\"; success = \"OK\"; };");
    const struct output_states known = {.known = 7, .on = 5};
    const struct output_states half = {.known = 3, .on = 1};
    const struct command set = {.action = ACTION_SET, .output = 2, .enable = true};
    const struct command third = {.action = ACTION_SET, .output = 3, .enable = false};
    const struct command all = {.action = ACTION_SET_ALL, .outputs = 2, .output_count = 3};
    struct template_input input = {.command = &set, .states = &known, .outputs = 3};

    expect_command(p, &input, "S1,1,1");
    input.states = &half;
    expect_command(p, &input, NULL);
    input.command = &third;
    expect_command(p, &input, "S1,0,0");
    input.states = NULL;
    expect_command(p, &input, NULL);
    input.command = &all;
    expect_command(p, &input, "AOFF ON OFF");
    profile_unref(p);
}

Test(profile_commands, states_with_keep_leave_the_others_alone)
{
    struct profile *p =
        read_profile("models = \"m\"; command: { set = \"setdigout {states on='1' off='0' keep='?'}\"; };\n"
                     "ack: { match = \"fifo\"; success = \"OK\"; };");
    const struct command set = {.action = ACTION_SET, .output = 2, .enable = true};
    const struct template_input input = {.command = &set, .outputs = 4};

    expect_command(p, &input, "setdigout ?1??");
    profile_unref(p);
}

Test(profile_commands, a_pattern_that_runs_away_matches_nothing)
{
    struct profile *p = read_profile("models = \"m\"; command: { set = \"S\"; };\n"
                                     "ack: { match = \"fifo\"; success = \"^(a+)+$\"; };");
    char payload[2001];

    memset(payload, 'a', sizeof payload - 1);
    payload[sizeof payload - 2] = 'b';
    payload[sizeof payload - 1] = '\0';
    expect_acks(p, payload, "unrelated");
    expect_acks(p, "aaa", "success");
    profile_unref(p);
}
