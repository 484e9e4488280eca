/* Ruptela FM: length, command, payload, CRC-16/KERMIT; what a device sends has its IMEI, in 8 bytes, before the command
 * (Traccar's RuptelaProtocolDecoderTest has such replies). Command 108 is an SMS that comes over GPRS, "pass setio 0,1"
 * (0 low, 1 high, 2 as it is; the password may be missing, not its blank), and reply 7 is the SMS that answers it. To
 * other commands and other texts no reply is known, so it says nothing. */
#include "profile.h"

#include <errno.h>
#include <stdlib.h>

#include "checks.h"
#include "scan.h"

enum { COMMAND_SMS = 108, REPLY_SMS = 7, AROUND_PAYLOAD = 5, SLOTS_MAX = 4, IMEI_DIGITS_MAX = 18 };

/* "2,1" */
static int read_states(struct bytes text, struct command *command)
{
    uint8_t slots[SLOTS_MAX];
    size_t count = 0;

    for (; text.len; count++) {
        struct bytes slot = scan_field(&text, ',');

        if (slot.len != 1 || count == SLOTS_MAX)
            return -EBADMSG;
        slots[count] = slot.data[0];
    }
    return command_set_slots(command, bytes_of(slots, count), '2');
}

static void read_sms(struct bytes text, struct command *command)
{
    (void)scan_field(&text, ' '); /* the password, any */
    command->known = scan_text_any_case(&text, "setio ") && read_states(text, command) == 0;
}

static int ruptela_read(const struct tracker *tracker, struct bytes payload, struct command *command)
{
    const uint8_t *at = payload.data;
    size_t len = payload.len;

    (void)tracker; /* the connection alone says which one */
    if (len < AROUND_PAYLOAD || scan_be(at, 2) != len - 4 ||
        scan_be(at + len - 2, 2) != checks_crc16_kermit(bytes_of(at + 2, len - 4)))
        return -EBADMSG;
    if (at[2] == COMMAND_SMS)
        read_sms(bytes_of(at + 3, len - AROUND_PAYLOAD), command);
    return 0;
}

static void put_sms(const struct tracker *tracker, const char *text, struct buffer *out)
{
    size_t start;

    buffer_put_be(out, strlen(text) + 9, 2);
    start = out->len;
    buffer_put_be(out, strtoull(tracker->device_id, NULL, 10), 8);
    buffer_put_u8(out, REPLY_SMS);
    buffer_put_text(out, text);
    buffer_put_be(out, checks_crc16_kermit(checks_span(out, start)), 2);
}

static int ruptela_write(const struct tracker *tracker, const struct command *command, enum answer answer,
                         struct buffer *out)
{
    (void)command;
    put_sms(tracker, answer == ANSWER_SUCCESS ? "SETIO configuration data ok" : "SETIO configuration data incorrect",
            out);
    return 0;
}

/* What answers another SMS. */
static void ruptela_unrelated(const struct tracker *tracker, const struct command *command, uint64_t shape,
                              struct buffer *out)
{
    (void)command;
    (void)shape;
    put_sms(tracker, "DIN1=1,DIN2=0,DIN3=0,DIN4=0,DOUT1=1,DOUT2=1,AIN1=17,AIN2=26", out);
}

static void ruptela_spoil(uint8_t *ack, size_t len)
{
    checks_spoil_crc16(ack + len - 2);
}

const struct profile profile_ruptela = {
    .name = "ruptela",
    .topics = &topics_of_gateway,
    .outputs = SLOTS_MAX,
    .id_characters = ID_DECIMAL,
    .id_max = IMEI_DIGITS_MAX,
    .silent = SILENT_UNSUPPORTED,
    .is_stream = true,
    .read = ruptela_read,
    .write = ruptela_write,
    .unrelated = ruptela_unrelated,
    .spoil = ruptela_spoil,
};
