#include "core/payload.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>

TestSuite(payload, .timeout = 30);

/* --- what payloads are rendered from --- */

static const char vars[] = "src\0"
                           "outputd\0"
                           "serial\0"
                           "0012\0"
                           "latin\0"
                           "caf\xE9\0"
                           "quoted\0"
                           "say \"\xC3\xA4\\\"\0"
                           "pins\0"
                           "x,y\0";

static const struct command set_on = {.id = 0xABC, .action = ACTION_SET, .output = 2, .enable = true};
static const struct command set_off = {.id = 0xABC, .action = ACTION_SET, .output = 2, .enable = false};
static const struct command batch = {.id = 7, .action = ACTION_SET_ALL, .outputs = 5, .output_count = 3};

static struct template_input input_of(const struct command *command)
{
    return (struct template_input){
        .tracker_id = 7, .device_id = bytes_of_text("imei"), .vars = vars, .command = command, .outputs = 3};
}

/* --- descriptions --- */

#define TEXT(key_, text_)                                           \
    {                                                               \
        .key = (key_), .kind = PAYLOAD_MEMBER_TEXT, .text = (text_) \
    }
#define NUMBER(key_, number_)                                          \
    {                                                                  \
        .key = (key_), .kind = PAYLOAD_MEMBER_INT, .number = (number_) \
    }
#define REAL(key_, real_)                                           \
    {                                                               \
        .key = (key_), .kind = PAYLOAD_MEMBER_REAL, .real = (real_) \
    }
#define TRUTH(key_, truth_)                                           \
    {                                                                 \
        .key = (key_), .kind = PAYLOAD_MEMBER_BOOL, .truth = (truth_) \
    }
#define GROUP(key_, members_)                                                \
    {                                                                        \
        .key = (key_), .kind = PAYLOAD_MEMBER_OBJECT, .members = (members_), \
        .member_count = sizeof(members_) / sizeof *(members_)                \
    }
#define NAMED(key_, text_)                                                                   \
    {                                                                                        \
        .key = (key_), .key_is_template = true, .kind = PAYLOAD_MEMBER_TEXT, .text = (text_) \
    }
#define DESCRIBED(members_) \
    ((struct payload_description){.members = (members_), .member_count = sizeof(members_) / sizeof *(members_)})
#define WRITTEN(text_) ((struct payload_description){.text = (text_)})

static enum template_use use_of(const struct command *command)
{
    return command->action == ACTION_SET ? TEMPLATE_SET : TEMPLATE_SET_ALL;
}

/* `expected` data NULL: the result is `error`, and nothing is appended. */
static void expect_payload(enum payload_encoding encoding, struct payload_description description,
                           const struct template_input *input, struct bytes expected, int error)
{
    const char *mistake = NULL;
    struct payload *p = payload_compile(encoding, &description, use_of(input->command), NULL, &mistake);
    struct buffer out = {0};
    char hex[2048];

    cr_assert(p, "%s", mistake);
    buffer_put_text(&out, "before");
    cr_expect_eq(payload_render(p, input, &out), error);
    cr_assert_geq(out.len, 6);
    cr_assert_lt(out.len, sizeof hex / 2);
    cr_expect(memcmp(out.data, "before", 6) == 0);
    bytes_to_hex(bytes_of(out.data + 6, out.len - 6), hex);
    cr_expect(bytes_equal(bytes_of(out.data + 6, out.len - 6), expected), "%s: %.*s", hex, (int)out.len,
              (const char *)out.data);
    buffer_release(&out);
    payload_free(p);
}

#define EXPECT_JSON(description_, input_, text_) \
    expect_payload(PAYLOAD_JSON, description_, input_, bytes_of_text(text_), 0)
#define EXPECT_MSGPACK(description_, input_, bytes_) \
    expect_payload(PAYLOAD_MSGPACK, description_, input_, bytes_of(bytes_, sizeof(bytes_) - 1), 0)
#define EXPECT_FAILURE(encoding_, description_, input_, error_) \
    expect_payload(encoding_, description_, input_, (struct bytes){0}, error_)

/* --- text and hex --- */

