/* Queclink @Track: "AT+GTOUT=gl200,1,,,0,0,0,0,0,0,0,,,,,,,FFFF$" states every output that the model has and ends with
 * a serial, which the ack repeats. Models differ in the number of fields; in all of these an output's state stands in
 * every third one behind the password. Nothing is known that a device would say when it refuses or does not know a
 * command (a wrong password or number of fields is met with silence), so it says nothing. */
#include "profile.h"

#include <errno.h>

#include "scan.h"

enum { FIELDS_MAX = 32, SERIAL_SIZE = 4 };

static const struct layout {
    unsigned fields;
    unsigned outputs;
} layouts[] = {
    {18, 4}, /* GV200, GV300, GL200 */
    {24, 3}, /* GV350M */
    {15, 2}, /* GMT100: output 1 and the CUT relay */
};

static const struct layout *find_layout(unsigned fields)
{
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
        if (layouts[i].fields == fields)
            return &layouts[i];
    return NULL;
}

/* FIELDS_MAX + 1: there are too many. */
static unsigned split(struct bytes text, struct bytes fields[FIELDS_MAX])
{
    unsigned count = 0;

    for (bool more = true; more && count < FIELDS_MAX; count++) {
        size_t len = text.len;

        fields[count] = scan_field(&text, ',');
        more = fields[count].len < len;
    }
    return text.len ? FIELDS_MAX + 1 : count;
}

/* An empty field leaves its output as it is. */
static int read_outputs(const struct bytes *fields, const struct layout *layout, struct command *command)
{
    for (unsigned i = 0; i < layout->outputs; i++) {
        struct bytes state = fields[1 + 3 * i];

        if (state.len == 0)
            continue;
        if (!bytes_equal_text(state, "0") && !bytes_equal_text(state, "1"))
            return -EBADMSG;
        command->mask |= UINT64_C(1) << i;
        command->states |= (uint64_t)(state.data[0] == '1') << i;
    }
    return 0;
}

static bool is_serial(struct bytes text)
{
    uint8_t value[SERIAL_SIZE / 2];

    return text.len == SERIAL_SIZE && bytes_from_hex(text, value, sizeof(value));
}

static int queclink_read(const struct tracker *tracker, struct bytes payload, struct command *command)
{
    struct bytes fields[FIELDS_MAX];
    const struct layout *layout;
    unsigned count;

    (void)tracker; /* the connection alone says which one */
    if (!scan_text(&payload, "AT+GTOUT=") || payload.len == 0 || payload.data[payload.len - 1] != '$')
        return -EBADMSG;
    payload.len--;
    count = split(payload, fields);
    layout = find_layout(count);
    if (!layout || fields[0].len == 0 || !is_serial(fields[count - 1]))
        return -EBADMSG;
    command->known = true;
    command_echo(command, fields[count - 1]);
    return read_outputs(fields, layout, command);
}

/* The device's clock stands; its messages are counted from the GMT100 manual's example on. */
static void put_ack(const struct tracker *tracker, const char *verb, const char *serial, struct buffer *out)
{
    enum { COUNTED_BEFORE = 0x11EF };

    buffer_printf(out, "+ACK:%s,080100,%s,,%.*s,20090214093254,%04X$", verb, tracker->device_id, SERIAL_SIZE, serial,
                  (COUNTED_BEFORE + tracker->sent) & 0xFFFFu);
}

static int queclink_write(const struct tracker *tracker, const struct command *command, enum answer answer,
                          struct buffer *out)
{
    (void)answer; /* success: to anything else it is silent */
    put_ack(tracker, "GTOUT", (const char *)command->echo, out);
    return 0;
}

/* The ack of another command with the same serial, or of this one with another serial. */
static void queclink_unrelated(const struct tracker *tracker, const struct command *command, uint64_t shape,
                               struct buffer *out)
{
    char other[SERIAL_SIZE];

    memcpy(other, command->echo, SERIAL_SIZE);
    other[0] = other[0] == '0' ? '1' : '0';
    if (shape & 1)
        put_ack(tracker, "GTOUT", other, out);
    else
        put_ack(tracker, "GTRTO", (const char *)command->echo, out);
}

const struct profile profile_queclink = {
    .name = "queclink",
    .topics = &topics_of_gateway,
    .outputs = 4,
    .silent = SILENT_REFUSED | SILENT_UNSUPPORTED,
    .is_stream = true,
    .read = queclink_read,
    .write = queclink_write,
    .unrelated = queclink_unrelated,
};
