/* A request's payload as a plain struct. */
#ifndef WIRE_REQUEST_H
#define WIRE_REQUEST_H

#include "wire/encoding.h"

enum action { ACTION_SET, ACTION_SET_ALL, ACTION_UNKNOWN };

/* "set" and "set_all", from the last level of the request's topic. */
enum action action_from_name(struct bytes name);
const char *action_name(enum action action);

enum parameter {
    PARAMETER_HASH,
    PARAMETER_TRACKER_ID,
    PARAMETER_OUTPUT,
    PARAMETER_ENABLE,
    PARAMETER_OUTPUTS,
    PARAMETER_REQUEST_ID,
    PARAMETER_RESPONSE_TOPIC,
    PARAMETER_COUNT,
    PARAMETER_RETAIN = PARAMETER_COUNT, /* no parameter of the payload: the MQTT flag */
};

/* Names as in the API, and what is said in `errors` about a bad one. */
const char *parameter_name(enum parameter parameter);
const char *parameter_error(enum parameter parameter);

enum {
    HASH_DIGITS = 32,
    REQUEST_ID_MAX = 128, /* bytes of a request_id that is a string */
    REPLY_TOPIC_MAX = 1024,
};

enum request_id_kind { REQUEST_ID_NONE, REQUEST_ID_TEXT, REQUEST_ID_INT };

/* Comes back in the reply as it was. */
struct request_id {
    enum request_id_kind kind;
    int32_t number;
    uint8_t len;
    char text[REQUEST_ID_MAX];
};

struct request {
    enum action action;
    bool has_hash;          /* the payload has one, of whatever type */
    bool hash_is_good;      /* 32 hex digits */
    char hash[HASH_DIGITS]; /* in lower case; only where it is good */
    int32_t tracker_id;     /* 1 … */
    int32_t output;         /* set: 1 … */
    bool enable;            /* set */
    uint64_t outputs;       /* set_all: bit n is output n + 1 */
    uint8_t output_count;   /* set_all: 1 … 64 */
    struct request_id id;
    bool has_response_topic;
    size_t response_topic_len; /* as given; beyond REPLY_TOPIC_MAX only so much of it is here */
    char response_topic[REPLY_TOPIC_MAX];
    unsigned bad; /* bit n: parameter n is missing, or of a wrong type or range */
};

/* Reads a payload for the action. 0, and request->bad says which parameters are not good; -EBADMSG where it is not one
 * well-formed object. With ACTION_UNKNOWN only request_id and response_topic matter. */
int request_decode(enum encoding encoding, struct bytes payload, enum action action, struct request *request);

/* A hash that came beside the payload, as if it had stood in it. False: the payload has another one. */
bool request_take_hash(struct request *request, struct bytes hash);

#endif
