/* JT/T 808 of 2013: 7E, message id, attributes with the body's length, 6 bytes of terminal id, serial, body, xor of all
 * that, 7E; between the two, 7E and 7D are escaped. Terminal control (0x8105) cuts the engine and lets it go; with
 * which bytes, every maker decides (these are those of Traccar's Jt808ProtocolEncoder). The general reply (0x0001)
 * repeats serial and id of what it answers; of its results 1 (failed) and 3 (not supported) no device's frame was
 * found. */
#include "profile.h"

#include <errno.h>

#include "checks.h"
#include "scan.h"

enum {
    MESSAGE_REPLY = 0x0001,
    MESSAGE_HEARTBEAT = 0x0002,
    MESSAGE_PARAMETERS = 0x8103,
    MESSAGE_CONTROL = 0x8105,
    MARK = 0x7E,
    ESCAPE = 0x7D,
    ID_SIZE = 6,
    HEADER_SIZE = 12,
    MESSAGE_MAX = 64, /* of a command, unescaped */
};

/* How many bytes of the message there are, without its marks and escapes. 0: not one whole message, or too long. */
static size_t unescape(struct bytes payload, uint8_t out[MESSAGE_MAX])
{
    size_t len = 0;

    if (payload.len < 2 || payload.data[0] != MARK || payload.data[payload.len - 1] != MARK)
        return 0;
    for (size_t i = 1; i < payload.len - 1; i++) {
        uint8_t byte = payload.data[i];

        if (len == MESSAGE_MAX || byte == MARK)
            return 0;
        if (byte == ESCAPE) {
            byte = payload.data[++i];
            if (byte != 1 && byte != 2)
                return 0;
            byte = byte == 1 ? ESCAPE : MARK;
        }
        out[len++] = byte;
    }
    return len;
}

/* What cuts and restores the engine, with one maker or another. */
static const struct control {
    const char *body;
    bool cut;
} controls[] = {
    {"\xF0", true}, {"\xF1", false}, {"\x64", true}, {"\x65", false}, {"#0;1", true}, {"#0;0", false},
};

static void read_control(struct bytes body, struct command *command)
{
    for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
        if (bytes_equal_text(body, controls[i].body)) {
            command->known = true;
            command_set_output(command, 1, controls[i].cut);
        }
    }
}

static int jt808_read(const struct tracker *tracker, struct bytes payload, struct command *command)
{
    uint8_t message[MESSAGE_MAX], own[ID_SIZE];
    size_t len = unescape(payload, message);

    if (len < HEADER_SIZE + 1 || checks_xor8(bytes_of(message, len)) != 0 ||
        scan_be(message + 2, 2) != len - HEADER_SIZE - 1)
        return -EBADMSG;
    scan_packed_id(tracker->device_id, own, ID_SIZE);
    if (memcmp(message + 4, own, ID_SIZE) != 0)
        return -ENODEV;
    command_echo(command, bytes_of(message + 10, 2));
    command_echo(command, bytes_of(message, 2));
    if (scan_be(message, 2) == MESSAGE_CONTROL)
        read_control(bytes_of(message + HEADER_SIZE, len - HEADER_SIZE - 1), command);
    return 0;
}

static void put_escaped(struct bytes message, struct buffer *out)
{
    buffer_put_u8(out, MARK);
    for (size_t i = 0; i < message.len; i++) {
        uint8_t byte = message.data[i];

        if (byte == MARK || byte == ESCAPE) {
            buffer_put_u8(out, ESCAPE);
            byte = byte == MARK ? 2 : 1;
        }
        buffer_put_u8(out, byte);
    }
    buffer_put_u8(out, MARK);
}

static void put_message(const struct tracker *tracker, unsigned id, struct bytes body, struct buffer *out)
{
    struct buffer message = {0};
    uint8_t own[ID_SIZE];

    scan_packed_id(tracker->device_id, own, ID_SIZE);
    buffer_put_be(&message, id, 2);
    buffer_put_be(&message, body.len, 2);
    buffer_put(&message, bytes_of(own, ID_SIZE));
    buffer_put_be(&message, tracker->sent, 2);
    buffer_put(&message, body);
    buffer_put_u8(&message, checks_xor8(buffer_bytes(&message)));
    put_escaped(buffer_bytes(&message), out);
    buffer_release(&message);
}

/* `to`: serial and id of the message that is replied to. */
static void put_reply(const struct tracker *tracker, const uint8_t to[4], uint8_t result, struct buffer *out)
{
    uint8_t body[5];

    memcpy(body, to, 4);
    body[4] = result;
    put_message(tracker, MESSAGE_REPLY, bytes_of(body, sizeof(body)), out);
}

static int jt808_write(const struct tracker *tracker, const struct command *command, enum answer answer,
                       struct buffer *out)
{
    static const uint8_t results[] = {[ANSWER_SUCCESS] = 0, [ANSWER_REFUSED] = 1, [ANSWER_UNSUPPORTED] = 3};

    put_reply(tracker, command->echo, results[answer], out);
    return 0;
}

/* A heartbeat, the reply to another message with the same serial, or to this one with another serial. */
static void jt808_unrelated(const struct tracker *tracker, const struct command *command, uint64_t shape,
                            struct buffer *out)
{
    uint8_t to[4];

    memcpy(to, command->echo, sizeof(to));
    if (shape % 3 == 0) {
        put_message(tracker, MESSAGE_HEARTBEAT, (struct bytes){0}, out);
        return;
    }
    if (shape % 3 == 1)
        to[3] ^= MESSAGE_CONTROL ^ MESSAGE_PARAMETERS;
    else
        to[0] ^= 0x80;
    put_reply(tracker, to, 0, out);
}

/* The checksum, which must neither be escaped nor stop being so. */
static void jt808_spoil(uint8_t *ack, size_t len)
{
    uint8_t *sum = ack + len - 2;

    if (sum[-1] == ESCAPE)
        *sum ^= 3;
    else if ((*sum ^ 0x80) == MARK || (*sum ^ 0x80) == ESCAPE)
        *sum ^= 1;
    else
        *sum ^= 0x80;
}

const struct profile profile_jt808 = {
    .name = "jt808",
    .topics = &topics_of_gateway,
    .outputs = 1,
    .id_characters = ID_HEX,
    .id_max = (size_t)2 * ID_SIZE,
    .is_stream = true,
    .read = jt808_read,
    .write = jt808_write,
    .unrelated = jt808_unrelated,
    .spoil = jt808_spoil,
};
