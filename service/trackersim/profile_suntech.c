/* Suntech's older text protocol (ST300 and its like): "ST300CMD;100850000;02;Enable1" and a CR. */
#include "profile.h"

#include <errno.h>

#include "scan.h"

static const char header[] = "ST300CMD;";

static void read_what(struct bytes what, struct command *command)
{
    uint64_t output;
    bool enable = scan_text(&what, "02;Enable");

    if (!enable && !scan_text(&what, "02;Disable"))
        return;
    command->known =
        scan_number(what, TRACKER_OUTPUTS_MAX, &output) && command_set_output(command, output, enable) == 0;
}

static int suntech_read(const struct tracker *tracker, struct bytes payload, struct command *command)
{
    if (!scan_text(&payload, header) || payload.len == 0 || payload.data[payload.len - 1] != '\r')
        return -EBADMSG;
    payload.len--;
    if (!scan_text(&payload, tracker->device_id) || !scan_text(&payload, ";"))
        return -ENODEV; /* the ST300 says nothing to a wrong device id */
    read_what(payload, command);
    return 0;
}

static int suntech_write(const struct tracker *tracker, const struct command *command, enum answer answer,
                         struct buffer *out)
{
    buffer_printf(out, "%sRes;%s;010;", header, tracker->device_id);
    if (answer == ANSWER_UNSUPPORTED)
        buffer_put_text(out, "-Error\r");
    else
        buffer_printf(out, "%s%u%s\r", command->states ? "Enable" : "Disable", tracker_mask_count(command->mask),
                      answer == ANSWER_REFUSED ? "NoUse" : "");
    return 0;
}

const struct profile profile_suntech = {
    .name = "suntech",
    .topics = &topics_of_gateway,
    .outputs = TRACKER_OUTPUTS_MAX,
    .read = suntech_read,
    .write = suntech_write,
};
