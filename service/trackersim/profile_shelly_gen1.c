/* Shelly of the first generation, which speaks MQTT itself: "on" to shellies/ID/relay/0/command switches the first
 * relay, and shellies/ID/relay/0 tells its state, now and again also unasked. There are no errors. */
#include "profile.h"

#include <errno.h>

#include "scan.h"

static const struct topics topics = {
    .command = "shellies/{device_id}/relay/+/command",
    .ack = "shellies/{device_id}/relay/+",
    .presence = "shellies/{device_id}/online",
    .online = "true",
    .offline = "false",
};

static int shelly_gen1_read(const struct tracker *tracker, struct bytes payload, struct command *command)
{
    uint64_t relay;

    if (!scan_number(bytes_of_text(command->level), TRACKER_OUTPUTS_MAX - 1, &relay))
        return -EBADMSG;
    command_set_output(command, relay + 1, bytes_equal_text(payload, "on"));
    if (bytes_equal_text(payload, "toggle"))
        command->states = ~tracker->outputs & command->mask;
    else if (!command->states && !bytes_equal_text(payload, "off"))
        return -EBADMSG;
    command->known = true;
    return 0;
}

static int shelly_gen1_write(const struct tracker *tracker, const struct command *command, enum answer answer,
                             struct buffer *out)
{
    (void)tracker;
    (void)answer; /* success: to anything else it is silent */
    buffer_put_text(out, command->states ? "on" : "off");
    return 0;
}

/* How the relay stood before, where it is another state. */
static void shelly_gen1_unrelated(const struct tracker *tracker, const struct command *command, uint64_t shape,
                                  struct buffer *out)
{
    bool was_on = (tracker->outputs & command->mask) != 0;

    (void)shape;
    if (was_on != (command->states != 0))
        buffer_put_text(out, was_on ? "on" : "off");
}

const struct profile profile_shelly_gen1 = {
    .name = "shelly_gen1",
    .topics = &topics,
    .outputs = 4,
    .id_characters = ID_LEVEL,
    .silent = SILENT_REFUSED | SILENT_UNSUPPORTED,
    .read = shelly_gen1_read,
    .write = shelly_gen1_write,
    .unrelated = shelly_gen1_unrelated,
};
