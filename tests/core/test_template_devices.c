/* Texts of real devices that no request makes, by the placeholders that the profiles use: what their manuals print. */
#include <criterion/criterion.h>

#include "core/template.h"

TestSuite(template_devices, .timeout = 30);

static void expect(const char *text, const char *vars, const struct command *command, const char *expected)
{
    const struct template_input input = {.vars = vars, .command = command, .outputs = 4};
    const char *error = NULL;
    struct template *t = template_compile(text, TEMPLATE_SET, NULL, &error);
    struct buffer out = {0};

    cr_assert(t, "%s: %s", text, error);
    cr_assert_eq(template_render(t, &input, &out), 0);
    buffer_put_u8(&out, '\0');
    cr_expect_str_eq((const char *)out.data, expected);
    buffer_release(&out);
    template_free(t);
}

/* Traccar's MeitrackProtocolEncoderTest: a request of the position. */
Test(template_devices, meitracks_length_and_sum_fit_any_command)
{
    expect("@@{ident}{len b..end}{mark b},{imei},A10*{sum8 start..here:02X}\r\n",
           "ident\0A\0imei\0"
           "123456789012345\0",
           NULL, "@@A25,123456789012345,A10*58\r\n");
}

/* GV200 @Track protocol, p. 28: outputs 1 and 4 pulse. */
Test(template_devices, queclinks_example_with_pulses)
{
    const struct command command = {.action = ACTION_SET_ALL, .outputs = 1, .output_count = 4};

    expect("AT+GTOUT={password},{states 1 on='1' off='0'},0,0,0,0,0,0,5,1,0,8,3,,,,,{serial:04X}$",
           "password\0gv200\0serial\0"
           "5\0",
           &command, "AT+GTOUT=gv200,1,0,0,0,0,0,0,5,1,0,8,3,,,,,0005$");
}

/* Traccar's StartekProtocolEncoderTest; the sum covers what is before it, and is not counted itself. */
Test(template_devices, starteks_sum_is_behind_its_span)
{
    const struct command command = {.action = ACTION_SET, .output = 1, .enable = true};

    expect("$${ident}{len b..c}{mark b},{imei},900,{output},{enable}{mark c}{sum8 start..here:02X}\r\n",
           "ident\0:\0imei\0"
           "123456789012345\0",
           &command, "$$:24,123456789012345,900,1,19F\r\n");
}