Test(payload, text_is_its_template)
{
    struct template_input input = input_of(&set_on);

    expect_payload(PAYLOAD_TEXT, WRITTEN("S{output}={enable?ON:OFF}\r\n"), &input, bytes_of_text("S2=ON\r\n"), 0);
    expect_payload(PAYLOAD_TEXT, WRITTEN(""), &input, bytes_of("", 0), 0);
    EXPECT_FAILURE(PAYLOAD_TEXT, WRITTEN("S{pin}"), &input, -ENODATA);
    EXPECT_FAILURE(PAYLOAD_TEXT, WRITTEN("S{src:d}"), &input, -EINVAL);
    EXPECT_FAILURE(PAYLOAD_TEXT, WRITTEN("S{output|1=a}"), &input, -EDOM);
    EXPECT_FAILURE(PAYLOAD_TEXT, WRITTEN("S{states on='1' off='0'}"), &input, -ENODATA);
}

Test(payload, hex_becomes_the_bytes)
{
    static const struct {
        const char *text;
        const char *bytes;
        size_t len;
    } cases[] = {
        {"41 0a Ff 00", "\x41\x0A\xFF\x00", 4},
        {"410aFf00", "\x41\x0A\xFF\x00", 4},
        {"  4 1  0a   ", "\x41\x0A", 2},
        {"", "", 0},
        {"   ", "", 0},
        {"AA{output:02X}{enable?01:00} {serial:04x}", "\xAA\x02\x01\x00\x0C", 5},
        {"{output}{output}", "\x22", 1},
    };
    struct template_input input = input_of(&set_on);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_payload(PAYLOAD_HEX, WRITTEN(cases[i].text), &input, bytes_of(cases[i].bytes, cases[i].len), 0);
}

Test(payload, hex_that_is_none_is_not_rendered)
{
    static const char *const texts[] = {"4",      "41 0", "4g",       "0x41",  "41,42",
                                        "41\t42", "41\n", "{output}", "{src}", "\xC3\xA4"};
    struct template_input input = input_of(&set_on);

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        EXPECT_FAILURE(PAYLOAD_HEX, WRITTEN(texts[i]), &input, -EINVAL);
    EXPECT_FAILURE(PAYLOAD_HEX, WRITTEN("41{pin}"), &input, -ENODATA);
}

Test(payload, hex_is_decoded_in_place)
{
    struct buffer text = {0};

    cr_expect(payload_decode_hex(&text, 0), "nothing is no bytes");
    buffer_put_text(&text, "keep 41 42");
    cr_expect(payload_decode_hex(&text, 5));
    cr_expect(bytes_equal_text(buffer_bytes(&text), "keep AB"));
    buffer_put_text(&text, "4");
    cr_expect_not(payload_decode_hex(&text, 7));
    cr_expect(payload_decode_hex(&text, text.len));
    cr_expect(memcmp(text.data, "keep AB", 7) == 0);
    buffer_release(&text);
}

/* --- objects --- */

static const struct payload_member params[] = {TEXT("id", "{output-1}"), TEXT("on", "{enable}")};
static const struct payload_member shelly[] = {TEXT("id", "{command_id}"), TEXT("src", "{src}"),
                                               TEXT("method", "Switch.Set"), GROUP("params", params)};

Test(payload, object_holds_numbers_booleans_texts_and_groups)
{
    struct template_input input = input_of(&set_on);

    EXPECT_JSON(DESCRIBED(shelly), &input,
                "{\"id\":2748,\"src\":\"outputd\",\"method\":\"Switch.Set\",\"params\":{\"id\":1,\"on\":true}}");
    EXPECT_MSGPACK(
        DESCRIBED(shelly), &input,
        "\x84\xA2id\xCD\x0A\xBC\xA3src\xA7outputd\xA6method\xAASwitch.Set\xA6params\x82\xA2id\x01\xA2on\xC3");
    input.command = &set_off;
    EXPECT_JSON(DESCRIBED(shelly), &input,
                "{\"id\":2748,\"src\":\"outputd\",\"method\":\"Switch.Set\",\"params\":{\"id\":1,\"on\":false}}");
}

