/* Framers in profiles, and presence. */
#include <criterion/criterion.h>
#include <errno.h>

#include "test_profile_ack.h"

TestSuite(profile_framers, .timeout = 30);

static const struct command set_2_on = {.id = 7, .action = ACTION_SET, .output = 2, .enable = true};

/* --- commands --- */

static struct profile_description ruptela(void)
{
    struct profile_description d = reading_acks(FRAMING_FRAMER, MATCH_FIFO);

    d.framer = framer_by_name("ruptela");
    d.fields[0] = "{command}";
    d.base.set_payload.text = "{password} Setio {output},{enable}";
    return d;
}

static void expect_frame(const struct profile *p, const char *vars, int error, const char *hex,
                         const char *expected_why)
{
    struct template_input input = tracker_with(vars);
    struct buffer out = {0};
    char text[128] = "";
    const char *why = NULL;

    input.command = &set_2_on;
    buffer_put_text(&out, "-");
    cr_expect_eq(profile_render(p, &input, &out, &why), error);
    cr_assert_lt(out.len, sizeof text / 2);
    bytes_to_hex(bytes_of(out.data + 1, out.len - 1), text);
    cr_expect_str_eq(text, hex);
    cr_expect_str_eq(why ? why : "none", expected_why ? expected_why : "none");
    buffer_clear(&out);
    cr_expect_eq(profile_render(p, &input, &out, NULL), error);
    buffer_release(&out);
}

/* The frame is that of Traccar's RuptelaProtocolEncoderTest; the second one was counted apart. */
Test(profile_framers, framer_wraps_the_payload)
{
    struct profile_description d = ruptela();
    struct profile *p = profile_made(&d);

    expect_frame(p, "command\000108\0password\0\0", 0, "000b6c20536574696f20322c31eb3e", NULL);
    expect_frame(p, "command\0000\0password\0\0", -EINVAL, "", "command: must be 1 to 255");
    expect_frame(p, "command\000256\0password\0\0", -EINVAL, "", "command: must be 1 to 255");
    expect_frame(p, "command\0x\0password\0\0", -EINVAL, "", "command: must be 1 to 255");
    expect_frame(p, "password\0\0", -ENODATA, "", NULL);
    expect_frame(p, "command\000108\0", -ENODATA, "", NULL);
    profile_unref(p);
    d.base.encoding = PAYLOAD_HEX;
    d.base.set_payload.text = "{output:08x} {enable:08x}";
    p = profile_made(&d);
    expect_frame(p, "command\000117\0", 0, "00097500000002000000019bd7", NULL);
    profile_unref(p);
}

Test(profile_framers, what_the_framer_does_not_take_is_told)
{
    struct profile_description d = ruptela();
    char vars[2100] = "command\000108\0password";

    expect_check(&d, "command\000108\0password\0x\0", NULL);
    expect_check(&d, "command\000108\0", "vars.password is missing: profile p needs it");
    expect_check(&d, "password\0\0", "vars.command is missing: profile p needs it");
    expect_check(&d, "command\0000\0password\0\0", "no set can be rendered for it: command: must be 1 to 255");
    memset(vars + sizeof "command\000108\0password", 'x', 2050);
    expect_check(&d, vars, "no set can be rendered for it: body: must be at most 2043 bytes");
}

Test(profile_framers, fields_are_templates_each)
{
    struct profile_description d = ruptela();
    const char *key = NULL;
    const char *error = NULL;
    struct profile *p;

    d.framer = framer_by_name("gt06");
    d.fields[0] = "{command_id+1:d}";
    d.fields[1] = "{output}";
    d.base.set_payload.text = "{serial}";
    p = profile_made(&d);
    /* Counted apart: server flag 8, serial 2. */
    expect_frame(p, "serial\0DYD#\0", 0, "78780e800800000008445944230002ae860d0a", NULL);
    expect_frame(p, "serial\0\0", -EINVAL, "", "body: must be 1 to 245 bytes");
    profile_unref(p);
    d.fields[1] = "{output";
    cr_assert_null(profile_new(&d, "", &key, &error));
    cr_expect_str_eq(key, "command.fields.serial");
    d.fields[1] = "{output}";
    d.base.set_all = true;
    d.base.set_all_payload.text = "A";
    cr_assert_null(profile_new(&d, "", &key, &error));
    cr_expect_str_eq(key, "command.fields.serial");
    cr_expect_str_eq(error, "set_all takes no {output} and no {enable}");
}

static void expect_raw(const struct profile *p, const char *body, int error, const char *hex)
{
    struct template_input input = tracker_with("command\000117\0password\0\0");
    struct buffer out = {0};
    char text[128] = "";
    const char *why = NULL;

    input.command = &set_2_on;
    cr_expect_eq(profile_render_raw(p, &input, bytes_of_text(body), &out, &why), error, "%s", body);
    cr_assert_lt(out.len, sizeof text / 2);
    bytes_to_hex(buffer_bytes(&out), text);
    cr_expect_str_eq(text, hex, "%s", body);
    buffer_release(&out);
}

Test(profile_framers, bodies_are_wrapped_as_they_are_written)
{
    struct profile_description d = ruptela();
    struct profile *p = profile_made(&d);

    expect_raw(p, "{}", 0, "0003757b7d056b");
    profile_unref(p);
    d.base.encoding = PAYLOAD_HEX;
    p = profile_made(&d);
    expect_raw(p, "00000002 00000001", 0, "00097500000002000000019bd7");
    expect_raw(p, "0", -EINVAL, "");
    profile_unref(p);
    d = reading_acks(FRAMING_MESSAGE, MATCH_FIFO);
    p = profile_made(&d);
    expect_raw(p, "00", -EDOM, "");
    profile_unref(p);
}

/* --- presence --- */

Test(profile_framers, presence_is_read_by_patterns_where_there_are_some)
{
    static const struct {
        const char *payload;
        enum presence by_patterns;
        enum presence plainly;
    } cases[] = {
        {"{\"connected\":true}", PRESENCE_ONLINE, PRESENCE_UNREADABLE},
        {"{\"connected\":false}", PRESENCE_OFFLINE, PRESENCE_UNREADABLE},
        {"up", PRESENCE_ONLINE, PRESENCE_UNREADABLE},
        {"up, going down", PRESENCE_OFFLINE, PRESENCE_UNREADABLE},
        {"online", PRESENCE_UNREADABLE, PRESENCE_ONLINE},
        {"offline", PRESENCE_UNREADABLE, PRESENCE_OFFLINE},
        {"", PRESENCE_OFFLINE, PRESENCE_OFFLINE},
    };
    struct profile_description d = reading_acks(FRAMING_MESSAGE, MATCH_FIFO);
    struct profile *plain = profile_made(&d);
    struct profile *p;

    d.online[0] = "\"connected\": *true";
    d.online[1] = "^up";
    d.offline[0] = "\"connected\": *false";
    d.offline[1] = "down$";
    p = profile_made(&d);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes payload = bytes_of_text(cases[i].payload);

        cr_expect_eq(profile_read_presence(p, payload), cases[i].by_patterns, "%s", cases[i].payload);
        cr_expect_eq(profile_read_presence(plain, payload), cases[i].plainly, "%s", cases[i].payload);
    }
    profile_unref(p);
    profile_unref(plain);
}
