/* Suntech's older text protocol (ST300 and its like): "ST300CMD;100850000;02;Enable1" and a CR. */
#include "profile.h"

#include <errno.h>
#include <stdio.h>

static const char header[] = "ST300CMD;";

/* Takes `text` off the front. */
static bool skip(struct bytes *payload, const char *text)
{
    size_t len = strlen(text);

    if (payload->len < len || memcmp(payload->data, text, len) != 0)
        return false;
    *payload = bytes_of(payload->data + len, payload->len - len);
    return true;
}

/* "1" to "64" and nothing behind it. */
static bool read_output(struct bytes digits, uint64_t *output)
{
    *output = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9' || i > 1)
            return false;
        *output = *output * 10 + (uint64_t)(digits.data[i] - '0');
    }
    return digits.len > 0;
}

static void read_what(struct bytes what, struct command *command)
{
    uint64_t output;
    bool enable = skip(&what, "02;Enable");

    if (!enable && !skip(&what, "02;Disable"))
        return;
    command->known = read_output(what, &output) && command_set_output(command, output, enable) == 0;
}

static int suntech_read(const struct tracker *tracker, struct bytes payload, struct command *command)
{
    if (!skip(&payload, header) || payload.len == 0 || payload.data[payload.len - 1] != '\r')
        return -EBADMSG;
    payload.len--;
    if (!skip(&payload, tracker->device_id) || !skip(&payload, ";"))
        return -ENODEV; /* the ST300 says nothing to a wrong device id */
    read_what(payload, command);
    return 0;
}

static size_t suntech_write(const struct tracker *tracker, const struct command *command, enum answer answer,
                            uint8_t *out)
{
    char what[32] = "-Error";
    int n;

    if (answer != ANSWER_UNSUPPORTED)
        snprintf(what, sizeof(what), "%s%u%s", command->states ? "Enable" : "Disable",
                 tracker_mask_count(command->mask), answer == ANSWER_REFUSED ? "NoUse" : "");
    n = snprintf((char *)out, PROFILE_ACK_SIZE, "%sRes;%s;010;%s\r", header, tracker->device_id, what);
    return n > 0 && n < PROFILE_ACK_SIZE ? (size_t)n : 0;
}

const struct profile profile_suntech = {.name = "suntech", .read = suntech_read, .write = suntech_write};