Test(payload, constants_stand_for_themselves)
{
    static const struct payload_member inner[] = {NUMBER("n", -1)};
    static const struct payload_member outer[] = {GROUP("inner", inner), GROUP("same", inner)};
    static const struct payload_member members[] = {
        NUMBER("zero", 0),      NUMBER("least", INT64_MIN), NUMBER("most", INT64_MAX), REAL("half", 1.5),
        TRUTH("yes", true),     TRUTH("no", false),         TEXT("text", "1"),         TEXT("empty", ""),
        TEXT("braces", "{{}}"), GROUP("outer", outer)};
    struct template_input input = input_of(&set_on);

    EXPECT_JSON(DESCRIBED(members), &input,
                "{\"zero\":0,\"least\":-9223372036854775808,\"most\":9223372036854775807,\"half\":1.5,\"yes\":true,"
                "\"no\":false,\"text\":\"1\",\"empty\":\"\",\"braces\":\"{}\",\"outer\":{\"inner\":{\"n\":-1},"
                "\"same\":{\"n\":-1}}}");
    EXPECT_MSGPACK(DESCRIBED(members), &input,
                   "\x8A\xA4zero\x00\xA5least\xD3\x80\x00\x00\x00\x00\x00\x00\x00"
                   "\xA4most\xCF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xA4half\xCB\x3F\xF8\x00\x00\x00\x00\x00\x00"
                   "\xA3yes\xC3\xA2no\xC2\xA4text\xA1"
                   "1\xA5"
                   "empty\xA0\xA6"
                   "braces\xA2{}\xA5outer\x82\xA5inner\x81\xA1n\xFF"
                   "\xA4same\x81\xA1n\xFF");
}

Test(payload, object_may_be_empty)
{
    struct template_input input = input_of(&set_on);

    EXPECT_JSON(((struct payload_description){0}), &input, "{}");
    EXPECT_MSGPACK(((struct payload_description){0}), &input, "\x80");
}

Test(payload, only_one_plain_number_alone_is_a_number)
{
    static const struct payload_member members[] = {
        TEXT("a", "{output-3}"),       TEXT("b", "{output:02d}"),     TEXT("c", " {output}"),
        TEXT("d", "{output:x}"),       TEXT("e", "{serial}"),         TEXT("f", "{serial:d}"),
        TEXT("g", "{enable+0}"),       TEXT("h", "{command_id%256}"), TEXT("i", "{enable?1:0}"),
        TEXT("j", "{output}{output}"), TEXT("k", "{output|2=7|}")};
    struct template_input input = input_of(&set_on);

    EXPECT_JSON(DESCRIBED(members), &input,
                "{\"a\":-1,\"b\":\"02\",\"c\":\" 2\",\"d\":\"2\",\"e\":\"0012\",\"f\":12,\"g\":1,\"h\":188,\"i\":\"1\","
                "\"j\":\"22\",\"k\":\"7\"}");
}

Test(payload, texts_are_escaped_as_json_wants_it)
{
    static const struct payload_member members[] = {TEXT("q\"k", "{quoted}\n\x01"), TEXT("\xC3\xA4", "\xE2\x82\xAC")};
    struct template_input input = input_of(&set_on);

    EXPECT_JSON(DESCRIBED(members), &input,
                "{\"q\\\"k\":\"say \\\"\xC3\xA4\\\\\\\"\\n\\u0001\",\"\xC3\xA4\":\"\xE2\x82\xAC\"}");
}

/* --- names that are templates --- */

static const struct payload_member each[] = {NAMED("{src}", "{enable?all:none}"),
                                             NAMED("state_l{output}", "{enable?ON:OFF}"), TEXT("id", "{command_id}")};

Test(payload, names_may_be_templates)
{
    struct template_input input = input_of(&set_on);

    EXPECT_JSON(DESCRIBED(each), &input, "{\"outputd\":\"all\",\"state_l2\":\"ON\",\"id\":2748}");
}

static const struct payload_member object_of_each[] = {TEXT("n", "{output}"), TEXT("on", "{enable}"),
                                                       TEXT("of", "{all|on=1|off=0|mixed=2}")};
