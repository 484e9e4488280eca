/* Tasmota, which speaks MQTT itself: ON or OFF to cmnd/ID/POWER2 switches relay 2, POWER0 all, POWER the first, and
 * "POWER1 ON;POWER2 OFF" to cmnd/ID/Backlog those two. Each relay that was switched is told of on stat/ID/RESULT as
 * {"POWER2":"ON"}; a unit with one relay says just "POWER" (Tasmota's MqttPublishPowerState). A command that it does
 * not know is answered {"Command":"Unknown"}, one that it knows and cannot do {"Command":"Error"}, a relay that is not
 * there among them. */
#include "profile.h"

#include <errno.h>

#include "scan.h"

static const struct topics topics = {
    .command = "cmnd/{device_id}/+",
    .ack = "stat/{device_id}/RESULT",
    .presence = "tele/{device_id}/LWT",
    .online = "Online",
    .offline = "Offline",
};

static bool is_one_of(struct bytes payload, const char *const words[3])
{
    for (int i = 0; i < 3; i++) {
        struct bytes rest = payload;

        if (scan_text_any_case(&rest, words[i]) && rest.len == 0)
            return true;
    }
    return false;
}

/* "POWER3" is 3, "POWER" is 1. False: not such a command. */
static bool read_power(struct bytes name, uint64_t *relay)
{
    if (!scan_text_any_case(&name, "POWER"))
        return false;
    *relay = 1;
    return name.len == 0 || scan_number(name, UINT8_MAX, relay);
}

/* Adds what one command switches. -ENOENT: it does not know it; -EBADMSG: it asks for the state, toggles, blinks … */
static int read_one(const struct tracker *tracker, struct bytes name, struct bytes word, struct command *command)
{
    static const char *const on_words[] = {"ON", "1", "TRUE"}, *const off_words[] = {"OFF", "0", "FALSE"};
    bool on = is_one_of(word, on_words);
    uint64_t relay, mask;

    if (!read_power(name, &relay))
        return -ENOENT;
    if ((!on && !is_one_of(word, off_words)) || relay > TRACKER_OUTPUTS_MAX)
        return -EBADMSG;
    mask = relay ? UINT64_C(1) << (relay - 1) : UINT64_MAX >> (TRACKER_OUTPUTS_MAX - tracker->relays);
    command->mask |= mask;
    command->states = (command->states & ~mask) | (on ? mask : 0);
    return 0;
}

/* "POWER1 ON;POWER2 OFF" */
static int read_backlog(const struct tracker *tracker, struct bytes rest, struct command *command)
{
    int r = 0;

    while (r == 0 && rest.len) {
        struct bytes word = scan_field(&rest, ';');
        struct bytes name = scan_field(&word, ' ');

        r = read_one(tracker, name, word, command);
    }
    return r;
}

static int tasmota_read(const struct tracker *tracker, struct bytes payload, struct command *command)
{
    struct bytes name = bytes_of_text(command->level);
    struct bytes rest = name;
    int r = scan_text_any_case(&rest, "BACKLOG") && rest.len == 0 ? read_backlog(tracker, payload, command)
                                                                  : read_one(tracker, name, payload, command);

    if (r < 0)
        command->mask = 0;
    command->known = command->mask != 0;
    return r == -EBADMSG ? r : 0;
}

static void put_state(const struct tracker *tracker, uint64_t mask, bool on, struct buffer *out)
{
    buffer_put_text(out, "{\"POWER");
    if (tracker->relays > 1)
        buffer_printf(out, "%u", tracker_mask_count(mask));
    buffer_put_text(out, on ? "\":\"ON\"}" : "\":\"OFF\"}");
}

static int tasmota_write(const struct tracker *tracker, const struct command *command, enum answer answer,
                         struct buffer *out)
{
    bool is_missing = answer == ANSWER_UNSUPPORTED && command->mask != 0;

    if (answer == ANSWER_SUCCESS)
        put_state(tracker, command->mask, command->states != 0, out);
    else
        buffer_put_text(out, answer == ANSWER_REFUSED || is_missing ? "{\"Command\":\"Error\"}"
                                                                    : "{\"Command\":\"Unknown\"}");
    return 0;
}

/* How the relay stood before, where it is another state, or the result of another command. */
static void tasmota_unrelated(const struct tracker *tracker, const struct command *command, uint64_t shape,
                              struct buffer *out)
{
    uint64_t mask = command->mask & (~command->mask + 1); /* the first of them */
    bool was_on = (tracker->outputs & mask) != 0, is_on = (command->states & mask) != 0;

    if (mask && was_on != is_on && (shape & 1))
        put_state(tracker, mask, was_on, out);
    else
        buffer_put_text(out, "{\"TelePeriod\":300}");
}

const struct profile profile_tasmota = {
    .name = "tasmota",
    .topics = &topics,
    .outputs = 4,
    .id_characters = ID_LEVEL,
    .one_output_an_ack = true,
    .read = tasmota_read,
    .write = tasmota_write,
    .unrelated = tasmota_unrelated,
};
