#include "wire/code.h"

#include <stddef.h>

static const struct {
    enum code code;
    const char *description;
} descriptions[] = {
    {CODE_WRONG_HASH, "Wrong hash"},
    {CODE_USER_NOT_FOUND, "User or API key not found or session ended"},
    {CODE_WRONG_FORMAT, "Wrong request format"},
    {CODE_UNEXPECTED, "Unexpected error"},
    {CODE_INVALID_PARAMETERS, "Invalid parameters"},
    {CODE_QUEUE_ERROR, "Queue service error, try again later"},
    {CODE_TOO_LARGE, "Too large request"},
    {CODE_NOT_PERMITTED, "Operation not permitted"},
    {CODE_DATABASE_UNAVAILABLE, "Database unavailable"},
    {CODE_TOO_MANY_REQUESTS, "Too many requests (rate limit exceeded)"},
    {CODE_WRONG_METHOD, "Wrong method"},
    {CODE_NOT_FOUND, "Entity not found"},
    {CODE_DEVICE_BLOCKED, "Device blocked"},
    {CODE_OFFLINE, "Cannot perform action: the device is offline"},
    {CODE_NOT_SUPPORTED, "Requested operation or parameters are not supported by the device"},
    {CODE_CLONE, "Not allowed for clones of the device"},
    {CODE_UNKNOWN_MODEL, "Unknown device model"},
    {CODE_WRONG_STATUS, "Cannot perform action for the device in current status"},
    {CODE_USER_BLOCKED, "User is blocked"},
};

static const char *const outcome_names[] = {"success", "not_sent", "rejected", "unknown"};

const char *code_description(enum code code)
{
    for (size_t i = 0; i < sizeof descriptions / sizeof *descriptions; i++) {
        if (descriptions[i].code == code)
            return descriptions[i].description;
    }
    return NULL;
}

const char *outcome_name(enum outcome outcome)
{
    return outcome_names[outcome];
}