static const struct payload_member of_all[] = {NAMED("{src}", "{command_id:d}"),
                                               NAMED("state_l{output}", "{enable?ON:OFF}"),
                                               {.key = "{pins[output]}",
                                                .key_is_template = true,
                                                .kind = PAYLOAD_MEMBER_OBJECT,
                                                .members = object_of_each,
                                                .member_count = 3},
                                               TEXT("all", "{all|on=1|off=0|mixed=2}")};

Test(payload, entry_with_an_output_comes_for_every_output)
{
    static const struct command two = {.id = 7, .action = ACTION_SET_ALL, .outputs = 2, .output_count = 2};
    struct template_input input = input_of(&two);

    EXPECT_JSON(DESCRIBED(of_all), &input,
                "{\"outputd\":7,\"state_l1\":\"OFF\",\"state_l2\":\"ON\",\"x\":{\"n\":1,\"on\":false,\"of\":\"0\"},"
                "\"y\":{\"n\":2,\"on\":true,\"of\":\"1\"},\"all\":\"2\"}");
    input.command = &batch;
    EXPECT_FAILURE(PAYLOAD_JSON, DESCRIBED(of_all), &input, -EDOM); /* there is no third pin */
}

Test(payload, entries_in_groups_come_for_every_output)
{
    static const struct payload_member list[] = {NAMED("relay{output-1}", "{enable}")};
    static const struct payload_member members[] = {GROUP("relays", list), NUMBER("v", 1)};
    struct template_input input = input_of(&batch);

    EXPECT_JSON(DESCRIBED(members), &input, "{\"relays\":{\"relay0\":true,\"relay1\":false,\"relay2\":true},\"v\":1}");
    EXPECT_MSGPACK(DESCRIBED(members), &input, "\x82\xA6relays\x83\xA6relay0\xC3\xA6relay1\xC2\xA6relay2\xC3\xA1v\x01");
}

Test(payload, outputs_that_are_kept_do_not_come)
{
    static const struct payload_member list[] = {NAMED("o{output}", "{enable}")};
    struct template_input input = input_of(&batch);

    input.kept = 1;
    EXPECT_JSON(DESCRIBED(list), &input, "{\"o2\":false,\"o3\":true}");
    input.kept = 6;
    EXPECT_JSON(DESCRIBED(list), &input, "{\"o1\":true}");
    input.kept = 7;
    EXPECT_JSON(DESCRIBED(list), &input, "{}");
    input.command = &set_on;
    EXPECT_JSON(DESCRIBED(list), &input, "{\"o2\":true}");
}

/* --- what cannot be rendered --- */

Test(payload, text_that_is_no_utf8_is_not_rendered)
{
    static const struct payload_member value[] = {TEXT("a", "b"), TEXT("v", "x{latin}")};
    static const struct payload_member name[] = {NAMED("{latin}", "v")};
    static const struct payload_member inside[] = {GROUP("g", value)};
    struct template_input input = input_of(&set_on);

    EXPECT_FAILURE(PAYLOAD_JSON, DESCRIBED(value), &input, -EINVAL);
    EXPECT_FAILURE(PAYLOAD_MSGPACK, DESCRIBED(value), &input, -EINVAL);
    EXPECT_FAILURE(PAYLOAD_JSON, DESCRIBED(name), &input, -EINVAL);
    EXPECT_FAILURE(PAYLOAD_JSON, DESCRIBED(inside), &input, -EINVAL);
    expect_payload(PAYLOAD_TEXT, WRITTEN("{latin}"), &input, bytes_of_text("caf\xE9"), 0);
}

