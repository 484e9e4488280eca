#include "wire/command.h"

#include <criterion/criterion.h>
#include <errno.h>

/* A string literal without its NUL. */
#define RUN(text_) (text_), sizeof(text_) - 1

static const struct {
    struct command command;
    const char *json;
    const char *msgpack;
    size_t msgpack_len;
} commands[] = {
    {{.id = 17, .action = ACTION_SET, .output = 1, .enable = true},
     "{\"id\": 17, \"action\": \"set\", \"output\": 1, \"enable\": true}",
     RUN("\x84\xA2id\x11\xA6"
         "action\xA3set\xA6output\x01\xA6"
         "enable\xC3")},
    {{.id = 0, .action = ACTION_SET, .output = 64, .enable = false},
     "{\"id\": 0, \"action\": \"set\", \"output\": 64, \"enable\": false}",
     RUN("\x84\xA2id\0\xA6"
         "action\xA3set\xA6output\x40\xA6"
         "enable\xC2")},
    {{.id = COMMAND_ID_MAX, .action = ACTION_SET, .output = INT32_MAX, .enable = true},
     "{\"id\": 9007199254740991, \"action\": \"set\", \"output\": 2147483647, \"enable\": true}",
     RUN("\x84\xA2id\xCF\0\x1F\xFF\xFF\xFF\xFF\xFF\xFF\xA6"
         "action\xA3set\xA6output\xCE\x7F\xFF\xFF\xFF\xA6"
         "enable\xC3")},
    {{.id = 18, .action = ACTION_SET_ALL, .outputs = 3, .output_count = 3},
     "{\"id\": 18, \"action\": \"set_all\", \"outputs\": [true, true, false]}",
     RUN("\x83\xA2id\x12\xA6"
         "action\xA7set_all\xA7outputs\x93\xC3\xC3\xC2")},
    {{.id = 4294967296, .action = ACTION_SET_ALL, .outputs = 0, .output_count = 1},
     "{\"id\": 4294967296, \"action\": \"set_all\", \"outputs\": [false]}",
     RUN("\x83\xA2id\xCF\0\0\0\x01\0\0\0\0\xA6"
         "action\xA7set_all\xA7outputs\x91\xC2")},
};

Test(command, is_written_exactly_so)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct buffer json = {0};
        struct buffer msgpack = {0};

        command_encode(ENCODING_JSON, &commands[i].command, &json);
        cr_expect(bytes_equal_text(buffer_bytes(&json), commands[i].json), "%.*s", (int)json.len, (char *)json.data);
        command_encode(ENCODING_MSGPACK, &commands[i].command, &msgpack);
        cr_expect_eq(msgpack.len, commands[i].msgpack_len, "%s", commands[i].json);
        cr_expect(bytes_equal(buffer_bytes(&msgpack), bytes_of(commands[i].msgpack, commands[i].msgpack_len)), "%s",
                  commands[i].json);
        buffer_release(&json);
        buffer_release(&msgpack);
    }
}

Test(command, states_64_outputs)
{
    const struct command command = {
        .id = 1, .action = ACTION_SET_ALL, .outputs = UINT64_C(0x8000000000000001), .output_count = 64};
    struct buffer json = {0};
    struct buffer msgpack = {0};

    command_encode(ENCODING_MSGPACK, &command, &msgpack);
    cr_assert_eq(msgpack.len, 31 + 64);
    cr_expect_arr_eq(msgpack.data + 28, "\xDC\0\x40\xC3\xC2", 5);
    cr_expect_eq(msgpack.data[msgpack.len - 1], 0xC3);
    command_encode(ENCODING_JSON, &command, &json);
    buffer_put_u8(&json, '\0');
    cr_expect_not_null(strstr((char *)json.data, "[true, false, "));
    cr_expect_not_null(strstr((char *)json.data, ", false, true]}"));
    buffer_release(&json);
    buffer_release(&msgpack);
}

