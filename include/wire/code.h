/* Reply codes, their descriptions, and outcomes, as the public API prints them. */
#ifndef WIRE_CODE_H
#define WIRE_CODE_H

enum code {
    CODE_SUCCESS = 0,
    CODE_WRONG_HASH = 3,
    CODE_USER_NOT_FOUND = 4,
    CODE_WRONG_FORMAT = 5,
    CODE_UNEXPECTED = 6,
    CODE_INVALID_PARAMETERS = 7,
    CODE_QUEUE_ERROR = 8,
    CODE_TOO_LARGE = 9,
    CODE_NOT_PERMITTED = 13,
    CODE_DATABASE_UNAVAILABLE = 14,
    CODE_TOO_MANY_REQUESTS = 15,
    CODE_WRONG_METHOD = 112,
    CODE_NOT_FOUND = 204,
    CODE_DEVICE_BLOCKED = 208,
    CODE_OFFLINE = 213,
    CODE_NOT_SUPPORTED = 214,
    CODE_CLONE = 219,
    CODE_UNKNOWN_MODEL = 220,
    CODE_WRONG_STATUS = 266,
    CODE_USER_BLOCKED = 275,
};

/* What a person needs to know about the relay. */
enum outcome {
    OUTCOME_SUCCESS,
    OUTCOME_NOT_SENT, /* nothing left the service for the tracker */
    OUTCOME_REJECTED, /* the tracker refused */
    OUTCOME_UNKNOWN,  /* a command left and no ack came: the output may have switched */
};

/* NULL for a number that is no code. */
const char *code_description(enum code code);

/* "success", "not_sent", "rejected", "unknown". */
const char *outcome_name(enum outcome outcome);

#endif