Test(payload, mistake_anywhere_in_an_object_renders_nothing)
{
    static const struct payload_member missing[] = {TEXT("a", "b"), TEXT("v", "{pin}")};
    static const struct payload_member no_number[] = {TEXT("v", "{src:d}")};
    static const struct payload_member no_text[] = {TEXT("v", "{output|1=a}")};
    static const struct payload_member no_name[] = {NAMED("{output|1=a}", "v")};
    static const struct payload_member not_finite[] = {REAL("v", INFINITY)};
    static const struct payload_member inside[] = {TEXT("a", "b"), GROUP("g", missing)};
    struct template_input input = input_of(&set_on);

    EXPECT_FAILURE(PAYLOAD_JSON, DESCRIBED(missing), &input, -ENODATA);
    EXPECT_FAILURE(PAYLOAD_MSGPACK, DESCRIBED(inside), &input, -ENODATA);
    EXPECT_FAILURE(PAYLOAD_JSON, DESCRIBED(no_number), &input, -EINVAL);
    EXPECT_FAILURE(PAYLOAD_JSON, DESCRIBED(no_text), &input, -EDOM);
    EXPECT_FAILURE(PAYLOAD_JSON, DESCRIBED(no_name), &input, -EDOM);
    EXPECT_FAILURE(PAYLOAD_JSON, DESCRIBED(not_finite), &input, -EINVAL);
}

static void expect_missing(enum payload_encoding encoding, struct payload_description description, const char *expected)
{
    const char *error = NULL;
    struct payload *p = payload_compile(encoding, &description, TEMPLATE_SET, NULL, &error);
    const char *missing;

    cr_assert(p, "%s", error);
    missing = payload_missing_var(p, vars);
    cr_expect_str_eq(missing ? missing : "none", expected);
    payload_free(p);
}

Test(payload, first_missing_var_is_named)
{
    static const struct payload_member inner[] = {TEXT("a", "{src}"), TEXT("b", "{deep}")};
    static const struct payload_member in_group[] = {TEXT("a", "{serial}"), GROUP("g", inner)};
    static const struct payload_member in_name[] = {NAMED("{src}{name}", "{value}")};

    expect_missing(PAYLOAD_TEXT, WRITTEN("{src}{pin}{puk}"), "pin");
    expect_missing(PAYLOAD_HEX, WRITTEN("{serial}"), "none");
    expect_missing(PAYLOAD_JSON, DESCRIBED(in_group), "deep");
    expect_missing(PAYLOAD_MSGPACK, DESCRIBED(in_name), "name");
    expect_missing(PAYLOAD_JSON, DESCRIBED(shelly), "none");
}

/* --- mistakes --- */

static void expect_mistake(enum payload_encoding encoding, struct payload_description description,
                           enum template_use use, const char *expected)
{
    const char *error = NULL;

    cr_expect_null(payload_compile(encoding, &description, use, NULL, &error));
    cr_assert_not_null(error);
    cr_expect_str_eq(error, expected, "%s", error);
}

Test(payload, mistakes_are_told)
{
    static const char no_output[] = "set_all takes no {output} and no {enable}";
    static const struct payload_member inner[] = {TEXT("a", "{output}")};
    static const struct payload_member group[] = {GROUP("g", inner)};
    static const struct payload_member after[] = {NAMED("o{output}", "{enable}"), TEXT("a", "{enable}")};
    static const struct payload_member name[] = {NAMED("{", "x")};
    static const struct payload_member both[] = {TEXT("a", "}"), TEXT("b", "{}")};

    expect_mistake(PAYLOAD_TEXT, DESCRIBED(inner), TEMPLATE_SET, "must be a text: its encoding is text or hex");
    expect_mistake(PAYLOAD_HEX, DESCRIBED(inner), TEMPLATE_SET, "must be a text: its encoding is text or hex");
    expect_mistake(PAYLOAD_JSON, WRITTEN("{{}}"), TEMPLATE_SET, "must be a group: its encoding is that of an object");
    expect_mistake(PAYLOAD_MSGPACK, WRITTEN(""), TEMPLATE_SET, "must be a group: its encoding is that of an object");
    expect_mistake(PAYLOAD_TEXT, WRITTEN("{output}"), TEMPLATE_SET_ALL, no_output);
    expect_mistake(PAYLOAD_JSON, DESCRIBED(group), TEMPLATE_SET_ALL, no_output);
    expect_mistake(PAYLOAD_JSON, DESCRIBED(after), TEMPLATE_SET_ALL, no_output);
    expect_mistake(PAYLOAD_JSON, DESCRIBED(name), TEMPLATE_SET, "a { without its }");
    expect_mistake(PAYLOAD_JSON, DESCRIBED(both), TEMPLATE_SET, "a } without its {");
}

Test(payload, free_takes_null)
{
    payload_free(NULL);
}
