/* GT06 and its many relatives (Concox, Jimi): 78 78, length, protocol, content, serial, CRC-16/X-25, 0D 0A. A command
 * (0x80) holds a length, a server flag of four bytes and a text, "RELAY,1#" or "DYD,000000#"; what answers it has the
 * same flag. The texts are those of the Concox protocol document, Appendix B, and of the relay command's manuals.
 * Refusals say that the relay is in that state already; a command that is not known is answered the newer way, with
 * protocol 0x21, UTF-16 and a length of two bytes. */
#include "profile.h"

#include <errno.h>

#include "checks.h"
#include "scan.h"

enum {
    PROTOCOL_REPLY = 0x15,
    PROTOCOL_UTF16_REPLY = 0x21,
    PROTOCOL_COMMAND = 0x80,
    FLAG_SIZE = 4,
    IMEI_SIZE = 8,
    AROUND_TEXT = 15, /* bytes of a command that are not text, without a language */
    ENGLISH = 2,
};

enum style { STYLE_RELAY, STYLE_DYD };

/* "DYD,000000#", and some have no password: "DYD#". */
static bool read_dyd(struct bytes text, const char *verb)
{
    struct bytes password;

    if (!scan_text_any_case(&text, verb) || text.len == 0 || text.data[text.len - 1] != '#')
        return false;
    password = bytes_of(text.data, text.len - 1);
    return password.len == 0 || password.data[0] == ',';
}

static void read_text(struct bytes text, struct command *command)
{
    struct bytes relay = text;
    bool is_relay = scan_text_any_case(&relay, "RELAY,");
    bool on = is_relay ? bytes_equal_text(relay, "1#") : read_dyd(text, "DYD");
    bool off = is_relay ? bytes_equal_text(relay, "0#") : read_dyd(text, "HFYD");

    command->style = is_relay ? STYLE_RELAY : STYLE_DYD;
    command->known = on || off;
    if (command->known)
        command_set_output(command, 1, on);
}

/* One whole, right command. */
static bool is_command(struct bytes payload)
{
    const uint8_t *at = payload.data;
    size_t len = payload.len;

    return len >= AROUND_TEXT && scan_be(at, 2) == 0x7878 && at[2] + 5u == len && at[3] == PROTOCOL_COMMAND &&
           scan_be(at + len - 2, 2) == 0x0D0A &&
           scan_be(at + len - 4, 2) == checks_crc16_x25(bytes_of(at + 2, len - 6));
}

static int gt06_read(const struct tracker *tracker, struct bytes payload, struct command *command)
{
    size_t text_len, language_len;

    (void)tracker; /* the connection alone says which one */
    if (!is_command(payload) || payload.data[4] < FLAG_SIZE)
        return -EBADMSG;
    text_len = payload.data[4] - (size_t)FLAG_SIZE;
    if (payload.len < AROUND_TEXT + text_len)
        return -EBADMSG;
    language_len = payload.len - AROUND_TEXT - text_len;
    if (language_len != 0 && language_len != 2)
        return -EBADMSG;
    read_text(bytes_of(payload.data + 9, text_len), command);
    return command_echo(command, bytes_of(payload.data + 5, FLAG_SIZE));
}

/* Serial, checksum and end; the checksum begins at the length. */
static void put_end(const struct tracker *tracker, size_t start, struct buffer *out)
{
    buffer_put_be(out, tracker->sent, 2);
    buffer_put_be(out, checks_crc16_x25(checks_span(out, start + 2)), 2);
    buffer_put_be(out, 0x0D0A, 2);
}

static void put_reply(const struct tracker *tracker, const uint8_t flag[FLAG_SIZE], const char *text,
                      struct buffer *out)
{
    size_t start = out->len;

    buffer_put_be(out, 0x7878, 2);
    buffer_put_u8(out, (uint8_t)(strlen(text) + 12));
    buffer_put_u8(out, PROTOCOL_REPLY);
    buffer_put_u8(out, (uint8_t)(strlen(text) + FLAG_SIZE));
    buffer_put(out, bytes_of(flag, FLAG_SIZE));
    buffer_put_text(out, text);
    buffer_put_be(out, ENGLISH, 2);
    put_end(tracker, start, out);
}

static void put_utf16_reply(const struct tracker *tracker, const uint8_t flag[FLAG_SIZE], const char *text,
                            struct buffer *out)
{
    enum { ENCODING_UTF16 = 2 };
    size_t start = out->len;

    buffer_put_be(out, 0x7979, 2);
    buffer_put_be(out, 2 * strlen(text) + 10, 2);
    buffer_put_u8(out, PROTOCOL_UTF16_REPLY);
    buffer_put(out, bytes_of(flag, FLAG_SIZE));
    buffer_put_u8(out, ENCODING_UTF16);
    for (; *text; text++)
        buffer_put_be(out, (uint64_t)*text, 2);
    put_end(tracker, start, out);
}

static int gt06_write(const struct tracker *tracker, const struct command *command, enum answer answer,
                      struct buffer *out)
{
    static const char *const done[2][2] = {
        [STYLE_RELAY] = {"Restore fuel supply: Success!", "Cut off the fuel supply: Success!"},
        [STYLE_DYD] = {"HFYD=Success!", "DYD=Success!"},
    };
    static const char *const refused[2] = {
        "Already in the state of fuel supply to resume,the command is not running!",
        "Already in the state of fuel supply cut off,the command is not running!",
    };
    bool on = command->states != 0;

    if (answer == ANSWER_UNSUPPORTED)
        put_utf16_reply(tracker, command->echo, "Command error!", out);
    else
        put_reply(tracker, command->echo, answer == ANSWER_REFUSED ? refused[on] : done[command->style][on], out);
    return 0;
}

static void put_login(const struct tracker *tracker, struct buffer *out)
{
    uint8_t imei[IMEI_SIZE];
    size_t start = out->len;

    scan_packed_id(tracker->device_id, imei, IMEI_SIZE);
    buffer_put(out, bytes_of("\x78\x78\x0D\x01", 4));
    buffer_put(out, bytes_of(imei, IMEI_SIZE));
    put_end(tracker, start, out);
}

static void put_status(const struct tracker *tracker, struct buffer *out)
{
    size_t start = out->len;

    buffer_put(out, bytes_of("\x78\x78\x0A\x13\x44\x01\x04\x00\x01", 9));
    put_end(tracker, start, out);
}

/* A login, a status packet, or what answers another command: the same text for another server flag. */
static void gt06_unrelated(const struct tracker *tracker, const struct command *command, uint64_t shape,
                           struct buffer *out)
{
    uint8_t flag[FLAG_SIZE];

    memcpy(flag, command->echo, FLAG_SIZE);
    flag[0] ^= 0x80;
    if (shape % 3 == 0)
        put_login(tracker, out);
    else if (shape % 3 == 1)
        put_status(tracker, out);
    else
        put_reply(tracker, flag, "DYD=Success!", out);
}

static void gt06_spoil(uint8_t *ack, size_t len)
{
    checks_spoil_crc16(ack + len - 4);
}

const struct profile profile_gt06 = {
    .name = "gt06",
    .topics = &topics_of_gateway,
    .outputs = 1,
    .id_characters = ID_DECIMAL,
    .id_max = (size_t)2 * IMEI_SIZE,
    .is_stream = true,
    .read = gt06_read,
    .write = gt06_write,
    .unrelated = gt06_unrelated,
    .spoil = gt06_spoil,
};
