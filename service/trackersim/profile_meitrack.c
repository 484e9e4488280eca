/* Meitrack: "@@M34,353358017784062,C01,20,10122*18" and CR LF. Behind the @@ stand a character, which the ack repeats,
 * and the length from the comma to the end; the checksum is the sum of everything up to the "*". C01 has a speed and
 * one digit for each output: 0 off, 1 on, 2 as it is. The ack says the command again, and OK. What it says instead is
 * in no manual that was found; here it is "Error". */
#include "profile.h"

#include <errno.h>

#include "checks.h"
#include "scan.h"

enum { SLOTS = 5, BEHIND_SUM = 5 /* "*18" and CR LF */ };

static bool is_sum(struct bytes digits, uint8_t sum)
{
    uint8_t value;

    return bytes_from_hex(digits, &value, 1) && value == sum;
}

/* Leaves IMEI and text of one whole, right command. */
static bool unwrap(struct bytes *payload, char *ident)
{
    struct bytes all = *payload;
    uint64_t length;

    if (!scan_text(payload, "@@") || payload->len < 1 + BEHIND_SUM)
        return false;
    *ident = (char)payload->data[0];
    *payload = bytes_of(payload->data + 1, payload->len - 1);
    if (!scan_number(scan_field(payload, ','), UINT16_MAX, &length) || length != payload->len + 1 ||
        payload->len < BEHIND_SUM)
        return false;
    payload->len -= BEHIND_SUM;
    all.len -= BEHIND_SUM - 1;
    return all.data[all.len - 1] == '*' && bytes_equal_text(bytes_of(all.data + all.len + 2, 2), "\r\n") &&
           is_sum(bytes_of(all.data + all.len, 2), checks_sum8(all));
}

/* "20,10122" */
static bool read_c01(struct bytes text, struct command *command)
{
    uint64_t speed;

    return scan_number(scan_field(&text, ','), UINT8_MAX, &speed) && text.len == SLOTS &&
           command_set_slots(command, text, '2') == 0;
}

static int meitrack_read(const struct tracker *tracker, struct bytes payload, struct command *command)
{
    struct bytes code;
    char ident;

    if (!unwrap(&payload, &ident))
        return -EBADMSG;
    if (!bytes_equal_text(scan_field(&payload, ','), tracker->device_id))
        return -ENODEV;
    code = scan_field(&payload, ',');
    command->known = bytes_equal_text(code, "C01") && read_c01(payload, command);
    if (command_echo(command, bytes_of(&ident, 1)) < 0)
        return -EBADMSG;
    return command_echo(command, code);
}

static void put_frame(const struct tracker *tracker, char ident, const char *text, struct buffer *out)
{
    size_t start = out->len;

    buffer_printf(out, "$$%c%zu,%s,%s*", ident, strlen(tracker->device_id) + strlen(text) + 2 + BEHIND_SUM,
                  tracker->device_id, text);
    buffer_printf(out, "%02X\r\n", checks_sum8(checks_span(out, start)));
}

static int meitrack_write(const struct tracker *tracker, const struct command *command, enum answer answer,
                          struct buffer *out)
{
    struct buffer text = {0};

    buffer_put(&text, bytes_of(command->echo + 1, command->echo_len - 1));
    buffer_put(&text, answer == ANSWER_SUCCESS ? bytes_of(",OK", 4) : bytes_of(",Error", 7)); /* the NUL, too */
    put_frame(tracker, (char)command->echo[0], (const char *)text.data, out);
    buffer_release(&text);
    return 0;
}

/* A position, the ack of another command with the same character, or of this one with another character. */
static void meitrack_unrelated(const struct tracker *tracker, const struct command *command, uint64_t shape,
                               struct buffer *out)
{
    static const char position[] = "AAA,34,22.543176,114.078448,100313093738,A,5,22,2,205,5,-14,0,60,"
                                   "0|0|10133|4110,0000,149|153|173|2707|914,";
    char ident = (char)command->echo[0];

    if (shape % 3 == 0)
        put_frame(tracker, 'Q', position, out);
    else if (shape % 3 == 1)
        put_frame(tracker, ident, "A11,OK", out);
    else
        put_frame(tracker, ident == 'A' ? 'B' : 'A', "C01,OK", out);
}

/* The last digit of the sum. */
static void meitrack_spoil(uint8_t *ack, size_t len)
{
    ack[len - 3] = ack[len - 3] == '0' ? '1' : '0';
}

const struct profile profile_meitrack = {
    .name = "meitrack",
    .topics = &topics_of_gateway,
    .outputs = SLOTS,
    .is_stream = true,
    .read = meitrack_read,
    .write = meitrack_write,
    .unrelated = meitrack_unrelated,
    .spoil = meitrack_spoil,
};
