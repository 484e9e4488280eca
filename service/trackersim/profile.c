#include "profile.h"

#include <errno.h>
#include <stdio.h>

static const struct profile *const profiles[] = {
    &profile_json,
    &profile_msgpack,
    &profile_suntech,
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
