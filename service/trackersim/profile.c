#include "profile.h"

#include <errno.h>
#include <stdio.h>

static const struct profile *const profiles[] = {
    &profile_json,  &profile_msgpack,  &profile_suntech,     &profile_teltonika,
    &profile_gt06,  &profile_queclink, &profile_meitrack,    &profile_ruptela,
    &profile_jt808, &profile_tasmota,  &profile_shelly_gen1, &profile_shelly_gen2,
};

enum { PROFILE_COUNT = sizeof(profiles) / sizeof(profiles[0]) };

const struct profile *profile_find(const char *name)
{
    for (size_t i = 0; i < PROFILE_COUNT; i++)
        if (strcmp(profiles[i]->name, name) == 0)
            return profiles[i];
    return NULL;
}

const char *profile_names(void)
{
    static char names[512];
    size_t len = 0;

    for (size_t i = 0; i < PROFILE_COUNT && len < sizeof(names); i++)
        len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "", profiles[i]->name);
    return names;
}

int command_set_output(struct command *command, uint64_t output, bool enable)
{
    if (output < 1 || output > TRACKER_OUTPUTS_MAX)
        return -EBADMSG;
    command->mask = UINT64_C(1) << (output - 1);
    command->states = enable ? command->mask : 0;
    return 0;
}

int command_set_slots(struct command *command, struct bytes slots, char keep)
{
    if (slots.len < 1 || slots.len > TRACKER_OUTPUTS_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < slots.len; i++) {
        char slot = (char)slots.data[i];

        if (slot != '0' && slot != '1' && slot != keep)
            return -EBADMSG;
        command->mask |= (uint64_t)(slot != keep) << i;
        command->states |= (uint64_t)(slot == '1') << i;
    }
    command->slots = (unsigned)slots.len;
    return 0;
}

int command_echo(struct command *command, struct bytes echo)
{
    if (echo.len > COMMAND_ECHO_MAX - command->echo_len)
        return -EBADMSG;
    if (echo.len)
        memcpy(command->echo + command->echo_len, echo.data, echo.len);
    command->echo_len += echo.len;
    return 0;
}