static const struct {
    const char *json;
    bool good;
    struct ack ack;
} acks[] = {
    {"{\"id\": 17, \"success\": true}", true, {.has_id = true, .id = 17, .success = true}},
    {"{\"success\": true}", true, {.success = true}},
    {"{\"id\": 17, \"success\": false, \"error\": \"vehicle is moving\"}", true, {.has_id = true, .id = 17}},
    {"{\"id\": 0, \"success\": false, \"unsupported\": true}", true, {.has_id = true, .unsupported = true}},
    {"{\"success\": false, \"unsupported\": false}", true, {.success = false}},
    {"{\"success\": false, \"unsupported\": 1}", true, {.success = false}},
    {"{\"id\": 9007199254740991, \"success\": true}", true, {.has_id = true, .id = COMMAND_ID_MAX, .success = true}},
    {"{\"id\": 9007199254740992, \"success\": true}", false, {0}},
    {"{\"id\": 9223372036854775807, \"success\": true}", false, {0}},
    {"{\"id\": 99999999999999999999, \"success\": true}", false, {0}},
    {"{\"id\": -1, \"success\": true}", false, {0}},
    {"{\"id\": 17.0, \"success\": true}", false, {0}},
    {"{\"id\": \"17\", \"success\": true}", false, {0}},
    {"{\"id\": null, \"success\": true}", false, {0}},
    {"{\"id\": true, \"success\": true}", false, {0}},
    {"{\"id\": 17}", false, {0}},
    {"{\"id\": 17, \"success\": 1}", false, {0}},
    {"{\"id\": 17, \"success\": \"true\"}", false, {0}},
    {"{\"id\": 17, \"success\": null}", false, {0}},
    {"{\"id\": 17, \"Success\": true}", false, {0}},
    {"{\"id\": 17, \"success\": true, \"success\": true}", false, {0}},
    {"{id: 17, success: true}", false, {0}},
    {"{}", false, {0}},
    {"", false, {0}},
    {"success", false, {0}},
    {"[{\"success\": true}]", false, {0}},
    {"{\"success\": true, \"other\": [1, {\"success\": false}]}", true, {.success = true}},
};

Test(ack, is_read_from_json)
{
    for (size_t i = 0; i < sizeof acks / sizeof *acks; i++) {
        struct ack ack;
        int r = ack_decode(ENCODING_JSON, bytes_of_text(acks[i].json), &ack);

        cr_expect_eq(r, acks[i].good ? 0 : -EBADMSG, "%s", acks[i].json);
        if (r < 0)
            continue;
        cr_expect_eq(ack.has_id, acks[i].ack.has_id, "%s", acks[i].json);
        cr_expect_eq(ack.id, acks[i].ack.id, "%s", acks[i].json);
        cr_expect_eq(ack.success, acks[i].ack.success, "%s", acks[i].json);
        cr_expect_eq(ack.unsupported, acks[i].ack.unsupported, "%s", acks[i].json);
    }
}

Test(ack, is_read_from_msgpack)
{
    struct ack ack;

    cr_assert_eq(ack_decode(ENCODING_MSGPACK, bytes_of(RUN("\x82\xA2id\x11\xA7success\xC3")), &ack), 0);
    cr_expect(ack.has_id && ack.id == 17 && ack.success && !ack.unsupported);
    cr_assert_eq(ack_decode(ENCODING_MSGPACK, bytes_of(RUN("\x82\xA7success\xC2\xABunsupported\xC3")), &ack), 0);
    cr_expect(!ack.has_id && !ack.success && ack.unsupported);
    cr_assert_eq(ack_decode(ENCODING_MSGPACK,
                            bytes_of(RUN("\x82\xA2id\xCF\0\x1F\xFF\xFF\xFF\xFF\xFF\xFF\xA7success\xC3")), &ack),
                 0);
    cr_expect_eq(ack.id, COMMAND_ID_MAX);
}

Test(ack, with_a_bad_member_is_refused_in_msgpack)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {RUN("\x82\xA2id\xCF\0\x20\0\0\0\0\0\0\xA7success\xC3")},
        {RUN("\x82\xA2id\xCF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xA7success\xC3")},
        {RUN("\x82\xA2id\xFF\xA7success\xC3")},
        {RUN("\x82\xA2id\xCA\x41\x88\0\0\xA7success\xC3")},
        {RUN("\x82\xA2id\xC0\xA7success\xC3")},
        {RUN("\x82\xA2id\xC4\x01\x11\xA7success\xC3")},
        {RUN("\x82\xA2id\x11\xA7success\x01")},
        {RUN("\x81\xA2id\x11")},
        {RUN("\x82\xA2id\x11\xA7success")},
        {RUN("\x80")},
        {RUN("")},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct ack ack;

        cr_expect_eq(ack_decode(ENCODING_MSGPACK, bytes_of(bad[i].bytes, bad[i].len), &ack), -EBADMSG, "%zu", i);
    }
}
