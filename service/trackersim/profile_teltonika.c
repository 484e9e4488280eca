/* Teltonika FMB and its like, Codec 12 and 14: 00000000, length, codec, 01, type, length, [IMEI,] text, 01, CRC-16/ARC
 * in four bytes. "setdigout 1?" switches DOUT1 on and leaves DOUT2; the answer says of each DOUT what became of it. A
 * command in Codec 14 with another device's IMEI is answered with type 0x11 and, here, that IMEI: the example in
 * Teltonika's wiki has a checksum that is right with the IMEI of its commands, not with the one that is printed.
 *
 * What a device says to a text that is no command of its own is not documented: here it says "Bad syntax", as it does
 * to a wrong setdigout. */
#include "profile.h"

#include <errno.h>

#include "checks.h"
#include "scan.h"

enum {
    CODEC_12 = 0x0C,
    CODEC_14 = 0x0E,
    TYPE_COMMAND = 0x05,
    TYPE_RESPONSE = 0x06,
    TYPE_OTHER_IMEI = 0x11,
    IMEI_SIZE = 8,
    AROUND_TEXT = 20, /* bytes of a frame that are not text */
    SLOTS_MAX = 4,
};

enum style { STYLE_CODEC_12, STYLE_CODEC_14, STYLE_OTHER_IMEI };

/* What is in the frame, IMEI included, without its type. -EBADMSG: not one whole, right command. */
static int unwrap(struct bytes payload, uint8_t *codec, struct bytes *content)
{
    const uint8_t *at = payload.data;

    if (payload.len < AROUND_TEXT || scan_be(at, 4) != 0 || scan_be(at + 4, 4) != payload.len - 12)
        return -EBADMSG;
    *codec = at[8];
    *content = bytes_of(at + 15, payload.len - AROUND_TEXT);
    if (at[9] != 1 || at[10] != TYPE_COMMAND || scan_be(at + 11, 4) != content->len || at[payload.len - 5] != 1)
        return -EBADMSG;
    if (scan_be(at + payload.len - 4, 4) != checks_crc16_arc(bytes_of(at + 8, payload.len - 12)))
        return -EBADMSG;
    return *codec == CODEC_12 || *codec == CODEC_14 ? 0 : -EBADMSG;
}

static int take_imei(const struct tracker *tracker, struct bytes *content, struct command *command)
{
    uint8_t own[IMEI_SIZE];

    if (content->len < IMEI_SIZE)
        return -EBADMSG;
    scan_packed_id(tracker->device_id, own, IMEI_SIZE);
    command->style = memcmp(content->data, own, IMEI_SIZE) == 0 ? STYLE_CODEC_14 : STYLE_OTHER_IMEI;
    command_echo(command, bytes_of(content->data, IMEI_SIZE));
    *content = bytes_of(content->data + IMEI_SIZE, content->len - IMEI_SIZE);
    return 0;
}

static void read_text(struct bytes text, struct command *command)
{
    while (text.len && (text.data[text.len - 1] == '\r' || text.data[text.len - 1] == '\n'))
        text.len--; /* some servers send a line */
    command->known =
        scan_text(&text, "setdigout ") && text.len <= SLOTS_MAX && command_set_slots(command, text, '?') == 0;
}

static int teltonika_read(const struct tracker *tracker, struct bytes payload, struct command *command)
{
    struct bytes content;
    uint8_t codec;

    if (unwrap(payload, &codec, &content) < 0 || (codec == CODEC_14 && take_imei(tracker, &content, command) < 0))
        return -EBADMSG;
    if (command->style != STYLE_OTHER_IMEI)
        read_text(content, command);
    return 0;
}

static void put_frame(const struct command *command, uint8_t type, const char *text, struct buffer *out)
{
    size_t len = command->echo_len + strlen(text);
    size_t start;

    buffer_put_be(out, 0, 4);
    buffer_put_be(out, len + 8, 4);
    start = out->len;
    buffer_put_u8(out, command->style == STYLE_CODEC_12 ? CODEC_12 : CODEC_14);
    buffer_put_u8(out, 1);
    buffer_put_u8(out, type);
    buffer_put_be(out, len, 4);
    buffer_put(out, bytes_of(command->echo, command->echo_len));
    buffer_put_text(out, text);
    buffer_put_u8(out, 1);
    buffer_put_be(out, checks_crc16_arc(checks_span(out, start)), 4);
}

/* "DOUT1:ON Timeout:INFINITY DOUT2:IGNORED" */
static void put_slots(const struct command *command, bool refused, struct buffer *text)
{
    for (unsigned i = 0; i < command->slots; i++) {
        buffer_printf(text, "%sDOUT%u", i ? " " : "", i + 1);
        if (!(command->mask >> i & 1))
            buffer_put_text(text, ":IGNORED");
        else if (refused)
            buffer_put_text(text, " Is disabled from CFG");
        else
            buffer_put_text(text, command->states >> i & 1 ? ":ON Timeout:INFINITY" : ":OFF Timeout:INFINITY");
    }
    buffer_put_u8(text, '\0');
}

static int teltonika_write(const struct tracker *tracker, const struct command *command, enum answer answer,
                           struct buffer *out)
{
    struct buffer text = {0};

    (void)tracker;
    if (command->style == STYLE_OTHER_IMEI) {
        put_frame(command, TYPE_OTHER_IMEI, "", out);
    } else if (answer == ANSWER_UNSUPPORTED) {
        put_frame(command, TYPE_RESPONSE, "Bad syntax", out);
    } else {
        put_slots(command, answer == ANSWER_REFUSED, &text);
        put_frame(command, TYPE_RESPONSE, (const char *)text.data, out);
        buffer_release(&text);
    }
    return 0;
}

/* A position in Codec 8 (the wiki's first example), or the answer to another command. */
static void teltonika_unrelated(const struct tracker *tracker, const struct command *command, uint64_t shape,
                                struct buffer *out)
{
    static const uint8_t position[] = {
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x36, 0x08, 0x01, 0x00, 0x00, 0x01, 0x6B, 0x40, 0xD8, 0xEA,
        0x30, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x01, 0x05, 0x02, 0x15, 0x03, 0x01, 0x01, 0x01, 0x42, 0x5E, 0x0F, 0x01, 0xF1, 0x00, 0x00, 0x60, 0x1A,
        0x01, 0x4E, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0xC7, 0xCF,
    };

    (void)tracker;
    if (shape & 1)
        buffer_put(out, bytes_of(position, sizeof(position)));
    else
        put_frame(command, TYPE_RESPONSE, "DI1:1 DI2:0 DI3:0 AIN1:0 AIN2:16924 DO1:0 DO2:1", out);
}

static void teltonika_spoil(uint8_t *ack, size_t len)
{
    checks_spoil_crc16(ack + len - 2);
}

const struct profile profile_teltonika = {
    .name = "teltonika",
    .topics = &topics_of_gateway,
    .outputs = SLOTS_MAX,
    .id_characters = ID_DECIMAL,
    .id_max = (size_t)2 * IMEI_SIZE,
    .is_stream = true,
    .read = teltonika_read,
    .write = teltonika_write,
    .unrelated = teltonika_unrelated,
    .spoil = teltonika_spoil,
};
